/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding 64-bit kernels: each address space, with a right header, a wrong one
 * and none; KDBG blocks that are encoded, wild or missing.
 */
#include "test_space64.h"

#include "dumpleak/os/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct paging_mode *mode_of(enum space64_kind kind)
{
	return kind == SPACE_X64 ? &paging_x64
	       : kind == SPACE_LA57 ? &paging_x64_la57 : &paging_arm64;
}

static int setup(void **state)
{
	struct space64 *s = calloc(1, sizeof *s);

	*state = s;
	if (!s)
		return -1;
	s->file = malloc(S64_HEADER_BYTES + S64_RAM_BYTES);
	return s->file ? 0 : -1;
}

static int teardown(void **state)
{
	struct space64 *s = *state;

	s64_close(s);
	free(s->file);
	free(s);
	return 0;
}

static struct os *opened(struct space64 *s, bool raw)
{
	struct dl_err err = { "" };

	if (s64_open(s, raw, &err))
		fail_msg("%s", err.text);
	return &s->os;
}

static bool has_note(const struct os *os, const char *words)
{
	for (size_t i = 0; i < os->nr_notes; i++)
		if (strstr(os->notes[i].text, words))
			return true;
	return false;
}

static void assert_kernel(struct space64 *s)
{
	struct os *os = &s->os;

	assert_ptr_equal(os->vm.mode, mode_of(s->kind));
	assert_int_equal(os->vm.root_pa, S64_ROOT);
	assert_int_equal(os->kernel_base, S64_KERNEL_VA);
	assert_int_equal(os->kernel_bytes, S64_KERNEL_BYTES);
	assert_int_equal(os->modules_va, S64_KERNEL_VA + S64_MODULES);
	assert_int_equal(os->nr_modules, 2);
	assert_string_equal(os->modules[1].name, "leaky.sys");
	assert_int_equal(os->build, 19045);
	assert_string_equal(os->name, "Windows 10 22H2 (NT 10.0)");
	assert_string_equal(os->product, "workstation");
	assert_true(os->pdb.known);
	assert_string_equal(os->pdb.name, "ntkrnlmp.pdb");
	assert_string_equal(os->pdb.guid, "A6ACC8274D0C89283BDDB98967452301");
	assert_int_equal(os->pdb.age, 1);
	assert_int_equal(os->nr_processors, 4);
	assert_int_equal(os->up_time, 600000000);
	assert_int_equal(os->boot_time, 0x01d7080000000000 - 600000000);
}

static void assert_kdbg(struct space64 *s, const char *how)
{
	struct os *os = &s->os;

	assert_kernel(s);
	assert_string_equal(os->kdbg_how, how);
	assert_int_equal(os->kdbg.va, S64_KERNEL_VA + S64_KDBG);
	assert_int_equal(os->kdbg.pa, S64_KERNEL + S64_KDBG);
	assert_int_equal(os->kdbg.size_bytes, 0x380);
	assert_int_equal(os->processes_va, S64_KERNEL_VA + S64_PROCESSES);
	assert_string_equal(os->build_lab, "19041.1.amd64fre.vb_release.191206-1406");
	assert_true(os->bugcheck_code.known);
	assert_int_equal(os->bugcheck_code.value, 0xe2);
}

static const enum space64_kind kinds[] = { SPACE_X64, SPACE_LA57, SPACE_ARM64 };

static void right_header(void **state)
{
	struct space64 *s = *state;

	for (size_t i = 0; i < 3; s64_close(s), i++) {
		s64_build(s, kinds[i]);
		opened(s, false);
		assert_kdbg(s, "header");
		assert_string_equal(s->os.dtb_how, "header");
		assert_false(has_note(&s->os, "says build"));
		assert_false(has_note(&s->os, "header"));
	}
}

static void raw_memory(void **state)
{
	struct space64 *s = *state;

	for (size_t i = 0; i < 3; s64_close(s), i++) {
		s64_build(s, kinds[i]);
		opened(s, true);
		assert_kdbg(s, "scan");
		assert_string_equal(s->os.dtb_how, "scan");
		assert_int_equal(s->os.bugcheck_parameter[3].value, 0x40);
	}
}

/* The low bits of CR3 are a PCID, those above ARM64's TTBR an ASID. */
static void tagged_root(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_header(s, 0x10, S64_ROOT | 2, 8);
	opened(s, false);
	assert_kdbg(s, "header");
	s64_close(s);
	s64_build(s, SPACE_ARM64);
	s64_header(s, 0x10, S64_ROOT | 0x0042000000000000, 8);
	opened(s, false);
	assert_kdbg(s, "header");
}

