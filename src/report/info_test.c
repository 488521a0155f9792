/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `info` on systems made by hand: a 64-bit one with a page dump and symbols,
 * one with a minidump, and one whose names do their worst.
 */
#include "dumpleak/report/report.h"

#include "dumpleak/memory/paging.h"
#include "dumpleak/report/bugcheck.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "test_util.h"

#define K 0xfffff80123400000u
#define D 0xfffffa8014a30000u

struct machine {
	struct dump_header header;
	struct dump_blob blob;
	struct os os;
	struct module module[2];
	const struct module *by_base[2];
	struct unloaded unloaded;
	struct driver driver[2];
	struct device device[4];
	struct symbols_difference difference[2];
	struct pdb_id symbols_pdb;
	struct report_symbols symbols;
	struct dump_minidump minidump;
	uint64_t stack[4];
	const char *paths[2];
	struct report_input in;
};

static void make_header(struct machine *m)
{
	m->blob = (struct dump_blob){ .guid = { 0xfd, 0x33, 0x0a, 0x27, 0xa6, 0x3d, 0x0d, 0x46,
		0xba, 0x89, 0x3c, 0x1b, 0xae, 0x21, 0xe3, 0x9b }, .off = 0x5000,
		.size_bytes = 0xfb8 };
	m->header = (struct dump_header){ .format = "bitmap64",
		.title = "64-bit kernel bitmap dump (DumpType 5)",
		.machine = { true, MACHINE_AMD64 }, .dump_type = { true, 5 },
		.attributes = { true, ATTRIBUTE_LIVE | ATTRIBUTE_FILTERED | 1 << 11 },
		.blobs = &m->blob, .nr_blobs = 1,
		.exception = { true, 0x80000003, 0, K + 0x1234 } };
}

static void make_modules(struct machine *m)
{
	m->module[0] = (struct module){ .base = K, .size_bytes = 0x1046000,
		.name = "ntoskrnl.exe", .path = "\\SystemRoot\\system32\\ntoskrnl.exe",
		.timestamp = 0x5dee2b07, .version = { 10, 0, 19041, 1682 },
		.has_version = true };
	m->module[1] = (struct module){ .base = K + 0x2000000, .size_bytes = 0x9000,
		.name = "leak.sys", .path = "\\??\\C:\\Program Files\\Leak\\leak.sys" };
	m->by_base[0] = &m->module[0];
	m->by_base[1] = &m->module[1];
	m->unloaded = (struct unloaded){ .name = "old.sys", .first_va = K + 0x3000000,
		.end_va = K + 0x3010000, .time = 132583559020000000 };
	m->os.modules = m->module;
	m->os.modules_by_base = m->by_base;
	m->os.nr_modules = 2;
	m->os.unloaded = &m->unloaded;
	m->os.nr_unloaded = 1;
}

static void make_devices(struct machine *m)
{
	m->driver[0] = (struct driver){ .va = D, .name = "\\Driver\\Disk", .image_base = K,
		.module = 0 };
	m->driver[1] = (struct driver){ .va = D + 0x1000, .name = "\\Driver\\Leak",
		.image_base = K + 0x2000000, .module = 1, .found = FOUND_LINK };
	m->device[0] = (struct device){ .va = D + 0x2000, .name = "\\Device\\DR0",
		.driver_va = D, .attached_va = D + 0x3000, .extension_va = D + 0x2150 };
	m->device[1] = (struct device){ .va = D + 0x3000, .name = "", .driver = 1,
		.driver_va = D + 0x1000, .attached_va = D + 0x4000,
		.attached_to_va = D + 0x2000, .found = FOUND_LINK };
	m->device[2] = (struct device){ .va = D + 0x4000, .name = "\\Device\\Top",
		.driver = 1, .driver_va = D + 0x1000, .attached_to_va = D + 0x3000,
		.attached_va = 0x1234 };
	m->device[3] = (struct device){ .va = D + 0x5000, .name = "", .driver = -1,
		.driver_va = D + 0x9000, .found = FOUND_POOL };
	m->os.drivers = m->driver;
	m->os.nr_drivers = 2;
	m->os.devices = m->device;
	m->os.nr_devices = 4;
}

