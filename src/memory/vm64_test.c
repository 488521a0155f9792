/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit page tables written by hand, as the manuals of Intel and Arm draw
 * them, and Windows' entries that are not valid. Numbers are literals: a wrong
 * row in paging.c cannot agree with itself here.
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

static void put64(struct machine *m, uint32_t pa, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		m->ram[pa + (uint32_t)i] = (uint8_t)(v >> (8 * i));
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);
	struct bytes b = { m ? m->ram : NULL, sizeof m->ram };

	if (!m || source_open_memory(b, "ram", NULL, &m->source, NULL) ||
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

/*
 * FFFFF800_00000000: PML4 entry 1f0 -> page 2, entry 0 -> page 3, entry 0 ->
 * page 4, the page table. CR3 has a PCID in its low bits.
 */
static struct machine *x64(void **state)
{
	struct machine *m = *state;

	vm_init(&m->vm, &m->phys, &paging_x64, 0x1002);
	put64(m, 0x1000 + 0x1f0 * 8, 0x2063);
	put64(m, 0x2000, 0x3063);
	put64(m, 0x3000, 0x4063);
	return m;
}

static uint64_t pa_of(struct machine *m, uint64_t va, enum pte_kind kind)
{
	struct translation t;
	struct dl_err err = { "" };

	if (vm_translate(&m->vm, va, &t, &err))
		fail_msg("%s", err.text);
	assert_int_equal(t.kind, kind);
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

static void x64_small_page(void **state)
{
	struct machine *m = x64(state);
	struct translation t;

	put64(m, 0x4000 + 5 * 8, 0x8000000000009163);
	assert_int_equal(vm_translate(&m->vm, 0xfffff80000005abc, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x9abc);
	assert_int_equal(t.level, 3);
	assert_int_equal(t.pte_pa, 0x4028);
	assert_int_equal(t.page_bytes, 4096);
	assert_int_equal(absent_kind(m, 0xfffff80000006000), PTE_NONE);
	/* the same index bits, but no address that exists */
	assert_int_equal(absent_kind(m, 0x0000f80000005abc), PTE_NONE);
	assert_int_equal(absent_kind(m, 0xfff0f80000005abc), PTE_NONE);
}

static void x64_large_pages(void **state)
{
	struct machine *m = x64(state);
	struct translation t;

	put64(m, 0x3000 + 7 * 8, 0x80000000006010e3);   /* 2 MB, PAT in bit 12 */
	assert_int_equal(vm_translate(&m->vm, 0xfffff80000e12345, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x612345);
	assert_int_equal(t.page_bytes, 2 << 20);
	put64(m, 0x2000 + 3 * 8, 0x40001e3);            /* 1 GB: low bits of the PA ignored */
	assert_int_equal(vm_translate(&m->vm, 0xfffff800c0abcdef, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0xabcdef);
	assert_int_equal(t.page_bytes, 1 << 30);
	assert_int_equal(t.level, 1);
}

static void la57_five_levels(void **state)
{
	struct machine *m = *state;

	vm_init(&m->vm, &m->phys, &paging_x64_la57, 0x1000);
	put64(m, 0x1000 + 0x1ff * 8, 0x2063);
	put64(m, 0x2000 + 0x1f0 * 8, 0x3063);
	put64(m, 0x3000, 0x4063);
	put64(m, 0x4000, 0x5063);
	put64(m, 0x5000 + 8, 0x6163);
	assert_int_equal(pa_of(m, 0xfffff80000001123, PTE_VALID), 0x6123);
	assert_int_equal(absent_kind(m, 0xff00000000000000), PTE_NONE);
	assert_false(vm_is_canonical(&paging_x64_la57, 0xfe00000000000000));
	assert_true(vm_is_canonical(&paging_x64_la57, 0xff00000000000000));
	assert_true(vm_is_canonical(&paging_x64_la57, 0x00ffffffffffffff));
	assert_false(vm_is_canonical(&paging_x64, 0x0000800000000000));
	assert_true(vm_is_canonical(&paging_x64, 0xffff800000000000));
}

static void arm64_descriptors(void **state)
{
	struct machine *m = *state;
	struct translation t;

	vm_init(&m->vm, &m->phys, &paging_arm64, 0x0042000000001000);   /* ASID 42 */
	put64(m, 0x1000 + 0x1f0 * 8, 0x0060000000002003);
	put64(m, 0x2000, 0x0060000000003003);
	put64(m, 0x3000, 0x0060000000004003);
	put64(m, 0x4000, 0x00e0000000009703);           /* a page     */
	put64(m, 0x4000 + 8, 0x00e0000000009701);       /* reserved   */
	put64(m, 0x3000 + 8, 0x00e0000000600701);       /* a block    */
	put64(m, 0x1000 + 0x1f1 * 8, 0x00e0000000600701); /* none at level 0 */
	assert_int_equal(pa_of(m, 0xfffff80000000fff, PTE_VALID), 0x9fff);
	assert_int_equal(absent_kind(m, 0xfffff80000001000), PTE_NONE);
	assert_int_equal(vm_translate(&m->vm, 0xfffff80000212345, &t, NULL), DL_OK);
	assert_int_equal(t.pa, 0x612345);
	assert_int_equal(t.page_bytes, 2 << 20);
	assert_int_equal(absent_kind(m, 0xfffff88000000000), PTE_NONE);
}

static void software_entries_before_17763(void **state)
{
	struct machine *m = x64(state);

	vm_set_software(&m->vm, 9600, 0);
	put64(m, 0x4000, 0x9880);                       /* transition      */
	put64(m, 0x4008, 0x1234000000000080);           /* PageFileHigh    */
	put64(m, 0x4010, 0x82);                         /* PageFileLow 1   */
	put64(m, 0x4018, 0x80);                         /* protection only */
	put64(m, 0x4020, 0xf8a0001122300480);           /* prototype, of nothing */
	assert_int_equal(pa_of(m, 0xfffff80000000010, PTE_TRANSITION), 0x9010);
	assert_int_equal(absent_kind(m, 0xfffff80000001000), PTE_PAGEFILE);
	assert_int_equal(absent_kind(m, 0xfffff80000002000), PTE_PAGEFILE);
	assert_int_equal(absent_kind(m, 0xfffff80000003000), PTE_DEMAND_ZERO);
	assert_int_equal(absent_kind(m, 0xfffff80000004000), PTE_PROTOTYPE);
}

/* InvalidPteMask is bit 45; bit 4 says that it was not applied. */
static void software_entries_since_17763(void **state)
{
	struct machine *m = x64(state);

	put64(m, 0x4000, 0x0000200000009880);           /* transition, inverted */
	put64(m, 0x4008, 0x9890);                       /* transition, plain    */
	put64(m, 0x4010, 0x0000200000000080);           /* demand zero          */
	put64(m, 0x4018, 0x0000345600000080);           /* page file 0          */
	put64(m, 0x4020, 0x0000200000003080);           /* page file 3, offset 0 */
	for (int i = 0; i < 2; i++) {   /* told, and found out */
		vm_set_software(&m->vm, 19041, i ? 0 : 0x0000200000000000);
		assert_int_equal(pa_of(m, 0xfffff80000000010, PTE_TRANSITION), 0x9010);
		assert_int_equal(pa_of(m, 0xfffff80000001010, PTE_TRANSITION), 0x9010);
		assert_int_equal(absent_kind(m, 0xfffff80000002000), PTE_DEMAND_ZERO);
		assert_int_equal(absent_kind(m, 0xfffff80000003000), PTE_PAGEFILE);
		assert_int_equal(absent_kind(m, 0xfffff80000004000), PTE_PAGEFILE);
	}
}

static void prototype_leads_to_its_page(void **state)
{
	struct machine *m = x64(state);
	uint64_t v;

	put64(m, 0x4000 + 6 * 8, 0xa163);               /* where prototypes lie */
	put64(m, 0x4000, 0xf800000060080400);           /* -> FFFFF800_00006008 */
	put64(m, 0x4008, 0xf800000060100400);           /* -> FFFFF800_00006010 */
	put64(m, 0x4010, 0xf800000060180400);
	put64(m, 0x4018, 0xf800000000180400);           /* its own PTE's address: none */
	put64(m, 0xa008, 0xb163);                       /* valid         */
	put64(m, 0xa010, 0xc880);                       /* in transition */
	put64(m, 0xa018, 0xf800000060180400);           /* itself        */
	put64(m, 0xb000, 0x1122334455667788);
	assert_int_equal(pa_of(m, 0xfffff80000000123, PTE_PROTOTYPE), 0xb123);
	assert_int_equal(vm_word(&m->vm, 0xfffff80000000000, 8, &v, NULL), DL_OK);
	assert_int_equal(v, 0x1122334455667788);
	assert_int_equal(pa_of(m, 0xfffff80000001123, PTE_PROTOTYPE), 0xc123);
	assert_int_equal(absent_kind(m, 0xfffff80000002000), PTE_PROTOTYPE);
	assert_int_equal(absent_kind(m, 0xfffff80000003000), PTE_PROTOTYPE);
}

struct seen { struct vm_run run[8]; size_t nr; };

static enum dl_status note_run(void *ctx, const struct vm_run *run)
{
	struct seen *s = ctx;

	assert_true(s->nr < 8);
	s->run[s->nr++] = *run;
	return DL_OK;
}

static void runs_leave_out_the_self_map(void **state)
{
	struct machine *m = x64(state);
	struct vm_tally tally = { 0 };
	struct seen s = { .nr = 0 };
	uint64_t first, last;

	assert_false(vm_self_map(&m->vm, &first, &last));
	put64(m, 0x1000 + 0x1ed * 8, 0x1063);
	put64(m, 0x4000, 0x9163);
	put64(m, 0x4008, 0xa163);
	put64(m, 0x3000 + 0x1ff * 8, 0x6000e3);
	put64(m, 0x1000 + 0x1ff * 8, 0x5063);
	put64(m, 0x5000 + 0x1ff * 8, 0x6063);
	put64(m, 0x6000 + 0x1ff * 8, 0x7063);
	put64(m, 0x7000 + 0x1ff * 8, 0x8163);           /* the last page there is */
	assert_true(vm_self_map(&m->vm, &first, &last));
	assert_int_equal(first, 0xfffff68000000000);
	assert_int_equal(last, 0xfffff6ffffffffff);
	assert_int_equal(vm_runs(&m->vm, 0xffff800000000000, UINT64_MAX, note_run, &s, &tally,
				 NULL), DL_OK);
	assert_int_equal(s.nr, 3);
	assert_int_equal(s.run[0].va, 0xfffff80000000000);
	assert_int_equal(s.run[0].nr_pages, 2);
	assert_int_equal(s.run[1].va, 0xfffff8003fe00000);
	assert_int_equal(s.run[1].nr_pages, 512);
	assert_true(s.run[1].large);
	assert_int_equal(s.run[2].va, 0xfffffffffffff000);
	assert_int_equal(tally.tables_repeated, 0);
	assert_int_equal(tally.tables, 7);
	put64(m, 0x1000 + 0x1ee * 8, 0x1063);           /* two windows: neither is trusted */
	assert_false(vm_self_map(&m->vm, &first, &last));
}

/* Every table points to the next and back: the walk must end. */
static void runs_end_in_loops(void **state)
{
	struct machine *m = *state;
	struct vm_tally tally = { 0 };
	struct seen s = { .nr = 0 };

	vm_init(&m->vm, &m->phys, &paging_x64, 0x1000);
	for (uint32_t pa = 0x1000; pa < 0x10000; pa += 8)
		put64(m, pa, (pa / 8 % 15 + 1) << 12 | 0x63);
	memset(m->ram + 0x4000, 0, 0xc000);
	assert_int_equal(vm_runs(&m->vm, 0, UINT64_MAX, note_run, &s, &tally, NULL), DL_OK);
	assert_true(tally.tables <= 16);
	assert_true(tally.tables_repeated > 0);
}

static void a_minidump_has_no_tables(void **state)
{
	struct machine *m = *state;
	struct vm_tally tally = { 0 };
	struct seen s = { .nr = 0 };
	const uint8_t *page;
	uint64_t v;

	vm_init(&m->vm, &m->phys, &paging_none, 0x1000);
	assert_int_equal(absent_kind(m, 0xfffff80000000000), PTE_NONE);
	assert_int_equal(vm_page(&m->vm, 0xfffff80000000000, &page, NULL), DL_ABSENT);
	assert_int_equal(vm_word(&m->vm, 0xfffff80000000000, 8, &v, NULL), DL_ABSENT);
	assert_int_equal(vm_runs(&m->vm, 0, UINT64_MAX, note_run, &s, &tally, NULL), DL_OK);
	assert_int_equal(s.nr, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(x64_small_page),
		TEST(x64_large_pages),
		TEST(la57_five_levels),
		TEST(arm64_descriptors),
		TEST(software_entries_before_17763),
		TEST(software_entries_since_17763),
		TEST(prototype_leads_to_its_page),
		TEST(runs_leave_out_the_self_map),
		TEST(runs_end_in_loops),
		TEST(a_minidump_has_no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
