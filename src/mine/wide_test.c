/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit machines: fields of eight and of four bytes, what is padding between
 * them, and owners by 64-bit objects.
 */
#include "test_wide.h"

/* Nine words of eight bytes are written, five never. */
static void test_words(void **state)
{
	static const uint32_t address[] = { 0x0a00000a, 0xc0a80117, 0xc0a80118, 0x0a000115 };
	static const uint32_t offsets[] = { 0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96,
		104 };
	static const enum column_kind kinds[] = {
		COLUMN_COUNTER, COLUMN_POINTER, COLUMN_FEW, COLUMN_CONSTANT, COLUMN_POINTER,
		COLUMN_FEW, COLUMN_COUNTER, COLUMN_CONSTANT, COLUMN_CONSTANT,
		COLUMN_UNWRITTEN, COLUMN_UNWRITTEN, COLUMN_UNWRITTEN, COLUMN_UNWRITTEN,
		COLUMN_UNWRITTEN,
	};
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Io  ", POOL_NONPAGED, 14 * 8);

		fill_stale(&m.f, va, 14 * 8);
		put64(&m.f, va, i + 1);
		put64(&m.f, va + 8, m.event[fake_random(&m.f) % 3]);
		put64(&m.f, va + 16, address[fake_random(&m.f) % 4]);
		put64(&m.f, va + 24, 445);
		put64(&m.f, va + 32, m.device->va);
		put64(&m.f, va + 40, fake_random(&m.f) % 6 ? 0 : 0x103);
		put64(&m.f, va + 48, 0x2fc4000 + i * 10);
		put64(&m.f, va + 56, 2);
		put64(&m.f, va + 64, 1);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Io  ", 2, &d);
	check_kinds(d.s, kinds, offsets, 14);
	assert_int_equal(d.s->user_bytes, 112);
	assert_int_equal(d.s->used_bytes, 72);
	assert_int_equal(d.s->columns[0].width, 8);
	assert_string_equal(d.s->columns[1].target, "event in \\Device\\DonIfs extension");
	assert_non_null(strstr(d.s->columns[1].words, "one of 3 KEVENTs in \\Device\\DonIfs"));
	assert_non_null(strstr(d.s->columns[2].words, "IPv4"));
	assert_int_equal(d.s->verdict, VERDICT_CLEAR);
	assert_ptr_equal(d.s->owners[0].device, m.device);
	assert_string_equal(d.s->owners[0].path,
			    "+0x8 -> KEVENT in extension (+0x10, +0x30, +0x50)");
	dig_end(&d);
	fake_deinit(&m.f);
}

/* As a compiler lays it out: what is smaller than a pointer lies side by side. */
static void leak_packed(struct machine *m, uint32_t blocks)
{
	static const uint32_t address[] = { 0x0a00000a, 0xc0a80117, 0xc0a80118, 0x0a000115 };

	for (uint32_t i = 0; i < blocks; i++) {
		uint64_t va = fake_block(&m->f, "Pack", POOL_NONPAGED, 0x50);

		fill_stale(&m->f, va, 0x50);
		put32(&m->f, va, i + 1);                /* and four bytes of padding */
		put64(&m->f, va + 8, m->event[fake_random(&m->f) % 3]);
		put32(&m->f, va + 16, address[fake_random(&m->f) % 4]);
		put32(&m->f, va + 20, 445);
		put64(&m->f, va + 24, m->device->va);
		put32(&m->f, va + 32, fake_random(&m->f) % 6 ? 0 : 0x103);
		put32(&m->f, va + 36, 0x2fc4000 + i * 10);
		put32(&m->f, va + 40, 2);
		put32(&m->f, va + 44, 1);
	}
}

