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
	bool large;     /* a large page may end the walk here            */
	bool software;  /* an invalid entry is a Windows software PTE    */
};

/* How Windows wrote software PTEs changed with build 17763: see vm_set_software(). */
struct pte_software {
	uint64_t file_low;      /* PageFileLow                                  */
	uint64_t file_high;     /* PageFileHigh                                 */
	uint64_t swizzle;       /* SwizzleBit: clear says InvalidPteMask is in; 0: none */
	/* 4-byte PTEs: a prototype's address is whole, not counted from a base */
	bool whole_prototype;
};

struct paging_mode {
	const char *name;       /* "ia32", "ia32-pae", "x64", ...: JSON  */
	uint8_t entry_bytes;
	uint8_t nr_levels;      /* levels[0] is the root; 0: no paging   */
	struct paging_level levels[PAGING_MAX_LEVELS];
	uint64_t root_mask;     /* of CR3: where the root table is       */
	uint64_t pfn_mask;      /* of an entry: physical address bits    */
	uint64_t last_mask, last_value;         /* a table or a small page, by its bits */
	uint64_t large_mask, large_value;       /* a large page, likewise */
	uint8_t pse36_bits;     /* large entries: bits 13.. are PA 32..  */
	uint8_t va_bits;        /* translated; those above repeat the top one if wider */
	uint64_t va_mask;       /* VAs above this do not exist           */
	uint64_t kernel_first_va;       /* lowest VA that can be kernel's */
	/*
	 * The window through which Windows sees its own page tables: fixed, or
	 * (self_movable) behind whichever root entry names the root, see
	 * vm_self_map().
	 */
	uint64_t self_first_va, self_last_va;
	uint64_t self_entry;    /* index in the table that maps itself   */
	bool self_movable;
	struct pte_software software;   /* before build 17763            */
};

extern const struct paging_mode paging_ia32, paging_pae;
extern const struct paging_mode paging_x64, paging_x64_la57, paging_arm64;
/* By VA without page tables: what a minidump holds. Only vm_read() works. */
extern const struct paging_mode paging_none;

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
