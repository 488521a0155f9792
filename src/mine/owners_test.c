/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose blocks: a clear owner, two with the same evidence, two that share, too
 * little to say, a device that everything points to, and ways over other
 * blocks, lists, files and code.
 */
#include "test_util.h"

enum { BLOCKS = 2000 };

struct machine {
	struct fake f;
	struct driver *driver[2];
	struct device *device[3];       /* 0 of driver 0; 1 and 2 of driver 1 */
};

static void machine_init(struct machine *m)
{
	fake_init(&m->f);
	m->driver[0] = fake_driver(&m->f, "\\Driver\\One", "one.sys");
	m->driver[1] = fake_driver(&m->f, "\\Driver\\Two", "two.sys");
	m->device[0] = fake_device(&m->f, "\\Device\\One", m->driver[0]);
	m->device[1] = fake_device(&m->f, "\\Device\\Two", m->driver[1]);
	m->device[2] = fake_device(&m->f, "\\Device\\Three", m->driver[1]);
	fake_ordinary(&m->f, 100);
}

static uint64_t leak(struct machine *m, uint32_t i)
{
	uint64_t va = fake_block(&m->f, "Leak", POOL_NONPAGED, 0x20);

	put32(&m->f, va, i);
	put32(&m->f, va + 0x1c, 5);
	return va;
}

static void finish(struct machine *m, struct dig *d)
{
	fake_seal(&m->f);
	dig_tag(&m->f, "Leak", 2, d);
}

static void end(struct machine *m, struct dig *d)
{
	dig_end(d);
	fake_deinit(&m->f);
}

static void test_extension_beats_device(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = leak(&m, i);

		put32(&m.f, va + 4, (uint32_t)m.device[0]->extension_va + 0x40);
		put32(&m.f, va + 8, (uint32_t)m.device[1]->va);
	}
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_int_equal(d.s->nr_owners, 2);
	assert_ptr_equal(d.s->owners[0].device, m.device[0]);
	assert_ptr_equal(d.s->owners[0].driver, m.driver[0]);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	assert_string_equal(d.s->owners[0].path, "+0x4 -> extension (+0x40)");
	assert_ptr_equal(d.s->owners[1].device, m.device[1]);
	assert_string_equal(d.s->owners[1].path, "+0x8 -> device object");
	assert_non_null(strstr(d.s->verdict_words, "\\Device\\Two is pointed to as well"));
	end(&m, &d);
}

static void test_tie(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = leak(&m, i);

		put32(&m.f, va + 4, (uint32_t)m.device[0]->va);
		put32(&m.f, va + 8, (uint32_t)m.device[1]->va);
	}
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_TIE);
	assert_non_null(strstr(d.s->verdict_words, "\\Device\\One"));
	assert_non_null(strstr(d.s->verdict_words, "\\Device\\Two"));
	end(&m, &d);
}

static void test_shared(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4,
		      (uint32_t)m.device[i % 10 < 7 ? 0 : 1]->extension_va + 8);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_SHARED);
	assert_int_equal(d.s->nr_owners, 2);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS * 7 / 10);
	assert_int_equal(d.s->owners[1].blocks, BLOCKS * 3 / 10);
	assert_ptr_equal(d.s->owners[0].device, m.device[0]);
	assert_non_null(strstr(d.s->verdict_words, "(70.0 %)"));
	assert_non_null(strstr(d.s->verdict_words, "(30.0 %)"));
	end(&m, &d);
}

/* A fifth of the blocks names somebody: an owner of that fifth, no more. */
static void test_thin(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4, i % 5 ? 0 : (uint32_t)m.device[0]->va);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_THIN);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS / 5);
	assert_non_null(strstr(d.s->verdict_words, "20.0 %"));
	end(&m, &d);
}

static void test_none(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4, fake_random(&m.f) & 0x7fffffff);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_NONE);
	assert_int_equal(d.s->nr_owners, 0);
	end(&m, &d);
}

/* Half of all other blocks point to device 1 as well: it is no lead. */
static void test_popular(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		put32(&m.f, fake_block(&m.f, i % 2 ? "PopA" : "PopB", POOL_NONPAGED, 0x20) + 8,
		      (uint32_t)m.device[1]->va);
		put32(&m.f, leak(&m, i) + 4, (uint32_t)m.device[1]->va);
	}
	finish(&m, &d);
	assert_true(d.s->owners[0].control_share > 0.5);
	assert_int_equal(d.s->verdict, VERDICT_THIN);
	assert_non_null(strstr(d.s->verdict_words, "Other blocks"));
	end(&m, &d);
}

