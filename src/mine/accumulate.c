/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Millions of words to one column's counts. Equal words in a row, the common
 * case in a leak, cost one comparison; all others a hash of the heavy values
 * that the sample found, and a small table or bit map of the rest. Sums only:
 * merged accumulators do not depend on who counted what.
 */
#include "mine_impl.h"

#include <string.h>

#define ONES 0x0101010101010101u

/* Every byte 0x20..0x7e; @v has no bytes beyond @width. */
static bool is_ascii(uint64_t v, unsigned width)
{
	uint64_t ones = width == 8 ? ONES : ONES & UINT32_MAX;
	uint64_t below = (v - ones * 0x20) & ~v;        /* exact for bytes < 0x80 */

	return !((v | below) & ones * 0x80) && !((v + ones) & ones * 0x80);
}

/* UTF-16 of ASCII characters only, or its end. */
static bool is_utf16(uint64_t v, unsigned width)
{
	for (unsigned i = 0; i < width; i += 2) {
		unsigned c = (unsigned)(v >> 8 * i) & 0xffff;

		if ((c < 0x20 && (c || !i)) || c > 0x7e)
			return false;
	}
	return true;
}

enum word_kind word_kind_of(const struct word_rule *rule, uint64_t v)
{
	uint64_t fill = (v & 0xff) * (rule->width == 8 ? ONES : ONES & UINT32_MAX);

	if (!v)
		return WORD_ZERO;
	if (v < 0x10000)
		return WORD_SMALL;
	if (v == fill)
		return WORD_FILL;
	if (v >= rule->kernel_first && v <= rule->kernel_last)
		return WORD_KERNEL;
	if (is_ascii(v, rule->width) || is_utf16(v, rule->width))
		return WORD_TEXT;
	return WORD_OTHER;
}

void acc_init(struct acc *a)
{
	memset(a, 0, sizeof *a);
	a->min = a->all_ones = UINT64_MAX;
}

void acc_deinit(struct acc *a)
{
	free(a->table);
	free(a->seen);
	a->table = NULL;
	a->seen = NULL;
}

static size_t hash_of(uint64_t v)
{
	return (size_t)(v * 0x9e3779b97f4a7c15u >> 40);
}

static int heavy_find(const struct plan *p, uint64_t v)
{
	size_t i = hash_of(v) % HEAVY_SLOTS;

	for (; p->slot[i]; i = (i + 1) % HEAVY_SLOTS)
		if (p->heavy[p->slot[i] - 1] == v)
			return p->slot[i] - 1;
	return -1;
}

/* Too many values end the table: from then on only their number's bound counts. */
static void table_end(struct acc *a)
{
	free(a->table);
	a->table = NULL;
	a->overflow = true;
}

static void table_add(struct acc *a, uint64_t v, uint64_t weight)
{
	size_t i = hash_of(v) % DISTINCT_SLOTS;

	if (a->overflow)
		return;
	if (!a->table) {
		a->table = calloc(1, sizeof *a->table);
		if (!a->table) {
			a->nomem = a->overflow = true;
			return;
		}
	}
	while (a->table->count[i] && a->table->value[i] != v)
		i = (i + 1) % DISTINCT_SLOTS;
	if (!a->table->count[i]) {
		if (a->table->nr == DISTINCT_CAP) {
			table_end(a);
			return;
		}
		a->table->nr++;
		a->table->value[i] = v;
	}
	a->table->count[i] += weight;
}

