/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bitmap dumps of both widths and every shape of header, built in memory, sound
 * and malformed.
 */
#include "dmp_testing.h"

#include <time.h>

/* PFNs 0, 3..6, 0x44: six pages of 0x47 bits, which do not end on a byte */
static void put_bits_and_pages(size_t bits_off)
{
	im.p[bits_off] = 1 | 8 | 16 | 32 | 64;
	im.p[bits_off + 8] = 1 << 4;
	add_pages(0, 1);
	add_pages(3, 4);
	add_pages(0x44, 1);
}

static void new_shape(size_t at, const char *magic)
{
	im.n = at + 0x1000;
	memset(im.p + at, 0, 0x1000);
	memcpy(im.p + at, magic, 8);
	put64(im.p + at + 0x20, at + 0x1000);
	put64(im.p + at + 0x28, 6);
	put64(im.p + at + 0x30, 0x47);
	put_bits_and_pages(at + 0x38);
}

static void old_shape(size_t at, size_t bits_off)
{
	im.n = at + 0x1000;
	memcpy(im.p + at, "SDMPDUMP", 8);
	put32(im.p + at + 0x08, 1);
	put32(im.p + at + 0x0c, (uint32_t)at + 0x1000);
	put32(im.p + at + 0x10, 0x47);
	put32(im.p + at + 0x14, 6);
	put32(im.p + at + 0x18, 0x47);
	if (bits_off == 0x28) /* a pointer of the machine that wrote it */
		put64(im.p + at + 0x20, 0xfffffa8001234560);
	put_bits_and_pages(at + bits_off);
}

static void kernel64(void)
{
	header64(6);
	new_shape(0x2000, "SDMPDUMP");
}

static void full64(void)
{
	header64(5);
	new_shape(0x2000, "FDMPDUMP");
}

static void old64(void)
{
	header64(2);
	old_shape(0x2000, 0x28);
}

static void old64_short(void)
{
	header64(2);
	old_shape(0x2000, 0x20);
}

static void swapped64(void)
{
	header64(6);
	new_shape(0x2000, "SDMPDUMP");
	put64(im.p + 0x2028, 0x47);
	put64(im.p + 0x2030, 6);
}

static void bitmap32(void)
{
	header32(6);
	old_shape(0x1000, 0x20);
}

static void new32(void)
{
	header32(5);
	new_shape(0x1000, "FDMPDUMP");
}

struct shape {
	void (*build)(void);
	uint32_t type_off, type, attributes_off, attributes;
	const char *format, *title, *note; /* note NULL: none */
};

static const struct shape shapes[] = {
	{ kernel64, 0xf98, 6, 0x1050, FILLER, "bitmap64",
	  "64-bit kernel memory dump, bitmap (DumpType 6)", NULL },
	{ kernel64, 0xf98, 6, 0x1050, 0x10, "bitmap64",
	  "64-bit live kernel memory dump, bitmap (DumpType 6)", NULL },
	{ kernel64, 0xf98, 7, 0x1050, 0, "bitmap64",
	  "64-bit automatic memory dump, bitmap (DumpType 7)", NULL },
	{ kernel64, 0xf98, 2, 0x1050, 0, "kernel64",
	  "64-bit kernel memory dump (DumpType 2)", NULL },
	{ kernel64, 0xf98, 0, 0x1050, 0, "kernel64",
	  "64-bit kernel memory dump (DumpType 2)", "taken as 2" },
	{ full64, 0xf98, 5, 0x1050, 0, "bitmap64",
	  "64-bit complete memory dump, bitmap (DumpType 5)", NULL },
	{ full64, 0xf98, 5, 0x1050, 0x40, "bitmap64",
	  "64-bit active memory dump, bitmap (DumpType 5)", NULL },
	{ full64, 0xf98, FILLER, 0x1050, 0, "bitmap64",
	  "64-bit complete memory dump, bitmap (DumpType 5)", "taken as 5" },
	{ old64, 0xf98, 2, 0x1050, FILLER, "kernel64",
	  "64-bit kernel memory dump (DumpType 2)", NULL },
	{ old64_short, 0xf98, 2, 0x1050, FILLER, "kernel64",
	  "64-bit kernel memory dump (DumpType 2)", "the bits follow at 0x2020" },
	{ swapped64, 0xf98, 6, 0x1050, 0, "bitmap64",
	  "64-bit kernel memory dump, bitmap (DumpType 6)", "BitmapSize stands before Pages" },
	{ bitmap32, 0xf88, 6, 0x8a0, FILLER, "bitmap32",
	  "32-bit kernel memory dump, bitmap (DumpType 6)", NULL },
	{ bitmap32, 0xf88, 2, 0x8a0, FILLER, "kernel32",
	  "32-bit kernel memory dump (DumpType 2)", NULL },
	{ new32, 0xf88, 5, 0x8a0, FILLER, "bitmap32",
	  "32-bit complete memory dump, bitmap (DumpType 5)", NULL },
};

