/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_TEST_UTIL_H
#define DUMPLEAK_MINE_TEST_UTIL_H

/*
 * A small machine made by hand for the tests of this layer, x86 or x64: memory
 * mapped in one piece by large pages, drivers and devices with extensions, and a
 * pool whose catalog is filled as blocks are made. Nothing is scanned: what the
 * tests state is what the mine layer gets.
 */
#include "dumpleak/mine/mine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	FAKE_BASE = 0x80000000, FAKE_RAM = 12 << 20, FAKE_POOL_PA = 0x100000,
	FAKE_MAX = 16,
};

#define FAKE_WIDE_BASE 0xfffffa8000000000u

struct fake {
	uint8_t *ram;
	uint64_t base;
	const struct paging_mode *mode;
	bool chunks;                    /* blocks may lie across pages */
	enum block_how how;             /* of the blocks that are made */
	struct source *source;
	struct container *container;
	struct os os;
	struct pool pool;
	struct driver drivers[FAKE_MAX];
	struct device devices[FAKE_MAX];
	struct module modules[FAKE_MAX];
	const struct module *by_base[FAKE_MAX];
	struct section sections[FAKE_MAX];
	struct block *blocks;
	size_t nr_blocks, cap_blocks;
	uint32_t page_pa, page_off;     /* the page that is being filled */
	enum pool_kind page_pool;
	uint32_t next_pa;
	uint32_t seed;
};

