/* SPDX-License-Identifier: Apache-2.0 */
/* Symbol files as bytes: what is understood, and what is refused, by name. */
#include "dumpleak/os/symbols.h"

#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum { MAX_TEXT = 16 << 10 };

/* Small, but with one of each kind. A quotation mark is written ' here. */
static const char small[] =
"{ 'metadata': { 'format': '6.1.0', 'windows': { 'pdb': {"
"    'GUID': '00112233445566778899aabbccddeeff', 'age': 2,"
"    'database': 'ntkrn\\u0007.pdb', 'machine_type': 34404 } } },"
"  'base_types': {"
"    'pointer': { 'kind': 'int', 'size': 8, 'signed': false, 'endian': 'little' },"
"    'unsigned char': { 'kind': 'char', 'size': 1 },"
"    'unsigned long': { 'kind': 'int', 'size': 4 }, 'odd': { 'kind': 'int', 'size': 3 } },"
"  'enums': { '_STATE': { 'size': 4, 'base': 'unsigned long', 'constants': { 'A': 1 } } },"
"  'symbols': { 'PsLoadedModuleList': { 'address': 12656 }, 'Far': { 'address': 99999999999 },"
"               'Below': { 'address': -1 }, 'Text': { 'address': '12' } },"
"  'user_types': {"
"    '_LIST_ENTRY': { 'kind': 'struct', 'size': 16, 'fields': {"
"      'Flink': { 'offset': 0, 'type': { 'kind': 'pointer', 'subtype': { 'kind': 'void' } } },"
"      'Blink': { 'offset': 8, 'type': { 'kind': 'pointer' } } } },"
"    '_KPROCESS': { 'kind': 'struct', 'size': 64, 'fields': {"
"      'DirectoryTableBase': { 'offset': 40, 'type': { 'kind': 'pointer' } },"
"      'State': { 'offset': 52, 'type': { 'kind': 'enum', 'name': '_STATE' } } } },"
"    '__unnamed_1': { 'kind': 'union', 'size': 4, 'fields': {"
"      'Flags': { 'offset': 0, 'type': { 'kind': 'base', 'name': 'unsigned long' } },"
"      'Exiting': { 'offset': 0, 'type': { 'kind': 'bitfield', 'bit_position': 5,"
"        'bit_length': 3, 'type': { 'kind': 'base', 'name': 'unsigned long' } } },"
"      'TooLong': { 'offset': 0, 'type': { 'kind': 'bitfield', 'bit_position': 30,"
"        'bit_length': 3, 'type': { 'kind': 'base', 'name': 'unsigned long' } } } } },"
"    '__unnamed_2': { 'kind': 'struct', 'size': 8, 'fields': {"
"      'u': { 'offset': 4, 'anonymous': true, 'type': { 'kind': 'union', 'name': '__unnamed_1' } } } },"
"    '_EPROCESS': { 'kind': 'struct', 'size': 256, 'fields': {"
"      'Pcb': { 'offset': 0, 'type': { 'kind': 'struct', 'name': '_KPROCESS' } },"
"      'UniqueProcessId': { 'offset': 64, 'type': { 'kind': 'pointer' } },"
"      'ActiveProcessLinks': { 'offset': 72, 'type': { 'kind': 'struct', 'name': '_LIST_ENTRY' } },"
"      'unnamed_field_88': { 'offset': 88, 'type': { 'kind': 'struct', 'name': '__unnamed_2' } },"
"      'ImageFileName': { 'offset': 112, 'type': { 'kind': 'array', 'count': 15,"
"        'subtype': { 'kind': 'base', 'name': 'unsigned char' } } },"
"      'Odd': { 'offset': 128, 'type': { 'kind': 'base', 'name': 'odd' } },"
"      'Ghost': { 'offset': 128, 'type': { 'kind': 'struct', 'name': '_GONE' } },"
"      'Far': { 'offset': 65536, 'type': { 'kind': 'pointer' } },"
"      'Before': { 'offset': -8, 'type': { 'kind': 'pointer' } },"
"      'Half': { 'offset': 0.5, 'type': { 'kind': 'pointer' } },"
"      'NoType': { 'offset': 8 }, 'List': [], 'Number': 7 } },"
"    '_SELF': { 'kind': 'struct', 'size': 8, 'fields': {"
"      'a': { 'offset': 0, 'anonymous': true, 'type': { 'kind': 'struct', 'name': '_SELF' } },"
"      'b': { 'offset': 0, 'anonymous': true, 'type': { 'kind': 'struct', 'name': '_SELF' } },"
"      'Me': { 'offset': 0, 'type': { 'kind': 'struct', 'name': '_SELF' } } } },"
"    '_KEVENT': { 'kind': 'struct', 'size': 24, 'fields': {} },"
"    '_KMUTANT': { 'kind': 'struct', 'size': 4096, 'fields': {} },"
"    '_OBJECT_TYPE': { 'kind': 'struct', 'size': 99999999999, 'fields': 3 } } }";

