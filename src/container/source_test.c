/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain files and memory as sources, and the two indexes (runs, bitmap) that
 * the readers build on them.
 */
#include "testing.h"

#include "bitmap.h"
#include "runs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>

static void test_memory_reads_inside_only(void **state)
{
	static const uint8_t data[] = "0123456789";
	struct bytes b = { data, 10 };
	struct dl_err err = { "" };
	struct source *s;
	uint8_t buf[16];
	uint64_t size;

	(void)state;
	assert_int_equal(source_open_memory(b, "mem", NULL, &s, &err), DL_OK);
	assert_int_equal(source_read(s, 3, buf, 7, &err), DL_OK);
	assert_memory_equal(buf, "3456789", 7);
	assert_int_equal(source_read(s, 3, buf, 8, &err), DL_ABSENT);
	assert_string_equal(err.text, "mem: 8 bytes at 0x3 are not in the file, "
			    "which ends at 0xa");
	assert_int_equal(source_read(s, UINT64_MAX, buf, 2, &err), DL_ABSENT);
	assert_int_equal(source_read(s, UINT64_MAX, buf, 0, &err), DL_OK);
	assert_ptr_equal(source_map(s, 4, 6), data + 4);
	assert_null(source_map(s, 4, 7));
	assert_null(source_map(s, UINT64_MAX, 2));
	assert_int_equal(source_size(s, &size, &err), DL_OK);
	assert_int_equal(size, 10);
	assert_true(source_reaches(s, 10));
	assert_false(source_reaches(s, 11));
	assert_int_equal(source_fd(s), -1);
	assert_null(source_damage(s));
	source_close(s);
}

static void check_refused(const char *path, enum dl_status want, const char *words)
{
	struct dl_err err = { "" };
	struct source *s;

	assert_int_equal(source_open_path(path, NULL, &s, &err), want);
	assert_memory_equal(err.text, path, strlen(path));
	assert_non_null(strstr(err.text, words));
	assert_null(strchr(err.text, '\n'));
}

static void test_what_is_no_file_is_refused_by_kind(void **state)
{
	char dir[] = "/tmp/dumpleak-test-XXXXXX", path[64];
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	check_refused(dir, DL_NOTDUMP, "is a directory");
	check_refused("/dev/null", DL_NOTDUMP, "is a character device");
	snprintf(path, sizeof path, "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_refused(path, DL_NOTDUMP, "is a pipe (FIFO)"); /* and does not hang */
	unlink(path);
	snprintf(path, sizeof path, "%s/sock", dir);
	strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)(void *)&sa, sizeof sa), 0);
	check_refused(path, DL_NOTDUMP, "is a socket");
	unlink(path);
	close(fd);
	snprintf(path, sizeof path, "%s/none", dir);
	check_refused(path, DL_IO, "No such file");
	rmdir(dir);
}

static void test_empty_and_forbidden_files(void **state)
{
	char path[32];

	(void)state;
	make_file(path, (struct bytes){ (const uint8_t *)"", 0 });
	check_refused(path, DL_NOTDUMP, "is empty");
	if (geteuid() != 0) { /* root may read everything */
		chmod(path, 0);
		check_refused(path, DL_IO, "Permission denied");
	}
	unlink(path);
}

static void test_names_are_one_line(void **state)
{
	struct source *s;

	(void)state;
	assert_int_equal(source_open_memory((struct bytes){ (const uint8_t *)"x", 1 },
					    "a\nb\033[31m", NULL, &s, NULL), DL_OK);
	assert_string_equal(source_name(s), "a?b?[31m");
	source_close(s);
}

