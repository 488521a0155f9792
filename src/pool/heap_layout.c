/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the segment heap's structures, Windows 10 1809 to 11 24H2. Witnesses:
 * public PDB types of 17763, 18362, 19041, 19045, 22000, 22621, 22631 and
 * 26100.1742; marked isf: a test compares the row field by field with the types
 * of that kernel. ARM64 has x64's rows, which no PDB confirms.
 */
#include "dumpleak/pool/heap.h"
#include "dumpleak/os/layout.h"

#define U8(o)  { .off = (o), .width = 1 }
#define U16(o) { .off = (o), .width = 2 }
#define U32(o) { .off = (o), .width = 4 }
#define U64(o) { .off = (o), .width = 8 }
#define P64(o) U64(o)
#define P32(o) U32(o)
#define BITS(w, s, b) { .off = 0, .width = (w), .shift = (s), .bits = (b) }

/* Signatures of page segments have it up to 22631; 26100 has none. */
#define CONSTANT_64 0xa2e64eada2e64eadu
#define CONSTANT_32 0xa2e64eadu

/* isf 17763: x64 of the kernel that has both allocators */
#define STATE_17763 { .bytes = 0x86140, .nr_pools = 0x30c8, .nodes = 0x3100, \
	.node_bytes = 0x20c0, .special = 0x86100, .max_nodes = 64, .nr_special = 3 }
/* 18362 .. 19045; isf 19041 */
#define STATE_18362 { .bytes = 0x86940, .nr_pools = 0x38d0, .nodes = 0x3900, \
	.node_bytes = 0x20c0, .special = 0x86900, .max_nodes = 64, .nr_special = 4 }
/* 22000 .. 22631; isf 22000 */
#define STATE_22000 { .bytes = 0x86940, .nr_pools = 0x38e0, .nodes = 0x3900, \
	.node_bytes = 0x20c0, .special = 0x86900, .max_nodes = 64, .nr_special = 4 }
#define STATE_26100 { .bytes = 0x86980, .nr_pools = 0x3910, .nodes = 0x3940, \
	.node_bytes = 0x20c0, .special = 0x86940, .max_nodes = 64, .nr_special = 4 }
#define STATE_X86 { .bytes = 0x228c0, .nr_pools = 0x1c70, .nodes = 0x1c80, \
	.node_bytes = 0x20c0, .special = 0x22880, .max_nodes = 16, .nr_special = 4 }

/* 17763 .. 26100; isf all */
#define LOOKASIDE_X64 { .first = 0x40, .bytes = 0x1040, .buckets = 0x40, \
	.bucket_bytes = 0x40, .nr_buckets = 64, .next = P64(0x08), \
	.depth = U16(0x00), .next_low_bits = 4 }
#define LOOKASIDE_X86 { .first = 0x40, .bytes = 0x1040, .buckets = 0x40, \
	.bucket_bytes = 0x40, .nr_buckets = 64, .next = P32(0x00), \
	.depth = U16(0x04), .next_low_bits = 0 }

/* 17763 .. 19045: isf 17763, 19041 */
#define ROOT_17763 { .bytes = 0x800, .signature = U32(0x10), .large_root = P64(0x48), \
	.large_min = P64(0x50), .contexts = 0x100, .vs = 0x280 }
/* 22000 .. 22631: isf 22000; 26100 keeps these fields in a longer structure */
#define ROOT_22000 { .bytes = 0x840, .signature = U32(0x10), .large_root = P64(0x48), \
	.large_min = P64(0x50), .contexts = 0x140, .vs = 0x2c0 }
#define ROOT_X86 { .bytes = 0x580, .signature = U32(0x08), .large_root = P32(0x44), \
	.large_min = P32(0x48), .contexts = 0x100, .vs = 0x200 }

/* 17763 .. 26100; isf all */
#define CONTEXT_X64 { .bytes = 0xc0, .mask = U64(0x00), .unit_shift = U8(0x08), \
	.first_descriptor = U8(0x0a), .heap = P64(0x38), .list_flink = P64(0x48), \
	.list_blink = P64(0x50), .nr_segments = U64(0x58) }