/* The same, with an own device beside it: that one is the owner. */
static void test_popular_beside(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = leak(&m, i);

		put32(&m.f, fake_block(&m.f, "PopA", POOL_NONPAGED, 0x20) + 8,
		      (uint32_t)m.device[1]->va);
		put32(&m.f, va + 4, (uint32_t)m.device[1]->va);
		put32(&m.f, va + 8, (uint32_t)m.device[0]->va);
	}
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].device, m.device[0]);
	assert_true(d.s->control_blocks >= 1000);
	end(&m, &d);
}

static void test_hop(void **state)
{
	struct machine m;
	struct dig d;
	uint32_t node[10];

	(void)state;
	machine_init(&m);
	for (int i = 0; i < 10; i++) {
		node[i] = (uint32_t)fake_block(&m.f, "Node", POOL_NONPAGED, 0x20);
		put32(&m.f, node[i] + 0xc, (uint32_t)m.device[2]->va);
	}
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4, node[i % 10]);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].device, m.device[2]);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	assert_string_equal(d.s->owners[0].path, "+0x4 -> 'Node' +0xc -> device object");
	end(&m, &d);
}

static void test_two_hops(void **state)
{
	struct machine m;
	struct dig d;
	uint32_t near, far;

	(void)state;
	machine_init(&m);
	far = (uint32_t)fake_block(&m.f, "Far ", POOL_NONPAGED, 0x10);
	near = (uint32_t)fake_block(&m.f, "Near", POOL_NONPAGED, 0x10);
	put32(&m.f, far + 4, (uint32_t)m.device[2]->extension_va + 0x20);
	put32(&m.f, near + 8, far);
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4, near);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].device, m.device[2]);
	assert_string_equal(d.s->owners[0].path,
			    "+0x4 -> 'Near' +0x8 -> 'Far ' +0x4 -> extension (+0x20)");
	end(&m, &d);
}

/* One circular list, in no order, its head in an extension. */
static void test_list(void **state)
{
	struct machine m;
	struct dig d;
	static uint32_t entry[BLOCKS + 1];

	(void)state;
	machine_init(&m);
	entry[BLOCKS] = (uint32_t)m.device[0]->extension_va + 0x30;
	for (uint32_t i = 0; i < BLOCKS; i++)
		entry[i] = (uint32_t)leak(&m, i) + 8;
	for (uint32_t i = 0; i <= BLOCKS; i++) {
		uint32_t next = (i + 37) % (BLOCKS + 1);        /* a cycle through all */

		put32(&m.f, entry[i], entry[next]);
		put32(&m.f, entry[next] + 4, entry[i]);
	}
	finish(&m, &d);
	assert_int_equal(d.s->columns[2].kind, COLUMN_LIST);
	assert_int_equal(d.s->columns[3].kind, COLUMN_LIST);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].device, m.device[0]);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	assert_int_equal(d.s->listed, BLOCKS);
	assert_string_equal(d.s->owners[0].path,
			    "+0x8 -> list whose head is in the extension (+0x30)");
	assert_non_null(strstr(d.s->verdict_words, "can still reach them"));
	end(&m, &d);
}

/* Every 40th entry is in memory that is not there: parts remain, and one head. */
static void test_cut_list(void **state)
{
	static uint32_t entry[BLOCKS + 1];
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	entry[BLOCKS] = (uint32_t)m.device[0]->extension_va + 0x30;
	for (uint32_t i = 0; i < BLOCKS; i++)
		entry[i] = (uint32_t)leak(&m, i) + 8;
	for (uint32_t i = 0; i <= BLOCKS; i++) {
		uint32_t next = (i + 37) % (BLOCKS + 1), gone = FAKE_BASE + FAKE_RAM + i * 16;
		bool lost = i % 40 == 0 && i < BLOCKS && next < BLOCKS;

		put32(&m.f, entry[i], lost ? gone : entry[next]);
		put32(&m.f, entry[next] + 4, lost ? gone : entry[i]);
	}
	finish(&m, &d);
	assert_int_equal(d.s->columns[2].kind, COLUMN_LIST);
	assert_non_null(strstr(d.s->columns[2].words, "missing memory"));
	assert_int_equal(d.s->listed, BLOCKS);
	assert_ptr_equal(d.s->owners[0].device, m.device[0]);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	end(&m, &d);
}

