/* SPDX-License-Identifier: Apache-2.0 */
/* A pool with a fault of every kind to text and JSON. */
#include "dumpleak/report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "test_util.h"

enum { TAG_A = 0x41414141, TAG_B = 0x42424242 };

struct made {
	struct dump_header header;
	struct os os;
	struct pool *pool;
	struct report_input in;
	struct pool_check check;
};

static int setup(void **state)
{
	struct made *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->pool = calloc(1, sizeof *m->pool);
	assert_non_null(m->pool);
	catalog_init(&m->pool->blocks);
	m->header = (struct dump_header){ .format = "dump64", .title = "a dump" };
	m->os.layout.ptr_bytes = 8;
	m->pool->nr_pages = 12;
	m->pool->layout.header = (struct pool_header_layout){ .header_bytes = 16,
		.unit_bytes = 16, .previous_size = { 0, 0xff }, .block_size = { 16, 0xff },
		.pool_type = { 24, 0xff }, .tag_shift = 32 };
	m->in = (struct report_input){ .dump = { .path = "a.dmp", .header = &m->header },
		.os = &m->os, .pool = m->pool };
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct made *m = *state;

	catalog_deinit(&m->pool->blocks);
	free(m->pool);
	free(m);
	return 0;
}

static char *text_of(struct made *m, unsigned width)
{
	struct paper p = { .width = width };
	char *text = NULL;
	size_t n = 0;

	pool_verify(m->pool, &m->check);
	p.out = open_memstream(&text, &n);
	assert_non_null(p.out);
	verify_text(&m->in, &m->check, &p);
	fclose(p.out);
	assert_false(p.failed);
	return text;
}

static json_t *json_of(struct made *m)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	json_t *root;

	assert_non_null(f);
	pool_verify(m->pool, &m->check);
	assert_int_equal(verify_json(&m->in, &m->check, f), DL_OK);
	fclose(f);
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static void fault(struct made *m, enum fault_kind kind, uint64_t bad_va)
{
	struct pool_fault f = { .page_va = bad_va & ~(uint64_t)0xfff, .bad_va = bad_va,
		.kind = kind, .pool = POOL_PAGED, .lost_bytes = 0x60,
		.found = { 4, 0, 0, 2, 'A', 'b', 'c', 'd' } };

	f.before_va = bad_va - 0x40;
	f.before_tag = TAG_A;
	pool_fault_add(m->pool, &f);
}

static void test_sound(void **state)
{
	struct made *m = *state;
	char *text = text_of(m, 80);
	json_t *root = json_of(m);

	assert_non_null(strstr(text, "Nothing contradicts itself."));
	assert_non_null(strstr(text, "Checked         12 pool pages"));
	assert_string_equal(json_string_value(at(root, "schema")), "dumpleak.verify/1");
	assert_int_equal(json_integer_value(at(root, "contradictions")), 0);
	assert_int_equal(json_array_size(at(root, "faults")), 0);
	json_decref(root);
	free(text);
}

/* Each kind has its own code, comes in the order of addresses, and fits. */
static void test_kinds(void **state)
{
	struct made *m = *state;
	char *text;
	json_t *root;

	for (int kind = NR_FAULT_KINDS; kind-- > 0;)
		fault(m, (enum fault_kind)kind, 0xffffba0000001400 + (uint64_t)kind * 0x1000);
	text = text_of(m, 80);
	root = json_of(m);
	assert_true(widest(text) <= 80);
	assert_int_equal(json_integer_value(at(root, "contradictions")), NR_FAULT_KINDS);
	for (int kind = 0; kind < NR_FAULT_KINDS; kind++) {
		const json_t *o = json_array_get(at(root, "faults"), (size_t)kind);

		assert_non_null(strstr(text, fault_code((enum fault_kind)kind) ? fault_place(
				(enum fault_kind)kind) + 1 : "?"));
		assert_string_equal(json_string_value(at(o, "code")),
				    fault_code((enum fault_kind)kind));
		for (int k = 0; k < kind; k++)
			assert_string_not_equal(fault_code((enum fault_kind)kind),
						fault_code((enum fault_kind)k));
		assert_string_equal(json_string_value(at(o, "before/tag")), "AAAA");
		assert_true(json_is_null(at(o, "after")));
		assert_string_equal(json_string_value(at(o, "found")),
				    "04000002416263640000000000000000");
	}
	json_decref(root);
	free(text);
	text = text_of(m, 40);
	assert_true(widest(text) <= 40);
	free(text);
}

