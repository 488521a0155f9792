/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counted columns to two facts each: did the owner write it at all, and does it
 * hold pointers worth following.
 *
 * Memory that nobody wrote since it was allocated shows what stood there
 * before: zeros on a fresh page, and on a used one a little of everything,
 * pointers beside text beside numbers. A field that an owner writes holds one
 * kind of thing. So it is the mixture that gives stale memory away, and only
 * where zeros or nothing dominates: a value that is not zero and fills nearly
 * all blocks was written there.
 */
#include "stale.h"

#include <string.h>

enum {
	MIXTURE = 4,            /* kinds of words, for a column on its own   */
	MIXTURE_TAIL = 3,       /* at the end of the block, where slack is   */
	MANY = 64,              /* values: that is much                      */
	MANY_SHARE = 4,         /* and so is another one in every fourth block */
	RANDOM_MIN = 128,       /* sampled blocks, to see that numbers are random */
};
static const double WRITTEN_SHARE = 0.5;/* one value that is not zero in so many */
static const double ONE_VALUE = 0.7;    /* of what varies: a field with two states */
static const double ALIKE = 0.35;       /* of 2: distance of shares of kinds */
static const double MIN_STALE = 0.001;  /* of all blocks */
static const double FILL_SHARE = 0.95;  /* of all blocks: filled, not written */

static enum kernel_kind leads_to(const struct miner *m, uint64_t v)
{
	struct target t;

	target_locate(m->t, &m->workers[0].vm, v, &t);
	switch (t.kind) {
	case TARGET_KERNEL: return LEADS_ELSEWHERE;
	case TARGET_BLOCK: return LEADS_BLOCK;
	case TARGET_MODULE:
	case TARGET_UNLOADED: return LEADS_IMAGE;
	default: return LEADS_OBJECT;
	}
}

static void most_frequent(const struct plan *p, const struct acc *a, struct rest *r)
{
	for (unsigned i = 0; i < p->nr_heavy; i++) {
		if (a->heavy[i] > r->top_blocks) {
			r->second_blocks = r->top_blocks;
			r->top = p->heavy[i];
			r->top_blocks = a->heavy[i];
		} else if (a->heavy[i] > r->second_blocks) {
			r->second_blocks = a->heavy[i];
		}
	}
	for (size_t i = 0; a->table && i < DISTINCT_SLOTS; i++)
		if (a->table->count[i] > r->second_blocks && a->table->count[i] <= r->top_blocks)
			r->second_blocks = a->table->count[i];
}

/* How the kernel addresses among the sampled words divide. */
static void split_kernel(const struct miner *m, const struct mined *c, unsigned col,
			 double share, struct rest *r)
{
	size_t found[NR_LEADS] = { 0 }, all = 0;
	bool whole = c->slots[col].width == m->rule->width;

	for (size_t k = 0; k < c->nr_sample && all < 512 && whole; k++) {
		uint64_t v = c->sample_words[col * c->cap_sample + k];

		if (v == r->top || word_kind_of(c->slots[col].rule, v) != WORD_KERNEL)
			continue;
		found[leads_to(m, v)]++;
		all++;
	}
	for (int i = 0; i < NR_LEADS; i++)
		r->kinds[NR_WORD_KINDS + i] = all ? share * (double)found[i] / (double)all : 0;
	if (!all)
		r->kinds[NR_WORD_KINDS + LEADS_ELSEWHERE] = share;
}

/*
 * UTF-16 text in an inline buffer ends with single characters, which look like
 * small numbers: beside text they count as text.
 */
static void fold_characters(const struct mined *c, unsigned col, struct rest *r)
{
	size_t small = 0, letters = 0;

	if (r->kinds[WORD_TEXT] < KIND_SHARE)
		return;
	for (size_t k = 0; k < c->nr_sample; k++) {
		uint64_t v = c->sample_words[col * c->cap_sample + k];

		small += v && v < 0x10000 && v != r->top;
		letters += v >= 0x20 && v < 0x7f && v != r->top;
	}
	if (small)
		r->kinds[WORD_SMALL] *= 1 - (double)letters / (double)small;
}