#define CONTEXT_X86 { .bytes = 0x80, .mask = U32(0x00), .unit_shift = U8(0x04), \
	.first_descriptor = U8(0x06), .heap = P32(0x24), .list_flink = P32(0x44), \
	.list_blink = P32(0x48), .nr_segments = U32(0x4c) }

/* 17763 .. 22631: isf all */
#define SEGMENT_17763 { .flink = P64(0x00), .blink = P64(0x08), .signature = U64(0x10), \
	.constant = CONSTANT_64, .descriptor_bytes = 0x20, .nr_descriptors = 256, \
	.tree_signature = U32(0x00), .flags = U8(0x18), .unit_size = U8(0x1f), \
	.unit_offset = U8(0x1f), .unused_bytes = U32(0x04), \
	.extra_present = { .off = 8, .width = 2, .shift = 0, .bits = 1 } }
#define SEGMENT_26100 { .flink = P64(0x00), .blink = P64(0x08), .signature = U64(0x10), \
	.constant = 0, .descriptor_bytes = 0x20, .nr_descriptors = 256, \
	.tree_signature = U32(0x00), .flags = U8(0x18), .unit_size = U8(0x1f), \
	.unit_offset = U8(0x1a), .unused_bytes = U32(0x04), \
	.extra_present = { .off = 8, .width = 2, .shift = 0, .bits = 1 } }
#define SEGMENT_X86 { .flink = P32(0x00), .blink = P32(0x04), .signature = U32(0x08), \
	.constant = CONSTANT_32, .descriptor_bytes = 0x10, .nr_descriptors = 256, \
	.tree_signature = U32(0x00), \
	.flags = { .off = 0x0c, .width = 1, .shift = 0, .bits = 5 }, \
	.unit_size = U8(0x0f), .unit_offset = U8(0x0f), .unused_bytes = U32(0x04), \
	.extra_present = { .off = 8, .width = 2, .shift = 0, .bits = 1 } }

/* 17763 .. 22631: isf all. The signature's lower 15 bits count. */
#define SIGNATURE_AT(o) { .off = (o), .width = 2, .shift = 0, .bits = 15 }
#define CHUNK_X64 .header_bytes = 0x10, .unit_bytes = 16, .word_bytes = 8, \
	.chunk_size = BITS(8, 16, 16), .chunk_prev = BITS(8, 32, 16), \
	.chunk_allocated = BITS(8, 48, 8), .chunk_zero = BITS(8, 56, 8)
#define VS_17763 { .delay_free = 0x40, .size = U16(0x20), .signature = SIGNATURE_AT(0x22), \
	.first_chunk = 0x30, CHUNK_X64 }
/*
 * Where one context became several slots, by processor, the owner's stands before
 * the signature: 26100.32995, 26200.6584.
 */
#define VS_26100 { .delay_free = 0x40, .slot_map = U16(0x00), .slot_mask = U8(0x02), \
	.slot_context = P64(0x00), .slot_unit_shift = 6, .slot_entry_bytes = 4, \
	.slot_delay_free = 0x40, .size = U16(0x20), .signature = SIGNATURE_AT(0x22), \
	.signature_late = SIGNATURE_AT(0x24), .first_chunk = 0x30, CHUNK_X64 }
#define VS_X86 { .delay_free = 0x40, .size = U16(0x14), .signature = SIGNATURE_AT(0x16), \
	.first_chunk = 0x18, .header_bytes = 8, .unit_bytes = 8, .word_bytes = 4, \
	.chunk_size = BITS(4, 1, 15), .chunk_prev = BITS(4, 16, 15), \
	.chunk_allocated = BITS(4, 31, 1) }

/* 17763 .. 22631: isf all */
#define LFH_17763 { .nr_blocks = U16(0x22), .nr_free = U16(0x20), .offsets = U32(0x28), \
	.bitmap = 0x30 }
