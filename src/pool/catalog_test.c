/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog's packed columns give back what was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dumpleak/pool/catalog.h"

static const struct block blocks[] = {
	{ 0x81000000, 0x40, 0x20206f49, BLOCK_IN_USE, BLOCK_PAGE, POOL_NONPAGED },
	{ 0x81000040, 0xfc0, 0xe96c6946, BLOCK_FREE, BLOCK_PAGE, POOL_NONPAGED },
	{ 0x81004000, 0x5000, 0x656e6f4e, BLOCK_PARKED, BLOCK_BIG, POOL_PAGED },
	{ 0xe1000008, 8, 0, BLOCK_CACHED, BLOCK_PAGE, POOL_SESSION },
	{ 0xff800000deadb000, 0x400000000, 0x7f7f7f7f, BLOCK_IN_USE, BLOCK_BIG, POOL_PAGED },
	{ 0xffffffffffffffe0, 0x18, 1, BLOCK_IN_USE, BLOCK_PAGE, POOL_NONPAGED },
};
enum { NR = sizeof blocks / sizeof blocks[0] };

static void fill(struct catalog *c)
{
	catalog_init(c);
	assert_int_equal(catalog_reserve(c, NR), DL_OK);
	for (size_t i = NR; i-- > 0;)
		catalog_put(c, i, &blocks[i]);
	c->nr = NR;
	assert_int_equal(catalog_seal(c), DL_OK);
}

static void round_trip(void **state)
{
	struct catalog c;

	(void)state;
	fill(&c);
	for (size_t i = 0; i < NR; i++) {
		struct block b = catalog_get(&c, i);

		assert_int_equal(b.va, blocks[i].va);
		assert_int_equal(b.size_bytes, blocks[i].size_bytes);
		assert_int_equal(b.tag, blocks[i].tag);
		assert_int_equal(b.state, blocks[i].state);
		assert_int_equal(b.how, blocks[i].how);
		assert_int_equal(b.pool, blocks[i].pool);
	}
	catalog_set_state(&c, 0, BLOCK_CACHED);
	assert_int_equal(catalog_state(&c, 0), BLOCK_CACHED);
	assert_int_equal(catalog_va(&c, 0), blocks[0].va);
	assert_int_equal(catalog_tag(&c, 1), 0x696c6946 | 0x696c6946 >> 31 << 31);
	catalog_deinit(&c);
}

static void find(void **state)
{
	static const struct { uint64_t va; int index; } cases[] = {
		{ 0x80ffffff, -1 }, { 0x81000000, 0 }, { 0x8100003f, 0 }, { 0x81000040, 1 },
		{ 0x81000fff, 1 }, { 0x81001000, -1 }, { 0x81004000, 2 },
		{ 0x81008fff, 2 }, { 0x81009000, -1 },          /* behind a big block */
		{ 0xe1000007, -1 }, { 0xe1000008, 3 }, { 0xe1000010, -1 },
		{ 0xff800002deadb000, 4 }, { 0xfffffffffffffff7, 5 },
		{ 0xfffffffffffffff8, -1 }, { 0, -1 },
	};
	struct catalog c;

	(void)state;
	fill(&c);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t at;
		bool found = catalog_find(&c, cases[i].va, &at);

		assert_int_equal(found ? (int)at : -1, cases[i].index);
	}
	assert_int_equal(catalog_lower_bound(&c, 0x81000001), 1);
	assert_int_equal(catalog_lower_bound(&c, UINT64_MAX), NR);
	catalog_deinit(&c);
}

static void unsorted_is_refused(void **state)
{
	struct catalog c;

	(void)state;
	catalog_init(&c);
	assert_int_equal(catalog_reserve(&c, 2), DL_OK);
	catalog_put(&c, 0, &blocks[1]);
	catalog_put(&c, 1, &blocks[0]);
	c.nr = 2;
	assert_int_equal(catalog_seal(&c), DL_CORRUPT);
	catalog_deinit(&c);
}

static void empty(void **state)
{
	struct catalog c;
	size_t at;

	(void)state;
	catalog_init(&c);
	assert_false(catalog_find(&c, 0x81000000, &at));
	assert_int_equal(catalog_seal(&c), DL_OK);
	assert_false(catalog_find(&c, 0x81000000, &at));
	catalog_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(find),
		cmocka_unit_test(unsorted_is_refused),
		cmocka_unit_test(empty),
	};

	return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
