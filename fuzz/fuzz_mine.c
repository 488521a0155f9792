/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the memory of a small machine, x86 or x64, with any blocks in its
 * pool, small ones also across pages: mine all classes and look at each word. It must end, and what comes out must not
 * contradict itself, whatever the number of threads.
 */
#include "dumpleak/mine/mine.h"

#include <stdlib.h>
#include <string.h>

#define X86_BASE 0x80000000u
#define X64_BASE 0xfffffa8000000000u

enum {
	RAM = 1 << 20, POOL_PA = 0x8000, MAX_BLOCKS = 400,
	NR_DEVICES = 3, NR_CHOSEN = 2,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct machine {
	uint8_t ram[RAM];
	bool wide;
	uint64_t base;
	struct source *source;
	struct container *container;
	struct os os;
	struct pool pool;
	struct driver driver;
	struct device devices[NR_DEVICES];
	struct module module;
	const struct module *by_base[1];
	struct pool_page pages[RAM / PAGE_BYTES + 1];
};

static void put64(struct machine *m, size_t pa, uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		m->ram[pa + i] = (uint8_t)(v >> 8 * i);
}

/* One large page at the base; everything above what RAM holds is absent. */
static void make_memory(struct machine *m, const uint8_t *data, size_t n)
{
	for (size_t at = POOL_PA; at < RAM && n; at += n)
		memcpy(m->ram + at, data, n < RAM - at ? n : RAM - at);
	if (!m->wide) {
		put64(m, 0x1000 + 512 * 4, 0x83);
		return;
	}
	put64(m, 0x1000 + (m->base >> 39 & 511) * 8, 0x2063);
	put64(m, 0x2000 + (m->base >> 30 & 511) * 8, 0x3063);
	put64(m, 0x3000, 0xe3);
}

static void make_objects(struct machine *m)
{
	m->module = (struct module){ .base = m->base + 0x2000, .size_bytes = 0x1000,
				     .name = "fuzz.sys", .path = "" };
	m->by_base[0] = &m->module;
	m->driver = (struct driver){ .va = m->base + 0x3000, .name = "\\Driver\\Fuzz" };
	for (size_t i = 0; i < NR_DEVICES; i++)
		m->devices[i] = (struct device){
			.va = m->base + POOL_PA + i * 0x400, .name = i ? "\\Device\\Fuzz" : "",
			.driver = i == 2 ? -1 : 0, .extension_va = m->base + POOL_PA + i * 0x400 + 0xb8,
			.extension_bytes = 0x100 };
	m->os.modules = &m->module;
	m->os.modules_by_base = m->by_base;
	m->os.nr_modules = 1;
	m->os.drivers = &m->driver;
	m->os.nr_drivers = 1;
	m->os.devices = m->devices;
	m->os.nr_devices = NR_DEVICES;
	m->os.system_range_start = m->base;
	m->os.system_time = 0x01c4b6b3a2f00000;
}

/* Two bytes of input: its tag, size, state, pool, and how it is kept. */
static struct block any_block(const struct machine *m, const uint8_t *data)
{
	static const uint32_t tags[] = { 0x206f4920, 0x656c6946, 0x20707249, 0x6b61654c };
	static const enum block_how hows[] = { BLOCK_PAGE, BLOCK_PAGE, BLOCK_LFH, BLOCK_VS,
		BLOCK_CARVED, BLOCK_SPECIAL, BLOCK_RANGE, BLOCK_BIG };
	enum block_how how = hows[data[0] >> 5];
	bool pages = block_form(how) == FORM_PAGES;

	return (struct block){
		.tag = tags[data[0] & 3], .state = (enum block_state)(data[0] >> 2 & 1),
		.pool = (enum pool_kind)(data[0] >> 3 & 1), .how = how,
		.size_bytes = pages ? PAGE_BYTES * (1 + data[1] % 3u)
				    : (m->wide ? 16u : 8u) * (1 + data[1] % 16u),
	};
}

/* Chunks and slots may go on on the next page, chains of headers may not. */
static uint32_t place(const struct block *b, uint32_t pa)
{
	uint32_t left = PAGE_BYTES - pa % PAGE_BYTES;
	bool across = b->how == BLOCK_VS || b->how == BLOCK_LFH;

	if (block_form(b->how) == FORM_PAGES || (b->size_bytes > left && !across))
		pa += left % PAGE_BYTES;
	return pa;
}

static enum dl_status make_blocks(struct machine *m, const uint8_t *data, size_t n)
{
	struct catalog *c = &m->pool.blocks;
	struct pool_page *page = NULL;
	uint32_t pa = POOL_PA;