/* With two lists nobody can say whose the cut parts are. */
static void test_cut_lists(void **state)
{
	static uint32_t entry[2][BLOCKS / 2 + 1];
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t k = 0; k < 2; k++) {
		uint32_t n = BLOCKS / 2;

		entry[k][n] = (uint32_t)m.device[k]->extension_va + 0x30;
		for (uint32_t i = 0; i < n; i++)
			entry[k][i] = (uint32_t)leak(&m, i) + 8;
		for (uint32_t i = 0; i <= n; i++) {
			uint32_t next = (i + 1) % (n + 1), gone = FAKE_BASE + FAKE_RAM + i * 16;
			bool lost = i % 40 == 0 && i < n && next < n;

			put32(&m.f, entry[k][i], lost ? gone : entry[k][next]);
			put32(&m.f, entry[k][next] + 4, lost ? gone : entry[k][i]);
		}
	}
	finish(&m, &d);
	assert_int_equal(d.s->columns[2].kind, COLUMN_LIST);
	assert_null(strstr(d.s->columns[2].words, "missing memory"));
	assert_true(d.s->listed < 100);
	end(&m, &d);
}

/* Only code of two.sys: the driver, and neither of its devices. */
static void test_driver_only(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4,
		      (uint32_t)m.driver[1]->image_base + 0x1100 + i % 2 * 13);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].driver, m.driver[1]);
	assert_null(d.s->owners[0].device);
	assert_string_equal(d.s->owners[0].path, "+0x4 -> image two.sys");
	assert_non_null(strstr(d.s->verdict_words, "which of the driver's devices"));
	end(&m, &d);
}

/* An image that is gone is named, too. */
static void test_unloaded(void **state)
{
	static struct unloaded gone = { .name = "gone.sys", .first_va = 0x80800000,
					.end_va = 0x80808000 };
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	m.f.os.unloaded = &gone;
	m.f.os.nr_unloaded = 1;
	for (uint32_t i = 0; i < BLOCKS; i++)
		put32(&m.f, leak(&m, i) + 4, 0x80801234);
	finish(&m, &d);
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].unloaded, &gone);
	assert_string_equal(d.s->owners[0].name, "gone.sys");
	end(&m, &d);
}

static void test_file_and_irp(void **state)
{
	struct machine m;
	struct dig d;
	uint32_t file, irp;

	(void)state;
	machine_init(&m);
	file = (uint32_t)fake_block(&m.f, "Fil\xe5", POOL_NONPAGED, 0x18 + 0x70) + 0x18;
	put32(&m.f, file, 0x00700005);
	put32(&m.f, file + 4, (uint32_t)m.device[0]->va);
	irp = (uint32_t)fake_block(&m.f, "Irp ", POOL_NONPAGED, 0x70 + 2 * 0x24);
	put32(&m.f, irp, (0x70 + 2 * 0x24) << 16 | 6);
	put32(&m.f, irp + 0x20, 2 << 24 | 2 << 16);     /* two locations, at the second */
	put32(&m.f, irp + 0x70 + 0x24 + 0x14, (uint32_t)m.device[0]->va);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = leak(&m, i);

		put32(&m.f, va + 4, file);
		put32(&m.f, va + 8, irp);
	}
	finish(&m, &d);
	assert_ptr_equal(d.s->owners[0].device, m.device[0]);
	assert_int_equal(d.s->owners[0].nr_evidence, 2);
	assert_string_equal(d.s->columns[1].target, "file of \\Device\\One");
	assert_string_equal(d.s->columns[2].target, "irp at \\Device\\One");
	end(&m, &d);
}

/* Stale pointers in words that nobody wrote name nobody. */
static void test_stale_is_no_evidence(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = leak(&m, i);

		put32(&m.f, va + 0x1c, 0);
		for (uint32_t k = 8; k < 0x20; k += 4) {
			uint32_t v = fake_random(&m.f), r = v % 10;

			put32(&m.f, va + k, r < 3 ? (uint32_t)m.device[0]->va :
			      r < 5 ? 0x41424344 + v % 99 : r < 7 ? v % 0x8000 :
			      r < 8 ? FAKE_BASE + FAKE_POOL_PA + v % 0x8000 * 8 : 0);
		}
	}
	finish(&m, &d);
	assert_int_equal(d.s->used_bytes, 8);   /* +4 is 0 in all: cleared */
	assert_int_equal(d.s->verdict, VERDICT_NONE);
	end(&m, &d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extension_beats_device),
		cmocka_unit_test(test_tie),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_thin),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_popular),
		cmocka_unit_test(test_popular_beside),
		cmocka_unit_test(test_hop),
		cmocka_unit_test(test_two_hops),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_cut_list),
		cmocka_unit_test(test_cut_lists),
		cmocka_unit_test(test_driver_only),
		cmocka_unit_test(test_unloaded),
		cmocka_unit_test(test_file_and_irp),
		cmocka_unit_test(test_stale_is_no_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
