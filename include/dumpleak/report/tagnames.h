/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_TAGNAMES_H
#define DUMPLEAK_REPORT_TAGNAMES_H

/*
 * What pool tags mean: a table of our own for the common ones, and the
 * analyst's pooltag.txt on top of it.
 */

#include "dumpleak/base/arena.h"
#include "dumpleak/base/err.h"
#include "dumpleak/base/text.h"

struct tag_meaning {
	struct tag_pattern pattern;
	const char *driver;     /* "tcpip.sys"; "" if the table does not say */
	const char *text;       /* printable UTF-8                          */
};

struct tagnames {
	struct tag_meaning *list;       /* in the order of the file */
	size_t nr, cap;
	size_t nr_bad;                  /* lines that are no entry  */
	struct arena arena;
};

void tagnames_init(struct tagnames *t);
void tagnames_deinit(struct tagnames *t);

/**
 * tagnames_parse - add the entries of a pooltag.txt
 * Lines are "Tag  - binary - description"; the tag is the first four
 * characters, blanks included, with ? and * as wildcards; lines of "rem" are
 * comments. Takes any line ends, and both UTF-8 and Latin-1. Other lines are
 * counted, not fatal.
 */
enum dl_status tagnames_parse(struct tagnames *t, struct bytes text, struct dl_err *err);

/**
 * tagnames_load - tagnames_parse() on a file
 * DL_IO if it cannot be read, DL_CORRUPT if it has no entry at all.
 */
enum dl_status tagnames_load(struct tagnames *t, const char *path, struct dl_err *err);

/**
 * tagnames_find - the meaning of @tag; NULL if unknown
 * @t may be NULL: then only the built-in table. The analyst's entries go
 * before the built-in ones, and full tags before wildcards.
 */
const struct tag_meaning *tagnames_find(const struct tagnames *t, uint32_t tag);

#endif
