/* SPDX-License-Identifier: Apache-2.0 */
/* Pages built by hand, whole and broken in every way that has a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dumpleak/os/layout.h"
#include "dumpleak/pool/internal.h"

static struct pool_layout layout;
static uint8_t page[PAGE_BYTES];

/* NT 5 on x86: PreviousSize 9 bits, PoolIndex 7, BlockSize 9, PoolType 7. */
static unsigned put(unsigned off, unsigned previous, unsigned size, unsigned type,
		    const char *tag)
{
	page[off] = (uint8_t)previous;
	page[off + 1] = (uint8_t)(previous >> 8);
	page[off + 2] = (uint8_t)size;
	page[off + 3] = (uint8_t)(size >> 8 | type << 1);
	memcpy(page + off + 4, tag, 4);
	return off + size * 8;
}

/* 64 blocks of 8 units: offsets 0x00, 0x40, 0x80, ... */
static int setup_page(void **state)
{
	unsigned off = 0;

	(void)state;
	assert_int_equal(pool_layout_pick(MACHINE_I386, 3790, &layout, NULL), DL_OK);
	memset(page, 0xcc, sizeof page);
	while (off < PAGE_BYTES)
		off = put(off, off ? 8 : 0, 8, 1, "Io  ");
	return 0;
}

static void whole_page(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];

	(void)state;
	assert_int_equal(page_chain(&layout.header, page, headers), 64);
	assert_int_equal((uint32_t)(headers[63] >> 32), 0x20206f49);
	assert_int_equal(header_state(&layout.header, headers[0]), BLOCK_IN_USE);
	assert_int_equal(header_pool(&layout.header, headers[0]), POOL_NONPAGED);
}

static void two_blocks_fill_a_page(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];

	(void)state;
	put(put(0, 0, 511, 2, "Big "), 511, 1, 0, "    ");
	assert_int_equal(page_chain(&layout.header, page, headers), 2);
	assert_int_equal(header_pool(&layout.header, headers[0]), POOL_PAGED);
	assert_int_equal(header_state(&layout.header, headers[1]), BLOCK_FREE);
}

static void types(void **state)
{
	static const struct {
		unsigned type;
		enum block_state block;
		enum pool_kind pool;
		bool odd;
	} cases[] = {
		{ 0, BLOCK_FREE, POOL_NONPAGED, false },
		{ 1, BLOCK_IN_USE, POOL_NONPAGED, false },
		{ 2, BLOCK_IN_USE, POOL_PAGED, false },
		{ 3, BLOCK_IN_USE, POOL_NONPAGED, false },      /* must succeed  */
		{ 4, BLOCK_IN_USE, POOL_PAGED, true },          /* no such type  */
		{ 5, BLOCK_IN_USE, POOL_NONPAGED, false },      /* cache aligned */
		{ 9, BLOCK_IN_USE, POOL_NONPAGED, false },      /* quota         */
		{ 10, BLOCK_IN_USE, POOL_PAGED, false },
		{ 0x22, BLOCK_IN_USE, POOL_SESSION, false },
		{ 0x41, BLOCK_IN_USE, POOL_NONPAGED, false },   /* verifier      */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t raw = (uint64_t)cases[i].type << 25 | (uint64_t)8 << 16;

		assert_int_equal(header_state(&layout.header, raw), cases[i].block);
		assert_int_equal(header_pool(&layout.header, raw), cases[i].pool);
		assert_int_equal(header_is_odd(&layout.header, raw), cases[i].odd);
	}
}

