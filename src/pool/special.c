/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Special pool, which Driver Verifier and pool tagging use: one allocation a
 * page, at the page's end (or, to catch underruns, at its start), an unmapped
 * page behind it, and one pattern in all bytes that nobody asked for. The header
 * at the other end of the page has the size that was asked for and flags where
 * sizes are, the pattern where BlockSize is, and the tag. Layout: pool.md
 * section 8.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	SIZE_MASK = 0x1fff, FLAG_VERIFIER = 0x4000, FLAG_PAGED = 0x8000,
	VERIFIER_BYTES = 8,     /* behind the header, with FLAG_VERIFIER         */
	SURE_BYTES = 32,        /* of pattern prove a page                       */
	BROKEN_SHARE = 8,       /* at most this part of the pattern is overwritten */
	NEAR_PAGES = 64,        /* special pages lie together                    */
	};

static const uint32_t freed_signature = 0x98764321;

static bool tag_plausible(uint32_t tag)
{
	for (int i = 0; i < 4; i++, tag >>= 8) {
		unsigned c = tag & 0x7f;

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

/* How much of [from, to) is not @fill; the first such byte. */
static unsigned count_wrong(const uint8_t *page, unsigned from, unsigned to, uint8_t fill,
			    unsigned *first)
{
	unsigned wrong = 0;

	for (unsigned i = from; i < to; i++) {
		if (page[i] == fill)
			continue;
		if (!wrong++ && i < *first)
			*first = i;
	}
	return wrong;
}

/* The header at @at, the block at the page's end or at its start. */
static bool page_is(const struct pool_header_layout *h, const uint8_t *page, unsigned at,
		    struct special_hit *out)
{
	unsigned flags = le16(page + at), bytes = flags & SIZE_MASK, wrong, pattern;
	unsigned room = (bytes + h->unit_bytes - 1) / h->unit_bytes * h->unit_bytes;
	unsigned front = at ? 0 : PAGE_BYTES - room, free_from, free_to;
	uint8_t fill = page[at + 2];

	if (!bytes || room + h->header_bytes > PAGE_BYTES || !tag_plausible(le32(page + at + 4)))
		return false;
	if (!at && le32(page + h->header_bytes) == freed_signature)
		return false;
	free_from = at ? bytes : h->header_bytes;
	free_to = at ? at : front;
	if (!at && flags & FLAG_VERIFIER)
		free_from += VERIFIER_BYTES;
	if (free_from > free_to)
		free_from = free_to;
	out->bad_off = PAGE_BYTES;
	pattern = free_to - free_from;
	wrong = count_wrong(page, free_from, free_to, fill, &out->bad_off);
	if (!at) {      /* behind the block too, if its size is no whole number of units */
		pattern += room - bytes;
		wrong += count_wrong(page, front + bytes, PAGE_BYTES, fill, &out->bad_off);
	}
	if (wrong * (unsigned)BROKEN_SHARE > pattern)
		return false;
	out->off = (uint16_t)front;
	out->size_bytes = (uint16_t)room;
	out->tag = le32(page + at + 4);
	out->pool = flags & FLAG_PAGED ? POOL_PAGED : POOL_NONPAGED;
	out->sure = pattern - wrong >= SURE_BYTES;
	/* zeros prove nothing: half of memory is zeros */
	if (!fill)
		out->sure = false;
	return true;
}

bool special_page(const struct pool_header_layout *h, const uint8_t *page,
		  struct special_hit *out)
{
	return page_is(h, page, 0, out) || page_is(h, page, PAGE_BYTES - h->header_bytes, out);
}

static bool guarded(const struct survey *survey, uint32_t candidate)
{
	return candidate + 1u >= survey->nr ||
	       survey->pages[candidate + 1].va != survey->pages[candidate].va + PAGE_BYTES;
}

/* A sure one near enough, before or behind @i. */
static bool near_sure(const struct survey *survey, const struct walk *w, size_t i)
{
	const uint64_t reach = (uint64_t)NEAR_PAGES << PAGE_SHIFT;
	uint64_t va = survey->pages[w->specials[i].candidate].va;

	for (size_t k = i; k-- > 0 && va - survey->pages[w->specials[k].candidate].va <= reach;)
		if (w->specials[k].sure)
			return true;
	for (size_t k = i + 1; k < w->nr_specials &&
	     survey->pages[w->specials[k].candidate].va - va <= reach; k++)
		if (w->specials[k].sure)
			return true;
	return false;
}

static void fill_fault(struct os *os, struct pool *pool, uint64_t page_va,
		       const struct special_hit *s)
{
	struct pool_fault x = {
		.page_va = page_va, .bad_va = page_va + s->bad_off,
		.before_va = page_va + s->off, .before_tag = s->tag,
		.kind = FAULT_SPECIAL_FILL, .pool = (enum pool_kind)s->pool,
	};
	unsigned n = PAGE_BYTES - s->bad_off;

	vm_read(&os->vm, x.bad_va, x.found, n < sizeof x.found ? n : sizeof x.found, NULL);
	pool_fault_add(pool, &x);
}

void special_keep(struct os *os, struct pool *pool, const struct survey *survey,
		  const struct big_table *big, struct walk *w)
{
	size_t n = 0, i;

	for (i = 0; i < w->nr_specials; i++) {
		const struct special_hit *s = &w->specials[i];

		if (guarded(survey, s->candidate) &&
		    !big_covers(big, survey->pages[s->candidate].va) &&
		    !walk_in_free_run(w, survey->pages[s->candidate].va))
			w->specials[n++] = *s;
	}
	w->nr_specials = n;
	for (i = 0; i < n; i++) /* keep the array whole until all are judged */
		w->specials[i].keep = w->specials[i].sure || near_sure(survey, w, i);
	for (i = 0, n = 0; i < w->nr_specials; i++)
		if (w->specials[i].keep)
			w->specials[n++] = w->specials[i];
	w->nr_specials = n;
	for (i = 0; i < n; i++)
		if (w->specials[i].bad_off < PAGE_BYTES)
			fill_fault(os, pool, survey->pages[w->specials[i].candidate].va,
				   &w->specials[i]);
}
