/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MEMORY_TEST_TRUTH_H
#define DUMPLEAK_MEMORY_TEST_TRUTH_H

/* The truth files beside the real images: what the machine itself said. */
#include "test_dumps.h"

#include <jansson.h>
#include <zlib.h>

/** test_truth - the truth of image @stem; NULL, with a line, if it is not there */
static inline json_t *test_truth(const char *stem)
{
	const size_t cap = 8 << 20;
	char name[64], path[512];
	char *text = malloc(cap);
	json_t *truth;
	gzFile f;
	int n;

	snprintf(name, sizeof name, "%s.truth.json.gz", stem);
	f = gzopen(test_dump_path(name, path, sizeof path), "rb");
	if (!f || !text) {
		printf("skipped: no %s\n", name);
		free(text);
		return NULL;
	}
	n = gzread(f, text, (unsigned)cap);
	gzclose(f);
	truth = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
	free(text);
	return truth;
}

/** test_number - a hex string of @object as a number */
static inline uint64_t test_number(const json_t *object, const char *key)
{
	return strtoull(json_string_value(json_object_get(object, key)), NULL, 16);
}

#endif
