/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts to columns as people see them: the kind of each, the share of blocks
 * that fit it, its most frequent values, and how much of the block is used.
 */
#include "mine_impl.h"

#include "dumpleak/base/text.h"

#include <string.h>

static const double NEARLY_ALL = 0.95;
static const double FEW_COVER = 0.98;
static const double ALWAYS = 0.999;
static const double SMALL_SHARE = 0.99;
static const double CLOCK_SHARE = 0.5;  /* of a range, where numbers repeat */
enum {
	DENSE = 64,             /* a sequence fills at least one in so many */
	FLAG_BITS = 8,
	FEW_SET = 8,            /* blocks that say nothing, beside many zeros */
	SURELY_WRITTEN = 20,    /* stale blocks to expect, where all are zero */
};

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

/* ---- most frequent values --------------------------------------------------- */

static void top_add(struct column *col, uint64_t value, uint64_t blocks)
{
	struct column_value *top = col->top;
	unsigned i = col->nr_top;

	if (!blocks)
		return;
	while (i && (top[i - 1].blocks < blocks ||
		     (top[i - 1].blocks == blocks && top[i - 1].value > value)))
		i--;
	if (i == COLUMN_TOP)
		return;
	if (col->nr_top == COLUMN_TOP)
		col->nr_top--;
	memmove(&top[i + 1], &top[i], (col->nr_top - i) * sizeof *top);
	top[i] = (struct column_value){ .value = value, .blocks = blocks };
	col->nr_top++;
}

static void fill_top(struct miner *m, const struct mined *c, unsigned n,
		     struct column *col)
{
	const struct acc *a = &c->accs[n];

	for (unsigned i = 0; i < c->plans[n].nr_heavy; i++)
		top_add(col, c->plans[n].heavy[i], a->heavy[i]);
	for (size_t i = 0; a->table && i < DISTINCT_SLOTS; i++)
		top_add(col, a->table->value[i], a->table->count[i]);
	for (unsigned i = 0; i < col->nr_top; i++)
		target_of(m->t, &m->t->os->vm, col->top[i].value, &col->top[i].target);
}

/* ---- pointers ---------------------------------------------------------------- */

/* Events and the like are places in an extension; a file has a device, too. */
static bool is_something(const struct miner *m, const struct mined *c, const struct group *g)
{
	struct translation at;
	size_t tried = 0, mapped = 0;

	if (g->kind != TARGET_KERNEL)
		return g->kind != TARGET_NONE;
	for (size_t k = 0; k < c->nr_sample && tried < 32; k++) {
		uint64_t v = c->sample_words[g->column * c->cap_sample + k];

		if (word_kind_of(m->rule, v) != WORD_KERNEL)
			continue;
		tried++;
		mapped += !vm_translate(&m->workers[0].vm, v, &at, NULL);
	}
	return mapped * 10 >= tried * 9;
}

/* The kind of thing that most pointers of the column lead to, and how many do. */
static uint64_t best_kind(const struct miner *m, const struct mined *c, unsigned n,
			  uint8_t *kind)
{
	uint64_t sums[NR_TARGET_KINDS] = { 0 }, best = 0;

	for (size_t i = 0; i < c->nr_groups; i++)
		if (c->groups[i].column == n && is_something(m, c, &c->groups[i]))
			sums[c->groups[i].kind] += c->groups[i].blocks;
	for (int k = 0; k < NR_TARGET_KINDS; k++) {
		if (sums[k] <= best)
			continue;
		best = sums[k];
		*kind = (uint8_t)k;
	}
	return best;
}

/* ---- kinds --------------------------------------------------------------------- */

static bool is_pointer(const struct miner *m, const struct mined *c, unsigned n,
		       struct column *col)
{
	const struct acc *a = &c->accs[n];
	uint64_t best, set = a->n - a->kinds[WORD_ZERO];
	uint8_t kind;

	if (!c->pointers[n])
		return false;
	best = best_kind(m, c, n, &kind);
	if (share_of(best, set) < 0.9 || share_of(best, a->n) < 0.05)
		return false;
	col->kind = COLUMN_POINTER;
	col->share = share_of(best, a->n);
	return true;
}

static bool is_few(const struct acc *a, struct column *col)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < col->nr_top; i++)
		sum += col->top[i].blocks;
	if (share_of(sum, a->n) < FEW_COVER || col->nr_top * 4 > a->n)
		return false;
	col->kind = COLUMN_FEW;
	col->share = share_of(sum, a->n);
	return true;
}

