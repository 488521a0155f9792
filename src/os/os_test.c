/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os_open() on a machine built in memory: as it should be, and spoilt in the
 * ways that dumps are.
 */
#include "test_setup.h"

static void assert_healthy(struct os *os)
{
	assert_int_equal(os->nr_notes, 0);
	assert_string_equal(os->name, "Windows Server 2003 (NT 5.2)");
	assert_string_equal(os->build_lab, "3790.srv03_sp1_rtm.050324-1447");
	assert_string_equal(os->service_pack, "Service Pack 1");
	assert_int_equal(os->kernel_base, va_of(KERNEL));
	assert_int_equal(os->kernel_bytes, KERNEL_BYTES);
	assert_int_equal(os->kdbg.va, va_of(KDBG_AT));
	assert_int_equal(os->up_time, 600000000);
	assert_int_equal(os->system_time, 0x01c4b56e93910000);
	assert_int_equal(os->nr_modules, 2);
	assert_int_equal(os->nr_unloaded, 1);
	assert_string_equal(os->unloaded[0].name, "gone.sys");
	assert_int_equal(os->nr_drivers, 1);
	assert_int_equal(os->nr_devices, 2);
	assert_int_equal(os->nr_processes, 1);
	assert_int_equal(os->nr_threads, 1);
}

static void healthy_ia32(void **state)
{
	struct os *os = opened(*state);

	assert_healthy(os);
	assert_ptr_equal(os->vm.mode, &paging_ia32);
	assert_int_equal(os->vm.root_pa, ROOT);
	assert_string_equal(os->dtb_how, "scan");
}

static void healthy_pae(void **state)
{
	struct machine *m = *state;

	machine_build(m, true);
	assert_healthy(opened(m));
	assert_ptr_equal(m->os.vm.mode, &paging_pae);
	assert_int_equal(m->os.vm.root_pa, ROOT + 0x60);
}

static void what_a_module_holds(void **state)
{
	struct os *os = opened(*state);
	const struct module *m = os_module_at(os, va_of(DRIVER_IMAGE) + 0x1234);

	assert_non_null(m);
	assert_string_equal(m->name, "leaky.sys");
	assert_string_equal(m->path, "\\SystemRoot\\leaky.sys");
	assert_int_equal(m->timestamp, 0x41107b90);
	assert_true(m->has_version);
	assert_int_equal(m->version[0], 5);
	assert_int_equal(m->version[1], 2);
	assert_int_equal(m->version[2], 3790);
	assert_int_equal(m->version[3], 1830);
	assert_int_equal(m->nr_sections, 2);
	assert_string_equal(os_section_at(m, m->base + 0x17ff)->name, ".text");
	assert_null(os_section_at(m, m->base + 0x1800));
	assert_null(os_module_at(os, m->base + m->size_bytes));
	assert_null(os_module_at(os, 0));
	assert_null(os_module_at(os, UINT64_MAX));
}

static void what_a_device_holds(void **state)
{
	struct os *os = opened(*state);
	const struct device *named = os_device_at(os, va_of(object_pa(OBJ_DEV1)));
	const struct device *unnamed = os_device_at(os, va_of(object_pa(OBJ_DEV2)));

	assert_non_null(named);
	assert_string_equal(named->name, "\\Device\\Leaky0");
	assert_int_equal(named->found, FOUND_DIRECTORY);
	assert_int_equal(named->attached_va, unnamed->va);
	assert_int_equal(named->extension_va, named->va + 0xb8);
	assert_int_equal(named->extension_bytes, 0x40);
	assert_int_equal(named->size_bytes, 0xf8);
	assert_int_equal(named->device_type, 0x22);
	assert_string_equal(unnamed->name, "");
	assert_int_equal(unnamed->found, FOUND_LINK);
	assert_int_equal(unnamed->attached_to_va, named->va);
	assert_string_equal(os->drivers[unnamed->driver].name, "\\Driver\\Leaky");
	assert_string_equal(os->modules[os->drivers[0].module].name, "leaky.sys");
	assert_null(os_device_at(os, named->va + 4));
}

/* Nothing leads to the device; whoever finds it offers it, and it gets its name. */
static void offered_objects(void **state)
{
	struct machine *m = *state;
	struct dl_err err = { "" };
	uint64_t va = va_of(object_pa(OBJ_DEV1));
	struct os *os;

	put32(m, object_pa(OBJ_DEVICE_DIR) + 3 * 4, 0);
	put32(m, object_pa(OBJ_DRIVER_DIR) + 7 * 4, 0);
	os = opened(m);
	assert_int_equal(os->nr_devices + os->nr_drivers, 0);
	assert_int_equal(objects_try(os, va + 8, FOUND_POOL, &err), DL_NOTFOUND);
	assert_string_not_equal(err.text, "");
	assert_int_equal(objects_try(os, va, FOUND_POOL, &err), DL_OK);
	assert_int_equal(objects_try(os, va, FOUND_POOL, &err), DL_OK);
	objects_sort(os);
	assert_int_equal(os->nr_devices, 2);
	assert_int_equal(os->nr_drivers, 1);
	/* its driver, found through it, links back to it */
	assert_int_equal(os->devices[0].found, FOUND_LINK);
	assert_string_equal(os->devices[0].name, "\\Device\\Leaky0");
	assert_int_equal(os->devices[1].found, FOUND_LINK);
	assert_int_equal(os->devices[1].driver, 0);
}

