/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_VERIFY_H
#define DUMPLEAK_POOL_VERIFY_H

/* What of a pool was checked against itself, and what did not pass. */

#include "dumpleak/pool/pool.h"

/* Contradictions of one kind that are counted, but not kept one by one. */
struct check_lump {
	const char *what;
	uint64_t count, first_va;       /* first_va 0: not known */
};

enum { MAX_CHECK_LUMPS = 4 };

struct pool_check {
	uint64_t pages;         /* of small blocks, by their chain of headers */
	uint64_t blocks;        /* in them and elsewhere                      */
	uint64_t free_links;    /* free blocks whose neighbours point back    */
	uint64_t lists;         /* lookaside lists                            */
	uint64_t tracker_rows, big_rows;
	uint64_t page_tables;
	uint64_t segments, vs_subsegments, lfh_subsegments, large;
	uint64_t unread_pages;  /* absent or paged out: could not be checked  */
	uint64_t lists_cut;     /* so many lists only to an unreadable entry  */
	uint16_t order[POOL_MAX_FAULTS];        /* pool->faults by address    */
	uint64_t faults_more;   /* beyond those that are kept                 */
	struct check_lump lumps[MAX_CHECK_LUMPS];
	size_t nr_lumps;
	uint64_t contradictions;        /* in all */
};

/** pool_verify - gather what pool_scan() saw; reads no memory */
void pool_verify(const struct pool *pool, struct pool_check *out);

/** fault_code - "block-size-zero", ...: for programs */
const char *fault_code(enum fault_kind kind);

/** fault_place - what it is that contradicts itself: "pool page", "VS subsegment" */
const char *fault_place(enum fault_kind kind);

#endif