static void test_packed(void **state)
{
	static const uint32_t offsets[] = { 0, 4, 8, 16, 20, 24, 32, 36, 40, 44, 48, 56, 64,
		72 };
	static const enum column_kind kinds[] = {
		COLUMN_COUNTER, COLUMN_UNWRITTEN, COLUMN_POINTER, COLUMN_FEW, COLUMN_CONSTANT,
		COLUMN_POINTER, COLUMN_FEW, COLUMN_COUNTER, COLUMN_CONSTANT, COLUMN_CONSTANT,
		COLUMN_UNWRITTEN, COLUMN_UNWRITTEN, COLUMN_UNWRITTEN, COLUMN_UNWRITTEN,
	};
	struct machine m;
	struct dig one, four;

	(void)state;
	machine_init(&m);
	leak_packed(&m, BLOCKS);
	fake_seal(&m.f);
	dig_tag(&m.f, "Pack", 1, &one);
	check_kinds(one.s, kinds, offsets, sizeof kinds / sizeof kinds[0]);
	assert_int_equal(one.s->used_bytes, 48);
	assert_int_equal(one.s->columns[3].width, 4);
	assert_non_null(strstr(one.s->columns[3].words, "IPv4"));
	assert_string_equal(one.s->columns[4].words, "constant 0x1bd");
	assert_string_equal(one.s->owners[0].path,
			    "+0x8 -> KEVENT in extension (+0x10, +0x30, +0x50)");
	assert_string_equal(one.s->owners[0].evidence[1].path, "+0x18 -> device object");
	dig_tag(&m.f, "Pack", 4, &four);
	for (size_t i = 0; i < one.s->nr_columns; i++)
		assert_string_equal(one.s->columns[i].words, four.s->columns[i].words);
	assert_string_equal(one.s->verdict_words, four.s->verdict_words);
	dig_end(&four);
	dig_end(&one);
	fake_deinit(&m.f);
}

