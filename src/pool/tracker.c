/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PoolTrackTable, the kernel's per-tag counters, to rows by tag. Its size is in
 * no table of contents: rows are read as long as they can be rows. Not here
 * yet: per-processor tables (Vista and later).
 */
#include "dumpleak/pool/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* 2^16 rows: 32 times what the largest known kernel of this kind has. */
enum { MAX_ROWS = 1 << 16 };

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

/*
 * Nothing outstanding means no bytes. The reverse is not asked: counters are
 * updated one after the other, and a stopped machine may be in between.
 */
static bool row_plausible(const struct tracker_row *r)
{
	if (!r->tag)
		return !r->allocs[0] && !r->frees[0] && !r->bytes[0] &&
		       !r->allocs[1] && !r->frees[1] && !r->bytes[1];
	if (!printable_tag(r->tag))
		return false;
	for (int i = 0; i < 2; i++)
		if (!r->allocs[i] && (r->frees[i] || r->bytes[i]))
			return false;
	return true;
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

/* One row per tag: the overflow row and copies of a tag are summed. */
static void merge_rows(struct pool *pool)
{
	size_t n = 0;

	if (!pool->nr_tracker)
		return;
	qsort(pool->tracker, pool->nr_tracker, sizeof *pool->tracker, by_tag);
	for (size_t i = 1; i < pool->nr_tracker; i++) {
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
}

static enum dl_status read_rows(struct os *os, struct pool *pool, uint64_t table_va,
				struct dl_err *err)
{
	const struct tracker_layout *l = &pool->layout.tracker;
	uint8_t raw[64];
	size_t cap = 0, i;

	for (i = 0; i < MAX_ROWS; i++) {
		struct tracker_row r;
		enum dl_status st = kdata_row(os, table_va + i * l->stride, raw, l->stride);

		pool->tables.tracker_absent += st == DL_ABSENT;
		if (st == DL_ABSENT)
			continue;
		if (st)
			break;
		row_get(l, raw, &r);
		if (!row_plausible(&r))
			break;
		st = r.tag ? keep_row(pool, &cap, &r, err) : DL_OK;
		if (st)
			return st;
	}
	pool->tables.tracker_rows = i;
	return DL_OK;
}

enum dl_status tracker_read(struct os *os, struct pool *pool, struct dl_err *err)
{
	uint64_t table_va;
	enum dl_status st;

	if (!kdbg_variable(&os->vm, &os->kdbg, KDBG_POOL_TRACK_TABLE, &table_va) ||
	    !table_va) {
		pool_note(pool, DL_ABSENT, "PoolTrackTable was not found: the kernel's own "
			  "counters are missing from this report");
		return DL_OK;
	}
	st = read_rows(os, pool, table_va, err);
	if (st)
		return st;
	if (!pool->nr_tracker) {
		pool_note(pool, DL_CORRUPT, "PoolTrackTable at %#" PRIx64 " holds no row that "
			  "can be one", table_va);
		return DL_OK;
	}
	pool->tables.tracker_known = true;
	pool->tables.tracker_va = table_va;
	merge_rows(pool);
	return DL_OK;
}

const struct tracker_row *pool_tracker_row(const struct pool *pool, uint32_t tag)
{
	struct tracker_row key = { .tag = tag & 0x7fffffff };

	if (!pool->nr_tracker)
		return NULL;
	return bsearch(&key, pool->tracker, pool->nr_tracker, sizeof key, by_tag);
}
