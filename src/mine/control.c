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

/* @want of the sampled others that are no owner's own object, evenly spread. */
static size_t choose(const struct others *o, const struct homes *h, size_t want,
		     uint32_t *out)
{
	size_t nr = 0;

	for (size_t k = 0; k < o->nr && nr < want; k++) {
		size_t i = o->block[k];

		if (o->nr > want && k * want / o->nr < nr)
			continue;
		if (!bsearch(&i, h->block, h->nr, sizeof i, by_index))
			out[nr++] = o->block[k];
	}
	return nr;
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
	uint8_t raw[MAX_MINED];
	size_t bytes = n < MAX_WORDS * width ? (size_t)n : MAX_WORDS * width;

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
	size_t n = choose(&m->others[c->pool], h, CONTROL_BLOCKS, out);

	for (int k = 0; k < NR_POOL_KINDS && n < CONTROL_MIN; k++)
		if (k != (int)c->pool)
			n += choose(&m->others[k], h, CONTROL_MIN - n, out + n);
	return n;
}

enum dl_status control_count(struct miner *m, struct mined *c, struct dl_err *err)
{
	struct control x = { .m = m, .own = c, .depth = c->depth,
			     .nr_owners = owner_ids(m->t->os) };
	uint32_t *blocks = malloc(CONTROL_BLOCKS * sizeof *blocks);
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
