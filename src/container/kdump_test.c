/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF cores and kdump-compressed files built in memory, as files (libkdumpfile
 * reads them itself) and without a descriptor (staged), sound and malformed;
 * then real ones against each other, where they are at hand.
 */
#include "testing.h"

#include "kdump_stage.h"
#include "readers.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

enum { IMAGE_BYTES = 1 << 20, CR3 = 0x32cd000 };

static uint8_t im[IMAGE_BYTES];
static size_t im_n;

static void add(const void *p, size_t n)
{
	assert_true(n <= IMAGE_BYTES - im_n);
	memcpy(im + im_n, p, n);
	im_n += n;
}

static void add_page(uint32_t number)
{
	uint8_t page[PAGE_BYTES];

	make_page(page, number);
	add(page, sizeof page);
}

/* One note as QEMU writes it: CPU state, 440 bytes, CR3 at 0x1a0. */
static void add_qemu_note(void)
{
	uint8_t note[12 + 8 + 440] = { 0 };

	put32(note, 5);
	put32(note + 4, 440);
	memcpy(note + 12, "QEMU", 5);
	put64(note + 20 + 0x1a0, CR3);
	add(note, sizeof note);
}

static void put_phdr64(uint8_t *p, uint32_t type, uint64_t off, uint64_t pa, uint64_t n)
{
	put32(p, type);
	put64(p + 8, off);
	put64(p + 16, type == 1 ? pa : 0);
	put64(p + 24, pa);
	put64(p + 32, n);
	put64(p + 40, n);
}

/* PFNs 0..2, 0x10..0x13; pages at odd offsets, as in QEMU's files. */
static void elf64(void)
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
static void elf32(void)
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
static void kdump(void)
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

static void put_record(uint8_t *out, size_t *n, uint64_t off, const uint8_t *p, size_t size)
{
	put_be64(out + *n, off);
	put_be64(out + *n + 8, size);
	if (p)
		memcpy(out + *n + 16, p, size);
	*n += 16 + (p ? size : 0);
}

/* kdump() as a stream: out of order, once wrong and then overwritten. */
static void flatten(size_t sub_header_bytes)
{
	static uint8_t file[IMAGE_BYTES], junk[5000];
	size_t n = 4096, file_n;

	kdump();
	file_n = im_n;
	memcpy(file, im, file_n);
	memset(im, 0, sizeof im);
	memset(junk, 0xcc, sizeof junk);
	memcpy(im, "makedumpfile", 12);
	put_be64(im + 16, 1);
	put_be64(im + 24, 1);
	put_record(im, &n, 0x2800, junk, sizeof junk);
	put_record(im, &n, 0x2000, file + 0x2000, file_n - 0x2000);
	put_record(im, &n, 0, file, 0x1000);
	put_record(im, &n, 0x1000, file + 0x1000, sub_header_bytes);
	put_record(im, &n, UINT64_MAX, NULL, UINT64_MAX);
	im_n = n;
}

static void flattened(void)
{
	flatten(0x300); /* the rest is a hole */
}

/* The way QEMU writes it: one record after the other. */
static void flattened_in_order(void)
{
	static uint8_t file[IMAGE_BYTES];
	size_t n = 4096;

	kdump();
	memcpy(file, im, im_n);
	memset(im + 32, 0, sizeof im - 32);
	memcpy(im, "makedumpfile\0\0\0\0", 16);
	put_be64(im + 16, 1);
	for (size_t off = 0; off < im_n; off += 5000)
		put_record(im, &n, off, file + off, im_n - off < 5000 ? im_n - off : 5000);
	put_record(im, &n, UINT64_MAX, NULL, UINT64_MAX);
	im_n = n;
}

static struct source *source;

static enum dl_status open_n(size_t n, struct container **c, struct dl_err *err)
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

static void check_page(struct container *c, uint64_t pfn)
{
	uint8_t scratch[PAGE_BYTES];
	struct dl_err err = { "" };
	const uint8_t *page;

	if (container_page(c, pfn, scratch, &page, &err))
		fail_msg("PFN 0x%llx: %s", (unsigned long long)pfn, err.text);
	assert_page(page, (uint32_t)pfn);
}

static void check_memory(struct container *c)
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

static const struct kind kinds[] = {
	{ elf64, "elf", NULL, 0x8664, 0 },
	{ elf32, "elf", NULL, 0x14c, 0 },
	{ kdump, "kdump", "zlib", 0, 2 },
	{ flattened, "kdump", "zlib", 0, 2 },
};

