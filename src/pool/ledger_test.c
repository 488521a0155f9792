/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up pools: each reason for a difference, its budget, and signals. */
#include "dumpleak/pool/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TAG_A = 0x41414141, TAG_B = 0x42424242, TAG_C = 0x43434343, TAG_POOL = 0x6c6f6f50 };

struct made {
	struct pool *pool;
	struct tracker_row tracker[4];
	struct ledger ledger;
};

static int setup(void **state)
{
	struct made *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->pool = calloc(1, sizeof *m->pool);
	assert_non_null(m->pool);
	catalog_init(&m->pool->blocks);
	assert_int_equal(catalog_reserve(&m->pool->blocks, 64), DL_OK);
	m->pool->tracker = m->tracker;
	m->pool->layout.tracker.pool[0].allocs.width = 4;
	m->pool->layout.tracker.pool[1].allocs.width = 4;
	m->pool->tables.tracker_known = m->pool->tables.big_known = true;
	m->pool->totals[POOL_PAGED].first_va = (struct known_u64){ true, 0xe1000000 };
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct made *m = *state;

	ledger_deinit(&m->ledger);
	catalog_deinit(&m->pool->blocks);
	free(m->pool);
	free(m);
	return 0;
}

/* Counters of @tag: @n allocated of @bytes in all, none freed. */
static struct tracker_row *count(struct made *m, uint32_t tag, int k, uint64_t n,
				 uint64_t bytes)
{
	struct tracker_row *t = &m->tracker[m->pool->nr_tracker++];

	*t = (struct tracker_row){ .tag = tag };
	t->allocs[k] = n;
	t->bytes[k] = bytes;
	return t;
}

static void block(struct made *m, uint32_t tag, enum pool_kind pool, enum block_state state,
		  enum block_how how, uint64_t size_bytes)
{
	struct catalog *c = &m->pool->blocks;
	struct block b = { .va = 0x81000000 + c->nr * 0x10000, .size_bytes = size_bytes,
		.tag = tag, .state = state, .how = how, .pool = pool };

	catalog_put(c, c->nr++, &b);
}

static const struct ledger_row *make(struct made *m, uint32_t tag)
{
	const struct ledger_row *r;

	assert_int_equal(catalog_seal(&m->pool->blocks), DL_OK);
	assert_int_equal(ledger_make(m->pool, &m->ledger, NULL), DL_OK);
	r = ledger_row_of(&m->ledger, tag);
	assert_non_null(r);
	return r;
}

/* Every byte of a difference has one reason, and the sums are those of the rows. */
static void check_sums(const struct ledger *l)
{
	uint64_t sums[2][NR_LEDGER_REASONS] = { { 0 } };

	for (size_t i = 0; i < l->nr; i++) {
		for (int k = 0; k < 2; k++) {
			uint64_t found = ledger_found_bytes(&l->rows[i], k), why = 0;
			uint64_t counted = l->rows[i].counted_bytes[k];

			for (int r = 0; r < NR_LEDGER_REASONS; r++) {
				why += l->rows[i].why[k][r];
				sums[k][r] += l->rows[i].why[k][r];
			}
			assert_int_equal(why, found > counted ? found - counted
							      : counted - found);
		}
	}
	for (int k = 0; k < 2; k++)
		for (int r = 0; r < NR_LEDGER_REASONS; r++)
			assert_int_equal(sums[k][r], l->missing[k][r] + l->extra[k][r]);
}

static void test_agrees(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	count(m, TAG_A, 0, 3, 0x60);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	block(m, TAG_A | 0x80000000, POOL_NONPAGED, BLOCK_PARKED, BLOCK_LFH, 0x20);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_CARVED, 0x20);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_FREE, BLOCK_PAGE, 0x40);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_CACHED, BLOCK_PAGE, 0x80);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_DELAYED, BLOCK_VS, 0x100);
	block(m, TAG_A, POOL_SESSION, BLOCK_IN_USE, BLOCK_PAGE, 0x200);
	r = make(m, TAG_A);
	assert_true(r->matches && r->counted);
	assert_int_equal(r->cached_blocks[0], 2);
	assert_int_equal(r->cached_bytes[0], 0x180);
	assert_int_equal(r->carved_blocks[0], 1);
	assert_int_equal(m->ledger.carved_bytes, 0x20);
	assert_int_equal(m->ledger.cached_bytes, 0x180);
	assert_int_equal(m->ledger.tags_matched, 1);
	check_sums(&m->ledger);
}

