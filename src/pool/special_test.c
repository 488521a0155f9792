/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of special pool built by hand, and pages that only look a little like them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dumpleak/os/layout.h"
#include "dumpleak/pool/internal.h"

static struct pool_layout layout;
static uint8_t page[PAGE_BYTES];

/* 100 bytes at the end of a page of 0x5a, their room 112. */
static int setup_special(void **state)
{
	(void)state;
	assert_int_equal(pool_layout_pick(MACHINE_AMD64, 7601, &layout, NULL), DL_OK);
	memset(page, 0x5a, sizeof page);
	memset(page + PAGE_BYTES - 112, 0xee, 100);
	page[0] = 100;
	page[1] = 0x80;         /* paged */
	page[2] = 0x5a;
	page[3] = 0;
	memcpy(page + 4, "Vrfy", 4);
	return 0;
}

static void special_at_the_end(void **state)
{
	struct special_hit s = { 0 };

	(void)state;
	assert_true(special_page(&layout.header, page, &s));
	assert_int_equal(s.off, PAGE_BYTES - 112);
	assert_int_equal(s.size_bytes, 112);
	assert_int_equal(s.pool, POOL_PAGED);
	assert_int_equal(s.tag, 0x79667256);
	assert_int_equal(s.bad_off, PAGE_BYTES);
	assert_true(s.sure);
}

static void special_at_the_start(void **state)
{
	struct special_hit s = { 0 };

	(void)state;
	memset(page, 0x5a, sizeof page);
	memset(page, 0xee, 100);
	page[0xff0] = 100;
	page[0xff1] = 0;
	page[0xff2] = 0x5a;
	memcpy(page + 0xff4, "Vrfy", 4);
	assert_true(special_page(&layout.header, page, &s));
	assert_int_equal(s.off, 0);
	assert_int_equal(s.pool, POOL_NONPAGED);
	assert_true(s.sure);
}

static void special_overrun(void **state)
{
	struct special_hit s = { 0 };

	(void)state;
	page[PAGE_BYTES - 12] = 0;      /* the byte behind the hundredth */
	assert_true(special_page(&layout.header, page, &s));
	assert_int_equal(s.bad_off, PAGE_BYTES - 12);
	memset(page + 0x100, 0, 0x800); /* too much of it: no special page */
	assert_false(special_page(&layout.header, page, &s));
}

static void not_special(void **state)
{
	struct special_hit s = { 0 };

	(void)state;
	memset(page, 0, sizeof page);
	assert_false(special_page(&layout.header, page, &s));
	memset(page, 'x', sizeof page);         /* text: its size is beyond a page */
	assert_false(special_page(&layout.header, page, &s));
	setup_special(NULL);
	page[4] = 1;                            /* no tag */
	assert_false(special_page(&layout.header, page, &s));
	setup_special(NULL);
	memset(page + 8, 0, PAGE_BYTES - 8 - 112);      /* zeros are everywhere */
	page[2] = 0;
	memset(page + PAGE_BYTES - 12, 0, 12);
	assert_true(special_page(&layout.header, page, &s));
	assert_false(s.sure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(special_at_the_end, setup_special),
		cmocka_unit_test_setup(special_at_the_start, setup_special),
		cmocka_unit_test_setup(special_overrun, setup_special),
		cmocka_unit_test_setup(not_special, setup_special),
	};

	return cmocka_run_group_tests_name("special pool", tests, NULL, NULL);
}
