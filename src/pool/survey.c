/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables to the pages that could be pool: all that is mapped in kernel
 * space but images and kernel stacks. Cost follows what is mapped, not the size
 * of the dump.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>

struct taken { uint64_t first, last; };

struct gather {
	struct survey *out;
	struct taken *taken;    /* ranges that are something else, by VA */
	size_t nr_taken, next;
	struct dl_err *err;
};

static int by_first(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Pages of stacks are reused often, and keep much of what was there before. */
static enum dl_status taken_make(struct os *os, struct gather *g)
{
	size_t i;

	g->taken = calloc(os->nr_modules + os->nr_threads + 1, sizeof *g->taken);
	if (!g->taken)
		return DL_NOMEM;
	for (i = 0; i < os->nr_modules; i++) {
		const struct module *m = &os->modules[i];

		if (m->size_bytes && m->size_bytes - 1 <= UINT64_MAX - m->base)
			g->taken[g->nr_taken++] = (struct taken){
				m->base, m->base + (m->size_bytes - 1) };
	}
	for (i = 0; i < os->nr_threads; i++) {
		const struct thread *t = &os->threads[i];

		if (t->stack_end > t->stack_first)
			g->taken[g->nr_taken++] = (struct taken){
				t->stack_first, t->stack_end - 1 };
	}
	qsort(g->taken, g->nr_taken, sizeof *g->taken, by_first);
	return DL_OK;
}

/* Runs come by rising VA, so the ranges are passed once. */
static bool is_taken(struct gather *g, uint64_t va)
{
	while (g->next < g->nr_taken && g->taken[g->next].last < va)
		g->next++;
	return g->next < g->nr_taken && g->taken[g->next].first <= va;
}

static enum dl_status add_run(void *ctx, const struct vm_run *run)
{
	struct gather *g = ctx;
	struct survey *s = g->out;
	struct candidate_page *p;

	if (run->nr_pages > SIZE_MAX / sizeof *p - s->nr)
		return DL_NOMEM;
	p = vec_grow(s->pages, &s->cap, s->nr + (size_t)run->nr_pages, sizeof *p);
	if (!p)
		return err_set(g->err, DL_NOMEM, "out of memory for %zu pages", s->nr);
	s->pages = p;
	for (uint64_t i = 0; i < run->nr_pages; i++) {
		uint64_t va = run->va + (i << PAGE_SHIFT);

		if (!is_taken(g, va))
			s->pages[s->nr++] = (struct candidate_page){ va, run->pfn + i };
	}
	return DL_OK;
}

enum dl_status survey_run(struct os *os, struct survey *out, struct dl_err *err)
{
	struct gather g = { .out = out, .err = err };
	enum dl_status st;

	*out = (struct survey){ 0 };
	st = taken_make(os, &g);
	if (!st)
		st = vm_runs(&os->vm, os->system_range_start, os->vm.mode->va_mask,
			     add_run, &g, &out->tally, err);
	free(g.taken);
	if (!st && out->nr > UINT32_MAX)
		st = err_set(err, DL_UNSUPPORTED, "%zu mapped kernel pages", out->nr);
	return st;
}

void survey_deinit(struct survey *s)
{
	free(s->pages);
	*s = (struct survey){ 0 };
}
