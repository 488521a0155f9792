/* SPDX-License-Identifier: Apache-2.0 */
/* KDBG blocks as bytes: which are taken, what is read, and where they are found. */
#include "dumpleak/os/kdbg.h"
#include "dumpleak/os/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void build(uint8_t *b, uint32_t size_bytes)
{
	memset(b, 0, size_bytes);
	memcpy(b + 0x10, "KDBG", 4);
	put32(b + 0x14, size_bytes);
	put32(b + 0x18, 0x804d7000);
	put32(b + 0x1c, 0xffffffff);            /* sign extended */
	put32(b + 0x48, 0x80553fc0);
}

static void what_is_a_block(void **state)
{
	static const struct { uint32_t off, value; size_t n; bool taken; } rows[] = {
		{ 0x00, 0, 0x290, true }, { 0x00, 0, 0x318, true },
		{ 0x00, 0, 0x28f, false },              /* cut off         */
		{ 0x00, 0, 0x10, false }, { 0x00, 0, 0, false },
		{ 0x10, 0x4742444c, 0x290, false },     /* tag             */
		{ 0x14, 0x200, 0x290, false }, { 0x14, 0x3b0, 0x3a8, false },
		{ 0x14, 0x28c, 0x290, false }, { 0x14, 0xffffffff, 0x290, false },
		{ 0x18, 0x804d7010, 0x290, false }, { 0x18, 0, 0x290, false },
	};
	uint8_t b[0x400];
	struct kdbg k;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memset(b, 0, sizeof b);
		build(b, 0x290);
		if (rows[i].off)
			put32(b + rows[i].off, rows[i].value);
		assert_int_equal(kdbg_parse((struct bytes){ b, rows[i].n }, 4, &k), rows[i].taken);
	}
}

static void values(void **state)
{
	uint8_t b[0x290];
	struct kdbg k, none = { 0 };
	uint64_t v = 1;

	(void)state;
	build(b, 0x290);
	assert_true(kdbg_parse((struct bytes){ b, sizeof b }, 4, &k));
	assert_int_equal(k.size_bytes, 0x290);
	assert_true(kdbg_value(&k, KDBG_KERN_BASE, &v));
	assert_int_equal(v, 0x804d7000);
	k.ptr_bytes = 8;
	assert_true(kdbg_value(&k, KDBG_KERN_BASE, &v));
	assert_int_equal(v, 0xffffffff804d7000);
	assert_false(kdbg_value(&k, KDBG_PAGED_START, &v));             /* 0         */
	assert_false(kdbg_value(&k, (enum kdbg_field)0x290, &v));       /* behind it */
	assert_false(kdbg_value(&k, (enum kdbg_field)0x289, &v));
	assert_false(kdbg_value(&none, KDBG_KERN_BASE, &v));
}

static void scan(void **state)
{
	enum { PAGES = 8 };
	static const uint64_t at[] = { 0x0, 0x1ff0, 0x3008, 0x7d70 };
	uint8_t *ram = calloc(PAGES, PAGE_BYTES);
	struct source *source;
	struct container *container;
	struct phys phys;
	struct kdbg k;
	uint64_t pa = 0;

	(void)state;
	assert_non_null(ram);
	/* at the start; tag in the next page; close to another; up to the end */
	for (size_t i = 0; i < 4; i++)
		build(ram + at[i], 0x290);
	memcpy(ram + 0x4000, "KDBG", 4);        /* no block around it */
	memcpy(ram + 0x500a, "KDBG", 4);        /* not aligned        */
	memcpy(ram + 0x7ff8, "KDBG", 4);
	assert_int_equal(source_open_memory((struct bytes){ ram, PAGES * PAGE_BYTES }, "ram",
					    NULL, &source, NULL), DL_OK);
	assert_int_equal(container_open_raw(source, 0, &container, NULL), DL_OK);
	phys_init(&phys, container);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(kdbg_scan(&phys, UINT64_MAX, &pa, 4, &k), DL_OK);
		assert_int_equal(k.pa, at[i]);
		assert_int_equal(k.va, 0);
	}
	assert_int_equal(kdbg_scan(&phys, UINT64_MAX, &pa, 4, &k), DL_END);
	pa = 0x1000;
	assert_int_equal(kdbg_scan(&phys, 1, &pa, 4, &k), DL_END);
	phys_deinit(&phys);
	container_close(container);
	source_close(source);
	free(ram);
}

static void layout_rows(void **state)
{
	static const struct {
		uint16_t machine;
		uint32_t build;
		enum dl_status st;
		const char *says;
	} rows[] = {
		{ 0x14c, 2600, DL_OK, NULL }, { 0x14c, 3790, DL_OK, NULL },
		{ 0x14c, 6000, DL_OK, NULL }, { 0x8664, 3790, DL_OK, NULL },
		{ 0x8664, 99999, DL_OK, NULL }, { 0xaa64, 22000, DL_OK, NULL },
		{ 0x14c, 2195, DL_UNSUPPORTED, "2195" },
		{ 0x1234, 2600, DL_UNSUPPORTED, "this machine" },
	};
	struct os_layout l;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dl_err err = { "" };

		assert_int_equal(layout_pick(rows[i].machine, rows[i].build, &l, &err), rows[i].st);
		if (rows[i].says)
			assert_non_null(strstr(err.text, rows[i].says));
	}
	assert_int_equal(layout_pick(0x14c, 2600, &l, NULL), DL_OK);
	assert_int_equal(l.process.links.off, 0x88);
	assert_int_equal(l.ptr_bytes, 4);
	assert_int_equal(layout_pick(0x14c, 3790, &l, NULL), DL_OK);
	assert_int_equal(l.process.links.off, 0x98);
	assert_int_equal(l.newest_row, 3790);
	/* between two releases the older one's row holds */
	assert_int_equal(layout_pick(0x14c, 3700, &l, NULL), DL_OK);
	assert_int_equal(l.process.links.off, 0x88);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_block),
		cmocka_unit_test(values),
		cmocka_unit_test(scan),
		cmocka_unit_test(layout_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
