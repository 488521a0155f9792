/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of a heap are as large as its slots, chunks and ranges are; the kernel
 * counts what POOL_HEADER's BlockSize or the big-page table says. The
 * difference, summed by tag, so that counters and blocks can be compared.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>

enum { SLICE_BLOCKS = 1 << 16, FIRST_SLOTS = 256 };

#define SLOT_USED 0x80000000u   /* in a slot's tag: tags have 31 bits */

/* Sums by tag of one thread: open addressing. */
struct slack_map {
	struct slack_row *slot;
	size_t mask, nr;
};

/* One thread's memory, and the page it read last. */
struct slack_worker {
	struct phys phys;
	struct vm vm;
	uint64_t page_va;       /* 1: none */
	const uint8_t *page;    /* NULL: not there */
	struct slack_map map;
};

struct slack {
	const struct pool *pool;
	const struct big_table *big;    /* NULL: headers are asked, else only this */
	struct slack_worker *workers;
};

static struct slack_row *map_find(struct slack_map *m, uint32_t tag)
{
	size_t i = (size_t)(tag * 0x9e3779b1u >> 8) & m->mask;

	while (m->slot[i].tag && m->slot[i].tag != (tag | SLOT_USED))
		i = (i + 1) & m->mask;
	return &m->slot[i];
}

static bool map_grow(struct slack_map *m)
{
	struct slack_map bigger = { .mask = m->slot ? 2 * m->mask + 1 : FIRST_SLOTS - 1,
		.nr = m->nr };

	bigger.slot = calloc(bigger.mask + 1, sizeof *bigger.slot);
	if (!bigger.slot)
		return false;
	for (size_t i = 0; m->slot && i <= m->mask; i++)
		if (m->slot[i].tag)
			*map_find(&bigger, m->slot[i].tag & ~SLOT_USED) = m->slot[i];
	free(m->slot);
	*m = bigger;
	return true;
}

static bool map_add(struct slack_map *m, uint32_t tag, const int64_t bytes[2])
{
	struct slack_row *row;

	if (!bytes[0] && !bytes[1])
		return true;
	if ((!m->slot || 2 * m->nr > m->mask) && !map_grow(m))
		return false;
	row = map_find(m, tag);
	m->nr += !row->tag;
	row->tag = tag | SLOT_USED;
	row->bytes[0] += bytes[0];
	row->bytes[1] += bytes[1];
	return true;
}

/* BlockSize of the header at @va, in bytes; 0 if it cannot be read. */
static uint64_t header_size(const struct slack *s, struct slack_worker *w, uint64_t va)
{
	const struct pool_header_layout *h = &s->pool->layout.header;
	uint64_t page_va = va & ~(uint64_t)(PAGE_BYTES - 1), off = va - page_va;

	if (w->page_va != page_va) {
		w->page_va = page_va;
		if (vm_page(&w->vm, page_va, &w->page, NULL))
			w->page = NULL;
	}
	if (!w->page || off + 8 > PAGE_BYTES)
		return 0;
	return (uint64_t)header_get(le64(w->page + off), h->block_size) * h->unit_bytes;
}

static uint64_t row_size(const struct big_table *big, uint64_t va)
{
	size_t i = big->nr ? SORTED_LOWER(big->rows, big->nr, va, va) : 0;

	return i < big->nr && big->rows[i].va == va ? big->rows[i].size_bytes : 0;
}

/* What the kernel counts for block @i; 0 if nothing says it. */
static uint64_t counted_size(const struct slack *s, struct slack_worker *w, size_t i)
{
	const struct catalog *c = &s->pool->blocks;

	switch (catalog_how(c, i)) {
	case BLOCK_VS:
	case BLOCK_LFH:
		return s->big ? 0 : header_size(s, w, catalog_va(c, i));
	case BLOCK_RANGE:
		return s->big ? row_size(s->big, catalog_va(c, i)) : 0;
	default:
		return 0;
	}
}

/* Block @i's own part of it; 0 if nothing says what is counted. */
static int64_t slack_of(const struct slack *s, struct slack_worker *w, size_t i)
{
	uint64_t counted = counted_size(s, w, i), size = catalog_size(&s->pool->blocks, i);

	/* a row's bytes are rounded up to pages; anything else is damage */
	if (!counted || counted >= size + PAGE_BYTES ||
	    (counted > size && catalog_how(&s->pool->blocks, i) != BLOCK_RANGE))
		return 0;
	return (int64_t)(size - counted);
}

