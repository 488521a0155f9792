/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_TEST_SPACE64_H
#define DUMPLEAK_OS_TEST_SPACE64_H

/*
 * A 64-bit kernel in 4 MB of memory, as far as finding it goes: page tables of
 * each kind, a kernel image in a large page with exports, RSDS record and KDBG
 * block, shared data, two modules, no objects. As raw memory, or as a complete
 * dump with a header. Offsets are literals.
 */
#include "dumpleak/os/objects.h"

#include <stdlib.h>
#include <string.h>

enum space64_kind { SPACE_X64, SPACE_LA57, SPACE_ARM64 };

#define S64_KERNEL_VA 0xfffff8023d200000u
#define S64_DATA_VA 0xfffff88000010000u
#define S64_SHARED_VA 0xfffff78000000000u

enum {
	S64_HEADER_BYTES = 0x2000, S64_RAM_BYTES = 4 << 20,
	S64_ROOT = 0x10000, S64_USER_ROOT = 0x11000, S64_TABLES = 0x20000,
	S64_SHARED = 0x1a000, S64_DATA = 0x40000, S64_DATA_BYTES = 0x10000,
	S64_KERNEL = 0x200000, S64_KERNEL_BYTES = 0x200000,
	/* from the image's start; the block crosses a page */
	S64_KDBG = 0x100d20, S64_VARIABLES = 0x102000, S64_LISTS = 0x103000,
	S64_MODULES = S64_LISTS, S64_PROCESSES = S64_LISTS + 0x40, S64_LAB = 0x103200,
	S64_EXPORTS = 0x180000, S64_DEBUG = 0x181000,
	S64_SELF_INDEX = 0x1b3,
};

struct space64 {
	enum space64_kind kind;
	uint8_t *file, *ram;            /* ram is behind the header */
	uint32_t next_table;
	uint64_t root;
	struct source *source;
	struct container *container;
	struct os os;
	const struct symbols *symbols;  /* given to os_open_with() */
	bool open;
};

static inline void s64_put(struct space64 *s, uint64_t pa, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		s->ram[pa + i] = (uint8_t)(v >> (8 * i));
}

