/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that page tables map, in rising order of VA. Bounded by the tables in the
 * dump: none is entered twice.
 */
#include "walk.h"

#include <stdlib.h>

/* Tables already walked: a set of PFNs, open addressing. */
struct seen {
	uint64_t *slot;         /* PFN + 1, 0 is empty */
	size_t cap, used;
};

static bool seen_put(struct seen *s, uint64_t key, size_t mask)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & mask;

	for (; s->slot[i]; i = (i + 1) & mask)
		if (s->slot[i] == key)
			return false;
	s->slot[i] = key;
	return true;
}

static enum dl_status seen_grow(struct seen *s)
{
	struct seen bigger = { NULL, s->cap ? s->cap * 2 : 1024, s->used };

	bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
	if (!bigger.slot)
		return DL_NOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->slot[i])
			seen_put(&bigger, s->slot[i], bigger.cap - 1);
	free(s->slot);
	*s = bigger;
	return DL_OK;
}

static enum dl_status seen_add(struct seen *s, uint64_t pfn, bool *is_new)
{
	if (s->used * 2 >= s->cap && seen_grow(s))
		return DL_NOMEM;
	*is_new = seen_put(s, pfn + 1, s->cap - 1);
	s->used += *is_new;
	return DL_OK;
}

struct enumeration {
	struct vm *vm;
	uint64_t first_va, last_va;
	vm_run_fn fn;
	void *ctx;
	struct vm_tally *tally;
	struct seen seen;
	struct vm_run run;      /* being gathered; nr_pages 0: none */
	struct dl_err *err;
};

static enum dl_status flush(struct enumeration *e)
{
	enum dl_status st = e->run.nr_pages ? e->fn(e->ctx, &e->run) : DL_OK;

	e->run.nr_pages = 0;
	return st;
}

static enum dl_status emit(struct enumeration *e, uint64_t va,
			   const struct step *s, uint64_t nr_pages)
{
	struct vm_run *r = &e->run;
	bool transition = s->kind == PTE_TRANSITION;
	uint64_t pfn = s->base_pa >> PAGE_SHIFT;
	enum dl_status st;

	e->tally->pages[s->kind] += nr_pages;
	e->tally->large_pages += s->large ? nr_pages : 0;
	if (r->nr_pages && !r->large && !s->large && r->transition == transition &&
	    va == r->va + (r->nr_pages << PAGE_SHIFT) && pfn == r->pfn + r->nr_pages) {
		r->nr_pages++;
		return DL_OK;
	}
	st = flush(e);
	*r = (struct vm_run){
		.va = va, .pfn = pfn, .nr_pages = nr_pages,
		.large = s->large, .transition = transition,
	};
	return st;
}

/* Cut a large page to the asked range. */
static enum dl_status emit_large(struct enumeration *e, uint64_t va,
				 struct step *s, uint64_t size_bytes)
{
	uint64_t last = va + (size_bytes - 1);

	if (va < e->first_va) {
		s->base_pa += e->first_va - va;
		va = e->first_va;
	}
	if (last > e->last_va)
		last = e->last_va;
	return emit(e, va, s, (last - va + 1) >> PAGE_SHIFT);
}

/* Only the fixed windows: a movable one is the root entry that names the root. */
static bool in_self_map(const struct paging_mode *m, uint64_t va, uint64_t span)
{
	return m->self_last_va && va >= m->self_first_va &&
	       va + (span - 1) <= m->self_last_va;
}

static enum dl_status walk_table(struct enumeration *e, uint64_t table_pa,
				 unsigned level, uint64_t table_va);

static enum dl_status enter_table(struct enumeration *e, uint64_t table_pa,
				  unsigned level, uint64_t va)
{
	bool is_new;

	if (seen_add(&e->seen, table_pa >> PAGE_SHIFT, &is_new))
		return err_set(e->err, DL_NOMEM, "out of memory for page tables");
	if (is_new)
		return walk_table(e, table_pa, level, va);
	if (!e->tally->tables_repeated++)
		e->tally->repeated_va = va;
	return DL_OK;
}

static enum dl_status walk_entry(struct enumeration *e, uint64_t entry,
				 unsigned level, uint64_t va)
{
	const struct paging_mode *m = e->vm->mode;
	struct step s;

	step_decode(e->vm, level, entry, &s);
	if (s.large)
		return emit_large(e, va, &s, level_bytes(&m->levels[level]));
	if (!step_usable(&s)) {
		if (s.last)
			e->tally->pages[s.kind]++;
		return DL_OK;
	}
	if (s.last)
		return emit(e, va, &s, 1);
	if (m->self_movable && !level && s.base_pa == e->vm->root_pa)
		return DL_OK;
	return enter_table(e, s.base_pa, level + 1, va);
}

