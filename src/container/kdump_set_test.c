/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image as several files: the pages of kdump() in two and three parts, as
 * files, in memory and compressed; and parts that do not belong together.
 */
#include "kdump_testing.h"

enum { MAX_FILES = 3 };

static uint8_t parts[MAX_FILES][64 << 10];
static size_t parts_n[MAX_FILES];
static struct source *sources[MAX_FILES];

/* Part @i: the whole header and bitmap, descriptors and data of @start..@end-1. */
static void make_part(size_t i, uint64_t start, uint64_t end)
{
	static const uint32_t pfns[] = { 0, 1, 2, 0x10, 0x11, 0x12, 0x13 };
	uint8_t *p = parts[i];
	size_t nr = 0, n;

	kdump();
	memcpy(p, im, ENTRIES);
	put32(p + 0x1000 + 0x0c, 1);
	put64(p + 0x1000 + 0x50, start);
	put64(p + 0x1000 + 0x58, end);
	for (size_t k = 0; k < 7; k++)
		nr += pfns[k] >= start && pfns[k] < end;
	n = ENTRIES + 24 * nr;
	nr = 0;
	for (size_t k = 0; k < 7; k++) {
		const uint8_t *entry = im + ENTRIES + 24 * k;

		if (pfns[k] < start || pfns[k] >= end)
			continue;
		memcpy(p + ENTRIES + 24 * nr, entry, 24);
		memcpy(p + n, im + le64(entry), le32(entry + 8));
		put64(p + ENTRIES + 24 * nr++, n);
		n += le32(entry + 8);
	}
	parts_n[i] = n;
}

static void open_part(size_t i, const char *name)
{
	assert_int_equal(source_open_memory((struct bytes){ parts[i], parts_n[i] }, name, NULL,
					    &sources[i], NULL), DL_OK);
}

static void close_parts(size_t n)
{
	for (size_t i = 0; i < n; i++)
		source_close(sources[i]);
}

static struct container *open_set(size_t n)
{
	struct dl_err err = { "" };
	struct container *c;

