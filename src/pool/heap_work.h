/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_HEAP_WORK_H
#define DUMPLEAK_POOL_HEAP_WORK_H

/*
 * What the files heap*.c share: the steps of heap_scan(), in their order.
 *
 *   find      ExPoolState or SEGMENT_HEAPs to contexts
 *   segments  contexts to page segments
 *   keys      HeapKey and LfhKey, by what the segments themselves say
 *   segment   range descriptors to subsegments and ranges, several at a time
 *   vs, lfh   a subsegment to blocks; carve: what is left where they are damaged
 *   large     the tree of large allocations
 *   lists     delay-free lists and dynamic lookasides
 *   assemble  all of it to the catalog; totals
 */

#include "dumpleak/pool/heap.h"
#include "dumpleak/pool/internal.h"

enum {
	HEAP_MAX_HEAPS = 1024, HEAP_MAX_CONTEXTS = 2 * HEAP_MAX_HEAPS,
	HEAP_MAX_SEGMENTS = 1 << 20, HEAP_CONTEXTS = 2,
};

#define HEAP_SIGNATURE 0xddeeddeeu

/* --- heap_reader.c: memory as one thread reads it -------------------------- */

enum heap_page_state { HEAP_PAGE_THERE, HEAP_PAGE_NONE, HEAP_PAGE_OUT, HEAP_PAGE_ABSENT };

struct heap_reader {
	struct phys phys;
	struct vm vm;
	uint64_t page_va;       /* of the page read last; 1: none */
	const uint8_t *page;    /* NULL: not there                */
	enum heap_page_state state;
};

void heap_reader_init(struct heap_reader *r, const struct os *os);
void heap_reader_deinit(struct heap_reader *r);

/** heap_page - the page at @va; NULL if it is not there, and r->state says why */
const uint8_t *heap_page(struct heap_reader *r, uint64_t va);

/** heap_bytes - @n bytes at @va if they are on one page, which is there; else NULL */
static inline const uint8_t *heap_bytes(struct heap_reader *r, uint64_t va, size_t n)
{
	const uint8_t *page = r->page_va == (va & ~(uint64_t)(PAGE_BYTES - 1))
			      ? r->page : heap_page(r, va);
	size_t off = va & (PAGE_BYTES - 1);

	return page && off + n <= PAGE_BYTES ? page + off : NULL;
}

/** heap_copy - @n bytes at @va, over as many pages as it takes */
bool heap_copy(struct heap_reader *r, uint64_t va, void *buf, size_t n);

/* --- what was found --------------------------------------------------------- */

struct heap_known {             /* a SEGMENT_HEAP */
	uint64_t va;
	uint64_t node_va;       /* EX_HEAP_POOL_NODE, 0: none known */
	uint8_t pool;           /* enum pool_kind */
	bool pool_known, special;
};

struct heap_context {           /* HEAP_SEG_CONTEXT */
	uint64_t va, mask;
	int heap;               /* index, -1: its page is not there */
	uint8_t unit_shift, first_descriptor;
	uint64_t votes[NR_POOL_KINDS];  /* headers of blocks in use that say so */
};

struct heap_segment {
	uint64_t va, bytes;
	uint32_t context;
	bool signed_;           /* its signature names the context */
};

/* A block as the catalog packs it. */
struct heap_entry { uint64_t where; uint32_t tag, size_units; };

struct heap_blocks {            /* by address */
	struct heap_entry *at;
	size_t nr, cap;
};

struct heap_faults {
	struct pool_fault *faults;
	size_t nr, cap, all;
};

/* What one segment gave. */
struct heap_part {
	uint64_t va;
	struct heap_blocks blocks;
	struct heap_faults faults;
	struct pool_heap counted;
	struct pool_totals totals;      /* pages and the like, of one kind of pool */
	uint64_t votes[NR_POOL_KINDS];
	int pool;                       /* enum pool_kind; -1: votes decide */
	bool failed;                    /* out of memory */
};

