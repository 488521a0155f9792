/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which reader takes what, what is refused by name, and raw memory.
 */
#include "testing.h"

struct refused {
	const char *bytes;
	size_t n;
	enum dl_status status;
	const char *words;
};

static const struct refused table[] = {
	{ "MDMP\x93\xa7", 6, DL_UNSUPPORTED, "user-mode minidump" },
	{ "hibr", 4, DL_UNSUPPORTED, "hibernation" },
	{ "HIBR", 4, DL_UNSUPPORTED, "hibernation" },
	{ "wake", 4, DL_UNSUPPORTED, "hibernation" },
	{ "RSTR", 4, DL_UNSUPPORTED, "hibernation" },
	{ "\xd2\xbe\xd2\xbe", 4, DL_UNSUPPORTED, ".vmem file" },
	{ "\xd1\xba\xd1\xba", 4, DL_UNSUPPORTED, ".vmem file" },
	{ "EMiL\1\0\0\0", 8, DL_UNSUPPORTED, "LiME" },
	{ "QEVM", 4, DL_UNSUPPORTED, "savevm" },
	{ "LibvirtQemudSave", 16, DL_UNSUPPORTED, "libvirt" },
	{ "LinuxGuestRecord", 16, DL_UNSUPPORTED, "Xen" },
	{ "MZ\x90", 3, DL_UNSUPPORTED, "PE file" },
	{ "\xfd" "7zXZ\0", 6, DL_UNSUPPORTED, "xz: unpack it first" },
	{ "\x28\xb5\x2f\xfd", 4, DL_UNSUPPORTED, "zstd: unpack it first" },
	{ "\x04\x22\x4d\x18", 4, DL_UNSUPPORTED, "LZ4: unpack it first" },
	{ "7z\xbc\xaf\x27\x1c", 6, DL_UNSUPPORTED, "unpack it first" },
	{ "PK\3\4", 4, DL_UNSUPPORTED, "zip archive: unpack it first" },
	{ "PAGEXXXX", 8, DL_CORRUPT, "neither DUMP nor DU64" },
	{ "PAGE\0\0\0\0", 8, DL_CORRUPT, "neither DUMP nor DU64" },
	{ "PAGEDU64", 8, DL_CORRUPT, "NumberOfRuns at 0x88 is 0" },
	{ "\177ELF\2\2\1", 7, DL_UNSUPPORTED, "big-endian" },
	{ "hello world", 11, DL_NOTDUMP, "no memory dump" },
	{ "\0\0\0\0", 4, DL_NOTDUMP, "no memory dump" },
};

static uint8_t image[0x3000];

static enum dl_status try_open(size_t n, struct dl_err *err)
{
	struct source *s;
	struct container *c;
	enum dl_status st;

	assert_int_equal(source_open_memory((struct bytes){ image, n }, "some.file", NULL,
					    &s, err), DL_OK);
	st = container_open(s, &c, err);
	if (st == DL_OK)
		container_close(c);
	source_close(s);
	return st;
}

static void test_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct dl_err err = { "" };

		memset(image, 0, sizeof image);
		memcpy(image, table[i].bytes, table[i].n);
		assert_int_equal(try_open(sizeof image, &err), table[i].status);
		assert_memory_equal(err.text, "some.file: ", 11);
		if (!strstr(err.text, table[i].words))
			fail_msg("%s: not \"%s\"", err.text, table[i].words);
	}
}

static void test_cut_header(void **state)
{
	struct dl_err err = { "" };

	(void)state;
	memset(image, 0, sizeof image);
	memcpy(image, "PAGEDU64", 8);
	assert_int_equal(try_open(0x1fff, &err), DL_CORRUPT);
	assert_non_null(strstr(err.text, "cut inside its header"));
}

