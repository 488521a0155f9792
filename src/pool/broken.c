/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages amidst pool whose chain does not close: damaged pool pages, or pages
 * that never were pool of small blocks. The former still have much of a chain.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

/* How far, in pages, the next sound pool page may be. */
enum { NEIGHBOURHOOD = 8 };

struct finder {
	struct os *os;
	struct pool *pool;
	const struct survey *survey;
	const struct walk *w;
	const struct big_table *big;
	struct broken *out;
	struct dl_err *err;
};

static void fault_record(struct finder *f, const struct broken_page *b,
			 const uint8_t *page)
{
	const struct pool_header_layout *h = &f->pool->layout.header;
	const struct page_damage *d = &b->damage;
	struct pool *pool = f->pool;
	struct pool_fault x = {
		.page_va = f->survey->pages[b->candidate].va,
		.kind = d->kind, .pool = (enum pool_kind)b->pool,
	};
	unsigned off = 0, i, n = PAGE_BYTES - d->bad_off;

	for (i = 0; i < d->nr_front; i++) {
		x.before_va = x.page_va + off;
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): nr_front of them were copied */
		x.before_tag = (uint32_t)(b->headers[i] >> h->tag_shift);
		off += header_get(b->headers[i], h->block_size) * h->unit_bytes;
	}
	x.bad_va = x.page_va + d->bad_off;
	memcpy(x.found, page + d->bad_off, n < sizeof x.found ? n : sizeof x.found);
	if (d->nr_back) {
		x.after_va = x.page_va + d->back_off;
		x.after_tag = (uint32_t)(b->headers[d->nr_front] >> h->tag_shift);
	}
	x.lost_bytes = d->back_off - off;
	pool->totals[x.pool].lost_bytes += x.lost_bytes;
	pool_fault_add(pool, &x);
}

/* Stale pages that were partly reused look broken as well. */
static bool is_stale(struct finder *f, const struct broken_page *b, const uint64_t *headers,
		     const uint8_t *page)
{
	const struct pool_header_layout *h = &f->pool->layout.header;
	const struct page_damage *d = &b->damage;
	uint64_t va = f->survey->pages[b->candidate].va;
	struct free_link links[PAGE_MAX_BLOCKS];
	unsigned off = 0, i;
	size_t n = 0;

	for (i = 0; i < d->nr_front + d->nr_back; i++) {
		if (i == d->nr_front)
			off = d->back_off;
		n += free_link_get(h, f->os->layout.ptr_bytes, va, page, off, &links[n]);
		off += header_get(headers[i], h->block_size) * h->unit_bytes;
	}
	return freelist_stale(f->os, f->pool, f->w, links, n);
}

static enum dl_status examine(struct finder *f, uint32_t candidate, uint8_t kind)
{
	const struct candidate_page *c = &f->survey->pages[candidate];
	struct broken_page b = { .candidate = candidate, .pool = kind };
	uint64_t headers[PAGE_MAX_BLOCKS] = { 0 };
	const uint8_t *page;
	struct broken_page *p;
	unsigned nr;

	if (phys_page(&f->os->phys, c->pfn, &page, NULL) ||
	    !page_examine(&f->pool->layout.header, page, headers, &b.damage))
		return DL_OK;
	if (is_stale(f, &b, headers, page)) {
		f->pool->stale_pages++;
		return DL_OK;
	}
	p = vec_grow(f->out->pages, &f->out->cap, f->out->nr + 1, sizeof *p);
	nr = b.damage.nr_front + b.damage.nr_back;
	b.headers = malloc(nr * sizeof *b.headers + 1);
	if (!p || !b.headers) {
		free(b.headers);
		return err_set(f->err, DL_NOMEM, "out of memory for damaged pages");
	}
	memcpy(b.headers, headers, nr * sizeof *b.headers);
	f->out->pages = p;
	p[f->out->nr++] = b;
	fault_record(f, &b, page);
	return DL_OK;
}

/* The kept hit next to @va, by index of the first hit above it. */
static const struct chain_hit *neighbour(const struct finder *f, size_t above, uint64_t va)
{
	const uint64_t reach = (uint64_t)NEIGHBOURHOOD << PAGE_SHIFT;

	for (size_t i = above; i-- > 0;) {
		uint64_t at = f->survey->pages[f->w->hits[i].candidate].va;

		if (va - at > reach)
			break;
		if (f->w->hits[i].drop == KEEP)
			return &f->w->hits[i];
	}
	for (size_t i = above; i < f->w->nr_hits; i++) {
		uint64_t at = f->survey->pages[f->w->hits[i].candidate].va;

		if (at - va > reach)
			break;
		if (f->w->hits[i].drop == KEEP)
			return &f->w->hits[i];
	}
	return NULL;
}

enum dl_status broken_find(struct os *os, struct pool *pool, const struct survey *survey,
			   const struct walk *w, const struct big_table *big,
			   struct broken *out, struct dl_err *err)
{
	struct finder f = { os, pool, survey, w, big, out, err };
	size_t above = 0;

	*out = (struct broken){ 0 };
	for (uint32_t c = 0; c < survey->nr; c++) {
		uint64_t va = survey->pages[c].va;
		const struct chain_hit *near;
		enum dl_status st;

		while (above < w->nr_hits && w->hits[above].candidate < c)
			above++;
		if (above < w->nr_hits && w->hits[above].candidate == c)
			continue;
		near = neighbour(&f, above, va);
		if (!near || big_covers(big, va) || walk_in_free_run(w, va))
			continue;
		st = examine(&f, c, near->pool);
		if (st)
			return st;
	}
	return DL_OK;
}

void broken_deinit(struct broken *b)
{
	for (size_t i = 0; i < b->nr; i++)
		free(b->pages[i].headers);
	free(b->pages);
	*b = (struct broken){ 0 };
}
