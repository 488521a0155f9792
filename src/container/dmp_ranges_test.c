/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps that a debugger wrote, built in memory: ranges that end at PFN 0 or at
 * their total, sound and malformed.
 */
#include "dmp_testing.h"

static void put_range(unsigned i, uint64_t pfn, uint64_t n)
{
	put64(im.p + 0x2030 + 16 * i, pfn);
	put64(im.p + 0x2038 + 16 * i, n);
}

/* PFNs 0x200..0x204, 0x10..0x13, 1: ten pages, not in ascending order */
static void ranges(uint32_t type)
{
	header64(type);
	im.n = 0x3000;
	put32(im.p + 0x2000, 0x40);
	memcpy(im.p + 0x2004, "RDMPDUMP", 8);
	put64(im.p + 0x2010, 0x3000 - 0x2020);
	put64(im.p + 0x2018, 0x3000);
	put_range(0, 0x200, 5);
	put_range(1, 0x10, 4);
	put_range(2, 1, 1);
	add_pages(0x200, 5);
	add_pages(0x10, 4);
	add_pages(1, 1);
}

static void kernel(void)
{
	ranges(8);
}

static void kernel_and_user(void)
{
	ranges(9);
}

/* The last of them starts at PFN 0, which ends the list of the other types. */
static void complete(void)
{
	ranges(10);
	put32(im.p + 0x2020, 3);
	put64(im.p + 0x2028, 10);
	put_range(2, 0, 1);
	put_range(3, 0x45474150, 0x45474150);
}

static void unknown_type(void)
{
	kernel_and_user();
	put32(im.p + 0xf98, FILLER);
}

struct kind {
	void (*build)(void);
	uint64_t last_pfn;
	const char *title, *note;
};

static const struct kind kinds[] = {
	{ kernel, 1, "64-bit kernel memory dump, written by a debugger (DumpType 8)", NULL },
	{ kernel_and_user, 1,
	  "64-bit kernel and user memory dump, written by a debugger (DumpType 9)", NULL },
	{ complete, 0, "64-bit complete memory dump, written by a debugger (DumpType 10)", NULL },
	{ unknown_type, 1,
	  "64-bit kernel and user memory dump, written by a debugger (DumpType 9)",
	  "taken as 9" },
};

static void test_kinds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct container *c;

		kinds[i].build();
		c = open_image();
		assert_string_equal(container_header(c)->format, "ranges64");
		assert_string_equal(container_header(c)->title, kinds[i].title);
		check_count(c, 10, 0);
		check_page(c, 0x200, 0x200);
		check_page(c, 0x204, 0x204);
		check_page(c, 0x13, 0x13);
		check_page(c, kinds[i].last_pfn, 1);
		check_absent(c, 0x14);
		check_absent(c, UINT64_MAX);
		if (kinds[i].note)
			assert_note(c, kinds[i].note);
		assert_int_equal(nr_notes(c), kinds[i].note ? 1 : 0);
		close_image(c);
	}
}

static void overlap(void)
{
	kernel();
	put_range(1, 0x203, 4);
}

static void wrong_metadata(void)
{
	complete();
	put64(im.p + 0x2010, 5);
}

static const struct malformation malformations[] = {
	{ "no RDMP", kernel, 0x2004, 4, 0, NULL, "signature at 0x2004", 0, 0 },
	{ "MetadataSize", kernel, 0x2010, 8, UINT64_MAX,
	  "MetadataSize at 0x2010 is 0xffffffffffffffff", NULL, 10, 0 },
	{ "FirstPageOffset inside", kernel, 0x2018, 8, 0x2028, NULL,
	  "FirstPageOffset at 0x2018 is 0x2028", 0, 0 },
	{ "FirstPageOffset -1", kernel, 0x2018, 8, UINT64_MAX, NULL,
	  "FirstPageOffset at 0x2018 is 0xffffffffffffffff", 0, 0 },
	{ "FirstPageOffset past the file", kernel, 0x2018, 8, (uint64_t)1 << 40, NULL,
	  "but the file ends at 0xd000", 0, 0 },
	{ "empty", kernel, 0x2030, 8, 0, NULL, "list of ranges at 0x2030 is empty", 0, 0 },
	{ "count overflows", kernel, 0x2048, 8, UINT64_MAX, NULL,
	  "range at 0x2040 is 0xffffffffffffffff pages from PFN 0x10", 0, 0 },
	{ "PFN overflows", kernel, 0x2040, 8, UINT64_MAX, NULL,
	  "range at 0x2040 is 0x4 pages from PFN 0xffffffffffffffff", 0, 0 },
	{ "past the file", kernel, 0x2038, 8, 100,
	  "95 of the 105 pages that its header promises are missing", NULL, 10, 95 },
	{ "overlap", overlap, 0x2048, 8, 4, "the ranges at 0x2030 overlap", NULL, 8, 0 },
	{ "total too high", complete, 0x2028, 8, (uint64_t)1 << 63,
	  "TotalNumberOfPages at 0x2028 is 9223372036854775808, but the ranges add up to 10",
	  NULL, 10, 0 },
	{ "NumberOfRanges -1", wrong_metadata, 0x2020, 4, UINT32_MAX, "MetadataSize at 0x2010",
	  NULL, 10, 0 },
	{ "NumberOfRanges 0", wrong_metadata, 0x2020, 4, 0, "MetadataSize at 0x2010", NULL,
	  10, 0 },
	{ "total too low", complete, 0x2028, 8, 8,
	  "TotalNumberOfPages at 0x2028 is 8, but the ranges add up to 9", NULL, 9, 0 },
};

static void test_malformations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++)
		check_malformation(&malformations[i]);
}

/* More ranges than anybody writes: refused before they take memory. */
static void test_too_many_ranges(void **state)
{
	const size_t n = (size_t)17 << 20;
	uint8_t *p = malloc(n);
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	assert_non_null(p);
	kernel();
	memcpy(p, im.p, 0x2030);
	put64(p + 0x2018, n);
	for (size_t i = 0x2030; i < n; i += 16) {
		put64(p + i, i);
		put64(p + i + 8, 1);
	}
	assert_int_equal(source_open_memory((struct bytes){ p, n }, "d.dmp", NULL, &source,
					    NULL), DL_OK);
	assert_int_equal(container_open(source, &c, &err), DL_UNSUPPORTED);
	assert_non_null(strstr(err.text, "more than 1048576 ranges"));
	source_close(source);
	free(p);
}

static void test_every_truncation(void **state)
{
	(void)state;
	kernel();
	for (size_t n = 0x2000; n <= im.n; n += n % PAGE_BYTES > 80 ? 511 : 1)
		check_truncated(n, 0x3000, 0x3000, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_malformations),
		cmocka_unit_test(test_too_many_ranges),
		cmocka_unit_test(test_every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
