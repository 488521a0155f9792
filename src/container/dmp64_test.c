/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit headers and complete dumps built in memory, sound and then malformed
 * field by field; then real ones, where they are at hand.
 */
#include "dmp_testing.h"

static void put_run(unsigned i, uint64_t base, uint64_t count)
{
	put64(im.p + 0x98 + 16 * i, base);
	put64(im.p + 0xa0 + 16 * i, count);
}

/* PFNs 1..5, 0x10..0x13, 0x100000: ten pages */
static void complete(void)
{
	header64(1);
	put32(im.p + 0x88, 3);
	put64(im.p + 0x90, 10);
	put_run(0, 1, 5);
	put_run(1, 0x10, 4);
	put_run(2, 0x100000, 1);
	add_pages(1, 5);
	add_pages(0x10, 4);
	add_pages(0x100, 1);
}

static void test_complete(void **state)
{
	struct container *c;
	uint64_t first, last;

	(void)state;
	complete();
	c = open_image();
	assert_string_equal(container_header(c)->format, "dump64");
	assert_string_equal(container_header(c)->title,
			    "64-bit complete memory dump (DumpType 1)");
	check_count(c, 10, 0);
	check_page(c, 1, 1);
	check_page(c, 0x13, 0x13);
	check_page(c, 0x100000, 0x100);
	check_absent(c, 0);
	check_absent(c, 6);
	check_absent(c, UINT64_MAX);
	assert_int_equal(container_run(c, 3, &first, &last), DL_OK);
	assert_int_equal(first, 3);
	assert_int_equal(last, 5);
	assert_int_equal(container_run(c, 0x14, &first, &last), DL_OK);
	assert_int_equal(first, 0x100000);
	assert_int_equal(container_run(c, 0x100001, &first, &last), DL_END);
	assert_int_equal(container_position(c, 0x10), 0x7000);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void put_fields(void)
{
	put64(im.p + 0x18, 0xfffffa8000000000);
	put64(im.p + 0x20, 0xfffff80000656c80);
	put64(im.p + 0x28, 0xfffff80000659840);
	for (uint32_t i = 0; i < 4; i++)
		put64(im.p + 0x40 + 8 * i, 0xffff800000000100 + i);
	put64(im.p + 0x80, 0xfffff800005a4ce0);
	put32(im.p + 0x348 + 0x30, 0x10001f);
	put64(im.p + 0x348 + 0xf8, 0xfffff80000401234);
	put32(im.p + 0xf00, 0xc0000005);
	put32(im.p + 0xf04, 1);
	put64(im.p + 0xf10, 0xfffff80000501234);
	put64(im.p + 0xfa0, 0xc000);
	put64(im.p + 0xfa8, 0x01d707f23dbb3399);
	memcpy(im.p + 0xfb0, "a\x1b[2Jb", 7);
	put64(im.p + 0x1030, 0x23bc1e9);
	put32(im.p + 0x1040, 1);
	put32(im.p + 0x1044, 0x110);
	put32(im.p + 0x1050, 0x21808);
}

static void test_header_fields(void **state)
{
	const struct dump_header *h;
	struct container *c;

	(void)state;
	complete();
	put_fields();
	c = open_image();
	h = container_header(c);
	assert_int_equal(h->major.value, 0xf);
	assert_int_equal(h->build.value, 19041);
	assert_int_equal(h->dtb_pa.value, 0x1ad000);
	assert_int_equal(h->pfn_database_va.value, 0xfffffa8000000000);
	assert_int_equal(h->modules_va.value, 0xfffff80000656c80);
	assert_int_equal(h->processes_va.value, 0xfffff80000659840);
	assert_int_equal(h->machine.value, 0x8664);
	assert_int_equal(h->nr_processors.value, 4);
	assert_int_equal(h->bugcheck_code.value, 0xd1);
	assert_int_equal(h->bugcheck_parameter[0].value, 0xffff800000000100);
	assert_int_equal(h->bugcheck_parameter[3].value, 0xffff800000000103);
	assert_int_equal(h->kdbg_va.value, 0xfffff800005a4ce0);
	assert_int_equal(h->exception.code, 0xc0000005);
	assert_int_equal(h->exception.flags, 1);
	assert_int_equal(h->exception.address_va, 0xfffff80000501234);
	assert_string_equal(h->comment, "a\\x1b[2Jb");
	assert_int_equal(h->product_type.value, 1);
	assert_int_equal(h->suite_mask.value, 0x110);
	assert_int_equal(h->required_bytes.value, 0xc000);
	assert_int_equal(h->up_time.value, 0x23bc1e9);
	assert_int_equal(h->system_time.value, 0x01d707f23dbb3399);
	assert_int_equal(h->dump_type.value, 1);
	assert_int_equal(h->attributes.value, 0x21808);
	assert_int_equal(h->context_bytes, 0x4d0);
	assert_int_equal(le64(h->context + 0xf8), 0xfffff80000401234);
	close_image(c);
}

static void test_filler_is_unknown(void **state)
{
	const struct dump_header *h;
	struct container *c;

	(void)state;
	complete();
	put64(im.p + 0x80, 0);
	c = open_image();
	h = container_header(c);
	assert_false(h->pfn_database_va.known);
	assert_false(h->modules_va.known);
	assert_false(h->kdbg_va.known); /* 0: nobody filled it in */
	assert_false(h->pae.known);
	assert_false(h->bugcheck_parameter[2].known);
	assert_false(h->system_time.known);
	assert_false(h->up_time.known);
	assert_false(h->attributes.known);
	assert_false(h->product_type.known);
	assert_false(h->exception.known);
	assert_null(h->context);
	assert_null(h->comment);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void test_arm64(void **state)
{
	struct container *c;

	(void)state;
	complete();
	put32(im.p + 0x30, 0xaa64);
	put32(im.p + 0x348, 0x400007);
	c = open_image();
	assert_int_equal(container_header(c)->machine.value, 0xaa64);
	assert_int_equal(container_header(c)->context_bytes, 0x390);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

/* Every run that the header has room for. */
static void test_43_runs(void **state)
{
	struct container *c;

	(void)state;
	header64(1);
	put32(im.p + 0x88, 43);
	put64(im.p + 0x90, 43);
	for (uint32_t i = 0; i < 43; i++) {
		put_run(i, 1000 - 2 * i, 1); /* descending: the file's order counts */
		add_pages(1000 - 2 * i, 1);
	}
	c = open_image();
	check_count(c, 43, 0);
	check_page(c, 1000, 1000);
	check_page(c, 1000 - 84, 1000 - 84);
	check_absent(c, 999);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void overlap(void)
{
	complete();
	put_run(1, 4, 4);
}

static void zero_run(void)
{
	complete();
	put_run(1, 0x10, 0);
	put_run(2, 0x20, 5);
}

#define FILLER64 ((uint64_t)FILLER << 32 | FILLER)

static const struct malformation malformations[] = {
	{ "NumberOfRuns -1", complete, 0x88, 4, UINT32_MAX,
	  "NumberOfRuns at 0x88 is 4294967295, impossible: taken as 3", NULL, 10, 0 },
	{ "NumberOfRuns 44", complete, 0x88, 4, 44, "is 44, impossible", NULL, 10, 0 },
	{ "NumberOfRuns filler", complete, 0x88, 4, FILLER, "taken as 3", NULL, 10, 0 },
	{ "NumberOfPages", complete, 0x90, 8, FILLER64,
	  "NumberOfPages at 0x90 is 4992030524978970960, but the runs add up to 10", NULL,
	  10, 0 },
	{ "PageCount 0", zero_run, 0x90, 8, 10, "PageCount of run 1 at 0xb0 is 0", NULL, 10, 0 },
	{ "PageCount 2^63", complete, 0xb0, 8, (uint64_t)1 << 63, NULL,
	  "PageCount of run 1 at 0xb0 is 0x8000000000000000", 0, 0 },
	{ "PageCount -1", complete, 0xa0, 8, UINT64_MAX, NULL, "PageCount of run 0 at 0xa0",
	  0, 0 },
	{ "BasePage 2^60", complete, 0xa8, 8, (uint64_t)1 << 60,
	  "BasePage of run 1 at 0xa8 is 0x1000000000000000", NULL, 6, 0 },
	{ "run past the file", complete, 0xc0, 8, 1000,
	  "run 2 (PFN 0x100000..0x1003e7) needs the file up to 0x3f3000, which ends at "
	  "0xc000: 999 of its pages are missing", NULL, 10, 999 },
	{ "overlap", overlap, 0x90, 8, 10, "the runs at 0x98 overlap", NULL, 8, 0 },
	{ "machine", complete, 0x30, 4, 0x200, "MachineImageType at 0x30 is 0x200", NULL, 10, 0 },
	{ "DumpType filler", complete, 0xf98, 4, FILLER, "taken as 1", NULL, 10, 0 },
	{ "DumpType 0", complete, 0xf98, 4, 0, "taken as 1", NULL, 10, 0 },
	{ "DumpType 3", complete, 0xf98, 4, 3, NULL,
	  "64-bit header-only dump (DumpType 3 at 0xf98): holds no memory", 0, 0 },
	{ "DumpType 6", complete, 0xf98, 4, 6, NULL, "signature at 0x2000", 0, 0 },
	{ "DumpType 9", complete, 0xf98, 4, 9, NULL, "signature at 0x2004", 0, 0 },
	{ "DumpType 11", complete, 0xf98, 4, 11, NULL, "unknown type (DumpType 11 at 0xf98)",
	  0, 0 },
	{ "DumpType -1", complete, 0xf98, 4, UINT32_MAX, NULL, "unknown type", 0, 0 },
	{ "encrypted", complete, 0x1050, 4, 0x100, NULL,
	  "d.dmp: encrypted dump (Attributes 0x100 at 0x1050): the pages cannot be read "
	  "without the key", 0, 0 },
	{ "no room", complete, 0x1050, 4, 4, "too little room for the whole dump", NULL, 10, 0 },
};

static void test_malformations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++)
		check_malformation(&malformations[i]);
}

static void test_run_count_that_fits_nothing(void **state)
{
	(void)state;
	complete();
	put32(im.p + 0x88, UINT32_MAX);
	put64(im.p + 0x90, 7);
	im.n += PAGE_BYTES;
	assert_refused(DL_CORRUPT, "NumberOfRuns at 0x88 is 4294967295");
}

static void test_decrypted_opens(void **state)
{
	struct container *c;

	(void)state;
	complete();
	put32(im.p + 0x1050, 0x300);
	c = open_image();
	check_count(c, 10, 0);
	close_image(c);
}

static void test_every_truncation(void **state)
{
	(void)state;
	complete();
	for (size_t n = 1; n <= im.n; n += n % PAGE_BYTES > 16 && n > 0x2040 ? 511 : 1)
		check_truncated(n, 0x2000, 0x2000, 10);
	check_truncated(im.n, 0x2000, 0, 10);
}

struct real {
	const char *path;
	uint64_t build, dtb_pa, kdbg_va, bugcheck, pages, required;
};

static const struct real reals[] = {
	{ "../shared/dumps/nt52/x64-core.dmp.gz", 3790, 0x97000, 0xfffff800005a4ce0, 0xe2,
	  65404, 0xff7e000 },
	{ "../shared/dumps/written/19041-x64-full.dmp.gz", 19041, 0x800000,
	  0xfffff8047c600b20, 0x1000007e, 15775, 0x3da1000 },
};

static void test_real_files(void **state)
{
	unsigned nr = 0;

	(void)state;
	for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
		const struct dump_header *h;
		struct dl_err err = { "" };
		uint64_t present, absent;
		struct container *c;
		struct source *s;
		bool exact;

		if (access(reals[i].path, R_OK))
			continue;
		nr++;
		if (source_open_path(reals[i].path, NULL, &s, &err) ||
		    container_open(s, &c, &err))
			fail_msg("%s", err.text);
		h = container_header(c);
		assert_int_equal(h->build.value, reals[i].build);
		assert_int_equal(h->dtb_pa.value, reals[i].dtb_pa);
		assert_int_equal(h->kdbg_va.value, reals[i].kdbg_va);
		assert_int_equal(h->bugcheck_code.value, reals[i].bugcheck);
		assert_int_equal(h->required_bytes.value, reals[i].required);
		container_count(c, &present, &absent, &exact);
		assert_int_equal(present, reals[i].pages);
		assert_int_equal(nr_notes(c), 0);
		container_close(c);
		source_close(s);
	}
	if (!nr)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_filler_is_unknown),
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_43_runs),
		cmocka_unit_test(test_malformations),
		cmocka_unit_test(test_run_count_that_fits_nothing),
		cmocka_unit_test(test_decrypted_opens),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
