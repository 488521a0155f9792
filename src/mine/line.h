/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_LINE_H
#define DUMPLEAK_MINE_LINE_H

/* For the files that put columns into words. */

#include "mine_impl.h"

/* Text that grows and is cut at the end, never past it. */
struct line {
	char text[900];
	size_t at;
};

void line_add(struct line *l, const char *fmt, ...) DL_PRINTF(2, 3);

static inline double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

static inline double percent(uint64_t part, uint64_t all)
{
	return 100 * share_of(part, all);
}

/** leading_values - the first of the top values, each in a hundredth of the
 * blocks and together in nearly all; 0 if there are no such */
unsigned leading_values(const struct mined *c, unsigned n, const struct column *col);

/** pointer_words - what the column points to, in words and as col->target */
void pointer_words(struct miner *m, const struct mined *c, unsigned n,
		   struct column *col, struct line *l);

/** places_words - the most frequent things of @kind (-1: any) it points to */
void places_words(struct miner *m, const struct mined *c, unsigned n, int kind,
		  struct line *l);

#endif