	if (container_open_set(sources, n, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static void assert_set_refused(size_t n, enum dl_status want, const char *words)
{
	struct dl_err err = { "" };
	struct container *c;
	enum dl_status st = container_open_set(sources, n, &c, &err);

	if (st != want || !strstr(err.text, words))
		fail_msg("status %d, \"%s\"", st, err.text);
}

static void check_set(size_t n)
{
	struct container *c = open_set(n);
	uint64_t first, last;
	size_t nr;

	check_memory(c);
	assert_string_equal(container_header(c)->format, "kdump");
	assert_string_equal(container_header(c)->title,
			    "kdump-compressed memory image (several files)");
	assert_int_equal(container_run(c, 3, &first, &last), DL_OK);
	assert_int_equal(first, 0x10);
	assert_int_equal(container_run(c, 0x14, &first, &last), DL_END);
	container_notes(c, &nr);
	assert_int_equal(nr, 0);
	container_close(c);
}

/* In any order. */
static void test_in_memory(void **state)
{
	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		make_part((size_t)turn, 0, 0x11);
		make_part((size_t)!turn, 0x11, 0x20);
		open_part(0, "a");
		open_part(1, "b");
		check_set(2);
		close_parts(2);
	}
	make_part(0, 0x12, 0x20);
	make_part(1, 2, 0x12);
	make_part(2, 0, 2);
	for (size_t i = 0; i < 3; i++)
		open_part(i, "p");
	check_set(3);
	close_parts(3);
}

static void test_as_files(void **state)
{
	char path[2][32];

	(void)state;
	make_part(0, 0, 0x11);
	make_part(1, 0x11, 0x20);
	for (size_t i = 0; i < 2; i++) {
		make_file(path[i], (struct bytes){ parts[i], parts_n[i] });
		assert_int_equal(source_open_path(path[i], NULL, &sources[i], NULL), DL_OK);
	}
	check_set(2);
	close_parts(2);
	unlink(path[0]);
	unlink(path[1]);
}

static void test_compressed(void **state)
{
	struct bytes gz;

	(void)state;
	make_part(0, 0, 0x11);
	make_part(1, 0x11, 0x20);
	open_part(0, "a"); /* one of them only */
	gz = gzip_of_bytes((struct bytes){ parts[1], parts_n[1] }, 6);
	assert_int_equal(source_open_memory(gz, "b.gz", NULL, &sources[1], NULL), DL_OK);
	check_set(2);
	close_parts(2);
	free((void *)(uintptr_t)gz.p);
}

static void test_missing_part(void **state)
{
	uint8_t scratch[PAGE_BYTES];
	uint64_t present, absent, failed;
	const uint8_t *page;
	struct container *c;
	bool exact;

	(void)state;
	make_part(0, 0, 2);
	make_part(1, 0x12, 0x20);
	open_part(0, "a");
	open_part(1, "b");
	c = open_set(2);
	container_count(c, &present, &absent, &exact);
	assert_int_equal(present, 4);
	assert_int_equal(absent, 3);
	assert_int_equal(read_all(c, &failed), 4);
	assert_int_equal(failed, 0);
	assert_int_equal(container_page(c, 0x10, scratch, &page, NULL), DL_ABSENT);
	check_page(c, 0x12);
	assert_note(c, "the part with PFN 0x2..0x12 (3 pages) is not among the files");
	container_close(c);
	close_parts(2);
}

static void test_cut_part(void **state)
{
	uint64_t present, absent, failed;
	struct container *c;
	bool exact;

	(void)state;
	make_part(0, 0, 0x11);
	make_part(1, 0x11, 0x20);
	parts_n[1] -= 1;
	open_part(0, "a");
	open_part(1, "b");
	c = open_set(2);
	container_count(c, &present, &absent, &exact);
	assert_int_equal(present, 6);
	assert_int_equal(absent, 1);
	assert_int_equal(read_all(c, &failed), 6);
	container_close(c);
	close_parts(2);
}

/* A second file that is damaged says so, once its damage is known. */
static void test_damaged_part(void **state)
{
	uint64_t failed;
	struct container *c;
	struct bytes gz;
	size_t n, again;

	(void)state;
	make_part(0, 0, 0x11);
	make_part(1, 0x11, 0x20);
	open_part(0, "a");
	gz = gzip_of_bytes((struct bytes){ parts[1], parts_n[1] }, 6);
	assert_int_equal(source_open_memory((struct bytes){ gz.p, gz.n - 400 }, "b.gz", NULL,
					    &sources[1], NULL), DL_OK);
	c = open_set(2);
	read_all(c, &failed);
	assert_note(c, "b.gz: ");
	container_notes(c, &n);
	container_notes(c, &again);
	assert_int_equal(n, again);
	container_close(c);
	close_parts(2);
	free((void *)(uintptr_t)gz.p);
}

static void test_not_one_dump(void **state)
{
	(void)state;
	make_part(0, 0, 0x11);
	make_part(1, 0x10, 0x20);
	open_part(0, "a");
	open_part(1, "b");
	assert_set_refused(2, DL_CORRUPT, "b: holds PFN 0x10..0x20, which a holds as well");
	parts[1][0x3000] ^= 4; /* another bitmap */
	assert_set_refused(2, DL_CORRUPT, "no part of the same dump as a: their bitmaps differ");
	make_part(1, 0x20, 0x10);
	assert_set_refused(2, DL_CORRUPT, "start_pfn 0x20 lies behind end_pfn 0x10");
	source_close(sources[1]);
	kdump();
	memcpy(parts[1], im, im_n);
	parts_n[1] = im_n;
	open_part(1, "b");
	assert_set_refused(2, DL_UNSUPPORTED, "b: is a whole dump");
	source_close(sources[1]);
	memcpy(parts[1], "hello", 5);
	open_part(1, "b");
	assert_set_refused(2, DL_UNSUPPORTED, "b: is no part of a kdump, as a is");
	assert_set_refused(1, DL_UNSUPPORTED,
			   "one part of a split kdump (PFN 0x0..0x11): name all of its parts");
	close_parts(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_memory),
		cmocka_unit_test(test_as_files),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_missing_part),
		cmocka_unit_test(test_cut_part),
		cmocka_unit_test(test_damaged_part),
		cmocka_unit_test(test_not_one_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
