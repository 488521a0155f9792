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
	.large_mask = 0x81, .large_value = 0x81,
	.pse36_bits = 8,
	.va_bits = 32, .va_mask = 0xffffffff,
	.kernel_first_va = 0x80000000,
	.self_first_va = 0xc0000000, .self_last_va = 0xc03fffff,
	.self_entry = 0x300,
	.software = { .file_low = 0x1e, .file_high = 0xfffff000 },
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
	.large_mask = 0x81, .large_value = 0x81,
	.va_bits = 32, .va_mask = 0xffffffff,
	.kernel_first_va = 0x80000000,
	.self_first_va = 0xc0000000, .self_last_va = 0xc07fffff,
	.self_entry = 3,
	.software = { .file_low = 0x1e, .file_high = 0xffffffff00000000 },
};

#define LEVELS_4 \
	{ .shift = 39, .bits = 9, .software = true }, \
	{ .shift = 30, .bits = 9, .large = true, .software = true }, \
	{ .shift = 21, .bits = 9, .large = true, .software = true }, \
	{ .shift = 12, .bits = 9, .software = true }

const struct paging_mode paging_x64 = {
	.name = "x64",
	.entry_bytes = 8,
	.nr_levels = 4,
	.levels = { LEVELS_4 },
	.root_mask = 0x000ffffffffff000,        /* PCID is in the bits below */
	.pfn_mask = 0x000ffffffffff000,
	.large_mask = 0x81, .large_value = 0x81,
	.va_bits = 48, .va_mask = UINT64_MAX,
	.kernel_first_va = 0xffff800000000000,
	.self_movable = true,
	.software = { .file_low = 0x1e, .file_high = 0xffffffff00000000 },
};

const struct paging_mode paging_x64_la57 = {
	.name = "x64-la57",
	.entry_bytes = 8,
	.nr_levels = 5,
	.levels = { { .shift = 48, .bits = 9, .software = true }, LEVELS_4 },
	.root_mask = 0x000ffffffffff000,
	.pfn_mask = 0x000ffffffffff000,
	.large_mask = 0x81, .large_value = 0x81,
	.va_bits = 57, .va_mask = UINT64_MAX,
	.kernel_first_va = 0xff00000000000000,
	.self_movable = true,
	.software = { .file_low = 0x1e, .file_high = 0xffffffff00000000 },
};

/*
 * Windows keeps both halves in one root page; bit 1 clear in a valid entry
 * above the last level is a block. (Arm ARM, VMSAv8-64, 4 KB granule.)
 */
const struct paging_mode paging_arm64 = {
	.name = "arm64",
	.entry_bytes = 8,
	.nr_levels = 4,
	.levels = { LEVELS_4 },
	.root_mask = 0x0000fffffffff000,        /* ASID is in the bits above */
	.pfn_mask = 0x0000fffffffff000,
	.large_mask = 3, .large_value = 1,
	.va_bits = 48, .va_mask = UINT64_MAX,
	.kernel_first_va = 0xffff800000000000,
	.self_movable = true,
	.software = { .file_low = 0x1e, .file_high = 0xffffffff00000000 },
};

const struct paging_mode paging_none = {
	.name = "none",
	.entry_bytes = 8,
	.va_bits = 64, .va_mask = UINT64_MAX,
	.kernel_first_va = 0x80000000,
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