static void rest_of(const struct miner *m, const struct mined *c, unsigned col,
		    struct rest *r)
{
	const struct acc *a = &c->accs[col];

	memset(r, 0, sizeof *r);
	most_frequent(&c->plans[col], a, r);
	r->blocks = a->n - r->top_blocks;
	if (!r->blocks)
		return;
	for (int k = 0; k < NR_WORD_KINDS; k++) {
		uint64_t n = a->kinds[k];

		if (r->top_blocks && word_kind_of(c->slots[col].rule, r->top) == (enum word_kind)k)
			n -= r->top_blocks;
		r->kinds[k] = (double)n / (double)r->blocks;
	}
	fold_characters(c, col, r);
	split_kernel(m, c, col, r->kinds[WORD_KERNEL], r);
	r->kinds[WORD_KERNEL] = 0;
}

static unsigned mixture(const struct rest *r)
{
	unsigned n = 0;

	for (int k = 0; k < NR_WORD_KINDS + NR_LEADS; k++)
		n += r->kinds[k] >= KIND_SHARE && r->kinds[k] * (double)r->blocks >= 2;
	return n;
}

/* Numbers, text and addresses, without asking which ones. */
static unsigned coarse_mixture(const struct rest *r)
{
	double numbers = r->kinds[WORD_SMALL] + r->kinds[WORD_OTHER] + r->kinds[WORD_FILL];
	double addresses = 0;

	for (int k = NR_WORD_KINDS; k < NR_WORD_KINDS + NR_LEADS; k++)
		addresses += r->kinds[k];
	return (unsigned)(numbers >= KIND_SHARE) + (r->kinds[WORD_TEXT] >= KIND_SHARE) +
	       (addresses >= KIND_SHARE);
}

/* Text or addresses among numbers; numbers of several sizes alone are a field. */
static bool is_motley(const struct rest *r)
{
	double addresses = 0;

	for (int k = NR_WORD_KINDS; k < NR_WORD_KINDS + NR_LEADS; k++)
		addresses += r->kinds[k];
	return addresses >= KIND_SHARE || r->kinds[WORD_TEXT] >= KIND_SHARE;
}

/*
 * Other owners of the same tag and size leave a trace of anything in every
 * column. How much, the columns with one value in nearly all blocks tell.
 */
static double foreign_share(const struct mined *c, const struct rest *rests)
{
	double least = 0;
	bool any = false;

	for (unsigned col = 0; col < c->nr_columns; col++) {
		double other = share_of(rests[col].blocks, c->accs[col].n);

		if (!rests[col].top || other > 0.05)
			continue;
		if (!any || other < least)
			least = other;
		any = true;
	}
	return least;
}

static bool looks_stale(const struct rest *r, const struct acc *a, double foreign,
			unsigned kinds)
{
	double varies = share_of(r->blocks, a->n);

	if (r->blocks < FEW_STALE || varies < MIN_STALE || varies <= 2 * foreign)
		return false;
	if (r->top && share_of(r->top_blocks, a->n) >= WRITTEN_SHARE &&
	    r->top_blocks)
		return false;
	if (share_of(r->second_blocks, r->blocks) >= ONE_VALUE)
		return false;
	if (kinds == MIXTURE_COARSE)
		return coarse_mixture(r) >= MIXTURE_COARSE;
	return mixture(r) >= kinds && is_motley(r);
}

/* Hashes and the like: of any size, all alike. What lies around clusters. */
static bool is_random(const struct mined *c, unsigned col)
{
	unsigned shift = 8u * c->slots[col].width - 4;
	size_t found[16] = { 0 };

	if (c->nr_sample < RANDOM_MIN)
		return false;
	for (size_t k = 0; k < c->nr_sample; k++)
		found[c->sample_words[col * c->cap_sample + k] >> shift & 15]++;
	for (int i = 0; i < 16; i++)
		if (found[i] * 32 < c->nr_sample || found[i] * 8 > c->nr_sample)
			return false;
	return true;
}

