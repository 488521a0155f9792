/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of per-tag counters: PoolTrackTable by KDBG, symbols or content;
 * the processors' tables (ExPoolTagTables) and the expansion table by symbols
 * or, behind page-aligned pointers in the kernel's data, by content: they have
 * rows of the same tags.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>

enum {
	MAX_TABLES = 2048 + 2,  /* processors that Windows supports */
	LOOK_ROWS = 4096,       /* of a candidate */
	ENOUGH_ROWS = 64, ENOUGH_TAGS = 16, FEW_TAGS = 4,
	BAD_SHARE = 32,         /* at most this part of its rows is damaged */
	ROW_BUDGET = 1 << 22,   /* rows looked at, of all candidates */
	NEAR_BYTES = 0x8000,    /* variables of the pool lie together */
	TAG_POOL = 0x6c6f6f50,
};

/* What a candidate shows. */
struct look {
	size_t rows, tags, known_tags;
	size_t counted;         /* tags of which anything was counted */
	bool has_pool;
	uint64_t pool_allocs;
};

struct finder {
	struct os *os;
	struct pool *pool;
	struct tracker_tables *out;
	uint32_t *tags;         /* of the main table, rising */
	size_t nr_tags, cap_tags;
	uint64_t variable_va;   /* of PoolTrackTable, 0 unknown */
	size_t budget;
	uint64_t best_va, best_variable;        /* while the main table is not known */
	size_t best_tags;
	enum dl_status failed;
};

static bool tag_known(const struct finder *f, uint32_t tag)
{
	size_t lo = 0, hi = f->nr_tags;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->tags[mid] < tag)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->nr_tags && f->tags[lo] == tag;
}

static void look_row(const struct finder *f, const struct tracker_row *r, struct look *look)
{
	look->tags++;
	look->known_tags += tag_known(f, r->tag);
	look->counted += r->allocs[0] || r->frees[0] || r->allocs[1] || r->frees[1];
	if (r->tag == TAG_POOL) {
		look->has_pool = true;
		look->pool_allocs = r->allocs[0] + r->allocs[1];
	}
}

/* Rows from @va on, as far as they can be rows. */
static void look_at(struct finder *f, uint64_t va, struct look *look)
{
	const struct tracker_layout *l = &f->pool->layout.tracker;

	size_t bad = 0;

	*look = (struct look){ 0 };
	for (size_t i = 0; i < LOOK_ROWS && f->budget; i++, f->budget--) {
		struct tracker_row r = { 0 };
		enum dl_status st = tracker_row_at(f->os, l, va + i * l->stride, &r);

		if (st == DL_ABSENT)
			continue;
		if (st == DL_CORRUPT && ++bad <= 1 + look->rows / BAD_SHARE)
			continue;
		/* a table that is empty so far is not worth its second page */
		if (st || (!look->tags && i * l->stride >= 2 * PAGE_BYTES))
			return;
		look->rows = i + 1;
		if (r.tag)
			look_row(f, &r, look);
	}
}

