/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_scan(): the steps, in their order. See internal.h.
 */
#include "dumpleak/pool/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pool_note(struct pool *pool, enum dl_status kind, const char *fmt, ...)
{
	char text[512];
	char *copy;
	va_list ap;

	if (pool->nr_notes == OS_MAX_NOTES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	copy = arena_strdup(&pool->arena, text);
	if (copy)
		pool->notes[pool->nr_notes++] = (struct os_note){ copy, kind };
}

void pool_fault_add(struct pool *pool, const struct pool_fault *fault)
{
	if (pool->nr_faults < POOL_MAX_FAULTS)
		pool->faults[pool->nr_faults++] = *fault;
	pool->faulty_pages++;
}

struct steps {
	struct os *os;
	struct pool *pool;
	const struct pool_options *opts;
	struct survey survey;
	struct big_table big;
	struct walk walk;
	struct broken broken;
};

static enum dl_status catalog_build(struct steps *s, struct dl_err *err)
{
	bool changed;
	enum dl_status st = assemble(s->pool, &s->survey, &s->walk, &s->broken, &s->big,
				     s->opts, err);

	if (!st)
		st = freelist_check(s->os, s->pool, &s->survey, &s->walk, &changed, err);
	if (!st && changed)
		st = assemble(s->pool, &s->survey, &s->walk, &s->broken, &s->big,
			      s->opts, err);
	return st;
}

static enum dl_status run_heap(struct steps *s, struct dl_err *err)
{
	return heap_scan(s->os, s->pool, &s->survey, &s->big, s->opts, err);
}

static enum dl_status classic_finish(struct steps *s, struct dl_err *err)
{
	struct pool *pool = s->pool;
	enum dl_status st;

	special_keep(s->os, pool, &s->survey, &s->big, &s->walk);
	st = broken_find(s->os, pool, &s->survey, &s->walk, &s->big, &s->broken, err);
	if (!st)
		st = catalog_build(s, err);
	if (!st)
		st = lookaside_run(s->os, pool, &s->walk, err);
	if (!st)
		totals_run(s->os, pool, &s->survey, &s->walk);
	return st;
}

/* Pages whose chain proves that they are pool: a heap has next to none. */
static bool is_classic(const struct walk *w)
{
	enum { ENOUGH_PAGES = 32 };
	size_t n = 0;

	for (size_t i = 0; i < w->nr_hits && n < ENOUGH_PAGES; i++)
		n += w->hits[i].drop == KEEP && w->hits[i].in_use;
	return n == ENOUGH_PAGES;
}

static enum dl_status run_classic(struct steps *s, struct dl_err *err)
{
	struct pool *pool = s->pool;
	enum dl_status st = walk_run(s->os, pool, &s->survey, s->opts, &s->walk, err);

	if (st)
		return st;
	big_check(s->os, pool, &s->survey, &s->walk, &s->big);
	sift_run(s->os, pool, &s->survey, &s->big, &s->walk);
	if (pool->layout.allocator == ALLOCATOR_EITHER && pool->layout.heap &&
	    !is_classic(&s->walk)) {
		st = run_heap(s, err);
		if (st != DL_NOTFOUND)
			return st;
	}
	return classic_finish(s, err);
}

static enum dl_status run_steps(struct steps *s, struct dl_err *err)
{
	struct pool *pool = s->pool;
	enum dl_status st;

	totals_stated(s->os, pool);
	st = survey_run(s->os, &s->survey, err);
	pool->tally = s->survey.tally;
	if (s->survey.dropped)
		pool_note(pool, DL_CORRUPT, "%" PRIu64 " kernel pages were not looked at: the "
			  "page tables map the same memory over and over", s->survey.dropped);
	if (s->survey.other_sessions)
		pool_note(pool, DL_UNSUPPORTED, "the pool of %zu more sessions, at the same addresses "
			  "as that of one, was not read", s->survey.other_sessions);
	if (!st)
		st = tracker_read(s->os, pool, err);
	if (!st)
		st = big_read(s->os, pool, &s->big, err);
	if (st)
		return st;
	st = pool->layout.allocator == ALLOCATOR_HEAP ? run_heap(s, err) : run_classic(s, err);
	if (!st && pool->heap.how)
		st = slack_run(s->os, pool, &s->big, s->opts, err);
	return st;
}

static void note_tables(struct pool *pool)
{
	if (pool->tally.tables_repeated)
		pool_note(pool, DL_CORRUPT, "%" PRIu64 " page tables are reached a second time, "
			  "first at VA %#" PRIx64 ": a loop, walked once",
			  pool->tally.tables_repeated, pool->tally.repeated_va);
	if (pool->tally.tables_absent)
		pool_note(pool, DL_ABSENT, "%" PRIu64 " page tables are not in the dump",
			  pool->tally.tables_absent);
	if (pool->tables.tracker_absent)
		pool_note(pool, DL_ABSENT, "%zu rows of PoolTrackTable are on pages that are "
			  "not in the dump: their tags look as if the kernel had not counted "
			  "them", pool->tables.tracker_absent);
	if (pool->tables.big_absent)
		pool_note(pool, DL_ABSENT, "%zu rows of the big-page table are on pages that "
			  "are not in the dump: their allocations are missing",
			  pool->tables.big_absent);
	if (pool->tables.big_bad)
		pool_note(pool, DL_CORRUPT, "%zu rows of the big-page table contradict the "
			  "page tables or each other", pool->tables.big_bad);
}

enum dl_status pool_scan(struct os *os, const struct pool_options *opts,
			 struct pool *pool, struct dl_err *err)
{
	struct steps s = { .os = os, .pool = pool, .opts = opts };
	enum dl_status st;

	memset(pool, 0, sizeof *pool);
	arena_init(&pool->arena);
	catalog_init(&pool->blocks);
	st = pool_layout_pick(os->layout.machine, os->build, &pool->layout, err);
	if (st)
		return st;
	st = run_steps(&s, err);
	survey_deinit(&s.survey);
	walk_deinit(&s.walk);
	broken_deinit(&s.broken);
	free(s.big.rows);
	if (st)
		return st;
	note_tables(pool);
	quota_recover(os, pool);
	if (!pool->blocks.nr)
		return err_set(err, DL_NOTFOUND,
			       "no pool page among %" PRIu64 " mapped kernel pages",
			       pool->tally.pages[PTE_VALID]);
	return DL_OK;
}

void pool_deinit(struct pool *pool)
{
	catalog_deinit(&pool->blocks);
	free(pool->pages);
	free(pool->tracker);
	arena_deinit(&pool->arena);
	memset(pool, 0, sizeof *pool);
}