/* Words that are one, although their halves differ; and two that look like one. */
static void test_one_or_two(void **state)
{
	static const uint32_t offsets[] = { 0, 8, 16, 24, 32, 40, 48, 52, 56, 64, 68,
		72 };
	static const enum column_kind kinds[] = {
		COLUMN_TIME, COLUMN_TEXT, COLUMN_POINTER, COLUMN_POINTER, COLUMN_FEW,
		COLUMN_MIXED, COLUMN_SMALL, COLUMN_FLAGS, COLUMN_MIXED, COLUMN_CONSTANT,
		COLUMN_FEW, COLUMN_ZERO,
	};
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	m.f.os.system_time = 0x01d00b3ba2f00000;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Kind", POOL_NONPAGED, 0x50);
		uint32_t r = fake_random(&m.f);

		put64(&m.f, va, 0x01d00b3b00000000 - (uint64_t)r * 0x1000000);
		put64(&m.f, va + 8, 0x0062006100640063 + i % 3);
		put64(&m.f, va + 16, i % 2 ? 0 : m.device->va);
		put64(&m.f, va + 24, m.f.base + FAKE_POOL_PA + r % 0x4000 * 16);
		put64(&m.f, va + 32, r % 3 ? 0 : UINT64_MAX - r % 2);  /* -1, -2 */
		put64(&m.f, va + 40, 0x000001d200000000 + (uint64_t)r * 0x1038);
		put32(&m.f, va + 48, r % 500);
		put32(&m.f, va + 52, 0x10000u << r % 3 | 0x1000u << r / 3 % 3 | 1u << r / 9 % 2);
		put64(&m.f, va + 56, r % 10 ? m.f.base + FAKE_POOL_PA + r % 4 * 0x40 : r % 9);
		put32(&m.f, va + 64, UINT32_MAX);
		put32(&m.f, va + 68, r % 3 ? 7 : 9);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Kind", 2, &d);
	check_kinds(d.s, kinds, offsets, sizeof kinds / sizeof kinds[0]);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* Without padding: addresses begin in the middle of words. */
static void test_unaligned(void **state)
{
	static const uint32_t offsets[] = { 0, 4, 12, 20, 24, 32 };
	static const enum column_kind kinds[] = {
		COLUMN_COUNTER, COLUMN_POINTER, COLUMN_POINTER, COLUMN_CONSTANT,
		COLUMN_POINTER, COLUMN_UNWRITTEN,
	};
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Tight", POOL_NONPAGED, 0x28 + 8);

		fill_stale(&m.f, va, 0x30);
		put32(&m.f, va, i);
		put64(&m.f, va + 4, m.event[i % 3]);
		put64(&m.f, va + 12, m.driver->image_base + 0x1100);
		put32(&m.f, va + 20, 77);
		put64(&m.f, va + 24, m.device->va);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Tight", 2, &d);
	assert_int_equal(d.s->nr_columns, 7);
	d.s->nr_columns = 6;
	check_kinds(d.s, kinds, offsets, 6);
	assert_string_equal(d.s->owners[0].path,
			    "+0x4 -> KEVENT in extension (+0x10, +0x30, +0x50)");
	assert_string_equal(d.s->owners[0].evidence[1].path, "+0x18 -> device object");
	dig_end(&d);
	fake_deinit(&m.f);
}

static void test_file_and_irp(void **state)
{
	const struct io_layout *l;
	struct machine m;
	struct dig d;
	uint64_t file, irp, at;

	(void)state;
	machine_init(&m);
	l = &m.f.os.layout.io;
	file = fake_block(&m.f, "Fil\xe5", POOL_NONPAGED, 0x60u + l->file_bytes) + 0x60;
	put32(&m.f, file, (uint32_t)l->file_bytes << 16 | 5);
	put64(&m.f, file + l->file_device.off, m.device->va);
	irp = fake_block(&m.f, "Irp ", POOL_NONPAGED, l->irp_bytes + 2u * l->stack_bytes);
	put32(&m.f, irp, (l->irp_bytes + 2u * l->stack_bytes) << 16 | 6);
	m.f.ram[irp + l->irp_stack_count.off - m.f.base] = 2;
	m.f.ram[irp + l->irp_current.off - m.f.base] = 2;
	at = irp + l->irp_bytes + l->stack_bytes + l->stack_device.off;
	put64(&m.f, at, m.device->va);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Leak", POOL_NONPAGED, 0x20);

		put64(&m.f, va, i);
		put64(&m.f, va + 8, file);
		put64(&m.f, va + 16, irp);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Leak", 2, &d);
	assert_string_equal(d.s->columns[1].target, "file of \\Device\\DonIfs");
	assert_string_equal(d.s->columns[2].target, "irp at \\Device\\DonIfs");
	assert_ptr_equal(d.s->owners[0].device, m.device);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* A list of 64-bit entries, its head in an extension; and a way over two blocks. */
static void test_list_and_hops(void **state)
{
	static uint64_t entry[BLOCKS + 1];
	struct machine m;
	struct dig d;
	uint64_t node;

	(void)state;
	machine_init(&m);
	node = fake_block(&m.f, "Node", POOL_NONPAGED, 0x30);
	put64(&m.f, node + 0x18, m.device->va);
	entry[BLOCKS] = m.device->extension_va + 0x80;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		entry[i] = fake_block(&m.f, "List", POOL_NONPAGED, 0x30) + 16;
		put64(&m.f, fake_block(&m.f, "Leak", POOL_NONPAGED, 0x20) + 8, node);
	}
	for (uint32_t i = 0; i <= BLOCKS; i++) {
		uint32_t next = (i + 37) % (BLOCKS + 1);

		put64(&m.f, entry[i], entry[next]);
		put64(&m.f, entry[next] + 8, entry[i]);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "List", 2, &d);
	assert_int_equal(d.s->columns[2].kind, COLUMN_LIST);
	assert_int_equal(d.s->columns[3].kind, COLUMN_LIST);
	assert_int_equal(d.s->listed, BLOCKS);
	assert_string_equal(d.s->owners[0].path,
			    "+0x10 -> list whose head is in the extension (+0x80)");
	dig_end(&d);
	dig_tag(&m.f, "Leak", 2, &d);
	assert_string_equal(d.s->owners[0].path, "+0x8 -> 'Node' +0x18 -> device object");
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	dig_end(&d);
	fake_deinit(&m.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_one_or_two),
		cmocka_unit_test(test_unaligned),
		cmocka_unit_test(test_file_and_irp),
		cmocka_unit_test(test_list_and_hops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
