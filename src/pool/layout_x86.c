/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of pool structures on x86, XP to Windows 10. Witnesses: public PDB types
 * of 5.1.2600.5512, 5.2.3790.3959, 6000, 6002, 7601, 9200, 9600, 10240 and the
 * later releases of Windows 10; rows marked (real) were also seen in the memory
 * of an NT 5.2-compatible kernel.
 */
#include "dumpleak/pool/layout.h"
#include "dumpleak/os/layout.h"

#include <stddef.h>

#define U16(o) { .off = (o), .width = 2 }
#define U32(o) { .off = (o), .width = 4 }
#define U64(o) { .off = (o), .width = 8 }
#define P32(o) { .off = (o), .width = 4 }

#define HEADER_X86 \
	.header_bytes = 8, .unit_bytes = 8, \
	.previous_size = { 0, 0x1ff }, .pool_index = { 9, 0x7f }, \
	.block_size = { 16, 0x1ff }, .pool_type = { 25, 0x7f }, .tag_shift = 32

/* XP .. 2003 (real). The NT 5.2-compatible kernel sets bit 0 of its links. */
static const struct pool_header_layout header_nt5 = {
	HEADER_X86, .rule = POOL_TYPE_PLUS_ONE, .link_tag_bits = 1,
};

static const struct pool_header_layout header_nt6 = {
	HEADER_X86, .rule = POOL_TYPE_USE_BIT,
};

/* 8 on: that the pointer at the block's end is disguised as on x64 has no witness */
static const struct pool_header_layout header_8 = {
	HEADER_X86, .rule = POOL_TYPE_USE_BIT, .quota_cookie = true,
};

static const struct pool_descriptor_layout descriptor_xp = {
	.type = U32(0x00), .running_allocs = U32(0x08), .running_frees = U32(0x0c),
	.total_pages = U32(0x10), .total_big_pages = U32(0x14),
	.pending_frees = P32(0x20), .list_heads = 0x28, .nr_list_heads = 512,
};

/* 2003 (real): TotalBytes came in before the list heads */
static const struct pool_descriptor_layout descriptor_2003 = {
	.type = U32(0x00), .running_allocs = U32(0x08), .running_frees = U32(0x0c),
	.total_pages = U32(0x10), .total_big_pages = U32(0x14),
	.pending_frees = P32(0x20), .list_heads = 0x30, .nr_list_heads = 512,
};

/* Vista: ThreadsProcessingDeferrals */
static const struct pool_descriptor_layout descriptor_vista = {
	.type = U32(0x00), .running_allocs = U32(0x08), .running_frees = U32(0x0c),
	.total_pages = U32(0x10), .total_big_pages = U32(0x14),
	.pending_frees = P32(0x20), .list_heads = 0x34, .nr_list_heads = 512,
};

/* 7 .. 10 1507: a cache line for each group of fields */
static const struct pool_descriptor_layout descriptor_7 = {
	.type = U32(0x00), .running_allocs = U32(0x40), .running_frees = U32(0x44),
	.total_pages = U32(0xc0), .total_big_pages = U32(0x48),
	.pending_frees = P32(0x100), .list_heads = 0x140, .nr_list_heads = 512,
};

/* 14393: totals are two counters each, allocated and freed; no sum to read */
static const struct pool_descriptor_layout descriptor_1607 = {
	.type = U32(0x00), .running_allocs = U32(0x40), .running_frees = U32(0x80),
	.pending_frees = P32(0x100), .list_heads = 0x140, .nr_list_heads = 512,
};

/* 18362: no lists any more */
static const struct pool_descriptor_layout no_descriptor = { .nr_list_heads = 0 };

/* XP .. 2003 (real) */
static const struct tracker_layout tracker_nt5 = {
	.stride = 0x1c, .key = U32(0x00),
	.pool = {
		{ .allocs = U32(0x04), .frees = U32(0x08), .bytes = U32(0x0c) },
		{ .allocs = U32(0x10), .frees = U32(0x14), .bytes = U32(0x18) },
	},
};

/* Vista .. 10 1703: the same rows, a table for each processor */
static const struct tracker_layout tracker_nt6 = {
	.stride = 0x1c, .key = U32(0x00), .per_processor = true,
	.pool = {
		{ .allocs = U32(0x04), .frees = U32(0x08), .bytes = U32(0x0c) },
		{ .allocs = U32(0x10), .frees = U32(0x14), .bytes = U32(0x18) },
	},
};

/* 16299: counts of 64 bits */
static const struct tracker_layout tracker_1709 = {
	.stride = 0x30, .key = U32(0x00), .per_processor = true,
	.pool = {
		{ .allocs = U64(0x08), .frees = U64(0x10), .bytes = U32(0x04) },
		{ .allocs = U64(0x20), .frees = U64(0x28), .bytes = U32(0x18) },
	},
};

static const struct big_layout big_xp = {
	.stride = 0x0c, .va = P32(0), .key = U32(4), .pages = U32(8),
};

