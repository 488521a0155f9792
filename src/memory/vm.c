/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual to physical addresses by the rows of paging.c, one VA at a time or
 * all that is mapped. Transition entries are followed at every level: Windows
 * trims page tables of paged pool like other pages.
 */
#include "dumpleak/memory/vm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void vm_init(struct vm *vm, struct phys *phys, const struct paging_mode *mode,
	     uint64_t root_pa)
{
	memset(vm, 0, sizeof *vm);
	vm->phys = phys;
	vm->mode = mode;
	vm->root_pa = root_pa & mode->root_mask;
}

enum { ENTRY_PRESENT = 1, ENTRY_LARGE = 0x80 };

static uint64_t level_bytes(const struct paging_level *l)
{
	return (uint64_t)1 << l->shift;
}

/* PA of the first byte that a large entry maps. */
static uint64_t large_base(const struct paging_mode *m, uint64_t entry,
			   uint64_t size_bytes)
{
	uint64_t pa = entry & m->pfn_mask & ~(size_bytes - 1);

	if (m->pse36_bits)
		pa |= (entry >> 13 & (((uint64_t)1 << m->pse36_bits) - 1)) << 32;
	return pa;
}

/* One entry of one table, decoded. */
struct step {
	uint64_t entry;
	enum pte_kind kind;
	bool large, last;
	uint64_t base_pa;       /* of the page or of the next table */
};

static void decode(const struct paging_mode *m, unsigned level, uint64_t entry,
		   struct step *s)
{
	const struct paging_level *l = &m->levels[level];

	s->entry = entry;
	s->last = level + 1u == m->nr_levels;
	s->large = !s->last && l->large && (entry & ENTRY_PRESENT) &&
		   (entry & ENTRY_LARGE);
	if (l->software)
		s->kind = pte_kind_of(m, entry);
	else
		s->kind = entry & ENTRY_PRESENT ? PTE_VALID : PTE_NONE;
	s->base_pa = s->large ? large_base(m, entry, level_bytes(l))
			      : entry & m->pfn_mask;
}

static bool usable(const struct step *s)
{
	return s->kind == PTE_VALID || s->kind == PTE_TRANSITION;
}

enum dl_status vm_translate(struct vm *vm, uint64_t va, struct translation *t,
			    struct dl_err *err)
{
	const struct paging_mode *m = vm->mode;
	uint64_t table_pa = vm->root_pa;
	struct step s = { 0 };
	unsigned level = 0;

	memset(t, 0, sizeof *t);
	t->kind = PTE_NONE;
	if (va & ~m->va_mask)
		return err_set(err, DL_ABSENT, "VA %#" PRIx64 " is beyond %s paging",
			       va, m->name);
	for (;; level++) {
		const struct paging_level *l = &m->levels[level];
		uint64_t index = va >> l->shift & (((uint64_t)1 << l->bits) - 1);
		uint64_t pte_pa = table_pa + index * m->entry_bytes;
		uint8_t raw[8];
		enum dl_status st = phys_read(vm->phys, pte_pa, raw, m->entry_bytes, err);

		if (st)
			return err_prefix(err, st, "level %u entry for VA %#" PRIx64,
					  level, va);
		decode(m, level, le_word(raw, m->entry_bytes), &s);
		t->pte = s.entry;
		t->pte_pa = pte_pa;
		t->kind = s.kind;
		t->level = (uint8_t)level;
		if (!usable(&s))
			return err_set(err, DL_ABSENT,
				       "VA %#" PRIx64 ": level %u entry %#" PRIx64 " is %s",
				       va, level, s.entry, pte_kind_name(s.kind));
		if (s.large || s.last)
			break;
		table_pa = s.base_pa;
	}
	t->page_bytes = level_bytes(&m->levels[level]);
	t->pa = s.base_pa + (va & (t->page_bytes - 1));
	return DL_OK;
}

enum dl_status vm_page(struct vm *vm, uint64_t va, const uint8_t **page,
		       struct dl_err *err)
{
	uint64_t vpn = va >> PAGE_SHIFT;
	size_t slot = vpn % VM_TLB;
	struct translation t;
	enum dl_status st;

	if (vm->tlb[slot].page != vpn + 1) {
		st = vm_translate(vm, va, &t, err);
		if (st)
			return st;
		vm->tlb[slot].page = vpn + 1;
		vm->tlb[slot].pfn = t.pa >> PAGE_SHIFT;
	}
	return phys_page(vm->phys, vm->tlb[slot].pfn, page, err);
}

enum dl_status vm_read(struct vm *vm, uint64_t va, void *buf, size_t n,
		       struct dl_err *err)
{
	uint8_t *out = buf;

	while (n) {
		size_t off = va & (PAGE_BYTES - 1), part = PAGE_BYTES - off;
		const uint8_t *page;
		enum dl_status st = vm_page(vm, va, &page, err);

		if (st)
			return st;
		if (part > n)
			part = n;
		memcpy(out, page + off, part);
		out += part;
		n -= part;
		if (n && va > UINT64_MAX - part)
			return err_set(err, DL_ABSENT, "read runs past the last address");
		va += part;
	}
	return DL_OK;
}

enum dl_status vm_word(struct vm *vm, uint64_t va, size_t width, uint64_t *out,
		       struct dl_err *err)
{
	uint8_t raw[8] = { 0 };
	enum dl_status st = vm_read(vm, va, raw, width, err);

	if (!st)
		*out = le_word(raw, width);
	return st;
}

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

static bool in_self_map(const struct paging_mode *m, uint64_t va, uint64_t span)
{
	return va >= m->self_first_va && va + (span - 1) <= m->self_last_va;
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

	decode(m, level, entry, &s);
	if (s.large)
		return emit_large(e, va, &s, level_bytes(&m->levels[level]));
	if (!usable(&s)) {
		if (s.last)
			e->tally->pages[s.kind]++;
		return DL_OK;
	}
	if (s.last)
		return emit(e, va, &s, 1);
	return enter_table(e, s.base_pa, level + 1, va);
}

static enum dl_status walk_table(struct enumeration *e, uint64_t table_pa,
				 unsigned level, uint64_t table_va)
{
	const struct paging_mode *m = e->vm->mode;
	const struct paging_level *l = &m->levels[level];
	uint64_t span = level_bytes(l);
	size_t nr = (size_t)1 << l->bits, bytes = nr * m->entry_bytes;
	uint8_t table[PAGE_BYTES];      /* a copy: the cache may turn over below */

	if (phys_read(e->vm->phys, table_pa, table, bytes, NULL)) {
		e->tally->tables_absent++;
		return DL_OK;
	}
	e->tally->tables++;
	for (size_t i = 0; i < nr; i++) {
		uint64_t va = table_va + i * span;
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

enum dl_status vm_runs(struct vm *vm, uint64_t first_va, uint64_t last_va,
		       vm_run_fn fn, void *ctx, struct vm_tally *tally,
		       struct dl_err *err)
{
	struct enumeration e = {
		.vm = vm, .fn = fn, .ctx = ctx, .tally = tally, .err = err,
		.first_va = first_va & ~(uint64_t)(PAGE_BYTES - 1),
		.last_va = last_va < vm->mode->va_mask ? last_va : vm->mode->va_mask,
	};
	enum dl_status st = enter_table(&e, vm->root_pa, 0, 0);

	if (!st)
		st = flush(&e);
	free(e.seen.slot);
	return st == DL_END ? DL_OK : st;
}
