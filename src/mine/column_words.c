/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A judged column to words for people; its pointers are in pointer_words.c.
 */
#include "line.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void line_add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (l->at + 1 >= sizeof l->text)
		return;
	va_start(ap, fmt);
	n = vsnprintf(l->text + l->at, sizeof l->text - l->at, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->at += (size_t)n;
	if (l->at >= sizeof l->text)
		l->at = sizeof l->text - 1;
}

static void value_words(uint64_t v, struct line *l)
{
	line_add(l, v < 10 ? "%" PRIu64 : "0x%" PRIx64, v);
}

/* Values in less than a thousandth of the blocks are counted, not named. */
static void few_words(const struct mined *c, unsigned n, const struct column *col,
		      struct line *l)
{
	unsigned i;

	line_add(l, "one of few values: ");
	for (i = 0; i < col->nr_top && i < 4; i++) {
		if (i && share_of(col->top[i].blocks, c->accs[n].n) < 0.001)
			break;
		line_add(l, "%s", i ? ", " : "");
		value_words(col->top[i].value, l);
		line_add(l, " (%.1f %%)", percent(col->top[i].blocks, c->accs[n].n));
	}
	if (col->distinct > i)
		line_add(l, " and %s%" PRIu64 " others", col->distinct_exact ? "" : "at least ",
			 col->distinct - i);
}

static void counter_words(const struct mined *c, unsigned n, const struct column *col,
			  struct line *l)
{
	const struct plan *p = &c->plans[n];
	uint64_t first = col->min, last = col->max, stride = p->span ? p->stride : 1;
	char min[32], max[32], values[32];

	acc_span(&c->accs[n], p, &first, &last);
	line_add(l, "counter %s..%s", text_count(first, min), text_count(last, max));
	if (stride > 1)
		line_add(l, " in steps of %" PRIu64, stride);
	if (share_of(col->distinct, c->accs[n].n) < 0.9)
		line_add(l, ": like a clock, %s values that several blocks share",
			 text_count(col->distinct, values));
	else
		line_add(l, ": %s block another number, %.0f %% of that range",
			 col->distinct == c->accs[n].n ? "every" : "nearly every",
			 100 * (double)col->distinct /
				 ((double)(last - first) / (double)stride + 1));
}

/* The network, if all values agree in the bytes that name a private one. */
static const char *ipv4_words(const struct acc *a, bool *network)
{
	uint64_t same = ~(a->all_ones ^ a->any_ones);
	unsigned v = (unsigned)a->all_ones, low = v & 0xff, high = v >> 24 & 0xff;

	if (a->min == a->max)
		return NULL;
	*network = true;
	if ((same & 0xff) == 0xff && (low == 10 || low == 127))
		return low == 10 ? "10.*" : "127.*";
	if ((same & 0xffff) == 0xffff && (v & 0xffff) == 0xa8c0)
		return "192.168.*";
	*network = false;
	if ((same >> 24 & 0xff) == 0xff && (high == 10 || high == 127))
		return high == 10 ? "10.*" : "127.*";
	return (same >> 16 & 0xffff) == 0xffff && v >> 16 == 0xc0a8 ? "192.168.*" : NULL;
}

/* Each of the leading values an address of a private range, in one byte order. */
static bool leads_are_private(const struct mined *c, unsigned n, const struct column *col,
			      bool network)
{
	unsigned nr = leading_values(c, n, col);

	for (unsigned i = 0; i < nr; i++) {
		uint32_t v = (uint32_t)col->top[i].value;
		unsigned a = network ? v & 0xff : v >> 24;
		unsigned b = network ? v >> 8 & 0xff : v >> 16 & 0xff;

		if (col->top[i].value > UINT32_MAX)
			return false;
		if (a != 10 && a != 127 && !(a == 192 && b == 168) &&
		    !(a == 172 && b >= 16 && b < 32))
			return false;
	}
	return nr > 1;
}

static void ipv4_remark(const struct mined *c, unsigned n, const struct column *col,
			struct line *l)
{
	bool network = false;

	if (col->kind == COLUMN_FEW && leads_are_private(c, n, col, true))
		line_add(l, "; like IPv4 addresses in network byte order");
	else if (col->kind == COLUMN_FEW && leads_are_private(c, n, col, false))
		line_add(l, "; like IPv4 addresses");
	else if (col->kind == COLUMN_MIXED && col->max <= UINT32_MAX &&
		 ipv4_words(&c->accs[n], &network))
		line_add(l, "; like IPv4 addresses %s%s", ipv4_words(&c->accs[n], &network),
			 network ? " in network byte order" : "");
}

static void mixed_words(struct miner *m, const struct mined *c, unsigned n,
			const struct column *col, struct line *l)
{
	static const char *const names[NR_WORD_KINDS] = {
		"zero", "small numbers", "kernel addresses", "text", "fill patterns", "others",
	};
	const struct acc *a = &c->accs[n];
	bool first = true;

	line_add(l, "%s%" PRIu64 " values 0x%" PRIx64 "..0x%" PRIx64 " (",
		 col->distinct_exact ? "" : "at least ", col->distinct, col->min, col->max);
	for (int k = 0; k < NR_WORD_KINDS; k++) {
		if (share_of(a->kinds[k], a->n) < 0.005)
			continue;
		line_add(l, "%s%s %.1f %%", first ? "" : ", ", names[k],
			 percent(a->kinds[k], a->n));
		first = false;
	}
	line_add(l, ")");
	if (c->pointers[n] && share_of(a->kinds[WORD_KERNEL], a->n) >= 0.05) {
		line_add(l, "; addresses lead to ");
		places_words(m, c, n, -1, l);
	}
}