static void make_os(struct machine *m)
{
	struct os *os = &m->os;

	os->name = "Windows 10 2004 (NT 10.0)";
	os->build_lab = "19041.1.amd64fre.vb_release.191206-1406";
	os->service_pack = "";
	os->product = "workstation";
	os->build = 19041;
	os->kernel_base = K;
	os->layout.machine = MACHINE_AMD64;
	os->layout.ptr_bytes = 8;
	os->vm.mode = &paging_x64;
	os->vm.root_pa = 0x1ad000;
	os->dtb_how = "header";
	os->kdbg.known = true;
	os->kdbg.va = K + 0xc00b20;
	os->kdbg_how = "decoded";
	os->pdb = (struct pdb_id){ true, "ntkrnlmp.pdb", "BBED7C2955FBE4522AAA23F4B8677AD9", 26 };
	os->nr_processors = 16;
	os->bugcheck_code = (struct known_u64){ true, 0x1000007e };
	os->bugcheck_parameter[0] = (struct known_u64){ true, 0xffffffffc0000005 };
	os->system_time = 132583559020000000;
	os->up_time = 37000000;
	os->boot_time = os->system_time - os->up_time;
}

static void make_symbols(struct machine *m)
{
	m->difference[0] = (struct symbols_difference){ "_DEVICE_OBJECT", "DriverObject", 8, 16 };
	m->difference[1] = (struct symbols_difference){ "_DRIVER_OBJECT", NULL, -1, 0x150 };
	m->symbols_pdb = m->os.pdb;
	m->symbols = (struct report_symbols){ "nt.json.xz", &m->symbols_pdb };
	m->in.symbols = &m->symbols;
	m->os.symbols = (const struct symbols *)m;     /* only asked whether it is there */
	m->os.differences = m->difference;
	m->os.nr_differences = 2;
}