/* What is missing, and a budget that is one byte short of it or suffices. */
static const struct {
	enum ledger_reason reason;
	int k;
	uint64_t pages, lost, pagefile, tables, expect;
	bool range_known;
} hidden[] = {
	{ REASON_ABSENT, 0, 2, 0, 0, 0, 2 * 4096, true },
	{ REASON_ABSENT, 1, 3, 0, 0, 0, 3 * 4096, true },
	{ REASON_ABSENT, 1, 0, 0, 0, 1, 5 * 4096, true },
	{ REASON_DAMAGED, 0, 0, 100, 0, 0, 100, true },
	{ REASON_PAGED_OUT, 1, 0, 0, 4, 0, 4 * 4096, true },
	{ REASON_PAGED_OUT, 1, 0, 0, 4, 0, 4 * 4096, false },
	{ REASON_NONE, 0, 0, 0, 0, 0, 5 * 4096, true },
};

static void test_missing(void **state)
{
	for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
		const struct ledger_row *r;
		struct pool_totals *t;
		struct made *m;

		assert_int_equal(setup(state), 0);
		m = *state;
		t = &m->pool->totals[hidden[i].k ? POOL_PAGED : POOL_NONPAGED];
		t->absent_pages = hidden[i].pages;
		t->lost_bytes = hidden[i].lost;
		m->pool->tally.tables_absent = hidden[i].tables;
		if (hidden[i].range_known)
			t->paged_out_pages = hidden[i].pagefile;
		else
			m->pool->tally.pages[PTE_PAGEFILE] = hidden[i].pagefile;
		m->pool->totals[POOL_PAGED].first_va.known = hidden[i].range_known;
		count(m, TAG_A, hidden[i].k, 100, 5 * 4096);
		r = make(m, TAG_A);
		assert_false(r->matches);
		assert_int_equal(r->why[hidden[i].k][hidden[i].reason], hidden[i].expect);
		if (hidden[i].reason != REASON_NONE)
			assert_int_equal(r->why[hidden[i].k][REASON_NONE],
					 5 * 4096 - hidden[i].expect);
		assert_int_equal(m->ledger.missing[hidden[i].k][hidden[i].reason],
				 hidden[i].expect);
		check_sums(&m->ledger);
		teardown(state);
	}
	assert_int_equal(setup(state), 0);
}

/* Nonpaged pool is never paged out, whatever the page tables hold. */
static void test_other_pool(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	m->pool->totals[POOL_PAGED].paged_out_pages = 100;
	m->pool->totals[POOL_PAGED].absent_pages = 100;
	m->pool->totals[POOL_PAGED].lost_bytes = 5000;
	count(m, TAG_A, 0, 10, 640);
	r = make(m, TAG_A);
	assert_int_equal(r->why[0][REASON_NONE], 640);
}

/* One page is gone: it can be the reason of one page in all rows together. */
static void test_budget_is_shared(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	m->pool->totals[POOL_NONPAGED].absent_pages = 1;
	count(m, TAG_A, 0, 60, 3000);
	count(m, TAG_B, 0, 40, 2000);
	r = make(m, TAG_B);     /* the smaller one first */
	assert_int_equal(r->why[0][REASON_ABSENT], 2000);
	r = ledger_row_of(&m->ledger, TAG_A);
	assert_int_equal(r->why[0][REASON_ABSENT], 2096);
	assert_int_equal(r->why[0][REASON_NONE], 904);
	assert_int_equal(m->ledger.missing[0][REASON_ABSENT], 4096);
	check_sums(&m->ledger);
}

