/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os_open() on minidumps: built ones of both widths, and real ones of three
 * machines, which are not part of the project; without them that test says so.
 */
#include "dumpleak/os/os.h"

#include "../container/triage_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct opened {
	struct source *source;
	struct container *container;
	struct os os;
};

static void open_os(struct opened *o, struct bytes b)
{
	struct dl_err err = { "" };

	assert_int_equal(source_open_memory(b, "m.dmp", NULL, &o->source, &err), DL_OK);
	if (container_open(o->source, &o->container, &err) ||
	    os_open(o->container, NULL, &o->os, &err))
		fail_msg("%s", err.text);
}

static void close_os(struct opened *o)
{
	os_close(&o->os);
	container_close(o->container);
	source_close(o->source);
}

static bool has_note(const struct os *os, const char *words)
{
	for (size_t i = 0; i < os->nr_notes; i++)
		if (strstr(os->notes[i].text, words))
			return true;
	return false;
}

static void check_identity(const struct os *os, const struct tb *tb)
{
	assert_ptr_equal(os->vm.mode, &paging_none);
	assert_int_equal(os->vm.root_pa, 0x1ad000);
	assert_string_equal(os->dtb_how, "header");
	assert_string_equal(os->kdbg_how, "header");
	assert_int_equal(os->kdbg.va, tb->kdbg);
	assert_int_equal(os->kernel_base, tb->kernel);
	assert_int_equal(os->kernel_bytes, 0x800000);
	assert_int_equal(os->build, tb->wide ? 22000 : 2600);
	assert_string_equal(os->name, tb->wide ? "Windows 11 21H2 (NT 10.0)"
					       : "Windows XP (NT 5.1)");
	assert_string_equal(os->build_lab, tb->wide ? "22000.1.amd64fre.co"
						    : "2600.xpsp.040803-21");
	assert_string_equal(os->product, "workstation");
	assert_int_equal(os->nr_processors, 2);
	assert_int_equal(os->bugcheck_code.value, 0xd1);
	assert_int_equal(os->bugcheck_parameter[1].value, tb->data + 1);
	assert_int_equal(os->up_time, 36000000000);
	assert_int_equal(os->boot_time, 132539328000000000 - 36000000000);
	assert_int_equal(os->layout.ptr_bytes, tb->wide ? 8 : 4);
}

static void check_lists(const struct os *os, const struct tb *tb)
{
	assert_int_equal(os->nr_modules, 3);
	assert_string_equal(os->modules[0].name, "ntoskrnl.exe");
	assert_string_equal(os->modules[0].path, "\\SystemRoot\\system32\\ntoskrnl.exe");
	assert_string_equal(os->modules[1].name, "hal.dll");
	assert_string_equal(os->modules[1].path, "");
	assert_int_equal(os->modules[1].timestamp, 0x41107d0e);
	assert_ptr_equal(os->modules_by_base[0], &os->modules[1]);
	assert_ptr_equal(os_module_at(os, tb->kernel + 0x1000), &os->modules[0]);
	assert_null(os_module_at(os, tb->kernel + 0x800000));
	assert_int_equal(os->nr_unloaded, 1);
	assert_string_equal(os->unloaded[0].name, "dump_storpor");
}

static void check_stack(const struct os *os, const struct tb *tb)
{
	size_t width = tb->wide ? 8 : 4;

	assert_int_equal(os->stack_va, tb->stack + 0x20);
	assert_int_equal(os->nr_stack_words, (TB_STACK_BYTES - 0x20) / width);
	for (size_t i = 0; i < os->nr_stack_words; i++)
		assert_int_equal(os->stack_words[i], tb->kernel + 0x1020 + i * width);
}

static void test_both_widths(void **state)
{
	static uint8_t image[TB_MAX];

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct opened o;
		size_t n;
		struct tb tb = tb_build(image, wide, &n);

		open_os(&o, (struct bytes){ image, n });
		check_identity(&o.os, &tb);
		check_lists(&o.os, &tb);
		check_stack(&o.os, &tb);
		assert_int_equal(o.os.pdb.known, wide);
		assert_string_equal(o.os.pdb.name, wide ? "ntkrnlmp.pdb" : "");
		assert_string_equal(o.os.pdb.guid, wide ? "030201000504070608090A0B0C0D0E0F" : "");
		assert_int_equal(o.os.nr_notes, 0);
		close_os(&o);
	}
}

/* Without KDBG the kernel is known by its name; a stack pointer elsewhere is not used. */
static void test_less(void **state)
{
	static uint8_t image[TB_MAX];
	struct opened o;
	size_t n;
	struct tb tb = tb_build(image, true, &n);

	(void)state;
	image[0x2000 + TB_KDBG + 0x10] = 'X';
	tb_word(image + 0x348 + 0x98, tb.stack + TB_STACK_BYTES, 8);
	tb_word(image + 0xc, 99, 4);
	tb_word(image + 0x2000 + TB_DRIVERS + 0x90 + 0x38, 0x1234, 8);
	open_os(&o, (struct bytes){ image, n });
	assert_string_equal(o.os.kdbg_how, "not found");
	assert_true(has_note(&o.os, "the KDBG block at VA 0xfffff80012405b20"));
	assert_true(has_note(&o.os, "1 of the 3 modules"));
	assert_true(has_note(&o.os, "only what the minidump lists is shown"));
	assert_int_equal(o.os.kernel_base, tb.kernel);
	assert_string_equal(o.os.build_lab, "");
	assert_string_equal(o.os.name, "Windows build 99");
	assert_int_equal(o.os.stack_va, tb.stack);
	assert_int_equal(o.os.nr_stack_words, TB_STACK_BYTES / 8);
	assert_int_equal(o.os.nr_modules, 2);
	close_os(&o);
}