static bool is_counted(const struct catalog *c, size_t i)
{
	enum block_state state = catalog_state(c, i);

	return (state == BLOCK_IN_USE || state == BLOCK_PARKED) && catalog_pool(c, i) <= POOL_PAGED;
}

/* Neighbours often have the same tag: looked up once for all of them. */
static enum dl_status slice(void *ctx, size_t n, unsigned worker, struct dl_err *err)
{
	const struct slack *s = ctx;
	const struct catalog *c = &s->pool->blocks;
	struct slack_worker *w = &s->workers[worker];
	size_t end = (n + 1) * SLICE_BLOCKS < c->nr ? (n + 1) * SLICE_BLOCKS : c->nr;
	struct slack_row run = { 0 };
	bool ok = true;

	for (size_t i = n * SLICE_BLOCKS; ok && i < end; i++) {
		uint32_t tag = catalog_tag(c, i);

		if (!is_counted(c, i))
			continue;
		if (tag != run.tag) {
			ok = map_add(&w->map, run.tag, run.bytes);
			run = (struct slack_row){ .tag = tag };
		}
		run.bytes[catalog_pool(c, i)] += slack_of(s, w, i);
	}
	if (ok && map_add(&w->map, run.tag, run.bytes))
		return DL_OK;
	return err_set(err, DL_NOMEM, "out of memory for sums by tag");
}

static int by_tag(const void *a, const void *b)
{
	const struct slack_row *x = a, *y = b;

	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

/* All threads' sums into the pool, on top of those that it has, by tag. */
static bool gather(const struct slack *s, unsigned workers, struct pool *pool)
{
	struct slack_map all = { 0 };
	bool ok = true;
	size_t n = 0;

	for (size_t i = 0; ok && i < pool->nr_slack; i++)
		ok = map_add(&all, pool->slack[i].tag, pool->slack[i].bytes);
	for (unsigned k = 0; k < workers; k++) {
		const struct slack_map *m = &s->workers[k].map;

		for (size_t i = 0; ok && m->slot && i <= m->mask; i++)
			if (m->slot[i].tag)
				ok = map_add(&all, m->slot[i].tag & ~SLOT_USED,
					     m->slot[i].bytes);
	}
	pool->slack = ok ? arena_array(&pool->arena, all.nr + 1, sizeof *pool->slack) : NULL;
	for (size_t i = 0; pool->slack && all.slot && i <= all.mask; i++) {
		if (!all.slot[i].tag)
			continue;
		pool->slack[n] = all.slot[i];
		pool->slack[n++].tag &= ~SLOT_USED;
	}
	free(all.slot);
	if (!pool->slack)
		return false;
	pool->nr_slack = n;
	qsort(pool->slack, n, sizeof *pool->slack, by_tag);
	return true;
}

static enum dl_status sum_up(struct os *os, struct pool *pool, const struct big_table *big,
			     const struct pool_options *opts, struct dl_err *err)
{
	unsigned workers = opts && opts->jobs ? opts->jobs : jobs_available();
	struct slack s = { .pool = pool, .big = big };
	enum dl_status st;

	s.workers = calloc(workers, sizeof *s.workers);
	if (!s.workers)
		return err_set(err, DL_NOMEM, "out of memory for sums by tag");
	for (unsigned k = 0; k < workers; k++) {
		struct slack_worker *w = &s.workers[k];

		phys_init(&w->phys, os->container);
		w->vm = os->vm;
		w->vm.phys = &w->phys;
		w->page_va = 1;
	}
	st = jobs_run((pool->blocks.nr + SLICE_BLOCKS - 1) / SLICE_BLOCKS, workers, slice, &s,
		      err);
	if (!st && !gather(&s, workers, pool))
		st = err_set(err, DL_NOMEM, "out of memory for sums by tag");
	for (unsigned k = 0; k < workers; k++) {
		phys_deinit(&s.workers[k].phys);
		free(s.workers[k].map.slot);
	}
	free(s.workers);
	return st;
}

enum dl_status slack_run(struct os *os, struct pool *pool, const struct big_table *big,
			 const struct pool_options *opts, struct dl_err *err)
{
	return sum_up(os, pool, big, opts, err);
}

enum dl_status pool_measure(struct os *os, struct pool *pool, const struct pool_options *opts,
			    struct dl_err *err)
{
	if (!pool->heap.how || pool->measured)
		return DL_OK;
	pool->measured = true;
	return sum_up(os, pool, NULL, opts, err);
}