/* A mapped file that is cut while open: an error where bytes are gone, no signal. */
static void check_shrinking(bool no_map)
{
	const size_t n = 10 * 4096;
	struct source_options opts = { .no_map = no_map };
	uint8_t *data = calloc(1, n), buf[4096];
	struct dl_err err = { "" };
	struct source *s;
	char path[32];

	assert_non_null(data);
	memset(data, 0x5a, n);
	make_file(path, (struct bytes){ data, n });
	assert_int_equal(source_open_path(path, &opts, &s, &err), DL_OK);
	assert_true((source_map(s, 0, n) == NULL) == no_map);
	assert_int_equal(source_read(s, 8 * 4096, buf, sizeof buf, &err), DL_OK);
	assert_null(source_damage(s));
	assert_int_equal(truncate(path, 3 * 4096), 0);
	assert_int_equal(source_read(s, 2 * 4096, buf, sizeof buf, &err), DL_OK);
	assert_int_equal(buf[0], 0x5a);
	assert_int_equal(source_read(s, 5 * 4096, buf, sizeof buf, &err), DL_IO);
	assert_non_null(strstr(err.text, "became shorter while it was read "
			       "(at offset 0x5000)"));
	assert_int_equal(source_read(s, 7 * 4096, buf, sizeof buf, &err), DL_IO);
	assert_null(source_map(s, 6 * 4096, 4096));
	assert_non_null(source_damage(s));
	assert_int_equal(source_read(s, 0, buf, sizeof buf, &err), DL_OK);
	source_close(s);
	unlink(path);
	free(data);
}

static void test_shrinking_file(void **state)
{
	(void)state;
	check_shrinking(false);
	check_shrinking(true);
}

/* 1 GB with data only around 512 MB, beginning and ending within pages. */
static void test_holes(void **state)
{
	const uint64_t size = 1 << 30, at = (512 << 20) + 5 * PAGE_BYTES;
	const size_t n = 64 << 10;
	uint8_t *data = calloc(1, n);
	struct file_extent e = { 0 };
	struct container *c;
	struct source *s;
	char path[32];
	int fd;

	(void)state;
	assert_non_null(data);
	memset(data, 0x5a, n);
	make_file(path, (struct bytes){ data, 1 });
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, (off_t)size), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, data, n, (off_t)at), n);
	close(fd);
	free(data);
	assert_int_equal(source_open_path(path, NULL, &s, NULL), DL_OK);
	assert_int_equal(container_open_raw(s, 0, &c, NULL), DL_OK);
	if (container_is_hole(c, 0, &e)) {
		assert_true(e.end > (uint64_t)256 << 20 && e.end <= at);
		assert_true(container_is_hole(c, (at >> PAGE_SHIFT) / 2, &e));
		for (uint64_t pfn = at >> PAGE_SHIFT; pfn < (at + n) >> PAGE_SHIFT; pfn++)
			assert_false(container_is_hole(c, pfn, &e));
		assert_true(container_is_hole(c, (size >> PAGE_SHIFT) - 1, &e));
		assert_int_equal(e.end, size);
		assert_false(source_extent(s, size, &e));
	} else {
		print_message("this file system has no holes\n");
	}
	assert_false(container_is_hole(c, UINT64_MAX, &e));
	container_close(c);
	source_close(s);
	unlink(path);
}

/* A borrowed page of a cut file reads as zeros, and the source says why. */
static void test_borrowed_page_of_a_cut_file(void **state)
{
	uint8_t data[8192];
	const volatile uint8_t *p;
	struct source *s;
	char path[32];

	(void)state;
	memset(data, 0x5a, sizeof data);
	make_file(path, (struct bytes){ data, sizeof data });
	assert_int_equal(source_open_path(path, NULL, &s, NULL), DL_OK);
	p = source_map(s, 4096, 4096);
	assert_non_null(p);
	assert_int_equal(truncate(path, 4096), 0);
	assert_int_equal(p[17], 0);
	assert_non_null(source_damage(s));
	source_close(s);
	unlink(path);
}

/* More mappings than the guard has slots: the rest are read, not mapped. */
static void test_many_sources(void **state)
{
	enum { MANY = 80 };
	struct source *s[MANY];
	uint8_t byte;
	char path[32];
	int mapped = 0;

	(void)state;
	make_file(path, (struct bytes){ (const uint8_t *)"y", 1 });
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(source_open_path(path, NULL, &s[i], NULL), DL_OK);
		mapped += source_map(s[i], 0, 1) != NULL;
		assert_int_equal(source_read(s[i], 0, &byte, 1, NULL), DL_OK);
		assert_int_equal(byte, 'y');
	}
	assert_true(mapped >= 32 && mapped < MANY);
	for (int i = 0; i < MANY; i++)
		source_close(s[i]);
	unlink(path);
}

