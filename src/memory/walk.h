/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MEMORY_WALK_H
#define DUMPLEAK_MEMORY_WALK_H

/* For the files of src/memory/ only: one entry of one page table, decoded. */

#include "dumpleak/memory/vm.h"

struct step {
	uint64_t entry;
	enum pte_kind kind;
	bool large, last;
	uint64_t base_pa;       /* of the page or of the next table */
};

/** step_decode - @entry of a table at @level of @vm's mode */
void step_decode(struct vm *vm, unsigned level, uint64_t entry, struct step *s);

static inline bool step_usable(const struct step *s)
{
	return s->kind == PTE_VALID || s->kind == PTE_TRANSITION;
}

static inline uint64_t level_bytes(const struct paging_level *l)
{
	return (uint64_t)1 << l->shift;
}

/** va_extended - repeat the highest translated bit in those above it */
static inline uint64_t va_extended(const struct paging_mode *m, uint64_t va)
{
	if (m->va_mask == UINT64_MAX && m->va_bits < 64 && va >> (m->va_bits - 1) & 1)
		va |= UINT64_MAX << m->va_bits;
	return va;
}

/** pte_kind_in - pte_kind_of() with the software PTEs of one build */
enum pte_kind pte_kind_in(const struct paging_mode *mode, const struct pte_software *sw,
			  uint64_t invalid_mask, uint64_t pte);

/** pte_software_of - the row for @build */
const struct pte_software *pte_software_of(const struct paging_mode *mode, uint32_t build);

#endif