/* Blocks that were all found cannot have lost bytes to the page file. */
static void test_sizes_differ(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	m->pool->totals[POOL_PAGED].paged_out_pages = 100;
	count(m, TAG_A, 1, 1, 0x90);
	block(m, TAG_A, POOL_PAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x30);
	r = make(m, TAG_A);
	assert_int_equal(r->why[1][REASON_NONE], 0x60);
}

static void test_cached(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	count(m, TAG_A, 1, 3, 0x90);
	block(m, TAG_A, POOL_PAGED, BLOCK_CACHED, BLOCK_PAGE, 0x30);
	r = make(m, TAG_A);
	assert_int_equal(r->why[1][REASON_CACHED], 0x30);
	assert_int_equal(r->why[1][REASON_NONE], 0x60);
}

/* A row of the big-page table that is absent hides one allocation of any size. */
static void test_big_rows(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	m->pool->tables.big_absent = 1;
	m->pool->tables.big_bad = 1;
	count(m, TAG_A, 0, 3, 3 * 0x100000);
	count(m, TAG_B, 0, 3, 0x60);    /* too small for it */
	r = make(m, TAG_A);
	assert_int_equal(r->why[0][REASON_DAMAGED], 0x100000);
	assert_int_equal(r->why[0][REASON_ABSENT], 0x100000);
	assert_int_equal(r->why[0][REASON_NONE], 0x100000);
	assert_int_equal(ledger_row_of(&m->ledger, TAG_B)->why[0][REASON_NONE], 0x60);
	check_sums(&m->ledger);
}

static void test_no_big_table(void **state)
{
	struct made *m = *state;

	m->pool->tables.big_known = false;
	count(m, TAG_A, 0, 3, 3 * 0x100000);
	assert_int_equal(make(m, TAG_A)->why[0][REASON_ABSENT], 3 * 0x100000);
}

static void test_extra(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	m->pool->lists.unreached = 2;
	count(m, TAG_A, 0, 1, 0x20);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	count(m, TAG_B, 0, 1, 0x20);
	block(m, TAG_B, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_CARVED, 0x20);
	block(m, TAG_B, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_CARVED, 0x40);
	block(m, TAG_B, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x60);
	r = make(m, TAG_A);
	assert_int_equal(r->why[0][REASON_CACHED], 0x40);
	r = ledger_row_of(&m->ledger, TAG_B);
	assert_int_equal(r->why[0][REASON_CARVED], 0x60);
	assert_int_equal(r->why[0][REASON_NONE], 0x40);
	check_sums(&m->ledger);
}

/* Tags that the kernel has no row for, with and without rows that are absent. */
static void test_uncounted(void **state)
{
	struct made *m = *state;

	count(m, TAG_A, 0, 1, 0x20);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	block(m, TAG_B, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	block(m, TAG_B, POOL_PAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x40);
	block(m, TAG_C, POOL_PAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x60);
	assert_int_equal(make(m, TAG_B)->why[0][REASON_NONE], 0x20);
	assert_int_equal(m->ledger.rows_absent, 0);
	ledger_deinit(&m->ledger);
	m->pool->tables.tracker_absent = 1;
	assert_int_equal(make(m, TAG_B)->why[0][REASON_UNCOUNTED], 0x20);
	assert_int_equal(ledger_row_of(&m->ledger, TAG_B)->why[1][REASON_UNCOUNTED], 0x40);
	assert_int_equal(ledger_row_of(&m->ledger, TAG_C)->why[1][REASON_NONE], 0x60);
	assert_int_equal(m->ledger.rows_absent, 1);
	check_sums(&m->ledger);
}

/* In a heap what counts is the size that the header says, not the slot's. */
static void test_slack(void **state)
{
	struct made *m = *state;
	struct slack_row slack = { TAG_A, { 0x30, -0xf00 } };
	const struct ledger_row *r;

	m->pool->slack = &slack;
	m->pool->nr_slack = 1;
	count(m, TAG_A, 0, 2, 0x50);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_LFH, 0x40);
	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_VS, 0x40);
	m->tracker[0].allocs[1] = 1;
	m->tracker[0].bytes[1] = 0x6000;
	block(m, TAG_A, POOL_PAGED, BLOCK_IN_USE, BLOCK_RANGE, 0x5100);
	r = make(m, TAG_A);
	assert_true(r->matches);
	assert_int_equal(r->slack_bytes[0], 0x30);
	assert_int_equal(r->slack_bytes[1], -0xf00);
	assert_int_equal(m->ledger.slack_bytes, 0x30 - 0xf00);
	assert_int_equal(m->ledger.bytes_walked, 0x50 + 0x6000);
}