static void wrong_root(void **state)
{
	struct space64 *s = *state;

	for (size_t i = 0; i < 3; s64_close(s), i++) {
		s64_build(s, kinds[i]);
		s64_header(s, 0x10, S64_DATA, 8);
		opened(s, false);
		assert_kdbg(s, "header");
		assert_string_equal(s->os.dtb_how, "scan");
		assert_true(has_note(&s->os, "no page tables at 0x40000"));
	}
}

static void kva_shadow(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_header(s, 0x10, S64_USER_ROOT | 0x1000000000000000, 8);
	opened(s, false);
	assert_kdbg(s, "header");
	assert_string_equal(s->os.dtb_how, "scan");
	assert_true(has_note(&s->os, "with KVA"));
	/* even if it maps itself */
	s64_close(s);
	s64_put(s, S64_USER_ROOT + 0x1b3 * 8, S64_USER_ROOT | 0x63, 8);
	s64_header(s, 0x10, S64_USER_ROOT, 8);
	opened(s, false);
	assert_kdbg(s, "header");
	assert_true(has_note(&s->os, "with KVA"));
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* Keys as the kernel draws them, every rotation; in the image and by header. */
static void encoded(void **state)
{
	struct space64 *s = *state;
	uint64_t x = 0x2545f4914f6cdd1d;

	for (unsigned turn = 0; turn < 64; turn++) {
		uint64_t never = (next_random(&x) & ~0x3full) | turn, always = next_random(&x);
		bool raw = turn % 3 == 0;

		s64_build(s, turn % 4 ? SPACE_X64 : SPACE_ARM64);
		s64_encode(s, never, always, S64_KERNEL_VA + S64_VARIABLES + 0x11);
		if (turn % 3 == 1)      /* and the header names another place */
			s64_header(s, 0x80, S64_KERNEL_VA + S64_VARIABLES, 8);
		opened(s, raw);
		assert_kdbg(s, "decoded");
		s64_close(s);
	}
}

/* Seen in physical memory only: the kernel's own page of it is what is found. */
static void encoded_without_image_headers(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	/* the two known words must lie in one page for that */
	memset(s->ram + S64_KERNEL, 0, 0x1000);
	s64_encode(s, 0x0123456789abcdef, 0xfedcba9876543210, S64_KERNEL_VA + 0x1234);
	opened(s, true);
	assert_string_equal(s->os.kdbg_how, "decoded");
	assert_int_equal(s->os.kdbg.va, S64_KERNEL_VA + S64_KDBG);
	assert_int_equal(s->os.kernel_base, S64_KERNEL_VA);
	assert_int_equal(s->os.kernel_bytes, S64_KERNEL_BYTES);
	assert_int_equal(s->os.nr_modules, 2);
	assert_true(has_note(&s->os, "image headers"));
}

/* A guest's dump driver leaves a plain copy, and its address in the header. */
static void copy_in_parameter(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	memcpy(s->ram + S64_DATA + 0x4000, s->ram + S64_KERNEL + S64_KDBG, 0x380);
	memset(s->ram + S64_KERNEL + S64_KDBG, 0x5a, 0x380);
	s64_header(s, 0x40, S64_DATA_VA + 0x4000, 8);
	opened(s, false);
	assert_kernel(s);
	assert_string_equal(s->os.kdbg_how, "bugcheck parameter 1");
	assert_int_equal(s->os.kdbg.va, S64_DATA_VA + 0x4000);
}

/* The header names a block that another kernel left behind. */
static void stale_block(void **state)
{
	struct space64 *s = *state;
	uint64_t copy = S64_DATA + 0x4000;

	s64_build(s, SPACE_X64);
	memcpy(s->ram + copy, s->ram + S64_KERNEL + S64_KDBG, 0x380);
	s64_put(s, copy + 0x48, S64_KERNEL_VA + 0x110000, 8);
	s64_header(s, 0x80, S64_DATA_VA + 0x4000, 8);
	opened(s, false);
	assert_kdbg(s, "scan");
	assert_true(has_note(&s->os, "is another kernel's"));
}

static void without_kdbg(void **state)
{
	struct space64 *s = *state;

	for (size_t i = 0; i < 3; s64_close(s), i++) {
		bool raw = i != 0;

		s64_build(s, kinds[i]);
		memset(s->ram + S64_KERNEL + S64_KDBG, 0, 0x380);
		opened(s, raw);
		assert_kernel(s);
		assert_string_equal(s->os.kdbg_how, "not found");
		assert_true(has_note(&s->os, "no KDBG block"));
		assert_true(raw || has_note(&s->os, "KDBG pointer is wrong"));
		/* known without its address in the block */
		assert_int_equal(s->os.bugcheck_code.known, !raw);
	}
}

/* Neither KDBG nor the first module, which is the kernel's: the list has another end. */
static void without_kdbg_and_first_module(void **state)
{
	struct space64 *s = *state;

	for (size_t i = 0; i < 2; s64_close(s), i++) {
		s64_build(s, SPACE_X64);
		memset(s->ram + S64_KERNEL + S64_KDBG, 0, 0x380);
		s64_put(s, S64_KERNEL + S64_MODULES, 0xfffff88000900000, 8);
		if (i)  /* not exported: the header has it */
			s->ram[S64_KERNEL + S64_EXPORTS + 0x300 + 3 * 0x40] = 'X';
		opened(s, false);
		assert_int_equal(s->os.kernel_base, S64_KERNEL_VA);
		assert_int_equal(s->os.modules_va, S64_KERNEL_VA + S64_MODULES);
		assert_true(has_note(&s->os, "part of the module list is not in this image"));
		assert_true(os_module_at(&s->os, 0xfffff80240000000));
	}
	/* a last entry that does not lead back is none */
	s64_build(s, SPACE_X64);
	memset(s->ram + S64_KERNEL + S64_KDBG, 0, 0x380);
	s64_put(s, S64_KERNEL + S64_MODULES, 0xfffff88000900000, 8);
	s64_put(s, S64_DATA + 0x1000, S64_KERNEL_VA, 8);
	opened(s, false);
	assert_int_equal(s->os.modules_va, 0);
}

static void wild_kdbg(void **state)
{
	static const uint64_t wild[] = { 0, 0x1234, 0xfffff78000000000, 0xffffffffffffffff,
					 0xfffff88000000000, 0x8000000000000000 };
	struct space64 *s = *state;

	for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
		s64_build(s, SPACE_X64);
		s64_header(s, 0x80, wild[i], 8);
		opened(s, false);
		assert_kdbg(s, "scan");
		assert_int_equal(has_note(&s->os, "KDBG pointer is wrong"), wild[i] != 0);
		s64_close(s);
	}
}

