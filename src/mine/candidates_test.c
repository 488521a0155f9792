/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms, and which of their classes look like leaks: the many equal
 * blocks, not the few huge ones, and nothing where nothing sticks out.
 */
#include "test_util.h"

static void test_histogram(void **state)
{
	struct fake f;
	struct classes c, tags;

	(void)state;
	fake_init(&f);
	for (int i = 0; i < 5; i++)
		fake_block(&f, "Aaaa", POOL_NONPAGED, 0x18);
	fake_block(&f, "Aaaa", POOL_NONPAGED, 0x38);
	fake_block(&f, "Aaa\xe1", POOL_PAGED, 0x18);    /* the same letters, protected */
	fake_big(&f, "Aaaa", 2);
	fake_note(&f, &(struct block){ .va = 0x80900000, .size_bytes = 0x20,
		.tag = fake_tag("Aaaa"), .state = BLOCK_FREE, .pool = POOL_NONPAGED });
	fake_note(&f, &(struct block){ .va = 0x80900020, .size_bytes = 0x20,
		.tag = fake_tag("Aaaa"), .state = BLOCK_PARKED, .pool = POOL_NONPAGED });
	fake_seal(&f);
	assert_int_equal(classes_make(&f.pool, &c, NULL), DL_OK);
	assert_int_equal(c.list[0].bytes, 2 * PAGE_BYTES);
	assert_int_equal(c.list[0].how, BLOCK_BIG);
	assert_int_equal(c.list[1].size_bytes, 0x20);
	assert_int_equal(c.list[1].blocks, 5);
	assert_int_equal(c.list[1].bytes, 5 * 0x20);
	assert_int_equal(c.list[1].free_blocks, 1);
	assert_int_equal(c.list[1].cached_blocks, 1);
	assert_int_equal(c.list[2].size_bytes, 0x40);
	assert_int_equal(c.list[3].pool, POOL_PAGED);
	assert_int_equal(c.list[3].tag, fake_tag("Aaaa"));
	assert_int_equal(classes_by_tag(&c, &tags, NULL), DL_OK);
	assert_int_equal(tags.list[0].blocks, 7);
	assert_true(tags.list[0].any_size);
	classes_deinit(&tags);
	classes_deinit(&c);
	fake_deinit(&f);
}

struct choice {
	struct classes classes;
	struct arena arena;
	struct candidate list[MAX_CANDIDATES];
	size_t nr;
};

static void choose(struct fake *f, struct choice *c)
{
	fake_seal(f);
	arena_init(&c->arena);
	assert_int_equal(classes_make(&f->pool, &c->classes, NULL), DL_OK);
	c->nr = candidates_choose(&f->pool, NULL, &c->classes, &c->arena, c->list);
}

static void choice_end(struct choice *c, struct fake *f)
{
	arena_deinit(&c->arena);
	classes_deinit(&c->classes);
	fake_deinit(f);
}

static uint32_t tag_at(const struct choice *c, size_t i)
{
	return c->classes.list[c->list[i].class_index].tag;
}

static void test_healthy(void **state)
{
	struct choice c;
	struct fake f;

	(void)state;
	fake_init(&f);
	fake_ordinary(&f, 1000);
	/* large, but of the kind that is large everywhere */
	for (int i = 0; i < 4000; i++)
		fake_block(&f, "File", POOL_NONPAGED, 0x98);
	/* a few dozen big allocations of all sizes hold most of the bytes */
	for (uint32_t i = 0; i < 40; i++)
		fake_big(&f, "RSYM", 4 + i);
	choose(&f, &c);
	assert_int_equal(c.nr, 0);
	choice_end(&c, &f);
}

static void test_leaks(void **state)
{
	struct choice c;
	struct fake f;

	(void)state;
	fake_init(&f);
	fake_ordinary(&f, 60);
	for (uint32_t i = 0; i < 40; i++)
		fake_big(&f, "RSYM", 4 + i);
	for (int i = 0; i < 30000; i++)
		fake_block(&f, "Io  ", POOL_NONPAGED, 0x38);
	for (int i = 0; i < 5000; i++)
		fake_block(&f, "LkTw", POOL_NONPAGED, 0x90);
	for (int i = 0; i < 60; i++)
		fake_big(&f, "LkBg", 3);
	choose(&f, &c);
	assert_int_equal(c.nr, 3);
	assert_int_equal(tag_at(&c, 0), fake_tag("Io  "));
	assert_int_equal(tag_at(&c, 1), fake_tag("LkTw"));
	assert_int_equal(tag_at(&c, 2), fake_tag("LkBg"));
	assert_non_null(strstr(c.list[0].why, "30,000 blocks of 64 bytes"));
	assert_true(c.list[0].kept_share < 0);
	choice_end(&c, &f);
}

/* A tag that is large everywhere is a leak where it takes nearly everything. */
static void test_known_but_wild(void **state)
{
	struct choice c;
	struct fake f;

	(void)state;
	fake_init(&f);
	fake_ordinary(&f, 40);
	for (int i = 0; i < 30000; i++)
		fake_block(&f, "File", POOL_NONPAGED, 0x98);
	choose(&f, &c);
	assert_int_equal(c.nr, 1);
	assert_int_equal(tag_at(&c, 0), fake_tag("File"));
	assert_non_null(strstr(c.list[0].why, "healthy machines have many"));
	choice_end(&c, &f);
}

/* Nobody can mine a tag as a whole, or what is not there. */
static void test_bad_choice(void **state)
{
	struct fake f;
	struct classes c, tags;
	struct targets t;
	struct findings found;
	struct candidate chosen = { .class_index = 0 };
	struct mine_options opts = { .jobs = 1, .chosen = &chosen, .nr_chosen = 1 };

	(void)state;
	fake_init(&f);
	fake_ordinary(&f, 3);
	fake_seal(&f);
	assert_int_equal(classes_make(&f.pool, &c, NULL), DL_OK);
	assert_int_equal(classes_by_tag(&c, &tags, NULL), DL_OK);
	assert_int_equal(targets_init(&t, &f.os, &f.pool, NULL), DL_OK);
	assert_int_equal(mine_run(&t, NULL, &tags, &opts, &found, NULL), DL_USAGE);
	findings_deinit(&found);
	opts.nr_chosen = 0;
	assert_int_equal(mine_run(&t, NULL, &c, &opts, &found, NULL), DL_OK);
	assert_int_equal(found.nr, 0);
	findings_deinit(&found);
	targets_deinit(&t);
	classes_deinit(&tags);
	classes_deinit(&c);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_leaks),
		cmocka_unit_test(test_known_but_wild),
		cmocka_unit_test(test_bad_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
