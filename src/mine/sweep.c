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
		    x->pool == catalog_pool(c, i) &&
		    x->form == block_form(catalog_how(c, i)))
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

static enum dl_status add_loose(struct miner *m, size_t i)
{
	uint32_t *more = vec_grow(m->loose, &m->cap_loose, m->nr_loose + 1, sizeof *m->loose);

	if (!more)
		return DL_NOMEM;
	m->loose = more;
	m->loose[m->nr_loose++] = (uint32_t)i;
	return DL_OK;
}

/* Is block @i one of a page's? @page: the first that may have it, by rising @i. */
static bool on_page(const struct pool *pool, size_t i, size_t *page)
{
	while (*page < pool->nr_pages &&
	       i >= (size_t)pool->pages[*page].first + pool->pages[*page].nr)
		++*page;
	return *page < pool->nr_pages && i >= pool->pages[*page].first;
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
	size_t page = 0;

	for (int k = 0; k < NR_POOL_KINDS; k++)
		m->others[k].step = 1;
	for (size_t i = 0; i < c->nr; i++) {
		struct mined *x = sweep_class_of(m, i);

		if (x) {
			add_sample(x, i);
			if (!on_page(m->t->pool, i, &page) && add_loose(m, i))
				return DL_NOMEM;
		} else if (catalog_state(c, i) == BLOCK_IN_USE &&
			   block_has_header(catalog_how(c, i))) {
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
		w->vm.session_root_pa = m->t->os->vm.session_root_pa;
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
	free(m->loose);
}

struct sweep {
	struct miner *m;
	const char *what;
	unsigned (*step_of)(const struct mined *);
	sweep_fn fn;
	void *ctx;
	size_t page_slices, loose_slices;
};

static bool wanted(const struct sweep *s, const struct mined *c, size_t number)
{
	unsigned step = s->step_of ? s->step_of(c) : 1;

	return step && number % step == 0;
}

/* Bytes that begin at @va and end on another page; NULL if one of them is missing. */
static const uint8_t *read_across(struct worker *w, uint64_t va, size_t n,
				  uint8_t out[MAX_MINED])
{
	return vm_read(&w->vm, va, out, n, NULL) ? NULL : out;
}

static void sweep_page(const struct sweep *s, unsigned worker, size_t number)
{
	struct miner *m = s->m;
	struct worker *w = &m->workers[worker];
	const struct pool_page *p = &m->t->pool->pages[number];
	const uint8_t *page = NULL;
	uint8_t across[MAX_MINED];
	bool tried = false;

	for (size_t i = p->first; i < (size_t)p->first + p->nr; i++) {
		struct mined *c = sweep_class_of(m, i);
		const uint8_t *user;
		uint64_t off;

		if (!c || !wanted(s, c, number))
			continue;
		off = mined_va(m, c, i) - p->va;
		if (off > PAGE_BYTES - c->mined_bytes) {
			user = read_across(w, p->va + off, c->mined_bytes, across);
		} else {
			if (!tried && phys_page(&w->phys, p->pfn, &page, NULL))
				page = NULL;
			tried = true;
			user = page ? page + off : NULL;
		}
		s->fn(s->ctx, worker, c, i, user);
	}
}

static void sweep_loose(const struct sweep *s, unsigned worker, size_t number)
{
	struct miner *m = s->m;
	struct worker *w = &m->workers[worker];
	size_t i = m->loose[number], off;
	struct mined *c = sweep_class_of(m, i);
	uint8_t across[MAX_MINED];
	const uint8_t *user;
	uint64_t va;

	if (!c || !wanted(s, c, number))
		return;
	va = mined_va(m, c, i);
	off = (size_t)(va % PAGE_BYTES);
	if (off > PAGE_BYTES - c->mined_bytes)
		user = read_across(w, va, c->mined_bytes, across);
	else if (vm_page(&w->vm, va, &user, NULL))
		user = NULL;
	else
		user += off;
	s->fn(s->ctx, worker, c, i, user);
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
			      s->page_slices + s->loose_slices);
	if (slice >= s->page_slices) {
		first = (slice - s->page_slices) * SLICE_LOOSE;
		end = first + SLICE_LOOSE < m->nr_loose ? first + SLICE_LOOSE : m->nr_loose;
		for (size_t k = first; k < end; k++)
			sweep_loose(s, worker, k);
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
		.loose_slices = (m->nr_loose + SLICE_LOOSE - 1) / SLICE_LOOSE,
	};

	return jobs_run(s.page_slices + s.loose_slices, m->nr_workers, sweep_slice, &s, err);
}
