/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_LEDGER_H
#define DUMPLEAK_POOL_LEDGER_H

/*
 * Reconciliation: the kernel's own per-tag counters beside what was
 * reconstructed, so that every report can say what share of the pool it
 * accounts for.
 */

#include "dumpleak/pool/pool.h"

/* Per tag; index 0 nonpaged, 1 paged. */
struct ledger_row {
	uint32_t tag;
	bool counted;                   /* the kernel has a row for it      */
	uint64_t allocs[2], frees[2];   /* since boot, as counted           */
	uint64_t counted_bytes[2];
	uint64_t counted_blocks[2];     /* allocs - frees, modulo 32 bits on x86 */
	uint64_t walked_blocks[2], walked_bytes[2];     /* in use and parked     */
	uint64_t cached_blocks[2], cached_bytes[2];     /* on the pool's lists   */
	uint64_t table_blocks, table_bytes;     /* the kernel's two tables themselves: counted
	                                           as "Pool", allocated before any table
	                                           could list them                        */
	bool matches;                   /* blocks and bytes agree in both   */
};

struct ledger {
	struct ledger_row *rows;        /* by tag */
	size_t nr;
	bool known;                     /* the kernel's counters were found */
	uint64_t tags_total, tags_matched;      /* tags with anything outstanding */
	uint64_t bytes_counted;         /* outstanding, as the kernel says   */
	uint64_t bytes_walked;          /* in-use and parked blocks found    */
	uint64_t bytes_accounted;       /* sum over tags of the smaller of both */
};

/** ledger_make - join counters and blocks by tag; ledger_deinit() it */
enum dl_status ledger_make(const struct pool *pool, struct ledger *out,
			   struct dl_err *err);
void ledger_deinit(struct ledger *ledger);

/** ledger_row_of - the row of @tag, or NULL */
const struct ledger_row *ledger_row_of(const struct ledger *ledger, uint32_t tag);

#endif