/* Nearly every block another number, from a range that is full of them. */
static bool is_counter(const struct acc *a, const struct plan *p, struct column *col)
{
	uint64_t stride = p->span ? p->stride : 1, range = col->max - col->min;
	uint64_t outside = p->span ? a->outside : 0;

	if (p->span && a->seen)
		range = (p->span - 1) * stride;
	else if (!col->distinct_exact)
		return false;
	if (share_of(col->distinct + outside, a->n) < NEARLY_ALL || col->distinct < 4 ||
	    share_of(outside, a->n) > 1 - ALWAYS || range / stride / DENSE > col->distinct)
		return false;
	col->kind = COLUMN_COUNTER;
	col->share = share_of(col->distinct, a->n);
	return true;
}

/* A clock that several blocks read alike: no number of its range is left out. */
static bool is_clock(const struct acc *a, const struct plan *p, struct column *col)
{
	uint64_t first, last;

	if (!acc_span(a, p, &first, &last) || share_of(a->outside, a->n) > 1 - ALWAYS ||
	    share_of(col->distinct, (last - first) / p->stride + 1) < CLOCK_SHARE)
		return false;
	col->kind = COLUMN_COUNTER;
	col->share = 1 - share_of(a->outside, a->n);
	return true;
}

static bool is_flags(const struct acc *a, struct column *col)
{
	if (a->any_ones < 0x100 || __builtin_popcountll(a->any_ones) > FLAG_BITS ||
	    !col->distinct_exact)
		return false;
	col->kind = COLUMN_FLAGS;
	col->share = 1;
	return true;
}

/* One of the plain shares decides. */
static bool is_share(struct column *col, enum column_kind kind, uint64_t blocks, uint64_t n)
{
	if (share_of(blocks, n) < NEARLY_ALL)
		return false;
	col->kind = kind;
	col->share = share_of(blocks, n);
	return true;
}

static bool is_small(const struct acc *a, struct column *col)
{
	col->share = share_of(a->kinds[WORD_SMALL] + a->kinds[WORD_ZERO], a->n);
	if (col->share < SMALL_SHARE)
		return false;
	col->kind = COLUMN_SMALL;
	return true;
}

static bool is_list(const struct mined *c, unsigned n, struct column *col)
{
	const struct lists *l = &c->lists;

	if (!l->is_list || (n != l->column && n != l->column + 1))
		return false;
	col->kind = COLUMN_LIST;
	col->share = share_of(l->linked, l->visited);
	return true;
}

/* A stranger or two of the same tag and size do not make a constant vary. */
static bool is_constant(const struct acc *a, struct column *col)
{
	const struct column_value *top = &col->top[0];

	if (a->min != a->max && (!top->value || share_of(top->blocks, a->n) < ALWAYS))
		return false;
	col->kind = a->max ? COLUMN_CONSTANT : COLUMN_ZERO;
	col->share = share_of(top->blocks, a->n);
	return true;
}

static void judge(const struct miner *m, const struct mined *c, unsigned n,
		  struct column *col)
{
	const struct acc *a = &c->accs[n];
	uint64_t text = a->kinds[WORD_TEXT];

	col->share = 1;
	if (!a->n) {
		col->kind = COLUMN_UNREADABLE;
		col->share = 0;
		return;
	}
	if (c->unwritten[n]) {
		col->kind = COLUMN_UNWRITTEN;
		return;
	}
	if (is_list(c, n, col) || is_share(col, COLUMN_SELF, a->self, a->n) ||
	    is_pointer(m, c, n, col) || is_constant(a, col))
		return;
	if (text * 2 >= a->n && is_share(col, COLUMN_TEXT, text + a->kinds[WORD_ZERO], a->n))
		return;
	if (is_few(a, col) || is_counter(a, &c->plans[n], col) ||
	    is_share(col, COLUMN_TIME, a->time, a->n) || is_flags(a, col) ||
	    is_small(a, col) || is_clock(a, &c->plans[n], col))
		return;
	col->kind = COLUMN_MIXED;
	col->share = 1;
}

/* The high half of a FILETIME names the low half before it. */
static void pair_times(const struct mined *c, struct suspect *s)
{
	for (size_t n = 1; n < s->nr_columns; n++) {
		struct column *high = &s->columns[n], *low = &s->columns[n - 1];
		const struct word_rule *rule = c->slots[n].rule;
		bool near = high->min >= rule->time_first && high->max < rule->time_last;

		if (high->width != 4 || low->width != 4)
			continue;
		if (high->kind != COLUMN_TIME && !(near && (high->kind == COLUMN_FEW ||
							    high->kind == COLUMN_CONSTANT)))
			continue;
		if (low->kind != COLUMN_MIXED)
			continue;
		low->kind = high->kind = COLUMN_TIME;
		low->share = high->share;
	}
}

