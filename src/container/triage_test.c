/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Minidumps of both widths built in memory, sound and then malformed field by
 * field; what triage_build.h writes is what must come out.
 */
#include "testing.h"
#include "triage_build.h"

static uint8_t image[TB_MAX];
static size_t image_n;
static struct tb tb;
static struct source *source;

static enum dl_status open_bytes(struct bytes b, struct container **c, struct dl_err *err)
{
	enum dl_status st;

	assert_int_equal(source_open_memory(b, "m.dmp", NULL, &source, err), DL_OK);
	*c = NULL;
	st = container_open(source, c, err);
	if (st) {
		assert_memory_equal(err->text, "m.dmp: ", 7);
		source_close(source);
	}
	return st;
}

static struct container *open_image(void)
{
	struct dl_err err = { "" };
	struct container *c;

	if (open_bytes((struct bytes){ image, image_n }, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static void close_image(struct container *c)
{
	container_close(c);
	source_close(source);
}

static size_t nr_notes(struct container *c)
{
	size_t n;

	container_notes(c, &n);
	return n;
}

static void build(bool wide)
{
	tb = tb_build(image, wide, &image_n);
}

/* Overwrites the field of TRIAGE_DUMP that is at @off32 or @off64. */
static void spoil(size_t off32, size_t off64, uint32_t v)
{
	put32(image + tb.base + (tb.wide ? off64 : off32), v);
}

static void check_modules(const struct dump_minidump *m)
{
	assert_int_equal(m->nr_modules, 3);
	assert_string_equal(m->modules[0].name, "\\SystemRoot\\system32\\ntoskrnl.exe");
	assert_int_equal(m->modules[0].base_va, tb.kernel);
	assert_int_equal(m->modules[0].size_bytes, 0x800000);
	assert_int_equal(m->modules[0].checksum, 0xc0ffee);
	assert_int_equal(m->modules[0].timestamp, 0x41107d0d);
	assert_string_equal(m->modules[1].name, "hal.dll");
	assert_int_equal(m->modules[1].base_va, tb.kernel - 0x100000);
	assert_int_equal(m->modules[1].timestamp, 0x41107d0e);
	assert_string_equal(m->modules[2].name, "evil\\u001b.sys");
	assert_int_equal(m->nr_unloaded, 1);
	assert_string_equal(m->unloaded[0].name, "dump_storpor");
	assert_int_equal(m->unloaded[0].first_va, tb.kernel + 0x900000);
	assert_int_equal(m->unloaded[0].end_va, tb.kernel + 0x910000);
}

static void check_rest(const struct dump_minidump *m)
{
	assert_string_equal(m->broken_driver, "myfault.sys");
	assert_int_equal(m->service_pack_build, 0x200);
	assert_int_equal(m->options, 0x41);
	assert_int_equal(m->stack_va, tb.stack);
	assert_int_equal(m->stack_bytes, TB_STACK_BYTES);
	assert_int_equal(m->prcb.off, tb.base + TB_PRCB);
	assert_int_equal(m->prcb.size_bytes, TB_PROCESS - TB_PRCB);
	assert_int_equal(m->process.size_bytes, TB_THREAD - TB_PROCESS);
	assert_int_equal(m->thread.size_bytes, TB_STACK - TB_THREAD);
	assert_int_equal(m->data_page.size_bytes, 0);
	assert_true(m->has_mm);
	assert_int_equal(m->max_nonpaged_pages, 1000);
	assert_int_equal(m->nonpaged_pages, 1001);
	assert_int_equal(m->max_paged_pages, 1002);
	assert_int_equal(m->paged_pages, 1003);
	assert_int_equal(m->committed_pages, 1004);
	assert_int_equal(m->peak_committed_pages, 1005);
	assert_int_equal(m->commit_limit_pages, 1006);
}

static void check_header(struct container *c)
{
	const struct dump_header *h = container_header(c);

	assert_string_equal(h->format, tb.wide ? "triage64" : "triage32");
	assert_string_equal(h->title, tb.wide ? "64-bit triage minidump (DumpType 4)"
					      : "32-bit triage minidump (DumpType 4)");
	assert_int_equal(h->bugcheck_code.value, 0xd1);
	assert_int_equal(h->bugcheck_parameter[3].value, tb.data + 3);
	assert_int_equal(h->build.value, tb.wide ? 22000 : 2600);
	assert_non_null(h->context);
	assert_int_equal(h->context_bytes, tb.wide ? 0x4d0 : 0x2cc);
}

/* There is no physical memory, and that is said. */
static void check_no_pages(struct container *c)
{
	uint8_t scratch[PAGE_BYTES];
	uint64_t present = 1, absent = 1, first, last;
	struct dl_err err = { "" };
	const uint8_t *page;
	bool exact;

	assert_int_equal(container_run(c, 0, &first, &last), DL_END);
	container_count(c, &present, &absent, &exact);
	assert_int_equal(present, 0);
	assert_int_equal(absent, 0);
	assert_int_equal(container_page(c, 1, scratch, &page, &err), DL_ABSENT);
	assert_non_null(strstr(err.text, "hold ranges of virtual memory, no pages"));
}

static void check_runs(struct container *c)
{
	const struct dump_minidump *m = container_minidump(c);
	uint64_t first, last;
	size_t want = tb.wide ? 7 : 6;  /* KDBG, stack and blocks; one has no bytes */

	assert_int_equal(m->nr_blocks, TB_NR_BLOCKS);
	assert_int_equal(m->nr_ranges, want);
	assert_int_equal(m->range_bytes, 0x60 + 20 + TB_STACK_BYTES + TB_KDBG_BYTES +
			 (tb.wide ? 0x400 : 0));
	assert_int_equal(container_va_run(c, tb.data - 1, &first, &last), DL_OK);
	assert_int_equal(first, tb.data);
	assert_int_equal(last, tb.data + 0x5f);         /* adjoining blocks are one run */
	assert_int_equal(container_va_run(c, tb.data + 0x10, &first, &last), DL_OK);
	assert_int_equal(first, tb.data + 0x10);
	assert_int_equal(last, tb.data + 0x5f);
	assert_int_equal(container_va_run(c, UINT64_MAX, &first, &last), DL_END);
}

static void check_reads(struct container *c)
{
	uint8_t buf[0x62] = { 0 }, want[0x60];
	struct dl_err err = { "" };

	memset(want, 'a', 0x40);
	memset(want + 0x40, 'b', 0x20);
	assert_int_equal(container_va_read(c, tb.data, buf, 0x60, &err), DL_OK);
	assert_memory_equal(buf, want, 0x60);
	assert_int_equal(container_va_read(c, tb.data + 0x3f, buf, 2, &err), DL_OK);
	assert_memory_equal(buf, "ab", 2);
	assert_int_equal(container_va_read(c, tb.data, buf, 0x61, &err), DL_ABSENT);
	assert_non_null(strstr(err.text, "is not in this minidump"));
	assert_int_equal(container_va_read(c, tb.data - 1, buf, 2, NULL), DL_ABSENT);
	assert_int_equal(container_va_read(c, UINT64_MAX, buf, 2, NULL), DL_ABSENT);
	assert_int_equal(container_va_read(c, tb.kdbg + 0x10, buf, 4, NULL), DL_OK);
	assert_memory_equal(buf, "KDBG", 4);
	assert_int_equal(container_va_read(c, tb.stack + TB_STACK_BYTES - 4, buf, 4, NULL), DL_OK);
	assert_int_equal(container_va_read(c, tb.stack + TB_STACK_BYTES - 4, buf, 5, NULL),
			 DL_ABSENT);
}

static void check_all(struct container *c)
{
	const struct dump_minidump *m = container_minidump(c);

	assert_non_null(m);
	check_header(c);
	check_modules(m);
	check_rest(m);
	check_no_pages(c);
	check_runs(c);
	check_reads(c);
	assert_int_equal(nr_notes(c), 0);
}

static void test_both_widths(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct container *c;

		build(wide);
		c = open_image();
		check_all(c);
		close_image(c);
	}
}

static void test_compressed(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct dl_err err = { "" };
		struct container *c;
		struct bytes gz;

		build(wide);
		gz = gzip_of_bytes((struct bytes){ image, image_n }, 6);
		if (open_bytes(gz, &c, &err))
			fail_msg("%s", err.text);
		check_all(c);
		assert_string_equal(container_header(c)->compression, "gzip");
		close_image(c);
		free((void *)(uintptr_t)gz.p);
	}
}

/* Spoils one field; opening succeeds, and @note is there, unless it is NULL. */
static struct container *spoilt(bool wide, size_t off32, size_t off64, uint32_t v,
				const char *note)
{
	struct container *c;

	build(wide);
	spoil(off32, off64, v);
	c = open_image();
	if (note)
		assert_note(c, note);
	return c;
}

static void test_malformations(void **state)
{
	static const struct {
		size_t off32, off64;
		uint32_t value;
		const char *note;
	} rows[] = {
		{ 0x04, 0x04, 0x7fffffff, "SizeOfDump at 0x" },
		{ 0x04, 0x04, 0, NULL },
		{ 0x08, 0x08, 0xfffffff0, "there is no TRGD at ValidOffset" },
		{ 0x08, 0x08, 0x2004, "there is no TRGD at ValidOffset" },
		{ 0x64, 0x7c, 0xffffffff, "DataBlocksCount is 4294967295, but of its rows" },
		{ 0x60, 0x78, 0xffffff00, "DataBlocksCount is 5, but of its rows" },
		{ 0x60, 0x78, 0x10, "DataBlocksCount is 5, but of its rows" },
		{ 0x34, 0x34, 0xffffffff, "DriverCount is 4294967295, but of its rows" },
		{ 0x30, 0x30, 0xfffffff0, "DriverCount is 3, but of its rows" },
		{ 0x2c, 0x2c, 0xffffffff, "ranges of memory" },
		{ 0x28, 0x28, 0x40, "ranges of memory cannot be" },
		{ 0x5c, 0x74, 0xfffffff0, "ranges of memory" },
		{ 0x38, 0x38, 0, NULL }, { 0x38, 0x38, 0xffffffff, NULL },
		{ 0x14, 0x14, 0xffffffff, NULL }, { 0x18, 0x18, 0xfffffff8, NULL },
		{ 0x1c, 0x1c, 0xffffffff, NULL }, { 0x40, 0x40, 0x80000000, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int wide = 0; wide < 2; wide++)
			close_image(spoilt(wide, rows[i].off32, rows[i].off64, rows[i].value,
					   rows[i].note));
}

/* The list's stride is told by where the names begin; nonsense there is not believed. */
static void test_stride(void **state)
{
	struct container *c = spoilt(true, 0x38, 0x38, 0x3000, NULL);

	(void)state;
	assert_string_equal(container_minidump(c)->modules[1].name, "hal.dll");
	close_image(c);
	build(true);
	memmove(image + 0x2500 + 0xa0, image + 0x2500 + 0x90, 8 + 0x88);
	put32(image + 0x2034, 2);
	put32(image + 0x2038, 0x2500 + 2 * 0xa0);
	c = open_image();
	assert_int_equal(container_minidump(c)->nr_modules, 2);
	assert_int_equal(container_minidump(c)->modules[1].base_va, tb.kernel - 0x100000);
	close_image(c);
}

static void test_bad_rows(void **state)
{
	struct container *c;
	uint8_t b;

	(void)state;
	build(true);
	put64(image + 0x2c00, UINT64_MAX - 3);          /* runs past the last VA */
	put32(image + 0x2c18, 0x3ffffff0);              /* past the file         */
	put32(image + 0x2c1c, 0xffffffff);
	put32(image + 0x2500, 0xdddddddd);              /* a name                */
	put32(image + 0x2100, 0xffffffff);              /* unloaded drivers      */
	c = open_image();
	assert_note(c, "1 ranges of memory cannot be");
	assert_note(c, "past the end at 0x3404: 1 of them, with 4294967295 bytes missing");
	assert_note(c, "the names of 1 of 3 drivers are not in the file");
	assert_note(c, "the count of unloaded drivers is 4294967295");
	assert_string_equal(container_minidump(c)->modules[0].name, "");
	assert_int_equal(container_va_read(c, tb.data, &b, 1, NULL), DL_ABSENT);
	/* what the overlapped block no longer hides */
	assert_int_equal(container_va_read(c, tb.data + 0x30, &b, 1, NULL), DL_OK);
	assert_int_equal(b, 'x');
	close_image(c);
}

static void test_refused(void **state)
{
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		build(wide);
		assert_int_equal(open_bytes((struct bytes){ image, tb.base }, &c, &err), DL_CORRUPT);
		assert_non_null(strstr(err.text, "triage minidump (DumpType 4) of nothing but a "
				       "header: TRIAGE_DUMP at"));
		put32(image + (wide ? 0x1050 : 0x8a0), 0x100);
		assert_int_equal(open_bytes((struct bytes){ image, image_n }, &c, &err),
				 DL_UNSUPPORTED);
		assert_non_null(strstr(err.text, "encrypted"));
		put32(image + (wide ? 0x1050 : 0x8a0), 0x300);
		close_image(open_image());
	}
}

/* A cut at any byte leaves what lies before it, and is told. */
static void check_cut(size_t n)
{
	struct dl_err err = { "" };
	struct container *c;
	enum dl_status st = open_bytes((struct bytes){ image, n }, &c, &err);
	uint8_t b;

	if (st) {
		assert_true(n < tb.base + (tb.wide ? 0x80 : 0x68));
		return;
	}
	assert_note(c, "bytes are missing");
	assert_int_equal(container_minidump(c)->nr_unloaded,
			 n >= tb.base + TB_UNLOADED + (tb.wide ? 8 + 0x38 : 4 + 0x28));
	assert_int_equal(container_va_read(c, tb.kdbg, &b, 1, NULL) == DL_OK,
			 n > tb.base + TB_KDBG);
	assert_int_equal(container_va_read(c, tb.data + 0x3f, &b, 1, NULL) == DL_OK,
			 n > tb.base + TB_DATA_OFF + 0x3f);
	close_image(c);
}

static void test_every_cut(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		build(wide);
		for (size_t n = 1; n < image_n; n += n < tb.base ? 97 : 1)
			check_cut(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_widths),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_malformations),
		cmocka_unit_test(test_stride),
		cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