#define LFH_26100 { .nr_blocks = U16(0x22), .nr_free = U16(0x20), .offsets = U32(0x28), \
	.bitmap = 0x40 }
#define LFH_X86 { .nr_blocks = U16(0x12), .nr_free = U16(0x10), .offsets = U32(0x18), \
	.bitmap = 0x20 }

/* 17763 .. 26100; isf all */
#define LARGE_X64 { .bytes = 0x28, .left = P64(0x00), .right = P64(0x08), .va = U64(0x18), \
	.pages = { .off = 0x20, .width = 8, .shift = 12, .bits = 52 } }
#define LARGE_X86 { .bytes = 0x14, .left = P32(0x00), .right = P32(0x04), .va = U32(0x0c), \
	.pages = { .off = 0x10, .width = 4, .shift = 12, .bits = 20 } }

#define KEYS_X64 .ptr_bytes = 8, .heap_key = U64(0x00), .lfh_key = U64(0x08)
#define KEYS_X86 .ptr_bytes = 4, .heap_key = U32(0x00), .lfh_key = U32(0x04)

static const struct heap_layout x64_17763 = {
	KEYS_X64, .state = STATE_17763, .lookaside = LOOKASIDE_X64, .root = ROOT_17763,
	.context = CONTEXT_X64, .segment = SEGMENT_17763, .vs = VS_17763, .lfh = LFH_17763,
	.large = LARGE_X64,
};

static const struct heap_layout x64_18362 = {
	KEYS_X64, .state = STATE_18362, .lookaside = LOOKASIDE_X64, .root = ROOT_17763,
	.context = CONTEXT_X64, .segment = SEGMENT_17763, .vs = VS_17763, .lfh = LFH_17763,
	.large = LARGE_X64,
};

static const struct heap_layout x64_22000 = {
	KEYS_X64, .state = STATE_22000, .lookaside = LOOKASIDE_X64, .root = ROOT_22000,
	.context = CONTEXT_X64, .segment = SEGMENT_17763, .vs = VS_17763, .lfh = LFH_17763,
	.large = LARGE_X64,
};

static const struct heap_layout x64_26100 = {
	KEYS_X64, .state = STATE_26100, .lookaside = LOOKASIDE_X64, .root = ROOT_22000,
	.context = CONTEXT_X64, .segment = SEGMENT_26100, .vs = VS_26100, .lfh = LFH_26100,
	.large = LARGE_X64,
};

/* 18362 .. 19045 */
static const struct heap_layout x86_18362 = {
	KEYS_X86, .state = STATE_X86, .lookaside = LOOKASIDE_X86, .root = ROOT_X86,
	.context = CONTEXT_X86, .segment = SEGMENT_X86, .vs = VS_X86, .lfh = LFH_X86,
	.large = LARGE_X86,
};

/* From one build on; newest first. */
static const struct heap_row {
	uint16_t machine;
	uint32_t from_build;
	const struct heap_layout *layout;
} rows[] = {
	{ MACHINE_AMD64, BUILD_11_24H2, &x64_26100 },
	{ MACHINE_AMD64, BUILD_2022, &x64_22000 },
	{ MACHINE_AMD64, BUILD_1903, &x64_18362 },
	{ MACHINE_AMD64, BUILD_1809, &x64_17763 },
	{ MACHINE_ARM64, BUILD_11_24H2, &x64_26100 },
	{ MACHINE_ARM64, BUILD_2022, &x64_22000 },
	{ MACHINE_ARM64, BUILD_1903, &x64_18362 },
	{ MACHINE_ARM64, BUILD_1809, &x64_17763 },
	{ MACHINE_I386, BUILD_1903, &x86_18362 },
};

const struct heap_layout *heap_layout_pick(uint16_t machine, uint32_t build)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].machine == machine && rows[i].from_build <= build)
			return rows[i].layout;
	return NULL;
}

const struct heap_layout *heap_layout_other(uint16_t machine, size_t i)
{
	for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
		if (rows[k].machine == machine && !i--)
			return rows[k].layout;
	return NULL;
}
