/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small segment heap, whole and broken in each of its parts: every block that
 * can still be known is found, nothing else is, and what is wrong is named.
 */
#include "test_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* Free slots: all but three busy ones and the withheld one. */
enum { LFH_FREE = TH_LFH_NR - 4, WHOLE = 4 + TH_LFH_NR - 1 + 1 + 1 };

static int setup(void **state)
{
	struct test_heap *t = calloc(1, sizeof *t);

	*state = t;
	return t && th_new(t) ? 0 : -1;
}

static int teardown(void **state)
{
	th_free(*state);
	free(*state);
	return 0;
}

static void scan(struct test_heap *t)
{
	struct dl_err err = { "" };

	if (th_scan(t, 2, 1, &err))
		fail_msg("%s", err.text);
}

static const struct block *block_at(struct test_heap *t, uint32_t off)
{
	static struct block b;
	size_t i = catalog_lower_bound(&t->pool.blocks, TH_VA + off);

	if (i == t->pool.blocks.nr || catalog_va(&t->pool.blocks, i) != TH_VA + off)
		return NULL;
	b = catalog_get(&t->pool.blocks, i);
	return &b;
}

static void expect(struct test_heap *t, uint32_t off, uint64_t size, uint32_t tag,
		   enum block_state state, enum block_how how)
{
	const struct block *b = block_at(t, off);

	if (!b)
		fail_msg("no block at %#x", off);
	assert_int_equal(b->size_bytes, size);
	assert_int_equal(b->tag, tag);
	assert_int_equal(b->state, state);
	assert_int_equal(b->how, how);
	/* as the state says of its last heap, or else most headers */
	assert_int_equal(b->pool, t->pool.heap.state_va ? POOL_PAGED : POOL_NONPAGED);
}

static void expect_fault(struct test_heap *t, enum fault_kind kind, uint32_t off)
{
	assert_int_equal(t->pool.nr_faults, 1);
	assert_int_equal(t->pool.faults[0].kind, kind);
	assert_int_equal(t->pool.faults[0].bad_va, TH_VA + off);
}

static void expect_lfh(struct test_heap *t, enum block_how how)
{
	expect(t, TH_LFH + 0x60, 0x40, 0x2048464c, BLOCK_IN_USE, how);
	expect(t, TH_LFH + 0xa0, 0x40, 0x2048464c, BLOCK_IN_USE, how);
	expect(t, TH_LFH + 0xe0, 0x40, 0, BLOCK_FREE, how);
	assert_null(block_at(t, TH_LFH + 0xfe0));       /* would cross the page */
}

static void whole(void **state)
{
	struct test_heap *t = *state;
	const struct pool_heap *h = &t->pool.heap;

	scan(t);
	assert_int_equal(t->pool.nr_faults, 0);
	expect(t, TH_LARGE, 0x20000, 0x6772614c, BLOCK_IN_USE, BLOCK_RANGE);
	expect(t, TH_VS + 0x40, 0xf0, 0x31615456, BLOCK_IN_USE, BLOCK_VS);
	expect(t, TH_VS + 0x140, 0x1f0, 0, BLOCK_FREE, BLOCK_VS);
	expect(t, TH_VS + 0x340, 0x70, 0x32625456, BLOCK_IN_USE, BLOCK_VS);
	expect(t, TH_VS + 0x3c0, TH_VS_UNITS * 16 - 0x390, 0, BLOCK_FREE, BLOCK_VS);
	expect(t, TH_RANGE, 0x3000, 0x676e6152, BLOCK_IN_USE, BLOCK_RANGE);
	expect_lfh(t, BLOCK_LFH);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	assert_string_equal(h->how, "pool state");
	assert_int_equal(h->state_va, TH_VA + TH_STATE);
	assert_true(h->heap_key_known && h->heap_key == TH_KEY);
	assert_int_equal(h->heap_key_votes, 1);
	assert_int_equal(h->vs_subsegments, 1);
	assert_int_equal(h->lfh_subsegments, 1);
	assert_int_equal(h->large, 1);
	assert_int_equal(t->pool.totals[POOL_PAGED].free_run_pages, 245);
	assert_int_equal(t->pool.totals[POOL_PAGED].blocks[BLOCK_FREE], 2 + LFH_FREE);
}