/* What is written at 0x400, the 17th block, and what must be saved. */
static void damages(void **state)
{
	static const struct {
		const char *what;
		unsigned previous, size;
		enum fault_kind kind;
		unsigned bad_off, front, back_off, back;
	} cases[] = {
		{ "BlockSize 0", 8, 0, FAULT_SIZE_ZERO, 0x400, 16, 0x440, 47 },
		{ "past the page", 8, 500, FAULT_SIZE_PAST_PAGE, 0x400, 16, 0x440, 47 },
		{ "PreviousSize", 9, 8, FAULT_PREVIOUS_SIZE, 0x400, 16, 0x400, 48 },
		{ "BlockSize leads to the next but one", 8, 16, FAULT_PREVIOUS_SIZE,
		  0x400, 16, 0x440, 47 },
		{ "both", 1, 0, FAULT_PREVIOUS_SIZE, 0x400, 16, 0x440, 47 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t headers[PAGE_MAX_BLOCKS];
		struct page_damage d;

		setup_page(NULL);
		put(0x400, cases[i].previous, cases[i].size, 1, "Bad ");
		assert_int_equal(page_chain(&layout.header, page, headers), 0);
		assert_true(page_examine(&layout.header, page, headers, &d));
		if (d.bad_off != cases[i].bad_off || d.nr_back != cases[i].back)
			print_error("%s: bad %#x front %u back %#x x %u\n", cases[i].what,
				    d.bad_off, d.nr_front, d.back_off, d.nr_back);
		assert_int_equal(d.kind, cases[i].kind);
		assert_int_equal(d.bad_off, cases[i].bad_off);
		assert_int_equal(d.nr_front, cases[i].front);
		assert_int_equal(d.back_off, cases[i].back_off);
		assert_int_equal(d.nr_back, cases[i].back);
	}
}

static void overrun_by_text(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;

	(void)state;
	memset(page + 0x3e0, 'A', 0x100);       /* headers 0x400, 0x440, 0x480, 0x4c0 */
	assert_true(page_examine(&layout.header, page, headers, &d));
	assert_int_equal(d.bad_off, 0x400);
	assert_int_equal(d.nr_front, 16);
	assert_int_equal(d.back_off, 0x500);    /* its PreviousSize leads to 0x4c0, lost */
	assert_int_equal(d.nr_back, 44);
}

static void first_header_gone(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;

	(void)state;
	memset(page, 0, 8);
	assert_true(page_examine(&layout.header, page, headers, &d));
	assert_int_equal(d.nr_front, 0);
	assert_int_equal(d.back_off, 0x40);
	assert_int_equal(d.nr_back, 63);
}

static void not_pool_at_all(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;

	(void)state;
	memset(page, 0, sizeof page);
	assert_int_equal(page_chain(&layout.header, page, headers), 0);
	assert_false(page_examine(&layout.header, page, headers, &d));
	memset(page, 0xff, sizeof page);
	assert_int_equal(page_chain(&layout.header, page, headers), 0);
	assert_false(page_examine(&layout.header, page, headers, &d));
	/* two headers that agree by chance at the front of a page of text */
	memset(page, 'x', sizeof page);
	put(put(0, 0, 8, 1, "Io  "), 8, 8, 1, "Io  ");
	assert_false(page_examine(&layout.header, page, headers, &d));
}

/* No byte of a page, changed, may lead outside it: the sanitizers watch. */
static void every_byte_changed(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;

	(void)state;
	for (unsigned off = 0; off < PAGE_BYTES; off += (off & 0x3f) < 8 ? 1 : 56) {
		for (unsigned bit = 0; bit < 8; bit++) {
			unsigned n;

			page[off] ^= (uint8_t)(1u << bit);
			n = page_chain(&layout.header, page, headers);
			if (!n && page_examine(&layout.header, page, headers, &d))
				assert_true(d.nr_front + d.nr_back <= 64);
			page[off] ^= (uint8_t)(1u << bit);
		}
	}
}

/* --- x64, and PoolType since Vista ----------------------------------------- */

/* Units of 16 bytes, fields of 8 bits. */
static unsigned put64(unsigned off, unsigned previous, unsigned size, unsigned type,
		      const char *tag)
{
	page[off] = (uint8_t)previous;
	page[off + 1] = 0;
	page[off + 2] = (uint8_t)size;
	page[off + 3] = (uint8_t)type;
	memcpy(page + off + 4, tag, 4);
	return off + size * 16;
}

/* 32 blocks of 8 units: offsets 0x00, 0x80, 0x100, ... */
static int setup_page64(void **state)
{
	unsigned off = 0;

	(void)state;
	assert_int_equal(pool_layout_pick(MACHINE_AMD64, 9600, &layout, NULL), DL_OK);
	memset(page, 0xcc, sizeof page);
	while (off < PAGE_BYTES)
		off = put64(off, off ? 8 : 0, 8, 3, "CM16");
	return 0;
}

static void whole_page64(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];

	(void)state;
	assert_int_equal(page_chain(&layout.header, page, headers), 32);
	assert_int_equal(headers[31] >> 32, 0x36314d43);
	assert_int_equal(header_pool(&layout.header, headers[0]), POOL_PAGED);
	/* 255 units and one: the most that eight bits can say */
	put64(put64(0, 0, 255, 2, "Big "), 255, 1, 0, "    ");
	assert_int_equal(page_chain(&layout.header, page, headers), 2);
	assert_int_equal(header_state(&layout.header, headers[0]), BLOCK_IN_USE);
	assert_int_equal(header_state(&layout.header, headers[1]), BLOCK_FREE);
}

