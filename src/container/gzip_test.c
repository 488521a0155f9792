/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random access into gzip against the plain data, and what damaged files do:
 * everything before the damage stays readable, and the damage is named.
 */
#include "testing.h"

#include "source_impl.h"

#include <pthread.h>

enum { DATA_BYTES = 12 << 20 };

static uint8_t *data;           /* what the sources below must give */

static int make_data(void **state)
{
	(void)state;
	data = malloc(DATA_BYTES);
	if (!data)
		return -1;
	for (uint32_t i = 0; i < DATA_BYTES / PAGE_BYTES; i++)
		make_page(data + (size_t)i * PAGE_BYTES, i);
	return 0;
}

static int free_data(void **state)
{
	(void)state;
	free(data);
	return 0;
}

static struct source *open_gz(struct bytes gz, const struct source_options *opts)
{
	struct dl_err err = { "" };
	struct source *s;

	assert_int_equal(source_open_memory(gz, "gz", opts, &s, &err), DL_OK);
	assert_true(source_is_compressed(s));
	return s;
}

static void check_read(struct source *s, uint64_t off, size_t n)
{
	struct dl_err err = { "" };
	uint8_t *buf = malloc(n);

	assert_non_null(buf);
	if (source_read(s, off, buf, n, &err))
		fail_msg("at 0x%llx: %s", (unsigned long long)off, err.text);
	assert_memory_equal(buf, data + off, n);
	free(buf);
}

static void check_random_reads(struct source *s, unsigned seed, int count)
{
	for (int i = 0; i < count; i++) {
		seed = seed * 1664525 + 1013904223;
		check_read(s, (seed >> 4) % (DATA_BYTES - 70000), 1 + (seed >> 3) % 9000);
	}
}

static const struct source_options limits[] = {
	{ 0, 0, false },
	{ 64 << 10, 0, false },         /* chunks of 8 KB, eight of them     */
	{ 1, 1, false },                /* one chunk of 4 KB, two checkpoints */
	{ 256 << 10, 200 << 10, false },
};

static void test_random_access(void **state)
{
	struct bytes gz = gzip_of_bytes((struct bytes){ data, DATA_BYTES }, 1);

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		struct source *s = open_gz(gz, &limits[i]);
		size_t cache = limits[i].cache_bytes ? limits[i].cache_bytes : 128 << 20;
		size_t windows = limits[i].window_bytes ? limits[i].window_bytes : 64 << 20;
		uint64_t size;

		check_read(s, DATA_BYTES - 5000, 5000);
		check_random_reads(s, (unsigned)i, 60);
		assert_int_equal(source_size(s, &size, NULL), DL_OK);
		assert_int_equal(size, DATA_BYTES);
		assert_null(source_damage(s));
		assert_null(source_remark(s));
		/* a cursor takes about 40 KB; some are always held */
		assert_true(source_held_bytes(s) <= cache + windows + (600 << 10));
		source_close(s);
	}
	free((void *)(uintptr_t)gz.p);
}

static void *reader(void *arg)
{
	check_random_reads(arg, (unsigned)(uintptr_t)&arg >> 4, 150);
	return NULL;
}

static void test_threads(void **state)
{
	struct bytes gz = gzip_of_bytes((struct bytes){ data, DATA_BYTES }, 1);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct source_options opts = { .cache_bytes = i ? 3 << 20 : 0 };
		struct source *s = open_gz(gz, &opts);
		pthread_t t[6];

		for (int k = 0; k < 6; k++)
			assert_int_equal(pthread_create(&t[k], NULL, reader, s), 0);
		for (int k = 0; k < 6; k++)
			pthread_join(t[k], NULL);
		source_close(s);
	}
	free((void *)(uintptr_t)gz.p);
}

/* Nothing is inflated before somebody asks for it. */
static void test_lazy(void **state)
{
	struct bytes gz = gzip_of_bytes((struct bytes){ data, DATA_BYTES }, 1);
	struct source *s = open_gz(gz, NULL);
	uint64_t end;

	(void)state;
	check_read(s, 0, 100);
	assert_true(source_held_bytes(s) < 2 << 20);
	assert_false(source_end(s, &end));
	assert_true(source_reaches(s, DATA_BYTES));
	assert_false(source_reaches(s, gz.n * 1033)); /* deflate's best ratio */
	check_read(s, DATA_BYTES - 1, 1);
	source_close(s);
	free((void *)(uintptr_t)gz.p);
}