static void check_memory(struct container *c)
{
	uint64_t first, last;

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
}

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		const struct shape *s = &shapes[i];
		struct container *c;

		s->build();
		put32(im.p + s->type_off, s->type);
		put32(im.p + s->attributes_off, s->attributes);
		c = open_image();
		assert_string_equal(container_header(c)->format, s->format);
		assert_string_equal(container_header(c)->title, s->title);
		check_memory(c);
		if (s->note)
			assert_note(c, s->note);
		assert_int_equal(nr_notes(c), s->note ? 1 : 0);
		close_image(c);
	}
}

/* Copied, not mapped: the same bits. */
static void test_gzip(void **state)
{
	struct dl_err err = { "" };
	struct container *c;
	struct bytes gz;

	(void)state;
	kernel64();
	gz = gzip_of_bytes((struct bytes){ im.p, im.n }, 6);
	assert_int_equal(source_open_memory(gz, "d.dmp", NULL, &source, &err), DL_OK);
	if (container_open(source, &c, &err))
		fail_msg("%s", err.text);
	check_page(c, 0x44, 0x44);
	check_page(c, 3, 3);
	check_absent(c, 7);
	close_image(c);
	free((void *)(uintptr_t)gz.p);
}

static void bits_beyond(void)
{
	kernel64();
	im.p[0x2040] |= 0x80;
}

/* The first six bits are as many as Pages says, and as few as BitmapSize. */
static void no_low_bits(void)
{
	kernel64();
	im.p[0x2038] = 0;
}