enum { NR_KINDS = sizeof kinds / sizeof kinds[0] };

static void check_kind(struct source *s, const struct kind *kind, bool gzip)
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
static void test_every_kind_every_way(void **state)
{
	struct dl_err err = { "" };
	struct source *s;
	struct bytes gz;
	char path[32];

	(void)state;
	for (size_t i = 0; i < NR_KINDS; i++) {
		kinds[i].build();
		make_file(path, (struct bytes){ im, im_n });
		assert_int_equal(source_open_path(path, NULL, &s, &err), DL_OK);
		check_kind(s, &kinds[i], false);
		source_close(s);
		unlink(path);
		assert_int_equal(source_open_memory((struct bytes){ im, im_n }, "k", NULL,
						    &s, &err), DL_OK);
		check_kind(s, &kinds[i], false);
		source_close(s);
		gz = gzip_of_bytes((struct bytes){ im, im_n }, 6);
		assert_int_equal(source_open_memory(gz, "k.gz", NULL, &s, &err), DL_OK);
		check_kind(s, &kinds[i], true);
		source_close(s);
		free((void *)(uintptr_t)gz.p);
	}
}

struct malformation {
	const char *name;
	void (*build)(void);
	size_t off, width;
	uint64_t value;
	enum dl_status status;
	const char *error;
};

static const struct malformation malformations[] = {
	{ "executable", elf64, 16, 2, 2, DL_UNSUPPORTED, "not a memory dump" },
	{ "machine", elf64, 18, 2, 22, DL_UNSUPPORTED, "machine 22" },
	{ "class", elf64, 4, 1, 3, DL_CORRUPT, "EI_CLASS" },
	{ "e_phoff", elf64, 32, 8, 1 << 20, DL_CORRUPT, "program headers" },
	{ "e_phoff wraps", elf64, 32, 8, UINT64_MAX - 8, DL_CORRUPT, "program headers" },
	{ "e_phentsize", elf64, 54, 2, 8, DL_CORRUPT, "e_phentsize" },
	{ "e_phnum 0", elf64, 56, 2, 0, DL_CORRUPT, "e_phnum at 0x38 is 0" },
	{ "e_phnum", elf64, 56, 2, 0xffff, DL_UNSUPPORTED, "e_phnum at 0x38 is 65535" },
	{ "only notes", elf64, 56, 2, 1, DL_CORRUPT, "holds memory" },
	{ "note off the file", elf64, 64 + 8, 8, 1 << 30, DL_CORRUPT, "PT_NOTE" },
	{ "note size", elf64, 64 + 32, 8, UINT64_MAX, DL_CORRUPT, "PT_NOTE" },
	{ "p_paddr", elf64, 64 + 56 + 24, 8, UINT64_MAX - 4095, DL_CORRUPT, "impossible" },
	{ "p_filesz", elf64, 64 + 56 + 32, 8, UINT64_MAX, DL_CORRUPT, "impossible" },
	{ "p_memsz", elf64, 64 + 56 + 40, 8, 4096, DL_CORRUPT, "impossible" },
	{ "block_size", kdump, 0x1ac, 4, 8192, DL_UNSUPPORTED, "block_size" },
	{ "sub_hdr_size", kdump, 0x1b0, 4, 0xffffffff, DL_CORRUPT, "header blocks" },
	{ "bitmap_blocks", kdump, 0x1b4, 4, 0xffffffff, DL_CORRUPT, "bitmaps" },
	{ "bitmap_blocks 0", kdump, 0x1b4, 4, 0, DL_CORRUPT, "max_mapnr" },
	{ "max_mapnr", kdump, 0x1000 + 0x60, 8, 1 << 20, DL_CORRUPT, "max_mapnr" },
	{ "split", kdump, 0x1000 + 0x0c, 4, 1, DL_UNSUPPORTED, "split kdump" },
	{ "notes", kdump, 0x1000 + 0x38, 8, UINT64_MAX, DL_CORRUPT, "notes" },
	{ "vmcoreinfo", kdump, 0x1000 + 0x28, 8, 1 << 30, DL_CORRUPT, "vmcoreinfo" },
};

static void test_malformed_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++) {
		const struct malformation *m = &malformations[i];
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
}