/* There, but not what it should be; and not there. */
static void wrong_shared_data(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_put(s, S64_SHARED + 0x26c, 77, 4);
	assert_int_equal(opened(s, false)->build, 19041);
	assert_true(has_note(&s->os, "KUSER_SHARED_DATA at VA 0xfffff78000000000 holds no version"));
	s64_close(s);
	s64_build(s, SPACE_X64);
	s64_map(s, S64_SHARED_VA, (uint64_t)1 << 30, false);
	assert_int_equal(opened(s, false)->build, 19041);
	assert_true(has_note(&s->os, "KUSER_SHARED_DATA at VA 0xfffff78000000000 is not in"));
}

/* Fields of the block that memory contradicts. */
static void wrong_fields(void **state)
{
	const uint64_t at = S64_KERNEL + S64_KDBG;
	static const uint64_t bases[] = { 0x10000, S64_KERNEL_VA + 0x3000, 0 };
	struct space64 *s = *state;

	for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++, s64_close(s)) {
		s64_build(s, SPACE_X64);
		s64_put(s, at + 0x18, bases[i], 8);
		opened(s, false);
		assert_kernel(s);
	}
	for (size_t i = 0; i < 2; i++, s64_close(s)) {
		s64_build(s, SPACE_X64);
		s64_put(s, at + 0x48, S64_KERNEL_VA + 0x110000, 8);
		if (i)  /* by its export */
			s64_header(s, 0x20, 0, 8);
		opened(s, false);
		assert_kernel(s);
		assert_true(has_note(&s->os, "puts PsLoadedModuleList at VA 0xfffff8023d310000"));
	}
}

static void nothing_there(void **state)
{
	struct space64 *s = *state;
	struct dl_err err = { "" };

	s64_build(s, SPACE_X64);
	memset(s->ram, 0, S64_RAM_BYTES);
	assert_int_equal(s64_open(s, false, &err), DL_NOTFOUND);
	s64_close(s);
	/* tables and data without any kernel */
	s64_build(s, SPACE_X64);
	memset(s->ram + S64_KERNEL, 0, S64_KERNEL_BYTES);
	assert_int_equal(s64_open(s, true, &err), DL_NOTFOUND);
	assert_non_null(strstr(err.text, "no Windows kernel found"));
}