static void types_by_use_bit(void **state)
{
	static const struct {
		unsigned type;
		enum block_state block;
		enum pool_kind pool;
	} cases[] = {
		{ 0, BLOCK_FREE, POOL_NONPAGED },
		{ 1, BLOCK_FREE, POOL_PAGED },          /* the bit decides, not the value */
		{ 2, BLOCK_IN_USE, POOL_NONPAGED },
		{ 3, BLOCK_IN_USE, POOL_PAGED },
		{ 6, BLOCK_IN_USE, POOL_NONPAGED },     /* cache aligned */
		{ 0xa, BLOCK_IN_USE, POOL_NONPAGED },   /* quota         */
		{ 0xb, BLOCK_IN_USE, POOL_PAGED },
		{ 0x23, BLOCK_IN_USE, POOL_SESSION },
		{ 0x42, BLOCK_IN_USE, POOL_NONPAGED },  /* verifier      */
	};
	static const uint16_t machines[] = { MACHINE_I386, MACHINE_AMD64 };

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		assert_int_equal(pool_layout_pick(machines[m], 7601, &layout, NULL), DL_OK);
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			uint64_t raw = (uint64_t)cases[i].type << layout.header.pool_type.shift |
				       (uint64_t)8 << 16;

			assert_int_equal(header_state(&layout.header, raw), cases[i].block);
			assert_int_equal(header_pool(&layout.header, raw), cases[i].pool);
			assert_false(header_is_odd(&layout.header, raw));
		}
	}
}

static void damage64(void **state)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;

	(void)state;
	memset(page + 0x800, 0, 16);
	assert_true(page_examine(&layout.header, page, headers, &d));
	assert_int_equal(d.kind, FAULT_PREVIOUS_SIZE);
	assert_int_equal(d.bad_off, 0x800);
	assert_int_equal(d.nr_front, 16);
	assert_int_equal(d.back_off, 0x880);
	assert_int_equal(d.nr_back, 15);
}

static void links64(void **state)
{
	struct free_link l;

	(void)state;
	put64(0x800, 8, 8, 0, "CM16");
	memset(page + 0x810, 0x11, 8);
	memset(page + 0x818, 0x22, 8);
	assert_true(free_link_get(&layout.header, 8, 0xfffff8a000001000, page, 0x800, &l));
	assert_int_equal(l.header_va, 0xfffff8a000001800);
	assert_int_equal(l.flink, 0x1111111111111111);
	assert_int_equal(l.blink, 0x2222222222222222);
	/* one unit is the header alone */
	put64(0x800, 8, 1, 0, "CM16");
	assert_false(free_link_get(&layout.header, 8, 0xfffff8a000001000, page, 0x800, &l));
}

/* --- rows ------------------------------------------------------------------- */

