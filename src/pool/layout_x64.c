/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of pool structures on x64, 2003 to Windows 11, and of what ARM64 shares
 * with it. Witnesses: public PDB types of 5.2.3790.3959, 6000, 6002, 7601,
 * 9200, 9600, 10240 to 26100; of 7601, 9600, 14393, 17763, 19041 and 22000
 * another copy in ISF form agrees. Rows marked (real) were also seen in the
 * memory of an NT 5.2-compatible kernel. ARM64 types have no witness.
 */
#include "dumpleak/pool/layout.h"
#include "dumpleak/os/layout.h"

#include <stddef.h>

#define U16(o) { .off = (o), .width = 2 }
#define U32(o) { .off = (o), .width = 4 }
#define U64(o) { .off = (o), .width = 8 }
#define P64(o) { .off = (o), .width = 8 }

#define HEADER_X64 \
	.header_bytes = 16, .unit_bytes = 16, \
	.previous_size = { 0, 0xff }, .pool_index = { 8, 0xff }, \
	.block_size = { 16, 0xff }, .pool_type = { 24, 0xff }, .tag_shift = 32, \
	.quota_in_header = true

/* 2003 (real), bit 0 of links set as on x86 */
static const struct pool_header_layout header_nt5 = {
	HEADER_X64, .rule = POOL_TYPE_PLUS_ONE, .link_tag_bits = 1,
};

static const struct pool_header_layout header_nt6 = {
	HEADER_X64, .rule = POOL_TYPE_USE_BIT,
};

static const struct pool_header_layout header_8 = {
	HEADER_X64, .rule = POOL_TYPE_USE_BIT, .quota_cookie = true,
};

/* 2003 (real) .. Vista: fields not named here moved, these did not */
static const struct pool_descriptor_layout descriptor_nt5 = {
	.type = U32(0x00), .running_allocs = U32(0x08), .running_frees = U32(0x0c),
	.total_pages = U32(0x10), .total_big_pages = U32(0x14),
	.pending_frees = P64(0x28), .list_heads = 0x48, .nr_list_heads = 256,
};

/* 7 .. 10 1511: a cache line for each group of fields */
static const struct pool_descriptor_layout descriptor_7 = {
	.type = U32(0x00), .running_allocs = U32(0x40), .running_frees = U32(0x44),
	.total_pages = U32(0xc0), .total_big_pages = U32(0x48),
	.pending_frees = P64(0x100), .list_heads = 0x140, .nr_list_heads = 256,
};

/* 14393: totals are two counters each, allocated and freed; no sum to read */
static const struct pool_descriptor_layout descriptor_1607 = {
	.type = U32(0x00), .running_allocs = U32(0x40), .running_frees = U32(0x80),
	.pending_frees = P64(0x100), .list_heads = 0x140, .nr_list_heads = 256,
};

/* 18362: no lists any more */
static const struct pool_descriptor_layout no_descriptor = { .nr_list_heads = 0 };

/* 2003 (real) */
static const struct tracker_layout tracker_nt5 = {
	.stride = 0x28, .key = U32(0x00),
	.pool = {
		{ .allocs = U32(0x04), .frees = U32(0x08), .bytes = U64(0x10) },
		{ .allocs = U32(0x18), .frees = U32(0x1c), .bytes = U64(0x20) },
	},
};

/* Vista .. 10 1703: the same rows, a table for each processor */
static const struct tracker_layout tracker_nt6 = {
	.stride = 0x28, .key = U32(0x00), .per_processor = true,
	.pool = {
		{ .allocs = U32(0x04), .frees = U32(0x08), .bytes = U64(0x10) },
		{ .allocs = U32(0x18), .frees = U32(0x1c), .bytes = U64(0x20) },
	},
};

#define TRACKER_POOLS_64 \
	.key = U32(0x00), .per_processor = true, \
	.pool = { \
		{ .bytes = U64(0x08), .allocs = U64(0x10), .frees = U64(0x18) }, \
		{ .bytes = U64(0x20), .allocs = U64(0x28), .frees = U64(0x30) }, \
	}

/* 16299: counts of 64 bits */
static const struct tracker_layout tracker_1709 = { .stride = 0x38, TRACKER_POOLS_64 };
/* 22000: AvailableLimit[2] and LimitInfo; that 20348 is like it has no witness */
static const struct tracker_layout tracker_11 = { .stride = 0x50, TRACKER_POOLS_64 };

/* 2003 (real) */
static const struct big_layout big_2003 = {
	.stride = 0x18, .va = P64(0), .key = U32(8), .pages = U32(0xc),
};

static const struct big_layout big_vista = {
	.stride = 0x18, .va = P64(0), .key = U32(8), .type = U32(0xc), .bytes = U64(0x10),
};

/* 10: Pattern, PoolType and SlushSize share a word */
static const struct big_layout big_10 = {
	.stride = 0x18, .va = P64(0), .key = U32(8), .bytes = U64(0x10),
	.type = { .off = 0xc, .width = 4, .shift = 8, .bits = 12 },
};

/* 20348: ProcessBilled */
static const struct big_layout big_2022 = {
	.stride = 0x20, .va = P64(0), .key = U32(8), .bytes = U64(0x10),
	.type = { .off = 0xc, .width = 4, .shift = 8, .bits = 12 },
};

/* 26100: the twelve bits are POOL_FLAGS, of which no mapping to types is known */
static const struct big_layout big_24h2 = {
	.stride = 0x20, .va = P64(0), .key = U32(8), .bytes = U64(0x10),
};