/* A small file in two members, the first one with every header field. */
static struct bytes two_members(size_t *first)
{
	static const uint8_t header[] = { 0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3,
					  3, 0, 'e', 'x', 't', 'n', 0, 'c', 0, 1, 2 };
	struct bytes a = gzip_of_bytes((struct bytes){ data, 20000 }, 6);
	struct bytes b = gzip_of_bytes((struct bytes){ data + 20000, 15000 }, 6);
	uint8_t *p = malloc(sizeof header + a.n + b.n);
	size_t n = sizeof header;

	assert_non_null(p);
	memcpy(p, header, n);
	memcpy(p + n, a.p + 10, a.n - 10);
	n += a.n - 10;
	*first = n;
	memcpy(p + n, b.p, b.n);
	n += b.n;
	free((void *)(uintptr_t)a.p);
	free((void *)(uintptr_t)b.p);
	return (struct bytes){ p, n };
}

static void test_members(void **state)
{
	size_t first;
	struct bytes gz = two_members(&first);
	struct source *s = open_gz(gz, &limits[2]);
	uint64_t size;

	(void)state;
	check_read(s, 19990, 20);
	check_read(s, 0, 35000);
	assert_int_equal(source_size(s, &size, NULL), DL_OK);
	assert_int_equal(size, 35000);
	assert_null(source_damage(s));
	source_close(s);
	free((void *)(uintptr_t)gz.p);
}

static void check_tail(struct bytes gz, uint8_t fill, bool remark)
{
	uint8_t *p = calloc(1, gz.n + 100);
	struct source *s;
	uint64_t size;

	assert_non_null(p);
	memcpy(p, gz.p, gz.n);
	memset(p + gz.n, fill, 100);
	s = open_gz((struct bytes){ p, gz.n + 100 }, NULL);
	assert_int_equal(source_size(s, &size, NULL), DL_OK);
	assert_int_equal(size, 35000);
	assert_null(source_damage(s));
	assert_true((source_remark(s) != NULL) == remark);
	if (remark)
		assert_non_null(strstr(source_remark(s), "100 bytes at compressed offset"));
	source_close(s);
	free(p);
}

static void test_what_follows_the_last_member(void **state)
{
	size_t first;
	struct bytes gz = two_members(&first);

	(void)state;
	check_tail(gz, 0, false);
	check_tail(gz, 'x', true);
	free((void *)(uintptr_t)gz.p);
}

/* All of the data before @end, nothing at or after it. */
static void check_ends_at(struct source *s, uint64_t end, enum dl_status want)
{
	struct dl_err err = { "" };
	uint8_t byte;

	if (end)
		check_read(s, 0, (size_t)end);
	assert_int_equal(source_read(s, end, &byte, 1, &err), want);
	assert_true(err.text[0]);
}

static void test_every_truncation(void **state)
{
	size_t first;
	struct bytes gz = two_members(&first);
	uint64_t size, before = 0;

	(void)state;
	for (size_t n = 3; n < gz.n; n++) {
		struct source *s = open_gz((struct bytes){ gz.p, n }, &limits[2]);
		/* up to two bytes of the next member look like garbage */
		bool whole = n >= first && n < first + 3;

		assert_int_equal(source_size(s, &size, NULL), DL_OK);
		assert_true(size >= before && size <= 35000);
		before = size;
		check_ends_at(s, size, DL_ABSENT);
		assert_true((source_damage(s) == NULL) == whole);
		if (!whole)
			assert_non_null(strstr(source_damage(s), "cut at compressed offset"));
		source_close(s);
	}
	free((void *)(uintptr_t)gz.p);
}

/* A flipped byte: the data before it is right, or the damage is named. */
static void test_every_flipped_byte(void **state)
{
	size_t first;
	struct bytes gz = two_members(&first);
	uint8_t *p = (uint8_t *)(uintptr_t)gz.p;
	uint8_t *buf = malloc(64 << 10);
	int named = 0;

	(void)state;
	assert_non_null(buf);
	for (size_t i = 3; i < gz.n; i++) {
		struct source *s;
		uint64_t size;
		bool same;

		p[i] ^= 0x15;
		s = open_gz(gz, &limits[2]);
		assert_int_equal(source_size(s, &size, NULL), DL_OK);
		size = size < 64 << 10 ? size : 64 << 10;
		assert_int_equal(source_read(s, 0, buf, (size_t)size, NULL), DL_OK);
		same = size == 35000 && !memcmp(buf, data, 35000);
		named += source_damage(s) != NULL;
		assert_true(same || source_damage(s) || source_remark(s));
		source_close(s);
		p[i] ^= 0x15;
	}
	assert_true(named > (int)gz.n / 2);
	free(buf);
	free(p);
}

