/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All blocks of all candidates to one accumulator per column, counted by
 * several threads on their own and added up.
 */
#include "mine_impl.h"

/* One thread's accumulators: class by class, column by column. */
struct tally {
	struct acc *accs;
	uint64_t *readable;     /* per class */
	size_t *first;          /* per class, its first accumulator */
};

struct counting {
	struct miner *m;
	struct tally *tallies;
	size_t nr_accs;
	sweep_fn also;          /* gets every block as well */
	void *ctx;
};

static void count_self(struct acc *a, const struct plan *plans, const struct mined *c,
		       const uint8_t *user, uint64_t user_va)
{
	for (unsigned col = 0; col < c->nr_columns; col++)
		if (plans[col].self)
			a[col].self += le_word(user + c->slots[col].off,
					       c->slots[col].width) - user_va <
				       c->s->user_bytes;
}

/* Words and halves of words. */
static void count_slots(struct acc *a, const struct mined *c, const uint8_t *user)
{
	for (unsigned col = 0; col < c->nr_columns; col++) {
		const struct slot *slot = &c->slots[col];

		acc_word(&a[col], &c->plans[col], slot->rule,
			 le_word(user + slot->off, slot->width));
	}
}

static void count_block(void *ctx, unsigned worker, struct mined *c, size_t i,
			const uint8_t *user)
{
	const struct counting *x = ctx;
	const struct word_rule *rule = x->m->rule;
	size_t number = (size_t)(c - x->m->mined);
	struct tally *t = &x->tallies[worker];
	struct acc *a = &t->accs[t->first[number]];

	if (!user)
		return;
	t->readable[number]++;
	if (c->halves)
		count_slots(a, c, user);
	else if (rule->width == 4)
		for (unsigned col = 0; col < c->nr_columns; col++)
			acc_word(&a[col], &c->plans[col], rule, le32(user + col * 4));
	else
		for (unsigned col = 0; col < c->nr_columns; col++)
			acc_word(&a[col], &c->plans[col], rule, le64(user + col * 8));
	if (c->any_self)
		count_self(a, c->plans, c, user, mined_va(x->m, c, i));
	x->also(x->ctx, worker, c, i, user);
}

static bool tally_init(struct counting *x, struct tally *t)
{
	size_t first = 0;

	t->accs = malloc((x->nr_accs + 1) * sizeof *t->accs);
	t->readable = calloc(x->m->nr, sizeof *t->readable);
	t->first = calloc(x->m->nr, sizeof *t->first);
	if (!t->accs || !t->readable || !t->first)
		return false;
	for (size_t i = 0; i < x->nr_accs; i++)
		acc_init(&t->accs[i]);
	for (size_t i = 0; i < x->m->nr; i++) {
		t->first[i] = first;
		first += x->m->mined[i].nr_columns;
	}
	return true;
}

static void tally_deinit(const struct counting *x, struct tally *t)
{
	for (size_t i = 0; t->accs && t->first && i < x->nr_accs; i++)
		acc_deinit(&t->accs[i]);
	free(t->accs);
	free(t->readable);
	free(t->first);
}

static enum dl_status add_up(const struct counting *x)
{
	const struct miner *m = x->m;

	for (size_t i = 0; i < m->nr; i++) {
		struct mined *c = &m->mined[i];

		for (unsigned w = 0; w < m->nr_workers; w++) {
			struct tally *t = &x->tallies[w];

			c->s->readable += t->readable[i];
			for (unsigned col = 0; col < c->nr_columns; col++) {
				struct acc *a = &t->accs[t->first[i] + col];

				acc_flush(a, &c->plans[col], c->slots[col].rule);
				acc_merge(&c->accs[col], a, &c->plans[col]);
				acc_deinit(a);
				if (c->accs[col].nomem)
					return DL_NOMEM;
			}
		}
		for (unsigned col = 0; col < c->nr_columns; col++)
			acc_finish(&c->accs[col], &c->plans[col], c->slots[col].rule);
	}
	return DL_OK;
}

static enum dl_status prepare(struct counting *x)
{
	struct miner *m = x->m;

	x->tallies = calloc(m->nr_workers, sizeof *x->tallies);
	if (!x->tallies)
		return DL_NOMEM;
	for (size_t i = 0; i < m->nr; i++) {
		struct mined *c = &m->mined[i];

		for (unsigned col = 0; col < c->nr_columns; col++) {
			acc_deinit(&c->accs[col]);
			acc_init(&c->accs[col]);
			c->any_self |= c->plans[col].self;
		}
		x->nr_accs += c->nr_columns;
	}
	for (unsigned w = 0; w < m->nr_workers; w++)
		if (!tally_init(x, &x->tallies[w]))
			return DL_NOMEM;
	return DL_OK;
}

enum dl_status columns_count(struct miner *m, sweep_fn also, void *ctx, struct dl_err *err)
{
	struct counting x = { .m = m, .also = also, .ctx = ctx };
	enum dl_status st = prepare(&x);

	if (!st)
		st = sweep_run(m, "reading blocks", NULL, count_block, &x, err);
	if (!st)
		st = add_up(&x);
	for (unsigned w = 0; x.tallies && w < m->nr_workers; w++)
		tally_deinit(&x, &x.tallies[w]);
	free(x.tallies);
	return st == DL_NOMEM ? err_set(err, st, "out of memory for counting") : st;
}

enum dl_status columns_guess(struct miner *m, struct mined *c)
{
	c->accs = malloc((c->nr_columns + 1) * sizeof *c->accs);
	if (!c->accs)
		return DL_NOMEM;
	for (unsigned col = 0; col < c->nr_columns; col++) {
		struct acc *a = &c->accs[col];

		acc_init(a);
		for (size_t k = 0; k < c->nr_sample; k++)
			acc_word(a, &c->plans[col], c->slots[col].rule,
				 c->sample_words[col * c->cap_sample + k]);
		acc_flush(a, &c->plans[col], c->slots[col].rule);
		acc_finish(a, &c->plans[col], c->slots[col].rule);
	}
	columns_sort_out(m, c);
	return DL_OK;
}
