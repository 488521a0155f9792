/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page index: against a plain count of bits, and what it takes for machines
 * with 64 and 256 GB, as sparse dumps whose every second page is there.
 */
#include "dmp_testing.h"

#include "bitmap.h"

#include <time.h>

static void test_bitmap_against_bits(void **state)
{
	uint8_t bits[300];
	uint32_t x = 1;

	(void)state;
	for (uint64_t nr_bits = 1; nr_bits <= 8 * sizeof bits; nr_bits += 37) {
		struct arena arena;
		struct bitmap b;
		uint64_t rank = 0;

		arena_init(&arena);
		for (size_t i = 0; i < sizeof bits; i++) {
			x = x * 1664525 + 1013904223;
			bits[i] = (uint8_t)(x >> 16 & x >> 24);
			if (i / 40 % 2) /* long runs as well */
				bits[i] = i / 80 % 2 ? 0xff : 0;
		}
		assert_true(bitmap_init(&b, &arena, bits, nr_bits));
		for (uint64_t n = 0; n <= nr_bits; n++) {
			bool set = n < nr_bits && (bits[n / 8] >> n % 8 & 1);
			uint64_t first = n, last, f, l;

			assert_int_equal(bitmap_has(&b, n), set);
			assert_int_equal(bitmap_rank(&b, n), rank);
			rank += set;
			while (first < nr_bits && !(bits[first / 8] >> first % 8 & 1))
				first++;
			for (last = first; last < nr_bits && (bits[last / 8] >> last % 8 & 1);)
				last++;
			assert_int_equal(bitmap_next(&b, n, &f, &l), first < nr_bits);
			if (first < nr_bits)
				assert_true(f == first && l == last - 1);
		}
		assert_int_equal(b.nr_set, rank);
		assert_int_equal(bitmap_count(bits, nr_bits), rank);
		arena_deinit(&arena);
	}
}

static void write_at(int fd, uint64_t off, const void *p, size_t n)
{
	assert_int_equal(pwrite(fd, p, n, (off_t)off), (ssize_t)n);
}

/* A sparse dump of @nr_bits PFNs, every second one of them in the file. */
static void make_sparse(char *path, uint64_t nr_bits)
{
	uint64_t end = 0x2038 + nr_bits / 8, first_page = end + 0x1000 - end % 0x1000;
	static uint8_t bits[1 << 16];
	int fd;

	memset(bits, 0x55, sizeof bits);
	header64(5);
	memset(im.p + 0x2000, 0, 0x38);
	memcpy(im.p + 0x2000, "FDMPDUMP", 8);
	put64(im.p + 0x2020, first_page);
	put64(im.p + 0x2028, nr_bits / 2);
	put64(im.p + 0x2030, nr_bits);
	strcpy(path, "/tmp/dumpleak-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	write_at(fd, 0, im.p, 0x2038);
	for (uint64_t off = 0x2038; off < end; off += sizeof bits)
		write_at(fd, off, bits, sizeof bits);
	make_page(im.p, 77);
	write_at(fd, first_page + (nr_bits / 2 - 1) * PAGE_BYTES, im.p, PAGE_BYTES);
	close(fd);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of this process alone, without what is mapped from files. */
static long private_kb(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	long kb = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

static void check_big(uint64_t nr_bits, bool no_map, long max_kb)
{
	struct source_options opts = { .no_map = no_map };
	uint64_t present, absent, first, last;
	struct dl_err err = { "" };
	struct container *c;
	char path[32];
	bool exact;
	double t0;
	long kb;

	make_sparse(path, nr_bits);
	t0 = seconds();
	kb = private_kb();
	assert_int_equal(source_open_path(path, &opts, &source, &err), DL_OK);
	if (container_open(source, &c, &err))
		fail_msg("%s", err.text);
	assert_int_equal(nr_notes(c), 0);
	kb = private_kb() - kb;
	container_count(c, &present, &absent, &exact);
	t0 = seconds() - t0;
	print_message("    %llu GB%s: page index %ld KB, opened and counted in %.0f ms\n",
		      (unsigned long long)nr_bits >> 18, no_map ? ", not mapped" : "", kb,
		      t0 * 1e3);
	assert_int_equal(present, nr_bits / 2);
	assert_int_equal(absent, 0);
#ifdef __SANITIZE_ADDRESS__
	max_kb *= 8; /* it keeps what is freed */
#endif
	assert_true(kb < max_kb);
	assert_true(t0 < 1);
	check_page(c, nr_bits - 2, 77);
	assert_true(container_position(c, nr_bits - 1) == UINT64_MAX);
	assert_int_equal(container_run(c, nr_bits - 3, &first, &last), DL_OK);
	assert_true(first == nr_bits - 2 && last == first);
	close_image(c);
	unlink(path);
}

static void test_big_machines(void **state)
{
	(void)state;
	check_big((uint64_t)1 << 24, false, 4 << 10);
	check_big((uint64_t)1 << 26, false, 8 << 10);
	check_big((uint64_t)1 << 26, true, 16 << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitmap_against_bits),
		cmocka_unit_test(test_big_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
