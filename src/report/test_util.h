/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_TEST_UTIL_H
#define DUMPLEAK_REPORT_TEST_UTIL_H

/* What the tests of both renderers share. Include it behind cmocka.h. */

#include "dumpleak/report/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A path such as "suspects/0/owners/0/device". */
static inline const json_t *at(const json_t *v, const char *path)
{
	char key[64];

	while (*path && v) {
		size_t n = strcspn(path, "/");

		memcpy(key, path, n);
		key[n] = '\0';
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(key))
				     : json_object_get(v, key);
		path += n + (path[n] == '/');
	}
	assert_non_null(v);
	return v;
}

/* Columns of the widest line; no line may end in a blank. */
static inline size_t widest(const char *text)
{
	size_t max = 0;

	while (*text) {
		size_t n = strcspn(text, "\n"), width;

		width = utf8_columns(text, n);
		max = width > max ? width : max;
		assert_true(!n || text[n - 1] != ' ');
		text += n + (text[n] == '\n');
	}
	return max;
}

#endif
