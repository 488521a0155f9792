/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_LAYOUT_H
#define DUMPLEAK_POOL_LAYOUT_H

/*
 * The pool's structures by machine and build; rows in src/pool/layout.c, each
 * with its witness.
 */

#include "dumpleak/base/bytes.h"
#include "dumpleak/base/err.h"

#include <stdbool.h>

/* Bits of the first eight bytes of a POOL_HEADER, read as one number. */
struct header_bits {
	uint8_t shift;
	uint16_t mask;
};

/* How a generation writes PoolType into the header. */
enum pool_type_rule {
	POOL_TYPE_PLUS_ONE,     /* NT 5: 0 is free, else request type + 1 */
	POOL_TYPE_USE_BIT,      /* NT 6 to 10 1809: bit 1 is in use       */
};

struct pool_header_layout {
	uint8_t header_bytes, unit_bytes;
	struct header_bits previous_size, pool_index, block_size, pool_type;
	uint8_t tag_shift;
	enum pool_type_rule rule;
	bool quota_in_header;   /* ProcessBilled in the header; else at the block's end */
	bool quota_cookie;      /* and disguised: Windows 8 and later   */
	uint8_t link_tag_bits;  /* low bits of free-list links that may be set */
};

struct pool_descriptor_layout { /* POOL_DESCRIPTOR */
	struct field type, running_allocs, running_frees, total_pages;
	struct field total_big_pages, pending_frees;
	uint16_t list_heads, nr_list_heads;
};

struct tracker_layout {         /* POOL_TRACKER_TABLE */
	uint16_t stride;
	struct field key;
	struct { struct field allocs, frees, bytes; } pool[2];  /* nonpaged, paged */
	bool per_processor;     /* a table for each (ExPoolTagTables): counters of one
	                           may be negative, only their sums mean anything */
};

struct big_layout {             /* POOL_TRACKER_BIG_PAGES */
	uint16_t stride;
	struct field va, key;
	struct field pages;     /* either this, in pages */
	struct field bytes;     /* or this               */
	struct field type;      /* PoolType: bit 0 paged, 0x20 session, 0x200 NX; width 0: none */
};

struct lookaside_layout {       /* GENERAL_LOOKASIDE */
	uint16_t bytes;
	struct field next, depth;       /* SLIST_HEADER */
	struct field type, tag, size;
	struct field links;             /* ListEntry    */
	uint16_t kprcb_system, nr_system;       /* PPLookasideList  */
	/* the pool's small lists: up to 2003 pairs of pointers, nonpaged then paged */
	uint16_t kprcb_small, nr_small;
	/* since Vista the lists themselves: arrays of @nr_pool, @pool_bytes each */
	uint16_t kprcb_pool[3], nr_pool, pool_bytes;
};

struct free_run_layout {        /* MMFREE_POOL_ENTRY, free pages of nonpaged pool */
	struct field flink, blink, nr_pages, owner;
};

/* Which allocator a build has; 17763 has both, and what memory shows decides. */
enum pool_allocator { ALLOCATOR_CLASSIC, ALLOCATOR_HEAP, ALLOCATOR_EITHER };

struct heap_layout;     /* segment heap: see dumpleak/pool/heap.h */

struct pool_layout {
	enum pool_allocator allocator;
	const struct heap_layout *heap; /* NULL: classic only */
	struct pool_header_layout header;
	struct pool_descriptor_layout descriptor;
	struct tracker_layout tracker;
	struct big_layout big;
	struct lookaside_layout lookaside;
	struct free_run_layout free_run;
};

/* From one build on, up to the one where pools changed; in layout_x86.c and layout_x64.c. */
struct pool_row {
	uint32_t from_build, end_build;
	enum pool_allocator allocator;
	const struct pool_header_layout *header;
	const struct pool_descriptor_layout *descriptor;
	const struct tracker_layout *tracker;
	const struct big_layout *big;
	const struct lookaside_layout *lookaside;
	const struct free_run_layout *free_run;
};

const struct pool_row *pool_rows_x86(size_t *nr);
const struct pool_row *pool_rows_x64(size_t *nr);

/** pool_layout_pick - as layout_pick() of the OS layer */
enum dl_status pool_layout_pick(uint16_t machine, uint32_t build,
				struct pool_layout *out, struct dl_err *err);

#endif
