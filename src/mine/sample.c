/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A class of blocks to a few thousand of them, evenly spread by address, and
 * their words to columns and a plan for each: which values deserve an exact count, and
 * whether the rest is worth a table or a bit map. Deterministic: no dice.
 */
#include "mine_impl.h"

#include <string.h>

/* How many blocks of each class, so that all samples together stay small. */
static enum dl_status sample_room(struct miner *m, struct mined *c)
{
	/* blocks of nothing but a header have no columns */
	size_t words = c->nr_words ? c->nr_words : 1;
	size_t share = SAMPLE_WORDS / m->nr / words, cap;

	cap = share > SAMPLE_MAX ? SAMPLE_MAX : share < SAMPLE_MIN ? SAMPLE_MIN : share;
	if (cap > c->s->class.blocks)
		cap = (size_t)c->s->class.blocks;
	c->cap_sample = cap;
	c->sample = calloc(cap + 1, sizeof *c->sample);
	c->sample_words = calloc(cap * c->nr_words + 1, sizeof *c->sample_words);
	return c->sample && c->sample_words ? DL_OK : DL_NOMEM;
}

/* One sampled block and where its page is in the file. */
struct spot {
	uint64_t position;
	struct mined *c;
	uint32_t k;
};

static int by_position(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return (x->k > y->k) - (x->k < y->k);
}

/* An unreadable block's words are marked by its catalog index. */
enum { UNREAD = UINT32_MAX };

static void read_block(struct miner *m, struct mined *c, uint32_t k)
{
	struct vm *vm = &m->workers[0].vm;
	uint64_t va = mined_va(m, c, c->sample[k]);
	unsigned width = m->rule->width;
	uint8_t raw[MAX_MINED];

	if (vm_read(vm, va, raw, c->mined_bytes, NULL)) {
		c->sample[k] = UNREAD;
		return;
	}
	for (unsigned n = 0; n < c->nr_words; n++)
		c->sample_words[n * c->cap_sample + k] = le_word(raw + n * width, width);
}

static enum dl_status read_all(struct miner *m)
{
	struct container *container = m->t->os->container;
	struct translation at;
	struct spot *spots;
	size_t nr = 0, all = 0;

	for (size_t i = 0; i < m->nr; i++)
		all += m->mined[i].nr_sample;
	spots = calloc(all + 1, sizeof *spots);
	if (!spots)
		return DL_NOMEM;
	for (size_t i = 0; i < m->nr; i++) {
		struct mined *c = &m->mined[i];

		for (uint32_t k = 0; k < c->nr_sample; k++) {
			spots[nr] = (struct spot){ 0, c, k };
			if (container_is_slow(container) &&
			    !vm_translate(&m->workers[0].vm,
					  catalog_va(&m->t->pool->blocks, c->sample[k]),
					  &at, NULL))
				spots[nr].position = container_position(container,
									at.pa >> PAGE_SHIFT);
			nr++;
		}
	}
	if (container_is_slow(container))
		qsort(spots, nr, sizeof *spots, by_position);
	for (size_t i = 0; i < nr; i++)
		read_block(m, spots[i].c, spots[i].k);
	free(spots);
	return DL_OK;
}

