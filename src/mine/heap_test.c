/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of every kind on a 64-bit machine: across pages, several kinds in one
 * class, without a header, larger than what was asked for, cached.
 */
#include "test_wide.h"

/* Chunks and slots of one size are one leak, and some lie across two pages. */
static void test_across_pages(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	m.f.chunks = true;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va;

		m.f.how = i < 20 ? BLOCK_VS : i % 50 ? BLOCK_LFH : BLOCK_CARVED;
		va = fake_block(&m.f, "Heap", POOL_NONPAGED, 0x150);
		for (uint32_t k = 0; k < 0x150; k += 8)
			put64(&m.f, va + k, k + 1);
		put64(&m.f, va + 0x10, m.device->va);
		put64(&m.f, va + 0x148, m.device->extension_va + 0x90);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Heap", 2, &d);
	assert_int_equal(d.s->class.blocks, BLOCKS);
	assert_int_equal(d.s->class.how, BLOCK_LFH);
	assert_int_equal(d.s->class.by_how[BLOCK_VS], 20);
	assert_int_equal(d.s->readable, BLOCKS);
	assert_int_equal(d.s->user_bytes, 0x150);
	for (unsigned i = 0; i < d.s->nr_columns; i++)
		assert_int_equal(d.s->columns[i].distinct, 1);
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	assert_int_equal(d.s->owners[0].nr_evidence, 2);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* Without a header: whole pages, whoever keeps them, and special pool. */
static void test_without_header(void **state)
{
	struct machine m;
	struct dig d;
	uint64_t va;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < 40; i++) {
		uint64_t fill = (i + 1) * 0x0101010101010101u;

		va = fake_pages_of(&m.f, "Bulk", i % 2 ? BLOCK_BIG : BLOCK_RANGE, 2);
		put64(&m.f, va + 8, m.driver->va);
		fake_pages_of(&m.f, "Spec", BLOCK_SPECIAL, 1);
		m.f.blocks[m.f.nr_blocks - 1].va += PAGE_BYTES - 0x70;
		m.f.blocks[m.f.nr_blocks - 1].size_bytes = 0x70;
		va = m.f.blocks[m.f.nr_blocks - 1].va;
		for (uint32_t k = 0; k < 0x70; k += 8)
			put64(&m.f, va + k, fill);
		put64(&m.f, va + 0x18, m.device->va);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Bulk", 2, &d);
	assert_int_equal(d.s->class.blocks, 40);
	assert_int_equal(d.s->readable, 40);
	assert_int_equal(d.s->user_bytes, 2 * PAGE_BYTES);
	assert_int_equal(d.s->columns_cut, 2 * PAGE_BYTES / 8 - 128);
	assert_string_equal(d.s->owners[0].path, "+0x8 -> driver object");
	assert_ptr_equal(d.s->owners[0].driver, m.driver);
	dig_end(&d);
	dig_tag(&m.f, "Spec", 2, &d);
	assert_int_equal(d.s->class.form, FORM_SPECIAL);
	assert_int_equal(d.s->user_bytes, 0x70);
	assert_int_equal(d.s->readable, 40);
	assert_int_equal(d.s->used_bytes, 0x20);
	assert_int_equal(d.s->columns[5].kind, COLUMN_UNWRITTEN);
	assert_non_null(strstr(d.s->columns[5].words, "special pool"));
	assert_string_equal(d.s->owners[0].path, "+0x18 -> device object");
	dig_end(&d);
	fake_deinit(&m.f);
}

/* The heap notes at a block's end how many bytes nobody asked for: 4 of 32. */
static void test_unused(void **state)
{
	static const uint32_t offsets[] = { 0, 8, 16, 24 };
	static const enum column_kind kinds[] = {
		COLUMN_COUNTER, COLUMN_POINTER, COLUMN_UNWRITTEN, COLUMN_CONSTANT,
	};
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	m.f.how = BLOCK_LFH;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Slot", POOL_NONPAGED, 28);

		fill_stale(&m.f, va, 0x20);
		put64(&m.f, va, i);
		put64(&m.f, va + 8, m.device->va);
		put32(&m.f, va + 24, 77);
		put32(&m.f, va + 28, 4 << 16 | (fake_random(&m.f) & 0xffff));
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Slot", 2, &d);
	check_kinds(d.s, kinds, offsets, 4);
	assert_int_equal(d.s->user_bytes, 28);
	assert_int_equal(d.s->used_bytes, 28);
	assert_int_equal(d.s->columns[3].width, 4);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* The same bytes where no heap writes any are the owner's. */
static void test_not_unused(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Page", POOL_NONPAGED, 0x20);

		put64(&m.f, va, i);
		put32(&m.f, va + 24, 77);
		put32(&m.f, va + 28, 4 << 16);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Page", 2, &d);
	assert_int_equal(d.s->user_bytes, 32);
	assert_int_equal(d.s->columns[d.s->nr_columns - 1].kind, COLUMN_CONSTANT);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* Slack on a machine that hardly used its memory: numbers in one block of 40. */
static void test_sparse(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Thin", POOL_NONPAGED, 0x80);

		for (uint32_t k = 0x20; k < 0x80 && i % 40 == 0; k += 4)
			put32(&m.f, va + k, fake_random(&m.f) % 3000);
		put64(&m.f, va, i);
		put64(&m.f, va + 8, m.device->va);
		put64(&m.f, va + 16, i % 30 ? 0 : 0xc000009a);  /* rarely set */
		put64(&m.f, va + 24, i % 50 ? 0 : m.event[0]);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Thin", 2, &d);
	assert_int_equal(d.s->used_bytes, 0x20);
	assert_int_equal(d.s->columns[4].kind, COLUMN_UNWRITTEN);
	assert_int_not_equal(d.s->columns[3].kind, COLUMN_UNWRITTEN);
	assert_int_not_equal(d.s->columns[2].kind, COLUMN_UNWRITTEN);
	dig_end(&d);
	fake_deinit(&m.f);
}

static void put_header(struct fake *f, uint64_t va, unsigned previous, unsigned type)
{
	const struct pool_header_layout *h = &f->pool.layout.header;

	put64(f, va, (uint64_t)previous << h->previous_size.shift |
		     (uint64_t)type << h->pool_type.shift |
		     (uint64_t)fake_tag("Algn") << h->tag_shift);
}

/* From Windows 8 on data begin at a multiple of 64, behind a second header. */
static void test_aligned(void **state)
{
	struct machine m;
	struct dig d;

	(void)state;
	machine_init(&m);
	assert_int_equal(pool_layout_pick(MACHINE_AMD64, BUILD_8, &m.f.pool.layout, NULL), DL_OK);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&m.f, "Algn", POOL_NONPAGED, 0x30 + 64);
		uint64_t data = (va + 63) & ~(uint64_t)63;

		put_header(&m.f, va - 16, 0, 2);
		if (data != va)
			put_header(&m.f, data - 16, (unsigned)(data - va) / 16, 2 | 4);
		put64(&m.f, data, i);
		put64(&m.f, data + 8, m.device->va);
		put64(&m.f, data + 0x28, 5);
	}
	fake_seal(&m.f);
	dig_tag(&m.f, "Algn", 2, &d);
	assert_int_equal(d.s->user_bytes, 0x30);
	assert_int_equal(d.s->used_bytes, 0x30);
	assert_int_equal(d.s->columns[0].kind, COLUMN_COUNTER);
	assert_int_equal(d.s->samples[0] % 64, 0);
	assert_string_equal(d.s->owners[0].path, "+0x8 -> device object");
	assert_int_equal(d.s->owners[0].blocks, BLOCKS);
	dig_end(&d);
	fake_deinit(&m.f);
}

/* On x86 the last word of a block with quota is the process that pays. */
static void test_quota(void **state)
{
	struct fake f;
	struct dig d;

	(void)state;
	fake_init(&f);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t va = fake_block(&f, "Quot", POOL_NONPAGED, 0x18);

		put_header(&f, va - 8, 0, 1 + 8);
		put32(&f, va, i);
		put32(&f, va + 0x14, 0x80123450);
	}
	fake_seal(&f);
	dig_tag(&f, "Quot", 2, &d);
	assert_int_equal(d.s->user_bytes, 0x14);
	assert_int_equal(d.s->nr_columns, 5);
	dig_end(&d);
	fake_deinit(&f);
}

/* What lists of freed blocks keep is no leak, however much it is. */
static void test_cached(void **state)
{
	static const enum block_state states[] = { BLOCK_CACHED, BLOCK_PARKED, BLOCK_DELAYED };
	struct candidate list[MAX_CANDIDATES];
	struct classes classes;
	struct arena arena;
	struct machine m;

	(void)state;
	machine_init(&m);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		fake_block(&m.f, "Gone", POOL_NONPAGED, 0x40);
		m.f.blocks[m.f.nr_blocks - 1].state = states[i % 3];
	}
	fake_seal(&m.f);
	arena_init(&arena);
	assert_int_equal(classes_make(&m.f.pool, &classes, NULL), DL_OK);
	assert_int_equal(candidates_choose(&m.f.pool, NULL, &classes, &arena, list), 0);
	arena_deinit(&arena);
	classes_deinit(&classes);
	fake_deinit(&m.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_across_pages),
		cmocka_unit_test(test_without_header),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_not_unused),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_cached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