static void make_minidump(struct machine *m)
{
	m->minidump = (struct dump_minidump){ .nr_modules = 2, .nr_unloaded = 1,
		.broken_driver = "leak.sys", .service_pack_build = 1682,
		.stack_va = D, .stack_bytes = 0x100, .prcb = { 0x2000, 0xaf00 },
		.nr_ranges = 1831, .range_bytes = 1100000, .has_mm = true,
		.nonpaged_pages = 16102, .max_nonpaged_pages = 4000000,
		.paged_pages = 25856, .max_paged_pages = 8000000,
		.committed_pages = 490841, .special_pool_tag = 0x206b614c };
	m->stack[0] = K + 0x3f71a0;
	m->stack[1] = 42;
	m->stack[2] = K + 0x3000010;
	m->stack[3] = D;
	m->os.stack_va = D + 0x40;
	m->os.stack_words = m->stack;
	m->os.nr_stack_words = 4;
	m->header.format = "triage64";
	m->header.nr_blobs = 0;
	m->os.minidump = m->in.dump.minidump = &m->minidump;
	m->os.vm.mode = &paging_none;
	m->os.nr_devices = m->os.nr_drivers = 0;
	m->in.pool_reason = "a minidump holds no pool";
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	assert_non_null(m);
	make_header(m);
	make_modules(m);
	make_devices(m);
	make_os(m);
	m->paths[0] = "a.dmp";
	m->paths[1] = "b.dmp";
	m->in.dump = (struct report_dump){ .path = "a.dmp", .header = &m->header,
		.pages_present = 1000, .pages_absent = 7 };
	m->in.os = &m->os;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static json_t *json_of(const struct report_input *in, unsigned parts)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	json_t *root;

	assert_non_null(f);
	assert_int_equal(info_json(in, parts, f), DL_OK);
	fclose(f);
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static char *text_of(const struct report_input *in, unsigned parts, unsigned width)
{
	char *text = NULL;
	size_t n = 0;
	struct paper p = { .width = width };

	p.out = open_memstream(&text, &n);
	assert_non_null(p.out);
	info_text(in, parts, &p);
	fclose(p.out);
	assert_false(p.failed);
	return text;
}

/* The value as text: strings bare, numbers in decimal, "null", "true", "false". */
static void assert_value(const json_t *root, const char *path, const char *wanted)
{
	const json_t *v = at(root, path);
	char number[32];

	if (json_is_string(v)) {
		assert_string_equal(json_string_value(v), wanted);
	} else if (json_is_integer(v)) {
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		assert_string_equal(number, wanted);
	} else {
		assert_string_equal(json_is_null(v) ? "null" : json_is_true(v) ? "true"
				    : json_is_false(v) ? "false" : "?", wanted);
	}
}

struct wanted {
	const char *path, *value;
};

static void assert_values(const json_t *root, const struct wanted *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_value(root, w[i].path, w[i].value);
}

static const struct wanted full[] = {
	{ "dump/format", "bitmap64" }, { "dump/dump_type", "5" }, { "dump/arch", "x64" },
	{ "dump/attributes/0", "live" }, { "dump/attributes/1", "filtered" },
	{ "dump/attributes/2", "bit-11" },
	{ "dump/secondary_data/0/guid", "270A33FD-3DA6-460D-BA89-3C1BAE21E39B" },
	{ "dump/secondary_data/0/offset", "20480" },
	{ "dump/secondary_data/0/size_bytes", "4024" },
	{ "dump/files/0", "a.dmp" }, { "dump/files/1", "b.dmp" },
	{ "bugcheck/code", "0x1000007e" },
	{ "bugcheck/name", "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED" },
	{ "bugcheck/parameters/0", "0xffffffffc0000005" }, { "bugcheck/parameters/1", "null" },
	{ "os/product", "workstation" }, { "os/service_pack", "null" },
	{ "os/processors", "16" }, { "os/kernel_base", "0xfffff80123400000" },
	{ "os/dtb", "0x1ad000" }, { "os/pdb/name", "ntkrnlmp.pdb" },
	{ "os/pdb/guid", "BBED7C2955FBE4522AAA23F4B8677AD9" }, { "os/pdb/age", "26" },
	{ "os/boot_time", "2021-02-21 04:38:18 UTC" },
	{ "os/crash_time", "2021-02-21 04:38:22 UTC" }, { "os/uptime_s", "3" },
	{ "os/kdbg_how", "decoded" },
	{ "os/symbols/file", "nt.json.xz" }, { "os/symbols/matched", "true" },
	{ "os/symbols/differences/0/type", "_DEVICE_OBJECT" },
	{ "os/symbols/differences/0/field", "DriverObject" },
	{ "os/symbols/differences/0/built_in", "8" },
	{ "os/symbols/differences/0/symbols", "16" },
	{ "os/symbols/differences/1/field", "null" },
	{ "os/symbols/differences/1/built_in", "null" },
	{ "minidump", "null" },
	{ "modules/0/name", "ntoskrnl.exe" }, { "modules/0/base", "0xfffff80123400000" },
	{ "modules/0/size_bytes", "17063936" }, { "modules/0/timestamp", "0x5dee2b07" },
	{ "modules/1/timestamp", "null" }, { "unloaded/0/name", "old.sys" },
	{ "drivers/1/name", "\\Driver\\Leak" }, { "drivers/1/base", "0xfffff80125400000" },
	{ "devices/0/driver", "\\Driver\\Disk" }, { "devices/0/attached_to", "null" },
	{ "devices/0/extension_va", "0xfffffa8014a32150" },
	{ "devices/1/name", "null" }, { "devices/1/attached_to", "0xfffffa8014a32000" },
	{ "devices/3/driver", "null" },
};

static void test_json(void **state)
{
	struct machine *m = *state;
	json_t *root;

	make_symbols(m);
	m->in.dump.paths = m->paths;
	m->in.dump.nr_paths = 2;
	root = json_of(&m->in, 0);
	assert_values(root, full, sizeof full / sizeof full[0]);
	assert_int_equal(json_array_size(at(root, "dump/attributes")), 3);
	json_decref(root);

	/* the header's bugcheck goes before the kernel's; symbols of another kernel */
	m->header.bugcheck_code = (struct known_u64){ true, 0xdeaddead };
	m->os.symbols = NULL;
	m->os.nr_differences = 0;
	m->os.pdb.known = false;
	root = json_of(&m->in, INFO_MODULES);
	assert_value(root, "bugcheck/name", "MANUALLY_INITIATED_CRASH1");
	assert_value(root, "os/symbols/matched", "false");
	assert_value(root, "os/pdb", "null");
	assert_null(json_object_get(root, "devices"));
	json_decref(root);
}

static const struct wanted mini[] = {
	{ "dump/format", "triage64" }, { "minidump/service_pack_build", "1682" },
	{ "minidump/broken_driver", "leak.sys" }, { "minidump/ranges", "1831" },
	{ "minidump/range_bytes", "1100000" }, { "minidump/prcb_bytes", "44800" },
	{ "minidump/mm/nonpaged_pages", "16102" }, { "minidump/mm/max_paged_pages", "8000000" },
	{ "minidump/mm/special_pool_tag", "Lak " },
	{ "minidump/tag_table", "null" },
	{ "minidump/stack/va", "0xfffffa8014a30040" },
	{ "minidump/stack/words/0/value", "0xfffff801237f71a0" },
	{ "minidump/stack/words/0/target", "ntoskrnl.exe+0x3f71a0" },
	{ "minidump/stack/words/1/target", "null" },
	{ "minidump/stack/words/1/va", "0xfffffa8014a30048" },
	{ "minidump/stack/words/2/target", "old.sys (unloaded)+0x10" },
	{ "minidump/stack/words/3/target", "null" },
};

static void test_json_minidump(void **state)
{
	struct machine *m = *state;
	json_t *root;

	make_minidump(m);
	root = json_of(&m->in, 0);
	assert_values(root, mini, sizeof mini / sizeof mini[0]);
	assert_int_equal(json_array_size(at(root, "minidump/stack/words")), 4);
	json_decref(root);

	m->in.tag_table_va = D;
	m->minidump.has_mm = false;
	m->minidump.stack_bytes = 0;
	m->minidump.broken_driver = NULL;
	root = json_of(&m->in, 0);
	assert_value(root, "minidump/mm", "null");
	assert_value(root, "minidump/stack", "null");
	assert_value(root, "minidump/tag_table", "0xfffffa8014a30000");
	assert_value(root, "minidump/broken_driver", "null");
	json_decref(root);
}

/* Each line or part of one that the text must have. */
static void assert_says(const char *text, const char *const *parts)
{
	for (; *parts; parts++)
		if (!strstr(text, *parts))
			fail_msg("\"%s\" is not in:\n%s", *parts, text);
}

static void test_text(void **state)
{
	static const char *const wanted[] = {
		"  Files           a.dmp\n                  b.dmp\n",
		"  Attributes      live, filtered, bit-11\n",
		"  Secondary data  1 stream, 3.93 KB\n",
		"  Bugcheck        0x1000007E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED\n",
		"(0xffffffffc0000005), in memory\n", "(ntoskrnl.exe+0x1234)\n",
		"(NT 10.0), build 19041, x64, workstation\n",
		"  Processors      16\n", "  Booted at       2021-02-21 04:38:18 UTC\n",
		"  Kernel          at fffff801`23400000\n",
		"  Page tables     at physical 0x1ad000 (x64), known by header\n",
		"  Debugger data   at fffff801`24000b20, encoded in memory, and decoded\n",
		"ntkrnlmp.pdb/BBED7C2955FBE4522AAA23F4B8677AD91A/ntkrnlmp.pdb\n",
		"nt.json.xz; 2 of the built-in fields differ from it\n",
		"  _DEVICE_OBJECT.DriverObject       0x8     0x10\n",
		"  size of _DRIVER_OBJECT           none    0x150\n",
		"270A33FD-3DA6-460D-BA89-3C1BAE21E39B  0x5000  0xfb8\n",
		"  fffff801`23400000  0x1046000  0x5dee2b07  ntoskrnl.exe",
		"10.0.19041.1682\n", "\\??\\C:\\Program",
		"  fffff801`26400000  fffff801`26410000  old.sys  2021-02-21 04:38:22\n",
		NULL,
	};
	struct machine *m = *state;
	char *text;

	make_symbols(m);
	m->in.dump.paths = m->paths;
	m->in.dump.nr_paths = 2;
	text = text_of(&m->in, 0, 80);
	assert_says(text, wanted);
	assert_null(strstr(text, "MINIDUMP"));
	assert_true(widest(text) <= 80);
	free(text);
	m->os.symbols = NULL;
	text = text_of(&m->in, 0, 80);
	assert_non_null(strstr(text, "nt.json.xz is of another kernel"));
	free(text);
}

static void test_text_minidump(void **state)
{
	static const char *const wanted[] = {
		"  Memory          1,831 ranges of virtual memory, 1.05 MB in all; no pages\n",
		"  Broken driver   leak.sys\n", "KPRCB (0xaf00 bytes)\n",
		"  Nonpaged pool   16,102 pages (62.9 MB) allocated, of at most 4,000,000\n",
		"  Special pool    tag 'Lak '\n", "  Tag table       none\n", "  Stack           256 B at fffffa80`14a30000\n",
		"  fffffa80`14a30040  fffff801`237f71a0  ntoskrnl.exe+0x3f71a0\n",
		"  fffffa80`14a30050  fffff801`26400010  old.sys (unloaded)+0x10\n",
		NULL,
	};
	struct machine *m = *state;
	char *text, *all = NULL;
	size_t n = 0;
	struct paper p = { .width = 80 };

	make_minidump(m);
	text = text_of(&m->in, 0, 80);
	assert_says(text, wanted);
	assert_null(strstr(text, "fffffa80`14a30048  "));
	assert_null(strstr(text, "DEVICES"));
	assert_true(widest(text) <= 80);
	free(text);
	/* the report has it as well, and says why there is nothing else */
	p.out = open_memstream(&all, &n);
	report_text(&m->in, &p);
	fclose(p.out);
	assert_non_null(strstr(all, "a minidump holds no pool"));
	assert_non_null(strstr(all, "WHAT THE MINIDUMP HOLDS"));
	free(all);
}

/* From the bottom of a stack to its top, below the driver of the bottom. */
static void test_devices(void **state)
{
	struct machine *m = *state;
	char *text = text_of(&m->in, INFO_DEVICES, 100);

	assert_non_null(strstr(text, "  └─\\Device\\DR0  "));
	assert_non_null(strstr(text, "    ├─above: \\Driver\\Leak  "));
	assert_non_null(strstr(text, "    ├─above: \\Device\\Top of \\Driver\\Leak"));
	assert_non_null(strstr(text, "    └─above: not found  "));
	assert_non_null(strstr(text, "  (driver unknown)\n"));
	assert_non_null(strstr(text, "└─(no name)  "));
	free(text);
	/* in narrow text names go on below themselves */
	text = text_of(&m->in, INFO_DEVICES, 76);
	assert_non_null(strstr(text, "    ├─above: \\Device\\Top of  "));
	assert_non_null(strstr(text, "\n      \\Driver\\Leak\n"));
	assert_true(widest(text) <= 76);
	free(text);
	/* a stack that loops ends */
	m->device[2].attached_va = m->device[0].va;
	text = text_of(&m->in, INFO_DEVICES, 80);
	assert_true(widest(text) <= 80);
	assert_non_null(strstr(text, "    └─above: a loop  "));
	assert_true(strlen(text) < 2000);
	free(text);
	/* one that does not come back to where it began, too */
	m->device[2].attached_va = m->device[1].va;
	text = text_of(&m->in, INFO_DEVICES, 80);
	assert_non_null(strstr(text, "    └─above: a loop  "));
	free(text);
}

/* Names as long as they get, of wide characters, or escaped, keep the tables whole. */
static void test_names(void **state)
{
	static const char wide[] = "\\Device\\驱动程序设备对象驱动程序设备对象驱动程序设备对象"
				   "驱动程序设备对象驱动程序设备对象";
	struct machine *m = *state;
	char *name = calloc(1, 1001), *text;

	assert_non_null(name);
	memset(name, 'x', 1000);
	m->device[0].name = name;
	m->device[1].name = wide;
	m->device[2].name = "\\Device\\u001b[31mred\\u202e";
	m->driver[1].name = wide;
	m->module[1].name = m->module[1].path = name;
	m->module[0].name = m->module[0].path = wide;
	m->unloaded.name = wide;
	m->header.exception.known = false;      /* a word wider than a line is not cut */
	text = text_of(&m->in, 0, 80);
	assert_true(widest(text) <= 80);
	assert_non_null(strstr(text, "fffffa80`14a34000"));
	free(text);
	make_minidump(m);
	m->minidump.broken_driver = name;
	text = text_of(&m->in, 0, 80);
	assert_non_null(strstr(text, "fffffa80`14a30040"));
	free(text);
	free(name);
}

static void test_bugchecks(void **state)
{
	static const struct { uint64_t code; const char *name; } wanted[] = {
		{ 0x19, "BAD_POOL_HEADER" }, { 0x3f, "NO_MORE_SYSTEM_PTES" },
		{ 0x41, "MUST_SUCCEED_POOL_EMPTY" }, { 0x4a, "IRQL_GT_ZERO_AT_SYSTEM_SERVICE" },
		{ 0xc2, "BAD_POOL_CALLER" }, { 0xc4, "DRIVER_VERIFIER_DETECTED_VIOLATION" },
		{ 0x161, "LIVE_SYSTEM_DUMP" },
		{ 0x1000008e, "KERNEL_MODE_EXCEPTION_NOT_HANDLED" },
		{ 0xc000021a, "WINLOGON_FATAL_ERROR" },
		{ 0x1c8, "MANUALLY_INITIATED_POWER_BUTTON_HOLD" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		assert_string_equal(bugcheck_name(wanted[i].code), wanted[i].name);
	assert_null(bugcheck_name(0x12345));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_minidump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_minidump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test(test_bugchecks),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