/* Close the gaps that unreadable blocks left, in every word alike. */
static void squeeze(struct mined *c)
{
	size_t to = 0;

	for (size_t k = 0; k < c->nr_sample; k++) {
		if (c->sample[k] == UNREAD)
			continue;
		for (unsigned n = 0; n < c->nr_words; n++)
			c->sample_words[n * c->cap_sample + to] =
				c->sample_words[n * c->cap_sample + k];
		c->sample[to++] = c->sample[k];
	}
	c->nr_sample = to;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct frequent {
	uint64_t value;
	size_t count;
};

/* Most frequent first; the smaller value of equals. */
static void keep_frequent(struct frequent *f, size_t *nr, uint64_t value, size_t count)
{
	size_t i = *nr;

	while (i && f[i - 1].count < count)
		i--;
	if (i == HEAVY_MAX)
		return;
	if (*nr == HEAVY_MAX)
		--*nr;
	memmove(&f[i + 1], &f[i], (*nr - i) * sizeof *f);
	f[i].value = value;
	f[i].count = count;
	++*nr;
}

static void plan_heavy(struct plan *p, const struct frequent *f, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		size_t h = (size_t)(f[i].value * 0x9e3779b97f4a7c15u >> 40) % HEAVY_SLOTS;

		while (p->slot[h])
			h = (h + 1) % HEAVY_SLOTS;
		p->heavy[p->nr_heavy++] = f[i].value;
		p->slot[h] = (uint8_t)p->nr_heavy;
	}
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * Many values in a range that is not much wider than their number may be a
 * sequence, perhaps in steps: a bit for each possible value tells. Some room on
 * both sides, since the sample need not have met the first and the last; and
 * strangers of the same tag and size, at both ends, do not count.
 */
enum { OUTLIERS = 200 };        /* one in so many sampled blocks, at each end */

static void plan_span(struct plan *p, const uint64_t *sorted, size_t n, uint64_t blocks)
{
	size_t first = n / OUTLIERS, last = n - 1 - n / OUTLIERS;
	uint64_t min = sorted[first], steps, room, stride = 0;

	for (size_t i = first + 1; i <= last && stride != 1; i++)
		stride = gcd(sorted[i] - min, stride);
	if (!stride)
		return;
	steps = (sorted[last] - min) / stride;
	room = steps / 8 + 1024;
	if (steps > SPAN_MAX / 2 || steps / 64 > blocks)
		return;
	if (min / stride < room)
		room = min / stride;
	p->stride = stride;
	p->span_first = min - room * stride;
	p->span = steps + room + steps / 8 + 1024;
}

/* @sorted: the column's sampled words, by value. */
static void plan_column(const struct mined *c, const uint64_t *sorted, struct plan *p)
{
	struct frequent f[HEAVY_MAX + 1];
	size_t n = c->nr_sample, nr = 0, distinct = 0, j;

	for (size_t i = 0; i < n; i = j) {
		for (j = i + 1; j < n && sorted[j] == sorted[i]; j++)
			;
		distinct++;
		if ((j - i) * 100 >= n && j - i > 1)
			keep_frequent(f, &nr, sorted[i], j - i);
	}
	plan_heavy(p, f, nr);
	p->sampled_distinct = distinct;
	p->table = distinct <= DISTINCT_CAP || c->s->class.blocks <= DISTINCT_CAP;
	if (n && !p->table)
		plan_span(p, sorted, n, c->s->class.blocks);
}

static bool any_self(const struct miner *m, const struct mined *c, unsigned col)
{
	for (size_t k = 0; k < c->nr_sample; k++) {
		uint64_t va = mined_va(m, c, c->sample[k]);

		if (c->sample_words[col * c->cap_sample + k] - va < c->s->user_bytes)
			return true;
	}
	return false;
}

static enum dl_status plan(struct miner *m, struct mined *c)
{
	uint64_t *sorted = malloc((c->nr_sample + 1) * sizeof *sorted);

	c->plans = calloc(c->nr_columns + 1, sizeof *c->plans);
	if (!sorted || !c->plans) {
		free(sorted);
		return DL_NOMEM;
	}
	for (unsigned col = 0; col < c->nr_columns; col++) {
		memcpy(sorted, &c->sample_words[col * c->cap_sample],
		       c->nr_sample * sizeof *sorted);
		qsort(sorted, c->nr_sample, sizeof *sorted, by_value);
		plan_column(c, sorted, &c->plans[col]);
		c->plans[col].self = any_self(m, c, col);
	}
	free(sorted);
	return DL_OK;
}

enum dl_status sample_take(struct miner *m, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	for (size_t i = 0; i < m->nr && !st; i++)
		st = sample_room(m, &m->mined[i]);
	if (!st)
		st = sweep_census(m);
	for (size_t i = 0; i < m->nr && !st; i++)
		frame_find(m, &m->mined[i]);
	if (!st)
		st = read_all(m);
	for (size_t i = 0; i < m->nr && !st; i++) {
		squeeze(&m->mined[i]);
		unused_trim(m, &m->mined[i]);
		st = halves_split(m, &m->mined[i]) ? plan(m, &m->mined[i]) : DL_NOMEM;
	}
	return st ? err_set(err, st, "out of memory for the sample") : DL_OK;
}
