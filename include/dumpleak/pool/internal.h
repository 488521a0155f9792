/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_INTERNAL_H
#define DUMPLEAK_POOL_INTERNAL_H

/*
 * For the files of src/pool/ only: the steps of pool_scan(), in their order.
 *
 *   totals     limits and ranges that the kernel states
 *   survey     page tables to candidate pages
 *   tables     the kernel's tracker and big-page tables
 *   walk       candidate pages to chains of headers, in the file's order
 *   sift       which of them are pool, by evidence other than the chain
 *   assemble   chains and big allocations to the catalog, by address
 *   faults     pages that are pool but broken
 *   freelist   do the free blocks' links close?
 *   lookaside  blocks that are only parked
 *   totals     sums per kind of pool
 */

#include "dumpleak/base/sorted.h"
#include "dumpleak/pool/pool.h"

/* --- page.c: one page ------------------------------------------------- */

enum { PAGE_MAX_BLOCKS = PAGE_BYTES / 8 };

static inline unsigned header_get(uint64_t raw, struct header_bits b)
{
	return (unsigned)(raw >> b.shift) & b.mask;
}

/**
 * page_chain - follow the chain of headers from the start of a page
 * @headers: out, the first eight bytes of each header, PAGE_MAX_BLOCKS long
 * Returns the number of blocks if the chain is sound to the page's last byte,
 * else 0. Every PreviousSize must be the BlockSize before it, the first 0.
 */
unsigned page_chain(const struct pool_header_layout *h, const uint8_t *page,
		    uint64_t *headers);

/* What can be saved of a page whose chain is broken. */
struct page_damage {
	enum fault_kind kind;
	unsigned bad_off;       /* of the first header that is wrong        */
	unsigned nr_front;      /* sound blocks before it                   */
	unsigned back_off;      /* where a chain to the page's end begins; PAGE_BYTES: nowhere */
	unsigned nr_back;
	unsigned links;         /* sizes that two neighbours agree on       */
};

/**
 * page_examine - the sound front and back of a broken page
 * @headers: out, front then back headers. Returns false if the page shows too
 * little of a chain to be called a pool page at all: fewer than three sizes
 * that neighbours agree on, or less than a quarter of the page.
 */
bool page_examine(const struct pool_header_layout *h, const uint8_t *page,
		  uint64_t *headers, struct page_damage *out);

/* The three below are asked for every block: inline. */

/** header_state - in use or free, as PoolType says */
static inline enum block_state header_state(const struct pool_header_layout *h, uint64_t raw)
{
	unsigned type = header_get(raw, h->pool_type);

	if (h->rule == POOL_TYPE_PLUS_ONE)
		return type ? BLOCK_IN_USE : BLOCK_FREE;
	return type & 2 ? BLOCK_IN_USE : BLOCK_FREE;
}

/**
 * header_is_odd - a PoolType that no request can have led to
 * POOL_TYPE 3 and 7 do not exist. The NT 5.2-compatible kernel leaves such a
 * value in the first header of a page that it gave back to the system.
 */
static inline bool header_is_odd(const struct pool_header_layout *h, uint64_t raw)
{
	unsigned type = header_get(raw, h->pool_type);

	return h->rule == POOL_TYPE_PLUS_ONE && type && ((type - 1) & 3) == 3;
}

/** header_pool - the pool of a block in use */
static inline enum pool_kind header_pool(const struct pool_header_layout *h, uint64_t raw)
{
	enum { PAGED = 1, SESSION = 0x20 };
	unsigned type = header_get(raw, h->pool_type);

	if (h->rule == POOL_TYPE_PLUS_ONE)
		type -= type ? 1 : 0;
	if (type & SESSION)
		return POOL_SESSION;
	return type & PAGED ? POOL_PAGED : POOL_NONPAGED;
}

/* --- survey.c: page tables to candidate pages -------------------------- */

struct candidate_page {
	uint64_t va, pfn;
};

struct survey {
	struct candidate_page *pages;   /* by VA, images left out */
	size_t nr, cap;
	struct vm_tally tally;
	uint64_t absent_large;  /* pages of large mappings that are not in the dump */
	uint64_t session_root_pa;       /* 0: no session space */
	size_t other_sessions;  /* at the same addresses: not read */
	uint64_t dropped;       /* pages that are mapped more often than memory makes sense */
};

enum dl_status survey_run(struct os *os, struct survey *out, struct dl_err *err);
void survey_deinit(struct survey *s);

/**
 * session_root - the root table of a process whose session's space has most pages
 * @others: out, how many other sessions there are, at the same addresses.
 * 0: no process maps kernel memory that @os's own tables do not.
 */
uint64_t session_root(struct os *os, size_t *others);

/** survey_memory_pages - pages of memory in the dump, or a guess where it is not read to its end */
uint64_t survey_memory_pages(struct os *os);

/* --- kdata.c: the kernel's writable data -------------------------------- */

