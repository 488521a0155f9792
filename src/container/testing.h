/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_TESTING_H
#define DUMPLEAK_CONTAINER_TESTING_H

/* For the *_test.c files beside this one: bytes built in memory, opened. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dumpleak/container/container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/* A page that tells its number, and compresses about as well as memory does. */
static inline void make_page(uint8_t *p, uint32_t number)
{
	uint32_t x = number * 2654435761u + 1;

	memset(p, 0, PAGE_BYTES);
	put32(p, number);
	for (size_t i = 8; i < PAGE_BYTES; i += 8) {
		x = x * 1664525 + 1013904223;
		put32(p + i, x >> 12);
	}
}

static inline void assert_page(const uint8_t *p, uint32_t number)
{
	uint8_t want[PAGE_BYTES];

	make_page(want, number);
	assert_memory_equal(p, want, PAGE_BYTES);
}

/* One gzip member; the caller frees it. */
static inline struct bytes gzip_of_bytes(struct bytes b, int level)
{
	z_stream z = { 0 };
	size_t cap = b.n + b.n / 100 + 4096;
	uint8_t *out = malloc(cap);

	assert_non_null(out);
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (z_const Bytef *)(uintptr_t)b.p;
	z.avail_in = (uInt)b.n;
	z.next_out = out;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (struct bytes){ out, cap - z.avail_out };
}

/* A file with @b in it; its name into @path, which must hold 32 bytes. */
static inline void make_file(char *path, struct bytes b)
{
	int fd;

	strcpy(path, "/tmp/dumpleak-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.p, b.n), (ssize_t)b.n);
	close(fd);
}

static inline bool has_note_with(struct container *c, const char *words)
{
	size_t n;
	const struct dump_note *notes = container_notes(c, &n);

	for (size_t i = 0; i < n; i++)
		if (strstr(notes[i].text, words))
			return true;
	for (size_t i = 0; i < n; i++)
		print_message("note: %s\n", notes[i].text);
	return false;
}

#define assert_note(c, words) assert_true(has_note_with((c), (words)))

/* Walks and reads all of @c; every page must be its PFN's, or fail cleanly. */
static inline uint64_t read_all(struct container *c, uint64_t *failed)
{
	uint64_t pfn = 0, first, last, nr = 0;
	uint8_t scratch[PAGE_BYTES];
	const uint8_t *page;

	*failed = 0;
	for (; container_run(c, pfn, &first, &last) == DL_OK; pfn = last + 1) {
		assert_true(first >= pfn && last >= first);
		for (uint64_t i = first; i <= last; i++) {
			struct dl_err err = { "" };

			if (container_page(c, i, scratch, &page, &err) == DL_OK)
				nr++;
			else if (++*failed > 100000 || !err.text[0])
				fail_msg("page %llx: no message", (unsigned long long)i);
		}
	}
	return nr;
}

#endif
