/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_KDUMP_TESTING_H
#define DUMPLEAK_CONTAINER_KDUMP_TESTING_H

/* The same few pages as an ELF core and as a kdump-compressed file, for tests. */

#include "testing.h"

enum { IMAGE_BYTES = 1 << 20, CR3 = 0x32cd000 };

static uint8_t im[IMAGE_BYTES];
static size_t im_n;

static inline void add(const void *p, size_t n)
{
	assert_true(n <= IMAGE_BYTES - im_n);
	memcpy(im + im_n, p, n);
	im_n += n;
}

static inline void add_page(uint32_t number)
{
	uint8_t page[PAGE_BYTES];

	make_page(page, number);
	add(page, sizeof page);
}

/* One note as QEMU writes it: CPU state, 440 bytes, CR3 at 0x1a0. */
static inline void add_qemu_note(void)
{
	uint8_t note[12 + 8 + 440] = { 0 };

	put32(note, 5);
	put32(note + 4, 440);
	memcpy(note + 12, "QEMU", 5);
	put64(note + 20 + 0x1a0, CR3);
	add(note, sizeof note);
}

static inline void put_phdr64(uint8_t *p, uint32_t type, uint64_t off, uint64_t pa, uint64_t n)
{
	put32(p, type);
	put64(p + 8, off);
	put64(p + 16, type == 1 ? pa : 0);
	put64(p + 24, pa);
	put64(p + 32, n);
	put64(p + 40, n);
}

/* PFNs 0..2, 0x10..0x13; pages at odd offsets, as in QEMU's files. */
static inline void elf64(void)
{
	memset(im, 0, sizeof im);
	memcpy(im, "\177ELF\2\1\1", 7);
	put16(im + 16, 4);
	put16(im + 18, 62);
	put32(im + 20, 1);
	put64(im + 32, 64);
	put16(im + 54, 56);
	put16(im + 56, 3);
	im_n = 64 + 3 * 56;
	put_phdr64(im + 64, 4, im_n, 0, 460);
	add_qemu_note();
	put_phdr64(im + 64 + 56, 1, im_n, 0, 3 * PAGE_BYTES);
	for (uint32_t i = 0; i < 3; i++)
		add_page(i);
	put_phdr64(im + 64 + 112, 1, im_n, 0x10000, 4 * PAGE_BYTES);
	for (uint32_t i = 0; i < 4; i++)
		add_page(0x10 + i);
}

/* The same memory, 32-bit header. */
static inline void elf32(void)
{
	memset(im, 0, sizeof im);
	memcpy(im, "\177ELF\1\1\1", 7);
	put16(im + 16, 4);
	put16(im + 18, 3);
	put32(im + 20, 1);
	put32(im + 28, 52);
	put16(im + 42, 32);
	put16(im + 44, 3);
	im_n = 52 + 3 * 32;
	for (size_t i = 0; i < 3; i++) {
		uint8_t *p = im + 52 + 32 * i;
		uint32_t n = i == 0 ? 460 : i == 1 ? 3 * PAGE_BYTES : 4 * PAGE_BYTES;

		put32(p, i ? 1 : 4);
		put32(p + 4, (uint32_t)im_n);
		put32(p + 12, i == 2 ? 0x10000 : 0);
		put32(p + 16, n);
		put32(p + 20, n);
		if (i == 0)
			add_qemu_note();
		for (uint32_t k = 0; i && k < n / PAGE_BYTES; k++)
			add_page(k + (i == 2 ? 0x10 : 0));
	}
}

enum { ENTRIES = 0x4000 };      /* where the descriptors are in kdump() */

/* The same memory again, kdump-compressed; page 2 is stored as it is. */
static inline void kdump(void)
{
	static const uint32_t pfns[] = { 0, 1, 2, 0x10, 0x11, 0x12, 0x13 };

	memset(im, 0, sizeof im);
	memcpy(im, "KDUMP   ", 8);
	put32(im + 8, 6);
	put32(im + 0x1a8, 1);
	put32(im + 0x1ac, PAGE_BYTES);
	put32(im + 0x1b0, 1);
	put32(im + 0x1b4, 2);
	put32(im + 0x1b8, 0x20);
	put32(im + 0x1cc, 2);
	im_n = 0x1068;
	put64(im + 0x1000 + 0x30, im_n);
	put64(im + 0x1000 + 0x38, 460);
	put64(im + 0x1000 + 0x60, 0x20);
	add_qemu_note();
	im_n = ENTRIES + 7 * 24;
	for (size_t i = 0; i < 7; i++) {
		uint8_t page[PAGE_BYTES], packed[PAGE_BYTES + 100];
		uLongf n = sizeof packed;
		uint8_t *entry = im + ENTRIES + 24 * i;

		im[0x2000 + pfns[i] / 8] |= (uint8_t)(1 << pfns[i] % 8);
		im[0x3000 + pfns[i] / 8] |= (uint8_t)(1 << pfns[i] % 8);
		make_page(page, pfns[i]);
		assert_int_equal(compress(packed, &n, page, sizeof page), Z_OK);
		put64(entry, im_n);
		put32(entry + 8, pfns[i] == 2 ? PAGE_BYTES : (uint32_t)n);
		put32(entry + 12, pfns[i] == 2 ? 0 : 1);
		add(pfns[i] == 2 ? page : packed, pfns[i] == 2 ? PAGE_BYTES : n);
	}
}