static inline void put32(struct fake *f, uint64_t va, uint32_t v)
{
	uint8_t *p = f->ram + (va - f->base);

	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline void put64(struct fake *f, uint64_t va, uint64_t v)
{
	put32(f, va, (uint32_t)v);
	put32(f, va + 4, (uint32_t)(v >> 32));
}

/** put_word - a pointer of this machine */
static inline void put_word(struct fake *f, uint64_t va, uint64_t v)
{
	if (f->os.layout.ptr_bytes == 8)
		put64(f, va, v);
	else
		put32(f, va, (uint32_t)v);
}

/* Numbers without order, the same in every run. */
static inline uint32_t fake_random(struct fake *f)
{
	f->seed = f->seed * 1664525u + 1013904223u;
	return f->seed >> 8;
}

static inline uint32_t fake_tag(const char *text)
{
	return (uint32_t)(unsigned char)text[0] | (uint32_t)(unsigned char)text[1] << 8 |
	       (uint32_t)(unsigned char)text[2] << 16 |
	       (uint32_t)(unsigned char)text[3] << 24;
}

static inline void fake_start(struct fake *f, uint64_t base)
{
	memset(f, 0, sizeof *f);
	f->ram = calloc(1, FAKE_RAM);
	assert_non_null(f->ram);
	f->base = base;
	f->next_pa = FAKE_POOL_PA;
	f->seed = 1;
	f->os.system_range_start = base;
	f->os.drivers = f->drivers;
	f->os.devices = f->devices;
	f->os.modules = f->modules;
	f->os.modules_by_base = f->by_base;
	catalog_init(&f->pool.blocks);
}

static inline void fake_init(struct fake *f)
{
	fake_start(f, FAKE_BASE);
	/* one directory at PA 0x1000: 16 MB of large pages, the last 4 MB not in RAM */
	for (uint32_t i = 0; i < 4; i++)
		put32(f, (uint64_t)FAKE_BASE + 0x1000 + (512 + i) * 4, i << 22 | 0x83);
	f->mode = &paging_ia32;
	assert_int_equal(layout_pick(MACHINE_I386, BUILD_2003, &f->os.layout, NULL), DL_OK);
	assert_int_equal(pool_layout_pick(MACHINE_I386, BUILD_2003, &f->pool.layout, NULL),
			 DL_OK);
}

/** fake_init_wide - the same on x64, as Windows 7 has it */
static inline void fake_init_wide(struct fake *f)
{
	const uint64_t root = 0x1000, third = 0x2000, second = 0x3000;

	fake_start(f, FAKE_WIDE_BASE);
	f->os.system_range_start = 0xffff800000000000u;
	put64(f, f->base + root + (f->base >> 39 & 511) * 8, third | 0x63);
	put64(f, f->base + third + (f->base >> 30 & 511) * 8, second | 0x63);
	for (uint64_t i = 0; i < 8; i++)
		put64(f, f->base + second + i * 8, i << 21 | 0xe3);
	f->mode = &paging_x64;
	assert_int_equal(layout_pick(MACHINE_AMD64, BUILD_7_SP1, &f->os.layout, NULL), DL_OK);
	f->pool.layout.header.header_bytes = f->pool.layout.header.unit_bytes = 16;
}

static inline void fake_deinit(struct fake *f)
{
	phys_deinit(&f->os.phys);
	container_close(f->container);
	source_close(f->source);
	catalog_deinit(&f->pool.blocks);
	free(f->pool.pages);
	free(f->blocks);
	free(f->ram);
}

static inline void fake_note(struct fake *f, const struct block *b)
{
	struct block *more = vec_grow(f->blocks, &f->cap_blocks, f->nr_blocks + 1,
				      sizeof *f->blocks);

	assert_non_null(more);
	f->blocks = more;
	f->blocks[f->nr_blocks++] = *b;
}

/* What is left of the page becomes a free block. */
static inline void fake_end_page(struct fake *f)
{
	if (f->page_off && f->page_off < PAGE_BYTES)
		fake_note(f, &(struct block){
			.va = f->base + f->page_pa + f->page_off,
			.size_bytes = PAGE_BYTES - f->page_off, .tag = fake_tag("Free"),
			.state = BLOCK_FREE, .how = BLOCK_PAGE, .pool = f->page_pool });
	f->page_off = 0;
}

/** fake_block - a block of @user bytes; returns the address its owner gets */
static inline uint64_t fake_block(struct fake *f, const char *tag, enum pool_kind pool,
				  uint32_t user)
{
	uint32_t header = f->pool.layout.header.header_bytes;
	uint32_t unit = f->pool.layout.header.unit_bytes;
	uint32_t size = (user + header + unit - 1) / unit * unit;
	struct block b = { .size_bytes = size, .tag = fake_tag(tag),
			   .state = BLOCK_IN_USE, .how = f->how, .pool = pool };

	if (!f->page_off || f->page_pool != pool ||
	    (f->page_off + size > PAGE_BYTES && !f->chunks)) {
		fake_end_page(f);
		f->page_pa = f->next_pa;
		f->page_pool = pool;
		f->next_pa += PAGE_BYTES;
		assert_true(f->next_pa < 16 << 20);
	}
	b.va = f->base + f->page_pa + f->page_off;
	f->page_off += size;
	if (f->page_off >= PAGE_BYTES && f->chunks) {   /* on the next page it goes on */
		f->page_pa = f->next_pa;
		f->page_off %= PAGE_BYTES;
		f->next_pa += PAGE_BYTES;
	}
	fake_note(f, &b);
	return b.va + header;
}

static inline uint64_t fake_pages_of(struct fake *f, const char *tag, enum block_how how,
				     uint32_t pages)
{
	struct block b = { .size_bytes = pages * PAGE_BYTES, .tag = fake_tag(tag),
			   .state = BLOCK_IN_USE, .how = how, .pool = POOL_NONPAGED };

	fake_end_page(f);
	b.va = f->base + f->next_pa;
	f->next_pa += pages * PAGE_BYTES;
	fake_note(f, &b);
	return b.va;
}

static inline uint64_t fake_big(struct fake *f, const char *tag, uint32_t pages)
{
	return fake_pages_of(f, tag, BLOCK_BIG, pages);
}

/** fake_skip_ram - from here on blocks lie where the dump has no pages */
static inline void fake_skip_ram(struct fake *f)
{
	fake_end_page(f);
	f->next_pa = FAKE_RAM;
}

/* Images lie below the pool, 0x4000 bytes each. */
static inline struct module *fake_module(struct fake *f, const char *name)
{
	size_t n = f->os.nr_modules++;

	f->sections[n] = (struct section){ .name = ".text", .rva = 0x1000,
					   .size_bytes = 0x2000, .executable = true };
	f->modules[n] = (struct module){ .base = f->base + 0x10000 + n * 0x4000,
					 .size_bytes = 0x4000, .name = name, .path = name,
					 .sections = &f->sections[n], .nr_sections = 1 };
	f->by_base[n] = &f->modules[n];
	return &f->modules[n];
}

/* A driver with its image; name it in rising order of calls, as addresses rise. */
static inline struct driver *fake_driver(struct fake *f, const char *name, const char *image)
{
	struct module *m = fake_module(f, image);
	struct driver *d = &f->drivers[f->os.nr_drivers++];

	*d = (struct driver){ .name = name, .image_base = m->base,
			      .image_bytes = m->size_bytes, .module = (int)(m - f->modules) };
	d->va = fake_block(f, "Driv", POOL_NONPAGED, 0x30u + f->os.layout.driver.bytes) + 0x30;
	return d;
}

static inline struct device *fake_device(struct fake *f, const char *name,
					 const struct driver *driver)
{
	struct device *d = &f->devices[f->os.nr_devices++];
	uint32_t body = f->os.layout.device.bytes;

	*d = (struct device){ .name = name, .driver = (int)(driver - f->drivers),
			      .driver_va = driver->va, .extension_bytes = 0x100 };
	d->va = fake_block(f, "Devi", POOL_NONPAGED, 0x30u + body + 0x100) + 0x30;
	d->extension_va = d->va + body;
	return d;
}

/* A KEVENT: type, size in words, a wait list that is empty. */
static inline uint64_t fake_event(struct fake *f, const struct device *d, uint32_t off)
{
	uint64_t va = d->extension_va + off, list = va + 8;

	put32(f, va, (uint32_t)f->os.layout.dispatcher.event_words << 16 | 1);
	put_word(f, list, list);
	put_word(f, list + f->os.layout.ptr_bytes, list);
	return va;
}

/** fake_ordinary - a healthy population: a dozen tags, nothing sticks out */
static inline void fake_ordinary(struct fake *f, unsigned each)
{
	static const char *const tags[] = { "Even", "Vad ", "Ndis", "Wmip", "AfdE", "NbtC",
		"usbp", "TCPC", "PcDm", "Hid ", "IdeP", "ScsP" };

	for (unsigned i = 0; i < each * 12; i++) {
		uint64_t va = fake_block(f, tags[i % 12], POOL_NONPAGED, 0x28);

		for (uint32_t k = 0; k < 0x28; k += 4)
			put32(f, va + k, fake_random(f) % 1000);
	}
}

static inline int fake_by_va(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return (x->va > y->va) - (x->va < y->va);
}

static inline void fake_pages(struct fake *f)
{
	struct pool *p = &f->pool;

	p->pages = calloc(f->nr_blocks, sizeof *p->pages);
	assert_non_null(p->pages);
	for (size_t i = 0; i < f->nr_blocks; i++) {
		uint64_t page = f->blocks[i].va & ~(uint64_t)(PAGE_BYTES - 1);

		if (!block_has_header(f->blocks[i].how))
			continue;
		if (!p->nr_pages || p->pages[p->nr_pages - 1].va != page)
			p->pages[p->nr_pages++] = (struct pool_page){
				.va = page, .pfn = (page - f->base) >> PAGE_SHIFT,
				.first = (uint32_t)i, .pool = (uint8_t)f->blocks[i].pool };
		p->pages[p->nr_pages - 1].nr++;
	}
}

/** fake_seal - all blocks are made: build the catalog, open the memory */
static inline void fake_seal(struct fake *f)
{
	fake_end_page(f);
	qsort(f->blocks, f->nr_blocks, sizeof *f->blocks, fake_by_va);
	assert_int_equal(catalog_reserve(&f->pool.blocks, f->nr_blocks), DL_OK);
	for (size_t i = 0; i < f->nr_blocks; i++)
		catalog_put(&f->pool.blocks, i, &f->blocks[i]);
	f->pool.blocks.nr = f->nr_blocks;
	assert_int_equal(catalog_seal(&f->pool.blocks), DL_OK);
	fake_pages(f);
	assert_int_equal(source_open_memory((struct bytes){ f->ram, FAKE_RAM }, "fake", NULL,
					    &f->source, NULL), DL_OK);
	assert_int_equal(container_open_raw(f->source, 0, &f->container, NULL), DL_OK);
	f->os.container = f->container;
	phys_init(&f->os.phys, f->container);
	vm_init(&f->os.vm, &f->os.phys, f->mode, 0x1000);
}

/* Everything mine_run() needs and gives, for one tag. */
struct dig {
	struct classes classes;
	struct targets targets;
	struct findings findings;
	struct suspect *s;
};

/** dig_tag - mine the largest class of @tag; dig_end() it */
static inline void dig_tag(struct fake *f, const char *tag, unsigned jobs, struct dig *d)
{
	struct candidate chosen = { .kept_share = -1, .why = "asked for" };
	struct mine_options opts = { .jobs = jobs, .chosen = &chosen, .nr_chosen = 1 };
	size_t i;

	assert_int_equal(classes_make(&f->pool, &d->classes, NULL), DL_OK);
	for (i = 0; i < d->classes.nr; i++)
		if (d->classes.list[i].tag == fake_tag(tag))
			break;
	assert_true(i < d->classes.nr);
	chosen.class_index = i;
	assert_int_equal(targets_init(&d->targets, &f->os, &f->pool, NULL), DL_OK);
	assert_int_equal(mine_run(&d->targets, NULL, &d->classes, &opts, &d->findings, NULL),
			 DL_OK);
	assert_int_equal(d->findings.nr, 1);
	d->s = &d->findings.suspects[0];
}

static inline void dig_end(struct dig *d)
{
	findings_deinit(&d->findings);
	targets_deinit(&d->targets);
	classes_deinit(&d->classes);
}

#endif
