/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PoolTrackTable, the kernel's per-tag counters, to rows by tag: the table
 * itself, since Vista one for each processor, and the expansion table, summed.
 * tracker_find.c finds them. Their size is in no table of contents: rows are
 * read as long as they can be rows.
 */
#include "dumpleak/pool/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* 2^16 rows: 32 times what the largest known kernel of this kind has. */
enum { MAX_ROWS = 1 << 16, MAX_TAGS = 1 << 20, MAX_STRIDE = 96 };

static bool printable_tag(uint32_t key)
{
	for (int i = 0; i < 4; i++, key >>= 8) {
		unsigned c = key & 0x7f;

		/* short tags end in NULs; a few old drivers use other bytes */
		if (c && c < 0x20)
			return false;
	}
	return true;
}

static void row_get(const struct tracker_layout *l, const uint8_t *raw,
		    struct tracker_row *r)
{
	struct bytes b = { raw, l->stride };

	r->tag = (uint32_t)field_or(b, l->key, 0) & 0x7fffffff;
	for (int i = 0; i < 2; i++) {
		r->allocs[i] = field_or(b, l->pool[i].allocs, 0);
		r->frees[i] = field_or(b, l->pool[i].frees, 0);
		r->bytes[i] = field_or(b, l->pool[i].bytes, 0);
	}
}

/* A count of one processor of several may be negative, but not arbitrary. */
static bool count_plausible(uint64_t v)
{
	const uint64_t limit = (uint64_t)1 << 48;

	return v + limit <= 2 * limit;
}

/*
 * Drivers use tags of any bytes: a row whose tag is no text still is one if its
 * counters say so by themselves. Those of 32 bits for one processor cannot.
 */
static bool counters_sure(const struct tracker_layout *l, const struct tracker_row *r)
{
	const uint64_t limit = (uint64_t)1 << 40;

	for (int i = 0; i < 2; i++) {
		uint64_t held = r->allocs[i] - r->frees[i];

		if (l->pool[i].allocs.width == 8) {
			if (r->allocs[i] + limit > 2 * limit || r->frees[i] + limit > 2 * limit ||
			    r->bytes[i] + limit > 2 * limit)
				return false;
		} else if (l->per_processor || r->frees[i] > r->allocs[i] ||
			   (held == 0) != (r->bytes[i] == 0) || r->bytes[i] / 8 < held) {
			return false;
		}
	}
	return r->allocs[0] || r->allocs[1];
}

/*
 * Where there is one table, nothing outstanding means no bytes. The reverse is
 * not asked: counters are updated one after the other, and a stopped machine may
 * be in between.
 */
static bool row_plausible(const struct tracker_layout *l, const struct tracker_row *r)
{
	if (!r->tag)
		return !r->allocs[0] && !r->frees[0] && !r->bytes[0] &&
		       !r->allocs[1] && !r->frees[1] && !r->bytes[1];
	if (!printable_tag(r->tag) && !counters_sure(l, r))
		return false;
	for (int i = 0; i < 2; i++) {
		if (l->per_processor) {
			if (!count_plausible(r->allocs[i]) || !count_plausible(r->frees[i]) ||
			    !count_plausible(r->bytes[i]))
				return false;
		} else if (!r->allocs[i] && (r->frees[i] || r->bytes[i])) {
			return false;
		}
	}
	return true;
}

enum dl_status tracker_row_at(struct os *os, const struct tracker_layout *l, uint64_t va,
			      struct tracker_row *r)
{
	uint8_t raw[MAX_STRIDE] = { 0 };
	enum dl_status st;

	if (l->stride > sizeof raw)
		return DL_END;
	st = kdata_row(os, va, raw, l->stride);
	if (st)
		return st;
	row_get(l, raw, r);
	return row_plausible(l, r) ? DL_OK : DL_CORRUPT;
}

static enum dl_status keep_row(struct pool *pool, size_t *cap,
			       const struct tracker_row *r, struct dl_err *err)
{
	struct tracker_row *rows = vec_grow(pool->tracker, cap, pool->nr_tracker + 1,
					    sizeof *rows);

	if (!rows)
		return err_set(err, DL_NOMEM, "out of memory for tracker rows");
	pool->tracker = rows;
	rows[pool->nr_tracker++] = *r;
	return DL_OK;
}

