/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_POOL_H
#define DUMPLEAK_POOL_POOL_H

/*
 * The whole pool of one machine: every block, what the kernel counted, what is
 * broken, what could not be read. Pages are found in the page tables and known
 * by their chain of headers; no range variable is needed.
 */

#include "dumpleak/os/os.h"
#include "dumpleak/pool/catalog.h"
#include "dumpleak/pool/layout.h"

/* One page of small blocks, in the order of catalog indices. */
struct pool_page {
	uint64_t va;
	uint64_t pfn;
	uint32_t first, nr;     /* its blocks in the catalog */
	uint8_t pool;           /* enum pool_kind            */
	bool damaged;           /* see the faults            */
};

/* What is wrong with a page's chain. */
enum fault_kind {
	FAULT_SIZE_ZERO,        /* BlockSize 0                            */
	FAULT_SIZE_PAST_PAGE,   /* BlockSize leads past the page          */
	FAULT_PREVIOUS_SIZE,    /* PreviousSize is not the one before     */
	FAULT_FREE_LINK,        /* a free block's links contradict        */
	FAULT_LIST_LOOP,        /* a list of blocks runs into itself      */
	FAULT_BIG_ROW,          /* a row of the big-page table            */
	FAULT_SPECIAL_FILL,     /* the pattern around a special block     */
	FAULT_SEGMENT,          /* a page segment's signature or links    */
	FAULT_RANGE,            /* its range descriptors                  */
	FAULT_VS_SUBSEGMENT,    /* a VS subsegment's signature or size    */
	FAULT_VS_CHUNK,         /* a chunk's sizes do not chain           */
	FAULT_LFH_SUBSEGMENT,   /* block size, offsets or counts          */
	FAULT_LARGE_TREE,       /* the tree of large allocations          */
	NR_FAULT_KINDS
};

struct pool_fault {
	uint64_t page_va, bad_va;       /* the first header that is wrong      */
	uint64_t before_va;             /* the last sound block before it, or 0 */
	uint64_t after_va;              /* the first sound block after, or 0   */
	uint32_t before_tag, after_tag;
	uint32_t lost_bytes;            /* between the sound parts             */
	enum fault_kind kind;
	enum pool_kind pool;
	uint8_t found[16];              /* the bytes at bad_va                 */
};

enum { POOL_MAX_FAULTS = 256, FREE_SIZE_CLASSES = 12 };

/* Per kind of pool. Bytes of blocks are with their headers. */
struct pool_totals {
	uint64_t pages;                 /* of small blocks                      */
	uint64_t big_pages;             /* of big allocations in use            */
	uint64_t bytes;                 /* all of both                          */
	uint64_t blocks[NR_BLOCK_STATES], block_bytes[NR_BLOCK_STATES];
	uint64_t largest_free;          /* block, in bytes with header          */
	uint64_t free_by_size[FREE_SIZE_CLASSES];       /* bytes in free blocks of
	                                   up to 8, 16, 32, .. 4096 bytes, and more */
	uint64_t lone_pages;            /* pages that one block of <= 1/8 keeps */
	uint64_t lone_bytes_free;       /* free bytes on them                   */
	uint64_t free_runs, free_run_pages, largest_free_run; /* whole pages    */
	uint64_t lost_bytes;            /* in damaged parts of pages            */
	struct known_u64 limit_bytes;   /* the kernel's limit for this pool     */
	struct known_u64 first_va, end_va;      /* as the kernel states, end exclusive */
	uint64_t paged_out_pages;       /* page tables say: in the page file    */
	uint64_t transition_pages;      /* read although trimmed                */
	uint64_t absent_pages;          /* mapped, but not in this dump         */
};

/* One row of the kernel's per-tag counters. Index 0 nonpaged, 1 paged. */
struct tracker_row {
	uint32_t tag;
	uint64_t allocs[2], frees[2], bytes[2];
};

/* What blocks of a heap hold beyond what the kernel counts for them, by tag;
 * below 0 where it counts whole pages, and the heap gave less. */
struct slack_row {
	uint32_t tag;
	int64_t bytes[2];       /* nonpaged, paged */
};

struct pool_tables {            /* how the kernel's own tables were found */
	bool tracker_known, big_known;
	uint64_t tracker_va, big_va;
	size_t tracker_rows, big_rows, big_used, big_free, big_bad;
	size_t tracker_tables;  /* of processors, summed; 1: there is only one */
	uint64_t expansion_va;  /* PoolTrackTableExpansion, 0: none found      */
	size_t tracker_absent, big_absent;      /* rows on pages that are not in the dump */
	const char *big_how;    /* "beside PoolTrackTable", "by content" */
};

struct pool_lists {             /* free lists and lookaside lists */
	uint64_t free_linked;   /* free blocks whose links close     */
	uint64_t free_unlinked; /* too small for links, or not on a list */
	uint64_t free_bad;      /* links that contradict             */
	uint64_t first_bad_va;
	uint64_t lookasides;    /* lists walked                      */
	uint64_t lookasides_bad;
	uint64_t lookasides_cut;        /* an entry of theirs is absent or paged out */
	uint64_t unreached;     /* blocks that lists count, behind an entry that cannot be read:
	                           they are among those in use                                */
	uint64_t pending_frees;
};

