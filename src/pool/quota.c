/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is charged for a block with quota. x64 keeps the process in the header,
 * x86 in the block's last four bytes. Windows 8 and later hide it behind
 * ExpPoolQuotaCookie and the header's address: the cookie is the number under
 * which most such blocks come out as processes.
 */
#include "dumpleak/pool/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUOTA_BIT = 8,
	TAG_PROC = 0x636f7250,
	MAX_HEADERS = 1 << 17,  /* looked at, all over the pool           */
	MAX_VALUES = 1 << 14,   /* with quota, of those                   */
	MAX_DISTINCT = 256, MAX_TRIED = 4, MAX_PROCESSES = 8192,
};

static uint64_t pointer_mask(const struct os *os)
{
	return os->layout.ptr_bytes == 8 ? UINT64_MAX : UINT32_MAX;
}

/* The word that tells, as it stands in memory; false if nobody is charged. */
static bool quota_word(struct os *os, const struct pool *pool, size_t i, uint64_t *word)
{
	const struct pool_header_layout *h = &pool->layout.header;
	uint64_t va = catalog_va(&pool->blocks, i), raw = 0;
	unsigned type;

	if (!block_has_header(catalog_how(&pool->blocks, i)) ||
	    catalog_state(&pool->blocks, i) != BLOCK_IN_USE ||
	    vm_word(&os->vm, va, 8, &raw, NULL))
		return false;
	type = header_get(raw, h->pool_type);
	if (h->rule == POOL_TYPE_PLUS_ONE)
		type -= type ? 1 : 0;
	if (!(type & QUOTA_BIT))
		return false;
	va += h->quota_in_header ? 8 : catalog_size(&pool->blocks, i) - 4;
	return !vm_word(&os->vm, va, os->layout.ptr_bytes, word, NULL);
}

