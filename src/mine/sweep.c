/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog's pages to calls with the bytes of each block of a candidate, by
 * several threads. Pages come in the order of the file where reading out of
 * order is dear, so that a compressed dump is inflated once per sweep.
 */
#include "mine_impl.h"

#include <string.h>

/* Candidates are few: where two share a slot, the next free one is taken. */
static void lookup_fill(struct miner *m)
{
	for (size_t i = 0; i < m->nr; i++) {
		size_t h = sweep_hash(m->mined[i].tag, m->mined[i].size_units);

		while (m->lookup[h])
			h = (h + 1) % 256;
		m->lookup[h] = (uint8_t)(i + 1);
	}
}

struct mined *sweep_class_at(const struct miner *m, size_t i, size_t h)
{
	const struct catalog *c = &m->t->pool->blocks;

	for (; m->lookup[h]; h = (h + 1) % 256) {
		struct mined *x = &m->mined[m->lookup[h] - 1];

		if (x->tag == catalog_tag(c, i) && x->size_units == c->size_units[i] &&
		    x->pool == catalog_pool(c, i) && x->how == catalog_how(c, i))
			return catalog_state(c, i) == BLOCK_IN_USE ? x : NULL;
	}
	return NULL;
}

/* Place in the file and number of the page or block. */
struct place {
	uint64_t position;
	uint32_t index;
};