/* Start-up code of further processors, in images of PCs without a header. */
static void low_stub(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_put(s, 0x3000, 0x00000001000600e9, 8);
	s64_put(s, 0x3070, S64_KERNEL_VA + 0x5000, 8);
	s64_put(s, 0x30a0, S64_ROOT, 8);
	opened(s, true);
	assert_kdbg(s, "scan");
	assert_string_equal(s->os.dtb_how, "start-up code");
	s64_close(s);
	/* one that leads nowhere is passed over */
	s64_put(s, 0x30a0, 0x3ff000, 8);
	opened(s, true);
	assert_kdbg(s, "scan");
	assert_string_equal(s->os.dtb_how, "scan");
}

/* Mapped by 4 KB pages, as on small machines. */
static void small_pages(void **state)
{
	struct space64 *s = *state;

	for (size_t i = 0; i < 3; s64_close(s), i++) {
		s64_build(s, kinds[i]);
		memset(s->ram + S64_TABLES, 0, 0x20000);
		memset(s->ram + s->root, 0, 0x1000);
		s->next_table = S64_TABLES;
		s64_put(s, s->root + S64_SELF_INDEX * 8, s64_table_entry(s, s->root), 8);
		s64_map(s, S64_SHARED_VA, S64_SHARED, false);
		for (uint64_t off = 0; off < S64_DATA_BYTES; off += 0x1000)
			s64_map(s, S64_DATA_VA + off, S64_DATA + off, false);
		for (uint64_t off = 0; off < S64_KERNEL_BYTES; off += 0x1000)
			s64_map(s, S64_KERNEL_VA + off, S64_KERNEL + off, false);
		opened(s, true);
		assert_kdbg(s, "scan");
	}
}

static void builds_that_agree_or_not(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_put(s, S64_SHARED + 0x260, 19041, 4);
	assert_int_equal(opened(s, false)->build, 19041);
	assert_false(has_note(&s->os, "says build"));
	s64_close(s);
	s64_put(s, S64_SHARED + 0x260, 22000, 4);
	assert_int_equal(opened(s, false)->build, 19041);
	assert_true(has_note(&s->os, "KUSER_SHARED_DATA says build 22000, taken as build 19041"));
	s64_close(s);
	/* the header alone against two */
	s64_header(s, 0x0c, 17134, 4);
	assert_int_equal(opened(s, false)->build, 19041);
	assert_true(has_note(&s->os, "the header says build 17134, taken as build 19041"));
	s64_close(s);
	s64_header(s, 0x0c, 3, 4);
	assert_int_equal(opened(s, false)->build, 19041);
	s64_close(s);
	/* one against one: the header */
	s64_put(s, S64_KERNEL + S64_VARIABLES + 0x88, 0, 4);
	s64_put(s, S64_SHARED + 0x260, 0, 4);
	s64_header(s, 0x0c, 18362, 4);
	assert_int_equal(opened(s, false)->build, 18362);
	assert_true(has_note(&s->os, "NtBuildLab says build 19041"));
	s64_close(s);
	/* unless the KDBG block's size is against it */
	s64_header(s, 0x0c, 17134, 4);
	assert_int_equal(opened(s, false)->build, 19041);
}

static void newer_than_any_row(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_header(s, 0x0c, 99999, 4);
	s64_put(s, S64_KERNEL + S64_VARIABLES + 0x88, 0, 4);
	s64_put(s, S64_SHARED + 0x260, 99999, 4);
	s64_text(s, S64_KERNEL + S64_LAB, "99999.1.amd64fre");
	assert_int_equal(opened(s, false)->build, 99999);
	assert_true(has_note(&s->os, "build 99999 is newer than any layout known"));
	assert_string_equal(s->os.name, "Windows build 99999 (NT 10.0)");
	s64_close(s);
	/* 25H2 is 24H2 with features switched on */
	s64_header(s, 0x0c, 26100, 4);
	s64_put(s, S64_SHARED + 0x260, 26200, 4);
	s64_text(s, S64_KERNEL + S64_LAB, "26100.1.amd64fre");
	assert_int_equal(opened(s, false)->build, 26200);
	assert_false(has_note(&s->os, "is newer than any layout known"));
	assert_false(s->os.layout.beyond);
}

