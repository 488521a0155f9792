/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_LEDGER_H
#define DUMPLEAK_POOL_LEDGER_H

/*
 * Reconciliation: the kernel's own per-tag counters beside what was
 * reconstructed, so that every report can say what share of the pool it
 * accounts for, and what may be the reason where both differ.
 */

#include "dumpleak/pool/pool.h"

/*
 * What may lie behind a difference. Bytes are ascribed to a reason only up to
 * what it can hide: what was absent in that pool can be the reason of so many
 * bytes in all, not of so many in each row.
 */
enum ledger_reason {
	REASON_CACHED,          /* on the pool's lists: freed for us, not yet (or no
	                           longer) for the counters                        */
	REASON_CARVED,          /* found by its header alone: may be long freed    */
	REASON_DAMAGED,         /* in damaged parts of pages, or contradictory rows
	                           of the big-page table                           */
	REASON_PAGED_OUT,
	REASON_ABSENT,          /* on pages, page tables or table rows that are not in
	                           the dump, or the big-page table was not found   */
	REASON_UNCOUNTED,       /* the kernel's row for the tag is not in the dump */
	REASON_NONE,            /* not explained                                   */
	NR_LEDGER_REASONS
};

/* Per tag; index 0 nonpaged, 1 paged. */
struct ledger_row {
	uint32_t tag;
	bool counted;                   /* the kernel has a row for it      */
	uint64_t allocs[2], frees[2];   /* since boot, as counted           */
	uint64_t counted_bytes[2];
	uint64_t counted_blocks[2];     /* allocs - frees, modulo 32 bits on x86 */
	uint64_t walked_blocks[2], walked_bytes[2];     /* in use and parked, in the bytes
	                                           that the kernel counts for them      */
	int64_t slack_bytes[2];         /* what they hold beyond these, in a heap; below 0
	                                   where whole pages are counted and less was given */
	uint64_t carved_blocks[2], carved_bytes[2];     /* of these: carved      */
	uint64_t cached_blocks[2], cached_bytes[2];     /* on the pool's lists   */
	uint64_t table_blocks, table_bytes;     /* the kernel's two tables themselves: counted
	                                           as "Pool", allocated before any table
	                                           could list them                        */
	uint64_t why[2][NR_LEDGER_REASONS];     /* bytes of the difference */
	bool never_freed[2];            /* see struct ledger_signal        */
	bool matches;                   /* blocks and bytes agree in both   */
};

/* A tag that only ever grew: few or none of very many allocations were freed. */
struct ledger_signal {
	uint32_t tag;
	int paged;                      /* index into the row's arrays      */
	uint64_t allocs, frees, bytes;  /* bytes: outstanding               */
};

/* In real healthy kernels tags of even 500 allocations have more frees. */
enum { SIGNAL_MIN_ALLOCS = 4096, SIGNAL_FREES_PER_100 = 1 };

struct ledger {
	struct ledger_row *rows;        /* by tag */
	size_t nr;
	bool known;                     /* the kernel's counters were found */
	size_t rows_absent;             /* known, but so many rows are not in the dump */
	uint64_t tags_total, tags_matched;      /* tags with anything outstanding */
	uint64_t bytes_counted;         /* outstanding, as the kernel says   */
	uint64_t bytes_walked;          /* in-use and parked blocks found    */
	uint64_t bytes_accounted;       /* sum over tags of the smaller of both */
	int64_t slack_bytes;            /* not among those walked: rounding by a heap */
	uint64_t table_bytes;           /* of those walked: the tables themselves */
	uint64_t carved_bytes;          /* of those walked: by their header alone */
	uint64_t cached_bytes;          /* beside them: on the pool's lists  */
	/* per pool and reason: counted but not found, found but not counted */
	uint64_t missing[2][NR_LEDGER_REASONS], extra[2][NR_LEDGER_REASONS];
	struct ledger_signal *signals;  /* most bytes first */
	size_t nr_signals;
};

/** ledger_make - join counters and blocks by tag; ledger_deinit() it */
enum dl_status ledger_make(const struct pool *pool, struct ledger *out,
			   struct dl_err *err);
void ledger_deinit(struct ledger *ledger);

/** ledger_row_of - the row of @tag, or NULL */
const struct ledger_row *ledger_row_of(const struct ledger *ledger, uint32_t tag);

/**
 * ledger_found_blocks - blocks and bytes of @row found in nonpaged (0) or paged
 * (1) pool that the kernel counts as allocated: its own tables are among them
 */
static inline uint64_t ledger_found_blocks(const struct ledger_row *row, int paged)
{
	return row->walked_blocks[paged] + (paged ? 0 : row->table_blocks);
}

static inline uint64_t ledger_found_bytes(const struct ledger_row *row, int paged)
{
	return row->walked_bytes[paged] + (paged ? 0 : row->table_bytes);
}

/** ledger_reason_name - "cached", "paged out", ..., "not explained" */
const char *ledger_reason_name(enum ledger_reason reason);

#endif
