/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit Windows kernel dumps ("PAGEDUMP"): where their fields are. Layouts are
 * those that public tools agree on and that dumps of type 1 and 2 show. What
 * 32-bit Windows 8.1 and later write as types 5 and 6 nobody has shown: both
 * shapes of bitmap header are tried.
 */
#include "dmp32.h"

#include "dmp.h"

static const struct bitmap_shape shapes[] = {
	{       /* SUMMARY_DUMP32 */
		.first_page = { 0x0c, 4, 0, 0 }, .nr_bits = { 0x10, 4, 0, 0 },
		.nr_pages = { 0x14, 4, 0, 0 }, .size_of_bitmap = { 0x18, 4, 0, 0 },
		.bits_off = 0x20,
	}, {    /* as 64-bit Windows 8 and later */
		.first_page = { 0x20, 8, 0, 0 }, .nr_pages = { 0x28, 8, 0, 0 },
		.nr_bits = { 0x30, 8, 0, 0 }, .bits_off = 0x38,
	},
};

static const struct dmp_width width = {
	.words = "32-bit",
	.complete = "dump32", .kernel = "kernel32", .bitmap = "bitmap32",
	.magic = "PAGEDUMP",
	.word = 4,
	.max_runs = 86,         /* (700 - 8) / 8: the block is 700 bytes */
	.header_bytes = DMP32_HEADER_BYTES,
	.nr_runs_off = 0x64, .nr_pages_off = 0x68, .runs_off = 0x6c,
	.dump_type_off = 0xf88, .attributes_off = 0x8a0,
	.shapes = shapes, .nr_shapes = sizeof shapes / sizeof shapes[0],
	.max_bits = 1 << 28,    /* 1 TB: eight times what 32-bit Windows takes */
	.header = dmp32_header,
};

static enum probe_result dmp32_probe(struct source *source)
{
	return dmp_has_magic(source, width.magic);
}

static enum dl_status dmp32_open(struct container *c, struct dl_err *err)
{
	return dmp_open(c, &width, err);
}

const struct reader dmp32_reader = {
	.name = "dmp32",
	.probe = dmp32_probe,
	.open = dmp32_open,
	.close = dmp_close,
	.page = dmp_page,
	.run = dmp_run,
	.position = dmp_position,
	.file_off = dmp_file_off,
	.count = dmp_count,
};