static void test_unknown_machine(void **state)
{
	static uint8_t image[TB_MAX];
	struct dl_err err = { "" };
	struct opened o;
	size_t n;

	(void)state;
	tb_build(image, true, &n);
	tb_word(image + 0x30, 0x200, 4);
	assert_int_equal(source_open_memory((struct bytes){ image, n }, "m.dmp", NULL, &o.source,
					    &err), DL_OK);
	assert_int_equal(container_open(o.source, &o.container, &err), DL_OK);
	assert_int_equal(os_open(o.container, NULL, &o.os, &err), DL_UNSUPPORTED);
	assert_non_null(strstr(err.text, "MachineImageType 0x200"));
	container_close(o.container);
	source_close(o.source);
}

/* ---- real ones ---- */

static const struct real {
	const char *file, *lab;
	uint32_t machine, build, nr_processors, bugcheck;
	size_t nr_modules, nr_unloaded, nr_blocks, nr_blobs;
	uint64_t up_time, kernel_base;
	uint64_t nonpaged_pages;        /* 0: no counters */
	const char *last_module;
} reals[] = {
	{ "19041-x64-1000007e.dmp", "19041.1.amd64fre.vb_release.191206-1406", 0x8664, 19041, 16,
	  0x1000007e, 151, 4, 1831, 20, 37470697, 0xfffff8047ba00000, 0, "rdpbus.sys" },
	{ "19041-x64-4a-notmyfault.dmp", "", 0x8664, 19041, 1,
	  0x4a, 156, 9, 33, 29, 4950574080, 0xfffff8075bc0e000, 0x3ee6, "myfault.sys" },
	{ "22000-arm64-1c8.dmp", "22000.1.arm64fre.co_release.210604-1628", 0xaa64, 22000, 8,
	  0x1c8, 245, 11, 679, 42, 7967053432, 0xfffff803f2e00000, 0, "terminpt.sys" },
};

static void check_real(struct opened *o, const struct real *r)
{
	const struct dump_minidump *m = o->os.minidump;
	const struct os *os = &o->os;
	size_t in_modules = 0;

	assert_ptr_equal(m, container_minidump(o->container));
	assert_int_equal(os->layout.machine, r->machine);
	assert_int_equal(os->build, r->build);
	assert_string_equal(os->build_lab, r->lab);
	assert_int_equal(os->nr_processors, r->nr_processors);
	assert_int_equal(os->bugcheck_code.value, r->bugcheck);
	assert_int_equal(os->nr_modules, r->nr_modules);
	assert_int_equal(os->nr_unloaded, r->nr_unloaded);
	assert_int_equal(m->nr_blocks, r->nr_blocks);
	assert_int_equal(container_header(o->container)->nr_blobs, r->nr_blobs);
	assert_int_equal(os->up_time, r->up_time);
	assert_int_equal(os->kernel_base, r->kernel_base);
	assert_int_equal(m->nonpaged_pages, r->nonpaged_pages);
	assert_string_equal(os->modules[0].name, "ntoskrnl.exe");
	assert_string_equal(os->modules[r->nr_modules - 1].name, r->last_module);
	assert_int_equal(os->nr_notes, 0);
	assert_true(os->nr_stack_words > 100);
	for (size_t i = 0; i < os->nr_stack_words; i++)
		in_modules += os_module_at(os, os->stack_words[i]) != NULL;
	assert_true(in_modules > 3);
}

/* In the directory minidump/ beside the one that DUMPLEAK_REAL_DUMPS names. */
static void test_real(void **state)
{
	const char *dir = getenv("DUMPLEAK_REAL_DUMPS");

	(void)state;
	for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
		struct dl_err err = { "" };
		struct opened o;
		char path[512];
		size_t nr_notes;

		snprintf(path, sizeof path, "%s/../minidump/%s",
			 dir ? dir : "../shared/dumps/nt52", reals[i].file);
		if (access(path, F_OK)) {
			printf("skipped: %s is not here\n", path);
			continue;
		}
		if (source_open_path(path, NULL, &o.source, &err) ||
		    container_open(o.source, &o.container, &err) ||
		    os_open(o.container, NULL, &o.os, &err))
			fail_msg("%s", err.text);
		container_notes(o.container, &nr_notes);
		assert_int_equal(nr_notes, 0);
		check_real(&o, &reals[i]);
		close_os(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_widths),
		cmocka_unit_test(test_less),
		cmocka_unit_test(test_unknown_machine),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
