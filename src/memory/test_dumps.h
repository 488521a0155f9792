/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MEMORY_TEST_DUMPS_H
#define DUMPLEAK_MEMORY_TEST_DUMPS_H

/*
 * For tests that look at real memory: where such images are, if anywhere. They
 * are not part of the project; without them these tests say so and pass.
 */
#include "dumpleak/container/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** test_dump_path - DUMPLEAK_REAL_DUMPS names the directory */
static inline const char *test_dump_path(const char *name, char *path, size_t n)
{
	const char *dir = getenv("DUMPLEAK_REAL_DUMPS");

	snprintf(path, n, "%s/%s", dir ? dir : "../shared/dumps/nt52", name);
	return path;
}

/** test_dump_open - false, with a line that says so, if it is not there */
static inline bool test_dump_open(const char *name, struct source **source,
				  struct container **container)
{
	struct dl_err err = { "" };
	char path[512];
	enum dl_status st;

	test_dump_path(name, path, sizeof path);
	if (access(path, F_OK)) {
		printf("skipped: %s is not here\n", path);
		return false;
	}
	st = source_open_path(path, NULL, source, &err);
	if (st) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	st = container_open(*source, container, &err);
	if (st) {       /* it is there: that it cannot be opened is a failure */
		fprintf(stderr, "%s: %s\n", name, err.text);
		abort();
	}
	return true;
}

#endif