static void span_add(struct acc *a, const struct plan *p, uint64_t v, uint64_t weight)
{
	uint64_t bit = v - p->span_first;

	if (p->stride > 1)
		bit = bit % p->stride ? p->span : bit / p->stride;
	if (bit >= p->span) {
		a->outside += weight;
		return;
	}
	if (!a->seen) {
		a->seen = calloc((size_t)(p->span / 64 + 1), sizeof *a->seen);
		if (!a->seen) {
			a->nomem = true;
			return;
		}
	}
	a->seen[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* All that one value says, but for the tables. */
static void count(struct acc *a, const struct plan *p, const struct word_rule *rule,
		  uint64_t v, uint64_t weight)
{
	a->n += weight;
	a->kinds[word_kind_of(rule, v)] += weight;
	if (v >= rule->time_first && v < rule->time_last)
		a->time += weight;
	a->min = v < a->min ? v : a->min;
	a->max = v > a->max ? v : a->max;
	a->all_ones &= v;
	a->any_ones |= v;
	if (p->span)
		span_add(a, p, v, weight);
}

void acc_flush(struct acc *a, const struct plan *p, const struct word_rule *rule)
{
	uint64_t weight = a->run;
	int heavy;

	a->run = 0;
	if (!weight)
		return;
	heavy = heavy_find(p, a->last);
	if (heavy >= 0) {       /* all else of it is counted once, in acc_finish() */
		a->heavy[heavy] += weight;
		return;
	}
	count(a, p, rule, a->last, weight);
	if (p->table)
		table_add(a, a->last, weight);
	else
		a->overflow = true;
}

void acc_finish(struct acc *a, const struct plan *p, const struct word_rule *rule)
{
	for (unsigned i = 0; i < p->nr_heavy; i++)
		if (a->heavy[i])
			count(a, p, rule, p->heavy[i], a->heavy[i]);
}

void acc_change(struct acc *a, const struct plan *p, const struct word_rule *rule,
		uint64_t v)
{
	acc_flush(a, p, rule);
	a->last = v;
	a->run = 1;
}

static void merge_seen(struct acc *to, const struct acc *from, const struct plan *p)
{
	size_t words = (size_t)(p->span / 64 + 1);

	to->outside += from->outside;
	if (!from->seen)
		return;
	if (!to->seen) {
		to->seen = calloc(words, sizeof *to->seen);
		if (!to->seen) {
			to->nomem = true;
			return;
		}
	}
	for (size_t i = 0; i < words; i++)
		to->seen[i] |= from->seen[i];
}

void acc_merge(struct acc *to, const struct acc *from, const struct plan *p)
{
	to->n += from->n;
	to->self += from->self;
	to->time += from->time;
	for (int k = 0; k < NR_WORD_KINDS; k++)
		to->kinds[k] += from->kinds[k];
	to->min = from->min < to->min ? from->min : to->min;
	to->max = from->max > to->max ? from->max : to->max;
	to->all_ones &= from->all_ones;
	to->any_ones |= from->any_ones;
	for (unsigned i = 0; i < p->nr_heavy; i++)
		to->heavy[i] += from->heavy[i];
	to->nomem |= from->nomem;
	merge_seen(to, from, p);
	if (from->overflow)
		table_end(to);
	for (size_t i = 0; from->table && i < DISTINCT_SLOTS; i++)
		if (from->table->count[i])
			table_add(to, from->table->value[i], from->table->count[i]);
}

uint64_t acc_distinct(const struct acc *a, const struct plan *p, bool *exact)
{
	uint64_t n = a->table ? a->table->nr : 0, seen = 0;

	*exact = !a->overflow;
	for (unsigned i = 0; i < p->nr_heavy; i++)
		n += a->heavy[i] != 0;
	if (a->overflow && a->seen) {
		for (size_t i = 0; i <= p->span / 64; i++)
			seen += (uint64_t)__builtin_popcountll(a->seen[i]);
		*exact = !a->outside;
		return seen;
	}
	if (a->overflow && p->table)
		n += DISTINCT_CAP + 1;
	return n > p->sampled_distinct ? n : p->sampled_distinct;
}

bool acc_span(const struct acc *a, const struct plan *p, uint64_t *first, uint64_t *last)
{
	size_t i = 0, j = (size_t)(p->span / 64);

	if (!p->span || !a->seen)
		return false;
	while (i < j && !a->seen[i])
		i++;
	while (j > i && !a->seen[j])
		j--;
	if (!a->seen[i])
		return false;
	*first = p->span_first +
		 p->stride * (i * 64 + (size_t)__builtin_ctzll(a->seen[i]));
	*last = p->span_first +
		p->stride * (j * 64 + 63 - (size_t)__builtin_clzll(a->seen[j]));
	return true;
}