static char *json_of(const char *with_ticks)
{
	char *text = strdup(with_ticks);

	assert_non_null(text);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	return text;
}

static enum dl_status open_bytes(const void *p, size_t n, struct symbols **out,
				 struct dl_err *err)
{
	return symbols_open_memory((struct bytes){ p, n }, "k.json", out, err);
}

static enum dl_status open_text(const char *with_ticks, struct symbols **out, struct dl_err *err)
{
	char *text = json_of(with_ticks);
	enum dl_status st = open_bytes(text, strlen(text), out, err);

	free(text);
	return st;
}

static size_t gzip_of(const void *p, size_t n, uint8_t *out, size_t max)
{
	z_stream s;

	memset(&s, 0, sizeof s);
	assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	s.next_in = (Bytef *)(uintptr_t)p;
	s.avail_in = (uInt)n;
	s.next_out = out;
	s.avail_out = (uInt)max;
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	deflateEnd(&s);
	return s.total_out;
}

static size_t xz_of(const void *p, size_t n, uint8_t *out, size_t max)
{
	size_t at = 0;

	assert_int_equal(lzma_easy_buffer_encode(3, LZMA_CHECK_CRC32, NULL, p, n, out, &at, max),
			 LZMA_OK);
	return at;
}

static int setup(void **state)
{
	struct symbols *s = NULL;
	struct dl_err err = { "" };

	if (open_text(small, &s, &err))
		print_error("%s\n", err.text);
	*state = s;
	return s ? 0 : -1;
}

static int teardown(void **state)
{
	symbols_close(*state);
	return 0;
}

static void whose(void **state)
{
	const struct symbols *s = *state;
	struct pdb_id kernel = { .known = true, .age = 2,
				 .guid = "00112233445566778899AABBCCDDEEFF" };

	assert_string_equal(symbols_path(s), "k.json");
	assert_string_equal(symbols_pdb(s)->name, "ntkrn?.pdb");
	assert_string_equal(symbols_pdb(s)->guid, kernel.guid);
	assert_int_equal(symbols_pdb(s)->age, 2);
	assert_true(symbols_match(s, &kernel));
	kernel.guid[10] = 'a';          /* case is no difference, a digit is */
	assert_false(symbols_match(s, &kernel));
	memcpy(kernel.guid, "00112233445566778899aabbccddeeff", sizeof kernel.guid);
	assert_true(symbols_match(s, &kernel));
	kernel.age = 1;
	assert_false(symbols_match(s, &kernel));
	kernel.age = 2;
	kernel.known = false;
	assert_false(symbols_match(s, &kernel));
}

