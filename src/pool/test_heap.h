/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_TEST_HEAP_H
#define DUMPLEAK_POOL_TEST_HEAP_H

/*
 * One segment heap of 19041 in 2 MB of memory: an ExPoolState, a heap, a segment
 * with a VS and an LFH subsegment and a range, one large allocation. Offsets are
 * literals. Tests and the fuzzer break it at will.
 */
#include "dumpleak/os/layout.h"
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

#define TH_VA 0xffffc00000000000u
#define TH_KEY 0x5a17c3e29bd04786u
#define TH_LFH_KEY 0x91e6a1c4u
#define TH_CONSTANT 0xa2e64eada2e64eadu

enum {
	TH_BYTES = 2 << 20, TH_TABLES = 0x4000, TH_RAM = TH_TABLES + TH_BYTES,
	TH_STATE = 0x4000, TH_GLOBALS = 0x1800, TH_HEAP = 0x2000, TH_NODE = TH_STATE + 0x3900,
	TH_LARGE_NODE = 0x3000, TH_LARGE = 0x90000,
	TH_SEGMENT = 0x100000, TH_CONTEXT = TH_HEAP + 0x100,
	TH_VS = TH_SEGMENT + 0x2000, TH_VS_UNITS = 0x2f0, TH_LFH = TH_SEGMENT + 0x6000,
	TH_RANGE = TH_SEGMENT + 0x8000, TH_LFH_SIZE = 0x40, TH_LFH_FIRST = 0x60,
	TH_LFH_NR = 126,
};

struct test_heap {
	uint8_t *ram;           /* tables, then what is mapped at TH_VA */
	struct source *source;
	struct container *container;
	struct os os;
	struct survey survey;
	struct pool pool;
	struct big_block rows[2];
	struct big_table big;
};

static inline uint8_t *th_at(struct test_heap *t, uint32_t off)
{
	return t->ram + TH_TABLES + off;
}

static inline void th_put(struct test_heap *t, uint32_t off, uint64_t v, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		th_at(t, off)[i] = (uint8_t)(v >> (8 * i));
}

static inline void th_table(struct test_heap *t, uint32_t pa, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		t->ram[pa + i] = (uint8_t)(v >> (8 * i));
}

/* Page @page of the 512 is mapped again, or no longer. */
static inline void th_map(struct test_heap *t, unsigned page, bool there)
{
	th_table(t, 0x3000 + page * 8, there ? (TH_TABLES + page * 0x1000u) | 0x63u : 0);
}

static inline void th_pool_header(struct test_heap *t, uint32_t off, uint32_t size, uint32_t tag,
				  unsigned type)
{
	th_put(t, off, (uint64_t)(size / 16) << 16 | (uint64_t)type << 24 | (uint64_t)tag << 32, 8);
}

/* Sizes with the chunk's header, in bytes. */
static inline void th_chunk(struct test_heap *t, uint32_t off, uint32_t size, uint32_t prev,
			    bool used)
{
	uint64_t plain = (uint64_t)(size / 16) << 16 | (uint64_t)(prev / 16) << 32 |
			 (uint64_t)used << 48;

	th_put(t, off, plain ^ TH_KEY ^ (TH_VA + off), 8);
}

static inline void th_range(struct test_heap *t, unsigned unit, unsigned nr, unsigned flags)
{
	for (unsigned i = 0; i < nr; i++) {
		uint32_t at = TH_SEGMENT + (unit + i) * 0x20;

		th_put(t, at + 0x18, i ? flags & ~2u : flags, 1);
		th_put(t, at + 0x1f, i ? i : nr, 1);
	}
	th_put(t, TH_SEGMENT + unit * 0x20, flags & 1 ? 0xccddccdd : 0, 4);
}

static inline void th_context(struct test_heap *t, uint32_t off, unsigned shift, uint32_t first)
{
	th_put(t, off, ~(((uint64_t)0x100 << shift) - 1), 8);
	th_put(t, off + 8, shift, 1);
	th_put(t, off + 0xa, shift == 12 ? 2 : 1, 1);
	th_put(t, off + 0x38, TH_VA + TH_HEAP, 8);
	th_put(t, off + 0x48, TH_VA + (first ? first : off + 0x48), 8);
	th_put(t, off + 0x50, TH_VA + (first ? first : off + 0x48), 8);
	th_put(t, off + 0x58, first ? 1 : 0, 8);
}

/* 0x100 in use, 0x200 free, 0x80 in use, the rest free. */
static inline void th_vs(struct test_heap *t)
{
	uint32_t at = TH_VS + 0x30, rest = TH_VS_UNITS * 16 - 0x380;

	th_put(t, TH_VS + 0x20, TH_VS_UNITS, 2);
	th_put(t, TH_VS + 0x22, TH_VS_UNITS ^ 0x2bed, 2);
	th_chunk(t, at, 0x100, 0, true);
	th_pool_header(t, at + 0x10, 0xf0, 0x31615456, 2);
	th_chunk(t, at + 0x100, 0x200, 0x100, false);
	th_chunk(t, at + 0x300, 0x80, 0x200, true);
	th_pool_header(t, at + 0x310, 0x70, 0x32625456, 2);
	th_chunk(t, at + 0x380, rest, 0x80, false);
}

