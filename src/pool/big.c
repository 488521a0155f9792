/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The big-page table (POOL_TRACKER_BIG_PAGES) to allocations of whole pages.
 * No debugger data names it: without symbols it is found by its content, behind
 * a page-aligned pointer in the kernel's writable data.
 */
#include "dumpleak/pool/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_BIG_ROWS = 1 << 24,
	ENOUGH_ROWS = 64,       /* rows in a row, before a table is believed in */
	ENOUGH_USED = 4,
	VA_FREE = 1,            /* bit 0 of Va: the row is free                 */
	MAX_ALLOC_PAGES = 1 << 19,
	BAD_RUN = 8,            /* rows in a row that are none end the table    */
	BAD_SHARE = 16,         /* and at most this part of all may be damaged  */
	MAX_STRIDE = 64,
};

struct big_row {
	uint64_t va, size_bytes;
	uint32_t tag;
	bool free;
	uint8_t pool;           /* enum pool_kind */
	bool pool_known;
};

static bool tag_plausible(uint32_t tag)
{
	for (int i = 0; i < 4; i++, tag >>= 8)
		if ((tag & 0x7f) < 0x20 && (tag & 0xff))
			return false;
	return true;
}

/* NonPagedPoolNx is nonpaged: its bit says no more than that. */
static void kind_get(struct bytes b, struct field type, struct big_row *r)
{
	enum { PAGED = 1, SESSION = 0x20 };
	uint64_t v = 0;

	r->pool_known = field_get(b, type, &v);
	r->pool = v & SESSION ? POOL_SESSION : v & PAGED ? POOL_PAGED : POOL_NONPAGED;
}

/* One row; false if these bytes cannot be one. */
static bool row_get(const struct os *os, const struct big_layout *l,
		    const uint8_t *raw, struct big_row *r)
{
	struct bytes b = { raw, l->stride };
	uint64_t va = field_or(b, l->va, 0), pages = field_or(b, l->pages, 0);

	r->free = va & VA_FREE;
	r->va = va & ~(uint64_t)VA_FREE;
	r->tag = (uint32_t)field_or(b, l->key, 0);
	kind_get(b, l->type, r);
	r->size_bytes = field_has(l->bytes) ? field_or(b, l->bytes, 0)
					    : pages << PAGE_SHIFT;
	if (r->va & (PAGE_BYTES - 1))
		return false;
	if (r->free)    /* never used rows hold exactly 1 */
		return !r->va || os_is_kernel_va(os, r->va);
	return os_is_kernel_va(os, r->va) && r->size_bytes &&
	       r->size_bytes >> PAGE_SHIFT <= MAX_ALLOC_PAGES &&
	       tag_plausible(r->tag);
}

struct big_search {
	struct os *os;
	struct pool *pool;
	uint64_t near_va;       /* of the PoolTrackTable variable, 0 unknown */
	uint64_t table_va, variable_va;
	size_t rows, used;
	size_t budget;          /* rows that may still be looked at, of all tables tried */
};

/*
 * How many rows from @table_va on can be rows, and how many are in use. A few
 * damaged ones do not end the table.
 */
static size_t count_rows(struct big_search *s, uint64_t table_va, size_t *used)
{
	const struct big_layout *l = &s->pool->layout.big;
	size_t n, rows = 0, bad = 0;

	*used = 0;
	for (n = 0; n < MAX_BIG_ROWS && s->budget; n++, s->budget--) {
		uint8_t raw[MAX_STRIDE] = { 0 };
		struct big_row r;
		enum dl_status st = kdata_row(s->os, table_va + n * l->stride, raw, l->stride);

		if (st == DL_ABSENT)
			continue;
		if (st)
			break;
		if (!row_get(s->os, l, raw, &r)) {
			bad++;
			if (n - rows >= BAD_RUN || bad > 1 + rows / BAD_SHARE)
				break;
			continue;
		}
		*used += !r.free;
		rows = n + 1;
	}
	return rows;
}