static int by_tag(const void *a, const void *b)
{
	const struct tracker_row *x = a, *y = b;

	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

/* What several processors counted, as one counter of the same width would. */
static void wrap(struct field f, uint64_t *v)
{
	if (f.width == 4)
		*v &= UINT32_MAX;
}

static void wrap_row(const struct tracker_layout *l, struct tracker_row *r)
{
	for (int k = 0; k < 2; k++) {
		wrap(l->pool[k].allocs, &r->allocs[k]);
		wrap(l->pool[k].frees, &r->frees[k]);
		wrap(l->pool[k].bytes, &r->bytes[k]);
		/* allocations began to count from 0 again, frees have not yet */
		if (l->pool[k].allocs.width == 4 && r->frees[k] > r->allocs[k] &&
		    r->frees[k] - r->allocs[k] > INT32_MAX)
			r->allocs[k] += (uint64_t)1 << 32;
	}
}

/* One row per tag: the overflow row and copies of a tag are summed. */
static void merge_rows(struct pool *pool)
{
	size_t n = 0, i;

	if (!pool->nr_tracker)
		return;
	qsort(pool->tracker, pool->nr_tracker, sizeof *pool->tracker, by_tag);
	for (i = 1; i < pool->nr_tracker; i++) {
		struct tracker_row *to = &pool->tracker[n], *from = &pool->tracker[i];

		if (to->tag != from->tag) {
			pool->tracker[++n] = *from;
			continue;
		}
		for (int k = 0; k < 2; k++) {
			to->allocs[k] += from->allocs[k];
			to->frees[k] += from->frees[k];
			to->bytes[k] += from->bytes[k];
		}
	}
	pool->nr_tracker = n + 1;
	for (i = 0; i <= n; i++)
		wrap_row(&pool->layout.tracker, &pool->tracker[i]);
}

/*
 * All rows from @table_va up to @end_va, where another table begins. A row that
 * was overwritten does not end the table: several in a row do.
 */
static enum dl_status read_rows(struct os *os, struct pool *pool, uint64_t table_va,
				uint64_t end_va, size_t *cap, struct dl_err *err)
{
	enum { BAD_RUN = 4 };
	const struct tracker_layout *l = &pool->layout.tracker;
	size_t i, rows = 0;

	for (i = 0; i < MAX_ROWS && end_va - table_va >= (i + 1) * l->stride &&
	     i < rows + BAD_RUN; i++) {
		struct tracker_row r = { 0 };
		enum dl_status st = tracker_row_at(os, l, table_va + i * l->stride, &r);

		pool->tables.tracker_absent += st == DL_ABSENT;
		if (st == DL_END)
			break;
		if (st == DL_CORRUPT)
			continue;
		rows = i + 1;
		st = !st && r.tag ? keep_row(pool, cap, &r, err) : DL_OK;
		if (st)
			return st;
	}
	if (table_va == pool->tables.tracker_va)
		pool->tables.tracker_rows = rows;
	return DL_OK;
}

enum dl_status tracker_read(struct os *os, struct pool *pool, struct dl_err *err)
{
	struct tracker_tables t;
	size_t cap = 0;
	enum dl_status st = tracker_find(os, pool, &t, err);

	pool->tables.tracker_va = t.main_va;
	/* summed one by one, so that memory does not grow with their number */
	for (size_t i = 0; !st && i < t.nr && pool->nr_tracker < MAX_TAGS; i++) {
		st = read_rows(os, pool, t.va[i], i + 1 < t.nr ? t.va[i + 1] : UINT64_MAX,
			       &cap, err);
		merge_rows(pool);
	}
	free(t.va);
	if (st)
		return st;
	if (!t.nr) {
		pool->tables.tracker_va = 0;
		pool_note(pool, DL_ABSENT, "PoolTrackTable was not found: the kernel's own "
			  "counters are missing from this report");
		return DL_OK;
	}
	if (!pool->nr_tracker) {
		pool->tables.tracker_va = 0;
		pool_note(pool, DL_CORRUPT, "PoolTrackTable at %#" PRIx64 " holds no row that "
			  "can be one", t.main_va);
		return DL_OK;
	}
	pool->tables.tracker_known = true;
	pool->tables.tracker_tables = t.nr - (t.expansion_va != 0);
	pool->tables.expansion_va = t.expansion_va;
	return DL_OK;
}

const struct tracker_row *pool_tracker_row(const struct pool *pool, uint32_t tag)
{
	struct tracker_row key = { .tag = tag & 0x7fffffff };

	if (!pool->nr_tracker)
		return NULL;
	return bsearch(&key, pool->tracker, pool->nr_tracker, sizeof key, by_tag);
}
