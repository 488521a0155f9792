/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns of hand-made blocks: every kind, what is written and what is not, and
 * the same result for any number of threads.
 */
#include "test_util.h"

/* Stale contents: zeros, pointers, text and numbers, as freed blocks leave them. */
static uint32_t stale(struct fake *f)
{
	uint32_t r = fake_random(f) % 100, v = fake_random(f);

	if (r < 40)
		return 0;
	if (r < 60)
		return FAKE_BASE + FAKE_POOL_PA + v % 0x10000 * 8;
	if (r < 75)
		return 0x41414141 + v % 20 * 0x01020304;
	return r < 90 ? v % 0x8000 : v % 0x7fffffff;
}

struct machine {
	struct fake f;
	struct driver *driver;
	struct device *device;
	uint32_t event[3];
};

static void machine_init(struct machine *m)
{
	fake_init(&m->f);
	m->driver = fake_driver(&m->f, "\\FileSystem\\DonIfs", "donifs.sys");
	m->device = fake_device(&m->f, "\\Device\\DonIfs", m->driver);
	for (uint32_t i = 0; i < 3; i++)
		m->event[i] = (uint32_t)fake_event(&m->f, m->device, 8 + 0x10 * i);
	fake_ordinary(&m->f, 100);
}

/* The case: nine words written, five never. */
static void leak_the_case(struct machine *m, unsigned blocks)
{
	static const uint32_t address[] = { 0x0a00000a, 0xc0a80117, 0xc0a80118, 0x0a000115 };

	for (unsigned i = 0; i < blocks; i++) {
		uint64_t va = fake_block(&m->f, "Io  ", POOL_NONPAGED, 0x38);

		for (uint32_t k = 0; k < 14; k++)
			put32(&m->f, va + 4 * k, stale(&m->f));
		put32(&m->f, va, i + 1);
		put32(&m->f, va + 4, m->event[fake_random(&m->f) % 3]);
		put32(&m->f, va + 8, address[fake_random(&m->f) % 4]);
		put32(&m->f, va + 12, 445);
		put32(&m->f, va + 16, (uint32_t)m->device->va);
		put32(&m->f, va + 20, fake_random(&m->f) % 6 ? 0 : 0x103);
		put32(&m->f, va + 24, 0x2fc4000 + i * 10);
		put32(&m->f, va + 28, 2);
		put32(&m->f, va + 32, 1);
	}
}

static void test_the_case(void **state)
{
	static const enum column_kind kinds[14] = {
		COLUMN_COUNTER, COLUMN_POINTER, COLUMN_FEW, COLUMN_CONSTANT, COLUMN_POINTER,
		COLUMN_FEW, COLUMN_COUNTER, COLUMN_CONSTANT, COLUMN_CONSTANT,
		COLUMN_UNWRITTEN, COLUMN_UNWRITTEN, COLUMN_UNWRITTEN, COLUMN_UNWRITTEN,
		COLUMN_UNWRITTEN,
	};
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	leak_the_case(&m, 6000);
	fake_seal(&m.f);
	dig_tag(&m.f, "Io  ", 2, &d);
	assert_int_equal(d.s->readable, 6000);
	assert_int_equal(d.s->nr_columns, 14);
	assert_int_equal(d.s->user_bytes, 56);
	assert_int_equal(d.s->used_bytes, 36);
	for (int i = 0; i < 14; i++)
		assert_string_equal(column_kind_name(d.s->columns[i].kind),
				    column_kind_name(kinds[i]));
	assert_int_equal(d.s->columns[0].distinct, 6000);
	assert_true(d.s->columns[0].distinct_exact);
	assert_int_equal(d.s->columns[1].nr_top, 3);
	assert_int_equal(d.s->columns[1].top[0].blocks + d.s->columns[1].top[1].blocks +
			 d.s->columns[1].top[2].blocks, 6000);
	assert_string_equal(d.s->columns[1].target, "event in \\Device\\DonIfs extension");
	assert_non_null(strstr(d.s->columns[1].words, "one of 3 KEVENTs in \\Device\\DonIfs"));
	assert_string_equal(d.s->columns[4].words,
			    "pointer to DEVICE_OBJECT \\Device\\DonIfs (100.0 %)");
	assert_non_null(strstr(d.s->columns[2].words, "IPv4"));
	assert_string_equal(d.s->columns[6].words, "counter 50,085,888..50,145,878 in steps "
			    "of 10: every block another number, 100 % of that range");
	assert_string_equal(d.s->columns[7].words, "constant 2");
	dig_end(&d);
	fake_deinit(&m.f);
}