/* How differently two columns divide into kinds of words: 0 alike, 2 not at all. */
static double distance(const struct acc *a, const struct acc *b)
{
	double sum = 0;

	for (int k = 0; k < NR_WORD_KINDS; k++) {
		double d = share_of(a->kinds[k], a->n) - share_of(b->kinds[k], b->n);

		sum += d < 0 ? -d : d;
	}
	return sum;
}

/* The same for a half of a word and that half of the words of another column. */
static double half_distance(const struct mined *c, unsigned half, unsigned col)
{
	const struct slot *slot = &c->slots[half];
	const struct acc *a = &c->accs[half];
	size_t kinds[NR_WORD_KINDS] = { 0 };
	double sum = 0;

	for (size_t k = 0; k < c->nr_sample; k++) {
		uint64_t v = c->sample_words[col * c->cap_sample + k];

		kinds[word_kind_of(slot->rule, slot->off % 8 ? v >> 32 : (uint32_t)v)]++;
	}
	for (int k = 0; k < NR_WORD_KINDS; k++) {
		double d = share_of(a->kinds[k], a->n) - share_of(kinds[k], c->nr_sample);

		sum += d < 0 ? -d : d;
	}
	return sum;
}

/* Padding between fields looks like the slack behind them. */
static bool is_like_slack(const struct mined *c, unsigned col)
{
	for (unsigned n = col + 1; n < c->nr_columns; n++) {
		double d;

		if (!c->unwritten[n])
			continue;
		d = c->slots[col].width < c->slots[n].width
			    ? half_distance(c, col, n)
			    : distance(&c->accs[col], &c->accs[n]);
		if (d <= ALIKE)
			return true;
	}
	return false;
}

void set_unwritten(struct mined *c, unsigned col, const struct rest *r)
{
	double share = share_of(r->blocks, c->accs[col].n);

	c->unwritten[col] = true;
	if (share > c->stale_share)
		c->stale_share = share;
}

/* Special pool fills a block with one byte, another one each time. */
static bool is_special_fill(const struct mined *c, const struct acc *a, uint64_t values)
{
	uint64_t fill = a->kinds[WORD_FILL] + a->kinds[WORD_ZERO];

	return c->form == FORM_SPECIAL && values >= FEW_STALE && a->kinds[WORD_FILL] &&
	       share_of(fill, a->n) >= FILL_SHARE;
}

/* From the block's end: slack comes first, then whatever lies before it. */
static void find_stale(struct mined *c, const struct rest *rests)
{
	double foreign = foreign_share(c, rests);
	bool tail = true, exact;

	c->stale_share = 0;
	for (unsigned col = c->nr_columns; col-- > 0; ) {
		const struct acc *a = &c->accs[col];
		uint64_t values = acc_distinct(a, &c->plans[col], &exact);
		bool many = values >= MANY || values * MANY_SHARE >= rests[col].blocks;
		unsigned kinds = (tail && many) || is_like_slack(c, col) ? MIXTURE_COARSE
					: tail ? MIXTURE_TAIL : MIXTURE;

		c->unwritten[col] = false;
		if ((looks_stale(&rests[col], a, foreign, kinds) && !is_random(c, col)) ||
		    is_special_fill(c, a, values))
			set_unwritten(c, col, &rests[col]);
		tail = tail && (c->unwritten[col] || a->kinds[WORD_ZERO] == a->n);
	}
}

/* Addresses in enough blocks that following them can tell anything. */
static bool has_pointers(const struct acc *a)
{
	return a->kinds[WORD_KERNEL] * 200 >= a->n && a->kinds[WORD_KERNEL];
}

void columns_sort_out(struct miner *m, struct mined *c)
{
	struct rest rests[MAX_COLUMNS];

	for (unsigned col = 0; col < c->nr_columns; col++)
		rest_of(m, c, col, &rests[col]);
	find_stale(c, rests);
	find_sparse(c, rests);
	/* what was followed is not widened once all blocks are counted */
	for (unsigned col = 0; col < c->nr_columns; col++)
		c->pointers[col] = !c->unwritten[col] &&
				   c->slots[col].width == m->rule->width &&
				   has_pointers(&c->accs[col]) && (!m->counted || c->pointers[col]);
}
