/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP_TESTING_H
#define DUMPLEAK_CONTAINER_DMP_TESTING_H

/*
 * Windows dumps under construction, for tests: fields are written at literal
 * offsets, and every page tells the number that its place stands for.
 */

#include "testing.h"

enum { MAX_DUMP_PAGES = 64, FILLER = 0x45474150 };

struct image {
	uint8_t p[(MAX_DUMP_PAGES + 4) * PAGE_BYTES];
	size_t n;
};

static struct image im;
static struct source *source;

static inline void fill_header(size_t n, const char *magic)
{
	memset(&im, 0, sizeof im);
	for (size_t i = 0; i < n; i += 4)
		put32(im.p + i, FILLER);
	memcpy(im.p, magic, 8);
	put32(im.p + 0x08, 0xf);
	im.n = n;
}

static inline void header32(uint32_t type)
{
	fill_header(0x1000, "PAGEDUMP");
	put32(im.p + 0x0c, 3790);
	put32(im.p + 0x10, 0x39000);
	put32(im.p + 0x20, 0x14c);
	put32(im.p + 0x24, 1);
	put32(im.p + 0x28, 0xe2);
	im.p[0x5c] = 0;
	put32(im.p + 0xf88, type);
}

static inline void header64(uint32_t type)
{
	fill_header(0x2000, "PAGEDU64");
	put32(im.p + 0x0c, 19041);
	put64(im.p + 0x10, 0x1ad000);
	put32(im.p + 0x30, 0x8664);
	put32(im.p + 0x34, 4);
	put32(im.p + 0x38, 0xd1);
	put32(im.p + 0xf98, type);
}

static inline void add_pages(uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, im.n += PAGE_BYTES)
		make_page(im.p + im.n, first + i);
}

static inline enum dl_status open_n(size_t n, struct container **c, struct dl_err *err)
{
	enum dl_status st;

	assert_int_equal(source_open_memory((struct bytes){ im.p, n }, "d.dmp", NULL,
					    &source, err), DL_OK);
	*c = NULL;
	st = container_open(source, c, err);
	if (st) {
		assert_memory_equal(err->text, "d.dmp: ", 7);
		source_close(source);
	}
	return st;
}

static inline struct container *open_image(void)
{
	struct dl_err err = { "" };
	struct container *c;

	if (open_n(im.n, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static inline void close_image(struct container *c)
{
	container_close(c);
	source_close(source);
}

static inline void assert_refused(enum dl_status want, const char *words)
{
	struct dl_err err = { "" };
	struct container *c;
	enum dl_status st = open_n(im.n, &c, &err);

	if (st != want || !strstr(err.text, words))
		fail_msg("status %d, \"%s\", not %d with \"%s\"", st, err.text, want, words);
}

static inline void check_page(struct container *c, uint64_t pfn, uint32_t number)
{
	uint8_t scratch[PAGE_BYTES];
	const uint8_t *page;

	assert_int_equal(container_page(c, pfn, scratch, &page, NULL), DL_OK);
	assert_page(page, number);
}

static inline void check_absent(struct container *c, uint64_t pfn)
{
	uint8_t scratch[PAGE_BYTES];
	const uint8_t *page;
	struct dl_err err = { "" };

	assert_int_equal(container_page(c, pfn, scratch, &page, &err), DL_ABSENT);
	assert_memory_equal(err.text, "d.dmp: ", 7);
}

static inline void check_count(struct container *c, uint64_t want_present,
			       uint64_t want_absent)
{
	uint64_t present, absent, failed;
	bool exact;

	container_count(c, &present, &absent, &exact);
	assert_int_equal(present, want_present);
	assert_int_equal(absent, want_absent);
	assert_true(exact);
	assert_int_equal(read_all(c, &failed), want_present);
	assert_int_equal(failed, 0);
}

static inline size_t nr_notes(struct container *c)
{
	size_t n;

	container_notes(c, &n);
	return n;
}

/* One field made wrong: what is noted, and what is still there. */
struct malformation {
	const char *name;
	void (*build)(void);
	uint32_t off, width;
	uint64_t value;
	const char *note;       /* NULL: does not open */
	const char *error;
	uint64_t present, absent;
};

static inline void check_malformation(const struct malformation *m)
{
	struct dl_err err = { "" };
	uint8_t value[8];
	struct container *c;
	enum dl_status st;

	print_message("    %s\n", m->name);
	m->build();
	put64(value, m->value);
	memcpy(im.p + m->off, value, m->width);
	st = open_n(im.n, &c, &err);
	if ((st == DL_OK) != (m->note != NULL))
		fail_msg("status %d: %s", st, err.text);
	if (st) {
		if (!strstr(err.text, m->error))
			fail_msg("%s", err.text);
		return;
	}
	assert_note(c, m->note);
	check_count(c, m->present, m->absent);
	close_image(c);
}

/* What a file of @n bytes still has of @pages pages from @pages_off on. */
static inline void check_truncated(size_t n, size_t pages_off, size_t least, uint64_t pages)
{
	struct dl_err err = { "" };
	struct container *c;
	uint64_t whole = n > pages_off ? (n - pages_off) / PAGE_BYTES : 0;
	enum dl_status st;

	if (n < 8) { /* no signature left */
		assert_int_equal(open_n(n, &c, &err), DL_NOTDUMP);
		return;
	}
	st = open_n(n, &c, &err);
	if (st) {
		assert_int_equal(st, DL_CORRUPT);
		assert_true(n < least);
		assert_non_null(strstr(err.text, "0x"));
		return;
	}
	check_count(c, whole, pages - whole);
	if (whole < pages)
		assert_note(c, "pages that its header promises are missing");
	close_image(c);
}

#endif
