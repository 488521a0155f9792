/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of paging modes, and Windows' reading of entries whose valid bit is
 * clear. Not here yet: x64 and ARM64, and the swizzled software PTEs of
 * Windows 10 1809 and later.
 */
#include "dumpleak/memory/paging.h"

const struct paging_mode paging_ia32 = {
	.name = "ia32",
	.entry_bytes = 4,
	.nr_levels = 2,
	.levels = {
		{ .shift = 22, .bits = 10, .large = true, .software = true },
		{ .shift = 12, .bits = 10, .software = true },
	},
	.root_mask = 0xfffff000,
	.pfn_mask = 0xfffff000,
	.pse36_bits = 8,
	.va_mask = 0xffffffff,
	.kernel_first_va = 0x80000000,
	.self_first_va = 0xc0000000, .self_last_va = 0xc03fffff,
	.self_entry = 0x300,
};

const struct paging_mode paging_pae = {
	.name = "ia32-pae",
	.entry_bytes = 8,
	.nr_levels = 3,
	.levels = {
		/* a PDPTE has a present bit and nothing of Windows' */
		{ .shift = 30, .bits = 2 },
		{ .shift = 21, .bits = 9, .large = true, .software = true },
		{ .shift = 12, .bits = 9, .software = true },
	},
	.root_mask = 0xffffffe0,
	.pfn_mask = 0x000ffffffffff000,
	.va_mask = 0xffffffff,
	.kernel_first_va = 0x80000000,
	.self_first_va = 0xc0000000, .self_last_va = 0xc07fffff,
	.self_entry = 3,
};

enum pte_kind pte_kind_of(const struct paging_mode *mode, uint64_t pte)
{
	const uint64_t valid = 1, prototype = 0x400, transition = 0x800;
	/* PageFileLow is bits 1..4 in both; PageFileHigh above the flags or
	 * in the upper half */
	uint64_t in_file = mode->entry_bytes == 4 ? 0xfffff01e
						  : 0xffffffff0000001e;

	if (!pte)
		return PTE_NONE;
	if (pte & valid)
		return PTE_VALID;
	if (pte & prototype)
		return PTE_PROTOTYPE;
	if (pte & transition)
		return PTE_TRANSITION;
	return pte & in_file ? PTE_PAGEFILE : PTE_DEMAND_ZERO;
}

const char *pte_kind_name(enum pte_kind kind)
{
	static const char *const names[NR_PTE_KINDS] = {
		[PTE_VALID] = "valid",
		[PTE_TRANSITION] = "transition",
		[PTE_PROTOTYPE] = "prototype",
		[PTE_PAGEFILE] = "pagefile",
		[PTE_DEMAND_ZERO] = "demand-zero",
		[PTE_NONE] = "not mapped",
	};

	return names[kind];
}