static void test_wrong_checksum_and_length(void **state)
{
	struct bytes gz = gzip_of_bytes((struct bytes){ data, 9000 }, 6);
	uint8_t *p = (uint8_t *)(uintptr_t)gz.p;
	struct source *s;

	(void)state;
	p[gz.n - 8] ^= 1;
	s = open_gz(gz, NULL);
	check_ends_at(s, 9000, DL_ABSENT);
	assert_string_equal(source_damage(s), "gz: the checksum of the gzip member at "
			    "compressed offset 0x0 does not match its data (0x0..0x2328)");
	source_close(s);
	p[gz.n - 8] ^= 1;
	p[gz.n - 4] ^= 1;
	s = open_gz(gz, NULL);
	check_ends_at(s, 9000, DL_ABSENT);
	assert_non_null(strstr(source_damage(s), "the length of"));
	source_close(s);
	free(p);
}

static void test_corrupt_in_the_middle(void **state)
{
	struct bytes gz = gzip_of_bytes((struct bytes){ data, 4 << 20 }, 6);
	uint8_t *p = (uint8_t *)(uintptr_t)gz.p;
	struct dl_err err = { "" };
	struct source *s;
	uint64_t size;
	uint8_t byte;

	(void)state;
	for (size_t i = 0; i < 4096; i++) /* codes at random soon make no sense */
		p[gz.n / 2 + i] = (uint8_t)(i * i * 31 >> 3);
	s = open_gz(gz, &limits[1]);
	assert_int_equal(source_read(s, (4 << 20) - 1, &byte, 1, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "damaged at compressed offset 0x"));
	assert_non_null(strstr(err.text, " of the data"));
	assert_non_null(source_damage(s));
	assert_int_equal(source_size(s, &size, NULL), DL_OK);
	assert_true(size > 1 << 20 && size < 3 << 20);
	check_read(s, 0, (size_t)size - 70000);
	source_close(s);
	free(p);
}

/* 4 GB of zeros in 4 MB: reading the start holds a chunk, not the bomb. */
static void test_bomb(void **state)
{
	size_t n = 64 << 20;
	uint8_t *zeros = calloc(1, n), *p;
	struct source_options opts = { .cache_bytes = 2 << 20, .window_bytes = 1 << 20 };
	struct bytes one;
	struct source *s;
	uint8_t byte = 1;

	(void)state;
	assert_non_null(zeros);
	one = gzip_of_bytes((struct bytes){ zeros, n }, 9);
	free(zeros);
	p = malloc(one.n * 64);
	assert_non_null(p);
	for (size_t i = 0; i < 64; i++)
		memcpy(p + i * one.n, one.p, one.n);
	s = open_gz((struct bytes){ p, one.n * 64 }, &opts);
	assert_int_equal(source_read(s, 1000, &byte, 1, NULL), DL_OK);
	assert_int_equal(byte, 0);
	assert_true(source_held_bytes(s) < 4 << 20);
	assert_int_equal(source_read(s, (uint64_t)256 << 20, &byte, 1, NULL), DL_OK);
	assert_true(source_held_bytes(s) < 4 << 20);
	source_close(s);
	free(p);
	free((void *)(uintptr_t)one.p);
}

/* A gzip file that is cut while open is an input error, not a corrupt stream. */
static void test_shrinking_file(void **state)
{
	struct bytes gz = gzip_of_bytes((struct bytes){ data, DATA_BYTES }, 1);
	struct dl_err err = { "" };
	struct source *s;
	char path[32];
	uint8_t byte;

	(void)state;
	make_file(path, gz);
	assert_int_equal(source_open_path(path, NULL, &s, &err), DL_OK);
	check_read(s, 0, 1000);
	assert_int_equal(truncate(path, 2 << 20), 0);
	assert_int_equal(source_read(s, DATA_BYTES - 1, &byte, 1, &err), DL_IO);
	assert_non_null(strstr(err.text, "became shorter"));
	check_read(s, 0, 1000);
	source_close(s);
	unlink(path);
	free((void *)(uintptr_t)gz.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_access),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_lazy),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_what_follows_the_last_member),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_flipped_byte),
		cmocka_unit_test(test_wrong_checksum_and_length),
		cmocka_unit_test(test_corrupt_in_the_middle),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_shrinking_file),
	};

	return cmocka_run_group_tests(tests, make_data, free_data);
}
