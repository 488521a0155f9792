/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap_scan(): the steps, in their order. See heap_work.h.
 */
#include "heap_work.h"

#include <inttypes.h>
#include <stdlib.h>

struct pass {
	struct heap_run *h;
	struct heap_work *works;
	unsigned jobs;
};

static enum dl_status walk_one(void *ctx, size_t slice, unsigned worker, struct dl_err *err)
{
	struct pass *p = ctx;
	struct heap_work *w = &p->works[worker];

	w->part = &p->h->parts[slice];
	if (worker == 0)
		progress_step(p->h->opts->progress, "walking the heap", slice, p->h->nr_segments);
	heap_segment_walk(w, &p->h->segments[slice]);
	heap_part_tidy(w->part);
	return w->part->failed ? err_set(err, DL_NOMEM, "out of memory for blocks of the heap")
			       : DL_OK;
}

static enum dl_status works_init(struct pass *p)
{
	p->works = calloc(p->jobs, sizeof *p->works);
	if (!p->works)
		return DL_NOMEM;
	for (unsigned i = 0; i < p->jobs; i++) {
		struct heap_work *w = &p->works[i];

		w->run = p->h;
		heap_reader_init(&w->reader, p->h->os);
		w->chunks = malloc(VS_MAX_CHUNKS * sizeof *w->chunks);
		if (!w->chunks)
			return DL_NOMEM;
	}
	return DL_OK;
}

static enum dl_status walk_segments(struct heap_run *h)
{
	struct pass p = { .h = h, .jobs = h->opts->jobs ? h->opts->jobs : jobs_available() };
	enum dl_status st;

	h->parts = calloc(h->nr_segments + h->nr_heaps + 1, sizeof *h->parts);
	h->row_used = calloc(h->big->nr + 1, 1);
	st = h->parts && h->row_used ? works_init(&p) : DL_NOMEM;
	h->nr_parts = h->parts ? h->nr_segments : 0;
	if (st)
		err_set(h->err, st, "out of memory for the heap");
	else
		st = jobs_run(h->nr_segments, p.jobs, walk_one, &p, h->err);
	for (unsigned i = 0; p.works && i < p.jobs; i++) {
		if (p.works[i].run)
			heap_reader_deinit(&p.works[i].reader);
		free(p.works[i].chunks);
	}
	free(p.works);
	return st;
}

/* The pool of each segment: as the state says, or as most headers of its heap say. */
static void kinds_settle(struct heap_run *h)
{
	for (size_t i = 0; i < h->nr_segments; i++)
		for (int k = 0; k < NR_POOL_KINDS; k++)
			h->contexts[h->segments[i].context].votes[k] += h->parts[i].votes[k];
	/* both contexts of a heap vote together */
	for (size_t i = 0; i < h->nr_contexts; i++)
		for (size_t j = 0; j < i; j++)
			if (h->contexts[i].heap >= 0 &&
			    h->contexts[i].heap == h->contexts[j].heap)
				for (int k = 0; k < NR_POOL_KINDS; k++) {
					h->contexts[j].votes[k] += h->contexts[i].votes[k];
					h->contexts[i].votes[k] = h->contexts[j].votes[k];
				}
	for (size_t i = 0; i < h->nr_segments; i++) {
		const struct heap_context *c = &h->contexts[h->segments[i].context];

		h->parts[i].pool = (int)heap_kind(h, c);
	}
}

static void sum_up(struct heap_run *h)
{
	struct pool_heap *out = &h->pool->heap;

	for (size_t i = 0; i < h->nr_parts; i++) {
		struct heap_part *p = &h->parts[i];

		out->vs_subsegments += p->counted.vs_subsegments;
		out->lfh_subsegments += p->counted.lfh_subsegments;
		out->large += p->counted.large;
		out->carved_subsegments += p->counted.carved_subsegments;
		out->absent_subsegments += p->counted.absent_subsegments;
		for (size_t k = 0; k < p->faults.nr; k++) {
			p->faults.faults[k].pool = (enum pool_kind)p->pool;
			pool_fault_add(h->pool, &p->faults.faults[k]);
		}
		h->pool->faulty_pages += p->faults.all - p->faults.nr;
	}
}

static void notes(struct heap_run *h)
{
	const struct pool_heap *p = &h->pool->heap;

	if (!p->heap_key_known)
		pool_note(h->pool, DL_NOTFOUND, "HeapKey was not found: blocks of variable size "
			  "are those whose POOL_HEADERs follow each other");
	else if (!h->state_va)
		pool_note(h->pool, DL_NOTFOUND, "ExPoolState was not found; instead: %s, HeapKey "
			  "by the word of %zu of %zu", p->how,
			  p->heap_key_votes, p->heap_key_voters);
	if (p->lfh_subsegments && !p->lfh_key_known)
		pool_note(h->pool, DL_NOTFOUND, "LfhKey was not found: the slots of %zu "
			  "subsegments are guessed from their POOL_HEADERs", p->lfh_subsegments);
	if (p->absent_subsegments)
		pool_note(h->pool, DL_ABSENT, "%zu subsegments begin on pages that are not in "
			  "the dump or paged out: not all of their blocks can be found",
			  p->absent_subsegments);
}

static enum dl_status run(struct heap_run *h)
{
	enum dl_status st = heap_find(h) ? heap_find_segments(h) : DL_NOTFOUND;

	if (!st)
		heap_key_check(h);
	else if (st == DL_NOTFOUND)
		st = heap_families(h);
	if (st)
		return st;
	heap_find_keys(h);
	st = walk_segments(h);
	if (st)
		return st;
	kinds_settle(h);
	st = heap_large_run(h);
	if (!st)
		st = heap_assemble(h);
	if (st)
		return st;
	sum_up(h);
	heap_lists_run(h);
	heap_totals(h);
	notes(h);
	return DL_OK;
}

enum dl_status heap_scan(struct os *os, struct pool *pool, const struct survey *survey,
			 const struct big_table *big, const struct pool_options *opts,
			 struct dl_err *err)
{
	struct heap_run *h = calloc(1, sizeof *h);
	enum dl_status st;

	if (!h)
		return err_set(err, DL_NOMEM, "out of memory for the heap");
	h->os = os;
	h->pool = pool;
	h->survey = survey;
	h->big = big;
	h->opts = opts;
	h->err = err;
	h->layout = pool->layout.heap;
	h->constant = h->layout->segment.constant;
	heap_reader_init(&h->reader, os);
	st = run(h);
	heap_reader_deinit(&h->reader);
	for (size_t i = 0; i < h->nr_parts; i++)
		heap_part_deinit(&h->parts[i]);
	free(h->parts);
	free(h->row_used);
	free(h->segments);
	free(h);
	return st == DL_NOTFOUND ? err_set(err, st, "no segment heap in this memory") : st;
}