/* Numbers of the export and debug directories that lead out of the image. */
static void wild_directories(void **state)
{
	static const struct { uint32_t off, value; } rows[] = {
		{ S64_EXPORTS + 24, 0xffffffff }, { S64_EXPORTS + 24, 0x7fff },
		{ S64_EXPORTS + 28, 0xfffffff0 }, { S64_EXPORTS + 32, 0xfffffff0 },
		{ S64_EXPORTS + 36, 0xfffffff0 }, { S64_EXPORTS + 20, 0 },
		{ 0xf8 + 0x18 + 112, 0xfffffff0 }, { 0xf8 + 0x18 + 112 + 48, 0xfffffff0 },
		{ 0xf8 + 0x18 + 112 + 52, 0xffffffff }, { S64_DEBUG + 28 + 16, 3 },
		{ S64_DEBUG + 28 + 20, 0xfffffff0 }, { S64_DEBUG + 28 + 12, 4 },
	};
	struct space64 *s = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		s64_build(s, SPACE_X64);
		s64_put(s, S64_KERNEL + rows[i].off, rows[i].value, 4);
		opened(s, true);
		assert_int_equal(s->os.kernel_base, S64_KERNEL_VA);
		assert_int_equal(s->os.pdb.known, i < 7 || i == 8);
		s64_close(s);
	}
}

static const char isf[] =
"{ 'metadata': { 'format': '6.1.0', 'windows': { 'pdb': {"
"    'GUID': 'A6ACC8274D0C89283BDDB98967452301', 'age': %u,"
"    'database': 'ntkrnlmp.pdb', 'machine_type': 34404 } } },"
"  'base_types': { 'pointer': { 'kind': 'int', 'size': 8 } }, 'enums': {},"
"  'symbols': { 'PsLoadedModuleList': { 'address': %u },"
"    'PsActiveProcessHead': { 'address': %u }, 'KdDebuggerDataBlock': { 'address': %u },"
"    'NtBuildLab': { 'address': 1061376 }, 'KiBugCheckData': { 'address': 1056832 } },"
"  'user_types': { '_DEVICE_OBJECT': { 'kind': 'struct', 'size': 336, 'fields': {"
"    'DriverObject': { 'offset': 16, 'type': { 'kind': 'pointer' } } } },"
"    '_EPROCESS': { 'kind': 'struct', 'size': 2624, 'fields': {} } } }";

static struct symbols *open_isf(unsigned age, unsigned modules_rva, unsigned kdbg_rva)
{
	char text[2048];
	struct symbols *symbols = NULL;
	struct dl_err err = { "" };

	snprintf(text, sizeof text, isf, age, modules_rva, (unsigned)S64_PROCESSES, kdbg_rva);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (symbols_open_memory((struct bytes){ (const uint8_t *)text, strlen(text) }, "k.json",
				&symbols, &err))
		fail_msg("%s", err.text);
	return symbols;
}

/* Opens with symbols of this age and address; whether they were used. */
static bool used(struct space64 *s, unsigned age, unsigned modules_rva, unsigned kdbg_rva)
{
	struct symbols *symbols = open_isf(age, modules_rva, kdbg_rva);
	bool is_used;

	s64_close(s);
	s->symbols = symbols;
	is_used = opened(s, false)->symbols == symbols;
	assert_int_equal(is_used, s->os.nr_differences > 0);
	assert_int_equal(s->os.layout.device.driver.off, is_used ? 16 : 8);
	assert_int_equal(s->os.nr_modules, 2);
	symbols_close(symbols);
	s->symbols = NULL;
	return is_used;
}

static void symbols_by_guid(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	assert_true(used(s, 1, S64_MODULES, S64_KDBG));
	assert_string_equal(s->os.differences[0].type, "_DEVICE_OBJECT");
	assert_false(has_note(&s->os, "symbols are of"));
	assert_false(has_note(&s->os, "is a copy"));
	assert_false(used(s, 2, S64_MODULES, S64_KDBG));
	assert_true(has_note(&s->os, "symbols are of ntkrnlmp.pdb A6ACC8274D0C8928"
			     "3BDDB98967452301 age 2, the kernel is ntkrnlmp.pdb"));
	assert_true(used(s, 1, S64_MODULES, S64_KDBG - 8));
	assert_true(has_note(&s->os, "is a copy"));
}

