/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mine_run() on real memory of a machine with a driver that leaks on purpose,
 * against what the driver said: which devices own which blocks. In complete
 * and kernel dumps, by one thread and by several.
 */
#include "dumpleak/mine/mine.h"

#include "../memory/test_truth.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* One image, opened as far as mining needs. */
struct image {
	struct source *source;
	struct container *container;
	struct os *os;
	struct pool *pool;
	struct ledger ledger;
	struct classes classes;
	struct targets targets;
};

static bool image_open(struct image *x, const char *name)
{
	struct dl_err err = { "" };

	if (!test_dump_open(name, &x->source, &x->container))
		return false;
	x->os = calloc(1, sizeof *x->os);
	x->pool = calloc(1, sizeof *x->pool);
	assert_true(x->os && x->pool);
	assert_int_equal(os_open(x->container, NULL, x->os, &err), DL_OK);
	assert_int_equal(pool_scan(x->os, &(struct pool_options){ .jobs = 2 }, x->pool, &err),
			 DL_OK);
	assert_int_equal(ledger_make(x->pool, &x->ledger, &err), DL_OK);
	assert_int_equal(classes_make(x->pool, &x->classes, &err), DL_OK);
	assert_int_equal(targets_init(&x->targets, x->os, x->pool, &err), DL_OK);
	return true;
}

static void image_close(struct image *x)
{
	targets_deinit(&x->targets);
	classes_deinit(&x->classes);
	ledger_deinit(&x->ledger);
	pool_deinit(x->pool);
	os_close(x->os);
	free(x->pool);
	free(x->os);
	container_close(x->container);
	source_close(x->source);
}