struct heap_run {
	struct os *os;
	struct pool *pool;
	const struct survey *survey;
	const struct big_table *big;
	const struct pool_options *opts;
	struct dl_err *err;
	const struct heap_layout *layout;
	struct heap_reader reader;      /* of the main thread */
	uint64_t constant;              /* in signatures; as the layout's unless memory says otherwise */
	uint64_t state_va, globals_va;
	struct heap_known heaps[HEAP_MAX_HEAPS];
	size_t nr_heaps;
	struct heap_context contexts[HEAP_MAX_CONTEXTS];
	size_t nr_contexts;
	struct heap_segment *segments;  /* by VA, none overlapping */
	size_t nr_segments, cap_segments;
	uint64_t heap_key, lfh_key;
	bool heap_key_known, lfh_key_known, lfh_cut;    /* address cut to 32 bits before it is shifted */
	struct heap_part *parts;
	size_t nr_parts;
	uint8_t *row_used;              /* of big->rows: a block has it */
};

/** heap_word - a field of a structure at @va */
bool heap_word(struct heap_run *h, uint64_t va, struct field f, uint64_t *out);

/** heap_mask - all bits of a pointer */
static inline uint64_t heap_mask(const struct heap_run *h)
{
	return h->layout->ptr_bytes == 8 ? UINT64_MAX : UINT32_MAX;
}

/* --- heap_find.c, heap_segments.c, heap_keys.c ------------------------------ */

/** heap_find - contexts, with what is known of their heaps; false if there are none */
bool heap_find(struct heap_run *h);

/** heap_try - a SEGMENT_HEAP at @va: adds it and its contexts; false if it is none */
bool heap_try(struct heap_run *h, const struct heap_layout *l, uint64_t va, struct heap_known **out);

/** heap_find_segments - every page segment; DL_NOTFOUND if there is none */
enum dl_status heap_find_segments(struct heap_run *h);

/** heap_families - segments by nothing but their signatures, HeapKey by chunk headers */
enum dl_status heap_families(struct heap_run *h);

/** heap_key_check - the HeapKey known so far against what chunk headers say */
void heap_key_check(struct heap_run *h);

/** heap_find_keys - what segments do not tell: from the globals and by votes */
void heap_find_keys(struct heap_run *h);

/* --- heap_segment.c, heap_vs.c, heap_lfh.c, heap_carve.c --------------------- */

/* Pages that belong together. */
struct heap_range { uint64_t va, bytes; };

struct heap_chunk {             /* of a VS subsegment; in units from its first chunk */
	uint32_t at, size;      /* size of a gap: up to where the chain goes on */
	uint32_t prev;          /* as the header says; of a gap: as the one behind it says */
	uint8_t state;          /* enum heap_chunk_state */
};

/* Why a chain could not go on, where it could not: pages missing, or damage. */
enum heap_chunk_state { CHUNK_FREE, CHUNK_USED, CHUNK_HOLE, CHUNK_BAD };

enum { VS_MAX_CHUNKS = 1 << 17 };       /* as many units as a size can name, and gaps */

/* A VS subsegment whose chain is being followed. */
struct heap_vs {
	struct heap_work *w;
	struct heap_range range;
	uint64_t first_va;      /* of its first chunk */
	uint32_t nr_units;
	bool open_end;          /* nr_units is only what the range has room for */
	uint64_t budget;        /* headers that may still be looked at: damage can ask for many */
};

/* One thread at work on a segment. */
struct heap_work {
	struct heap_run *run;
	struct heap_reader reader;
	struct heap_part *part;
	struct heap_chunk *chunks;      /* VS_MAX_CHUNKS */
	size_t nr_chunks;
};

void heap_segment_walk(struct heap_work *w, const struct heap_segment *s);

/** heap_vs_is - a VS subsegment at @va by its signature; @units: out, of its chunks */
bool heap_vs_is(const struct heap_layout *l, const uint8_t *head, uint32_t *units);

void heap_vs_walk(struct heap_work *w, struct heap_range r);

enum heap_at { AT_ABSENT, AT_BAD, AT_CHUNK };