/*
 * A column that is always zero, or but for a few blocks, was cleared by the owner if memory that nobody
 * wrote would show something else in some of so many blocks.
 */
static bool is_written(const struct mined *c, const struct acc *a, const struct column *col)
{
	bool zero = col->kind == COLUMN_ZERO ||
		    (a->n - a->kinds[WORD_ZERO] < FEW_SET && a->kinds[WORD_ZERO] * 20 >= a->n * 19);

	if (col->kind == COLUMN_UNWRITTEN || col->kind == COLUMN_UNREADABLE)
		return false;
	return !zero ||
	       c->stale_share * (double)c->s->readable >= SURELY_WRITTEN;
}

/* Mostly zero, and of no kind; or nearly all zero like the slack, whatever the rest. */
static bool may_be_slack(const struct mined *c, const struct acc *a,
			 const struct column *col)
{
	uint64_t zero = a->kinds[WORD_ZERO];
	double set = 1 - share_of(zero, a->n);

	if (col->kind == COLUMN_MIXED)
		return zero * 2 >= a->n;
	if (col->nr_top > 1 && col->top[1].blocks * 2 >= a->n - zero)
		return false;   /* a value of its own */
	return (col->kind == COLUMN_FEW || col->kind == COLUMN_SMALL ||
		col->kind == COLUMN_FLAGS) && zero * 10 >= a->n * 9 && zero < a->n &&
	       set * 4 >= c->stale_share && set <= c->stale_share * 4;
}

/*
 * Slack behind the last field: columns that nobody wrote, and now and then one
 * whose stale words happen to be of one kind. Amid twice as many unwritten
 * columns, such a one is slack as well.
 */
static void settle_slack(struct mined *c)
{
	struct suspect *s = c->s;
	size_t n = s->nr_columns, unwritten = 0, mixed = 0;

	for (; n > 0; n--) {
		if (s->columns[n - 1].kind == COLUMN_UNWRITTEN)
			unwritten++;
		else if (may_be_slack(c, &c->accs[n - 1], &s->columns[n - 1]))
			mixed++;
		else
			break;
	}
	if (unwritten < 2 * mixed)
		return;
	for (; n < s->nr_columns; n++)
		s->columns[n].kind = COLUMN_UNWRITTEN;
}

static void measure_used(struct mined *c)
{
	struct suspect *s = c->s;

	for (size_t n = 0; n < s->nr_columns; n++)
		if (is_written(c, &c->accs[n], &s->columns[n]))
			s->used_bytes = s->columns[n].offset + s->columns[n].width;
	if (s->used_bytes > s->user_bytes || (s->columns_cut && s->used_bytes == c->mined_bytes))
		s->used_bytes = s->user_bytes;  /* nobody looked behind the mined part */
}

enum dl_status columns_describe(struct miner *m, struct mined *c)
{
	struct suspect *s = c->s;

	s->columns = arena_array(m->arena, c->nr_columns + 1, sizeof *s->columns);
	if (!s->columns)
		return DL_NOMEM;
	s->nr_columns = c->nr_columns;
	for (unsigned n = 0; n < c->nr_columns; n++) {
		struct column *col = &s->columns[n];
		const struct acc *a = &c->accs[n];

		col->offset = c->slots[n].off;
		col->width = c->slots[n].width;
		col->min = a->n ? a->min : 0;
		col->max = a->max;
		col->distinct = acc_distinct(a, &c->plans[n], &col->distinct_exact);
		fill_top(m, c, n, col);
		judge(m, c, n, col);
	}
	pair_times(c, s);
	settle_slack(c);
	measure_used(c);
	for (unsigned n = 0; n < c->nr_columns; n++) {
		s->columns[n].words = column_words(m, c, n);
		if (!s->columns[n].words)
			return DL_NOMEM;
	}
	return DL_OK;
}

const char *column_kind_name(enum column_kind kind)
{
	static const char *const names[NR_COLUMN_KINDS] = {
		[COLUMN_UNREADABLE] = "unreadable", [COLUMN_ZERO] = "zero",
		[COLUMN_CONSTANT] = "constant", [COLUMN_FEW] = "few",
		[COLUMN_COUNTER] = "counter", [COLUMN_SMALL] = "small",
		[COLUMN_FLAGS] = "flags", [COLUMN_POINTER] = "pointer",
		[COLUMN_LIST] = "list", [COLUMN_SELF] = "self", [COLUMN_TEXT] = "text",
		[COLUMN_TIME] = "time", [COLUMN_MIXED] = "mixed",
		[COLUMN_UNWRITTEN] = "unwritten",
	};

	return names[kind];
}
