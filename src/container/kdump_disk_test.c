/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kdump-compressed files built in memory: plain and flattened, sound and
 * malformed.
 */
#include "kdump_testing.h"

static void put_record(uint8_t *out, size_t *n, uint64_t off, const uint8_t *p, size_t size)
{
	put_be64(out + *n, off);
	put_be64(out + *n + 8, size);
	if (p)
		memcpy(out + *n + 16, p, size);
	*n += 16 + (p ? size : 0);
}

/* kdump() as a stream: out of order, once wrong and then overwritten. */
static void flatten(size_t sub_header_bytes)
{
	static uint8_t file[IMAGE_BYTES], junk[5000];
	size_t n = 4096, file_n;

	kdump();
	file_n = im_n;
	memcpy(file, im, file_n);
	memset(im, 0, sizeof im);
	memset(junk, 0xcc, sizeof junk);
	memcpy(im, "makedumpfile", 12);
	put_be64(im + 16, 1);
	put_be64(im + 24, 1);
	put_record(im, &n, 0x2800, junk, sizeof junk);
	put_record(im, &n, 0x2000, file + 0x2000, file_n - 0x2000);
	put_record(im, &n, 0, file, 0x1000);
	put_record(im, &n, 0x1000, file + 0x1000, sub_header_bytes);
	put_record(im, &n, UINT64_MAX, NULL, UINT64_MAX);
	im_n = n;
}

static void flattened(void)
{
	flatten(0x300); /* the rest is a hole */
}

/* The way QEMU writes it: one record after the other. */
static void flattened_in_order(void)
{
	static uint8_t file[IMAGE_BYTES];
	size_t n = 4096;

	kdump();
	memcpy(file, im, im_n);
	memset(im + 32, 0, sizeof im - 32);
	memcpy(im, "makedumpfile\0\0\0\0", 16);
	put_be64(im + 16, 1);
	for (size_t off = 0; off < im_n; off += 5000)
		put_record(im, &n, off, file + off, im_n - off < 5000 ? im_n - off : 5000);
	put_record(im, &n, UINT64_MAX, NULL, UINT64_MAX);
	im_n = n;
}

static const struct kind kinds[] = {
	{ kdump, "kdump", "zlib", 0, 2 },
	{ flattened, "kdump", "zlib", 0, 2 },
};

static void test_every_kind_every_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		check_every_way(&kinds[i]);
}

static const struct malformation malformations[] = {
	{ "block_size", kdump, 0x1ac, 4, 8192, DL_UNSUPPORTED, "block_size" },
	{ "sub_hdr_size", kdump, 0x1b0, 4, 0xffffffff, DL_CORRUPT, "header blocks" },
	{ "bitmap_blocks", kdump, 0x1b4, 4, 0xffffffff, DL_CORRUPT, "bitmaps" },
	{ "bitmap_blocks 0", kdump, 0x1b4, 4, 0, DL_CORRUPT, "max_mapnr" },
	{ "max_mapnr", kdump, 0x1000 + 0x60, 8, 1 << 20, DL_CORRUPT, "max_mapnr" },
	{ "split", kdump, 0x1000 + 0x0c, 4, 1, DL_UNSUPPORTED, "split kdump" },
	{ "notes", kdump, 0x1000 + 0x38, 8, UINT64_MAX, DL_CORRUPT, "notes" },
	{ "vmcoreinfo", kdump, 0x1000 + 0x28, 8, 1 << 30, DL_CORRUPT, "vmcoreinfo" },
};

static void test_malformed_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++)
		check_malformation(&malformations[i]);
}

/* One page descriptor made wrong: that page fails, the others stay. */
static void check_entry(size_t off, uint32_t value, enum dl_status want)
{
	uint8_t scratch[PAGE_BYTES];
	struct dl_err err = { "" };
	const uint8_t *page;
	struct container *c;

	kdump();
	put32(im + ENTRIES + 24 + off, value);
	assert_int_equal(open_n(im_n, &c, &err), DL_OK);
	assert_int_equal(container_page(c, 1, scratch, &page, &err), want);
	assert_true(err.text[0]);
	check_page(c, 0);
	check_page(c, 2);
	check_page(c, 0x13);
	container_close(c);
	source_close(source);
}

static void test_damaged_pages(void **state)
{
	(void)state;
	check_entry(0, 1 << 28, DL_ABSENT);     /* data past the end  */
	check_entry(4, 0x80000000, DL_CORRUPT); /* a negative offset  */
	check_entry(0, 0, DL_CORRUPT);          /* no zlib data there */
	check_entry(8, 0, DL_CORRUPT);
	check_entry(8, 0xffffffff, DL_CORRUPT);
	check_entry(8, PAGE_BYTES + 1, DL_CORRUPT); /* more than libkdumpfile takes */
	check_entry(12, 0, DL_CORRUPT);         /* not compressed, but short */
	check_entry(12, 2, DL_CORRUPT);         /* zlib data, not lzo */
}

static void test_truncations(void **state)
{
	(void)state;
	check_truncations(kdump);
	check_truncations(flattened_in_order);
}

static void test_flattened_without_end(void **state)
{
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	flatten(0x1000);
	assert_int_equal(open_n(im_n - 16, &c, &err), DL_OK);
	assert_note(c, "there is no end record");
	check_page(c, 0x13);
	container_close(c);
	source_close(source);
	put_be64(im + im_n - 8, UINT64_MAX / 2);
	put_be64(im + im_n - 16, UINT64_MAX / 2);
	assert_int_equal(open_n(im_n, &c, &err), DL_OK);
	assert_note(c, "offset or size is impossible");
	container_close(c);
	source_close(source);
}

/* What no field states is taken from the first CPU's tables. */
static void test_machine_by_cpu_state(void **state)
{
	static const struct { uint64_t cr0, gdt; uint32_t cs_flags; uint64_t machine; } rows[] = {
		{ 0x80050033, 0xfffff80000000000, 0, 0x8664 },
		{ 0x80050033, 0x8003f000, 0, 0x14c },
		{ 0x80050033, 0x8003f000, 1 << 21, 0x8664 },
		{ 0x60000010, 0x8003f000, 0, 0 }, /* not paging yet */
		{ 0x80050033, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dl_err err = { "" };
		struct container *c;
		uint8_t *cpu;

		kdump();
		cpu = im + 0x1068 + 20;
		put64(cpu + 0x188, rows[i].cr0);
		put64(cpu + 0x168, rows[i].gdt);
		put32(cpu + 0xa0, rows[i].cs_flags);
		assert_int_equal(open_n(im_n, &c, &err), DL_OK);
		assert_int_equal(container_header(c)->machine.value, rows[i].machine);
		container_close(c);
		source_close(source);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_every_way),
		cmocka_unit_test(test_malformed_headers),
		cmocka_unit_test(test_damaged_pages),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_flattened_without_end),
		cmocka_unit_test(test_machine_by_cpu_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
