/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains, saved parts of broken pages and big allocations to the catalog, by
 * rising address. Where each page's blocks go is known before any is written,
 * so that pages can be filled in parallel.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>

/* One contributor of blocks, in the order of addresses. */
struct part {
	uint64_t va;
	size_t first;                   /* catalog index of its first block */
	const struct chain_hit *hit;    /* one of the four                  */
	const struct broken_page *broken;
	const struct big_block *big;
	const struct special_hit *special;
};

struct filler {
	struct pool *pool;
	const struct survey *survey;
	const struct part *parts;
	size_t nr_parts;
	bool paged_range_holds;
};

enum { PARTS_PER_SLICE = 1024 };

static int by_va(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

static unsigned part_blocks(const struct part *p)
{
	if (p->hit)
		return p->hit->nr;
	if (p->broken)
		return p->broken->damage.nr_front + p->broken->damage.nr_back;
	return 1;
}

static void put_small(struct filler *f, size_t i, uint64_t va, uint64_t raw,
		      enum pool_kind page_pool)
{
	const struct pool_header_layout *h = &f->pool->layout.header;
	struct block b = {
		.va = va,
		.size_bytes = header_get(raw, h->block_size) * h->unit_bytes,
		.tag = (uint32_t)(raw >> h->tag_shift),
		.state = header_state(h, raw),
		.how = BLOCK_PAGE,
		/* a free block's header no longer tells its pool */
		.pool = page_pool,
	};

	catalog_put(&f->pool->blocks, i, &b);
}

static void fill_chain(struct filler *f, size_t first, uint64_t va,
		       const uint64_t *headers, unsigned nr, enum pool_kind pool)
{
	const struct pool_header_layout *h = &f->pool->layout.header;

	for (unsigned i = 0; i < nr; i++) {
		put_small(f, first + i, va, headers[i], pool);
		va += header_get(headers[i], h->block_size) * h->unit_bytes;
	}
}

static void fill_broken(struct filler *f, const struct part *p)
{
	const struct page_damage *d = &p->broken->damage;
	enum pool_kind pool = (enum pool_kind)p->broken->pool;

	fill_chain(f, p->first, p->va, p->broken->headers, d->nr_front, pool);
	fill_chain(f, p->first + d->nr_front, p->va + d->back_off,
		   p->broken->headers + d->nr_front, d->nr_back, pool);
}

static bool stated_paged(const struct pool *pool, uint64_t va)
{
	const struct pool_totals *t = &pool->totals[POOL_PAGED];

	return t->first_va.known && t->end_va.known && va >= t->first_va.value &&
	       va < t->end_va.value;
}

/*
 * The kernel's range of paged pool is believed if the pages of small blocks,
 * which say themselves what they are, agree with it.
 */
static bool paged_range_holds(const struct pool *pool)
{
	size_t right = 0, wrong = 0;

	for (size_t i = 0; i < pool->nr_pages; i++) {
		bool paged = pool->pages[i].pool != POOL_NONPAGED;

		if (paged == stated_paged(pool, pool->pages[i].va))
			right++;
		else
			wrong++;
	}
	return pool->totals[POOL_PAGED].first_va.known && wrong * 20 < right;
}

/*
 * NT 5's big-page rows do not say which pool they are of: the stated range of
 * paged pool tells, or else the nearest page of small blocks.
 */
static enum pool_kind kind_by_va(const struct pool *pool, bool range_holds, uint64_t va)
{
	size_t i = pool->nr_pages ? SORTED_LOWER(pool->pages, pool->nr_pages, va, va) : 0;

	if (range_holds)
		return stated_paged(pool, va) ? POOL_PAGED : POOL_NONPAGED;
	if (!pool->nr_pages)
		return POOL_NONPAGED;
	if (i == pool->nr_pages || (i && va - pool->pages[i - 1].va < pool->pages[i].va - va))
		i--;
	return (enum pool_kind)pool->pages[i].pool;
}

static void fill_big(struct filler *f, const struct part *p)
{
	struct block b = {
		.va = p->va, .size_bytes = p->big->size_bytes, .tag = p->big->tag,
		.state = BLOCK_IN_USE, .how = BLOCK_BIG,
		.pool = p->big->pool_known ? (enum pool_kind)p->big->pool
			: kind_by_va(f->pool, f->paged_range_holds, p->va),
	};

	catalog_put(&f->pool->blocks, p->first, &b);
}

static void fill_special(struct filler *f, const struct part *p)
{
	struct block b = {
		.va = p->va, .size_bytes = p->special->size_bytes, .tag = p->special->tag,
		.state = BLOCK_IN_USE, .how = BLOCK_SPECIAL,
		.pool = (enum pool_kind)p->special->pool,
	};

	catalog_put(&f->pool->blocks, p->first, &b);
}

static enum dl_status fill_slice(void *ctx, size_t slice, unsigned worker,
				 struct dl_err *err)
{
	struct filler *f = ctx;
	size_t end = (slice + 1) * PARTS_PER_SLICE;

	(void)worker;
	(void)err;
	for (size_t i = slice * PARTS_PER_SLICE; i < end && i < f->nr_parts; i++) {
		const struct part *p = &f->parts[i];

		if (p->hit)
			fill_chain(f, p->first, p->va, p->hit->headers, p->hit->nr,
				   (enum pool_kind)p->hit->pool);
		else if (p->broken)
			fill_broken(f, p);
		else if (p->special)
			fill_special(f, p);
		else
			fill_big(f, p);
	}
	return DL_OK;
}

/* Pages first, since the kind of a big allocation is that of pages around it. */
static enum dl_status pages_make(struct pool *pool, const struct survey *survey,
				 const struct part *parts, size_t nr_parts)
{
	size_t n = 0;

	free(pool->pages);
	pool->pages = malloc((nr_parts + 1) * sizeof *pool->pages);
	if (!pool->pages)
		return DL_NOMEM;
	for (size_t i = 0; i < nr_parts; i++) {
		const struct part *p = &parts[i];
		struct pool_page *page = &pool->pages[n];

		if (!p->hit && !p->broken)
			continue;
		*page = (struct pool_page){
			.va = p->va, .first = (uint32_t)p->first,
			.nr = part_blocks(p), .damaged = p->broken != NULL,
		};
		page->pfn = survey->pages[p->hit ? p->hit->candidate
						 : p->broken->candidate].pfn;
		page->pool = p->hit ? p->hit->pool : p->broken->pool;
		n++;
	}
	pool->nr_pages = n;
	return DL_OK;
}

static size_t parts_make(const struct survey *survey, const struct walk *w,
			 const struct broken *broken, const struct big_table *big,
			 struct part *parts)
{
	size_t n = 0, first = 0, i;

	for (i = 0; i < w->nr_hits; i++)
		if (w->hits[i].drop == KEEP)
			parts[n++] = (struct part){
				.va = survey->pages[w->hits[i].candidate].va,
				.hit = &w->hits[i] };
	for (i = 0; i < broken->nr; i++)
		parts[n++] = (struct part){
			.va = survey->pages[broken->pages[i].candidate].va,
			.broken = &broken->pages[i] };
	for (i = 0; i < w->nr_specials; i++)
		parts[n++] = (struct part){
			.va = survey->pages[w->specials[i].candidate].va + w->specials[i].off,
			.special = &w->specials[i] };
	for (i = 0; i < big->nr; i++)
		parts[n++] = (struct part){ .va = big->rows[i].va, .big = &big->rows[i] };
	qsort(parts, n, sizeof *parts, by_va);
	for (i = 0; i < n; i++) {
		parts[i].first = first;
		first += part_blocks(&parts[i]);
	}
	return n;
}

enum dl_status assemble(struct pool *pool, const struct survey *survey,
			const struct walk *w, const struct broken *broken,
			const struct big_table *big, const struct pool_options *opts,
			struct dl_err *err)
{
	struct part *parts = malloc((w->nr_hits + w->nr_specials + broken->nr + big->nr + 1) *
				    sizeof *parts);
	struct filler f = { .pool = pool, .survey = survey, .parts = parts };
	size_t nr_blocks;
	enum dl_status st = DL_NOMEM;

	if (!parts)
		return err_set(err, st, "out of memory for the block catalog");
	f.nr_parts = parts_make(survey, w, broken, big, parts);
	nr_blocks = f.nr_parts ? parts[f.nr_parts - 1].first +
				 part_blocks(&parts[f.nr_parts - 1]) : 0;
	if (!catalog_reserve(&pool->blocks, nr_blocks) &&
	    !pages_make(pool, survey, parts, f.nr_parts)) {
		f.paged_range_holds = paged_range_holds(pool);
		st = jobs_run((f.nr_parts + PARTS_PER_SLICE - 1) / PARTS_PER_SLICE,
			      opts->jobs ? opts->jobs : jobs_available(), fill_slice,
			      &f, err);
		pool->blocks.nr = nr_blocks;
		if (!st)
			st = catalog_seal(&pool->blocks);
	}
	free(parts);
	return st ? err_set(err, st, "out of memory for the block catalog") : DL_OK;
}