/* Sections say nothing of memory: wrong or cut off, they are left out. */
static void test_bad_sections_do_no_harm(void **state)
{
	static const struct { size_t off, width; uint64_t value; } bad[] = {
		{ 40, 8, (uint64_t)0xff << 56 }, { 40, 8, IMAGE_BYTES }, { 60, 2, 5 },
		{ 60, 2, 0xffff },
	};
	struct dl_err err = { "" };
	struct container *c;
	char path[32];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t value[8];

		elf64();
		put16(im + 58, 64);
		put64(value, bad[i].value);
		memcpy(im + bad[i].off, value, bad[i].width);
		assert_int_equal(open_n(im_n, &c, &err), DL_OK);
		check_memory(c);
		container_close(c);
		source_close(source);
		make_file(path, (struct bytes){ im, im_n });
		assert_int_equal(source_open_path(path, NULL, &source, &err), DL_OK);
		assert_int_equal(container_open(source, &c, &err), DL_OK);
		check_memory(c);
		container_close(c);
		source_close(source);
		unlink(path);
	}
}

/* One page descriptor made wrong: that page fails, the others stay. */
static void check_entry(size_t off, uint32_t value, enum dl_status want)
{
	uint8_t scratch[PAGE_BYTES];
	struct dl_err err = { "" };
	const uint8_t *page;
	struct container *c;

	kdump();
	put32(im + ENTRIES + 24 + off, value);
	assert_int_equal(open_n(im_n, &c, &err), DL_OK);
	assert_int_equal(container_page(c, 1, scratch, &page, &err), want);
	assert_true(err.text[0]);
	check_page(c, 0);
	check_page(c, 2);
	check_page(c, 0x13);
	container_close(c);
	source_close(source);
}

static void test_damaged_pages(void **state)
{
	(void)state;
	check_entry(0, 1 << 28, DL_ABSENT);     /* data past the end  */
	check_entry(4, 0x80000000, DL_CORRUPT); /* a negative offset  */
	check_entry(0, 0, DL_CORRUPT);          /* no zlib data there */
	check_entry(8, 0, DL_CORRUPT);
	check_entry(8, 0xffffffff, DL_CORRUPT);
	check_entry(12, 0, DL_CORRUPT);         /* not compressed, but short */
	check_entry(12, 2, DL_CORRUPT);         /* zlib data, not lzo */
}

/* Any length: opens or not, but every page is right, absent or damaged. */
static void test_truncations(void **state)
{
	static void (*const builds[])(void) = { elf64, elf32, kdump, flattened_in_order };

	(void)state;
	for (size_t i = 0; i < sizeof builds / sizeof builds[0]; i++) {
		uint64_t most = 0;

		builds[i]();
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
			for (uint64_t pfn = 0, f, l; container_run(c, pfn, &f, &l) == DL_OK;
			     pfn = l + 1)
				for (uint64_t k = f; k <= l; k++)
					check_page(c, k);
			container_close(c);
			source_close(source);
		}
		assert_true(most >= 6);
	}
}

static void test_flattened_without_end(void **state)
{
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	flatten(0x1000);
	assert_int_equal(open_n(im_n - 16, &c, &err), DL_OK);
	assert_note(c, "there is no end record");
	check_page(c, 0x13);
	container_close(c);
	source_close(source);
	put_be64(im + im_n - 8, UINT64_MAX / 2);
	put_be64(im + im_n - 16, UINT64_MAX / 2);
	assert_int_equal(open_n(im_n, &c, &err), DL_OK);
	assert_note(c, "offset or size is impossible");
	container_close(c);
	source_close(source);
}

static void test_paging_is_noted(void **state)
{
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	elf64();
	put64(im + 64 + 56 + 16, (uint64_t)0xfffff801 << 32);
	assert_int_equal(open_n(im_n, &c, &err), DL_OK);
	assert_note(c, "paging=true");
	container_close(c);
	source_close(source);
}

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
		cmocka_unit_test(test_every_kind_every_way),
		cmocka_unit_test(test_malformed_headers),
		cmocka_unit_test(test_bad_sections_do_no_harm),
		cmocka_unit_test(test_damaged_pages),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_flattened_without_end),
		cmocka_unit_test(test_paging_is_noted),
		cmocka_unit_test(test_small_stage_many_threads),
		cmocka_unit_test(test_stage_stays_small),
		cmocka_unit_test(test_shrinking_file),
		cmocka_unit_test(test_real_files_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
