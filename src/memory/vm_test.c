/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables written by hand, as the Intel manual draws them, and what the
 * walker makes of them. Numbers are literals: a wrong row in paging.c cannot
 * agree with itself here.
 */
#include "dumpleak/memory/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RAM_PAGES = 64 };

/* 64 pages of memory; the root table is page 1 throughout. */
struct machine {
	uint8_t ram[RAM_PAGES * PAGE_BYTES];
	struct source *source;
	struct container *container;
	struct phys phys;
	struct vm vm;
};

static void put32(struct machine *m, uint32_t pa, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		m->ram[pa + (uint32_t)i] = (uint8_t)(v >> (8 * i));
}

static void put64(struct machine *m, uint32_t pa, uint64_t v)
{
	put32(m, pa, (uint32_t)v);
	put32(m, pa + 4, (uint32_t)(v >> 32));
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);
	struct bytes b = { m->ram, sizeof m->ram };

	if (source_open_memory(b, "ram", NULL, &m->source, NULL) ||
	    container_open_raw(m->source, 0, &m->container, NULL))
		return -1;
	phys_init(&m->phys, m->container);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	phys_deinit(&m->phys);
	container_close(m->container);
	source_close(m->source);
	free(m);
	return 0;
}

static struct machine *ia32(void **state)
{
	struct machine *m = *state;

	vm_init(&m->vm, &m->phys, &paging_ia32, 0x1018);        /* CR3 with PWT, PCD */
	return m;
}

/* The four page directories of PAE are pages 2 to 5. */
static struct machine *pae(void **state)
{
	struct machine *m = *state;

	vm_init(&m->vm, &m->phys, &paging_pae, 0x1020);
	for (uint32_t i = 0; i < 4; i++)
		put64(m, 0x1020 + 8 * i, 0x2001 + 0x1000 * i);
	return m;
}

static uint64_t pa_of(struct machine *m, uint64_t va)
{
	struct translation t;

	assert_int_equal(vm_translate(&m->vm, va, &t, NULL), DL_OK);
	return t.pa;
}

static enum pte_kind absent_kind(struct machine *m, uint64_t va)
{
	struct translation t;
	struct dl_err err = { "" };

	assert_int_equal(vm_translate(&m->vm, va, &t, &err), DL_ABSENT);
	assert_string_not_equal(err.text, "");
	return t.kind;
}