	if (catalog_reserve(c, MAX_BLOCKS))
		return DL_NOMEM;
	for (size_t i = 0; i + 2 <= n && c->nr < MAX_BLOCKS; i += 2) {
		struct block b = any_block(m, data + i);

		pa = place(&b, pa);
		b.va = m->base + pa;
		if (pa / PAGE_BYTES - POOL_PA / PAGE_BYTES >= sizeof m->pages / sizeof m->pages[0])
			break;
		if (block_has_header(b.how)) {
			if (!page || page->pfn != pa / PAGE_BYTES ||
			    page->first + page->nr != c->nr) {
				if (m->pool.nr_pages == sizeof m->pages / sizeof m->pages[0])
					break;
				page = &m->pages[m->pool.nr_pages++];
				*page = (struct pool_page){
					.va = b.va & ~(uint64_t)(PAGE_BYTES - 1), .pfn = pa / PAGE_BYTES,
					.first = (uint32_t)c->nr, .pool = (uint8_t)b.pool };
			}
			page->nr++;
		}
		catalog_put(c, c->nr++, &b);
		pa += (uint32_t)b.size_bytes;
	}
	m->pool.pages = m->pages;
	return catalog_seal(c);
}

static enum dl_status make_layouts(struct machine *m)
{
	enum dl_status st;

	if (m->wide)
		st = layout_pick(MACHINE_AMD64, BUILD_7_SP1, &m->os.layout, NULL);
	else
		st = layout_pick(MACHINE_I386, BUILD_2003, &m->os.layout, NULL);
	m->pool.layout.header.unit_bytes = m->wide ? 16 : 8;
	m->pool.layout.header.header_bytes = m->wide ? 16 : 8;
	return st;
}

static enum dl_status make(struct machine *m, const uint8_t *data, size_t n)
{
	size_t part = n / 4 < 2 * MAX_BLOCKS ? n / 4 : 2 * MAX_BLOCKS;
	enum dl_status st;

	m->wide = n && data[0] & 0x10;
	m->base = m->wide ? X64_BASE : X86_BASE;
	make_memory(m, data + part, n - part);
	make_objects(m);
	st = make_layouts(m);
	if (!st)
		st = make_blocks(m, data, part);
	if (!st)
		st = source_open_memory((struct bytes){ m->ram, RAM }, "fuzz", NULL,
					&m->source, NULL);
	if (!st)
		st = container_open_raw(m->source, 0, &m->container, NULL);
	if (st)
		return st;
	m->os.container = m->container;
	phys_init(&m->os.phys, m->container);
	vm_init(&m->os.vm, &m->os.phys, m->wide ? &paging_x64 : &paging_ia32, 0x1000);
	return DL_OK;
}

static void check(const struct suspect *s)
{
	if (s->readable > s->class.blocks || s->used_bytes > s->user_bytes ||
	    s->looked_at > s->readable)
		abort();
	for (size_t i = 0; i < s->nr_columns; i++) {
		const struct column *c = &s->columns[i];

		if (c->share < 0 || c->share > 1.0001 || !c->words)
			abort();
		for (unsigned k = 0; k < c->nr_top; k++)
			if (c->top[k].blocks > s->readable)
				abort();
	}
	for (unsigned i = 0; i < s->nr_owners; i++)
		if (s->owners[i].share > 1 || s->owners[i].blocks > s->readable ||
		    s->owners[i].control_share > 1)
			abort();
}

static void compare(const struct targets *t, const struct classes *classes,
		    struct mine_options opts, const struct findings *one)
{
	struct findings two;

	opts.jobs = 2;
	if (mine_run(t, NULL, classes, &opts, &two, NULL))
		abort();
	for (size_t i = 0; i < one->nr; i++)
		if (strcmp(one->suspects[i].verdict_words, two.suspects[i].verdict_words))
			abort();
	findings_deinit(&two);
}

/* Each word as `show` would explain it. */
static void look(struct machine *m, const struct targets *t)
{
	struct arena arena;
	struct target x;

	arena_init(&arena);
	for (size_t pa = POOL_PA; pa < POOL_PA + 0x2000; pa += 4) {
		target_of(t, &m->os.vm, le_word(m->ram + pa, m->os.layout.ptr_bytes), &x);
		target_text(t, &x, &arena);
	}
	arena_deinit(&arena);
}

static void mine(struct machine *m, const struct classes *classes, const struct targets *t)
{
	struct candidate chosen[NR_CHOSEN];
	struct mine_options opts = { .jobs = 1, .chosen = chosen };
	struct findings one;

	for (; opts.nr_chosen < NR_CHOSEN && opts.nr_chosen < classes->nr; opts.nr_chosen++)
		chosen[opts.nr_chosen] = (struct candidate){ .class_index = opts.nr_chosen,
							     .why = "" };
	if (!mine_run(t, NULL, classes, &opts, &one, NULL)) {
		for (size_t i = 0; i < one.nr; i++)
			check(&one.suspects[i]);
		if (classes->nr % 4 == 0)       /* threads are dear: not every time */
			compare(t, classes, opts, &one);
	}
	findings_deinit(&one);
	look(m, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct machine *m = calloc(1, sizeof *m);
	struct classes classes = { NULL, 0 };
	struct targets t = { 0 };

	if (!m)
		return 0;
	catalog_init(&m->pool.blocks);
	if (!make(m, data, n) && !classes_make(&m->pool, &classes, NULL) &&
	    !targets_init(&t, &m->os, &m->pool, NULL))
		mine(m, &classes, &t);
	targets_deinit(&t);
	classes_deinit(&classes);
	phys_deinit(&m->os.phys);
	if (m->container)
		container_close(m->container);
	if (m->source)
		source_close(m->source);
	catalog_deinit(&m->pool.blocks);
	free(m);
	return 0;
}