static void fields(void **state)
{
	static const struct { const char *type, *path; bool has; struct field want; } rows[] = {
		{ "_EPROCESS", "UniqueProcessId", true, { 64, 8, 0, 0 } },
		{ "_EPROCESS", "Pcb.DirectoryTableBase", true, { 40, 8, 0, 0 } },
		{ "_EPROCESS", "Pcb.State", true, { 52, 4, 0, 0 } },
		{ "_EPROCESS", "ActiveProcessLinks", true, { 72, 8, 0, 0 } },
		{ "_EPROCESS", "ActiveProcessLinks.Blink", true, { 80, 8, 0, 0 } },
		{ "_EPROCESS", "ImageFileName", true, { 112, 8, 0, 0 } },
		{ "_EPROCESS", "Flags", true, { 92, 4, 0, 0 } },        /* through two unnamed */
		{ "_EPROCESS", "Exiting", true, { 92, 4, 5, 3 } },
		{ "_EPROCESS", "unnamed_field_88.Flags", true, { 92, 4, 0, 0 } },
		{ "_EPROCESS", "Ghost", true, { 128, 8, 0, 0 } },
		{ "_EPROCESS", "TooLong", false, { 0 } }, { "_EPROCESS", "Odd", false, { 0 } },
		{ "_EPROCESS", "Far", false, { 0 } }, { "_EPROCESS", "Before", false, { 0 } },
		{ "_EPROCESS", "Half", false, { 0 } }, { "_EPROCESS", "NoType", false, { 0 } },
		{ "_EPROCESS", "List", false, { 0 } }, { "_EPROCESS", "Number", false, { 0 } },
		{ "_EPROCESS", "Ghost.Flink", false, { 0 } }, { "_EPROCESS", "None", false, { 0 } },
		{ "_EPROCESS", "", false, { 0 } }, { "_EPROCESS", "Pcb.", false, { 0 } },
		{ "_EPROCESS", ".Pcb", false, { 0 } }, { "_EPROCESS", "Flags.x", false, { 0 } },
		{ "_EPROCESS", "UniqueProcessId.x", false, { 0 } }, { "_NONE", "x", false, { 0 } },
		{ "_OBJECT_TYPE", "Name", false, { 0 } },
		{ "_SELF", "None", false, { 0 } },      /* contains itself, twice */
		{ "_SELF", "Me.Me.Me", true, { 0, 8, 0, 0 } },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct field f = { 0 };

		if (symbols_field(*state, rows[i].type, rows[i].path, &f) != rows[i].has)
			fail_msg("%s.%s", rows[i].type, rows[i].path);
		assert_memory_equal(&f, &rows[i].want, sizeof f);
	}
}

static void sizes_and_globals(void **state)
{
	uint64_t v = 0;

	assert_true(symbols_rva(*state, "PsLoadedModuleList", &v));
	assert_int_equal(v, 12656);
	assert_false(symbols_rva(*state, "Far", &v));
	assert_false(symbols_rva(*state, "Below", &v));
	assert_false(symbols_rva(*state, "Text", &v));
	assert_false(symbols_rva(*state, "None", &v));
	assert_true(symbols_size(*state, "_EPROCESS", &v));
	assert_int_equal(v, 256);
	assert_false(symbols_size(*state, "_OBJECT_TYPE", &v));
	assert_false(symbols_size(*state, "_NONE", &v));
}

static const struct symbols_difference *difference(const struct symbols_difference *d, size_t n,
						   const char *type, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(d[i].type, type) &&
		    (path ? d[i].path && !strcmp(d[i].path, path) : !d[i].path))
			return &d[i];
	return NULL;
}

static void against_rows(void **state)
{
	struct symbols_difference d[32];
	const struct symbols_difference *one;
	struct os_layout l, before;
	size_t n, nr_rows;

	assert_int_equal(layout_pick(MACHINE_AMD64, 7601, &l, NULL), DL_OK);
	before = l;
	n = symbols_compare(*state, &l, d, 32);
	assert_true(n <= 32);
	assert_int_equal(symbols_compare(*state, &l, d, 2), n);
	one = difference(d, n, "_EPROCESS", "UniqueProcessId");
	assert_true(one && one->ours == 0x180 && one->theirs == 64);
	one = difference(d, n, "_EPROCESS", "ThreadListHead");
	assert_true(one && one->ours == 0x308 && one->theirs == -1);
	one = difference(d, n, "_KPROCESS", NULL);
	assert_true(one && one->ours == 0x58 && one->theirs == 16);
	one = difference(d, n, "_KMUTANT", NULL);       /* 4096 / 4 fits no byte */
	assert_true(one && one->ours == 14 && one->theirs == -1);
	assert_null(difference(d, n, "_EPROCESS", "Pcb.DirectoryTableBase"));
	assert_null(difference(d, n, "_KEVENT", NULL));
	assert_null(difference(d, n, "_DEVICE_OBJECT", "DriverObject"));        /* no such type */

	symbols_apply(*state, &l);
	assert_int_equal(l.process.pid.off, 64);
	assert_int_equal(l.process.links.off, 72);
	assert_int_equal(l.process.image_name.off, 112);
	assert_int_equal(l.process.threads.off, before.process.threads.off);
	assert_int_equal(l.process.process_words, 16);
	assert_int_equal(l.dispatcher.mutant_words, before.dispatcher.mutant_words);
	assert_memory_equal(&l.device, &before.device, sizeof l.device);
	assert_true(symbols_compare(*state, &l, d, 32) < n);
	layout_field_rows(&nr_rows);
	assert_true(nr_rows > 100);
}