static void ia32_small_page(void **state)
{
	struct machine *m = ia32(state);
	struct translation t;

	put32(m, 0x1000 + 0x201 * 4, 0x2067);                   /* VA 80400000.. */
	put32(m, 0x2000 + 0x003 * 4, 0x5163);                   /* VA 80403000   */
	assert_int_equal(vm_translate(&m->vm, 0x80403abc, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x5abc);
	assert_int_equal(t.pte, 0x5163);
	assert_int_equal(t.pte_pa, 0x200c);
	assert_int_equal(t.page_bytes, 4096);
	assert_int_equal(t.level, 1);
	assert_int_equal(t.kind, PTE_VALID);
	assert_int_equal(absent_kind(m, 0x80404000), PTE_NONE);
	assert_int_equal(absent_kind(m, 0x80000000), PTE_NONE);
}

static void ia32_last_address(void **state)
{
	struct machine *m = ia32(state);
	uint8_t buf[2];

	put32(m, 0x1000 + 0x3ff * 4, 0x2063);
	put32(m, 0x2000 + 0x3ff * 4, 0x3063);
	m->ram[0x3fff] = 0x5a;
	assert_int_equal(pa_of(m, 0xffffffff), 0x3fff);
	assert_int_equal(vm_read(&m->vm, 0xffffffff, buf, 1, NULL), DL_OK);
	assert_int_equal(buf[0], 0x5a);
	/* there is nothing above, and it does not wrap to VA 0 */
	assert_int_equal(vm_read(&m->vm, 0xffffffff, buf, 2, NULL), DL_ABSENT);
	assert_int_equal(vm_read(&m->vm, UINT64_MAX, buf, 2, NULL), DL_ABSENT);
	assert_int_equal(absent_kind(m, 0x100000000), PTE_NONE);
	assert_int_equal(absent_kind(m, UINT64_MAX), PTE_NONE);
}

static void ia32_large_page(void **state)
{
	struct machine *m = ia32(state);
	struct translation t;

	put32(m, 0x1000 + 0x200 * 4, 0x004001e3);
	assert_int_equal(vm_translate(&m->vm, 0x80312345, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x00712345);
	assert_int_equal(t.page_bytes, 4 << 20);
	assert_int_equal(t.level, 0);
}

static void ia32_pse36(void **state)
{
	struct machine *m = ia32(state);

	/* bits 13..20 of a large entry are PA bits 32..39; bit 12 is PAT */
	put32(m, 0x1000 + 0x200 * 4, 0x004001e3 | 0xa5 << 13 | 1 << 12);
	assert_int_equal(pa_of(m, 0x80000010), 0xa500400010);
}

static void ia32_software_entries(void **state)
{
	static const struct { uint32_t pte; enum pte_kind kind; } rows[] = {
		{ 0x00000000, PTE_NONE }, { 0x00000080, PTE_DEMAND_ZERO },
		{ 0x12345080, PTE_PAGEFILE }, { 0x00000084, PTE_PAGEFILE },
		{ 0x00000480, PTE_PROTOTYPE }, { 0x12345c80, PTE_PROTOTYPE },
	};
	struct machine *m = ia32(state);

	put32(m, 0x1000 + 0x200 * 4, 0x2063);
	for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put32(m, 0x2000 + 4 * i, rows[i].pte);
		assert_int_equal(absent_kind(m, 0x80000000 + 0x1000 * i), rows[i].kind);
	}
}

static void ia32_transition(void **state)
{
	struct machine *m = ia32(state);
	struct translation t;

	put32(m, 0x1000 + 0x200 * 4, 0x2880);           /* the table itself trimmed */
	put32(m, 0x2000, 0x7880);
	assert_int_equal(vm_translate(&m->vm, 0x80000123, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x7123);
	assert_int_equal(t.kind, PTE_TRANSITION);
	/* bit 7 of an invalid entry is no large page: this is a table, beyond memory */
	put32(m, 0x1000 + 0x201 * 4, 0x00400880);
	assert_int_equal(absent_kind(m, 0x80400000), PTE_TRANSITION);
}

static void absent_table(void **state)
{
	struct machine *m = ia32(state);
	struct translation t;

	put32(m, 0x1000 + 0x200 * 4, 0x7f000063);       /* beyond the memory */
	assert_int_equal(vm_translate(&m->vm, 0x80000000, &t, NULL), DL_ABSENT);
	/* a mapped page that is not there: translates, cannot be read */
	put32(m, 0x1000 + 0x201 * 4, 0x2063);
	put32(m, 0x2000, 0x7f000063);
	assert_int_equal(pa_of(m, 0x80400000), 0x7f000000);
	assert_int_equal(vm_read(&m->vm, 0x80400000, &t, 1, NULL), DL_ABSENT);
}

static void pae_small_page(void **state)
{
	struct machine *m = pae(state);

	put64(m, 0x4000 + 0x002 * 8, 0x6063);                   /* PD 2: 80000000.. */
	put64(m, 0x6000 + 0x1ff * 8, 0x8000000000007163);       /* VA 805ff000, NX  */
	assert_int_equal(pa_of(m, 0x805fffff), 0x7fff);
	put64(m, 0x6000 + 0x1fe * 8, 0x0000001f00007163);       /* above 4 GB       */
	assert_int_equal(pa_of(m, 0x805fe001), 0x1f00007001);
	assert_int_equal(absent_kind(m, 0x80000000), PTE_NONE);
}

static void pae_large_page(void **state)
{
	struct machine *m = pae(state);
	struct translation t;

	put64(m, 0x5000 + 0x1ff * 8, 0x00000002002011e3);       /* with PAT, bit 12 */
	assert_int_equal(vm_translate(&m->vm, 0xffe12345, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x200212345);
	assert_int_equal(t.page_bytes, 2 << 20);
}

static void pae_software_entries(void **state)
{
	struct machine *m = pae(state);

	put64(m, 0x4000, 0x6063);
	put64(m, 0x6000, 0x0000000000000080);
	put64(m, 0x6008, 0x0001234500000080);
	put64(m, 0x6010, 0x8000123400000400);
	put64(m, 0x6018, 0x0000000300009880);
	assert_int_equal(absent_kind(m, 0x80000000), PTE_DEMAND_ZERO);
	assert_int_equal(absent_kind(m, 0x80001000), PTE_PAGEFILE);
	assert_int_equal(absent_kind(m, 0x80002000), PTE_PROTOTYPE);
	assert_int_equal(pa_of(m, 0x80003000), 0x300009000);
	vm_init(&m->vm, &m->phys, &paging_pae, 0x1020);         /* tables changed: forget */
	put64(m, 0x1020 + 16, 0x4880);  /* a PDPTE is present or not, never trimmed */
	assert_int_equal(absent_kind(m, 0x80003000), PTE_NONE);
}

static void read_across_pages(void **state)
{
	struct machine *m = ia32(state);
	uint64_t v;

	put32(m, 0x1000 + 0x200 * 4, 0x2063);
	put32(m, 0x2000, 0x9063);
	put32(m, 0x2004, 0x5063);                       /* not the next in memory */
	put32(m, 0x9ffc, 0x44332211);
	put32(m, 0x5000, 0x88776655);
	assert_int_equal(vm_word(&m->vm, 0x80000ffe, 4, &v, NULL), DL_OK);
	assert_int_equal(v, 0x66554433);
	assert_int_equal(vm_word(&m->vm, 0x80000ffc, 8, &v, NULL), DL_OK);
	assert_int_equal(v, 0x8877665544332211);
	assert_int_equal(vm_word(&m->vm, 0x80001ffe, 4, &v, NULL), DL_ABSENT);
}

struct seen_runs {
	struct vm_run run[16];
	size_t nr, stop_after;
};

static enum dl_status keep_run(void *ctx, const struct vm_run *run)
{
	struct seen_runs *s = ctx;

	assert_true(s->nr < 16);
	s->run[s->nr++] = *run;
	return s->nr == s->stop_after ? DL_END : DL_OK;
}

static void assert_run(const struct vm_run *r, uint64_t va, uint64_t pfn,
		       uint64_t nr_pages, bool large, bool transition)
{
	assert_int_equal(r->va, va);
	assert_int_equal(r->pfn, pfn);
	assert_int_equal(r->nr_pages, nr_pages);
	assert_int_equal(r->large, large);
	assert_int_equal(r->transition, transition);
}

static void runs_of_all_kinds(void **state)
{
	struct machine *m = ia32(state);
	struct seen_runs s = { .nr = 0 };
	struct vm_tally tally = { 0 };

	put32(m, 0x1000 + 0x200 * 4, 0x004001e3);
	put32(m, 0x1000 + 0x201 * 4, 0x2063);
	put32(m, 0x2000, 0x5063);
	put32(m, 0x2004, 0x6063);
	put32(m, 0x2008, 0x7880);       /* the next PFN, but in transition */
	put32(m, 0x2010, 0x8063);
	put32(m, 0x2014, 0x12345080);
	put32(m, 0x1000 + 0x300 * 4, 0x1063);   /* the window: left out */
	put32(m, 0x1000 + 0x3ff * 4, 0x2063);   /* a table met before   */
	put32(m, 0x1000 + 0x3fe * 4, 0x7f000063);
	assert_int_equal(vm_runs(&m->vm, 0x80000000, UINT64_MAX, keep_run, &s, &tally, NULL),
			 DL_OK);
	assert_int_equal(s.nr, 4);
	assert_run(&s.run[0], 0x80000000, 0x400, 1024, true, false);
	assert_run(&s.run[1], 0x80400000, 5, 2, false, false);
	assert_run(&s.run[2], 0x80402000, 7, 1, false, true);
	assert_run(&s.run[3], 0x80404000, 8, 1, false, false);
	assert_int_equal(tally.pages[PTE_VALID], 1027);
	assert_int_equal(tally.pages[PTE_TRANSITION], 1);
	assert_int_equal(tally.pages[PTE_PAGEFILE], 1);
	assert_int_equal(tally.pages[PTE_NONE], 1024 - 5);
	assert_int_equal(tally.large_pages, 1024);
	assert_int_equal(tally.tables, 2);
	assert_int_equal(tally.tables_absent, 1);
	assert_int_equal(tally.tables_repeated, 1);
	assert_int_equal(tally.repeated_va, 0xffc00000);
}

static void runs_cut_to_the_range(void **state)
{
	struct machine *m = ia32(state);
	struct seen_runs s = { .nr = 0 };
	struct vm_tally tally = { 0 };

	put32(m, 0x1000 + 0x200 * 4, 0x004001e3);
	put32(m, 0x1000 + 0x201 * 4, 0x2063);
	put32(m, 0x2000, 0x5063);
	put32(m, 0x2004, 0x6063);
	assert_int_equal(vm_runs(&m->vm, 0x803fe123, 0x80400fff, keep_run, &s, &tally, NULL),
			 DL_OK);
	assert_int_equal(s.nr, 2);
	assert_run(&s.run[0], 0x803fe000, 0x7fe, 2, true, false);
	assert_run(&s.run[1], 0x80400000, 5, 1, false, false);
	/* beyond the last address there is nothing more, and nothing less */
	s.nr = 0;
	assert_int_equal(vm_runs(&m->vm, 0x80401000, 0x100000000, keep_run, &s, &tally, NULL),
			 DL_OK);
	assert_int_equal(s.nr, 1);
	assert_run(&s.run[0], 0x80401000, 6, 1, false, false);
}

static void runs_end_early(void **state)
{
	struct machine *m = ia32(state);
	struct seen_runs s = { .stop_after = 1 };
	struct vm_tally tally = { 0 };

	put32(m, 0x1000 + 0x200 * 4, 0x2063);
	put32(m, 0x2000, 0x5063);
	put32(m, 0x2008, 0x9063);
	put32(m, 0x2010, 0xb063);
	assert_int_equal(vm_runs(&m->vm, 0x80000000, UINT32_MAX, keep_run, &s, &tally, NULL),
			 DL_OK);
	assert_int_equal(s.nr, 1);
}

/* Every entry of the root leads back to the root: one table, one walk. */
static void runs_in_a_loop(void **state)
{
	struct machine *m = ia32(state);
	struct seen_runs s = { .nr = 0 };
	struct vm_tally tally = { 0 };

	for (uint32_t i = 0; i < 1024; i++)
		put32(m, 0x1000 + 4 * i, 0x1063);
	assert_int_equal(vm_runs(&m->vm, 0, UINT32_MAX, keep_run, &s, &tally, NULL), DL_OK);
	assert_int_equal(s.nr, 0);
	assert_int_equal(tally.tables, 1);
	assert_int_equal(tally.tables_repeated, 1023);
	assert_int_equal(tally.repeated_va, 0);
	/* a single VA is walked as the processor would */
	assert_int_equal(pa_of(m, 0x12345678), 0x1678);
}

static void runs_pae_self_map(void **state)
{
	struct machine *m = pae(state);
	struct seen_runs s = { .nr = 0 };
	struct vm_tally tally = { 0 };

	for (uint32_t i = 0; i < 4; i++)
		put64(m, 0x5000 + 8 * i, 0x2063 + 0x1000 * i);
	put64(m, 0x5000 + 4 * 8, 0x6063);
	put64(m, 0x6000, 0x7063);
	assert_int_equal(vm_runs(&m->vm, 0, UINT32_MAX, keep_run, &s, &tally, NULL), DL_OK);
	assert_int_equal(s.nr, 1);
	assert_run(&s.run[0], 0xc0800000, 7, 1, false, false);
	assert_int_equal(tally.tables, 6);
	assert_int_equal(tally.tables_repeated, 0);
	assert_int_equal(pa_of(m, 0xc0603008), 0x5008);
}

/* The bytes of a page are valid while 511 others are asked for. */
static void phys_pages(void **state)
{
	struct machine *m = ia32(state);
	const uint8_t *page;
	uint8_t buf[8];

	m->ram[0x3ffc] = 7;
	m->ram[0x4003] = 9;
	assert_int_equal(phys_read(&m->phys, 0x3ffc, buf, 8, NULL), DL_OK);
	assert_int_equal(buf[0], 7);
	assert_int_equal(buf[7], 9);
	assert_int_equal(phys_page(&m->phys, RAM_PAGES, &page, NULL), DL_ABSENT);
	assert_int_equal(phys_page(&m->phys, UINT64_MAX >> 12, &page, NULL), DL_ABSENT);
	assert_int_equal(phys_read(&m->phys, RAM_PAGES * PAGE_BYTES - 1, buf, 2, NULL),
			 DL_ABSENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ia32_small_page), TEST(ia32_last_address), TEST(ia32_large_page),
		TEST(ia32_pse36), TEST(ia32_software_entries), TEST(ia32_transition),
		TEST(absent_table), TEST(pae_small_page), TEST(pae_large_page),
		TEST(pae_software_entries), TEST(read_across_pages), TEST(runs_of_all_kinds),
		TEST(runs_cut_to_the_range), TEST(runs_end_early), TEST(runs_in_a_loop),
		TEST(runs_pae_self_map), TEST(phys_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