/* Call @fn for each mapped page of the kernel image that may hold variables;
 * it ends the walk by returning something else than DL_OK. */
typedef enum dl_status (*kdata_fn)(void *ctx, uint64_t va, const uint8_t *page);
enum dl_status kdata_pages(struct os *os, kdata_fn fn, void *ctx);

/**
 * kdata_row - one row of a table whose end is not known
 * DL_OK; DL_ABSENT where the row's page is mapped and not in this dump: there
 * may be more rows behind it; DL_END where nothing is mapped.
 */
enum dl_status kdata_row(struct os *os, uint64_t va, void *buf, size_t n);

/** kdata_symbol - the address of a kernel global; false without symbols for it */
bool kdata_symbol(const struct os *os, const char *name, uint64_t *va);

/** kdata_pointer - the pointer in a kernel global; false without symbols or memory */
bool kdata_pointer(struct os *os, const char *name, uint64_t *value);

/* --- tracker.c, big.c: the kernel's tables ------------------------------ */

/* An allocation of whole pages. */
struct big_block {
	uint64_t va;
	uint64_t size_bytes;
	uint32_t tag;
	uint32_t row;           /* of the table                       */
	uint8_t pool;           /* enum pool_kind, if the row says it */
	bool pool_known;
	bool lies;              /* big_check() */
};

struct big_table {
	struct big_block *rows; /* in use, by VA, none overlapping */
	size_t nr;
};

enum dl_status tracker_read(struct os *os, struct pool *pool, struct dl_err *err);

/* Where the kernel's counters are; tracker_find.c. */
struct tracker_tables {
	uint64_t *va;           /* of all tables, rising, each once; free() it */
	size_t nr, cap;
	uint64_t main_va;       /* PoolTrackTable                  */
	uint64_t expansion_va;  /* PoolTrackTableExpansion, or 0   */
};

enum dl_status tracker_find(struct os *os, struct pool *pool, struct tracker_tables *out,
			    struct dl_err *err);

/** tracker_row_at - one row; DL_ABSENT and DL_END as kdata_row(), DL_CORRUPT if it is none */
enum dl_status tracker_row_at(struct os *os, const struct tracker_layout *l, uint64_t va,
			      struct tracker_row *r);
enum dl_status big_read(struct os *os, struct pool *pool, struct big_table *out,
			struct dl_err *err);

/** big_row_fault - note that row @i of the table cannot be right */
void big_row_fault(struct os *os, struct pool *pool, size_t i);

/** big_covers - whether an allocation of whole pages holds @va */
bool big_covers(const struct big_table *t, uint64_t va);

/* --- walk.c: candidate pages to chains ---------------------------------- */

struct free_link {              /* of the free block header @header_va */
	uint64_t header_va, flink, blink;
	bool odd;               /* not marked free, but of a type that no block has */
};

struct free_run {               /* of whole pages */
	uint64_t va, flink, blink, nr_pages;
};

struct special_hit {            /* a page of special pool */
	uint32_t candidate;
	uint32_t tag;
	uint16_t off, size_bytes;       /* of the block in its page, in whole units */
	unsigned bad_off;               /* the first overwritten byte; PAGE_BYTES: none */
	uint8_t pool;
	bool sure, keep;                /* @sure: proves itself; @keep: special_keep() */
};

struct chain_hit {              /* a page whose chain is sound */
	uint32_t candidate;     /* index */
	uint32_t nr;
	const uint64_t *headers;
	uint8_t pool;           /* enum pool_kind   */
	uint8_t drop;           /* enum drop_reason */
	bool in_use;            /* any block is: @pool is sure */
};

struct walk_slice {
	uint64_t *headers;
	size_t nr_headers, cap_headers;
	struct free_link *links;
	size_t nr_links, cap_links;
	struct free_run *runs;
	size_t nr_runs, cap_runs;
	uint32_t *absent;       /* candidates whose page is not in the dump */
	size_t nr_absent, cap_absent;
	struct chain_hit *hits;
	size_t nr_hits, cap_hits;
	struct special_hit *specials;
	size_t nr_specials, cap_specials;
};

enum { MAX_HEAD_BASES = 256 };

struct walk {
	struct walk_slice *slices;
	size_t nr_slices;
	struct chain_hit *hits; /* of all slices, by VA */
	size_t nr_hits;
	struct free_run *runs;  /* of all slices, by VA, verified */
	size_t nr_runs;
	struct free_link *links;        /* by header VA; only of pages kept */
	size_t nr_links;
	struct special_hit *specials;   /* by VA */
	size_t nr_specials;
	/* where the list heads of a POOL_DESCRIPTOR would begin, for size 0; freelist.c */
	uint64_t head_bases[MAX_HEAD_BASES];
	unsigned nr_head_bases;
};

enum dl_status walk_run(struct os *os, const struct pool *pool, const struct survey *survey,
			const struct pool_options *opts, struct walk *out,
			struct dl_err *err);