static void compressed(void **state)
{
	char *text = json_of(small);
	size_t n = strlen(text), cut;
	uint8_t out[MAX_TEXT], both[2 * MAX_TEXT];
	struct dl_err err = { "" };
	struct symbols *s;
	uint64_t rva;

	(void)state;
	for (int xz = 0; xz < 2; xz++) {
		size_t z = (xz ? xz_of : gzip_of)(text, n, out, sizeof out);

		assert_int_equal(open_bytes(out, z, &s, &err), DL_OK);
		assert_true(symbols_rva(s, "PsLoadedModuleList", &rva));
		symbols_close(s);
		for (cut = 6; cut < z; cut++) {
			assert_int_equal(open_bytes(out, cut, &s, &err), DL_CORRUPT);
			assert_non_null(strstr(err.text, "ends in the middle"));
		}
		out[z / 2] ^= 0x55;
		assert_int_equal(open_bytes(out, z, &s, &err), DL_CORRUPT);
		assert_non_null(strstr(err.text, "k.json"));

		/* two streams, one after the other, are one text */
		z = (xz ? xz_of : gzip_of)(text, n / 2, both, sizeof both);
		z += (xz ? xz_of : gzip_of)(text + n / 2, n - n / 2, both + z, sizeof both - z);
		assert_int_equal(open_bytes(both, z, &s, &err), DL_OK);
		symbols_close(s);
	}
	free(text);
}

/* Plain text cut anywhere is refused, and says so. */
static void cut_text(void **state)
{
	char *text = json_of(small);
	struct dl_err err = { "" };
	struct symbols *s;

	(void)state;
	for (size_t n = strlen(text) - 1; n; n -= n > 40 ? 37 : 1) {
		assert_int_equal(open_bytes(text, n, &s, &err), DL_CORRUPT);
		assert_non_null(strstr(err.text, "cut off"));
	}
	assert_int_equal(open_bytes("", 0, &s, &err), DL_CORRUPT);
	free(text);
}

