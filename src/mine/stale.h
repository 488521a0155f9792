/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_STALE_H
#define DUMPLEAK_MINE_STALE_H

/* For stale.c and sparse.c: which columns nobody wrote. */

#include "mine_impl.h"

enum {
	FEW_STALE = 8,          /* blocks with stale contents: fewer show nothing */
	MIXTURE_COARSE = 2,     /* where it looks like slack, or varies much:
	                           of numbers, text and addresses            */
};
static const double KIND_SHARE = 0.02;  /* of what varies, to be a kind in it */

/* Kernel addresses are of one kind by what they lead to. */
enum kernel_kind { LEADS_OBJECT, LEADS_IMAGE, LEADS_BLOCK, LEADS_ELSEWHERE, NR_LEADS };

/* What the words of a column are besides its most frequent value. */
struct rest {
	uint64_t top, top_blocks;       /* the most frequent value */
	uint64_t second_blocks;         /* and the one after it    */
	uint64_t blocks;                /* all others              */
	double kinds[NR_WORD_KINDS + NR_LEADS]; /* shares of these */
};

static inline double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

/** set_unwritten - column @col is not written; what varies in it is @r */
void set_unwritten(struct mined *c, unsigned col, const struct rest *r);

/** find_sparse - the same where slack is nearly all zero, after stale.c's own look */
void find_sparse(struct mined *c, const struct rest *rests);

#endif