static int by_position(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static enum dl_status order_pages(struct miner *m)
{
	const struct pool *pool = m->t->pool;
	struct container *container = m->t->os->container;
	struct place *p;

	if (!container_is_slow(container) || !pool->nr_pages)
		return DL_OK;
	p = malloc(pool->nr_pages * sizeof *p);
	m->order = malloc(pool->nr_pages * sizeof *m->order);
	if (!p || !m->order) {
		free(p);
		return DL_NOMEM;
	}
	for (size_t i = 0; i < pool->nr_pages; i++) {
		p[i].index = (uint32_t)i;
		p[i].position = container_position(container, pool->pages[i].pfn);
	}
	qsort(p, pool->nr_pages, sizeof *p, by_position);
	for (size_t i = 0; i < pool->nr_pages; i++)
		m->order[i] = p[i].index;
	free(p);
	return DL_OK;
}

static enum dl_status add_big(struct miner *m, size_t i)
{
	uint32_t *bigger = vec_grow(m->big, &m->cap_big, m->nr_big + 1, sizeof *m->big);

	if (!bigger)
		return DL_NOMEM;
	m->big = bigger;
	m->big[m->nr_big++] = (uint32_t)i;
	return DL_OK;
}

/*
 * An even sample of unknown many: every step-th; whenever the room is full,
 * every second is dropped and the step doubled.
 */
static void add_other(struct others *o, size_t i)
{
	if (o->seen++ % o->step)
		return;
	if (o->nr == OTHERS_MAX) {
		for (size_t k = 0; k < OTHERS_MAX / 2; k++)
			o->block[k] = o->block[2 * k];
		o->nr = OTHERS_MAX / 2;
		o->step *= 2;
		if ((o->seen - 1) % o->step)
			return;
	}
	o->block[o->nr++] = (uint32_t)i;
}

/* The k-th of the sample's blocks comes at or after n * k / cap of n. */
static void add_sample(struct mined *c, size_t i)
{
	if (c->nr_sample < c->cap_sample &&
	    c->seen >= c->s->class.blocks * c->nr_sample / c->cap_sample)
		c->sample[c->nr_sample++] = (uint32_t)i;
	c->seen++;
}

enum dl_status sweep_census(struct miner *m)
{
	const struct catalog *c = &m->t->pool->blocks;

	for (int k = 0; k < NR_POOL_KINDS; k++)
		m->others[k].step = 1;
	for (size_t i = 0; i < c->nr; i++) {
		struct mined *x = sweep_class_of(m, i);

		if (x) {
			add_sample(x, i);
			if (x->how == BLOCK_BIG && add_big(m, i))
				return DL_NOMEM;
		} else if (catalog_state(c, i) == BLOCK_IN_USE &&
			   catalog_how(c, i) == BLOCK_PAGE) {
			add_other(&m->others[catalog_pool(c, i)], i);
		}
	}
	return DL_OK;
}

enum dl_status sweep_init(struct miner *m, struct dl_err *err)
{
	enum dl_status st;

	lookup_fill(m);
	m->workers = calloc(m->nr_workers, sizeof *m->workers);
	if (!m->workers)
		return err_set(err, DL_NOMEM, "out of memory for mining");
	for (unsigned i = 0; i < m->nr_workers; i++) {
		struct worker *w = &m->workers[i];

		phys_init(&w->phys, m->t->os->container);
		vm_init(&w->vm, &w->phys, m->t->os->vm.mode, m->t->os->vm.root_pa);
	}
	st = order_pages(m);
	return st ? err_set(err, st, "out of memory for mining") : DL_OK;
}

void sweep_deinit(struct miner *m)
{
	for (unsigned i = 0; m->workers && i < m->nr_workers; i++)
		phys_deinit(&m->workers[i].phys);
	free(m->workers);
	free(m->order);
	free(m->big);
}

struct sweep {
	struct miner *m;
	const char *what;
	unsigned (*step_of)(const struct mined *);
	sweep_fn fn;
	void *ctx;
	size_t page_slices, big_slices;
};

static bool wanted(const struct sweep *s, const struct mined *c, size_t number)
{
	unsigned step = s->step_of ? s->step_of(c) : 1;

	return step && number % step == 0;
}

static void sweep_page(const struct sweep *s, unsigned worker, size_t number)
{
	struct miner *m = s->m;
	const struct pool_page *p = &m->t->pool->pages[number];
	const uint8_t *page = NULL;
	bool tried = false;

	for (size_t i = p->first; i < (size_t)p->first + p->nr; i++) {
		struct mined *c = sweep_class_of(m, i);
		size_t off;

		if (!c || !wanted(s, c, number))
			continue;
		if (!tried && phys_page(&m->workers[worker].phys, p->pfn, &page, NULL))
			page = NULL;
		tried = true;
		off = (size_t)(catalog_va(&m->t->pool->blocks, i) - p->va) + c->header_bytes;
		if (off + c->nr_columns * m->rule->width > PAGE_BYTES)
			continue;       /* cannot be: a page's chain ends with it */
		s->fn(s->ctx, worker, c, i, page ? page + off : NULL);
	}
}

static void sweep_big(const struct sweep *s, unsigned worker, size_t number)
{
	struct miner *m = s->m;
	size_t i = m->big[number];
	struct mined *c = sweep_class_of(m, i);
	const uint8_t *page;
	uint64_t va = catalog_va(&m->t->pool->blocks, i);
	size_t off = va % PAGE_BYTES;

	if (!c || !wanted(s, c, number) || off + c->nr_columns * m->rule->width > PAGE_BYTES)
		return;
	if (vm_page(&m->workers[worker].vm, va, &page, NULL))
		page = NULL;
	s->fn(s->ctx, worker, c, i, page ? page + off : NULL);
}

static enum dl_status sweep_slice(void *ctx, size_t slice, unsigned worker,
				  struct dl_err *err)
{
	const struct sweep *s = ctx;
	const struct miner *m = s->m;
	size_t first, end;

	(void)err;
	if (worker == 0)
		progress_step(m->opts->progress, s->what, slice,
			      s->page_slices + s->big_slices);
	if (slice >= s->page_slices) {
		first = (slice - s->page_slices) * SLICE_BIG;
		end = first + SLICE_BIG < m->nr_big ? first + SLICE_BIG : m->nr_big;
		for (size_t k = first; k < end; k++)
			sweep_big(s, worker, k);
		return DL_OK;
	}
	first = slice * SLICE_PAGES;
	end = first + SLICE_PAGES < m->t->pool->nr_pages ? first + SLICE_PAGES
							 : m->t->pool->nr_pages;
	for (size_t k = first; k < end; k++)
		sweep_page(s, worker, m->order ? m->order[k] : k);
	return DL_OK;
}

enum dl_status sweep_run(struct miner *m, const char *what,
			 unsigned (*step_of)(const struct mined *), sweep_fn fn,
			 void *ctx, struct dl_err *err)
{
	struct sweep s = {
		.m = m, .what = what, .step_of = step_of, .fn = fn, .ctx = ctx,
		.page_slices = (m->t->pool->nr_pages + SLICE_PAGES - 1) / SLICE_PAGES,
		.big_slices = (m->nr_big + SLICE_BIG - 1) / SLICE_BIG,
	};

	return jobs_run(s.page_slices + s.big_slices, m->nr_workers, sweep_slice, &s, err);
}
