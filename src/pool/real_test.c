/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of a real kernel against what the driver in it, and the kernel's own
 * counters, said: every block that the driver still holds must be in use under
 * its tag, and every tag must balance to the block and the byte.
 */
#include "../memory/test_truth.h"

#include "dumpleak/base/text.h"
#include "dumpleak/pool/ledger.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct image {
	struct source *source;
	struct container *container;
	struct os os;
	struct pool pool;
	struct ledger ledger;
	json_t *truth;
};

static bool image_open(struct image *m, const char *file, const char *stem, unsigned jobs)
{
	struct pool_options opts = { .jobs = jobs };
	struct dl_err err = { "" };

	m->truth = test_truth(stem);
	if (!m->truth)
		return false;
	if (!test_dump_open(file, &m->source, &m->container)) {
		json_decref(m->truth);
		return false;
	}
	if (os_open(m->container, NULL, &m->os, &err) ||
	    pool_scan(&m->os, &opts, &m->pool, &err) || ledger_make(&m->pool, &m->ledger, &err))
		fail_msg("%s: %s", file, err.text);
	return true;
}

static void image_close(struct image *m)
{
	ledger_deinit(&m->ledger);
	pool_deinit(&m->pool);
	os_close(&m->os);
	container_close(m->container);
	source_close(m->source);
	json_decref(m->truth);
}

static uint32_t tag_of(const char *s)
{
	struct tag_pattern p;

	assert_true(tag_parse(s, &p));
	return p.value;
}

/* Each block the driver holds; @returns how many of the tag are in use in all. */
static void check_blocks(const struct image *m, const char *tag, const json_t *list)
{
	size_t k, i, held = json_array_size(list), in_use = 0;
	uint32_t value = tag_of(tag);
	json_t *va;

	json_array_foreach(list, k, va) {
		uint64_t at = strtoull(json_string_value(va), NULL, 16);

		if (!catalog_find(&m->pool.blocks, at, &i))
			fail_msg("%s at %#" PRIx64 " was not found", tag, at);
		assert_int_equal(pool_user_va(&m->pool, i), at);
		assert_int_equal(catalog_tag(&m->pool.blocks, i), value);
		assert_int_equal(catalog_state(&m->pool.blocks, i), BLOCK_IN_USE);
	}
	for (i = 0; i < m->pool.blocks.nr; i++)
		in_use += catalog_tag(&m->pool.blocks, i) == value &&
			  catalog_state(&m->pool.blocks, i) == BLOCK_IN_USE;
	/* only these two are used by the kernel as well */
	if (!strcmp(tag, "Io") || !strcmp(tag, "Irp"))
		assert_true(in_use >= held);
	else
		assert_int_equal(in_use, held);
}

static void check_tracker(const struct image *m)
{
	const json_t *rows = json_object_get(m->truth, "tracker");
	size_t i, named = 0;
	json_t *row;

	json_array_foreach(rows, i, row) {
		const char *tag = json_string_value(json_array_get(row, 0));
		const struct tracker_row *r;

		if (strlen(tag) > 4 || !strlen(tag))
			continue;
		r = pool_tracker_row(&m->pool, tag_of(tag));
		if (!r)
			continue;       /* a tag with unprintable characters */
		named++;
		assert_int_equal(r->allocs[0], json_integer_value(json_array_get(row, 1)));
		assert_int_equal(r->frees[0], json_integer_value(json_array_get(row, 2)));
		assert_int_equal(r->bytes[0], json_integer_value(json_array_get(row, 3)));
		assert_int_equal(r->bytes[1], json_integer_value(json_array_get(row, 6)));
	}
	assert_int_equal(m->pool.nr_tracker, json_array_size(rows));
	assert_true(named >= json_array_size(rows) - 2);
}

static void check_image(const char *file, const char *stem)
{
	static struct image m;
	const json_t *lists;
	const char *tag;
	json_t *list;

	if (!image_open(&m, file, stem, 0))
		skip();
	lists = json_object_get(m.truth, "blocks");
	json_object_foreach((json_t *)lists, tag, list)
		check_blocks(&m, tag, list);
	check_tracker(&m);
	/* the kernel counts what it has, block by block and byte by byte */
	assert_int_equal(m.ledger.tags_matched, m.ledger.tags_total);
	assert_int_equal(m.ledger.bytes_accounted, m.ledger.bytes_counted);
	assert_int_equal(m.ledger.bytes_walked, m.ledger.bytes_counted);
	assert_int_equal(m.pool.lists.free_bad, 0);
	assert_int_equal(m.pool.faulty_pages, 0);
	image_close(&m);
}

static void core_complete(void **s) { (void)s; check_image("x86-core.dmp.gz", "x86-core"); }
static void core_elf(void **s) { (void)s; check_image("x86-core.elf.gz", "x86-core"); }
static void core_kdump(void **s) { (void)s; check_image("x86-core.kdump", "x86-core"); }
static void core_kernel(void **s) { (void)s; check_image("x86-core.kernel.dmp.gz", "x86-core"); }
static void full_complete(void **s) { (void)s; check_image("x86-full.dmp.gz", "x86-full"); }
static void full_kdump(void **s) { (void)s; check_image("x86-full.kdump", "x86-full"); }
static void full_kernel(void **s) { (void)s; check_image("x86-full.kernel.dmp.gz", "x86-full"); }
static void core64_complete(void **s) { (void)s; check_image("x64-core.dmp.gz", "x64-core"); }
static void core64_elf(void **s) { (void)s; check_image("x64-core.elf.gz", "x64-core"); }

static void same_with_any_number_of_jobs(void **state)
{
	static struct image one, four;

	(void)state;
	if (!image_open(&one, "x86-full.kernel.dmp.gz", "x86-full", 1) ||
	    !image_open(&four, "x86-full.kernel.dmp.gz", "x86-full", 4))
		skip();
	assert_int_equal(one.pool.blocks.nr, four.pool.blocks.nr);
	assert_memory_equal(one.pool.blocks.where, four.pool.blocks.where,
			    one.pool.blocks.nr * sizeof *one.pool.blocks.where);
	assert_memory_equal(one.pool.blocks.tag, four.pool.blocks.tag,
			    one.pool.blocks.nr * sizeof *one.pool.blocks.tag);
	image_close(&one);
	image_close(&four);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_complete), cmocka_unit_test(core_elf),
		cmocka_unit_test(core_kdump), cmocka_unit_test(core_kernel),
		cmocka_unit_test(full_complete), cmocka_unit_test(full_kdump),
		cmocka_unit_test(full_kernel),
		cmocka_unit_test(core64_complete), cmocka_unit_test(core64_elf),
		cmocka_unit_test(same_with_any_number_of_jobs),
	};

	return cmocka_run_group_tests_name("real pool", tests, NULL, NULL);
}
