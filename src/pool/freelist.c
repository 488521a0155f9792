/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free blocks and the lists they are on. A free block's neighbours on its list
 * point back at it; on a page that is no longer pool they do not.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>

struct checker {
	struct os *os;
	struct pool *pool;
	const struct walk *w;
	uint64_t link_mask;     /* of a link: the address bits */
};

enum link_verdict { LINK_CLOSES, LINK_BAD, LINK_UNKNOWN };

static const struct free_link *link_of(const struct walk *w, uint64_t header_va)
{
	size_t i = w->nr_links ? SORTED_LOWER(w->links, w->nr_links, header_va, header_va) : 0;

	return i < w->nr_links && w->links[i].header_va == header_va ? &w->links[i] : NULL;
}

/* Does the neighbour at @va point back to @entry_va, by its Blink if @forward? */
static enum link_verdict points_back(struct checker *c, uint64_t va, uint64_t entry_va,
				     bool forward)
{
	unsigned header = c->pool->layout.header.header_bytes;
	unsigned ptr = c->os->layout.ptr_bytes;
	const struct free_link *l;
	uint64_t back;

	va &= c->link_mask;
	if (!os_is_kernel_va(c->os, va))
		return LINK_BAD;
	l = link_of(c->w, va - header);
	if (l)  /* known from the walk: no memory is read for it */
		back = forward ? l->blink : l->flink;
	else if (vm_word(&c->os->vm, va + (forward ? ptr : 0), ptr, &back, NULL))
		return LINK_UNKNOWN;
	return (back & c->link_mask) == entry_va ? LINK_CLOSES : LINK_BAD;
}

/* Per page: what its free blocks say, in the order of addresses. */
struct page_verdict {
	uint64_t closes, bad;
};

static void check_link(struct checker *c, const struct free_link *l,
		       struct page_verdict *v)
{
	uint64_t entry = l->header_va + c->pool->layout.header.header_bytes;
	enum link_verdict next = points_back(c, l->flink, entry, true);
	enum link_verdict prev = points_back(c, l->blink, entry, false);
	struct pool_lists *lists = &c->pool->lists;

	if (l->odd) {   /* counts only as a page that was given back */
		v->bad += next == LINK_BAD && prev == LINK_BAD &&
			  os_is_kernel_va(c->os, l->flink) &&
			  os_is_kernel_va(c->os, l->blink);
		return;
	}
	if (next == LINK_CLOSES && prev == LINK_CLOSES) {
		lists->free_linked++;
		v->closes++;
	} else if (next == LINK_BAD || prev == LINK_BAD) {
		/* one bad direction may be a torn snapshot; two are not */
		v->bad += next == LINK_BAD && prev == LINK_BAD;
		v->closes += next == LINK_CLOSES || prev == LINK_CLOSES;
		if (!lists->free_bad++)
			lists->first_bad_va = l->header_va;
	} else {
		lists->free_unlinked++;
	}
}

bool freelist_stale(struct os *os, struct pool *pool, const struct walk *w,
		    const struct free_link *links, size_t nr)
{
	struct checker c = { os, pool, w, ~(uint64_t)pool->layout.header.link_tag_bits };
	struct pool_lists before = pool->lists;
	struct page_verdict v = { 0 };

	for (size_t i = 0; i < nr; i++)
		check_link(&c, &links[i], &v);
	pool->lists = before;   /* such a page is no statement about the lists */
	return v.bad && !v.closes;
}

static struct chain_hit *hit_at(const struct survey *survey, struct walk *w, uint64_t page_va)
{
	size_t lo = 0, hi = w->nr_hits;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (survey->pages[w->hits[mid].candidate].va < page_va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->nr_hits && survey->pages[w->hits[lo].candidate].va == page_va
	       ? &w->hits[lo] : NULL;
}

/* Links of pages that were dropped must not vouch for others. */
static void forget_dropped(const struct survey *survey, struct walk *w)
{
	const uint64_t page_mask = ~(uint64_t)(PAGE_BYTES - 1);
	uint64_t page = UINT64_MAX;
	bool keep = false;
	size_t n = 0;

	for (size_t i = 0; i < w->nr_links; i++) {
		uint64_t at = w->links[i].header_va & page_mask;

		if (at != page) {
			const struct chain_hit *h = hit_at(survey, w, at);

			page = at;
			keep = h && h->drop == KEEP;
		}
		if (keep)
			w->links[n++] = w->links[i];
	}
	w->nr_links = n;
}

static size_t check_page(struct checker *c, size_t i, struct page_verdict *v)
{
	const uint64_t page_mask = ~(uint64_t)(PAGE_BYTES - 1);
	uint64_t page = c->w->links[i].header_va & page_mask;

	*v = (struct page_verdict){ 0 };
	for (; i < c->w->nr_links && (c->w->links[i].header_va & page_mask) == page; i++)
		check_link(c, &c->w->links[i], v);
	return i;
}

enum dl_status freelist_check(struct os *os, struct pool *pool,
			      const struct survey *survey, struct walk *w,
			      bool *changed, struct dl_err *err)
{
	struct checker c = { os, pool, w, ~(uint64_t)pool->layout.header.link_tag_bits };
	const uint64_t page_mask = ~(uint64_t)(PAGE_BYTES - 1);
	struct page_verdict v;
	size_t next;

	(void)err;
	*changed = false;
	forget_dropped(survey, w);
	pool->lists = (struct pool_lists){ 0 };
	for (size_t i = 0; i < w->nr_links; i = next) {
		struct chain_hit *h;

		next = check_page(&c, i, &v);
		if (!v.bad || v.closes)
			continue;
		h = hit_at(survey, w, w->links[i].header_va & page_mask);
		if (!h)
			continue;
		h->drop = DROP_STALE;
		pool->stale_pages++;
		*changed = true;
	}
	return DL_OK;
}