/* The page of the RSDS record is missing: addresses must agree. */
static void symbols_by_address(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	s64_put(s, S64_KERNEL + S64_DEBUG + 28 + 12, 4, 4);
	assert_true(used(s, 2, S64_MODULES, S64_KDBG));
	assert_true(has_note(&s->os, "its lists are where they say"));
	assert_false(used(s, 1, S64_MODULES + 8, S64_KDBG));
	assert_true(has_note(&s->os, "nothing in this image tells"));
}

/* No KDBG block and a header without lists: the file knows where they are. */
static void symbols_complete_globals(void **state)
{
	struct space64 *s = *state;

	s64_build(s, SPACE_X64);
	memset(s->ram + S64_KERNEL + S64_KDBG, 0, 0x380);
	s64_header(s, 0x20, 0, 8);
	s64_header(s, 0x28, 0, 8);
	s64_header(s, 0x38, 0x45474150, 4);     /* "PAGE": not stated */
	assert_int_equal(S64_LAB, 1061376);
	assert_int_equal(S64_VARIABLES + 0x40, 1056832);
	assert_true(used(s, 1, S64_MODULES, S64_KDBG));
	assert_int_equal(s->os.processes_va, S64_KERNEL_VA + S64_PROCESSES);
	assert_string_equal(s->os.kdbg_how, "symbols");
	assert_string_equal(s->os.build_lab, "19041.1.amd64fre.vb_release.191206-1406");
	assert_true(s->os.bugcheck_code.known);
	assert_int_equal(s->os.bugcheck_code.value, 0xe2);
	opened((s64_close(s), s), false);
	assert_int_equal(s->os.processes_va, 0);
}

/* A page table of 1 GB pages, each claiming what is not there: no long search. */
static void endless_large_pages(void **state)
{
	struct space64 *s = *state;
	struct dl_err err = { "" };

	s64_build(s, SPACE_X64);
	memset(s->ram + S64_KERNEL, 0, 0x1000);
	memset(s->ram + S64_DATA, 0, 0x2000);
	for (uint64_t i = 0; i < 512; i++)
		s64_put(s, 0x30000 + i * 8, i << 30 | 0x1e3, 8);
	for (uint64_t i = 0x1f0; i < 0x1f2; i++)
		s64_put(s, S64_ROOT + i * 8, 0x30063, 8);
	assert_int_equal(s64_open(s, true, &err), DL_NOTFOUND);
}

static void release_rows(void **state)
{
	static const struct { uint32_t build, product; uint16_t machine; const char *name; } rows[] = {
		{ 2600, 1, MACHINE_I386, "Windows XP" },
		{ 3790, 1, MACHINE_I386, "Windows Server 2003" },
		{ 3790, 1, MACHINE_AMD64, "Windows XP x64" },
		{ 7601, 1, MACHINE_AMD64, "Windows 7 SP1" },
		{ 7601, 2, MACHINE_AMD64, "Windows Server 2008 R2 SP1" },
		{ 9600, 0, MACHINE_AMD64, "Windows 8.1 or Windows Server 2012 R2" },
		{ 17763, 3, MACHINE_AMD64, "Windows Server 2019" },
		{ 26100, 1, MACHINE_ARM64, "Windows 11 24H2" },
		{ 26100, 3, MACHINE_AMD64, "Windows Server 2025" },
		{ 4711, 1, MACHINE_AMD64, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *name = release_name(rows[i].build, rows[i].product, rows[i].machine);

		assert_true(!name == !rows[i].name);
		if (name)
			assert_string_equal(name, rows[i].name);
	}
	assert_int_equal(release_kernel(19045), release_kernel(19041));
	assert_int_equal(release_kernel(22631), 22621);
	assert_int_equal(release_kernel(22000), 22000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_header), TEST(raw_memory), TEST(tagged_root), TEST(wrong_root),
		TEST(kva_shadow), TEST(encoded), TEST(encoded_without_image_headers),
		TEST(copy_in_parameter), TEST(stale_block), TEST(without_kdbg),
		TEST(without_kdbg_and_first_module), TEST(wild_kdbg), TEST(wrong_fields),
		TEST(wrong_shared_data), TEST(nothing_there),
		TEST(low_stub), TEST(small_pages),
		TEST(builds_that_agree_or_not), TEST(newer_than_any_row),
		TEST(wild_directories), TEST(symbols_by_guid), TEST(symbols_by_address),
		TEST(symbols_complete_globals), TEST(endless_large_pages),
		cmocka_unit_test(release_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
