/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual to physical addresses by the rows of paging.c. Transition entries are
 * followed at every level: Windows trims page tables of paged pool like other
 * pages. Prototype PTEs lead to the PTE that stands for the shared page.
 *
 * Sources: page-tables.md sections 1 and 2.
 */
#include "walk.h"

#include <inttypes.h>
#include <string.h>

enum { PROTOTYPE_DEPTH = 4 };

void vm_init(struct vm *vm, struct phys *phys, const struct paging_mode *mode,
	     uint64_t root_pa)
{
	memset(vm, 0, sizeof *vm);
	vm->phys = phys;
	vm->mode = mode;
	vm->root_pa = root_pa & mode->root_mask;
	vm->software = mode->software;
}

void vm_set_software(struct vm *vm, uint32_t build, uint64_t invalid_pte_mask)
{
	vm->software = *pte_software_of(vm->mode, build);
	vm->invalid_pte_mask = invalid_pte_mask;
	memset(vm->tlb, 0, sizeof vm->tlb);
	memset(vm->upper, 0, sizeof vm->upper);
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

static bool is_present(struct vm *vm, uint64_t pa)
{
	return container_position(vm->phys->container, pa >> PAGE_SHIFT) != UINT64_MAX;
}

/*
 * A transition entry hides its page from speculation by an inverted high bit.
 * Which one is a property of the machine: where no one told, the one without
 * which the page is in the dump.
 */
static uint64_t transition_base(struct vm *vm, uint64_t entry)
{
	enum { LOWEST = 35, HIGHEST = 51 };
	uint64_t pa = entry & vm->mode->pfn_mask;

	if (!vm->software.swizzle || (entry & vm->software.swizzle))
		return pa;
	if (vm->invalid_pte_mask)
		return (entry ^ vm->invalid_pte_mask) & vm->mode->pfn_mask;
	if (is_present(vm, pa))
		return pa;
	for (unsigned bit = HIGHEST; bit >= LOWEST; bit--) {
		uint64_t without = pa & ~((uint64_t)1 << bit);

		if (without != pa && is_present(vm, without))
			return without;
	}
	return pa;
}

void step_decode(struct vm *vm, unsigned level, uint64_t entry, struct step *s)
{
	const struct paging_mode *m = vm->mode;
	const struct paging_level *l = &m->levels[level];

	s->entry = entry;
	s->last = level + 1u == m->nr_levels;
	s->large = !s->last && l->large && (entry & m->large_mask) == m->large_value;
	if (s->large)
		s->kind = PTE_VALID;
	else if (l->software)
		s->kind = pte_kind_in(m, &vm->software, vm->invalid_pte_mask, entry);
	else
		s->kind = entry & 1 ? PTE_VALID : PTE_NONE;
	if (s->large)
		s->base_pa = large_base(m, entry, level_bytes(l));
	else if (s->kind == PTE_TRANSITION)
		s->base_pa = transition_base(vm, entry);
	else
		s->base_pa = entry & m->pfn_mask;
}

/* Where the prototype PTE is that @entry stands for; 0 if that cannot be. */
static uint64_t prototype_va(const struct vm *vm, uint64_t entry)
{
	const struct paging_mode *m = vm->mode;
	uint64_t va;

	if (vm->software.swizzle && !(entry & vm->software.swizzle)) {
		if (!vm->invalid_pte_mask)
			return 0;       /* one bit of the address is wrong, and none tells which */
		entry ^= vm->invalid_pte_mask;
	}
	if (m->entry_bytes == 4 && vm->software.whole_prototype)
		va = 0x80000000 | (entry >> 1 & 0x7ffffc00) | (entry << 1 & 0x3fc);
	else if (m->entry_bytes == 4)
		va = vm->prototype_base_va ? vm->prototype_base_va +
		     ((entry >> 11 << 9) | (entry >> 1 & 0x7f) << 2) : 0;
	else if (m->va_mask == UINT64_MAX)
		va = entry >> 16 | (uint64_t)0xffff << 48;
	else
		va = entry >> 32;
	return va >= m->kernel_first_va && va % m->entry_bytes == 0 && vm_is_canonical(m, va)
		       ? va : 0;
}

static enum dl_status translate(struct vm *vm, uint64_t va, struct translation *t,
				unsigned depth, struct dl_err *err);

/* The page behind a prototype PTE, in place of the entry that led to it. */
static bool follow_prototype(struct vm *vm, struct step *s, unsigned depth)
{
	uint64_t va = prototype_va(vm, s->entry);
	struct translation at;
	struct step shared;
	uint8_t raw[8] = { 0 };

	if (!va || depth == PROTOTYPE_DEPTH || translate(vm, va, &at, depth + 1, NULL) ||
	    phys_read(vm->phys, at.pa, raw, vm->mode->entry_bytes, NULL))
		return false;
	step_decode(vm, vm->mode->nr_levels - 1u, le_word(raw, vm->mode->entry_bytes), &shared);
	if (!step_usable(&shared))
		return false;
	s->base_pa = shared.base_pa;
	return true;
}

/* One entry on the way of @va, read and decoded into @s and @t. */
static enum dl_status step_read(struct vm *vm, uint64_t va, uint64_t table_pa,
				unsigned level, struct step *s, struct translation *t,
				struct dl_err *err)
{
	const struct paging_mode *m = vm->mode;
	const struct paging_level *l = &m->levels[level];
	uint64_t index = va >> l->shift & (((uint64_t)1 << l->bits) - 1);
	uint8_t raw[8] = { 0 };
	enum dl_status st;

	t->pte_pa = table_pa + index * m->entry_bytes;
	st = phys_read(vm->phys, t->pte_pa, raw, m->entry_bytes, err);
	if (st)
		return err_prefix(err, st, "level %u entry for VA %#" PRIx64, level, va);
	step_decode(vm, level, le_word(raw, m->entry_bytes), s);
	t->pte = s->entry;
	t->kind = s->kind;
	t->level = (uint8_t)level;
	return DL_OK;
}

/* Where walks of three levels and more may begin instead of at the root. */
static unsigned upper_find(const struct vm *vm, uint64_t va, uint64_t *table_pa)
{
	const struct paging_mode *m = vm->mode;
	uint64_t key;

	if (m->nr_levels < 3)
		return 0;
	key = va >> m->levels[m->nr_levels - 3].shift;
	if (vm->upper[key % VM_UPPER].key != key + 1)
		return 0;
	*table_pa = vm->upper[key % VM_UPPER].table_pa;
	return m->nr_levels - 2u;
}

static void upper_keep(struct vm *vm, uint64_t va, uint64_t table_pa)
{
	uint64_t key = va >> vm->mode->levels[vm->mode->nr_levels - 3].shift;

	vm->upper[key % VM_UPPER].key = key + 1;
	vm->upper[key % VM_UPPER].table_pa = table_pa;
}

static enum dl_status translate(struct vm *vm, uint64_t va, struct translation *t,
				unsigned depth, struct dl_err *err)
{
	const struct paging_mode *m = vm->mode;
	uint64_t table_pa = vm->root_pa;
	struct step s = { 0 };
	unsigned level;

	memset(t, 0, sizeof *t);
	t->kind = PTE_NONE;
	if (!m->nr_levels)
		return err_set(err, DL_ABSENT, "VA %#" PRIx64 ": a minidump has no page tables",
			       va);
	if (!vm_is_canonical(m, va))
		return err_set(err, DL_ABSENT, "VA %#" PRIx64 " is beyond %s paging", va, m->name);
	for (level = upper_find(vm, va, &table_pa);; level++) {
		enum dl_status st = step_read(vm, va, table_pa, level, &s, t, err);

		if (st)
			return st;
		if (!step_usable(&s) && !(s.last && s.kind == PTE_PROTOTYPE &&
					  follow_prototype(vm, &s, depth)))
			return err_set(err, DL_ABSENT,
				       "VA %#" PRIx64 ": level %u entry %#" PRIx64 " is %s",
				       va, level, s.entry, pte_kind_name(s.kind));
		if (s.large || s.last)
			break;
		table_pa = s.base_pa;
		if (level + 3u == m->nr_levels)
			upper_keep(vm, va, table_pa);
	}
	t->page_bytes = level_bytes(&m->levels[t->level]);
	t->pa = s.base_pa + (va & (t->page_bytes - 1));
	return DL_OK;
}

enum dl_status vm_translate(struct vm *vm, uint64_t va, struct translation *t,
			    struct dl_err *err)
{
	enum dl_status st = translate(vm, va, t, 0, err);
	uint64_t root_pa = vm->root_pa;

	if (st != DL_ABSENT || !vm->session_root_pa || va < vm->mode->kernel_first_va ||
	    t->kind != PTE_NONE || t->level > 1u || t->level + 1u >= vm->mode->nr_levels)
		return st;
	vm->root_pa = vm->session_root_pa;
	st = translate(vm, va, t, 0, err);
	vm->root_pa = root_pa;
	return st;
}

bool vm_self_map(struct vm *vm, uint64_t *first_va, uint64_t *last_va)
{
	const struct paging_mode *m = vm->mode;
	const struct paging_level *l = &m->levels[0];
	size_t nr = (size_t)1 << l->bits, found = 0;
	uint8_t root[PAGE_BYTES] = { 0 };

	if (!m->self_movable) {
		*first_va = m->self_first_va;
		*last_va = m->self_last_va;
		return m->self_last_va != 0;
	}
	if (phys_read(vm->phys, vm->root_pa, root, nr * m->entry_bytes, NULL))
		return false;
	for (size_t i = nr / 2; i < nr; i++) {
		uint64_t e = le_word(root + i * m->entry_bytes, m->entry_bytes);

		if ((e & m->last_mask) != m->last_value || (e & m->pfn_mask) != vm->root_pa)
			continue;
		found++;
		*first_va = va_extended(m, (uint64_t)i << l->shift);
		*last_va = *first_va + (level_bytes(l) - 1);
	}
	return found == 1;
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

	if (!vm->mode->nr_levels)
		return container_va_read(vm->phys->container, va, buf, n, err);
	while (n) {
		size_t off = va & (PAGE_BYTES - 1), part = PAGE_BYTES - off;
		const uint8_t *page = NULL;
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