/* Slots 0, 1 and 5 are busy, 1 with the second bit; withheld ones as well. */
static inline void th_lfh(struct test_heap *t)
{
	uint32_t page = (uint32_t)(TH_VA + TH_LFH) >> 12, busy[] = { 0, 1, 5 };

	th_put(t, TH_LFH + 0x20, TH_LFH_NR - 3, 2);
	th_put(t, TH_LFH + 0x22, TH_LFH_NR, 2);
	th_put(t, TH_LFH + 0x28, (TH_LFH_SIZE | TH_LFH_FIRST << 16) ^ TH_LFH_KEY ^ page, 4);
	for (unsigned i = 0; i < 3; i++)
		th_pool_header(t, TH_LFH + TH_LFH_FIRST + busy[i] * TH_LFH_SIZE, TH_LFH_SIZE,
			       0x2048464c, 2);
	th_put(t, TH_LFH + 0x30, 1 | 3 << 2 | 1 << 10, 8);
	/* the 63rd slot crosses a page */
	th_put(t, TH_LFH + 0x30 + 62 / 4, 1 << 62 % 4 * 2, 1);
}

static inline void th_heap(struct test_heap *t)
{
	th_put(t, TH_GLOBALS, TH_KEY, 8);
	th_put(t, TH_GLOBALS + 8, TH_LFH_KEY, 8);
	th_put(t, TH_STATE, TH_VA + TH_GLOBALS, 8);
	th_put(t, TH_STATE + 0x38d0, 1, 4);
	for (unsigned i = 0; i < 4; i++)
		th_put(t, TH_NODE + i * 8, TH_VA + TH_HEAP, 8);
	th_put(t, TH_HEAP + 0x10, 0xddeeddee, 4);
	th_context(t, TH_CONTEXT, 12, TH_SEGMENT);
	th_context(t, TH_CONTEXT + 0xc0, 16, 0);
	th_put(t, TH_HEAP + 0x48, (TH_VA + TH_LARGE_NODE) ^ (TH_VA + TH_HEAP + 0x48), 8);
	th_put(t, TH_HEAP + 0x50, (TH_VA + TH_LARGE_NODE) | 1, 8);
	th_put(t, TH_LARGE_NODE + 0x18, TH_VA + TH_LARGE, 8);
	th_put(t, TH_LARGE_NODE + 0x20, 0x20 << 12, 8);
}

static inline void th_fill(struct test_heap *t)
{
	memset(t->ram, 0, TH_RAM);
	th_table(t, 0x000 + (TH_VA >> 39 & 0x1ff) * 8, 0x1063);
	th_table(t, 0x1000, 0x2063);
	th_table(t, 0x2000, 0x3063);
	for (unsigned i = 0; i < 512; i++)
		th_map(t, i, true);
	th_heap(t);
	th_put(t, TH_SEGMENT, TH_VA + TH_CONTEXT + 0x48, 8);
	th_put(t, TH_SEGMENT + 8, TH_VA + TH_CONTEXT + 0x48, 8);
	th_put(t, TH_SEGMENT + 0x10, (TH_VA + TH_SEGMENT) ^ (TH_VA + TH_CONTEXT) ^ TH_KEY ^
				     TH_CONSTANT, 8);
	th_range(t, 2, 4, 0xf);
	th_range(t, 6, 2, 0xb);
	th_range(t, 8, 3, 3);
	th_range(t, 11, 245, 2);
	th_vs(t);
	th_lfh(t);
	t->rows[0] = (struct big_block){ .va = TH_VA + TH_LARGE, .size_bytes = 0x20000,
					 .tag = 0x6772614c };
	t->rows[1] = (struct big_block){ .va = TH_VA + TH_RANGE, .size_bytes = 0x3000,
					 .tag = 0x676e6152, .row = 1 };
}

static inline bool th_open(struct test_heap *t)
{
	struct bytes b = { t->ram, TH_RAM };

	if (source_open_memory(b, "heap", NULL, &t->source, NULL) ||
	    container_open_raw(t->source, 0, &t->container, NULL))
		return false;
	t->os.container = t->container;
	phys_init(&t->os.phys, t->container);
	vm_init(&t->os.vm, &t->os.phys, &paging_x64, 0);
	t->os.system_range_start = 0xffff800000000000;
	t->os.kernel_base = TH_VA + TH_STATE;
	t->os.kernel_bytes = 0x8000;
	t->os.build = 19041;
	t->os.layout.machine = MACHINE_AMD64;
	t->os.layout.ptr_bytes = 8;
	return true;
}

static inline bool th_new(struct test_heap *t)
{
	memset(t, 0, sizeof *t);
	t->ram = calloc(1, TH_RAM);
	if (!t->ram)
		return false;
	th_fill(t);
	return th_open(t);
}

static inline void th_forget(struct test_heap *t)
{
	pool_deinit(&t->pool);
	survey_deinit(&t->survey);
}

/* Page tables are read again: call it after every change. */
static inline enum dl_status th_scan(struct test_heap *t, size_t nr_rows, unsigned jobs,
				     struct dl_err *err)
{
	const struct pool_options opts = { .jobs = jobs };
	enum dl_status st;

	th_forget(t);
	vm_init(&t->os.vm, &t->os.phys, &paging_x64, 0);
	memset(&t->pool, 0, sizeof t->pool);
	arena_init(&t->pool.arena);
	catalog_init(&t->pool.blocks);
	t->big = (struct big_table){ t->rows, nr_rows };
	st = pool_layout_pick(MACHINE_AMD64, 19041, &t->pool.layout, err);
	if (!st)
		st = survey_run(&t->os, &t->survey, err);
	return st ? st : heap_scan(&t->os, &t->pool, &t->survey, &t->big, &opts, err);
}

static inline void th_free(struct test_heap *t)
{
	th_forget(t);
	phys_deinit(&t->os.phys);
	container_close(t->container);
	source_close(t->source);
	free(t->ram);
}

#endif
