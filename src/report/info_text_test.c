/* SPDX-License-Identifier: Apache-2.0 */
/* `info` for people on systems made by hand, one with names that do their worst. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "test_info.h"

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

/* Columns of a terminal, and buffers that end inside a character. */
static void test_utf8(void **state)
{
	static const struct { const char *cut, *whole; } cuts[] = {
		{ "", "" }, { "ab", "ab" }, { "a\xc3", "a" }, { "a\xc3\xa9", "a\xc3\xa9" },
		{ "a\xe9\xa9", "a" }, { "\xe9", "" }, { "\xe9\xa9\xb1", "\xe9\xa9\xb1" },
		{ "x\xf0\x9f\x98", "x" },
	};
	char text[16];

	(void)state;
	assert_int_equal(utf8_columns("abc", 3), 3);
	assert_int_equal(utf8_columns("驱动x", strlen("驱动x")), 5);
	assert_int_equal(utf8_columns("é└", strlen("é└")), 2);
	assert_int_equal(utf8_columns("驱", 2), 0);
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		strcpy(text, cuts[i].cut);
		utf8_trim(text);
		assert_string_equal(text, cuts[i].whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_minidump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test(test_utf8),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
