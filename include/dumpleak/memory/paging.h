/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MEMORY_PAGING_H
#define DUMPLEAK_MEMORY_PAGING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Paging modes as data: one row each, read by the one walker in vm.c.
 * Sources: Intel SDM vol. 3 chapter 4; Windows' software PTEs from public PDB
 * types (_MMPTE_SOFTWARE, _MMPTE_TRANSITION, _MMPTE_PROTOTYPE).
 */
enum { PAGING_MAX_LEVELS = 5 };

struct paging_level {
	uint8_t shift;  /* the VA bit at which this level's index starts */
	uint8_t bits;   /* and how many bits it has                      */
	bool large;     /* bit 7 set ends the walk here                  */
	bool software;  /* an invalid entry is a Windows software PTE    */
};

struct paging_mode {
	const char *name;       /* "ia32", "ia32-pae": --paging and JSON */
	uint8_t entry_bytes;
	uint8_t nr_levels;      /* levels[0] is the root                 */
	struct paging_level levels[PAGING_MAX_LEVELS];
	uint64_t root_mask;     /* of CR3: where the root table is       */
	uint64_t pfn_mask;      /* of an entry: physical address bits    */
	uint8_t pse36_bits;     /* large entries: bits 13.. are PA 32..  */
	uint64_t va_mask;       /* VAs above this do not exist           */
	uint64_t kernel_first_va;       /* lowest VA that can be kernel's */
	/* the window through which Windows sees its own page tables */
	uint64_t self_first_va, self_last_va;
	uint64_t self_entry;    /* index in the table that maps itself   */
};

extern const struct paging_mode paging_ia32, paging_pae;

/* What an entry that the processor cannot use means to Windows. */
enum pte_kind {
	PTE_VALID,
	PTE_TRANSITION, /* the page is still in RAM at its PFN  */
	PTE_PROTOTYPE,
	PTE_PAGEFILE,   /* not in memory                        */
	PTE_DEMAND_ZERO,/* reads as zero when touched           */
	PTE_NONE,       /* 0: nothing mapped                    */
	NR_PTE_KINDS
};

/** pte_kind_of - decode an entry of the last level (page-tables.md section 2) */
enum pte_kind pte_kind_of(const struct paging_mode *mode, uint64_t pte);

/** pte_kind_name - "valid", "transition", ... */
const char *pte_kind_name(enum pte_kind kind);

#endif