static struct source *source;

static inline enum dl_status open_n(size_t n, struct container **c, struct dl_err *err)
{
	enum dl_status st;

	assert_int_equal(source_open_memory((struct bytes){ im, n }, "k", NULL, &source,
					    err), DL_OK);
	st = container_open(source, c, err);
	if (st) {
		assert_memory_equal(err->text, "k: ", 3);
		source_close(source);
	}
	return st;
}

static inline void check_page(struct container *c, uint64_t pfn)
{
	uint8_t scratch[PAGE_BYTES];
	struct dl_err err = { "" };
	const uint8_t *page;

	if (container_page(c, pfn, scratch, &page, &err))
		fail_msg("PFN 0x%llx: %s", (unsigned long long)pfn, err.text);
	assert_page(page, (uint32_t)pfn);
}

static inline void check_memory(struct container *c)
{
	static const uint64_t order[] = { 0x13, 0, 2, 0x10, 1, 0x12, 0x11, 2, 0x13 };
	uint8_t scratch[PAGE_BYTES];
	uint64_t present, absent, failed;
	const uint8_t *page;
	bool exact;

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		check_page(c, order[i]);
	assert_int_equal(container_page(c, 3, scratch, &page, NULL), DL_ABSENT);
	assert_int_equal(container_page(c, 0x14, scratch, &page, NULL), DL_ABSENT);
	assert_int_equal(container_page(c, UINT64_MAX, scratch, &page, NULL), DL_ABSENT);
	assert_int_equal(read_all(c, &failed), 7);
	assert_int_equal(failed, 0);
	container_count(c, &present, &absent, &exact);
	assert_int_equal(present, 7);
	assert_int_equal(absent, 0);
	assert_true(container_position(c, 0x10) > container_position(c, 2));
	assert_true(container_position(c, 3) == UINT64_MAX);
	assert_int_equal(container_header(c)->dtb_pa.value, CR3);
}

struct kind {
	void (*build)(void);
	const char *format, *compression;
	uint64_t machine, cpus;         /* 0: unknown */
};

static inline void check_kind(struct source *s, const struct kind *kind, bool gzip)
{
	struct dl_err err = { "" };
	const struct dump_header *h;
	struct container *c;
	size_t n;

	if (container_open(s, &c, &err))
		fail_msg("%s", err.text);
	h = container_header(c);
	assert_string_equal(h->format, kind->format);
	assert_int_equal(h->machine.value, kind->machine);
	assert_int_equal(h->nr_processors.value, kind->cpus);
	if (gzip)
		assert_string_equal(h->compression, "gzip");
	else if (kind->compression)
		assert_string_equal(h->compression, kind->compression);
	check_memory(c);
	container_notes(c, &n);
	assert_int_equal(n, 0);
	container_close(c);
}

/* As a file, in memory, and compressed. */
static inline void check_every_way(const struct kind *kind)
{
	struct dl_err err = { "" };
	struct source *s;
	struct bytes gz;
	char path[32];

	kind->build();
	make_file(path, (struct bytes){ im, im_n });
	assert_int_equal(source_open_path(path, NULL, &s, &err), DL_OK);
	check_kind(s, kind, false);
	source_close(s);
	unlink(path);
	assert_int_equal(source_open_memory((struct bytes){ im, im_n }, "k", NULL, &s, &err),
			 DL_OK);
	check_kind(s, kind, false);
	source_close(s);
	gz = gzip_of_bytes((struct bytes){ im, im_n }, 6);
	assert_int_equal(source_open_memory(gz, "k.gz", NULL, &s, &err), DL_OK);
	check_kind(s, kind, true);
	source_close(s);
	free((void *)(uintptr_t)gz.p);
}

struct malformation {
	const char *name;
	void (*build)(void);
	size_t off, width;
	uint64_t value;
	enum dl_status status;
	const char *error;
};

static inline void check_malformation(const struct malformation *m)
{
	struct dl_err err = { "" };
	uint8_t value[8];
	struct container *c;

	print_message("    %s\n", m->name);
	m->build();
	put64(value, m->value);
	memcpy(im + m->off, value, m->width);
	assert_int_equal(open_n(im_n, &c, &err), m->status);
	if (!strstr(err.text, m->error))
		fail_msg("%s", err.text);
}

/* Any length: opens or not, but every page is right, absent or damaged. */
static inline void check_truncations(void (*build)(void))
{
	uint64_t most = 0;

	build();
	for (size_t n = 8; n < im_n; n += n < 700 ? 7 : 331) {
		struct dl_err err = { "" };
		uint64_t present, absent, failed, nr;
		struct container *c;
		bool exact;

		if (open_n(n, &c, &err))
			continue;
		nr = read_all(c, &failed);
		assert_int_equal(failed, 0);
		assert_true(nr >= most);
		most = nr;
		container_count(c, &present, &absent, &exact);
		assert_int_equal(present, nr);
		assert_int_equal(present + absent, 7);
		for (uint64_t pfn = 0, f, l; container_run(c, pfn, &f, &l) == DL_OK; pfn = l + 1)
			for (uint64_t k = f; k <= l; k++)
				check_page(c, k);
		container_close(c);
		source_close(source);
	}
	assert_true(most >= 6);
}

#endif