static const struct malformation malformations[] = {
	{ "no SDMP", kernel64, 0x2000, 4, 0, NULL, "signature at 0x2000", 0, 0 },
	{ "no DUMP", kernel64, 0x2004, 4, 0, NULL, "signature at 0x2000", 0, 0 },
	{ "BitmapSize 0", kernel64, 0x2030, 8, 0, NULL, "BitmapSize at 0x2030 is 0x0", 0, 0 },
	{ "BitmapSize 0, first bits 0", no_low_bits, 0x2030, 8, 0, NULL,
	  "BitmapSize at 0x2030 is 0x0", 0, 0 },
	{ "BitmapSize 2^63", kernel64, 0x2030, 8, (uint64_t)1 << 63, NULL,
	  "BitmapSize at 0x2030 is 0x8000000000000000, no number of PFNs that a 64-bit "
	  "machine has", 0, 0 },
	{ "bitmap past the file", kernel64, 0x2030, 8, 0x100000, NULL,
	  "BitmapSize at 0x2030 is 0x100000: the bitmap would end at 0x22038, the file ends "
	  "at 0x9000", 0, 0 },
	{ "Pages", kernel64, 0x2028, 8, 7, "Pages at 0x2028 is 7, but 6 bits are set", NULL,
	  6, 0 },
	{ "Pages 2^63", kernel64, 0x2028, 8, (uint64_t)1 << 63,
	  "Pages at 0x2028 is 9223372036854775808, but 6 bits are set", NULL, 6, 0 },
	{ "bits beyond", bits_beyond, 0x2028, 8, 6, "bits set beyond BitmapSize (0x47)", NULL,
	  6, 0 },
	{ "HeaderSize inside", kernel64, 0x2020, 8, 0x2000, "inside the bitmap", NULL, 6, 0 },
	{ "HeaderSize odd", kernel64, 0x2020, 8, 0x3010, "no multiple of a page", NULL, 6, 0 },
	{ "HeaderSize 0", kernel64, 0x2020, 8, 0, "HeaderSize at 0x2020 is 0x0", NULL, 6, 0 },
	{ "HeaderSize -1", kernel64, 0x2020, 8, UINT64_MAX, NULL,
	  "HeaderSize at 0x2020 is 0xffffffffffffffff, no offset in any file", 0, 0 },
	{ "HeaderSize -4096", kernel64, 0x2020, 8, UINT64_MAX - 4095, NULL,
	  "no offset in any file", 0, 0 },
	{ "HeaderSize past the file", kernel64, 0x2020, 8, 0x100000000,
	  "6 of the 6 pages that its header promises are missing", NULL, 0, 6 },
	{ "old BitmapSize", old64, 0x2010, 4, UINT32_MAX, NULL, "BitmapSize at 0x2010", 0, 0 },
	{ "old HeaderSize", old64, 0x200c, 4, 0x3010, "HeaderSize at 0x200c is 0x3010", NULL,
	  6, 0 },
	{ "old Pages", old64, 0x2014, 4, 9, "Pages at 0x2014 is 9", NULL, 6, 0 },
	{ "old SizeOfBitMap", old64, 0x2018, 4, 9, "SizeOfBitMap at 0x2018 is 0x9", NULL, 6, 0 },
	{ "32-bit BitmapSize", new32, 0x1030, 8, (uint64_t)1 << 29, NULL,
	  "no number of PFNs that a 32-bit machine has", 0, 0 },
};

static void test_malformations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++)
		check_malformation(&malformations[i]);
}

static void test_every_truncation(void **state)
{
	(void)state;
	kernel64();
	for (size_t n = 1; n <= im.n; n += n % PAGE_BYTES > 80 && n > 0x2040 ? 511 : 1)
		check_truncated(n, 0x3000, 0x2041, 6);
	check_truncated(im.n, 0x3000, 0, 6);
	old64();
	for (size_t n = 0x2000; n <= im.n; n += n % PAGE_BYTES > 80 && n > 0x2040 ? 511 : 1)
		check_truncated(n, 0x3000, 0x2031, 6);
}

/* A small file that, inflated, promises a bitmap of gigabytes. */
static void test_hostile_gzip(void **state)
{
	static const uint64_t sizes[] = {
		(uint64_t)1 << 63, (uint64_t)1 << 34, (uint64_t)1 << 33, UINT64_MAX
	};
	struct bytes gz;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct dl_err err = { "" };
		struct timespec a, b;
		struct container *c;
		double ms;

		kernel64();
		put64(im.p + 0x2030, sizes[i]);
		put64(im.p + 0x2020, (uint64_t)1 << 40);
		gz = gzip_of_bytes((struct bytes){ im.p, im.n }, 6);
		clock_gettime(CLOCK_MONOTONIC, &a);
		assert_int_equal(source_open_memory(gz, "d.dmp", NULL, &source, &err), DL_OK);
		assert_int_equal(container_open(source, &c, &err), DL_CORRUPT);
		clock_gettime(CLOCK_MONOTONIC, &b);
		assert_non_null(strstr(err.text, "BitmapSize at 0x2030"));
		ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		assert_true(ms < 50);
		source_close(source);
		free((void *)(uintptr_t)gz.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_malformations),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_hostile_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
