/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF cores built in memory, as files (libkdumpfile reads them itself) and
 * without a descriptor (staged), sound and malformed; and QEMU's notes.
 */
#include "kdump_testing.h"

static const struct kind kinds[] = {
	{ elf64, "elf", NULL, 0x8664, 0 },
	{ elf32, "elf", NULL, 0x14c, 0 },
};

static void test_every_kind_every_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		check_every_way(&kinds[i]);
}

static const struct malformation malformations[] = {
	{ "executable", elf64, 16, 2, 2, DL_UNSUPPORTED, "not a memory dump" },
	{ "machine", elf64, 18, 2, 22, DL_UNSUPPORTED, "machine 22" },
	{ "class", elf64, 4, 1, 3, DL_CORRUPT, "EI_CLASS" },
	{ "e_phoff", elf64, 32, 8, 1 << 20, DL_CORRUPT, "program headers" },
	{ "e_phoff wraps", elf64, 32, 8, UINT64_MAX - 8, DL_CORRUPT, "program headers" },
	{ "e_phentsize", elf64, 54, 2, 8, DL_CORRUPT, "e_phentsize" },
	{ "e_phnum 0", elf64, 56, 2, 0, DL_CORRUPT, "e_phnum at 0x38 is 0" },
	{ "e_phnum", elf64, 56, 2, 0xffff, DL_UNSUPPORTED, "e_phnum at 0x38 is 65535" },
	{ "only notes", elf64, 56, 2, 1, DL_CORRUPT, "holds memory" },
	{ "note off the file", elf64, 64 + 8, 8, 1 << 30, DL_CORRUPT, "PT_NOTE" },
	{ "note size", elf64, 64 + 32, 8, UINT64_MAX, DL_CORRUPT, "PT_NOTE" },
	{ "p_paddr", elf64, 64 + 56 + 24, 8, UINT64_MAX - 4095, DL_CORRUPT, "impossible" },
	{ "p_filesz", elf64, 64 + 56 + 32, 8, UINT64_MAX, DL_CORRUPT, "impossible" },
	{ "p_memsz", elf64, 64 + 56 + 40, 8, 4096, DL_CORRUPT, "impossible" },
};

static void test_malformed_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof malformations / sizeof malformations[0]; i++)
		check_malformation(&malformations[i]);
}

/* Sections say nothing of memory: wrong or cut off, they are left out. */
static void test_bad_sections_do_no_harm(void **state)
{
	static const struct { size_t off, width; uint64_t value; } bad[] = {
		{ 40, 8, (uint64_t)0xff << 56 }, { 40, 8, IMAGE_BYTES }, { 60, 2, 5 },
		{ 60, 2, 0xffff },
	};
	struct dl_err err = { "" };
	struct container *c;
	char path[32];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t value[8];

		elf64();
		put16(im + 58, 64);
		put64(value, bad[i].value);
		memcpy(im + bad[i].off, value, bad[i].width);
		assert_int_equal(open_n(im_n, &c, &err), DL_OK);
		check_memory(c);
		container_close(c);
		source_close(source);
		make_file(path, (struct bytes){ im, im_n });
		assert_int_equal(source_open_path(path, NULL, &source, &err), DL_OK);
		assert_int_equal(container_open(source, &c, &err), DL_OK);
		check_memory(c);
		container_close(c);
		source_close(source);
		unlink(path);
	}
}

static void test_truncations(void **state)
{
	(void)state;
	check_truncations(elf64);
	check_truncations(elf32);
}

/* A page that is in no segment is absent, also where it touches one. */
static void test_gaps_are_absent(void **state)
{
	static const uint64_t gaps[] = { 3, 0xf, 0x14, 0x15 };
	struct dl_err err = { "" };
	struct container *c;
	char path[32];

	(void)state;
	elf64();
	make_file(path, (struct bytes){ im, im_n });
	assert_int_equal(source_open_path(path, NULL, &source, &err), DL_OK);
	assert_int_equal(container_open(source, &c, &err), DL_OK);
	for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
		uint8_t scratch[PAGE_BYTES];
		const uint8_t *page;

		assert_int_equal(container_page(c, gaps[i], scratch, &page, &err), DL_ABSENT);
	}
	container_close(c);
	source_close(source);
	unlink(path);
}

static void test_paging_is_noted(void **state)
{
	struct dl_err err = { "" };
	struct container *c;

	(void)state;
	elf64();
	put64(im + 64 + 56 + 16, (uint64_t)0xfffff801 << 32);
	assert_int_equal(open_n(im_n, &c, &err), DL_OK);
	assert_note(c, "paging=true");
	container_close(c);
	source_close(source);
}

