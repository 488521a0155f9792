/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit Windows kernel dumps ("PAGEDU64"): where their fields are. Layouts are
 * those that public tools agree on.
 */
#include "dmp64.h"

#include "dmp.h"

static const struct bitmap_shape shapes[] = {
	{       /* Windows 8 and later */
		.first_page = { 0x20, 8, 0, 0 }, .nr_pages = { 0x28, 8, 0, 0 },
		.nr_bits = { 0x30, 8, 0, 0 }, .bits_off = 0x38,
	}, {
		.first_page = { 0x20, 8, 0, 0 }, .nr_bits = { 0x28, 8, 0, 0 },
		.nr_pages = { 0x30, 8, 0, 0 }, .bits_off = 0x38,
		.words = "BitmapSize stands before Pages",
	}, {    /* SUMMARY_DUMP64: NT 5.2 to Windows 7, type 2 */
		.first_page = { 0x0c, 4, 0, 0 }, .nr_bits = { 0x10, 4, 0, 0 },
		.nr_pages = { 0x14, 4, 0, 0 }, .size_of_bitmap = { 0x18, 4, 0, 0 },
		.bits_off = 0x28,
	}, {
		.first_page = { 0x0c, 4, 0, 0 }, .nr_bits = { 0x10, 4, 0, 0 },
		.nr_pages = { 0x14, 4, 0, 0 }, .size_of_bitmap = { 0x18, 4, 0, 0 },
		.bits_off = 0x20,
		.words = "the bits follow at 0x2020, as in 32-bit dumps",
	},
};

static const struct dmp_width width = {
	.words = "64-bit",
	.complete = "dump64", .kernel = "kernel64", .bitmap = "bitmap64",
	.ranges = "ranges64",
	.magic = "PAGEDU64",
	.word = 8,
	.max_runs = 43,         /* (704 - 16) / 16, the padding included: QEMU uses it */
	.header_bytes = DMP64_HEADER_BYTES,
	.nr_runs_off = 0x88, .nr_pages_off = 0x90, .runs_off = 0x98,
	.dump_type_off = 0xf98, .attributes_off = 0x1050,
	.shapes = shapes, .nr_shapes = sizeof shapes / sizeof shapes[0],
	.max_bits = (uint64_t)1 << 34,  /* 64 TB */
	.header = dmp64_header,
};

static enum probe_result dmp64_probe(struct source *source)
{
	return dmp_has_magic(source, width.magic);
}

static enum dl_status dmp64_open(struct container *c, struct dl_err *err)
{
	return dmp_open(c, &width, err);
}

const struct reader dmp64_reader = {
	.name = "dmp64",
	.probe = dmp64_probe,
	.open = dmp64_open,
	.close = dmp_close,
	.page = dmp_page,
	.run = dmp_run,
	.position = dmp_position,
	.file_off = dmp_file_off,
	.count = dmp_count,
};
