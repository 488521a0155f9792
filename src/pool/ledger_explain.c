/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between counters and blocks to what may be behind them. Nothing
 * is explained by more than there is evidence of: each reason has a budget for
 * the whole pool, and rows draw on it, the smallest difference first, so that
 * what remains unexplained stands in the rows where most is.
 */
#include "ledger_impl.h"

#include <stdlib.h>

/* Of a page table at the lowest level: larger reaches of others are not claimed. */
#define TABLE_REACH_BYTES ((uint64_t)512 << PAGE_SHIFT)

/* What could hide blocks, and what is left of it. */
struct budget {
	uint64_t bytes[2][NR_LEDGER_REASONS];   /* of nonpaged and paged pool     */
	uint64_t shared_bytes;          /* absent, and nobody can say which pool's */
	uint64_t rows_absent, rows_bad; /* of the big-page table: each hides one
	                                   allocation of any size                  */
	uint64_t tags_absent;           /* rows of the counters                    */
	uint64_t unreached;             /* blocks behind a list's unreadable entry:
	                                   in use, for all that can be seen        */
};

/* One row's difference in one pool. */
struct gap {
	struct ledger_row *row;
	int k;
	bool missing;           /* counted, not found; else found, not counted */
	uint64_t blocks, bytes, left;
};

static void budget_make(const struct pool *pool, const struct ledger *l, struct budget *b)
{
	const struct pool_totals *paged = &pool->totals[POOL_PAGED];

	*b = (struct budget){
		.shared_bytes = pool->tally.tables_absent * TABLE_REACH_BYTES,
		.rows_absent = pool->tables.big_known ? pool->tables.big_absent : UINT64_MAX,
		.rows_bad = pool->tables.big_bad,
		.tags_absent = l->rows_absent,
		.unreached = pool->lists.unreached,
	};
	for (int k = 0; k < 2; k++) {
		const struct pool_totals *t = &pool->totals[k ? POOL_PAGED : POOL_NONPAGED];

		b->bytes[k][REASON_DAMAGED] = t->lost_bytes;
		b->bytes[k][REASON_PAGED_OUT] = t->paged_out_pages << PAGE_SHIFT;
		b->bytes[k][REASON_ABSENT] = t->absent_pages << PAGE_SHIFT;
	}
	/* without a range of paged pool, its pages are somewhere among all of them */
	if (!paged->first_va.known && !paged->paged_out_pages)
		b->bytes[1][REASON_PAGED_OUT] = pool->tally.pages[PTE_PAGEFILE] << PAGE_SHIFT;
	if (!paged->first_va.known) {
		b->shared_bytes += b->bytes[0][REASON_ABSENT];
		b->bytes[0][REASON_ABSENT] = 0;
	}
}

static void ascribe(struct gap *g, enum ledger_reason reason, uint64_t bytes)
{
	g->row->why[g->k][reason] += bytes;
	g->left -= bytes;
}

/* From @pot as much as there is, and as is needed. */
static void draw(struct gap *g, enum ledger_reason reason, uint64_t *pot)
{
	uint64_t n = *pot < g->left ? *pot : g->left;

	*pot -= n;
	ascribe(g, reason, n);
}

/* The same from a number of blocks whose sizes nobody knows. */
static void draw_blocks(struct gap *g, enum ledger_reason reason, uint64_t *pot)
{
	uint64_t n = *pot < g->blocks ? *pot : g->blocks;
	uint64_t bytes;

	if (!n || !g->left)
		return;
	bytes = n == g->blocks ? g->left
	      : (uint64_t)((double)g->bytes * (double)n / (double)g->blocks);
	*pot -= n;
	ascribe(g, reason, bytes < g->left ? bytes : g->left);
}

static void explain_missing(struct budget *b, struct gap *g)
{
	uint64_t cached = g->row->cached_bytes[g->k];

	/* what could not be read hides blocks, not bytes of those that were found */
	if (!g->blocks)
		return;
	/* rows of the big-page table stand for a page and more each */
	if (g->left / g->blocks >= PAGE_BYTES) {
		draw_blocks(g, REASON_DAMAGED, &b->rows_bad);
		draw_blocks(g, REASON_ABSENT, &b->rows_absent);
	}
	draw(g, REASON_DAMAGED, &b->bytes[g->k][REASON_DAMAGED]);
	draw(g, REASON_PAGED_OUT, &b->bytes[g->k][REASON_PAGED_OUT]);
	draw(g, REASON_ABSENT, &b->bytes[g->k][REASON_ABSENT]);
	draw(g, REASON_ABSENT, &b->shared_bytes);
	/* last: as a rule the counters know that these are freed */
	draw(g, REASON_CACHED, &cached);
}

static void explain_extra(struct budget *b, struct gap *g)
{
	uint64_t carved = g->row->carved_bytes[g->k];

	draw_blocks(g, REASON_CACHED, &b->unreached);
	draw(g, REASON_CARVED, &carved);
	if (!g->row->counted && g->left && b->tags_absent) {
		b->tags_absent -= g->k || !g->row->walked_bytes[1];     /* one a tag */
		ascribe(g, REASON_UNCOUNTED, g->left);
	}
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static size_t gaps_make(struct ledger *l, struct gap *gaps)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nr; i++) {
		for (int k = 0; k < 2; k++) {
			struct ledger_row *r = &l->rows[i];
			uint64_t found = ledger_found_bytes(r, k), counted = r->counted_bytes[k];
			struct gap g = { .row = r, .k = k, .missing = counted > found,
				.bytes = apart(counted, found), .left = apart(counted, found) };

			if (!g.bytes)
				continue;
			if ((r->counted_blocks[k] > ledger_found_blocks(r, k)) == g.missing)
				g.blocks = apart(r->counted_blocks[k],
						 ledger_found_blocks(r, k));
			gaps[n++] = g;
		}
	}
	return n;
}

static int by_bytes(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	if (x->row != y->row)   /* rows are by tag */
		return x->row < y->row ? -1 : 1;
	return x->k - y->k;
}

bool ledger_explain(const struct pool *pool, struct ledger *l)
{
	struct gap *gaps;
	struct budget b;
	size_t n;

	if (!l->known || !l->nr)
		return true;
	gaps = calloc(l->nr, 2 * sizeof *gaps);
	if (!gaps)
		return false;
	n = gaps_make(l, gaps);
	qsort(gaps, n, sizeof *gaps, by_bytes);
	budget_make(pool, l, &b);
	for (size_t i = 0; i < n; i++) {
		struct gap *g = &gaps[i];
		uint64_t *sums = g->missing ? l->missing[g->k] : l->extra[g->k];

		if (g->missing)
			explain_missing(&b, g);
		else
			explain_extra(&b, g);
		ascribe(g, REASON_NONE, g->left);
		for (int r = 0; r < NR_LEDGER_REASONS; r++)
			sums[r] += g->row->why[g->k][r];
	}
	free(gaps);
	return true;
}

const char *ledger_reason_name(enum ledger_reason reason)
{
	static const char *const names[NR_LEDGER_REASONS] = {
		[REASON_CACHED] = "cached",
		[REASON_CARVED] = "carved",
		[REASON_DAMAGED] = "damaged",
		[REASON_PAGED_OUT] = "paged out",
		[REASON_ABSENT] = "absent",
		[REASON_UNCOUNTED] = "counter absent",
		[REASON_NONE] = "not explained",
	};

	return names[reason];
}
