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
	struct os *os;
	struct survey *out;
	size_t limit;           /* of pages */
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

/* The first page at or above @va of the run that ends before @end_va that nothing takes. */
static uint64_t skip_taken(struct gather *g, uint64_t va, uint64_t end_va)
{
	while (va < end_va && is_taken(g, va)) {
		uint64_t last = g->taken[g->next].last | (PAGE_BYTES - 1);

		if (last >= end_va - 1)
			return end_va;
		va = last + 1;
	}
	return va;
}

static enum dl_status add_pages(struct gather *g, uint64_t va, uint64_t pfn, uint64_t nr)
{
	struct survey *s = g->out;
	uint64_t end_va = va + (nr << PAGE_SHIFT), first_va = va;

	for (va = skip_taken(g, va, end_va); va < end_va;
	     va = skip_taken(g, va + PAGE_BYTES, end_va)) {
		struct candidate_page *p;

		if (s->nr >= g->limit) {
			s->dropped += (end_va - va) >> PAGE_SHIFT;
			return DL_OK;
		}
		p = vec_grow(s->pages, &s->cap, s->nr + 1, sizeof *p);
		if (!p)
			return err_set(g->err, DL_NOMEM, "out of memory for %zu pages", s->nr);
		s->pages = p;
		p[s->nr++] = (struct candidate_page){
			va, pfn + ((va - first_va) >> PAGE_SHIFT) };
	}
	return DL_OK;
}

/* Of a large page only what the dump has: the tables may promise any amount. */
static enum dl_status add_large(struct gather *g, const struct vm_run *run)
{
	uint64_t pfn = run->pfn, end = run->pfn + run->nr_pages, first, last;
	enum dl_status st = DL_OK;

	while (!st && pfn < end && !container_run(g->os->container, pfn, &first, &last) &&
	       first < end) {
		if (last >= end)
			last = end - 1;
		g->out->absent_large += first - pfn;
		st = add_pages(g, run->va + ((first - run->pfn) << PAGE_SHIFT), first,
			       last - first + 1);
		pfn = last + 1;
	}
	if (pfn < end)
		g->out->absent_large += end - pfn;
	return st;
}

static enum dl_status add_run(void *ctx, const struct vm_run *run)
{
	struct gather *g = ctx;

	if (run->nr_pages > (UINT64_MAX >> PAGE_SHIFT) - (run->va >> PAGE_SHIFT))
		return DL_OK;
	return run->large ? add_large(g, run) : add_pages(g, run->va, run->pfn, run->nr_pages);
}

uint64_t survey_memory_pages(struct os *os)
{
	enum { UNKNOWN = 1 << 22 };     /* 16 GB */
	uint64_t present = 0, absent = 0;
	bool exact = false;

	container_count(os->container, &present, &absent, &exact);
	return exact || present > UNKNOWN ? present : UNKNOWN;
}

/* Memory may be mapped several times over, but not without end. */
static size_t pages_limit(struct os *os)
{
	enum { MAPPED_TIMES = 8, SMALL_MACHINE = 1 << 20 };
	uint64_t pages = survey_memory_pages(os) * MAPPED_TIMES + SMALL_MACHINE;

	return pages < UINT32_MAX ? (size_t)pages : UINT32_MAX;
}

static int by_va(const void *a, const void *b)
{
	const struct candidate_page *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

/* Session space is in the tables of a session's processes, not in the kernel's own. */
static enum dl_status add_session(struct gather *g)
{
	struct os *os = g->os;
	struct survey *s = g->out;
	size_t before = s->nr;
	struct vm vm = os->vm;
	enum dl_status st;

	s->session_root_pa = session_root(os, &s->other_sessions);
	if (!s->session_root_pa)
		return DL_OK;
	vm.root_pa = s->session_root_pa;
	vm.session_root_pa = 0;
	g->next = 0;
	st = vm_runs_besides(&vm, os->vm.root_pa, os->system_range_start, vm.mode->va_mask,
			     add_run, g, &s->tally, g->err);
	if (s->nr > before)
		qsort(s->pages, s->nr, sizeof *s->pages, by_va);
	os->vm.session_root_pa = s->session_root_pa;
	return st;
}

enum dl_status survey_run(struct os *os, struct survey *out, struct dl_err *err)
{
	struct gather g = { .os = os, .out = out, .limit = pages_limit(os), .err = err };
	enum dl_status st;

	*out = (struct survey){ 0 };
	st = taken_make(os, &g);
	if (!st)
		st = vm_runs(&os->vm, os->system_range_start, os->vm.mode->va_mask,
			     add_run, &g, &out->tally, err);
	if (!st)
		st = add_session(&g);
	free(g.taken);
	return st;
}

void survey_deinit(struct survey *s)
{
	free(s->pages);
	*s = (struct survey){ 0 };
}