/* Of a block whose own header does for the rest, the one behind it is shown. */
static void test_neighbours(void **state)
{
	struct made *m = *state;
	struct catalog *c = &m->pool->blocks;
	const struct { uint64_t va; uint32_t tag; } blocks[] = {
		{ 0xffffba0000001000, TAG_A }, { 0xffffba0000001040, TAG_B },
		{ 0xffffba0000001080, TAG_A },
	};
	struct pool_fault f = { .page_va = blocks[0].va, .before_va = blocks[0].va,
		.before_tag = TAG_A, .bad_va = blocks[1].va, .after_va = blocks[1].va,
		.after_tag = TAG_B, .kind = FAULT_PREVIOUS_SIZE };
	json_t *root;
	char *text;

	assert_int_equal(catalog_reserve(c, 3), DL_OK);
	for (size_t i = 0; i < 3; i++) {
		struct block b = { .va = blocks[i].va, .size_bytes = 0x40, .tag = blocks[i].tag,
			.state = BLOCK_IN_USE };

		catalog_put(c, i, &b);
	}
	c->nr = 3;
	assert_int_equal(catalog_seal(c), DL_OK);
	pool_fault_add(m->pool, &f);
	root = json_of(m);
	assert_string_equal(json_string_value(at(root, "faults/0/after/va")),
			    "0xffffba0000001080");
	assert_int_equal(json_integer_value(at(root, "faults/0/before/size_bytes")), 0x40);
	assert_string_equal(json_string_value(at(root, "faults/0/before/state")), "in-use");
	json_decref(root);
	text = text_of(m, 80);
	assert_non_null(strstr(text, "Block after     ffffba00`00001080 'AAAA', 0x40 bytes, "
			       "in use"));
	free(text);
}

/* A structure between blocks has those next to it; far ones are none. */
static void test_nearest(void **state)
{
	struct made *m = *state;
	struct catalog *c = &m->pool->blocks;
	const uint64_t va[] = { 0xffffba0000000f00, 0xffffba0000001040, 0xffffba0000402000 };
	struct pool_fault f = { .page_va = 0xffffba0000001000, .bad_va = 0xffffba0000001020,
		.kind = FAULT_LFH_SUBSEGMENT };
	json_t *root;

	assert_int_equal(catalog_reserve(c, 3), DL_OK);
	for (size_t i = 0; i < 3; i++) {
		struct block b = { .va = va[i], .size_bytes = 0x40, .tag = i ? TAG_B : TAG_A };

		catalog_put(c, i, &b);
	}
	c->nr = 3;
	assert_int_equal(catalog_seal(c), DL_OK);
	pool_fault_add(m->pool, &f);
	f.bad_va = f.page_va = 0xffffba0000300000;
	pool_fault_add(m->pool, &f);
	root = json_of(m);
	assert_string_equal(json_string_value(at(root, "faults/0/before/tag")), "AAAA");
	assert_string_equal(json_string_value(at(root, "faults/0/after/tag")), "BBBB");
	assert_true(json_is_null(at(root, "faults/1/before")));
	assert_true(json_is_null(at(root, "faults/1/after")));
	json_decref(root);
}

/* More than are kept, and what is only counted. */
static void test_many(void **state)
{
	struct made *m = *state;
	json_t *root;
	char *text;

	for (uint64_t i = 0; i < POOL_MAX_FAULTS + 44; i++)
		fault(m, FAULT_SIZE_ZERO, 0xffffba0000001800 + i * 0x1000);
	m->pool->tables.big_bad = 5;
	m->pool->lists.free_bad = 2;
	m->pool->lists.first_bad_va = 0xffffba0000002345;
	m->pool->lists.lookasides_cut = 3;
	root = json_of(m);
	assert_int_equal(json_integer_value(at(root, "contradictions")),
			 POOL_MAX_FAULTS + 44 + 7);
	assert_int_equal(json_integer_value(at(root, "faults_left_out")), 44);
	assert_int_equal(json_array_size(at(root, "faults")), POOL_MAX_FAULTS);
	assert_int_equal(json_array_size(at(root, "others")), 2);
	assert_int_equal(json_integer_value(at(root, "lists_cut")), 3);
	json_decref(root);
	text = text_of(m, 80);
	assert_non_null(strstr(text, "And 44 more like these"));
	assert_non_null(strstr(text, "the first at ffffba00`00002345."));
	free(text);
	/* rows that are among the faults are not counted again */
	m->pool->faults[0].kind = FAULT_BIG_ROW;
	pool_verify(m->pool, &m->check);
	assert_int_equal(m->check.contradictions, POOL_MAX_FAULTS + 44 + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_neighbours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nearest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