static void refused(void **state)
{
	static const struct { const char *text; enum dl_status st; const char *words; } rows[] = {
		{ "[]", DL_CORRUPT, "metadata" }, { "{}", DL_CORRUPT, "metadata" },
		{ "{'metadata':[]}", DL_CORRUPT, "metadata" },
		{ "{'metadata':{'linux':{}}}", DL_UNSUPPORTED, "Linux" },
		{ "{'metadata':{'mac':{}}}", DL_UNSUPPORTED, "macOS" },
		{ "{'metadata':{}}", DL_CORRUPT, "base_types" },
		{ "{'metadata':{},'base_types':{}}", DL_CORRUPT, "user_types" },
		{ "{'metadata':{},'base_types':{},'user_types':{}}", DL_CORRUPT, "enums" },
		{ "{'metadata':{},'base_types':{},'user_types':{},'enums':{}}", DL_CORRUPT, "symbols" },
#define PARTS(pdb, base) "{'metadata':{'windows':{'pdb':" pdb "}},'base_types':{" base "}," \
			 "'user_types':{},'enums':{},'symbols':{}}"
#define GUID "'GUID':'00112233445566778899AABBCCDDEEFF'"
		{ PARTS("{}", ""), DL_CORRUPT, "GUID" },
		{ PARTS("3", ""), DL_CORRUPT, "GUID" },
		{ PARTS("{'GUID':'12','age':1}", ""), DL_CORRUPT, "GUID" },
		{ PARTS("{'GUID':'00112233445566778899AABBCCDDEEFFF','age':1}", ""), DL_CORRUPT, "GUID" },
		{ PARTS("{'GUID':'0011223344556677zz99AABBCCDDEEFF','age':1}", ""), DL_CORRUPT, "GUID" },
		{ PARTS("{" GUID ",'age':-1}", ""), DL_CORRUPT, "age" },
		{ PARTS("{" GUID ",'age':4294967296}", ""), DL_CORRUPT, "age" },
		{ PARTS("{" GUID ",'age':1}", ""), DL_CORRUPT, "pointer" },
		{ PARTS("{" GUID ",'age':1}", "'pointer':{'size':16}"), DL_CORRUPT, "pointer" },
		{ PARTS("{" GUID ",'age':1}", "'pointer':{'size':4}"), DL_UNSUPPORTED, "EPROCESS" },
		{ "{'metadata':99999999999999999999999}", DL_CORRUPT, "JSON" },
		{ "{'a':1e99999}", DL_CORRUPT, "JSON" },
		{ "hello", DL_CORRUPT, "JSON" }, { "{'metadata':", DL_CORRUPT, "line 1" },
		{ "PK\3\4....", DL_UNSUPPORTED, "zip" },
		{ "Microsoft C/C++ MSF 7.00\r\n", DL_UNSUPPORTED, "PDB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dl_err err = { "" };
		struct symbols *s;

		if (open_text(rows[i].text, &s, &err) != rows[i].st ||
		    !strstr(err.text, rows[i].words) || strncmp(err.text, "k.json: ", 8))
			fail_msg("row %zu: %s", i, err.text);
	}
}

/* What would cost much memory or stack if it were believed. */
static void too_much(void **state)
{
	enum { MANY = 5 << 20, BOMB = 100 << 20 };
	char *text = malloc(BOMB);
	uint8_t *packed = malloc(1 << 20);
	struct dl_err err = { "" };
	struct symbols *s;
	size_t z;

	(void)state;
	assert_true(text && packed);
	memset(text, '[', MANY);
	assert_int_equal(open_bytes(text, MANY, &s, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "values"));
	assert_int_equal(open_bytes(text, 1 << 20, &s, &err), DL_CORRUPT);      /* deep */
	assert_non_null(strstr(err.text, "JSON"));
	memset(text, ' ', BOMB);
	assert_int_equal(open_bytes(text, BOMB, &s, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "large"));
	z = gzip_of(text, BOMB, packed, 1 << 20);
	assert_int_equal(open_bytes(packed, z, &s, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "64 MB"));
	z = xz_of(text, BOMB, packed, 1 << 20);
	assert_int_equal(open_bytes(packed, z, &s, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "64 MB"));
	free(packed);
	free(text);
}

static void files(void **state)
{
	char path[] = "/tmp/dumpleak-symbols-XXXXXX";
	char *text = json_of(small);
	struct dl_err err = { "" };
	struct symbols *s;
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");

	(void)state;
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(symbols_open(path, &s, &err), DL_OK);
	assert_string_equal(symbols_path(s), path);
	symbols_close(s);
	remove(path);
	assert_int_equal(symbols_open(path, &s, &err), DL_IO);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(symbols_open("/tmp", &s, &err), DL_IO);
	assert_int_equal(symbols_open("/dev/zero", &s, &err), DL_CORRUPT);
	free(text);
}

#define ON_SMALL(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_SMALL(whose), ON_SMALL(fields), ON_SMALL(sizes_and_globals),
		ON_SMALL(against_rows), cmocka_unit_test(compressed), cmocka_unit_test(cut_text),
		cmocka_unit_test(refused), cmocka_unit_test(too_much), cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
