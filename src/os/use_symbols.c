/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A symbol file to a kernel that was found: whether it belongs to it, where it
 * differs from the built-in rows, and what it knows that the KDBG block lacks.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>

enum { MAX_DIFFERENCES = 256 };

/* Known addresses that the file must agree with; how many do, and do not. */
static void compare_globals(const struct os *os, const struct symbols *symbols,
			    size_t *same, size_t *other)
{
	const struct { const char *name; uint64_t va; } rows[] = {
		{ "PsLoadedModuleList", os->modules_va },
		{ "PsActiveProcessHead", os->processes_va },
	};

	*same = *other = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t rva;

		if (!rows[i].va || !symbols_rva(symbols, rows[i].name, &rva))
			continue;
		if (os->kernel_base + rva == rows[i].va)
			++*same;
		else
			++*other;
	}
}

/* By the PDB's GUID and age; where that page is missing, by known addresses. */
static bool belong(struct os *os, const struct symbols *symbols)
{
	const struct pdb_id *theirs = symbols_pdb(symbols);
	size_t same, other;

	if (os->pdb.known) {
		if (symbols_match(symbols, &os->pdb))
			return true;
		os_note(os, DL_CORRUPT, "symbols are of %s %s age %u, the kernel is %s %s age "
			"%u: not used", theirs->name, theirs->guid, theirs->age, os->pdb.name,
			os->pdb.guid, os->pdb.age);
		return false;
	}
	compare_globals(os, symbols, &same, &other);
	if (same && !other) {
		os_note(os, DL_OK, "the kernel's RSDS record is not in this image: symbols of "
			"%s %s age %u are used because its lists are where they say",
			theirs->name, theirs->guid, theirs->age);
		return true;
	}
	os_note(os, DL_ABSENT, "symbols are of %s %s age %u, and nothing in this image tells "
		"that the kernel is: not used", theirs->name, theirs->guid, theirs->age);
	return false;
}

static void list_differences(struct os *os, const struct symbols *symbols)
{
	struct symbols_difference *d = arena_array(&os->arena, MAX_DIFFERENCES, sizeof *d);
	size_t nr;

	if (!d)
		return;
	nr = symbols_compare(symbols, &os->layout, d, MAX_DIFFERENCES);
	os->differences = d;
	os->nr_differences = nr < MAX_DIFFERENCES ? nr : MAX_DIFFERENCES;
}

static void put_word(uint8_t *p, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void complete_globals(struct os *os)
{
	const struct { const char *name; uint64_t *va; } rows[] = {
		{ "PsLoadedModuleList", &os->modules_va },
		{ "PsActiveProcessHead", &os->processes_va },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t va;

		if (!*rows[i].va && os_symbol_va(os, rows[i].name, &va) &&
		    list_closes(&os->vm, va, os->layout.ptr_bytes))
			*rows[i].va = va;
	}
}

/* A block that is not in memory, as far as its fields are symbols' addresses. */
static void kdbg_from_symbols(struct os *os)
{
	static const struct { uint16_t field; const char *name; } rows[] = {
		{ KDBG_LOADED_MODULES, "PsLoadedModuleList" },
		{ KDBG_ACTIVE_PROCESSES, "PsActiveProcessHead" },
		{ KDBG_PAGED_POOL_DESCRIPTOR, "ExpPagedPoolDescriptor" },
		{ KDBG_NR_PAGED_POOLS, "ExpNumberOfPagedPools" },
		{ KDBG_BUGCHECK_DATA, "KiBugCheckData" },
		{ KDBG_ROOT_DIRECTORY, "ObpRootDirectoryObject" },
		{ KDBG_TYPE_TYPE, "ObpTypeObjectType" },
		{ KDBG_SYSTEM_CACHE_START, "MmSystemCacheStart" },
		{ KDBG_SYSTEM_CACHE_END, "MmSystemCacheEnd" },
		{ KDBG_PFN_DATABASE, "MmPfnDatabase" },
		{ KDBG_HIGHEST_PHYSICAL_PAGE, "MmHighestPhysicalPage" },
		{ KDBG_PHYSICAL_PAGES, "MmNumberOfPhysicalPages" },
		{ KDBG_MAX_NONPAGED_BYTES, "MmMaximumNonPagedPoolInBytes" },
		{ KDBG_NONPAGED_SYSTEM_START, "MmNonPagedSystemStart" },
		{ KDBG_NONPAGED_START, "MmNonPagedPoolStart" },
		{ KDBG_NONPAGED_END, "MmNonPagedPoolEnd" },
		{ KDBG_PAGED_START, "MmPagedPoolStart" }, { KDBG_PAGED_END, "MmPagedPoolEnd" },
		{ KDBG_PAGED_BYTES, "MmSizeOfPagedPoolInBytes" },
		{ KDBG_POOL_TRACK_TABLE, "PoolTrackTable" },
		{ KDBG_NONPAGED_POOL_DESCRIPTOR, "NonPagedPoolDescriptor" },
		{ KDBG_SYSTEM_RANGE_START, "MmSystemRangeStart" },
		{ KDBG_NT_BUILD_LAB, "NtBuildLab" },
		{ KDBG_PROCESSOR_BLOCK, "KiProcessorBlock" },
		{ KDBG_UNLOADED_DRIVERS, "MmUnloadedDrivers" },
		{ KDBG_LAST_UNLOADED, "MmLastUnloadedDriver" },
		{ KDBG_ALLOCATED_NONPAGED, "MmAllocatedNonPagedPool" },
		{ KDBG_CSD_VERSION, "CmNtCSDVersion" },
	};
	struct kdbg k = {
		.known = true, .size_bytes = 0x290, .ptr_bytes = os->layout.ptr_bytes,
	};
	uint64_t va;

	if (!os_symbol_va(os, "KdDebuggerDataBlock", &k.va))
		return;
	put_word(k.raw + KDBG_KERN_BASE, os->kernel_base);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (os_symbol_va(os, rows[i].name, &va))
			put_word(k.raw + rows[i].field, va);
	os->kdbg = k;
	os->kdbg_how = "symbols";
	os_note(os, DL_ABSENT, "no KDBG block in this image: what it would say was taken from "
		"the symbols");
}

/* MiState.Hardware.InvalidPteMask: how PTEs of pages not in use are disguised. */
static void read_invalid_mask(struct os *os)
{
	struct field f;
	uint64_t va, mask;

	if (os_symbol_va(os, "MiState", &va) &&
	    symbols_field(os->symbols, "_MI_SYSTEM_INFORMATION", "Hardware.InvalidPteMask", &f) &&
	    !vm_word(&os->vm, va + f.off, 8, &mask, NULL))
		vm_set_software(&os->vm, os->build, mask);
}

void symbols_use(struct os *os, const struct symbols *symbols)
{
	uint64_t va;

	if (!belong(os, symbols))
		return;
	list_differences(os, symbols);
	symbols_apply(symbols, &os->layout);
	os->symbols = symbols;
	complete_globals(os);
	if (!os->kdbg.known)
		kdbg_from_symbols(os);
	if (os->vm.mode->nr_levels)
		read_invalid_mask(os);
	if (os->kdbg.known && os_symbol_va(os, "KdDebuggerDataBlock", &va) &&
	    va != os->kdbg.va)
		os_note(os, DL_OK, "the KDBG block at VA %#" PRIx64 " is a copy: the kernel's own "
			"is at %#" PRIx64, os->kdbg.va, va);
}
