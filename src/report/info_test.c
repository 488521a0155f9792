/* SPDX-License-Identifier: Apache-2.0 */
/* `info --json` on systems made by hand; names of bugchecks. */
#include "dumpleak/report/bugcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "test_info.h"

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
		cmocka_unit_test(test_bugchecks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