static bool table_add(struct finder *f, uint64_t va)
{
	struct tracker_tables *t = f->out;
	uint64_t *p;
	size_t i;

	if (t->nr == MAX_TABLES)
		return false;
	for (i = 0; i < t->nr; i++)
		if (t->va[i] == va)
			return true;
	p = vec_grow(t->va, &t->cap, t->nr + 1, sizeof *p);
	if (!p) {
		f->failed = DL_NOMEM;
		return false;
	}
	t->va = p;
	for (i = t->nr++; i && p[i - 1] > va; i--)
		p[i] = p[i - 1];
	p[i] = va;
	return true;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The tags of the main table, by which the others are known. */
static void learn_tags(struct finder *f)
{
	const struct tracker_layout *l = &f->pool->layout.tracker;

	for (size_t i = 0; i < LOOK_ROWS; i++) {
		struct tracker_row r = { 0 };
		enum dl_status st = tracker_row_at(f->os, l, f->out->main_va + i * l->stride, &r);
		uint32_t *p;

		if (st == DL_END)
			break;
		if (st || !r.tag)
			continue;
		p = vec_grow(f->tags, &f->cap_tags, f->nr_tags + 1, sizeof *p);
		if (!p) {
			f->failed = DL_NOMEM;
			return;
		}
		f->tags = p;
		p[f->nr_tags++] = r.tag;
	}
	if (f->nr_tags)
		qsort(f->tags, f->nr_tags, sizeof *f->tags, by_value);
}

/* Another processor's table: most of its tags are the main table's. */
static bool is_copy(const struct look *k)
{
	return k->rows >= ENOUGH_ROWS && k->known_tags * 4 >= k->tags * 3 &&
	       (k->has_pool ? k->tags >= FEW_TAGS : k->tags >= ENOUGH_TAGS);
}

/*
 * The expansion table holds tags for which one processor's table had no room;
 * other processors' may have had it.
 */
static bool is_expansion(const struct finder *f, const struct look *k, uint64_t variable_va)
{
	return variable_va - f->variable_va + NEAR_BYTES <= 2 * NEAR_BYTES &&
	       k->rows >= ENOUGH_ROWS && k->tags > 1 && !k->has_pool &&
	       k->counted * 2 > k->tags;
}

static void try_pointer(struct finder *f, uint64_t variable_va, uint64_t va)
{
	struct look k;

	for (size_t i = 0; i < f->out->nr; i++)
		if (f->out->va[i] == va)
			return;
	look_at(f, va, &k);
	if (!f->out->main_va) {
		if (k.has_pool && k.pool_allocs && k.rows >= ENOUGH_ROWS &&
		    k.tags >= ENOUGH_TAGS && k.tags > f->best_tags) {
			f->best_tags = k.tags;
			f->best_va = va;
			f->best_variable = variable_va;
		}
		return;
	}
	if (is_copy(&k)) {
		table_add(f, va);
	} else if (!f->out->expansion_va && is_expansion(f, &k, variable_va) &&
		   table_add(f, va)) {
		f->out->expansion_va = va;
	}
}

static enum dl_status search_page(void *ctx, uint64_t va, const uint8_t *page)
{
	struct finder *f = ctx;
	unsigned step = f->os->layout.ptr_bytes;

	for (unsigned off = 0; off < PAGE_BYTES && !f->failed; off += step) {
		uint64_t p = le_word(page + off, step);

		if (!(p & (PAGE_BYTES - 1)) && os_is_kernel_va(f->os, p) &&
		    !os_module_at(f->os, p))
			try_pointer(f, va + off, p);
	}
	return f->failed ? DL_END : DL_OK;
}

/* ExPoolTagTables: an array of pointers, one a processor, up to the first that is none. */
static bool tables_by_symbols(struct finder *f)
{
	unsigned ptr = f->os->layout.ptr_bytes;
	uint64_t array, va;

	if (!kdata_symbol(f->os, "ExPoolTagTables", &array))
		return false;
	for (unsigned i = 0; i < MAX_TABLES; i++) {
		if (vm_word(&f->os->vm, array + (uint64_t)i * ptr, ptr, &va, NULL) ||
		    !os_is_kernel_va(f->os, va) || va & (PAGE_BYTES - 1))
			break;
		table_add(f, va);
	}
	if (kdata_pointer(f->os, "PoolTrackTableExpansion", &va) && os_is_kernel_va(f->os, va) &&
	    table_add(f, va))
		f->out->expansion_va = va;
	return f->out->nr > 1;
}

static void find_main(struct finder *f)
{
	struct os *os = f->os;
	uint64_t va;

	kdbg_value(&os->kdbg, KDBG_POOL_TRACK_TABLE, &f->variable_va);
	if (!kdbg_variable(&os->vm, &os->kdbg, KDBG_POOL_TRACK_TABLE, &va) &&
	    !kdata_pointer(os, "PoolTrackTable", &va))
		va = 0;
	if (va && os_is_kernel_va(os, va)) {
		f->out->main_va = va;
		return;
	}
	kdata_pages(os, search_page, f);
	f->out->main_va = f->best_va;
	f->variable_va = f->best_variable;
	f->budget = ROW_BUDGET;
}

enum dl_status tracker_find(struct os *os, struct pool *pool, struct tracker_tables *out,
			    struct dl_err *err)
{
	struct finder f = { .os = os, .pool = pool, .out = out, .budget = ROW_BUDGET };

	*out = (struct tracker_tables){ 0 };
	find_main(&f);
	if (out->main_va && table_add(&f, out->main_va) && pool->layout.tracker.per_processor &&
	    !tables_by_symbols(&f)) {
		learn_tags(&f);
		kdata_pages(os, search_page, &f);
	}
	free(f.tags);
	return f.failed ? err_set(err, f.failed, "out of memory for tracker tables") : DL_OK;
}