/* .next is the HeaderX64 form's; slist_next() knows the other one by content */
#define LOOKASIDE_X64 \
	.bytes = 0x60, .next = P64(0x08), .depth = U16(0x00), .type = U32(0x24), \
	.tag = U32(0x28), .size = U32(0x2c), .links = P64(0x40), .nr_system = 16

/* 2003 (real) */
static const struct lookaside_layout lookaside_2003 = {
	LOOKASIDE_X64, .kprcb_system = 0x880, .kprcb_small = 0x980, .nr_small = 64,
};

static const struct lookaside_layout lookaside_vista = {
	LOOKASIDE_X64, .kprcb_system = 0x880, .kprcb_pool = { 0x980, 0x1580 },
	.nr_pool = 32, .pool_bytes = 0x60,
};

/* 6002; that 6001 is like it has no witness */
static const struct lookaside_layout lookaside_vista_sp2 = {
	LOOKASIDE_X64, .kprcb_system = 0x980, .kprcb_pool = { 0xa80, 0x1680 },
	.nr_pool = 32, .pool_bytes = 0x60,
};

static const struct lookaside_layout lookaside_7 = {
	LOOKASIDE_X64, .kprcb_system = 0x780, .kprcb_pool = { 0x880, 0x1480 },
	.nr_pool = 32, .pool_bytes = 0x60,
};

/* 8 .. 10 1607: a third array, of NonPagedPoolNx */
static const struct lookaside_layout lookaside_8 = {
	LOOKASIDE_X64, .kprcb_system = 0x780, .kprcb_pool = { 0x880, 0x1480, 0x2080 },
	.nr_pool = 32, .pool_bytes = 0x60,
};

static const struct lookaside_layout lookaside_1703 = {
	LOOKASIDE_X64, .kprcb_system = 0x800, .kprcb_pool = { 0x900, 0x1500, 0x2100 },
	.nr_pool = 32, .pool_bytes = 0x60,
};

/* 2003 (real): as on x86, in twice the width */
static const struct free_run_layout free_run_nt5 = {
	.flink = P64(0x00), .blink = P64(0x08), .nr_pages = U64(0x10), .owner = P64(0x20),
};

static const struct free_run_layout no_free_run = { .owner = { .width = 0 } };

static const struct pool_row rows[] = {
	{ BUILD_11_24H2, UINT32_MAX, ALLOCATOR_HEAP, &header_8, &no_descriptor,
	  &tracker_11, &big_24h2, &lookaside_1703, &no_free_run },
	{ BUILD_11, BUILD_11_24H2, ALLOCATOR_HEAP, &header_8, &no_descriptor,
	  &tracker_11, &big_2022, &lookaside_1703, &no_free_run },
	{ BUILD_2022, BUILD_11, ALLOCATOR_HEAP, &header_8, &no_descriptor,
	  &tracker_11, &big_2022, &lookaside_1703, &no_free_run },
	{ BUILD_1903, BUILD_2022, ALLOCATOR_HEAP, &header_8, &no_descriptor,
	  &tracker_1709, &big_10, &lookaside_1703, &no_free_run },
	{ BUILD_1809, BUILD_1903, ALLOCATOR_EITHER, &header_8, &descriptor_1607,
	  &tracker_1709, &big_10, &lookaside_1703, &no_free_run },
	{ BUILD_1709, BUILD_1809, ALLOCATOR_CLASSIC, &header_8, &descriptor_1607,
	  &tracker_1709, &big_10, &lookaside_1703, &no_free_run },
	{ BUILD_1703, BUILD_1709, ALLOCATOR_CLASSIC, &header_8, &descriptor_1607,
	  &tracker_nt6, &big_10, &lookaside_1703, &no_free_run },
	{ BUILD_1607, BUILD_1703, ALLOCATOR_CLASSIC, &header_8, &descriptor_1607,
	  &tracker_nt6, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_10, BUILD_1607, ALLOCATOR_CLASSIC, &header_8, &descriptor_7,
	  &tracker_nt6, &big_10, &lookaside_8, &no_free_run },
	{ BUILD_8, BUILD_10, ALLOCATOR_CLASSIC, &header_8, &descriptor_7,
	  &tracker_nt6, &big_vista, &lookaside_8, &no_free_run },
	{ BUILD_7, BUILD_8, ALLOCATOR_CLASSIC, &header_nt6, &descriptor_7,
	  &tracker_nt6, &big_vista, &lookaside_7, &no_free_run },
	{ BUILD_VISTA_SP1, BUILD_7, ALLOCATOR_CLASSIC, &header_nt6, &descriptor_nt5,
	  &tracker_nt6, &big_vista, &lookaside_vista_sp2, &no_free_run },
	{ BUILD_VISTA, BUILD_VISTA_SP1, ALLOCATOR_CLASSIC, &header_nt6, &descriptor_nt5,
	  &tracker_nt6, &big_vista, &lookaside_vista, &no_free_run },
	{ BUILD_2003, BUILD_VISTA, ALLOCATOR_CLASSIC, &header_nt5, &descriptor_nt5,
	  &tracker_nt5, &big_2003, &lookaside_2003, &free_run_nt5 },
};

const struct pool_row *pool_rows_x64(size_t *nr)
{
	*nr = sizeof rows / sizeof rows[0];
	return rows;
}
