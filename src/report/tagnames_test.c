/* SPDX-License-Identifier: Apache-2.0 */
/* pooltag.txt, kind and hostile, to meanings. */
#include "dumpleak/report/tagnames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static uint32_t tag_of(const char *four)
{
	return (uint32_t)(unsigned char)four[0] | (uint32_t)(unsigned char)four[1] << 8 |
	       (uint32_t)(unsigned char)four[2] << 16 |
	       (uint32_t)(unsigned char)four[3] << 24;
}

static void parse(struct tagnames *t, const char *text, size_t n)
{
	struct bytes b = { (const uint8_t *)text, n };

	tagnames_init(t);
	assert_int_equal(tagnames_parse(t, b, NULL), DL_OK);
}

/* One line each, and what it must say of which tag; driver NULL: no entry. */
static const struct {
	const char *line, *tag, *driver, *text;
} lines[] = {
	{ "Leak - donifs.sys - what Don lost", "Leak", "donifs.sys", "what Don lost" },
	{ "Io   - nt!io - general", "Io  ", "nt!io", "general" },
	{ "Io   - nt!io - general", "Iox ", "nt", "" },
	{ "AcdM - <unknown>    - TDI object", "AcdM", "", "TDI object" },
	{ "Ab?  - x.sys - three", "AbZ ", "x.sys", "three" },
	{ "Ab?  - x.sys - three", "AbZz", NULL, NULL },
	{ "Qx* - x.sys - prefix", "QxYZ", "x.sys", "prefix" },
	{ "A-B- - x.sys - dashes in the tag", "A-B-", "x.sys", "dashes in the tag" },
	{ "Zq - x.sys - short tag", "Zq  ", "x.sys", "short tag" },
	{ " Sp  - x.sys - leading blank", " Sp ", "x.sys", "leading blank" },
	{ "Zqzq\t- x.sys\t- tabs", "Zqzq", "x.sys", "tabs" },
	{ "Zqzq - only words", "Zqzq", "", "only words" },
	{ "Zqzq - x.sys - a - b", "Zqzq", "x.sys", "a - b" },
	{ "Zqzq - x.sys - crlf\r\n", "Zqzq", "x.sys", "crlf" },
	{ "\xef\xbb\xbfZqzq - x.sys - bom", "Zqzq", "x.sys", "bom" },
	{ "Zqzq - x.sys - gr\xfc\xdf", "Zqzq", "x.sys", "gr\xc3\xbc\xc3\x9f" },
	{ "Zqzq - x.sys - gr\xc3\xbc\xc3\x9f", "Zqzq", "x.sys", "gr\xc3\xbc\xc3\x9f" },
	{ "Zqzq - x.sys - \033[31mred", "Zqzq", "x.sys", "\\u001b[31mred" },
	{ "rem  - x.sys - a tag named rem", "rem ", "x.sys", "a tag named rem" },
	{ "rem Zqzq - x.sys - comment", "Zqzq", NULL, NULL },
	{ "rem", "rem ", NULL, NULL },
	{ "????", "Zqzq", NULL, NULL },
	{ "???? - x.sys - everything", "Zqzq", NULL, NULL },
	{ "-", "-   ", NULL, NULL },
	{ " - - ", "Zqzq", NULL, NULL },
	{ "Toolong - x.sys - no", "Tool", NULL, NULL },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		const struct tag_meaning *m;
		struct tagnames t;

		parse(&t, lines[i].line, strlen(lines[i].line));
		m = tagnames_find(&t, tag_of(lines[i].tag));
		if (!lines[i].driver) {
			assert_null(m);
		} else if (*lines[i].text) {
			assert_non_null(m);
			assert_string_equal(m->driver, lines[i].driver);
			assert_string_equal(m->text, lines[i].text);
		}
		tagnames_deinit(&t);
	}
}

static void test_order(void **state)
{
	static const char text[] =
		"Irp? - a.sys - wildcard\nIrp  - b.sys - mine\nIrp  - c.sys - later\n";
	struct tagnames t;

	(void)state;
	parse(&t, text, sizeof text - 1);
	assert_string_equal(tagnames_find(&t, tag_of("Irp "))->driver, "b.sys");
	assert_string_equal(tagnames_find(&t, tag_of("Irpx"))->driver, "a.sys");
	/* what the file does not have, the built-in table may */
	assert_string_equal(tagnames_find(&t, tag_of("Devi"))->driver, "nt");
	assert_string_equal(tagnames_find(NULL, tag_of("Afd1"))->driver, "afd.sys");
	assert_null(tagnames_find(NULL, tag_of("LkTw")));
	tagnames_deinit(&t);
}

/* The PROTECTED_POOL bit is no part of the tag. */
static void test_protected(void **state)
{
	(void)state;
	assert_ptr_equal(tagnames_find(NULL, tag_of("Devi") | 0x80000000),
			 tagnames_find(NULL, tag_of("Devi")));
}

static void test_hostile(void **state)
{
	char line[5000];
	struct tagnames t;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "Zqzq - x.sys - ", 15);
	parse(&t, line, sizeof line);
	assert_non_null(tagnames_find(&t, tag_of("Zqzq")));
	assert_true(strlen(t.list[0].text) < 1024);
	tagnames_deinit(&t);
	for (int c = 0; c < 256; c++) {         /* any one byte, anywhere */
		memset(line, c, 64);
		for (size_t n = 0; n < 64; n++) {
			parse(&t, line, n);
			tagnames_deinit(&t);
		}
	}
	memset(line, 0, sizeof line);
	parse(&t, line, sizeof line);
	assert_int_equal(t.nr, 0);
	tagnames_deinit(&t);
}

static void test_load(void **state)
{
	struct tagnames t;
	struct dl_err err;

	(void)state;
	tagnames_init(&t);
	assert_int_equal(tagnames_load(&t, "/nonexistent/pooltag.txt", &err), DL_IO);
	assert_int_equal(tagnames_load(&t, "/", &err), DL_IO);
	assert_int_equal(tagnames_load(&t, "/dev/null", &err), DL_CORRUPT);
	tagnames_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_order),
		cmocka_unit_test(test_protected), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
