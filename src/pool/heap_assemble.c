/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the segments gave to the catalog, by address, with large allocations and
 * what only the big-page table knows in between.
 */
#include "heap_work.h"

#include <stdlib.h>
#include <string.h>

/* Entries of one part that follow each other in the catalog. */
struct stretch {
	const struct heap_entry *at;
	size_t nr, first;
	uint64_t pool_bits;
};

struct filler { struct catalog *out; struct stretch *s; };

static uint64_t entry_va(const struct heap_entry *e)
{
	uint64_t where = e->where;
	struct catalog one = { .where = &where };

	return catalog_va(&one, 0);
}

static uint64_t entry_end(const struct heap_entry *e)
{
	return entry_va(e) + (uint64_t)e->size_units * 8;
}

static int by_va(const void *a, const void *b)
{
	uint64_t x = entry_va(a), y = entry_va(b);

	return x < y ? -1 : x > y;
}

const struct heap_segment *heap_segment_at(const struct heap_run *h, uint64_t va)
{
	size_t above = h->nr_segments ? SORTED_LOWER(h->segments, h->nr_segments, va, va + 1) : 0;

	return above && va - h->segments[above - 1].va < h->segments[above - 1].bytes
	       ? &h->segments[above - 1] : NULL;
}

/* Where a row does not say: as the segment next to it. */
static enum pool_kind kind_near(const struct heap_run *h, uint64_t va)
{
	size_t i = h->nr_segments ? SORTED_LOWER(h->segments, h->nr_segments, va, va) : 0;

	if (!h->nr_segments)
		return POOL_NONPAGED;
	if (i == h->nr_segments ||
	    (i && va - h->segments[i - 1].va < h->segments[i].va - va))
		i--;
	return (enum pool_kind)h->parts[i].pool;
}

/* Rows that no segment and no tree has, outside of segments. */
static bool rows_left(struct heap_run *h, struct heap_part *p)
{
	for (size_t i = 0; i < h->big->nr; i++) {
		const struct big_block *row = &h->big->rows[i];
		struct block b = { .va = row->va, .size_bytes = row->size_bytes,
				   .tag = row->tag, .state = BLOCK_IN_USE, .how = BLOCK_BIG };

		if (h->row_used[i] || heap_segment_at(h, row->va))
			continue;
		b.pool = row->pool_known ? (enum pool_kind)row->pool : kind_near(h, row->va);
		heap_put(p, &b);
		h->pool->totals[b.pool].big_pages += row->size_bytes >> PAGE_SHIFT;
	}
	return !p->failed;
}

/* Large allocations of all heaps and leftover rows, in one array by address. */
static bool gather_large(struct heap_run *h, struct heap_blocks *all)
{
	struct heap_part rest = { 0 };
	size_t n = 0;
	bool room = rows_left(h, &rest);

	for (size_t i = h->nr_segments; i < h->nr_parts; i++)
		all->nr += h->parts[i].blocks.nr;
	all->nr += rest.blocks.nr;
	all->at = malloc((all->nr + 1) * sizeof *all->at);
	for (size_t i = h->nr_segments; all->at && i < h->nr_parts; i++) {
		struct heap_part *p = &h->parts[i];

		for (size_t k = 0; k < p->blocks.nr; k++) {
			all->at[n] = p->blocks.at[k];
			all->at[n++].where |= (uint64_t)p->pool << CATALOG_POOL_SHIFT;
			h->pool->totals[p->pool].big_pages +=
				(uint64_t)p->blocks.at[k].size_units * 8 >> PAGE_SHIFT;
		}
	}
	for (size_t k = 0; all->at && k < rest.blocks.nr; k++)
		all->at[n++] = rest.blocks.at[k];
	heap_part_deinit(&rest);
	if (all->at)
		qsort(all->at, n, sizeof *all->at, by_va);
	return room && all->at;
}

/* Whether a segment begins in [@va, @end). */
static bool reaches_segment(const struct heap_run *h, uint64_t va, uint64_t end)
{
	size_t i = h->nr_segments ? SORTED_LOWER(h->segments, h->nr_segments, va, va) : 0;

	return i < h->nr_segments && h->segments[i].va < end;
}

/* None overlaps another, none lies in a segment. */
static void drop_overlaps(struct heap_run *h, struct heap_blocks *all)
{
	uint64_t end = 0;
	size_t n = 0;

	for (size_t i = 0; i < all->nr; i++) {
		uint64_t va = entry_va(&all->at[i]);

		if (va < end || heap_segment_at(h, va) ||
		    reaches_segment(h, va, entry_end(&all->at[i])))
			continue;
		end = entry_end(&all->at[i]);
		all->at[n++] = all->at[i];
	}
	all->nr = n;
}

static enum dl_status fill(void *ctx, size_t slice, unsigned worker, struct dl_err *err)
{
	struct filler *f = ctx;
	const struct stretch *s = &f->s[slice];

	(void)worker;
	(void)err;
	for (size_t i = 0; i < s->nr; i++) {
		f->out->where[s->first + i] = s->at[i].where | s->pool_bits;
		f->out->tag[s->first + i] = s->at[i].tag;
		f->out->size_units[s->first + i] = s->at[i].size_units;
	}
	return DL_OK;
}

/* Segments and the large entries between them. */
static size_t stretches_make(struct heap_run *h, const struct heap_blocks *large,
			     struct stretch *s, size_t *total)
{
	size_t n = 0, k = 0;

	*total = 0;
	for (size_t i = 0; i <= h->nr_segments; i++) {
		size_t from = k;

		while (k < large->nr && (i == h->nr_segments ||
					 entry_va(&large->at[k]) < h->segments[i].va))
			k++;
		s[n] = (struct stretch){ .at = large->at + from, .nr = k - from,
					 .first = *total };
		*total += s[n++].nr;
		if (i == h->nr_segments)
			break;
		s[n] = (struct stretch){
			.at = h->parts[i].blocks.at, .nr = h->parts[i].blocks.nr, .first = *total,
			.pool_bits = (uint64_t)h->parts[i].pool << CATALOG_POOL_SHIFT };
		*total += s[n++].nr;
	}
	return n;
}

enum dl_status heap_assemble(struct heap_run *h)
{
	struct catalog *c = &h->pool->blocks;
	struct heap_blocks large = { 0 };
	struct filler f = { .out = c };
	size_t nr, total = 0;
	enum dl_status st = DL_NOMEM;

	f.s = calloc(2 * h->nr_segments + 2, sizeof *f.s);
	if (f.s && gather_large(h, &large)) {
		drop_overlaps(h, &large);
		nr = stretches_make(h, &large, f.s, &total);
		st = catalog_reserve(c, total);
		if (!st)
			st = jobs_run(nr, h->opts->jobs ? h->opts->jobs : jobs_available(), fill,
				      &f, h->err);
		c->nr = total;
		if (!st)
			st = catalog_seal(c);
	}
	free(f.s);
	free(large.at);
	return st ? err_set(h->err, st, "the block catalog of the heap cannot be made") : DL_OK;
}