/* Runs against the obvious way: one claim per number. */
static void check_runs(enum runs_claim claim, unsigned seed)
{
	enum { SPACE = 200, NR = 25 };
	uint64_t want[SPACE];
	struct runs r = { 0 };

	for (size_t i = 0; i < SPACE; i++)
		want[i] = UINT64_MAX;
	for (uint64_t k = 0; k < NR; k++) {
		uint64_t first, last;

		seed = seed * 1103515245 + 12345;
		first = seed >> 8 & 127;
		last = first + (seed >> 16) % 70;
		assert_true(runs_add(&r, first, last, k * 1000));
		for (uint64_t x = first; x <= last; x++)
			if (claim == RUNS_LAST_WINS || want[x] == UINT64_MAX)
				want[x] = k * 1000 + (x - first) * 4;
	}
	assert_true(runs_sort(&r, 4, claim, NULL));
	for (size_t i = 1; i < r.n; i++)
		assert_true(r.v[i].first > r.v[i - 1].last);
	for (uint64_t x = 0; x < SPACE; x++) {
		const struct run *run = runs_find(&r, x);

		assert_int_equal(run ? run->target + (x - run->first) * 4 : UINT64_MAX,
				 want[x]);
	}
	runs_deinit(&r);
}

static void test_runs_resolve_overlaps(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 300; seed++) {
		check_runs(RUNS_FIRST_WINS, seed);
		check_runs(RUNS_LAST_WINS, seed);
	}
}

static void test_runs_at_the_end_of_the_space(void **state)
{
	struct runs r = { 0 };
	bool overlaps = false;

	(void)state;
	assert_true(runs_add(&r, 5, UINT64_MAX, 0));
	assert_true(runs_add(&r, UINT64_MAX, UINT64_MAX, 7));
	assert_true(runs_sort(&r, 1, RUNS_LAST_WINS, &overlaps));
	assert_true(overlaps);
	assert_int_equal(runs_find(&r, UINT64_MAX)->target, 7);
	assert_int_equal(runs_find(&r, UINT64_MAX - 1)->first, 5);
	assert_null(runs_find(&r, 4));
	runs_deinit(&r);
}

static void check_bitmap(uint64_t nr_bits, unsigned density)
{
	struct arena arena;
	struct bitmap b;
	uint8_t *bits = calloc(1, (size_t)nr_bits / 8 + 1);
	uint64_t rank = 0, first, last, seen = 0;
	unsigned x = 1;

	assert_non_null(bits);
	for (uint64_t i = 0; i < nr_bits; i++) {
		x = x * 1664525 + 1013904223;
		if ((x >> 24) < density)
			bits[i / 8] |= (uint8_t)(1u << i % 8);
	}
	arena_init(&arena);
	assert_true(bitmap_init(&b, &arena, bits, nr_bits));
	for (uint64_t i = 0; i < nr_bits; i++) {
		assert_int_equal(bitmap_rank(&b, i), rank);
		rank += bitmap_has(&b, i);
	}
	assert_int_equal(b.nr_set, rank);
	for (uint64_t at = 0; bitmap_next(&b, at, &first, &last); at = last + 1) {
		for (uint64_t i = at; i < first; i++)
			assert_false(bitmap_has(&b, i));
		for (uint64_t i = first; i <= last; i++)
			assert_true(bitmap_has(&b, i));
		assert_false(bitmap_has(&b, last + 1));
		seen += last - first + 1;
	}
	assert_int_equal(seen, rank);
	arena_deinit(&arena);
	free(bits);
}

static void test_bitmap_ranks_and_runs(void **state)
{
	(void)state;
	check_bitmap(1, 256);
	check_bitmap(511, 128);
	check_bitmap(513, 250);
	check_bitmap(4099, 3);
	check_bitmap(70000, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_reads_inside_only),
		cmocka_unit_test(test_what_is_no_file_is_refused_by_kind),
		cmocka_unit_test(test_empty_and_forbidden_files),
		cmocka_unit_test(test_names_are_one_line),
		cmocka_unit_test(test_shrinking_file),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_borrowed_page_of_a_cut_file),
		cmocka_unit_test(test_many_sources),
		cmocka_unit_test(test_runs_resolve_overlaps),
		cmocka_unit_test(test_runs_at_the_end_of_the_space),
		cmocka_unit_test(test_bitmap_ranks_and_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
