/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a triage minidump keeps what, as tables for both widths. The 64-bit
 * rows are those of minidumps that Windows 10 and 11 wrote on x64 and ARM64;
 * the 32-bit rows are from the public field lists of TRIAGE_DUMP32 and
 * LDR_DATA_TABLE_ENTRY, with no sample at hand.
 */
#include "triage.h"

#include <stddef.h>

enum { FILLER = 0x45474150 };

static const struct triage_row {
	const char *name;
	size_t out;             /* offset of a uint64_t in struct triage_fields */
	struct field f32, f64;
} rows[] = {
#define ROW(name, member, off32, width32, off64, width64) \
	{ name, offsetof(struct triage_fields, member), { off32, width32, 0, 0 }, \
	  { off64, width64, 0, 0 } }
	ROW("ServicePackBuild", service_pack, 0x00, 4, 0x00, 4),
	ROW("SizeOfDump", size_bytes, 0x04, 4, 0x04, 4),
	ROW("ValidOffset", valid, 0x08, 4, 0x08, 4),
	ROW("MmOffset", mm, 0x14, 4, 0x14, 4),
	ROW("UnloadedDriversOffset", unloaded, 0x18, 4, 0x18, 4),
	ROW("PrcbOffset", prcb, 0x1c, 4, 0x1c, 4),
	ROW("ProcessOffset", process, 0x20, 4, 0x20, 4),
	ROW("ThreadOffset", thread, 0x24, 4, 0x24, 4),
	ROW("CallStackOffset", stack, 0x28, 4, 0x28, 4),
	ROW("SizeOfCallStack", stack_bytes, 0x2c, 4, 0x2c, 4),
	ROW("DriverListOffset", drivers, 0x30, 4, 0x30, 4),
	ROW("DriverCount", nr_drivers, 0x34, 4, 0x34, 4),
	ROW("StringPoolOffset", strings, 0x38, 4, 0x38, 4),
	ROW("BrokenDriverOffset", broken, 0x40, 4, 0x40, 4),
	ROW("TriageOptions", options, 0x44, 4, 0x44, 4),
	ROW("TopOfStack", stack_va, 0x48, 4, 0x48, 8),
	ROW("DataPageAddress", page_va, 0x4c, 4, 0x60, 8),
	ROW("DataPageOffset", page, 0x50, 4, 0x68, 4),
	ROW("DataPageSize", page_bytes, 0x54, 4, 0x6c, 4),
	ROW("DebuggerDataOffset", kdbg, 0x58, 4, 0x70, 4),
	ROW("DebuggerDataSize", kdbg_bytes, 0x5c, 4, 0x74, 4),
	ROW("DataBlocksOffset", blocks, 0x60, 4, 0x78, 4),
	ROW("DataBlocksCount", nr_blocks, 0x64, 4, 0x7c, 4),
#undef ROW
};

#define U16(off) { off, 2, 0, 0 }
#define U32(off) { off, 4, 0, 0 }
#define U64(off) { off, 8, 0, 0 }

static const struct triage_layout layouts[2] = {
	{
		.format = "triage32", .title = "32-bit triage minidump (DumpType 4)",
		.ptr_bytes = 4, .header_bytes = 0x1000, .triage_bytes = 0x68,
		.block_bytes = 0xc,
		.block_va = U32(0), .block_off = U32(4), .block_size = U32(8),
		/* the name's offset, then LDR_DATA_TABLE_ENTRY of 0x50 bytes */
		.driver_bytes = 0x54, .driver_min_bytes = 0x4c,
		.driver_name = U32(0), .driver_base = U32(0x1c), .driver_size = U32(0x24),
		.driver_checksum = U32(0x44), .driver_time = U32(0x48),
		.unloaded_first = 4, .unloaded_bytes = 0x28, .unloaded_text = 8,
		.unloaded_length = U16(0), .unloaded_start = U32(0x20),
		.unloaded_end = U32(0x24),
		.mm_bytes = 0x34,
		.mm = { U32(0x08), U32(0x10), U32(0x18), U32(0x1c), U32(0x20), U32(0x24),
			U32(0x28), U32(0x2c), U32(0x30) },
	}, {
		.format = "triage64", .title = "64-bit triage minidump (DumpType 4)",
		.ptr_bytes = 8, .header_bytes = 0x2000, .triage_bytes = 0x80,
		.block_bytes = 0x10,
		.block_va = U64(0), .block_off = U32(8), .block_size = U32(0xc),
		.driver_bytes = 0x90, .driver_min_bytes = 0x8c,
		.driver_name = U32(0), .driver_base = U64(0x38), .driver_size = U32(0x48),
		.driver_checksum = U32(0x80), .driver_time = U32(0x88),
		.unloaded_first = 8, .unloaded_bytes = 0x38, .unloaded_text = 0x10,
		.unloaded_length = U16(0), .unloaded_start = U64(0x28),
		.unloaded_end = U64(0x30),
		.mm_bytes = 0x50,
		.mm = { U32(0x08), U32(0x10), U64(0x18), U64(0x20), U64(0x28), U64(0x30),
			U64(0x38), U64(0x40), U64(0x48) },
	},
};

const struct triage_layout *triage_layout_of(bool is64)
{
	return &layouts[is64];
}

static bool is_filler(uint64_t v, unsigned width)
{
	return v == (width == 8 ? (uint64_t)FILLER << 32 | FILLER : FILLER);
}

void triage_fields_read(const struct triage_layout *l, struct bytes b,
			struct triage_fields *out)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct field f = l->ptr_bytes == 8 ? rows[i].f64 : rows[i].f32;
		uint64_t v = field_or(b, f, 0);

		if (!is_filler(v, f.width))
			*(uint64_t *)(void *)((char *)out + rows[i].out) = v;
	}
}

const char *triage_name(size_t member)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].out == member)
			return rows[i].name;
	return "a field";
}