/* Only formats that are split are taken as several files. */
static void test_set_of_one_file_format(void **state)
{
	struct dl_err err = { "" };
	struct source *s[2];
	struct container *c;

	(void)state;
	memset(image, 0, sizeof image);
	memcpy(image, "PAGEDU64", 8);
	for (int i = 0; i < 2; i++)
		assert_int_equal(source_open_memory((struct bytes){ image, sizeof image },
						    "some.file", NULL, &s[i], NULL), DL_OK);
	assert_int_equal(container_open_set(s, 2, &c, &err), DL_UNSUPPORTED);
	assert_non_null(strstr(err.text, "is one file, but 2 were given"));
	for (int i = 0; i < 2; i++)
		source_close(s[i]);
}

/* Whatever the magic, a file of any length below a header ends in a status. */
static void test_short_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		memset(image, 0, sizeof image);
		memcpy(image, table[i].bytes, table[i].n);
		for (size_t n = 1; n < 300; n++) {
			struct dl_err err = { "" };

			assert_int_not_equal(try_open(n, &err), DL_OK);
			assert_memory_equal(err.text, "some.file: ", 11);
		}
	}
}

static void test_raw(void **state)
{
	uint8_t scratch[PAGE_BYTES];
	uint64_t first, last, present, absent;
	const uint8_t *page;
	struct container *c;
	struct source *s;
	bool exact;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		make_page(image + i * PAGE_BYTES, i);
	assert_int_equal(source_open_memory((struct bytes){ image, sizeof image - 5 }, "m",
					    NULL, &s, NULL), DL_OK);
	assert_int_equal(container_open_raw(s, 0, &c, NULL), DL_OK);
	assert_string_equal(container_header(c)->format, "raw");
	assert_int_equal(container_page(c, 1, scratch, &page, NULL), DL_OK);
	assert_page(page, 1);
	assert_int_equal(container_page(c, 2, scratch, &page, NULL), DL_ABSENT);
	assert_int_equal(container_page(c, UINT64_MAX, scratch, &page, NULL), DL_ABSENT);
	assert_int_equal(container_run(c, 0, &first, &last), DL_OK);
	assert_int_equal(last, 1);
	assert_int_equal(container_run(c, 2, &first, &last), DL_END);
	container_count(c, &present, &absent, &exact);
	assert_int_equal(present, 2);
	assert_true(exact);
	assert_note(c, "the last 4091 bytes at 0x2000");
	container_close(c);
	source_close(s);
}

static void test_raw_smaller_than_a_page(void **state)
{
	struct dl_err err = { "" };
	struct container *c;
	struct source *s;

	(void)state;
	assert_int_equal(source_open_memory((struct bytes){ image, 4095 }, "m", NULL, &s,
					    NULL), DL_OK);
	assert_int_equal(container_open_raw(s, 0, &c, &err), DL_NOTDUMP);
	assert_string_equal(err.text, "m: is smaller than one page");
	source_close(s);
}

/* The limit spares a compressed source its inflation; without it, all is read. */
static void test_raw_limit(void **state)
{
	size_t n = 8 << 20;
	uint8_t *zeros = calloc(1, n);
	struct bytes gz;
	struct container *c;
	struct source *s;
	uint64_t first, last;

	(void)state;
	assert_non_null(zeros);
	gz = gzip_of_bytes((struct bytes){ zeros, n }, 6);
	assert_int_equal(source_open_memory(gz, "m.gz", NULL, &s, NULL), DL_OK);
	assert_int_equal(container_open_raw(s, 100, &c, NULL), DL_OK);
	assert_int_equal(container_run(c, 0, &first, &last), DL_OK);
	assert_int_equal(last, 99);
	assert_true(source_held_bytes(s) < 2 << 20);
	container_close(c);
	assert_int_equal(container_open_raw(s, 0, &c, NULL), DL_OK);
	assert_int_equal(container_run(c, 0, &first, &last), DL_OK);
	assert_int_equal(last, n / PAGE_BYTES - 1);
	container_close(c);
	source_close(s);
	free((void *)(uintptr_t)gz.p);
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_by_name),
		cmocka_unit_test(test_cut_header),
		cmocka_unit_test(test_set_of_one_file_format),
		cmocka_unit_test(test_short_files),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_smaller_than_a_page),
		cmocka_unit_test(test_raw_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
