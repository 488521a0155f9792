/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of other classes to the share of them that leads to each owner: what
 * any block of this pool would say. A device that everything points to is no
 * lead.
 */
#include "resolve.h"

#include <string.h>

enum { CONTROL_MIN = 1024 };   /* fewer of the same pool: others join */

/* Blocks in which devices and drivers live, sorted: they name themselves. */
struct homes {
	size_t *block;
	size_t nr;
};

static int by_index(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x > y) - (x < y);
}

static enum dl_status homes_find(const struct targets *t, struct homes *h)
{
	const struct os *os = t->os;

	h->nr = 0;
	h->block = malloc((os->nr_devices + os->nr_drivers + 1) * sizeof *h->block);
	if (!h->block)
		return DL_NOMEM;
	for (size_t i = 0; i < os->nr_devices; i++)
		h->nr += catalog_find(&t->pool->blocks, os->devices[i].va, &h->block[h->nr]);
	for (size_t i = 0; i < os->nr_drivers; i++)
		h->nr += catalog_find(&t->pool->blocks, os->drivers[i].va, &h->block[h->nr]);
	qsort(h->block, h->nr, sizeof *h->block, by_index);
	return DL_OK;
}

static bool is_control(const struct miner *m, const struct homes *h, size_t i)
{
	const struct catalog *c = &m->t->pool->blocks;

	return catalog_state(c, i) == BLOCK_IN_USE && catalog_how(c, i) == BLOCK_PAGE &&
	       !sweep_class_of(m, i) &&
	       !bsearch(&i, h->block, h->nr, sizeof i, by_index);
}

/* Counts per pool, then the k-th of @want blocks out of @all. */
static size_t choose(const struct miner *m, const struct homes *h, enum pool_kind pool,
		     bool same, size_t all, size_t want, uint32_t *out)
{
	const struct catalog *c = &m->t->pool->blocks;
	size_t seen = 0, nr = 0;

	for (size_t i = 0; i < c->nr && nr < want; i++) {
		if ((catalog_pool(c, i) == pool) != same || !is_control(m, h, i))
			continue;
		if ((uint64_t)seen >= (uint64_t)all * nr / want)
			out[nr++] = (uint32_t)i;
		seen++;
	}
	return nr;
}

static void count_blocks(const struct miner *m, const struct homes *h,
			 enum pool_kind pool, size_t *same, size_t *other)
{
	const struct catalog *c = &m->t->pool->blocks;

	*same = *other = 0;
	for (size_t i = 0; i < c->nr; i++) {
		/* the common case in a leak first: the leaked block itself */
		if (!is_control(m, h, i))
			continue;
		if (catalog_pool(c, i) == pool)
			++*same;
		else
			++*other;
	}
}

struct control {
	struct miner *m;
	const struct mined *own;
	unsigned depth;
	const uint32_t *blocks;
	size_t nr, nr_owners;
	uint64_t *tallies;      /* per worker: owners, then blocks read */
};

static void control_block(const struct control *x, struct worker *w, size_t i,
			  uint64_t *tally)
{
	const struct miner *m = x->m;
	uint64_t va = pool_user_va(m->t->pool, i), n = pool_user_bytes(m->t->pool, i);
	unsigned width = m->rule->width;
	struct owner_set set = { .nr = 0 };
	uint8_t raw[MAX_COLUMNS * 8];
	size_t bytes = n < MAX_COLUMNS * width ? (size_t)n : MAX_COLUMNS * width;

	if (vm_read(&w->vm, va, raw, bytes, NULL))
		return;
	for (size_t off = 0; off + width <= bytes; off += width) {
		struct leads leads;

		resolve_word(m, w, x->own, le_word(raw + off, width), x->depth, &leads);
		for (unsigned k = 0; k < leads.nr; k++) {
			owner_set_add(&set, leads.list[k].owner);
			owner_set_add(&set, owner_parent(m->t->os, leads.list[k].owner));
		}
	}
	for (unsigned k = 0; k < set.nr; k++)
		tally[set.id[k]]++;
	tally[x->nr_owners]++;
}

static enum dl_status control_slice(void *ctx, size_t slice, unsigned worker,
				    struct dl_err *err)
{
	const struct control *x = ctx;
	size_t end = (slice + 1) * SLICE_CONTROL;

	(void)err;
	for (size_t k = slice * SLICE_CONTROL; k < end && k < x->nr; k++)
		control_block(x, &x->m->workers[worker], x->blocks[k],
			      &x->tallies[worker * (x->nr_owners + 1)]);
	return DL_OK;
}

static enum dl_status run(struct control *x, struct mined *c, struct dl_err *err)
{
	unsigned workers = x->m->nr_workers;
	enum dl_status st;

	x->tallies = calloc(workers * (x->nr_owners + 1), sizeof *x->tallies);
	if (!x->tallies)
		return DL_NOMEM;
	st = jobs_run((x->nr + SLICE_CONTROL - 1) / SLICE_CONTROL, workers,
		      control_slice, x, err);
	memset(c->control, 0, x->nr_owners * sizeof *c->control);
	c->s->control_blocks = 0;
	for (unsigned w = 0; w < workers; w++) {
		const uint64_t *tally = &x->tallies[w * (x->nr_owners + 1)];

		for (size_t o = 0; o < x->nr_owners; o++)
			c->control[o] += tally[o];
		c->s->control_blocks += tally[x->nr_owners];
	}
	free(x->tallies);
	return st;
}

/* Of the same pool; where it has too few, of the others as well. */
static size_t gather(const struct miner *m, const struct mined *c,
		     const struct homes *h, uint32_t *out)
{
	size_t same, other, n = 0, want;

	count_blocks(m, h, c->pool, &same, &other);
	want = same < CONTROL_BLOCKS ? same : CONTROL_BLOCKS;
	if (want)
		n = choose(m, h, c->pool, true, same, want, out);
	if (n < CONTROL_MIN && other) {
		want = other < CONTROL_MIN ? other : CONTROL_MIN;
		n += choose(m, h, c->pool, false, other, want, out + n);
	}
	return n;
}

enum dl_status control_count(struct miner *m, struct mined *c, struct dl_err *err)
{
	struct control x = { .m = m, .own = c, .depth = c->depth,
			     .nr_owners = owner_ids(m->t->os) };
	uint32_t *blocks = malloc((CONTROL_BLOCKS + CONTROL_MIN) * sizeof *blocks);
	struct homes homes = { NULL, 0 };
	enum dl_status st = blocks ? homes_find(m->t, &homes) : DL_NOMEM;

	if (!st) {
		x.nr = gather(m, c, &homes, blocks);
		x.blocks = blocks;
		st = run(&x, c, err);
	}
	free(blocks);
	free(homes.block);
	return st;
}