static void no_kernel(void **state)
{
	struct machine *m = *state;
	struct dl_err err = { "" };

	memset(m->ram, 0, RAM_BYTES);
	assert_int_equal(machine_open(m, &err), DL_NOTFOUND);
	assert_non_null(strstr(err.text, "256 pages looked at"));
	assert_non_null(strstr(err.text, "0 self-mapping page directories, 0 KDBG blocks"));
}

/* A KDBG block and a page directory that have nothing to do with each other. */
static void no_pair(void **state)
{
	struct machine *m = *state;
	struct dl_err err = { "" };

	memset(m->ram + KERNEL, 0, 2);
	put32(m, LDR0 + 0x18, va_of(DRIVER_IMAGE));     /* nor does the first module say so */
	assert_int_equal(machine_open(m, &err), DL_NOTFOUND);
	assert_non_null(strstr(err.text, "no two belong together"));
}

static void stale_copies(void **state)
{
	struct machine *m = *state;

	/* of the KDBG outside the image, and of the root table in a free page */
	memcpy(m->ram + 0x8000, m->ram + KDBG_AT, 0x318);
	memcpy(m->ram + 0x9000, m->ram + ROOT, PAGE_BYTES);
	assert_healthy(opened(m));
	assert_int_equal(m->os.vm.root_pa, ROOT);
}

/* A dead process's directory comes first: the System process's is used. */
static void dead_page_directory(void **state)
{
	struct machine *m = *state;

	memset(m->ram + 0x9000, 0, PAGE_BYTES);
	memcpy(m->ram + 0x9000, m->ram + ROOT, PAGE_BYTES);
	memset(m->ram + ROOT, 0, PAGE_BYTES);
	memcpy(m->ram + 0xe0000, m->ram + 0x9000, PAGE_BYTES);
	put32(m, 0x9000 + 0x300 * 4, 0x9063);
	put32(m, 0xe0000 + 0x300 * 4, 0xe0063);
	put32(m, PROCESS_AT + 0x18, 0xe0000);
	assert_healthy(opened(m));
	assert_int_equal(m->os.vm.root_pa, 0xe0000);
}

static void without_kdbg(void **state)
{
	struct machine *m = *state;
	struct os *os;

	memset(m->ram + KDBG_AT, 0, 0x318);
	os = opened(m);
	assert_string_equal(os->kdbg_how, "not found");
	assert_int_equal(os->kernel_base, va_of(KERNEL));
	assert_int_equal(os->nr_modules, 2);
	assert_int_equal(os->nr_devices, 2);
	assert_true(has_note(os, "no KDBG block"));
	assert_true(has_note(os, "found by searching the kernel's data"));
}

static void foreign_build_lab(void **state)
{
	struct machine *m = *state;
	struct os *os;

	memcpy(m->ram + LAB, "20251122-\x1b[31m", 15);
	os = opened(m);
	assert_string_equal(os->name, "NT 5.2 compatible (NtBuildLab \"20251122-\\x1b[31m\")");
	assert_int_equal(os->build, 3790);
}

static void contradicting_builds(void **state)
{
	struct machine *m = *state;
	struct os *os;

	memcpy(m->ram + LAB, "2600.", 5);
	os = opened(m);
	assert_int_equal(os->build, 2600);
	assert_true(has_note(os, "KUSER_SHARED_DATA's version says build 3790"));
	assert_true(has_note(os, "KDBG block says build 3790"));
	/* the rows of 2600 do not fit these processes, those of another build do */
	assert_int_equal(os->nr_processes, 1);
	assert_true(has_note(os, "EPROCESS and ETHREAD are not those expected of build 2600"));
}

static void unsupported_build(void **state)
{
	struct machine *m = *state;
	struct dl_err err = { "" };

	memcpy(m->ram + LAB, "2195.", 5);
	assert_int_equal(machine_open(m, &err), DL_UNSUPPORTED);
	assert_non_null(strstr(err.text, "2195"));
}

static void torn_clock(void **state)
{
	struct machine *m = *state;

	put32(m, SHARED + 0x1c, 0x01c4b56f);
	assert_int_equal(opened(m)->system_time, 0);
	assert_int_equal(m->os.up_time, 600000000);
}

static void wild_system_range(void **state)
{
	struct machine *m = *state;

	put32(m, VARIABLES + 0x14, 0xc0000000);         /* above the kernel itself */
	assert_int_equal(opened(m)->system_range_start, 0x80000000);
	assert_true(has_note(&m->os, "MmSystemRangeStart"));
}

