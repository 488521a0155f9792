/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkdumpfile's file under load: staged, shared among threads, shrinking; then
 * real files against each other, where they are at hand.
 */
#include "kdump_testing.h"

#include "kdump_stage.h"
#include "readers.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

/* ---- many pages through a stage that holds few ---- */

enum { BIG_PAGES = 3000 };

static struct bytes big_elf(void)
{
	uint8_t *p;
	size_t n;

	elf64();
	n = 64 + 3 * 56 + 460;
	p = malloc(n + (size_t)BIG_PAGES * PAGE_BYTES);
	assert_non_null(p);
	put16(im + 56, 2);
	put_phdr64(im + 64 + 56, 1, n, 0, (uint64_t)BIG_PAGES * PAGE_BYTES);
	memcpy(p, im, n);
	for (uint32_t i = 0; i < BIG_PAGES; i++)
		make_page(p + n + (size_t)i * PAGE_BYTES, i);
	return (struct bytes){ p, n + (size_t)BIG_PAGES * PAGE_BYTES };
}

static void *read_at_random(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)&arg;

	for (int i = 0; i < 4000; i++) {
		x = x * 1664525 + 1013904223;
		check_page(arg, (x >> 8) % BIG_PAGES);
	}
	return NULL;
}

static void test_small_stage_many_threads(void **state)
{
	struct bytes b = big_elf();
	struct container *c = calloc(1, sizeof *c);
	pthread_t t[4];

	(void)state;
	assert_non_null(c);
	assert_int_equal(source_open_memory(b, "big", NULL, &source, NULL), DL_OK);
	c->reader = &kdump_reader;
	c->source = source;
	arena_init(&c->arena);
	assert_int_equal(kdump_open_staged(c, 1, NULL), DL_OK); /* the least it takes */
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, read_at_random, c), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	container_close(c);
	source_close(source);
	free((void *)(uintptr_t)b.p);
}

static void test_stage_stays_small(void **state)
{
	struct bytes b = big_elf();
	struct stage *s;
	size_t most = 0;

	(void)state;
	assert_int_equal(source_open_memory(b, "big", NULL, &source, NULL), DL_OK);
	s = stage_new(source, 3 << 20, NULL);
	assert_non_null(s);
	for (uint64_t i = 0; i < BIG_PAGES; i++) {
		struct file_range r = { 852 + (i * 7 % BIG_PAGES) * PAGE_BYTES, 100 };
		uint8_t got[100];

		if (!stage_has_room(s))
			assert_int_equal(stage_evict(s, NULL), DL_OK);
		assert_int_equal(stage_fill(s, &r, 1, NULL), DL_OK);
		assert_int_equal(pread(stage_fd(s), got, 100, (off_t)r.off), 100);
		assert_memory_equal(got, b.p + r.off, 100);
		if (stage_held_bytes(s) > most)
			most = stage_held_bytes(s);
	}
	assert_true(most > 1 << 20 && most <= 3 << 20);
	stage_free(s);
	source_close(source);
	free((void *)(uintptr_t)b.p);
}

/* A plain file that shrinks under libkdumpfile: a message, never a signal. */
static void test_shrinking_file(void **state)
{
	struct bytes b = big_elf();
	char path[32], text[600] = "";
	int out[2], status;
	pid_t pid;

	(void)state;
	make_file(path, b);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		uint8_t scratch[PAGE_BYTES];
		const uint8_t *page;
		struct container *c;
		struct source *s;

		dup2(out[1], 2);
		if (source_open_path(path, NULL, &s, NULL) || container_open(s, &c, NULL) ||
		    container_page(c, 1, scratch, &page, NULL) || truncate(path, 9000))
			_exit(99);
		_exit(container_page(c, 2000, scratch, &page, NULL) ? 0 : 98);
	}
	close(out[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 4 || WEXITSTATUS(status) == 0);
	if (WEXITSTATUS(status) == 4) {
		assert_true(read(out[0], text, sizeof text - 1) > 0);
		assert_non_null(strstr(text, path));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	}
	close(out[0]);
	unlink(path);
	free((void *)(uintptr_t)b.p);
}

/* ---- real files ---- */

#define DUMPS "../shared/dumps/nt52/"

struct opened {
	struct source *s;
	struct container *c;
};

static bool open_real(const char *path, struct opened *o)
{
	struct dl_err err = { "" };

	if (access(path, R_OK)) {
		print_message("%s is not there: test skipped\n", path);
		return false;
	}
	if (source_open_path(path, NULL, &o->s, &err) || container_open(o->s, &o->c, &err))
		fail_msg("%s", err.text);
	return true;
}

static void close_real(struct opened *o)
{
	container_close(o->c);
	source_close(o->s);
}

/* Pages that both have are the same; returns how many. */
static uint64_t compare(struct container *a, struct container *b, uint64_t *only_a)
{
	uint64_t pfn = 0, first, last, same = 0;
	uint8_t pa[PAGE_BYTES], pb[PAGE_BYTES];
	const uint8_t *x, *y;

	*only_a = 0;
	for (; container_run(a, pfn, &first, &last) == DL_OK; pfn = last + 1) {
		for (uint64_t i = first; i <= last; i++) {
			enum dl_status st;

			assert_int_equal(container_page(a, i, pa, &x, NULL), DL_OK);
			st = container_page(b, i, pb, &y, NULL);
			if (st == DL_ABSENT) {
				++*only_a;
				continue;
			}
			assert_int_equal(st, DL_OK);
			assert_memory_equal(x, y, PAGE_BYTES);
			same++;
		}
	}
	return same;
}

static void test_real_files_agree(void **state)
{
	struct opened elf, kd, dmp;
	uint64_t only;

	(void)state;
	if (!open_real(DUMPS "x86-core.elf.gz", &elf))
		skip();
	if (!open_real(DUMPS "x86-core.kdump", &kd) ||
	    !open_real(DUMPS "x86-core.dmp.gz", &dmp))
		skip();
	assert_int_equal(container_header(elf.c)->dtb_pa.value, CR3);
	assert_int_equal(container_header(kd.c)->dtb_pa.value, CR3);
	assert_int_equal(container_header(dmp.c)->dtb_pa.value, CR3);
	assert_int_equal(compare(kd.c, elf.c, &only), 53280);
	assert_int_equal(only, 0);
	assert_int_equal(compare(dmp.c, elf.c, &only), 49020);
	assert_int_equal(only, 0);
	close_real(&elf);
	close_real(&kd);
	close_real(&dmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_stage_many_threads),
		cmocka_unit_test(test_stage_stays_small),
		cmocka_unit_test(test_shrinking_file),
		cmocka_unit_test(test_real_files_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