static enum dl_status walk_table(struct enumeration *e, uint64_t table_pa,
				 unsigned level, uint64_t table_va)
{
	const struct paging_mode *m = e->vm->mode;
	const struct paging_level *l = &m->levels[level];
	uint64_t span = level_bytes(l);
	size_t nr = (size_t)1 << l->bits, bytes = nr * m->entry_bytes;
	uint8_t table[PAGE_BYTES] = { 0 };      /* a copy: the cache may turn over below */

	if (phys_read(e->vm->phys, table_pa, table, bytes, NULL)) {
		e->tally->tables_absent++;
		return DL_OK;
	}
	e->tally->tables++;
	for (size_t i = 0; i < nr; i++) {
		uint64_t va = va_extended(m, table_va + i * span);
		enum dl_status st;

		if (va + (span - 1) < e->first_va || in_self_map(m, va, span))
			continue;
		if (va > e->last_va)
			break;
		st = walk_entry(e, le_word(table + i * m->entry_bytes, m->entry_bytes),
				level, va);
		if (st)
			return st;
	}
	return DL_OK;
}

/* Both tables' entries side by side; only PAE has the difference below the root. */
static enum dl_status walk_besides(struct enumeration *e, uint64_t table_pa, uint64_t base_pa,
				   unsigned level, uint64_t table_va)
{
	const struct paging_mode *m = e->vm->mode;
	const struct paging_level *l = &m->levels[level];
	size_t nr = (size_t)1 << l->bits, bytes = nr * m->entry_bytes;
	uint8_t table[PAGE_BYTES] = { 0 }, base[PAGE_BYTES] = { 0 };
	enum dl_status st = DL_OK;

	if (phys_read(e->vm->phys, table_pa, table, bytes, NULL) ||
	    phys_read(e->vm->phys, base_pa, base, bytes, NULL))
		return DL_OK;
	for (size_t i = 0; i < nr && !st; i++) {
		uint64_t va = va_extended(m, table_va + i * level_bytes(l));
		uint64_t mine = le_word(table + i * m->entry_bytes, m->entry_bytes);
		uint64_t its = le_word(base + i * m->entry_bytes, m->entry_bytes);
		struct step a, b;

		if (va < e->first_va || mine == its || in_self_map(m, va, level_bytes(l)))
			continue;
		if (va > e->last_va)
			break;
		step_decode(e->vm, level, mine, &a);
		step_decode(e->vm, level, its, &b);
		if (b.kind == PTE_NONE)
			st = walk_entry(e, mine, level, va);
		else if (!level && m->nr_levels == 3 && step_usable(&a) && step_usable(&b))
			st = walk_besides(e, a.base_pa, b.base_pa, 1, va);
	}
	return st;
}

enum dl_status vm_runs_besides(struct vm *vm, uint64_t base_root_pa, uint64_t first_va,
			       uint64_t last_va, vm_run_fn fn, void *ctx,
			       struct vm_tally *tally, struct dl_err *err)
{
	struct enumeration e = {
		.vm = vm, .fn = fn, .ctx = ctx, .tally = tally, .err = err,
		.first_va = first_va & ~(uint64_t)(PAGE_BYTES - 1),
		.last_va = last_va < vm->mode->va_mask ? last_va : vm->mode->va_mask,
	};
	enum dl_status st = DL_OK;

	if (vm->mode->nr_levels)
		st = walk_besides(&e, vm->root_pa, base_root_pa, 0, 0);
	if (!st)
		st = flush(&e);
	free(e.seen.slot);
	return st == DL_END ? DL_OK : st;
}

enum dl_status vm_runs(struct vm *vm, uint64_t first_va, uint64_t last_va,
		       vm_run_fn fn, void *ctx, struct vm_tally *tally,
		       struct dl_err *err)
{
	struct enumeration e = {
		.vm = vm, .fn = fn, .ctx = ctx, .tally = tally, .err = err,
		.first_va = first_va & ~(uint64_t)(PAGE_BYTES - 1),
		.last_va = last_va < vm->mode->va_mask ? last_va : vm->mode->va_mask,
	};
	enum dl_status st = DL_OK;

	if (vm->mode->nr_levels)
		st = enter_table(&e, vm->root_pa, 0, 0);
	if (!st)
		st = flush(&e);
	free(e.seen.slot);
	return st == DL_END ? DL_OK : st;
}
