/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of paging modes, and Windows' reading of entries whose valid bit is
 * clear.
 */
#include "walk.h"

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
	.last_mask = 1, .last_value = 1, .large_mask = 0x81, .large_value = 0x81,
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
	.last_mask = 1, .last_value = 1, .large_mask = 0x81, .large_value = 0x81,
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
	.last_mask = 1, .last_value = 1, .large_mask = 0x81, .large_value = 0x81,
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
	.last_mask = 1, .last_value = 1, .large_mask = 0x81, .large_value = 0x81,
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
	.last_mask = 3, .last_value = 3, .large_mask = 3, .large_value = 1,
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

/*
 * Software PTEs by build, newest first. The mitigation against L1TF came to
 * 14393..17134 with updates, so there the place of PageFileLow is not known and
 * PageFileHigh decides alone (_MMPTE_SOFTWARE of public PDBs; 17763 and later
 * have it from the start).
 */
static const struct {
	uint8_t entry_bytes;
	uint32_t from_build;
	struct pte_software software;
} software_rows[] = {
	{ 8, 17763, { .file_low = 0xf000, .file_high = 0xffffffff00000000, .swizzle = 0x10 } },
	{ 8, 14393, { .file_high = 0xffffffff00000000, .swizzle = 0x10 } },
	{ 4, 6000, { .file_low = 0x1e, .file_high = 0xfffff000, .whole_prototype = true } },
};

const struct pte_software *pte_software_of(const struct paging_mode *mode, uint32_t build)
{
	for (size_t i = 0; i < sizeof software_rows / sizeof software_rows[0]; i++)
		if (mode->entry_bytes == software_rows[i].entry_bytes &&
		    build >= software_rows[i].from_build)
			return &software_rows[i].software;
	return &mode->software;
}

/* InvalidPteMask is the machine's highest physical address bit: see page-tables.md. */
static bool may_be_invalid_mask(uint64_t v)
{
	const uint64_t lowest = (uint64_t)1 << 35;

	return v >= lowest && !(v & (v - 1));
}

/* Whether what is left of a software PTE names a place in a page file. */
static bool in_pagefile(const struct pte_software *sw, uint64_t pte, uint64_t invalid_mask)
{
	bool swizzled = sw->swizzle && !(pte & sw->swizzle);

	if (swizzled && invalid_mask)
		pte ^= invalid_mask;
	else if (swizzled && may_be_invalid_mask(pte & sw->file_high))
		pte &= ~sw->file_high;
	return pte & (sw->file_low | sw->file_high);
}

enum pte_kind pte_kind_in(const struct paging_mode *mode, const struct pte_software *sw,
			  uint64_t invalid_mask, uint64_t pte)
{
	const uint64_t valid = 1, prototype = 0x400, transition = 0x800;

	if (!pte)
		return PTE_NONE;
	if (pte & valid)
		/* an encoding that the processor has no use for maps nothing */
		return (pte & mode->last_mask) == mode->last_value ? PTE_VALID : PTE_NONE;
	if (pte & prototype)
		return PTE_PROTOTYPE;
	if (pte & transition)
		return PTE_TRANSITION;
	return in_pagefile(sw, pte, invalid_mask) ? PTE_PAGEFILE : PTE_DEMAND_ZERO;
}

enum pte_kind pte_kind_of(const struct paging_mode *mode, uint64_t pte)
{
	return pte_kind_in(mode, &mode->software, 0, pte);
}

bool vm_is_canonical(const struct paging_mode *mode, uint64_t va)
{
	uint64_t top;

	if (mode->va_mask != UINT64_MAX)
		return !(va & ~mode->va_mask);
	if (mode->va_bits >= 64)
		return true;
	top = va >> (mode->va_bits - 1);
	return top == 0 || top == UINT64_MAX >> (mode->va_bits - 1);
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
