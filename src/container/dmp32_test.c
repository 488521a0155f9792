/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit dumps built in memory, sound and then malformed field by field.
 */
#include "dmp_testing.h"

static void put_run(unsigned i, uint32_t base, uint32_t count)
{
	put32(im.p + 0x6c + 8 * i, base);
	put32(im.p + 0x70 + 8 * i, count);
}

/* PFNs 1..5, 0x10..0x13, 0x100: ten pages */
static void complete(void)
{
	header32(1);
	put32(im.p + 0x64, 3);
	put32(im.p + 0x68, 10);
	put_run(0, 1, 5);
	put_run(1, 0x10, 4);
	put_run(2, 0x100, 1);
	add_pages(1, 5);
	add_pages(0x10, 4);
	add_pages(0x100, 1);
}

/* PFNs 0, 3..6, 0x44: six pages of 0x47 bits, from 0x2000 */
static void kernel(void)
{
	header32(2);
	im.n = 0x2000;
	memcpy(im.p + 0x1000, "SDMPDUMP", 8);
	put32(im.p + 0x1008, 1);
	put32(im.p + 0x100c, 0x2000);
	put32(im.p + 0x1010, 0x47);
	put32(im.p + 0x1014, 6);
	put32(im.p + 0x1018, 0x47);
	im.p[0x1020] = 1 | 8 | 16 | 32 | 64;
	im.p[0x1028] = 1 << 4;
	add_pages(0, 1);
	add_pages(3, 4);
	add_pages(0x44, 1);
}