static void try_table(struct big_search *s, uint64_t variable_va, uint64_t table_va)
{
	size_t used, rows;

	if (table_va == s->table_va || table_va == s->pool->tables.tracker_va)
		return;
	rows = count_rows(s, table_va, &used);
	if (rows < ENOUGH_ROWS || used < ENOUGH_USED || used <= s->used)
		return;
	s->rows = rows;
	s->used = used;
	s->table_va = table_va;
	s->variable_va = variable_va;
}

static enum dl_status search_page(void *ctx, uint64_t va, const uint8_t *page)
{
	struct big_search *s = ctx;
	unsigned step = s->os->layout.ptr_bytes;

	for (unsigned off = 0; off < PAGE_BYTES; off += step) {
		uint64_t p = le_word(page + off, step);

		if (p & (PAGE_BYTES - 1) || !os_is_kernel_va(s->os, p) ||
		    os_module_at(s->os, p))
			continue;
		try_table(s, va + off, p);
	}
	return DL_OK;
}

static int by_va(const void *a, const void *b)
{
	const struct big_block *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

/* One row that cannot be right, with what its neighbours in the table describe. */
void big_row_fault(struct os *os, struct pool *pool, size_t i)
{
	const struct big_layout *l = &pool->layout.big;
	uint64_t va = pool->tables.big_va + i * l->stride;
	struct pool_fault x = {
		.page_va = va & ~(uint64_t)(PAGE_BYTES - 1), .bad_va = va,
		.kind = FAULT_BIG_ROW, .pool = POOL_NONPAGED,
	};
	uint8_t raw[MAX_STRIDE] = { 0 };
	struct big_row r;

	pool->tables.big_bad++;
	vm_read(&os->vm, va, x.found, l->stride < sizeof x.found ? l->stride : sizeof x.found,
		NULL);
	if (i && !kdata_row(os, va - l->stride, raw, l->stride) && row_get(os, l, raw, &r) &&
	    !r.free) {
		x.before_va = r.va;
		x.before_tag = r.tag;
	}
	if (i + 1 < pool->tables.big_rows && !kdata_row(os, va + l->stride, raw, l->stride) &&
	    row_get(os, l, raw, &r) && !r.free) {
		x.after_va = r.va;
		x.after_tag = r.tag;
	}
	pool_fault_add(pool, &x);
}

static bool overlaps(const struct big_block *a, const struct big_block *b)
{
	return b->va - a->va < a->size_bytes;
}

/*
 * Overlapping rows contradict each other. One that covers several others is
 * wrong itself, else the one at the lower address is kept.
 */
static void drop_overlaps(struct os *os, struct pool *pool, struct big_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nr; i++) {
		struct big_block *last = n ? &t->rows[n - 1] : NULL;
		const struct big_block *next = i + 1 < t->nr ? &t->rows[i + 1] : NULL;

		if (last && overlaps(last, &t->rows[i])) {
			bool last_lies = next && overlaps(last, next) &&
					 !overlaps(&t->rows[i], next);

			big_row_fault(os, pool, last_lies ? last->row : t->rows[i].row);
			if (last_lies)
				*last = t->rows[i];
			continue;
		}
		t->rows[n++] = t->rows[i];
	}
	t->nr = n;
}

/*
 * A row in use is taken unless the page tables deny its first page: that they
 * are missing themselves, or name the page file, is no denial.
 */
static bool row_mapped(struct os *os, const struct big_row *r)
{
	struct translation t = { .kind = PTE_NONE };

	if (r->size_bytes - 1 > os->vm.mode->va_mask - r->va)
		return false;
	/* session space is another one in each session */
	if (r->pool_known && r->pool == POOL_SESSION)
		return true;
	return !vm_translate(&os->vm, r->va, &t, NULL) || t.kind != PTE_NONE;
}

