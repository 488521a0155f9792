/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_TEST_WIDE_H
#define DUMPLEAK_MINE_TEST_WIDE_H

/* What tests of mining on a 64-bit machine begin with: one driver, one device, three events. */
#include "test_util.h"

enum { BLOCKS = 4000 };

struct machine {
	struct fake f;
	struct driver *driver;
	struct device *device;
	uint64_t event[3];
};

static inline void machine_init(struct machine *m)
{
	fake_init_wide(&m->f);
	m->driver = fake_driver(&m->f, "\\FileSystem\\DonIfs", "donifs.sys");
	m->device = fake_device(&m->f, "\\Device\\DonIfs", m->driver);
	for (uint32_t i = 0; i < 3; i++)
		m->event[i] = fake_event(&m->f, m->device, 0x10 + 0x20 * i);
	fake_ordinary(&m->f, 100);
}

/* What freed blocks leave in a word: nothing, addresses, text, numbers. */
static inline uint64_t stale(struct fake *f)
{
	uint32_t r = fake_random(f) % 100, v = fake_random(f);

	if (r < 60)
		return 0;
	if (r < 78)
		return f->base + FAKE_POOL_PA + v % 0x8000 * 16;
	if (r < 90)
		return 0x0041004100410041u + v % 20 * 0x0001000200010001u;
	return r < 95 ? v % 0x8000 : (uint64_t)v * 0x10001;
}

static inline void fill_stale(struct fake *f, uint64_t va, uint32_t bytes)
{
	for (uint32_t k = 0; k < bytes; k += 8)
		put64(f, va + k, stale(f));
}

static inline void check_kinds(const struct suspect *s, const enum column_kind *kinds,
			const uint32_t *offsets, size_t nr)
{
	assert_int_equal(s->nr_columns, nr);
	for (size_t i = 0; i < nr; i++) {
		assert_int_equal(s->columns[i].offset, offsets[i]);
		assert_string_equal(column_kind_name(s->columns[i].kind),
				    column_kind_name(kinds[i]));
	}
}

#endif