/* The same blocks without the state: keys come from the segment and by vote. */
static void without_state(void **state)
{
	struct test_heap *t = *state;

	memset(th_at(t, TH_STATE), 0, 0x4000);
	for (uint32_t i = 0; i < TH_LFH_NR; i++)        /* as after much use */
		th_pool_header(t, TH_LFH + TH_LFH_FIRST + i * TH_LFH_SIZE, TH_LFH_SIZE,
			       0x2048464c, 3);
	scan(t);
	assert_string_equal(t->pool.heap.how, "heaps by content");
	assert_true(t->pool.heap.heap_key == TH_KEY);
	assert_true(t->pool.heap.lfh_key_known);
	assert_int_equal((uint32_t)t->pool.heap.lfh_key ^ TH_LFH_KEY, 0);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	assert_int_equal(t->pool.nr_faults, 0);
}

/* Signatures without the constant, as of 26100: chunks tell the key, with state and without. */
static void another_constant(void **state)
{
	struct test_heap *t = *state;

	for (int i = 0; i < 2; i++) {
		th_put(t, TH_SEGMENT + 0x10, (TH_VA + TH_SEGMENT) ^ (TH_VA + TH_CONTEXT) ^ TH_KEY,
		       8);
		scan(t);
		assert_true(t->pool.heap.heap_key_known && t->pool.heap.heap_key == TH_KEY);
		expect(t, TH_VS + 0x340, 0x70, 0x32625456, BLOCK_IN_USE, BLOCK_VS);
		assert_int_equal(t->pool.nr_faults, 0);
		memset(th_at(t, TH_STATE), 0, 0x4000);
		memset(th_at(t, TH_GLOBALS), 0, 0x10);
	}
}

static void chunk_header_damaged(void **state)
{
	struct test_heap *t = *state;

	th_put(t, TH_VS + 0x330, 0x4141414141414141, 8);
	scan(t);
	expect_fault(t, FAULT_VS_CHUNK, TH_VS + 0x330);
	assert_int_equal(t->pool.faults[0].before_va, TH_VA + TH_VS + 0x140);
	assert_int_equal(t->pool.faults[0].after_tag, 0x32625456);
	expect(t, TH_VS + 0x340, 0x70, 0x32625456, BLOCK_IN_USE, BLOCK_CARVED);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
}

/* A free chunk's header: nothing proves what was there, and nothing is made up. */
static void free_chunk_damaged(void **state)
{
	struct test_heap *t = *state;

	th_put(t, TH_VS + 0x130, 0x4141414141414141, 8);
	th_put(t, TH_VS + 0x140, 0, 8);
	scan(t);
	expect_fault(t, FAULT_VS_CHUNK, TH_VS + 0x130);
	assert_int_equal(t->pool.faults[0].lost_bytes, 0x200);
	assert_null(block_at(t, TH_VS + 0x140));
	assert_int_equal(t->pool.blocks.nr, WHOLE - 1);
}

/* An old chain of headers inside a free chunk leads nowhere. */
static void old_headers(void **state)
{
	struct test_heap *t = *state;

	th_chunk(t, TH_VS + 0x230, 0x80, 0x100, true);
	th_pool_header(t, TH_VS + 0x240, 0x70, 0x64644f4f, 2);
	th_chunk(t, TH_VS + 0x2b0, 0x70, 0x80, true);
	th_pool_header(t, TH_VS + 0x2c0, 0x60, 0x64644f4f, 2);
	scan(t);
	assert_int_equal(t->pool.nr_faults, 0);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	th_put(t, TH_VS + 0x130, 0x4141414141414141, 8);
	th_put(t, TH_VS + 0x140, 0, 8);
	scan(t);
	assert_null(block_at(t, TH_VS + 0x240));
	expect(t, TH_VS + 0x340, 0x70, 0x32625456, BLOCK_IN_USE, BLOCK_VS);
	assert_int_equal(t->pool.blocks.nr, WHOLE - 1);
}

static void vs_signature_damaged(void **state)
{
	struct test_heap *t = *state;

	th_put(t, TH_VS + 0x22, 0x1234, 2);
	scan(t);
	expect_fault(t, FAULT_VS_SUBSEGMENT, TH_VS + 0x22);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	th_fill(t);
	th_put(t, TH_VS + 0x20, 0x111, 2);
	scan(t);
	expect_fault(t, FAULT_VS_SUBSEGMENT, TH_VS + 0x20);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
}

static void lfh_offsets_damaged(void **state)
{
	struct test_heap *t = *state;

	th_put(t, TH_LFH + 0x28, 0xdeadbeef, 4);
	scan(t);
	expect_fault(t, FAULT_LFH_SUBSEGMENT, TH_LFH + 0x28);
	expect_lfh(t, BLOCK_CARVED);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
}