static void test_complete(void **state)
{
	struct container *c;
	uint64_t first, last;

	(void)state;
	complete();
	c = open_image();
	assert_string_equal(container_header(c)->format, "dump32");
	check_count(c, 10, 0);
	for (uint32_t pfn = 1; pfn <= 5; pfn++)
		check_page(c, pfn, pfn);
	check_page(c, 0x13, 0x13);
	check_page(c, 0x100, 0x100);
	check_absent(c, 0);
	check_absent(c, 6);
	check_absent(c, 0x101);
	check_absent(c, UINT64_MAX);
	assert_int_equal(container_run(c, 3, &first, &last), DL_OK);
	assert_int_equal(first, 3);
	assert_int_equal(last, 5);
	assert_int_equal(container_run(c, 6, &first, &last), DL_OK);
	assert_int_equal(first, 0x10);
	assert_int_equal(last, 0x13);
	assert_int_equal(container_run(c, 0x101, &first, &last), DL_END);
	assert_int_equal(container_position(c, 0x10), 0x6000);
	assert_true(container_position(c, 6) == UINT64_MAX);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void test_header_fields(void **state)
{
	const struct dump_header *h;
	struct container *c;

	(void)state;
	complete();
	put32(im.p + 0x14, 0x81000000);
	put32(im.p + 0x18, 0x8055a420);
	put32(im.p + 0x1c, 0x80560d60);
	for (uint32_t i = 0; i < 4; i++)
		put32(im.p + 0x2c + 4 * i, 0x100 + i);
	im.p[0x5c] = 1;
	put32(im.p + 0x60, 0x80544ce0);
	put32(im.p + 0x7d0, 0xc0000005);
	put32(im.p + 0x7d4, 1);
	put32(im.p + 0x7dc, 0x80501234);
	memcpy(im.p + 0x820, "a\x1b[2Jb", 7);
	put32(im.p + 0xf94, 3);
	put32(im.p + 0xf98, 0x110);
	put64(im.p + 0xfa0, 0xb000);
	put64(im.p + 0xfb8, 123456789);
	put64(im.p + 0xfc0, 0x01c40d3f00000000);
	c = open_image();
	h = container_header(c);
	assert_int_equal(h->major.value, 0xf);
	assert_int_equal(h->build.value, 3790);
	assert_int_equal(h->dtb_pa.value, 0x39000);
	assert_int_equal(h->pfn_database_va.value, 0x81000000);
	assert_int_equal(h->modules_va.value, 0x8055a420);
	assert_int_equal(h->processes_va.value, 0x80560d60);
	assert_int_equal(h->machine.value, 0x14c);
	assert_int_equal(h->nr_processors.value, 1);
	assert_int_equal(h->bugcheck_code.value, 0xe2);
	assert_int_equal(h->bugcheck_parameter[0].value, 0x100);
	assert_int_equal(h->bugcheck_parameter[3].value, 0x103);
	assert_true(h->pae.known && h->pae.value == 1);
	assert_int_equal(h->kdbg_va.value, 0x80544ce0);
	assert_true(h->exception.known);
	assert_int_equal(h->exception.code, 0xc0000005);
	assert_int_equal(h->exception.flags, 1);
	assert_int_equal(h->exception.address_va, 0x80501234);
	assert_string_equal(h->comment, "a\\x1b[2Jb");
	assert_int_equal(h->product_type.value, 3);
	assert_int_equal(h->suite_mask.value, 0x110);
	assert_int_equal(h->required_bytes.value, 0xb000);
	assert_int_equal(h->up_time.value, 123456789);
	assert_int_equal(h->system_time.value, 0x01c40d3f00000000);
	assert_null(h->compression);
	close_image(c);
}

static void test_filler_is_unknown(void **state)
{
	const struct dump_header *h;
	struct container *c;

	(void)state;
	complete();
	im.p[0x5c] = 'P';
	put32(im.p + 0x18, 0);
	c = open_image();
	h = container_header(c);
	assert_false(h->pfn_database_va.known);
	assert_false(h->modules_va.known); /* 0: nobody filled it in */
	assert_false(h->kdbg_va.known);
	assert_false(h->pae.known);
	assert_false(h->bugcheck_parameter[2].known);
	assert_false(h->system_time.known);
	assert_false(h->required_bytes.known);
	assert_false(h->exception.known);
	assert_null(h->comment);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void test_kernel(void **state)
{
	struct container *c;
	uint64_t first, last;

	(void)state;
	kernel();
	c = open_image();
	assert_string_equal(container_header(c)->format, "kernel32");
	check_count(c, 6, 0);
	check_page(c, 0, 0);
	for (uint32_t pfn = 3; pfn <= 6; pfn++)
		check_page(c, pfn, pfn);
	check_page(c, 0x44, 0x44);
	check_absent(c, 1);
	check_absent(c, 0x47);
	check_absent(c, UINT64_MAX);
	assert_int_equal(container_run(c, 1, &first, &last), DL_OK);
	assert_int_equal(first, 3);
	assert_int_equal(last, 6);
	assert_int_equal(container_run(c, 0x45, &first, &last), DL_END);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void zero_run(void)
{
	complete();
	put_run(1, 0x10, 0);
	put_run(2, 0x20, 5);
	put32(im.p + 0x64, 3);
}

static void overlap(void)
{
	complete();
	put_run(1, 4, 4); /* PFNs 4 and 5 again, 6 and 7 new */
}

static void bits_beyond(void)
{
	kernel();
	im.p[0x1028] |= 0x80;
}

static void long_run(void)
{
	complete();
	put_run(2, 0x100, 1000);
}

static void huge_runs(void)
{
	complete();
	put_run(0, 0xffffffff, 0xffffffff);
	put_run(1, 5, 0xfffffff0);
}

static const struct malformation malformations[] = {
	{ "NumberOfRuns filler", complete, 0x64, 4, FILLER,
	  "NumberOfRuns at 0x64 is 1162297680, impossible: taken as 3", NULL, 10, 0 },
	{ "NumberOfRuns -1", complete, 0x64, 4, 0xffffffff,
	  "NumberOfRuns at 0x64 is 4294967295, impossible", NULL, 10, 0 },
	{ "NumberOfRuns 87", complete, 0x64, 4, 87, "is 87, impossible", NULL, 10, 0 },
	{ "NumberOfRuns 0", complete, 0x64, 4, 0, "is 0, impossible", NULL, 10, 0 },
	{ "NumberOfPages", complete, 0x68, 4, 11,
	  "NumberOfPages at 0x68 is 11, but the runs add up to 10", NULL, 10, 0 },
	{ "PageCount 0", zero_run, 0x68, 4, 10, "PageCount of run 1 at 0x78 is 0", NULL, 10, 0 },
	{ "overlap", overlap, 0x68, 4, 10, "the runs at 0x6c overlap", NULL, 8, 0 },
	{ "run past the file", long_run, 0x68, 4, 1009,
	  "run 2 (PFN 0x100..0x4e7) needs the file up to 0x3f2000, which ends at 0xb000: "
	  "999 of its pages are missing", NULL, 10, 999 },
	{ "huge runs", huge_runs, 0x68, 4, 1, "needs the file up to", NULL, 10,
	  (uint64_t)0xffffffff + 0xfffffff0 - 10 },
	{ "machine", complete, 0x20, 4, 0x184, "MachineImageType at 0x20 is 0x184", NULL, 10, 0 },
	{ "PaeEnabled", complete, 0x5c, 4, 7, "PaeEnabled at 0x5c is 7", NULL, 10, 0 },
	{ "DumpType filler", complete, 0xf88, 4, FILLER, "taken as 1", NULL, 10, 0 },
	{ "DumpType filler, SDMP", kernel, 0xf88, 4, FILLER, "taken as 2", NULL, 6, 0 },
	{ "DumpType 3", complete, 0xf88, 4, 3, NULL,
	  "32-bit header-only dump (DumpType 3 at 0xf88): holds no memory", 0, 0 },
	{ "DumpType 8", complete, 0xf88, 4, 8, NULL, "(DumpType 8 at 0xf88): not supported", 0, 0 },
	{ "DumpType 99", complete, 0xf88, 4, 99, NULL, "unknown type", 0, 0 },
	{ "encrypted", complete, 0x8a0, 4, 0x100, NULL,
	  "encrypted dump (Attributes 0x100 at 0x8a0)", 0, 0 },
	{ "no room", complete, 0x8a0, 4, 4, "too little room for the whole dump", NULL, 10, 0 },
	{ "no SDMP", kernel, 0x1000, 4, 0, NULL, "signature at 0x1000", 0, 0 },
	{ "BitmapSize 0", kernel, 0x1010, 4, 0, NULL, "BitmapSize at 0x1010 is 0x0", 0, 0 },
	{ "BitmapSize huge", kernel, 0x1010, 4, 0xffffffff, NULL, "BitmapSize at 0x1010", 0, 0 },
	{ "bitmap past the file", kernel, 0x1010, 4, 0x100000, NULL,
	  "the bitmap would end at 0x21020, the file ends at 0x8000", 0, 0 },
	{ "SizeOfBitMap", kernel, 0x1018, 4, 0x40, "SizeOfBitMap at 0x1018 is 0x40", NULL, 6, 0 },
	{ "Pages", kernel, 0x1014, 4, 7, "Pages at 0x1014 is 7, but 6 bits are set", NULL, 6, 0 },
	{ "bits beyond", bits_beyond, 0x1014, 4, 6, "bits set beyond BitmapSize", NULL, 6, 0 },
	{ "HeaderSize inside", kernel, 0x100c, 4, 0x1000, "inside the bitmap", NULL, 6, 0 },
	{ "HeaderSize odd", kernel, 0x100c, 4, 0x2010, "no multiple of a page", NULL, 6, 0 },
	{ "HeaderSize past the file", kernel, 0x100c, 4, 0xfffff000,
	  "6 of the 6 pages that its header promises are missing", NULL, 0, 6 },
};

static void test_malformations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++)
		check_malformation(&malformations[i]);
}

static void test_run_count_that_fits_nothing(void **state)
{
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	complete();
	put32(im.p + 0x64, 1000);
	put32(im.p + 0x68, 7);
	im.n += PAGE_BYTES;
	assert_int_equal(open_n(im.n, &c, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "NumberOfRuns at 0x64 is 1000"));
}

/* The first claim of a PFN wins, and offsets follow the order in the file. */
static void test_overlap_offsets(void **state)
{
	struct container *c;

	(void)state;
	overlap();
	c = open_image();
	check_page(c, 4, 4);    /* of run 0 */
	check_page(c, 5, 5);
	check_page(c, 6, 0x12); /* run 1's third page in the file */
	check_page(c, 7, 0x13);
	check_page(c, 0x100, 0x100);
	close_image(c);
}

/* Runs out of order: the file's order counts, not the PFNs'. */
static void test_unsorted_runs(void **state)
{
	struct container *c;

	(void)state;
	complete();
	put_run(0, 0x200, 5);
	put_run(1, 0x10, 4);
	put_run(2, 0, 1);
	c = open_image();
	check_count(c, 10, 0);
	check_page(c, 0x200, 1);
	check_page(c, 0x10, 0x10);
	check_page(c, 0, 0x100);
	close_image(c);
}

static void test_every_truncation(void **state)
{
	(void)state;
	complete();
	for (size_t n = 1; n <= im.n; n += n % PAGE_BYTES > 16 && n > 0x1040 ? 511 : 1)
		check_truncated(n, 0x1000, 0x1000, 10);
	check_truncated(im.n, 0x1000, 0, 10);
	kernel();
	for (size_t n = 1; n <= im.n; n += n % PAGE_BYTES > 64 && n > 0x1040 ? 511 : 1)
		check_truncated(n, 0x2000, 0x1030, 6);
	check_truncated(im.n, 0x2000, 0, 6);
}

/* Compressed, the end is not known beforehand: pages fail as they are asked for. */
static void test_truncated_gzip(void **state)
{
	static const struct source_options small = { .cache_bytes = 4096 };
	struct dl_err err = { "" };
	struct container *c;
	uint64_t present, absent, failed;
	struct bytes gz;
	bool exact;

	(void)state;
	complete();
	put_run(0, 1, 0xffffffff);
	gz = gzip_of_bytes((struct bytes){ im.p, im.n }, 6);
	assert_int_equal(source_open_memory(gz, "d.dmp", &small, &source, &err), DL_OK);
	assert_int_equal(container_open(source, &c, &err), DL_OK);
	assert_string_equal(container_header(c)->compression, "gzip");
	container_count(c, &present, &absent, &exact);
	assert_true(present < 100000); /* deflate cannot hide more in so few bytes */
	assert_false(exact);
	assert_int_equal(read_all(c, &failed), 10);
	assert_true(failed > 0);
	container_count(c, &present, &absent, &exact);
	assert_true(exact);
	assert_int_equal(present, 10);
	assert_note(c, "ends at 0xb000");
	close_image(c);
	free((void *)(uintptr_t)gz.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_filler_is_unknown),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_malformations),
		cmocka_unit_test(test_run_count_that_fits_nothing),
		cmocka_unit_test(test_overlap_offsets),
		cmocka_unit_test(test_unsorted_runs),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_truncated_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