struct ballot {
	uint64_t *processes;    /* rising, and 0: nobody */
	size_t nr_processes;
	struct tally { uint64_t value; size_t count; } *values; /* by count, falling */
	size_t nr_values, nr_blocks;
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_count(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

static bool is_process(const struct ballot *b, uint64_t va)
{
	return bsearch(&va, b->processes, b->nr_processes, sizeof va, by_number) != NULL;
}

static bool processes_take(const struct os *os, struct ballot *b)
{
	b->processes = calloc(os->nr_processes + 1, sizeof *b->processes);
	if (!b->processes)
		return false;
	b->nr_processes = 1;
	for (size_t i = 0; i < os->nr_processes && i < MAX_PROCESSES; i++)
		b->processes[b->nr_processes++] = os->processes[i].va;
	qsort(b->processes, b->nr_processes, sizeof *b->processes, by_number);
	return true;
}

/* Each block's word and address in one number: process ^ cookie; how often each. */
static bool values_take(struct os *os, const struct pool *pool, struct ballot *b)
{
	size_t step = pool->blocks.nr / MAX_HEADERS + 1, n = 0;
	uint64_t *all = malloc(MAX_VALUES * sizeof *all), word;

	b->values = calloc(MAX_VALUES, sizeof *b->values);
	if (!all || !b->values) {
		free(all);
		return false;
	}
	for (size_t i = 0; i < pool->blocks.nr && n < MAX_VALUES; i += step)
		if (quota_word(os, pool, i, &word))
			all[n++] = (word ^ (pool->layout.header.quota_cookie
					    ? catalog_va(&pool->blocks, i) : 0)) &
				   pointer_mask(os);
	qsort(all, n, sizeof *all, by_number);
	for (size_t i = 0; i < n; i++) {
		if (!i || all[i] != all[i - 1])
			b->values[b->nr_values++].value = all[i];
		b->values[b->nr_values - 1].count++;
	}
	free(all);
	b->nr_blocks = n;
	qsort(b->values, b->nr_values, sizeof *b->values, by_count);
	return true;
}

/* Blocks that @cookie turns into processes; @kinds: out, how many different ones. */
static size_t count_votes(const struct ballot *b, uint64_t cookie, size_t *kinds)
{
	size_t votes = 0;

	*kinds = 0;
	for (size_t i = 0; i < b->nr_values && i < MAX_DISTINCT; i++) {
		if (!is_process(b, b->values[i].value ^ cookie))
			continue;
		votes += b->values[i].count;
		*kinds += (b->values[i].value ^ cookie) != 0;
	}
	return votes;
}

struct word_search { uint64_t word; unsigned step; bool found; };

static enum dl_status find_word(void *ctx, uint64_t va, const uint8_t *page)
{
	struct word_search *s = ctx;

	(void)va;
	for (unsigned off = 0; off < PAGE_BYTES && !s->found; off += s->step)
		s->found = le_word(page + off, s->step) == s->word;
	return s->found ? DL_END : DL_OK;
}

/* The kernel keeps its cookie in a variable. */
static bool in_kernel_data(struct os *os, uint64_t word)
{
	struct word_search s = { .word = word, .step = os->layout.ptr_bytes };

	kdata_pages(os, find_word, &s);
	return s.found;
}

struct candidate {
	uint64_t cookie;
	size_t votes, kinds;
	bool stored;            /* in the kernel's data */
};

/* Two different processes under one cookie are no chance; one is, unless it is stored. */
static bool believable(const struct ballot *b, const struct candidate *c)
{
	return c->votes * 2 > b->nr_blocks && (c->kinds > 1 || c->stored);
}

static void elect(struct os *os, const struct ballot *b, struct candidate *best)
{
	for (size_t i = 0; i < b->nr_values && i < MAX_TRIED; i++) {
		for (size_t p = 0; p < b->nr_processes; p++) {
			struct candidate c = { .cookie = b->values[i].value ^ b->processes[p] };

			c.votes = count_votes(b, c.cookie, &c.kinds);
			if (!c.cookie || c.votes * 2 <= b->nr_blocks || c.votes < best->votes ||
			    c.cookie == best->cookie)
				continue;
			c.stored = in_kernel_data(os, c.cookie);
			if (c.votes > best->votes || (c.stored && !best->stored))
				*best = c;
		}
	}
}

void quota_recover(struct os *os, struct pool *pool)
{
	struct ballot b = { NULL, 0, NULL, 0, 0 };
	struct candidate best = { 0, 0, 0, false };
	uint64_t cookie;

	if (processes_take(os, &b) && values_take(os, pool, &b)) {
		pool->quota.voters = b.nr_blocks;
		if (!pool->layout.header.quota_cookie)
			pool->quota.votes = count_votes(&b, 0, &best.kinds);
		else if (kdata_pointer(os, "ExpPoolQuotaCookie", &cookie))
			best = (struct candidate){ cookie, count_votes(&b, cookie, &best.kinds),
						   2, true };
		/* a symbol that memory contradicts is not believed */
		if (pool->layout.header.quota_cookie && !believable(&b, &best)) {
			best = (struct candidate){ 0, 0, 0, false };
			elect(os, &b, &best);
		}
		if (pool->layout.header.quota_cookie && believable(&b, &best)) {
			pool->quota.cookie = best.cookie;
			pool->quota.cookie_known = true;
			pool->quota.votes = best.votes;
		}
	}
	free(b.processes);
	free(b.values);
}

/* A process that is on no list any more may still be charged: its object is there. */
static bool can_be_process(const struct os *os, const struct pool *pool, uint64_t va)
{
	size_t i;

	for (i = 0; i < os->nr_processes; i++)
		if (os->processes[i].va == va)
			return true;
	return os_is_kernel_va(os, va) && catalog_find(&pool->blocks, va, &i) &&
	       catalog_tag(&pool->blocks, i) == TAG_PROC &&
	       catalog_state(&pool->blocks, i) == BLOCK_IN_USE;
}

uint64_t pool_charged_process(struct os *os, const struct pool *pool, size_t i)
{
	uint64_t word;

	if ((pool->layout.header.quota_cookie && !pool->quota.cookie_known) ||
	    !quota_word(os, pool, i, &word))
		return 0;
	if (pool->layout.header.quota_cookie)
		word ^= pool->quota.cookie ^ catalog_va(&pool->blocks, i);
	word &= pointer_mask(os);
	return can_be_process(os, pool, word) ? word : 0;
}