void walk_deinit(struct walk *w);

/** free_link_get - the links of the block at @off of a page, if it has any */
bool free_link_get(const struct pool_header_layout *h, uint8_t ptr_bytes, uint64_t page_va,
		   const uint8_t *page, unsigned off, struct free_link *out);

/** walk_in_free_run - whether a run of free pages holds @va */
bool walk_in_free_run(const struct walk *w, uint64_t va);

/* --- special.c: pages of special pool ------------------------------------ */

/** special_page - whether the page can be one; what is next to it must agree */
bool special_page(const struct pool_header_layout *h, const uint8_t *page,
		  struct special_hit *out);

/** special_keep - drop from @w those that have no unmapped page behind them */
void special_keep(struct os *os, struct pool *pool, const struct survey *survey,
		  const struct big_table *big, struct walk *w);

/* --- big_check.c: rows of the big-page table against their pages ------------ */

void big_check(struct os *os, struct pool *pool, const struct survey *survey,
	       const struct walk *w, struct big_table *big);

/* --- sift.c: which hits are pool ----------------------------------------- */

enum drop_reason { KEEP, DROP_BIG, DROP_FREE_RUN, DROP_STRAY, DROP_ALIAS, DROP_STALE };

/** sift_run - mark hits to drop; free-list evidence comes later, in freelist.c */
void sift_run(struct os *os, struct pool *pool, const struct survey *survey,
	      const struct big_table *big, struct walk *w);

/* --- assemble.c ----------------------------------------------------------- */

/* A broken page with what was saved of it. */
struct broken_page {
	uint32_t candidate;
	uint8_t pool;
	struct page_damage damage;
	uint64_t *headers;
};

struct broken {
	struct broken_page *pages;      /* by VA */
	size_t nr, cap;
};

enum dl_status broken_find(struct os *os, struct pool *pool, const struct survey *survey,
			   const struct walk *w, const struct big_table *big,
			   struct broken *out, struct dl_err *err);
void broken_deinit(struct broken *b);

enum dl_status assemble(struct pool *pool, const struct survey *survey,
			const struct walk *w, const struct broken *broken,
			const struct big_table *big, const struct pool_options *opts,
			struct dl_err *err);

/* --- heap*.c: the segment heap (18362 on) ------------------------------------ */

/**
 * heap_scan - every block of every heap into pool->blocks, sealed, with
 * pool->pages, faults, pool->heap and the totals per kind of pool
 * Takes the place of walk, sift, broken, assemble and the list steps.
 * DL_NOTFOUND: no sign of a segment heap in this memory.
 */
enum dl_status heap_scan(struct os *os, struct pool *pool, const struct survey *survey,
			 const struct big_table *big, const struct pool_options *opts,
			 struct dl_err *err);

/* --- slack.c ------------------------------------------------------------- */

/** slack_run - pool->slack of ranges in use; pool_measure() adds that of chunks and slots */
enum dl_status slack_run(struct os *os, struct pool *pool, const struct big_table *big,
			 const struct pool_options *opts, struct dl_err *err);

/* --- freelist.c, lookaside.c, totals.c ------------------------------------ */

/**
 * freelist_check - do free blocks' links close?
 * Marks hits DROP_STALE whose free blocks are on no list though others' are;
 * @changed: out, whether the catalog must be assembled again.
 */
enum dl_status freelist_check(struct os *os, struct pool *pool,
			      const struct survey *survey, struct walk *w,
			      bool *changed, struct dl_err *err);

/** freelist_stale - free blocks of one page that are on no list, both ways */
bool freelist_stale(struct os *os, struct pool *pool, const struct walk *w,
		    const struct free_link *links, size_t nr);

/** freelist_closes - whether both neighbours of a free block point back at it */
bool freelist_closes(struct os *os, struct pool *pool, const struct walk *w,
		     const struct free_link *link);

enum dl_status lookaside_run(struct os *os, struct pool *pool, const struct walk *w,
			     struct dl_err *err);

/* A list of parked blocks that runs into memory which is not in the dump; orphans.c. */
struct cut_list {
	uint64_t size_bytes;    /* of its blocks, with header           */
	uint64_t unreached;     /* of them, by the list's count         */
	uint32_t tag;           /* of all of them; 0: the pool's own list, any */
	uint8_t pool;           /* enum pool_kind                       */
	uint8_t state;          /* enum block_state                     */
};

/** orphans_run - the blocks behind the cuts, where they show themselves */
void orphans_run(struct os *os, struct pool *pool, struct cut_list *lists, size_t nr);

/** quota_recover - who pays for blocks with quota; needs the catalog */
void quota_recover(struct os *os, struct pool *pool);

/** totals_stated - limits and ranges as the kernel states them; comes first */
void totals_stated(struct os *os, struct pool *pool);

void totals_run(struct os *os, struct pool *pool, const struct survey *survey,
		const struct walk *w);

#endif