static void test_tables(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	m->pool->tables.tracker_va = 0x82000000;
	m->pool->tables.tracker_rows = 200;
	m->pool->layout.tracker.stride = 28;
	m->pool->tables.big_known = false;
	count(m, TAG_POOL, 0, 1, 0x2000);
	r = make(m, TAG_POOL);
	assert_true(r->matches);
	assert_int_equal(r->table_bytes, 0x2000);
	assert_int_equal(m->ledger.table_bytes, 0x2000);
}

static void test_no_counters(void **state)
{
	struct made *m = *state;
	const struct ledger_row *r;

	block(m, TAG_A, POOL_NONPAGED, BLOCK_IN_USE, BLOCK_PAGE, 0x20);
	r = make(m, TAG_A);
	assert_false(m->ledger.known);
	assert_false(r->counted);
	assert_int_equal(r->why[0][REASON_NONE], 0);
	assert_int_equal(m->ledger.bytes_walked, 0x20);
}

/* 32-bit counters wrap, 64-bit ones do not. */
static void test_wrap(void **state)
{
	struct made *m = *state;
	struct tracker_row *t = count(m, TAG_A, 0, 5, 0x20 * 7);

	t->frees[0] = 0xfffffffe;
	assert_int_equal(make(m, TAG_A)->counted_blocks[0], 7);
	ledger_deinit(&m->ledger);
	m->pool->layout.tracker.pool[0].allocs.width = 8;
	t->allocs[0] = 0x100000005;
	t->frees[0] = 0x100000000;
	assert_int_equal(make(m, TAG_A)->counted_blocks[0], 5);
}

static const struct {
	uint64_t allocs, frees, bytes;
	bool signal;
} growth[] = {
	{ 2442801, 0, 156339264, true },
	{ 2442801, 24000, 156339264, true },
	{ 2442801, 24428, 156339264, false },   /* 1 % */
	{ 4095, 0, 262080, false },             /* not so many */
	{ 4096, 0, 262144, true },
	{ 4096, 0, 0, false },                  /* nothing is left */
	{ 5000, 0xfffffff0, 300000, false },    /* wrapped */
};

static void test_signals(void **state)
{
	for (size_t i = 0; i < sizeof growth / sizeof growth[0]; i++) {
		struct tracker_row *t;
		struct made *m;

		assert_int_equal(setup(state), 0);
		m = *state;
		t = count(m, TAG_A, 1, growth[i].allocs, growth[i].bytes);
		t->frees[1] = growth[i].frees;
		assert_int_equal(make(m, TAG_A)->never_freed[1], growth[i].signal);
		assert_int_equal(m->ledger.nr_signals, growth[i].signal);
		if (growth[i].signal) {
			assert_int_equal(m->ledger.signals[0].tag, TAG_A);
			assert_int_equal(m->ledger.signals[0].paged, 1);
			assert_int_equal(m->ledger.signals[0].allocs, growth[i].allocs);
		}
		teardown(state);
	}
	assert_int_equal(setup(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_agrees, setup, teardown),
		cmocka_unit_test_teardown(test_missing, teardown),
		cmocka_unit_test_setup_teardown(test_other_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget_is_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cached, setup, teardown),
		cmocka_unit_test_setup_teardown(test_big_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_big_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extra, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uncounted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
		cmocka_unit_test_teardown(test_signals, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