static void rows_of_all_builds(void **state)
{
	static const struct {
		uint16_t machine;
		uint32_t build;
		enum dl_status st;
		enum pool_allocator allocator;
		unsigned tracker, big, pool_lists;
	} cases[] = {
		{ MACHINE_I386, 2600, DL_OK, ALLOCATOR_CLASSIC, 0x1c, 0x0c, 0 },
		{ MACHINE_I386, 3790, DL_OK, ALLOCATOR_CLASSIC, 0x1c, 0x10, 0 },
		{ MACHINE_I386, 6000, DL_OK, ALLOCATOR_CLASSIC, 0x1c, 0x10, 2 },
		{ MACHINE_I386, 7601, DL_OK, ALLOCATOR_CLASSIC, 0x1c, 0x10, 2 },
		{ MACHINE_I386, 10586, DL_OK, ALLOCATOR_CLASSIC, 0x1c, 0x10, 3 },
		{ MACHINE_I386, 17134, DL_OK, ALLOCATOR_CLASSIC, 0x30, 0x10, 3 },
		{ MACHINE_AMD64, 2600, DL_UNSUPPORTED, 0, 0, 0, 0 },
		{ MACHINE_AMD64, 3790, DL_OK, ALLOCATOR_CLASSIC, 0x28, 0x18, 0 },
		{ MACHINE_AMD64, 6001, DL_OK, ALLOCATOR_CLASSIC, 0x28, 0x18, 2 },
		{ MACHINE_AMD64, 9200, DL_OK, ALLOCATOR_CLASSIC, 0x28, 0x18, 3 },
		{ MACHINE_AMD64, 15063, DL_OK, ALLOCATOR_CLASSIC, 0x28, 0x18, 3 },
		{ MACHINE_AMD64, 16299, DL_OK, ALLOCATOR_CLASSIC, 0x38, 0x18, 3 },
		{ MACHINE_AMD64, 17763, DL_OK, ALLOCATOR_EITHER, 0x38, 0x18, 3 },
		{ MACHINE_AMD64, 19045, DL_OK, ALLOCATOR_HEAP, 0x38, 0x18, 3 },
		{ MACHINE_AMD64, 20348, DL_OK, ALLOCATOR_HEAP, 0x50, 0x20, 3 },
		{ MACHINE_ARM64, 26100, DL_OK, ALLOCATOR_HEAP, 0x50, 0x20, 3 },
		{ 0x200, 7601, DL_UNSUPPORTED, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned lists = 0;

		assert_int_equal(pool_layout_pick(cases[i].machine, cases[i].build, &layout, NULL),
				 cases[i].st);
		if (cases[i].st)
			continue;
		assert_int_equal(layout.allocator, cases[i].allocator);
		assert_int_equal(layout.tracker.stride, cases[i].tracker);
		assert_int_equal(layout.big.stride, cases[i].big);
		for (unsigned k = 0; k < 3; k++)
			lists += layout.lookaside.kprcb_pool[k] != 0;
		assert_int_equal(lists, cases[i].pool_lists);
		assert_true(field_has(layout.big.pages) != field_has(layout.big.bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole_page, setup_page),
		cmocka_unit_test_setup(two_blocks_fill_a_page, setup_page),
		cmocka_unit_test_setup(types, setup_page),
		cmocka_unit_test_setup(damages, setup_page),
		cmocka_unit_test_setup(overrun_by_text, setup_page),
		cmocka_unit_test_setup(first_header_gone, setup_page),
		cmocka_unit_test_setup(not_pool_at_all, setup_page),
		cmocka_unit_test_setup(every_byte_changed, setup_page),
		cmocka_unit_test_setup(every_byte_changed, setup_page64),
		cmocka_unit_test_setup(whole_page64, setup_page64),
		cmocka_unit_test(types_by_use_bit),
		cmocka_unit_test_setup(damage64, setup_page64),
		cmocka_unit_test_setup(links64, setup_page64),
		cmocka_unit_test(rows_of_all_builds),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