/* 2003 (real): QuotaObject came in at the end */
static const struct big_layout big_2003 = {
	.stride = 0x10, .va = P32(0), .key = U32(4), .pages = U32(8),
};

static const struct big_layout big_vista = {
	.stride = 0x10, .va = P32(0), .key = U32(4), .type = U32(8), .bytes = U32(0xc),
};

/* 10: Pattern, PoolType and SlushSize share a word */
static const struct big_layout big_10 = {
	.stride = 0x10, .va = P32(0), .key = U32(4), .bytes = U32(0xc),
	.type = { .off = 8, .width = 4, .shift = 8, .bits = 12 },
};

#define LOOKASIDE_X86 \
	.bytes = 0x48, .next = P32(0x00), .depth = U16(0x04), .type = U32(0x1c), \
	.tag = U32(0x20), .size = U32(0x24), .links = P32(0x30), .nr_system = 16

static const struct lookaside_layout lookaside_xp = {
	LOOKASIDE_X86, .kprcb_system = 0x520, .kprcb_small = 0x5a0, .nr_small = 64,
};

/* 2003 (real) */
static const struct lookaside_layout lookaside_2003 = {
	LOOKASIDE_X86, .kprcb_system = 0x5e0, .kprcb_small = 0x660, .nr_small = 64,
};

static const struct lookaside_layout lookaside_vista = {
	LOOKASIDE_X86, .kprcb_system = 0x620, .kprcb_pool = { 0x6a0, 0xfa0 },
	.nr_pool = 32, .pool_bytes = 0x48,
};

/* 6002; that 6001 is like it has no witness */
static const struct lookaside_layout lookaside_vista_sp2 = {
	LOOKASIDE_X86, .kprcb_system = 0x6a0, .kprcb_pool = { 0x720, 0x1020 },
	.nr_pool = 32, .pool_bytes = 0x48,
};

static const struct lookaside_layout lookaside_7 = {
	LOOKASIDE_X86, .kprcb_system = 0x5a0, .kprcb_pool = { 0x620, 0xf20 },
	.nr_pool = 32, .pool_bytes = 0x48,
};

/* 8 .. 10 1809: a third array, of NonPagedPoolNx */
static const struct lookaside_layout lookaside_8 = {
	LOOKASIDE_X86, .kprcb_system = 0x5a0, .kprcb_pool = { 0x620, 0xf20, 0x1820 },
	.nr_pool = 32, .pool_bytes = 0x48,
};

/* XP .. 2003 (real) */
static const struct free_run_layout free_run_nt5 = {
	.flink = P32(0x00), .blink = P32(0x04), .nr_pages = U32(0x08), .owner = P32(0x10),
};

static const struct free_run_layout no_free_run = { .owner = { .width = 0 } };

static const struct pool_row rows[] = {
	{ BUILD_1903, UINT32_MAX, ALLOCATOR_HEAP, &header_8, &no_descriptor,
	  &tracker_1709, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_1809, BUILD_1903, ALLOCATOR_EITHER, &header_8, &descriptor_1607,
	  &tracker_1709, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_1709, BUILD_1809, ALLOCATOR_CLASSIC, &header_8, &descriptor_1607,
	  &tracker_1709, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_1607, BUILD_1709, ALLOCATOR_CLASSIC, &header_8, &descriptor_1607,
	  &tracker_nt6, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_10, BUILD_1607, ALLOCATOR_CLASSIC, &header_8, &descriptor_7,
	  &tracker_nt6, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_8, BUILD_10, ALLOCATOR_CLASSIC, &header_8, &descriptor_7,
	  &tracker_nt6, &big_vista, &lookaside_8, &no_free_run },
	{ BUILD_7, BUILD_8, ALLOCATOR_CLASSIC, &header_nt6, &descriptor_7,
	  &tracker_nt6, &big_vista, &lookaside_7, &no_free_run },
	{ BUILD_VISTA_SP1, BUILD_7, ALLOCATOR_CLASSIC, &header_nt6, &descriptor_vista,
	  &tracker_nt6, &big_vista, &lookaside_vista_sp2, &no_free_run },
	{ BUILD_VISTA, BUILD_VISTA_SP1, ALLOCATOR_CLASSIC, &header_nt6, &descriptor_vista,
	  &tracker_nt6, &big_vista, &lookaside_vista, &no_free_run },
	{ BUILD_2003, BUILD_VISTA, ALLOCATOR_CLASSIC, &header_nt5, &descriptor_2003,
	  &tracker_nt5, &big_2003, &lookaside_2003, &free_run_nt5 },
	{ BUILD_XP, BUILD_2003, ALLOCATOR_CLASSIC, &header_nt5, &descriptor_xp,
	  &tracker_nt5, &big_xp, &lookaside_xp, &free_run_nt5 },
};

const struct pool_row *pool_rows_x86(size_t *nr)
{
	*nr = sizeof rows / sizeof rows[0];
	return rows;
}
