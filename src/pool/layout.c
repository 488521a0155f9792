/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of pool structures for NT 5.1 and 5.2 on x86. Witnesses: public PDB
 * types of 5.1.2600.5512 and 5.2.3790.3959; rows marked (real) were also seen
 * in the memory of an NT 5.2-compatible kernel.
 */
#include "dumpleak/pool/layout.h"
#include "dumpleak/os/layout.h"

#include <stddef.h>

#define U16(o) { .off = (o), .width = 2 }
#define U32(o) { .off = (o), .width = 4 }
#define P32(o) { .off = (o), .width = 4 }

/* XP .. 2003 (real). The NT 5.2-compatible kernel sets bit 0 of its links. */
static const struct pool_header_layout header_x86_nt5 = {
	.header_bytes = 8, .unit_bytes = 8,
	.previous_size = { 0, 0x1ff }, .pool_index = { 9, 0x7f },
	.block_size = { 16, 0x1ff }, .pool_type = { 25, 0x7f },
	.tag_shift = 32, .rule = POOL_TYPE_PLUS_ONE, .link_tag_bits = 1,
};

static const struct pool_descriptor_layout descriptor_x86_xp = {
	.type = U32(0x00), .running_allocs = U32(0x08), .running_frees = U32(0x0c),
	.total_pages = U32(0x10), .total_big_pages = U32(0x14),
	.pending_frees = P32(0x20), .list_heads = 0x28, .nr_list_heads = 512,
};

/* 2003 (real): TotalBytes came in before the list heads */
static const struct pool_descriptor_layout descriptor_x86_2003 = {
	.type = U32(0x00), .running_allocs = U32(0x08), .running_frees = U32(0x0c),
	.total_pages = U32(0x10), .total_big_pages = U32(0x14),
	.pending_frees = P32(0x20), .list_heads = 0x30, .nr_list_heads = 512,
};

/* XP .. 10 14393 (real) */
static const struct tracker_layout tracker_x86 = {
	.stride = 0x1c, .key = U32(0x00),
	.pool = {
		{ .allocs = U32(0x04), .frees = U32(0x08), .bytes = U32(0x0c) },
		{ .allocs = U32(0x10), .frees = U32(0x14), .bytes = U32(0x18) },
	},
};

static const struct big_layout big_x86_xp = {
	.stride = 0x0c, .va = P32(0), .key = U32(4), .pages = U32(8),
};

/* 2003 (real): QuotaObject came in at the end */
static const struct big_layout big_x86_2003 = {
	.stride = 0x10, .va = P32(0), .key = U32(4), .pages = U32(8),
};

static const struct lookaside_layout lookaside_x86_xp = {
	.bytes = 0x48, .next = P32(0x00), .depth = U16(0x04), .type = U32(0x1c),
	.tag = U32(0x20), .size = U32(0x24), .links = P32(0x30),
	.kprcb_system = 0x520, .nr_system = 16, .kprcb_small = 0x5a0, .nr_small = 64,
};

/* 2003 (real) */
static const struct lookaside_layout lookaside_x86_2003 = {
	.bytes = 0x48, .next = P32(0x00), .depth = U16(0x04), .type = U32(0x1c),
	.tag = U32(0x20), .size = U32(0x24), .links = P32(0x30),
	.kprcb_system = 0x5e0, .nr_system = 16, .kprcb_small = 0x660, .nr_small = 64,
};

/* XP .. 2003 (real) */
static const struct free_run_layout free_run_x86 = {
	.flink = P32(0x00), .blink = P32(0x04), .nr_pages = U32(0x08), .owner = P32(0x10),
};

/* From one build on, up to the one where pools changed; newest first. */
static const struct pool_row {
	uint16_t machine;
	uint32_t from_build, end_build;
	const struct pool_header_layout *header;
	const struct pool_descriptor_layout *descriptor;
	const struct tracker_layout *tracker;
	const struct big_layout *big;
	const struct lookaside_layout *lookaside;
	const struct free_run_layout *free_run;
} rows[] = {
	{ MACHINE_I386, BUILD_2003, BUILD_VISTA, &header_x86_nt5, &descriptor_x86_2003,
	  &tracker_x86, &big_x86_2003, &lookaside_x86_2003, &free_run_x86 },
	{ MACHINE_I386, BUILD_XP, BUILD_2003, &header_x86_nt5, &descriptor_x86_xp,
	  &tracker_x86, &big_x86_xp, &lookaside_x86_xp, &free_run_x86 },
};

enum dl_status pool_layout_pick(uint16_t machine, uint32_t build,
				struct pool_layout *out, struct dl_err *err)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct pool_row *r = &rows[i];

		if (r->machine != machine || r->from_build > build || r->end_build <= build)
			continue;
		*out = (struct pool_layout){
			.header = *r->header, .descriptor = *r->descriptor,
			.tracker = *r->tracker, .big = *r->big,
			.lookaside = *r->lookaside, .free_run = *r->free_run,
		};
		return DL_OK;
	}
	return err_set(err, DL_UNSUPPORTED, "the pool of %s build %u is not supported: its "
		       "layouts are not known yet", machine_name(machine)
		       ? machine_name(machine) : "this machine's", build);
}