/* How the segment heap was found; all zero where the pool is classic. */
struct pool_heap {
	const char *how;        /* "pool state", "heaps by content", "segments by signature" */
	uint64_t state_va;      /* ExPoolState, 0: not found                */
	uint64_t heap_key, lfh_key;
	bool heap_key_known, lfh_key_known;
	size_t heap_key_votes, heap_key_voters; /* segments that agree, of how many */
	size_t lfh_key_votes, lfh_key_voters;
	size_t heaps, segments, vs_subsegments, lfh_subsegments, large;
	size_t carved_subsegments, absent_subsegments;
};

/* Who is charged for a block with quota (Windows 8 on: disguised by a cookie). */
struct pool_quota {
	uint64_t cookie;        /* ExpPoolQuotaCookie */
	bool cookie_known;
	size_t votes, voters;   /* blocks that decode to a process, of how many */
};

struct pool {
	struct pool_layout layout;
	struct catalog blocks;
	struct pool_page *pages;        /* by rising VA */
	size_t nr_pages;
	struct pool_totals totals[NR_POOL_KINDS];
	struct pool_fault faults[POOL_MAX_FAULTS];
	size_t nr_faults;               /* kept */
	uint64_t faulty_pages;          /* all of them */
	struct tracker_row *tracker;    /* by tag */
	size_t nr_tracker;
	struct slack_row *slack;        /* by tag; in the arena */
	size_t nr_slack;
	bool measured;                  /* headers are among it: pool_measure() */
	struct pool_tables tables;
	struct pool_lists lists;
	struct pool_heap heap;
	struct pool_quota quota;
	struct vm_tally tally;          /* of the page tables */
	uint64_t stray_pages;           /* look like pool, lie apart: left out */
	uint64_t stale_pages;           /* look like pool, but their free blocks are on no list */
	uint64_t aliased_pages;         /* the same page mapped twice */
	uint64_t device_pages;          /* mapped, but memory of a device: not RAM */
	struct os_note notes[OS_MAX_NOTES];
	size_t nr_notes;
	struct arena arena;
};

struct pool_options {
	unsigned jobs;                  /* threads; 0: all processors */
	const struct progress *progress;
};

/**
 * pool_scan - reconstruct the pool of @os
 * @pool: out, pool_deinit() it whatever the status. DL_NOTFOUND: the image has
 * a kernel, but no pool page (a dump without kernel pages).
 */
enum dl_status pool_scan(struct os *os, const struct pool_options *opts,
			 struct pool *pool, struct dl_err *err);

void pool_deinit(struct pool *pool);

/**
 * pool_measure - what the kernel counts for a heap's blocks, by their headers
 * For ledger_make(), which without it compares sizes of slots and chunks with
 * counters. Nothing to do where the pool is classic.
 */
enum dl_status pool_measure(struct os *os, struct pool *pool, const struct pool_options *opts,
			    struct dl_err *err);

/**
 * pool_objects - add to @os the devices and drivers that only their pool blocks
 * show, as objects.h's objects_try() validates them
 * Call after pool_scan(); pointers into os->devices and os->drivers from before
 * are no longer valid.
 */
enum dl_status pool_objects(struct os *os, const struct pool *pool, struct dl_err *err);

/** pool_note - add a remark; drops what exceeds OS_MAX_NOTES */
void pool_note(struct pool *pool, enum dl_status kind, const char *fmt, ...)
	DL_PRINTF(3, 4);

/** pool_user_va - the address that the owner of block @i was given */
static inline uint64_t pool_user_va(const struct pool *pool, size_t i)
{
	return catalog_va(&pool->blocks, i) +
	       (block_has_header(catalog_how(&pool->blocks, i))
		? pool->layout.header.header_bytes : 0);
}

/** pool_user_bytes - the bytes of block @i after its header */
static inline uint64_t pool_user_bytes(const struct pool *pool, size_t i)
{
	return catalog_size(&pool->blocks, i) -
	       (block_has_header(catalog_how(&pool->blocks, i))
		? pool->layout.header.header_bytes : 0);
}

/**
 * pool_charged_process - the EPROCESS that is charged for block @i
 * 0: none is, or it cannot be told.
 */
uint64_t pool_charged_process(struct os *os, const struct pool *pool, size_t i);

/** pool_fault_add - keep a finding, by what room there is; counts it anyway */
void pool_fault_add(struct pool *pool, const struct pool_fault *fault);

/** pool_tracker_row - the kernel's counters for @tag; NULL if it has none */
const struct tracker_row *pool_tracker_row(const struct pool *pool, uint32_t tag);

/** fault_kind_name - "BlockSize is 0", ... */
const char *fault_kind_name(enum fault_kind kind);

#endif