static void descriptor_damaged(void **state)
{
	struct test_heap *t = *state;

	/* the first of several: the others tell */
	th_put(t, TH_SEGMENT + 2 * 0x20 + 0x18, 0x5a, 1);
	th_put(t, TH_SEGMENT + 2 * 0x20 + 0x1f, 0x77, 1);
	scan(t);
	assert_int_equal(t->pool.nr_faults, 1);
	assert_int_equal(t->pool.faults[0].kind, FAULT_RANGE);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	/* too long: never over the one that follows */
	th_fill(t);
	th_put(t, TH_SEGMENT + 6 * 0x20 + 0x1f, 200, 1);
	scan(t);
	assert_int_equal(t->pool.nr_faults, 1);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
}

static void signature_damaged(void **state)
{
	struct test_heap *t = *state;

	th_put(t, TH_SEGMENT + 0x10, 0, 8);
	scan(t);
	expect_fault(t, FAULT_SEGMENT, TH_SEGMENT + 0x10);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
}

static void pages_missing(void **state)
{
	struct test_heap *t = *state;

	/* the pages of descriptors: memory itself tells, and nothing is a fault */
	th_map(t, TH_SEGMENT >> 12, false);
	scan(t);
	assert_int_equal(t->pool.nr_faults, 0);
	expect(t, TH_VS + 0x40, 0xf0, 0x31615456, BLOCK_IN_USE, BLOCK_VS);
	expect(t, TH_RANGE, 0x3000, 0x676e6152, BLOCK_IN_USE, BLOCK_RANGE);
	expect_lfh(t, BLOCK_LFH);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	/* the first page of the VS subsegment: its last free chunk began there */
	th_fill(t);
	th_map(t, TH_VS >> 12, false);
	scan(t);
	assert_int_equal(t->pool.nr_faults, 0);
	assert_int_equal(t->pool.heap.absent_subsegments, 1);
	assert_int_equal(t->pool.blocks.nr, WHOLE - 4);
}

static void no_rows(void **state)
{
	struct test_heap *t = *state;
	struct dl_err err = { "" };

	assert_int_equal(th_scan(t, 0, 2, &err), DL_OK);
	expect(t, TH_RANGE, 0x3000, 0, BLOCK_IN_USE, BLOCK_RANGE);
	expect(t, TH_LARGE, 0x20000, 0, BLOCK_IN_USE, BLOCK_RANGE);
}

static void lists(void **state)
{
	struct test_heap *t = *state;

	/* delay-free: a chunk's user part; then a loop, that is left */
	th_put(t, TH_HEAP + 0x280 + 0x40, 1, 2);
	th_put(t, TH_HEAP + 0x280 + 0x48, TH_VA + TH_VS + 0x40, 8);
	th_put(t, TH_VS + 0x40, 0, 8);
	/* dynamic lookaside of paged pool: what the owner had */
	th_put(t, TH_NODE + 0x40 + 0x1040 + 0x40, 1, 2);
	th_put(t, TH_NODE + 0x40 + 0x1040 + 0x48, TH_VA + TH_LFH + 0x70, 8);
	scan(t);
	expect(t, TH_VS + 0x40, 0xf0, 0, BLOCK_DELAYED, BLOCK_VS);
	expect(t, TH_LFH + 0x60, 0x40, 0x2048464c, BLOCK_CACHED, BLOCK_LFH);
	assert_int_equal(t->pool.blocks.nr, WHOLE);
	assert_int_equal(t->pool.nr_faults, 0);
}

static void large_tree_loops(void **state)
{
	struct test_heap *t = *state;

	th_put(t, TH_LARGE_NODE, TH_VA + TH_LARGE_NODE, 8);
	scan(t);
	assert_int_equal(t->pool.nr_faults, 1);
	assert_int_equal(t->pool.faults[0].kind, FAULT_LARGE_TREE);
	expect(t, TH_LARGE, 0x20000, 0x6772614c, BLOCK_IN_USE, BLOCK_RANGE);
}

static void no_heap(void **state)
{
	struct test_heap *t = *state;
	struct dl_err err = { "" };

	memset(th_at(t, 0), 0, TH_BYTES);
	assert_int_equal(th_scan(t, 0, 1, &err), DL_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(without_state, setup, teardown),
		cmocka_unit_test_setup_teardown(another_constant, setup, teardown),
		cmocka_unit_test_setup_teardown(chunk_header_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(free_chunk_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(old_headers, setup, teardown),
		cmocka_unit_test_setup_teardown(vs_signature_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(lfh_offsets_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptor_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(signature_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(no_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(lists, setup, teardown),
		cmocka_unit_test_setup_teardown(large_tree_loops, setup, teardown),
		cmocka_unit_test_setup_teardown(no_heap, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