/* A few blocks of another owner with the same tag and size change nothing. */
static void test_strangers(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	leak_the_case(&m, 6000);
	for (int i = 0; i < 4; i++) {
		uint64_t va = fake_block(&m.f, "Io  ", POOL_NONPAGED, 0x38);

		for (uint32_t k = 0; k < 14; k++)
			put32(&m.f, va + 4 * k, 0xdead0000 + fake_random(&m.f) % 999);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Io  ", 2, &d);
	assert_int_equal(d.s->readable, 6004);
	assert_int_equal(d.s->used_bytes, 36);
	assert_int_equal(d.s->columns[0].kind, COLUMN_COUNTER);
	assert_int_equal(d.s->columns[7].kind, COLUMN_CONSTANT);
	assert_int_equal(d.s->columns[7].top[0].blocks, 6000);
	assert_non_null(strstr(d.s->columns[1].words, "one of 3 KEVENTs"));
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_int_equal(d.s->owners[0].blocks, 6000);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* Kinds that the case does not have; one column each. */
static void test_kinds(void **state)
{
	struct machine m;
	struct dig d;
	uint64_t node[4];

	(void)state;
	machine_init(&m);
	m.f.os.system_time = 0x01c4b6b3a2f00000;
	for (int i = 0; i < 4; i++)
		node[i] = fake_block(&m.f, "Node", POOL_NONPAGED, 16);
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t va = fake_block(&m.f, "Kind", POOL_NONPAGED, 0x40);

		put32(&m.f, va + 4, (uint32_t)va + 4);          /* empty list */
		put32(&m.f, va + 8, (uint32_t)va + 4);
		put32(&m.f, va + 12, 0x61626364 + i % 3);       /* text       */
		put32(&m.f, va + 16, 0x00620061 + i % 2);
		put32(&m.f, va + 20, fake_random(&m.f) % 500);  /* small      */
		put32(&m.f, va + 24, 0x10000u << fake_random(&m.f) % 3 |
				     0x1000u << fake_random(&m.f) % 3 |
				     1u << fake_random(&m.f) % 2);      /* flags */
		put32(&m.f, va + 28, fake_random(&m.f) * 77);   /* FILETIME   */
		put32(&m.f, va + 32, 0x01c4b600 + fake_random(&m.f) % 0xb0);
		put32(&m.f, va + 36, (uint32_t)node[i % 4]);    /* block      */
		put32(&m.f, va + 40, fake_random(&m.f) * 131);  /* anything   */
		put32(&m.f, va + 44, (uint32_t)m.driver->image_base + 0x1100 + i % 5);
		put32(&m.f, va + 48, i % 2 ? 0 : (uint32_t)m.device->va);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Kind", 2, &d);
	assert_int_equal(d.s->columns[0].kind, COLUMN_ZERO);
	assert_int_equal(d.s->columns[1].kind, COLUMN_SELF);
	assert_int_equal(d.s->columns[2].kind, COLUMN_SELF);
	assert_int_equal(d.s->columns[3].kind, COLUMN_TEXT);
	assert_int_equal(d.s->columns[4].kind, COLUMN_TEXT);
	assert_int_equal(d.s->columns[5].kind, COLUMN_SMALL);
	assert_int_equal(d.s->columns[6].kind, COLUMN_FLAGS);
	assert_int_equal(d.s->columns[7].kind, COLUMN_TIME);
	assert_int_equal(d.s->columns[8].kind, COLUMN_TIME);
	assert_int_equal(d.s->columns[9].kind, COLUMN_POINTER);
	assert_string_equal(d.s->columns[9].target, "block Node");
	assert_int_equal(d.s->columns[10].kind, COLUMN_MIXED);
	assert_int_equal(d.s->columns[11].kind, COLUMN_POINTER);
	assert_string_equal(d.s->columns[11].target, "module donifs.sys .text");
	assert_int_equal(d.s->columns[12].kind, COLUMN_POINTER);
	assert_true(d.s->columns[12].share > 0.499 && d.s->columns[12].share < 0.501);
	assert_int_equal(d.s->columns[15].kind, COLUMN_ZERO);
	/* nothing here shows stale memory, so zeros at the end may be anybody's */
	assert_int_equal(d.s->used_bytes, 52);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* Where slack shows stale data, zeros in all blocks were put there. */
static void test_cleared(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < 3000; i++) {
		uint64_t va = fake_block(&m.f, "Zero", POOL_NONPAGED, 0x20);

		put32(&m.f, va, i);
		put32(&m.f, va + 4, 7);
		for (uint32_t k = 4; k < 8; k++)
			put32(&m.f, va + 4 * k, i % 10 ? 0 : stale(&m.f));
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Zero", 1, &d);
	assert_int_equal(d.s->columns[3].kind, COLUMN_ZERO);
	assert_int_equal(d.s->columns[4].kind, COLUMN_UNWRITTEN);
	assert_int_equal(d.s->used_bytes, 16);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* An inline buffer for a name is no slack, although its words are of two kinds. */
static void test_names(void **state)
{
	static const char *const names[] = { "inbox", "outlook", "a", "reports2004" };
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t va = fake_block(&m.f, "Name", POOL_NONPAGED, 0x20);
		const char *name = names[fake_random(&m.f) % 4];

		put32(&m.f, va, i);
		for (uint32_t k = 0; name[k]; k++)
			m.f.ram[va - FAKE_BASE + 8 + 2 * k] = (uint8_t)name[k];
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Name", 1, &d);
	for (int i = 2; i < 8; i++)
		assert_int_not_equal(d.s->columns[i].kind, COLUMN_UNWRITTEN);
	dig_end(&d);
	fake_deinit(&m.f);
}

static void test_unreadable(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	leak_the_case(&m, 1000);
	fake_skip_ram(&m.f);
	for (int i = 0; i < 500; i++)
		fake_block(&m.f, "Io  ", POOL_NONPAGED, 0x38);
	for (int i = 0; i < 300; i++)
		fake_block(&m.f, "Gone", POOL_NONPAGED, 0x38);
	fake_seal(&m.f);
	dig_tag(&m.f, "Io  ", 2, &d);
	assert_int_equal(d.s->class.blocks, 1500);
	assert_int_equal(d.s->readable, 1000);
	assert_int_equal(d.s->used_bytes, 36);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	dig_end(&d);
	dig_tag(&m.f, "Gone", 2, &d);
	assert_int_equal(d.s->readable, 0);
	assert_int_equal(d.s->columns[0].kind, COLUMN_UNREADABLE);
	assert_int_equal(d.s->verdict, VERDICT_NONE);
	assert_int_equal(d.s->used_bytes, 0);
	dig_end(&d);
	fake_deinit(&m.f);
}

static void same_columns(const struct suspect *a, const struct suspect *b)
{
	assert_int_equal(a->nr_columns, b->nr_columns);
	for (size_t i = 0; i < a->nr_columns; i++) {
		const struct column *x = &a->columns[i], *y = &b->columns[i];

		assert_int_equal(x->kind, y->kind);
		assert_true(x->distinct == y->distinct && x->min == y->min && x->max == y->max);
		assert_string_equal(x->words, y->words);
		assert_int_equal(x->nr_top, y->nr_top);
		for (unsigned k = 0; k < x->nr_top; k++)
			assert_true(x->top[k].value == y->top[k].value &&
				    x->top[k].blocks == y->top[k].blocks);
	}
}

static void test_any_threads(void **state)
{
	struct machine m;
	struct dig one, four;

	(void)state;
	machine_init(&m);
	leak_the_case(&m, 20000);
	fake_seal(&m.f);
	dig_tag(&m.f, "Io  ", 1, &one);
	dig_tag(&m.f, "Io  ", 4, &four);
	same_columns(one.s, four.s);
	assert_int_equal(one.s->nr_owners, four.s->nr_owners);
	assert_string_equal(one.s->verdict_words, four.s->verdict_words);
	for (unsigned i = 0; i < one.s->nr_owners; i++) {
		assert_int_equal(one.s->owners[i].blocks, four.s->owners[i].blocks);
		assert_string_equal(one.s->owners[i].path, four.s->owners[i].path);
	}
	dig_end(&one);
	dig_end(&four);
	fake_deinit(&m.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_case),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_cleared),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_any_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