static inline void s64_header(struct space64 *s, size_t off, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		s->file[off + i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t s64_get(const struct space64 *s, uint64_t pa)
{
	return le64(s->ram + pa);
}

static inline uint64_t s64_table_entry(const struct space64 *s, uint64_t pa)
{
	return s->kind == SPACE_ARM64 ? pa | 0x0060000000000703 : pa | 0x63;
}

/* One 4 KB or 2 MB page; tables are made as they are needed. */
static inline void s64_map(struct space64 *s, uint64_t va, uint64_t pa, bool large)
{
	uint64_t table = s->root;

	for (int shift = s->kind == SPACE_LA57 ? 48 : 39; shift > (large ? 21 : 12); shift -= 9) {
		uint64_t at = table + (va >> shift & 0x1ff) * 8;

		if (!s64_get(s, at)) {
			s64_put(s, at, s64_table_entry(s, s->next_table), 8);
			s->next_table += 0x1000;
		}
		table = s64_get(s, at) & 0xfffffff000;
	}
	if (large)
		s64_put(s, table + (va >> 21 & 0x1ff) * 8,
			s->kind == SPACE_ARM64 ? pa | 0x0040000000000701 : pa | 0x1e3, 8);
	else
		s64_put(s, table + (va >> 12 & 0x1ff) * 8, s64_table_entry(s, pa), 8);
}

static inline void s64_list(struct space64 *s, const uint64_t *pa, const uint64_t *va, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		s64_put(s, pa[i], va[(i + 1) % nr], 8);
		s64_put(s, pa[(i + 1) % nr] + 8, va[i], 8);
	}
}

static inline void s64_text(struct space64 *s, uint64_t pa, const char *text)
{
	memcpy(s->ram + pa, text, strlen(text) + 1);
}

static inline void s64_exports(struct space64 *s)
{
	static const struct { const char *name; uint32_t rva; } rows[] = {
		{ "KeNumberProcessors", S64_VARIABLES + 0x80 },
		{ "NtBuildNumber", S64_VARIABLES + 0x88 },
		{ "PsInitialSystemProcess", S64_VARIABLES + 0x90 },
		{ "PsLoadedModuleList", S64_MODULES },
	};
	uint64_t at = S64_KERNEL + S64_EXPORTS;

	s64_put(s, at + 12, S64_EXPORTS + 0x200, 4);
	s64_text(s, at + 0x200, "ntoskrnl.exe");
	s64_put(s, at + 20, 4, 4);
	s64_put(s, at + 24, 4, 4);
	s64_put(s, at + 28, S64_EXPORTS + 0x40, 4);
	s64_put(s, at + 32, S64_EXPORTS + 0x60, 4);
	s64_put(s, at + 36, S64_EXPORTS + 0x80, 4);
	for (uint32_t i = 0; i < 4; i++) {
		s64_put(s, at + 0x40 + i * 4, rows[i].rva, 4);
		s64_put(s, at + 0x60 + i * 4, S64_EXPORTS + 0x300 + i * 0x40, 4);
		s64_put(s, at + 0x80 + i * 2, i, 2);
		s64_text(s, at + 0x300 + i * 0x40, rows[i].name);
	}
	s64_put(s, S64_KERNEL + S64_VARIABLES + 0x80, 4, 4);
	s64_put(s, S64_KERNEL + S64_VARIABLES + 0x88, 0xf0000000 | 19041, 4);
}

static inline void s64_image(struct space64 *s)
{
	uint64_t pe = S64_KERNEL + 0xf8, opt = pe + 0x18, debug = S64_KERNEL + S64_DEBUG;

	s64_put(s, S64_KERNEL, 0x5a4d, 2);
	s64_put(s, S64_KERNEL + 0x3c, 0xf8, 4);
	s64_put(s, pe, 0x4550, 4);
	s64_put(s, pe + 4, s->kind == SPACE_ARM64 ? 0xaa64 : 0x8664, 2);
	s64_put(s, pe + 6, 1, 2);
	s64_put(s, pe + 8, 0x5f3d0d12, 4);
	s64_put(s, pe + 20, 0xf0, 2);
	s64_put(s, opt, 0x20b, 2);
	s64_put(s, opt + 56, S64_KERNEL_BYTES, 4);
	s64_put(s, opt + 108, 16, 4);
	s64_put(s, opt + 112, S64_EXPORTS, 4);
	s64_put(s, opt + 112 + 48, S64_DEBUG, 4);
	s64_put(s, opt + 112 + 52, 56, 4);
	s64_text(s, opt + 0xf0, ".data");
	s64_put(s, opt + 0xf0 + 8, S64_KERNEL_BYTES - 0x1000, 4);
	s64_put(s, opt + 0xf0 + 12, 0x1000, 4);
	s64_put(s, opt + 0xf0 + 36, 0xc0000040, 4);
	s64_exports(s);
	s64_put(s, debug + 12, 13, 4);          /* POGO comes first */
	s64_put(s, debug + 28 + 12, 2, 4);
	s64_put(s, debug + 28 + 16, 0x25, 4);
	s64_put(s, debug + 28 + 20, S64_DEBUG + 0x100, 4);
	s64_text(s, debug + 0x100, "RSDS");
	s64_put(s, debug + 0x104, 0x89284d0ca6acc827, 8);
	s64_put(s, debug + 0x10c, 0x0123456789b9dd3b, 8);
	s64_put(s, debug + 0x114, 1, 4);
	s64_text(s, debug + 0x118, "ntkrnlmp.pdb");
}

static inline void s64_kdbg(struct space64 *s)
{
	static const struct { uint32_t off, rva; } fields[] = {
		{ 0x18, 0 }, { 0x48, S64_MODULES }, { 0x50, S64_PROCESSES },
		{ 0x88, S64_VARIABLES + 0x40 }, { 0x208, S64_LAB },
		{ 0x218, S64_VARIABLES + 0x100 }, { 0x1d0, S64_VARIABLES + 0xa0 },
	};
	uint64_t at = S64_KERNEL + S64_KDBG;

	s64_text(s, at + 0x10, "KDBG");
	s64_put(s, at + 0x14, 0x380, 4);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		s64_put(s, at + fields[i].off, S64_KERNEL_VA + fields[i].rva, 8);
	s64_put(s, at + 0x138, 0x1000, 8);
	s64_put(s, S64_KERNEL + S64_VARIABLES + 0xa0,
		s->kind == SPACE_LA57 ? 0xff00000000000000 : 0xffff800000000000, 8);
	for (uint64_t i = 0; i < 5; i++)        /* KiBugCheckData */
		s64_put(s, S64_KERNEL + S64_VARIABLES + 0x40 + i * 8, i ? i * 0x10 : 0xe2, 8);
	for (uint64_t i = 0; i < 4; i++)        /* KiProcessorBlock */
		s64_put(s, S64_KERNEL + S64_VARIABLES + 0x100 + i * 8,
			S64_DATA_VA + 0x8000 + i * 0x100, 8);
	s64_text(s, S64_KERNEL + S64_LAB, "19041.1.amd64fre.vb_release.191206-1406");
}

static inline void s64_module(struct space64 *s, uint64_t off, uint64_t base, uint32_t bytes,
			      const char *name)
{
	uint64_t at = S64_DATA + off, n = strlen(name);

	s64_put(s, at + 0x30, base, 8);
	s64_put(s, at + 0x40, bytes, 4);
	s64_put(s, at + 0x58, n * 2, 2);
	s64_put(s, at + 0x5a, n * 2, 2);
	s64_put(s, at + 0x60, S64_DATA_VA + off + 0x200, 8);
	for (uint64_t i = 0; i < n; i++)
		s64_put(s, at + 0x200 + i * 2, (uint8_t)name[i], 2);
}

static inline void s64_modules(struct space64 *s)
{
	const uint64_t pa[] = { S64_KERNEL + S64_MODULES, S64_DATA, S64_DATA + 0x1000 };
	const uint64_t va[] = { S64_KERNEL_VA + S64_MODULES, S64_DATA_VA,
				S64_DATA_VA + 0x1000 };
	const uint64_t processes_pa = S64_KERNEL + S64_PROCESSES;
	const uint64_t processes_va = S64_KERNEL_VA + S64_PROCESSES;

	s64_list(s, pa, va, 3);
	s64_list(s, &processes_pa, &processes_va, 1);
	s64_module(s, 0, S64_KERNEL_VA, S64_KERNEL_BYTES, "ntoskrnl.exe");
	s64_module(s, 0x1000, 0xfffff80240000000, 0x20000, "leaky.sys");
}

static inline void s64_shared(struct space64 *s)
{
	s64_put(s, S64_SHARED + 0x08, 600000000, 8);
	s64_put(s, S64_SHARED + 0x14, 0x01d7080000000000, 8);
	s64_put(s, S64_SHARED + 0x1c, 0x01d70800, 4);
	s64_put(s, S64_SHARED + 0x30, 0x003a0043, 4);
	s64_put(s, S64_SHARED + 0x260, 19045, 4);
	s64_put(s, S64_SHARED + 0x264, 1, 4);
	s64_put(s, S64_SHARED + 0x26c, 10, 4);
	s64_put(s, S64_SHARED + 0x3c0, 4, 4);
}

static inline void s64_tables(struct space64 *s)
{
	s64_put(s, s->root + S64_SELF_INDEX * 8, s64_table_entry(s, s->root), 8);
	s64_map(s, S64_KERNEL_VA, S64_KERNEL, true);
	s64_map(s, S64_SHARED_VA, S64_SHARED, false);
	for (uint64_t off = 0; off < S64_DATA_BYTES; off += 0x1000)
		s64_map(s, S64_DATA_VA + off, S64_DATA + off, false);
	/* a user half, and the user's root of KVA shadow: entry code only */
	s64_put(s, s->root, s64_table_entry(s, 0x1c000) | 4, 8);
	s64_put(s, S64_USER_ROOT, s64_table_entry(s, 0x1c000) | 4, 8);
	s64_put(s, S64_USER_ROOT + 0x1f8 * 8, s64_table_entry(s, 0x1d000), 8);
}

/* The header of a complete dump, right in everything. */
static inline void s64_file_header(struct space64 *s)
{
	memcpy(s->file, "PAGEDU64", 8);
	s64_header(s, 0x08, 15, 4);
	s64_header(s, 0x0c, 19041, 4);
	s64_header(s, 0x10, s->root, 8);
	s64_header(s, 0x20, S64_KERNEL_VA + S64_MODULES, 8);
	s64_header(s, 0x28, S64_KERNEL_VA + S64_PROCESSES, 8);
	s64_header(s, 0x30, s->kind == SPACE_ARM64 ? 0xaa64 : 0x8664, 4);
	s64_header(s, 0x34, 4, 4);
	s64_header(s, 0x38, 0xe2, 4);
	s64_header(s, 0x80, S64_KERNEL_VA + S64_KDBG, 8);
	s64_header(s, 0x88, 1, 4);
	s64_header(s, 0x90, S64_RAM_BYTES >> 12, 8);
	s64_header(s, 0x98, 0, 8);
	s64_header(s, 0xa0, S64_RAM_BYTES >> 12, 8);
	s64_header(s, 0xf98, 1, 4);
}

static inline void s64_build(struct space64 *s, enum space64_kind kind)
{
	s->kind = kind;
	s->ram = s->file + S64_HEADER_BYTES;
	s->root = S64_ROOT;
	s->next_table = S64_TABLES;
	memset(s->file, 0, S64_HEADER_BYTES + S64_RAM_BYTES);
	s64_tables(s);
	s64_image(s);
	s64_kdbg(s);
	s64_modules(s);
	s64_shared(s);
	s64_file_header(s);
}

static inline uint64_t s64_rol(uint64_t v, unsigned n)
{
	return n ? v << n | v >> (64 - n) : v;
}

/* Undoes bswap(rol(e ^ @never, never) ^ address) ^ @always, which the kernel applies. */
static inline void s64_encode(struct space64 *s, uint64_t never, uint64_t always,
			      uint64_t flag_va)
{
	for (uint64_t off = 0; off < 0x380; off += 8) {
		uint64_t pa = S64_KERNEL + S64_KDBG + off, v = s64_get(s, pa) ^ always;
		uint64_t swapped = 0;

		for (unsigned i = 0; i < 8; i++)
			swapped |= (v >> (8 * i) & 0xff) << (8 * (7 - i));
		swapped ^= flag_va | 0xffff000000000000;
		s64_put(s, pa, s64_rol(swapped, (64 - (never & 0x3f)) & 0x3f) ^ never, 8);
	}
}

static inline enum dl_status s64_open(struct space64 *s, bool raw, struct dl_err *err)
{
	struct bytes all = { s->file, S64_HEADER_BYTES + S64_RAM_BYTES };
	struct bytes ram = { s->ram, S64_RAM_BYTES };
	enum dl_status st = source_open_memory(raw ? ram : all, "ram", NULL, &s->source, err);

	if (!st)
		st = raw ? container_open_raw(s->source, 0, &s->container, err)
			 : container_open(s->source, &s->container, err);
	if (!st)
		st = os_open_with(s->container, &(struct os_options){ .symbols = s->symbols },
				  &s->os, err);
	s->open = !st;
	return st;
}

static inline void s64_close(struct space64 *s)
{
	if (s->open)
		os_close(&s->os);
	container_close(s->container);
	source_close(s->source);
	s->open = false;
	s->container = NULL;
	s->source = NULL;
}

#endif