/* ---- the header that a driver in the guest prepared ---- */

/* elf64() with one more note in a third place: @n bytes of VMCOREINFO. */
static void elf64_with_header(const void *header, uint32_t n)
{
	static uint8_t note[12 + 12 + 0x2000];

	elf64();
	memset(note, 0, sizeof note);
	put32(note, 11);
	put32(note + 4, n);
	memcpy(note + 12, "VMCOREINFO", 11);
	memcpy(note + 24, header, n);
	put64(im + 64 + 8, im_n);
	put64(im + 64 + 32, 460 + 24 + n);
	add_qemu_note();
	add(note, 24 + n);
}

static void check_elf(void (*check)(const struct dump_header *h))
{
	struct dl_err err = { "" };
	struct container *c;

	if (open_n(im_n, &c, &err))
		fail_msg("%s", err.text);
	check_page(c, 0x13);
	check(container_header(c));
	container_close(c);
	source_close(source);
}

static void is_guests(const struct dump_header *h)
{
	assert_string_equal(h->format, "elf");
	assert_string_equal(h->title, "ELF core of a virtual machine, with the guest's dump "
				      "header");
	assert_int_equal(h->build.value, 19041);
	assert_int_equal(h->machine.value, 0x8664);
	assert_int_equal(h->dtb_pa.value, 0x1ad000); /* not the CPU's CR3 */
	assert_int_equal(h->kdbg_va.value, 0xfffff80012345678);
	assert_int_equal(h->nr_processors.value, 3);
	assert_false(h->bugcheck_code.known);
	assert_false(h->bugcheck_parameter[0].known);
	assert_false(h->dump_type.known);
	assert_false(h->required_bytes.known);
}

static void test_guest_header(void **state)
{
	static uint8_t head[0x2000];

	(void)state;
	for (size_t i = 0; i < sizeof head; i += 4)
		put32(head + i, 0x45474150);
	memcpy(head, "PAGEDU64", 8);
	put32(head + 0x0c, 19041);
	put64(head + 0x10, 0x1ad000);
	put32(head + 0x30, 0x8664);
	put32(head + 0x34, 3);
	put32(head + 0x38, 0);
	put64(head + 0x40, 0);
	put64(head + 0x80, 0xfffff80012345678);
	put32(head + 0xf98, 1);
	put64(head + 0xfa0, 0x100000);
	elf64_with_header(head, sizeof head);
	check_elf(is_guests);
}

static void is_guests_32(const struct dump_header *h)
{
	assert_int_equal(h->build.value, 2600);
	assert_int_equal(h->machine.value, 0x14c);
	assert_int_equal(h->dtb_pa.value, CR3); /* the header has none */
	assert_int_equal(h->bugcheck_code.value, 0xc4);
	assert_int_equal(h->nr_processors.value, 1);
}

static void test_guest_header_32(void **state)
{
	static uint8_t head[0x1000];

	(void)state;
	for (size_t i = 0; i < sizeof head; i += 4)
		put32(head + i, 0x45474150);
	memcpy(head, "PAGEDUMP", 8);
	put32(head + 0x0c, 2600);
	put32(head + 0x20, 0x14c);
	put32(head + 0x24, 1);
	put32(head + 0x28, 0xc4);
	elf64_with_header(head, sizeof head);
	check_elf(is_guests_32);
}

static void is_plain(const struct dump_header *h)
{
	assert_string_equal(h->title, "ELF core of a virtual machine");
	assert_int_equal(h->machine.value, 0x8664);
	assert_int_equal(h->dtb_pa.value, CR3);
	assert_false(h->build.known);
}

/* Linux puts text there; and a header may be cut. */
static void test_guest_header_that_is_none(void **state)
{
	static uint8_t head[0x2000] = "OSRELEASE=6.1.0\n";

	(void)state;
	elf64_with_header(head, 0x100);
	check_elf(is_plain);
	memcpy(head, "PAGEDU64", 8);
	elf64_with_header(head, 0x1ffc);
	check_elf(is_plain);
	put32(im + im_n - 0x1ffc - 20, UINT32_MAX); /* the note's size */
	check_elf(is_plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_every_way),
		cmocka_unit_test(test_malformed_headers),
		cmocka_unit_test(test_bad_sections_do_no_harm),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_gaps_are_absent),
		cmocka_unit_test(test_paging_is_noted),
		cmocka_unit_test(test_guest_header),
		cmocka_unit_test(test_guest_header_32),
		cmocka_unit_test(test_guest_header_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