static uint32_t tag_of(const char *s)
{
	return (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 |
	       (uint32_t)s[3] << 24;
}

static const struct suspect *suspect_of(const struct findings *f, const char *tag)
{
	for (size_t i = 0; i < f->nr; i++)
		if (f->suspects[i].class.tag == tag_of(tag))
			return &f->suspects[i];
	fail_msg("no suspect %s", tag);
	return NULL;
}

/* A slot of the driver's blocks is a pointer-sized word. */
static void check_io(const struct findings *f, const json_t *driver, unsigned slot)
{
	const json_t *device = json_array_get(json_object_get(driver, "devices"), 0);
	const struct suspect *s = &f->suspects[0];

	assert_int_equal(s->class.tag, tag_of("Io  "));
	assert_int_equal(s->class.size_bytes, 16 * slot);
	assert_int_equal(s->class.pool, POOL_NONPAGED);
	assert_int_equal(s->nr_columns, 14);
	assert_int_equal(s->used_bytes, 9 * slot);
	assert_int_equal(s->columns[13].offset, 13 * slot);
	assert_int_equal(s->columns[0].kind, COLUMN_COUNTER);
	assert_string_equal(s->columns[1].target, "event in \\Device\\LeakIfs extension");
	assert_int_equal(s->columns[4].kind, COLUMN_POINTER);
	assert_int_equal(s->columns[8].kind, COLUMN_CONSTANT);
	for (int i = 9; i < 14; i++)
		assert_int_equal(s->columns[i].kind, COLUMN_UNWRITTEN);
	assert_int_equal(s->verdict, VERDICT_CLEAR);
	assert_non_null(s->owners[0].device);
	assert_int_equal(s->owners[0].device->va, test_number(device, "va"));
	assert_true(s->owners[0].share >= 0.99);
	assert_true(s->owners[0].control_share < 0.1);
}

static void check_others(const struct findings *f, const json_t *driver, unsigned slot)
{
	const json_t *two = json_array_get(json_object_get(driver, "devices"), 1);
	const struct suspect *s = suspect_of(f, "LkTw");
	char way[64];

	assert_int_equal(s->class.blocks, 5000);
	assert_int_equal(s->owners[0].device->va, test_number(two, "va"));
	assert_true(s->owners[0].share >= 0.99);
	snprintf(way, sizeof way, "+0x%x -> 'LkNd' +0x%x -> device object", 6 * slot, 3 * slot);
	assert_string_equal(s->owners[0].path, way);
	s = suspect_of(f, "LkPg");
	assert_int_equal(s->class.pool, POOL_PAGED);
	assert_null(s->owners[0].device);
	assert_int_equal(s->owners[0].driver->va, test_number(driver, "driver_object"));
	assert_string_equal(s->owners[0].module->name, "leakifs.sys");
	assert_int_equal(s->used_bytes, 6 * slot);
	s = suspect_of(f, "LkBg");
	assert_int_equal(s->class.blocks, 20);
	assert_null(s->owners[0].device);
	assert_int_equal(s->owners[0].driver->va, test_number(driver, "driver_object"));
}

/* What is no leak is not among the candidates, but can be asked about. */
static void check_list(struct image *x, const json_t *driver)
{
	const json_t *one = json_array_get(json_object_get(driver, "devices"), 0);
	struct candidate chosen = { .kept_share = -1, .why = "asked for" };
	struct mine_options opts = { .jobs = 2, .chosen = &chosen, .nr_chosen = 1 };
	struct findings f;
	size_t i;

	for (i = 0; i < x->classes.nr; i++)
		if (x->classes.list[i].tag == tag_of("LkOk") && x->classes.list[i].blocks)
			break;
	assert_true(i < x->classes.nr);
	chosen.class_index = i;
	assert_int_equal(mine_run(&x->targets, &x->ledger, &x->classes, &opts, &f, NULL), DL_OK);
	assert_int_equal(f.suspects[0].columns[2].kind, COLUMN_LIST);
	assert_int_equal(f.suspects[0].owners[0].device->va, test_number(one, "va"));
	assert_int_equal(f.suspects[0].listed, 200);
	assert_non_null(strstr(f.suspects[0].owners[0].path, "list whose head"));
	findings_deinit(&f);
}

static void check_image(const char *stem, const char *ending)
{
	struct image x = { 0 };
	struct mine_options opts = { .jobs = 2 };
	struct findings f;
	json_t *truth = test_truth(stem), *driver = json_object_get(truth, "leak_driver");
	char name[64];
	unsigned slot;

	snprintf(name, sizeof name, "%s.%s", stem, ending);
	if (!truth || !image_open(&x, name)) {
		json_decref(truth);
		return;
	}
	assert_int_equal(mine_run(&x.targets, &x.ledger, &x.classes, &opts, &f, NULL), DL_OK);
	assert_int_equal(f.nr, 4);      /* and nothing that the kernel keeps itself */
	slot = x.os->layout.ptr_bytes;
	check_io(&f, driver, slot);
	check_others(&f, driver, slot);
	check_list(&x, driver);
	findings_deinit(&f);
	image_close(&x);
	json_decref(truth);
}

static void test_images(void **state)
{
	(void)state;
	check_image("x86-core", "dmp.gz");
	check_image("x86-core", "kernel.dmp.gz");
	check_image("x86-core", "kdump");
	check_image("x86-full", "dmp.gz");
	check_image("x86-full", "kernel.dmp.gz");
	check_image("x64-core", "dmp.gz");
	check_image("x64-core", "elf.gz");
}

static void test_any_threads(void **state)
{
	struct image x = { 0 };
	struct findings a, b;

	(void)state;
	if (!image_open(&x, "x86-core.kernel.dmp.gz"))
		return;
	assert_int_equal(mine_run(&x.targets, &x.ledger, &x.classes,
				  &(struct mine_options){ .jobs = 1 }, &a, NULL), DL_OK);
	assert_int_equal(mine_run(&x.targets, &x.ledger, &x.classes,
				  &(struct mine_options){ .jobs = 4 }, &b, NULL), DL_OK);
	assert_int_equal(a.nr, b.nr);
	for (size_t i = 0; i < a.nr; i++) {
		assert_string_equal(a.suspects[i].verdict_words, b.suspects[i].verdict_words);
		for (size_t k = 0; k < a.suspects[i].nr_columns; k++)
			assert_string_equal(a.suspects[i].columns[k].words,
					    b.suspects[i].columns[k].words);
	}
	findings_deinit(&a);
	findings_deinit(&b);
	image_close(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_any_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