static void module_list_loops(void **state)
{
	struct machine *m = *state;

	put32(m, LDR1, va_of(LDR1));            /* linked to itself, both ways */
	put32(m, LDR1 + 4, va_of(LDR1));
	assert_int_equal(opened(m)->nr_modules, 2);
	assert_true(has_note(&m->os, "module list runs into itself at VA 0x80050100"));
}

static void module_list_breaks(void **state)
{
	struct machine *m = *state;
	const uint32_t modules[] = { MODULES_HEAD, LDR0, 0x50200, LDR1 };

	put_list(m, modules, 4);
	put32(m, LDR0, 0x90000000);             /* not mapped; LDR1 by its Blink */
	put32(m, LDR1 + 4, 0x90000000);
	assert_int_equal(opened(m)->nr_modules, 2);
	assert_string_equal(m->os.modules[1].name, "leaky.sys");
	assert_true(has_note(&m->os, "part of the module list is not in this image"));
}

static void hostile_names(void **state)
{
	struct machine *m = *state;
	struct os *os;

	put_ustr(m, LDR0 + 0x2c, "nt\x1b]0;x\x07");
	put16(m, LDR1 + 0x2c, 0xffff);          /* odd, and longer than any name */
	put32(m, LDR1 + 0x24 + 4, 0x90000000);
	os = opened(m);
	assert_string_equal(os->modules[0].name, "nt\\u001b]0;x\\u0007");
	assert_string_equal(os->modules[1].name, "");
	assert_string_equal(os->modules[1].path, "");
}

static void wild_modules(void **state)
{
	static const struct { uint32_t off, value; } rows[] = {
		{ 0x18, 0x12345000 },   /* a user address   */
		{ 0x18, 0x80040010 },   /* not a page       */
		{ 0x20, 0 }, { 0x20, 0xfffff000 },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		machine_build(m, false);
		put32(m, LDR1 + rows[i].off, rows[i].value);
		assert_int_equal(opened(m)->nr_modules, 1);
		assert_true(has_note(&m->os, "no module at VA 0x80050100"));
		machine_close(m);
	}
}

static void wild_image_headers(void **state)
{
	static const struct { uint32_t off, value; bool headers; } rows[] = {
		{ 0x3c, 0xfffffff0, false }, { 0x3c, 0xff0, false },
		{ 0x80 + 6, 0xffff, true },             /* NumberOfSections      */
		{ 0x80 + 20, 0xffff, true },            /* SizeOfOptionalHeader  */
		{ 0x80 + 0x18 + 112, 0xfffffff0, true },/* resource directory    */
		{ 0x2014, 0x80000000, true },           /* leads to itself       */
		{ 0x200c, 0xffffffff, true },           /* 131070 entries        */
		{ 0x2048, 0xfffffff0, true },           /* the version's address */
	};
	struct machine *m = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		machine_build(m, false);
		put32(m, DRIVER_IMAGE + rows[i].off, rows[i].value);
		opened(m);
		assert_int_equal(m->os.nr_modules, 2);
		assert_int_equal(m->os.modules[1].has_headers, rows[i].headers);
		assert_true(m->os.modules[1].nr_sections <= 96);
		machine_close(m);
	}
}

static void process_list_loops(void **state)
{
	struct machine *m = *state;

	put32(m, PROCESS_AT + 0x98, va_of(PROCESS_AT + 0x98));
	put32(m, THREAD_AT + 0x224, va_of(THREAD_AT + 0x224));
	assert_int_equal(opened(m)->nr_processes, 1);
	assert_int_equal(m->os.nr_threads, 1);
	assert_true(has_note(&m->os, "list of processes runs into itself"));
	assert_true(has_note(&m->os, "list of threads runs into itself"));
}

static void notes_alike(void **state)
{
	struct os *os = opened(*state);

	for (int i = 0; i < 100; i++)
		os_note(os, DL_OK, "the %dth of many", i);
	os_note(os, DL_OK, "another");
	assert_int_equal(os->nr_notes, OS_NOTES_ALIKE + 1);
	assert_string_equal(os->notes[2].text, "the 2th of many");
	assert_string_equal(os->notes[3].text,
			    "the 3th of many (and at least 90 more like this)");
	assert_string_equal(os->notes[4].text, "another");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(healthy_ia32), TEST(healthy_pae), TEST(what_a_module_holds),
		TEST(what_a_device_holds), TEST(offered_objects), TEST(no_kernel),
		TEST(no_pair), TEST(stale_copies), TEST(dead_page_directory),
		TEST(without_kdbg), TEST(foreign_build_lab), TEST(contradicting_builds),
		TEST(unsupported_build), TEST(torn_clock), TEST(wild_system_range),
		TEST(module_list_loops), TEST(module_list_breaks), TEST(hostile_names),
		TEST(wild_modules), TEST(wild_image_headers), TEST(process_list_loops),
		TEST(notes_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