static void unwritten_words(const struct miner *m, const struct mined *c, unsigned n,
			    struct line *l)
{
	const struct acc *a = &c->accs[n];

	if (c->form == FORM_SPECIAL && a->kinds[WORD_FILL]) {
		line_add(l, "not written by the owner (as special pool filled it)");
		return;
	}
	line_add(l, "not written by the owner (stale data");
	if (a->kinds[WORD_ZERO])
		line_add(l, "; %.1f %% still 0", percent(a->kinds[WORD_ZERO], a->n));
	line_add(l, ")");
	if (c->slots[n].off < 2 * m->rule->width && c->s->class.how == BLOCK_PAGE)
		line_add(l, "; links of the pool's free list stood at +0 and +0x%x",
			 m->rule->width);
}

static void zero_words(const struct mined *c, const struct column *col, struct line *l)
{
	if (c->stale_share * (double)c->s->readable >= 20)
		line_add(l, "always 0, cleared by the owner: memory nobody wrote shows "
			 "stale data here in other columns");
	else if (col->offset >= c->s->used_bytes)
		line_add(l, "always 0: cleared by the owner, or fresh memory never written");
	else
		line_add(l, "always 0");
}

static void list_words(struct miner *m, const struct mined *c, unsigned n, struct line *l)
{
	const struct lists *x = &c->lists;
	uint64_t most = 0, va = 0;
	struct target t;

	line_add(l, "LIST_ENTRY %s; %.1f %% of its neighbours link back",
		 n == x->column ? "Flink" : "Blink", percent(x->linked, x->visited));
	for (unsigned k = 1; k <= x->nr_chains; k++) {
		uint64_t sum = 0;

		for (unsigned j = 1; j <= x->nr_chains; j++)
			if (x->chains[j].head_va == x->chains[k].head_va)
				sum += x->chains[j].blocks;
		if (!x->chains[k].head_va || sum <= most)
			continue;
		most = sum;
		va = x->chains[k].head_va;
	}
	if (!va)
		return;
	target_of(m->t, &m->t->os->vm, va, &t);
	line_add(l, "; %.1f %% %sare in the list with its head at 0x%" PRIx64 ", %s",
		 percent(most, x->visited), x->complete ? "" : "of those visited ", va,
		 target_text(m->t, &t, m->arena));
	if (x->cut_blocks)
		line_add(l, " (%.1f %% in parts that missing memory cut off: that is the only "
			 "head found)", percent(x->cut_blocks, x->visited));
}

static void number_words(const struct mined *c, unsigned n, const struct column *col,
			 struct line *l)
{
	switch (col->kind) {
	case COLUMN_CONSTANT:
		line_add(l, "constant ");
		value_words(col->top[0].value, l);
		if (col->distinct > 1)
			line_add(l, " in all but %" PRIu64 " blocks",
				 c->accs[n].n - col->top[0].blocks);
		break;
	case COLUMN_FEW: few_words(c, n, col, l); break;
	case COLUMN_COUNTER: counter_words(c, n, col, l); break;
	case COLUMN_SMALL:
		line_add(l, "small numbers %" PRIu64 "..%" PRIu64 " (%.1f %%)", col->min,
			 col->max, col->share * 100);
		break;
	case COLUMN_FLAGS:
		line_add(l, "flags: only bits 0x%" PRIx64 " are ever set", c->accs[n].any_ones);
		break;
	default: break;
	}
}

const char *column_words(struct miner *m, struct mined *c, unsigned n)
{
	struct column *col = &c->s->columns[n];
	struct line l = { .at = 0 };

	switch (col->kind) {
	case COLUMN_UNREADABLE: line_add(&l, "no block's page is in the dump"); break;
	case COLUMN_ZERO: zero_words(c, col, &l); break;
	case COLUMN_POINTER: pointer_words(m, c, n, col, &l); break;
	case COLUMN_LIST: list_words(m, c, n, &l); break;
	case COLUMN_SELF:
		line_add(&l, "points into its own block (%.1f %%)", col->share * 100);
		break;
	case COLUMN_TEXT: line_add(&l, "text (%.1f %%)", col->share * 100); break;
	case COLUMN_TIME:
		line_add(&l, "time%s: near the clock of the dump",
			 col->width == 4 ? ", half of a FILETIME" : " (FILETIME)");
		break;
	case COLUMN_MIXED: mixed_words(m, c, n, col, &l); break;
	case COLUMN_UNWRITTEN: unwritten_words(m, c, n, &l); break;
	default: number_words(c, n, col, &l); break;
	}
	ipv4_remark(c, n, col, &l);
	return arena_strdup(m->arena, l.text);
}
