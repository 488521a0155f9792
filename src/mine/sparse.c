/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns at the end of blocks that are nearly all zero to slack or rarely set
 * fields.
 */
#include "stale.h"

enum {
	SPARSE_COLUMNS = 4,     /* that are nearly all zero, to be slack together */
	LESS_SPARSE = 4,        /* times as much, in one of them than in others   */
};
static const double SPARSE = 0.9;       /* zeros */
static const double ALIKE_SPARSE = 0.7; /* of 2: numbers, text and addresses */

/* Numbers, text and addresses among what varies in some columns. */
struct coarse {
	double words, part[3];
};

static struct coarse coarse_of(const struct rest *r)
{
	struct coarse x = { .words = (double)r->blocks };

	x.part[0] = (r->kinds[WORD_SMALL] + r->kinds[WORD_OTHER] + r->kinds[WORD_FILL]) *
		    x.words;
	x.part[1] = r->kinds[WORD_TEXT] * x.words;
	for (int k = NR_WORD_KINDS; k < NR_WORD_KINDS + NR_LEADS; k++)
		x.part[2] += r->kinds[k] * x.words;
	return x;
}

static bool are_alike(const struct coarse *a, const struct coarse *b)
{
	double sum = 0;

	for (int k = 0; k < 3; k++) {
		double d = a->part[k] / a->words - b->part[k] / b->words;

		sum += d < 0 ? -d : d;
	}
	return sum <= ALIKE_SPARSE;
}

static bool is_sparse(const struct acc *a)
{
	return a->n && (double)a->kinds[WORD_ZERO] >= SPARSE * (double)a->n;
}

/* Where blocks of a heap end, notes of the heap are left; see unused.c. */
static bool is_end_of_heap_block(const struct mined *c, unsigned col)
{
	return (c->s->class.how == BLOCK_LFH || c->s->class.how == BLOCK_VS) &&
	       !c->s->columns_cut && col + 1 == c->nr_columns;
}

/* No value of its own, as much of it and of the same kinds as in the others. */
static bool is_part(const struct mined *c, unsigned col, const struct rest *r,
		    const struct coarse *all, unsigned columns)
{
	struct coarse x = coarse_of(r);
	double usual = all->words / columns;

	if (is_end_of_heap_block(c, col))
		return true;
	return x.words >= FEW_STALE && x.words * LESS_SPARSE >= usual &&
	       x.words <= usual * LESS_SPARSE && r->second_blocks * 2 < r->blocks &&
	       (c->halves || are_alike(&x, all));       /* half an address is none */
}

/*
 * On a machine that had little use for its memory so far, slack is nearly all
 * zero and a column of it holds too little to be a mixture. But all of it is
 * alike, which fields that are rarely set are not.
 */
void find_sparse(struct mined *c, const struct rest *rests)
{
	struct coarse all = { .words = 0 };
	unsigned first = c->nr_columns, kinds = 0, judged = 0, parts = 0;

	while (first && (c->unwritten[first - 1] || is_sparse(&c->accs[first - 1])))
		first--;
	for (unsigned col = first; col < c->nr_columns; col++) {
		struct coarse x = coarse_of(&rests[col]);

		judged += x.words >= FEW_STALE;
		all.words += x.words;
		for (int k = 0; k < 3; k++)
			all.part[k] += x.part[k];
	}
	for (int k = 0; k < 3; k++)
		kinds += all.part[k] >= all.words * KIND_SHARE && all.part[k] >= FEW_STALE;
	for (unsigned col = first; col < c->nr_columns; col++)
		parts += is_part(c, col, &rests[col], &all, judged);
	if (judged < (kinds >= MIXTURE_COARSE ? 2 : SPARSE_COLUMNS) || parts * 4 < judged * 3)
		return;
	for (unsigned col = first; col < c->nr_columns; col++)
		if (rests[col].blocks &&
		    (rests[col].blocks < FEW_STALE || is_part(c, col, &rests[col], &all, judged)))
			set_unwritten(c, col, &rests[col]);
}