/** heap_chunk_at - the header @at units from the first, decoded */
enum heap_at heap_chunk_at(struct heap_vs *v, uint32_t at, struct heap_chunk *out);

/**
 * heap_vs_resume - where the chain goes on after a break at @at
 * A header that both its neighbours agree with: nr_units if there is none.
 * May correct the last chunk followed, if its size was what is wrong.
 */
uint32_t heap_vs_resume(struct heap_vs *v, uint32_t at, enum heap_at why);

/** heap_vs_blocks - the chunks of @w to blocks */
void heap_vs_blocks(struct heap_vs *v);

struct heap_lfh_shape { uint32_t first, size, nr; };

/** heap_lfh_decode - offsets of the subsegment at @va, if they are possible */
bool heap_lfh_decode(const struct heap_run *h, const uint8_t *head, struct heap_range r,
		     struct heap_lfh_shape *out);
bool heap_lfh_fits(const struct heap_layout *l, struct heap_lfh_shape s, uint64_t range_bytes);
void heap_lfh_walk(struct heap_work *w, struct heap_range r);

struct heap_slots {
	struct heap_work *w;
	struct heap_range range;
	struct heap_lfh_shape shape;
	enum block_how how;
	bool no_bitmap;         /* a slot counts as busy that has a header */
};

enum { HEAP_SLOTS_PER_WORD = 32 };

/** heap_lfh_bits - bits of 32 slots, two each, the lower one: busy */
bool heap_lfh_bits(struct heap_work *w, uint64_t va, uint32_t word, uint64_t *bits);

/** heap_lfh_crosses - a slot that is withheld since it would cross a page */
static inline bool heap_lfh_crosses(uint64_t va, uint32_t size)
{
	return size <= PAGE_BYTES && va >> PAGE_SHIFT != (va + size - 1) >> PAGE_SHIFT;
}

/**
 * heap_lfh_guess - the shape for which most POOL_HEADERs speak
 * @s->shape.nr: in, as it was read; it may be wrong or 0. False: no shape.
 */
bool heap_lfh_guess(struct heap_slots *s);

/** heap_carve - POOL_HEADERs in [@first, @end) that follow each other */
void heap_carve(struct heap_work *w, uint64_t first, uint64_t end);

/* A POOL_HEADER that was read; .tag 0 and .size 0 if it cannot be one. */
struct heap_header { uint32_t size_bytes, tag; unsigned type; bool plausible; };
struct heap_header heap_header_get(const struct heap_run *h, const uint8_t *p);

/* --- heap_part.c -------------------------------------------------------------- */

void heap_put(struct heap_part *p, const struct block *b);
void heap_part_tidy(struct heap_part *p);
void heap_fault(struct heap_work *w, const struct pool_fault *f);

/** heap_vote - the header of a block in use says its kind of pool */
void heap_vote(struct heap_part *p, unsigned type);

/** heap_row - the row of the big-page table that begins in [@first, @end); NULL */
const struct big_block *heap_row(const struct heap_run *h, uint64_t first, uint64_t end);

/** heap_row_bytes - NumberOfBytes of a row, which is not rounded to pages */
uint64_t heap_row_bytes(struct heap_work *w, const struct big_block *row);

/** heap_absent - count a page of @r that is not there, by why */
void heap_absent(struct heap_work *w, enum heap_page_state state);
void heap_part_deinit(struct heap_part *p);

/* --- heap_large.c, heap_lists.c, heap_assemble.c ------------------------------- */

enum dl_status heap_large_run(struct heap_run *h);
void heap_lists_run(struct heap_run *h);
enum dl_status heap_assemble(struct heap_run *h);
void heap_totals(struct heap_run *h);

/** heap_kind - the pool of a context's heap: as stated, or as headers voted */
enum pool_kind heap_kind(const struct heap_run *h, const struct heap_context *c);

/** heap_segment_at - the segment that holds @va, or NULL */
const struct heap_segment *heap_segment_at(const struct heap_run *h, uint64_t va);

#endif