/* More allocations than this machine has pages, resident or not, are garbage. */
static size_t rows_limit(struct os *os)
{
	enum { PAGED_OUT_SHARE = 8, SMALL_MACHINE = 1 << 16 };

	return (size_t)(survey_memory_pages(os) * PAGED_OUT_SHARE + SMALL_MACHINE);
}

static enum dl_status keep_row(struct big_table *t, size_t *cap, const struct big_row *r,
			       size_t row, struct dl_err *err)
{
	struct big_block *rows = vec_grow(t->rows, cap, t->nr + 1, sizeof *rows);

	if (!rows)
		return err_set(err, DL_NOMEM, "out of memory for big allocations");
	t->rows = rows;
	rows[t->nr++] = (struct big_block){
		.va = r->va, .tag = r->tag, .row = (uint32_t)row,
		.size_bytes = (r->size_bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1),
		.pool = r->pool, .pool_known = r->pool_known,
	};
	return DL_OK;
}

static enum dl_status read_rows(struct os *os, struct pool *pool, struct big_table *t,
				struct dl_err *err)
{
	const struct big_layout *l = &pool->layout.big;
	const size_t limit = rows_limit(os);
	size_t cap = 0;

	for (size_t i = 0; i < pool->tables.big_rows; i++) {
		uint8_t raw[MAX_STRIDE] = { 0 };
		struct big_row r;
		enum dl_status st;

		if (kdata_row(os, pool->tables.big_va + i * l->stride, raw, l->stride)) {
			pool->tables.big_absent++;
			continue;
		}
		if (!row_get(os, l, raw, &r)) {
			big_row_fault(os, pool, i);
			continue;
		}
		if (r.free) {
			pool->tables.big_free++;
			continue;
		}
		if (t->nr >= limit || !row_mapped(os, &r)) {
			big_row_fault(os, pool, i);
			continue;
		}
		st = keep_row(t, &cap, &r, i, err);
		if (st)
			return st;
	}
	if (t->nr)
		qsort(t->rows, t->nr, sizeof *t->rows, by_va);
	drop_overlaps(os, pool, t);
	pool->tables.big_used = t->nr;
	return DL_OK;
}

/* PoolBigPageTable and how many rows it has, both variables. */
static bool table_by_symbols(struct big_search *s)
{
	uint64_t va, rows;

	if (!kdata_pointer(s->os, "PoolBigPageTable", &va) || !os_is_kernel_va(s->os, va) ||
	    va & (PAGE_BYTES - 1) || !kdata_pointer(s->os, "PoolBigPageTableSize", &rows) ||
	    !rows || rows & (rows - 1) || rows > MAX_BIG_ROWS)
		return false;
	s->table_va = va;
	s->rows = (size_t)rows;
	return true;
}

enum dl_status big_read(struct os *os, struct pool *pool, struct big_table *out,
			struct dl_err *err)
{
	struct big_search s = { .os = os, .pool = pool, .budget = 2 * MAX_BIG_ROWS };

	*out = (struct big_table){ 0 };
	kdbg_value(&os->kdbg, KDBG_POOL_TRACK_TABLE, &s.near_va);
	if (table_by_symbols(&s))
		pool->tables.big_how = "by symbols";
	else
		kdata_pages(os, search_page, &s);
	if (!s.rows) {
		pool_note(pool, DL_ABSENT, "the big-page table was not found: allocations of "
			  "a page and more are missing from this report");
		return DL_OK;
	}
	pool->tables.big_known = true;
	pool->tables.big_va = s.table_va;
	pool->tables.big_rows = s.rows;
	if (!pool->tables.big_how)
		pool->tables.big_how = s.near_va && s.variable_va - s.near_va + 0x40 <= 0x80
				       ? "beside PoolTrackTable" : "by content";
	return read_rows(os, pool, out, err);
}

bool big_covers(const struct big_table *t, uint64_t va)
{
	size_t above = t->nr ? SORTED_LOWER(t->rows, t->nr, va, va + 1) : 0;

	return above && va - t->rows[above - 1].va < t->rows[above - 1].size_bytes;
}
