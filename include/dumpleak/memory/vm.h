/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MEMORY_VM_H
#define DUMPLEAK_MEMORY_VM_H

#include "dumpleak/base/err.h"
#include "dumpleak/memory/paging.h"
#include "dumpleak/memory/phys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One virtual address space. Addresses are inclusive ranges first..last, since
 * kernel ranges end at the last address there is. One thread at a time; give
 * each thread its own with vm_init() and its own struct phys.
 */
enum { VM_TLB = 512, VM_UPPER = 64 };

struct vm {
	struct phys *phys;
	const struct paging_mode *mode;
	uint64_t root_pa;
	/* where @root_pa has no table for a kernel VA: a process of one session; 0: none */
	uint64_t session_root_pa;
	struct pte_software software;   /* the mode's own, or vm_set_software() */
	uint64_t invalid_pte_mask;      /* InvalidPteMask, 0: unknown or unused */
	/* 4-byte PTEs of NT 5: what addresses of prototype PTEs count from */
	uint64_t prototype_base_va;
	struct { uint64_t page, pfn; } tlb[VM_TLB];     /* page: VA >> 12, plus 1 */
	/* tables of the last level but one, by the part of the VA that led there, plus 1 */
	struct { uint64_t key, table_pa; } upper[VM_UPPER];
};

void vm_init(struct vm *vm, struct phys *phys, const struct paging_mode *mode,
	     uint64_t root_pa);

/**
 * vm_set_software - how this Windows build writes PTEs that are not valid
 * @invalid_pte_mask: MiState.Hardware.InvalidPteMask if known, else 0; then
 * high bits beyond the machine's memory are tried without.
 */
void vm_set_software(struct vm *vm, uint32_t build, uint64_t invalid_pte_mask);

/**
 * vm_self_map - where the root table shows itself
 * @first_va, @last_va: out, the window. False if no kernel entry of the root
 * names the root, or several do.
 */
bool vm_self_map(struct vm *vm, uint64_t *first_va, uint64_t *last_va);

/** vm_is_canonical - whether the processor can translate @va at all */
bool vm_is_canonical(const struct paging_mode *mode, uint64_t va);

struct translation {
	uint64_t pa;
	uint64_t pte;           /* the entry that decided, valid or not   */
	uint64_t pte_pa;        /* and where it is                        */
	uint64_t page_bytes;    /* 4 KB, or the size of the large page    */
	enum pte_kind kind;     /* on success: VALID, TRANSITION, or PROTOTYPE if by way of one */
	uint8_t level;          /* of the entry, 0 is the root            */
};

/**
 * vm_translate - a VA to the PA that holds its data
 * @t: out; on DL_ABSENT .kind and .pte say why, where an entry was read.
 * DL_ABSENT: not mapped, paged out, or a page table is not in the dump.
 * Whether the page itself is in the dump only reading it tells.
 */
enum dl_status vm_translate(struct vm *vm, uint64_t va, struct translation *t,
			    struct dl_err *err);

/**
 * vm_page - the page that holds @va
 * @page: out, PAGE_BYTES borrowed as by phys_page()
 */
enum dl_status vm_page(struct vm *vm, uint64_t va, const uint8_t **page,
		       struct dl_err *err);

/** vm_read - @n bytes at @va, all of them or an error */
enum dl_status vm_read(struct vm *vm, uint64_t va, void *buf, size_t n,
		       struct dl_err *err);

/** vm_word - an unsigned number of @width bytes (1, 2, 4, 8) at @va */
enum dl_status vm_word(struct vm *vm, uint64_t va, size_t width, uint64_t *out,
		       struct dl_err *err);

/* Consecutive pages of one mapping; large pages come as one run each. */
struct vm_run {
	uint64_t va, pfn;
	uint64_t nr_pages;
	bool large, transition;
};

struct vm_tally {
	uint64_t pages[NR_PTE_KINDS];   /* by kind of their entry              */
	uint64_t large_pages;           /* of the valid ones, in 4 KB pages    */
	uint64_t tables;                /* page tables read                    */
	uint64_t tables_absent;         /* not in the dump                     */
	uint64_t tables_repeated;       /* reached again, and not walked again */
	uint64_t repeated_va;           /* the first VA that led to one        */
};

/* Return DL_OK to go on; anything else ends the enumeration. */
typedef enum dl_status (*vm_run_fn)(void *ctx, const struct vm_run *run);

/**
 * vm_runs - all mapped pages in [@first_va, @last_va], in rising order
 * Walks the tables from the root, so that cost follows what is mapped. The
 * window of the page tables onto themselves is left out, and prototype PTEs are
 * counted, not followed: pool has none. A table that is
 * reached a second time is counted and not entered, which bounds the walk by
 * the tables in the dump. @tally: out, added to.
 */
enum dl_status vm_runs(struct vm *vm, uint64_t first_va, uint64_t last_va,
		       vm_run_fn fn, void *ctx, struct vm_tally *tally,
		       struct dl_err *err);

/**
 * vm_runs_besides - as vm_runs(), of what @vm maps where @base has no table
 * Between processes the kernel's half differs by a few entries of the upper
 * tables: those of session space. Nothing is entered that both have.
 */
enum dl_status vm_runs_besides(struct vm *vm, uint64_t base_root_pa, uint64_t first_va,
			       uint64_t last_va, vm_run_fn fn, void *ctx,
			       struct vm_tally *tally, struct dl_err *err);

#endif
