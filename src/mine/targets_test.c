/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words to targets: each kind once, its offset, and its words.
 */
#include "test_util.h"

struct machine {
	struct fake f;
	struct targets t;
	struct arena arena;
	struct driver *driver;
	struct device *device;
	uint64_t event, file, block, thread;
};

static struct thread a_thread;
static struct unloaded gone = { .name = "gone.sys", .first_va = 0x80040000,
				.end_va = 0x80041000 };

static void machine_init(struct machine *m)
{
	struct fake *f = &m->f;

	fake_init(f);
	arena_init(&m->arena);
	m->driver = fake_driver(f, "\\Driver\\One", "one.sys");
	m->device = fake_device(f, "\\Device\\One", m->driver);
	m->event = fake_event(f, m->device, 0x18);
	m->block = fake_block(f, "Blok", POOL_NONPAGED, 0x40);
	m->file = fake_block(f, "Fil\xe5", POOL_NONPAGED, 0x18 + 0x70) + 0x18;
	put32(f, m->file, 0x00700005);
	put32(f, m->file + 4, (uint32_t)m->device->va);
	m->thread = fake_block(f, "Thr\xe5", POOL_NONPAGED, 0x260) + 0x18;
	a_thread = (struct thread){ .va = m->thread, .stack_first = 0x80050000,
				    .stack_end = 0x80053000 };
	f->os.threads = &a_thread;
	f->os.nr_threads = 1;
	f->os.unloaded = &gone;
	f->os.nr_unloaded = 1;
	fake_seal(f);
	assert_int_equal(targets_init(&m->t, &f->os, &f->pool, NULL), DL_OK);
}

static void machine_end(struct machine *m)
{
	targets_deinit(&m->t);
	arena_deinit(&m->arena);
	fake_deinit(&m->f);
}

static void check(struct machine *m, uint64_t va, enum target_kind kind, uint64_t offset,
		  const char *text)
{
	struct target t;

	target_of(&m->t, &m->f.os.vm, va, &t);
	assert_string_equal(target_kind_name(t.kind), target_kind_name(kind));
	assert_int_equal(t.offset, offset);
	assert_string_equal(target_text(&m->t, &t, &m->arena), text);
}

static void test_kinds(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m);
	check(&m, 0, TARGET_NONE, 0, "no kernel address");
	check(&m, 0x7fffffff, TARGET_NONE, 0, "no kernel address");
	check(&m, 0x100000000, TARGET_NONE, 0, "no kernel address");
	check(&m, 0xf0000000, TARGET_UNMAPPED, 0, "nothing mapped");
	check(&m, 0x80002000, TARGET_KERNEL, 0, "kernel memory");
	check(&m, m.device->va, TARGET_DEVICE, 0, "\\Device\\One");
	check(&m, m.device->va + 0x60, TARGET_DEVICE, 0x60, "\\Device\\One+0x60");
	check(&m, m.device->extension_va, TARGET_EXTENSION, 0, "\\Device\\One extension");
	check(&m, m.device->extension_va + 0x100 - 1, TARGET_EXTENSION, 0xff,
	      "\\Device\\One extension+0xff");
	check(&m, m.event, TARGET_DISPATCHER, 0x18, "\\Device\\One extension+0x18 (KEVENT)");
	check(&m, m.driver->va, TARGET_DRIVER, 0, "\\Driver\\One");
	check(&m, m.driver->image_base + 0x1004, TARGET_MODULE, 0x1004, "one.sys .text +0x1004");
	check(&m, m.driver->image_base, TARGET_MODULE, 0, "one.sys ");
	check(&m, 0x80040010, TARGET_UNLOADED, 0x10, "unloaded gone.sys+0x10");
	check(&m, 0x80052000, TARGET_STACK, 0x2000, "a thread's kernel stack");
	check(&m, m.file, TARGET_FILE, 0, "FILE_OBJECT of \\Device\\One");
	check(&m, m.file + 8, TARGET_FILE, 8, "FILE_OBJECT+0x8 of \\Device\\One");
	check(&m, m.thread, TARGET_THREAD, 0, "ETHREAD");
	check(&m, m.block + 4, TARGET_BLOCK, 4, "pool block 'Blok'+0x4");
	check(&m, m.block - 8, TARGET_BLOCK, (uint64_t)-8, "pool block 'Blok'-0x8");
	machine_end(&m);
}

static void test_whose(void **state)
{
	struct machine m;
	struct target t;

	(void)state;
	machine_init(&m);
	target_of(&m.t, &m.f.os.vm, m.event, &t);
	assert_ptr_equal(t.device, m.device);
	assert_ptr_equal(t.driver, m.driver);
	assert_string_equal(t.module->name, "one.sys");
	target_of(&m.t, &m.f.os.vm, m.driver->image_base + 0x1004, &t);
	assert_ptr_equal(t.driver, m.driver);
	assert_null(t.device);
	assert_string_equal(t.section->name, ".text");
	target_of(&m.t, &m.f.os.vm, m.file, &t);
	assert_ptr_equal(t.device, m.device);
	assert_int_not_equal(t.block, SIZE_MAX);
	machine_end(&m);
}

/* A tag alone makes no file: without its codes the block is just a block. */
static void test_not_a_file(void **state)
{
	struct machine m;
	struct target t;

	(void)state;
	machine_init(&m);
	put32(&m.f, m.file, 0x00710005);
	target_of(&m.t, &m.f.os.vm, m.file, &t);
	assert_int_equal(t.kind, TARGET_BLOCK);
	machine_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
