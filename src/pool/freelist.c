/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free blocks and the lists they are on. A free block's neighbours on its list
 * point back at it; on a page that is no longer pool they do not, and nothing on
 * a list points at its blocks. A block at which its list still points, but which
 * itself points elsewhere, was overwritten.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

struct checker {
	struct os *os;
	struct pool *pool;
	const struct walk *w;
	uint64_t link_mask;     /* of a link: the address bits */
	struct walk *heads;     /* where to note list heads; NULL: nowhere */
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

static uint64_t entry_of(const struct checker *c, const struct free_link *l)
{
	return l->header_va + c->pool->layout.header.header_bytes;
}

static uint64_t target(const struct checker *c, const struct free_link *l, bool forward)
{
	return (forward ? l->flink : l->blink) & c->link_mask;
}

/* Both links of the list node at @va, a free block or a list head. */
static bool node_get(struct checker *c, uint64_t va, struct free_link *out)
{
	unsigned ptr = c->os->layout.ptr_bytes;
	const struct free_link *l;

	if (!os_is_kernel_va(c->os, va) || va & (ptr - 1))
		return false;
	l = link_of(c->w, va - c->pool->layout.header.header_bytes);
	if (l) {
		*out = *l;
		return true;
	}
	*out = (struct free_link){ .header_va = va - c->pool->layout.header.header_bytes };
	return !vm_word(&c->os->vm, va, ptr, &out->flink, NULL) &&
	       !vm_word(&c->os->vm, va + ptr, ptr, &out->blink, NULL);
}

/*
 * Of a link that its target does not answer: whether the link is wrong, not the
 * target. The target is trusted if it and its own neighbour agree.
 */
static bool link_is_wrong(struct checker *c, const struct free_link *l, bool forward)
{
	struct free_link node, other;
	uint64_t va = target(c, l, forward);

	if (!node_get(c, va, &node))
		return true;
	/* what is neither a free block nor a head that something points back to */
	if (!node_get(c, target(c, &node, !forward), &other))
		return !link_of(c->w, va - c->pool->layout.header.header_bytes);
	return target(c, &other, forward) == va || !link_of(c->w, node.header_va);
}

static unsigned size_units_of(const struct checker *c, uint64_t header_va)
{
	size_t i;

	if (!catalog_find(&c->pool->blocks, header_va, &i) ||
	    catalog_va(&c->pool->blocks, i) != header_va)
		return 0;
	return (unsigned)(catalog_size(&c->pool->blocks, i) /
			  c->pool->layout.header.unit_bytes);
}

/*
 * A link that closes, to what is no free block, leads to a list head; a
 * descriptor's heads are an array by size.
 */
static void learn_head(struct checker *c, const struct free_link *l, bool forward)
{
	uint64_t head = target(c, l, forward);
	struct walk *w = c->heads;
	unsigned units;

	if (!w || w->nr_head_bases == MAX_HEAD_BASES ||
	    link_of(c->w, head - c->pool->layout.header.header_bytes))
		return;
	units = size_units_of(c, l->header_va);
	head -= 2ull * c->os->layout.ptr_bytes * units;
	for (unsigned i = 0; i < w->nr_head_bases; i++)
		if (w->head_bases[i] == head)
			return;
	if (units)
		w->head_bases[w->nr_head_bases++] = head;
}

/* Per page: what its free blocks say, in the order of addresses. */
struct page_verdict {
	uint64_t closes, bad;
};

static void check_link(struct checker *c, const struct free_link *l,
		       struct page_verdict *v)
{
	uint64_t entry = entry_of(c, l);
	enum link_verdict next = points_back(c, l->flink, entry, true);
	enum link_verdict prev = points_back(c, l->blink, entry, false);
	struct pool_lists *lists = &c->pool->lists;

	if (l->odd) {   /* counts only as a page that was given back */
		v->bad += next == LINK_BAD && prev == LINK_BAD &&
			  os_is_kernel_va(c->os, l->flink) &&
			  os_is_kernel_va(c->os, l->blink);
		return;
	}
	if (next == LINK_CLOSES)
		learn_head(c, l, true);
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

bool freelist_closes(struct os *os, struct pool *pool, const struct walk *w,
		     const struct free_link *link)
{
	struct checker c = { os, pool, w, ~(uint64_t)pool->layout.header.link_tag_bits, NULL };

	return points_back(&c, link->flink, entry_of(&c, link), true) == LINK_CLOSES &&
	       points_back(&c, link->blink, entry_of(&c, link), false) == LINK_CLOSES;
}

bool freelist_stale(struct os *os, struct pool *pool, const struct walk *w,
		    const struct free_link *links, size_t nr)
{
	struct checker c = { os, pool, w, ~(uint64_t)pool->layout.header.link_tag_bits, NULL };
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

/* Free blocks by what points at them; made when first asked for. */
struct pointed {
	struct { uint64_t to, from; } *rows;    /* by .to; .from: the entry that points */
	size_t nr;
	bool made;
};

static int by_to(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return x[0] < y[0] ? -1 : x[0] > y[0];
}

static void pointed_make(struct checker *c, struct pointed *p)
{
	p->made = true;
	p->rows = malloc((2 * c->w->nr_links + 1) * sizeof *p->rows);
	if (!p->rows)
		return;
	for (size_t i = 0; i < c->w->nr_links; i++) {
		const struct free_link *l = &c->w->links[i];

		for (int forward = 0; forward < 2; forward++) {
			/* only from blocks that are surely on a list themselves */
			if (points_back(c, target(c, l, !forward), entry_of(c, l), !forward) !=
			    LINK_CLOSES)
				continue;
			p->rows[p->nr].to = target(c, l, forward);
			p->rows[p->nr++].from = entry_of(c, l);
		}
	}
	qsort(p->rows, p->nr, sizeof *p->rows, by_to);
}

/* Does its list, by another block or by its head, still point at this block? */
static bool pointed_at(struct checker *c, struct pointed *p, const struct free_link *l)
{
	const uint64_t page_mask = ~(uint64_t)(PAGE_BYTES - 1);
	unsigned ptr = c->os->layout.ptr_bytes, units = size_units_of(c, l->header_va);
	uint64_t entry = entry_of(c, l);
	size_t i;

	if (!p->made)
		pointed_make(c, p);
	for (i = p->rows ? SORTED_LOWER(p->rows, p->nr, to, entry) : 0;
	     p->rows && i < p->nr && p->rows[i].to == entry; i++)
		if ((p->rows[i].from & page_mask) != (entry & page_mask))
			return true;
	for (i = 0; units && i < c->w->nr_head_bases; i++) {
		uint64_t head = c->w->head_bases[i] + 2ull * ptr * units, flink = 0, blink = 0;

		if (!vm_word(&c->os->vm, head, ptr, &flink, NULL) &&
		    !vm_word(&c->os->vm, head + ptr, ptr, &blink, NULL) &&
		    ((flink & c->link_mask) == entry || (blink & c->link_mask) == entry))
			return true;
	}
	return false;
}

static void link_fault(struct checker *c, const struct free_link *l)
{
	const struct catalog *k = &c->pool->blocks;
	struct pool_fault x = {
		.page_va = l->header_va & ~(uint64_t)(PAGE_BYTES - 1),
		.bad_va = l->header_va, .kind = FAULT_FREE_LINK,
	};
	size_t i;

	if (catalog_find(k, l->header_va, &i)) {
		x.pool = catalog_pool(k, i);
		if (i && catalog_va(k, i - 1) >= x.page_va) {
			x.before_va = catalog_va(k, i - 1);
			x.before_tag = k->tag[i - 1];
		}
		if (i + 1 < k->nr && catalog_va(k, i + 1) - x.page_va < PAGE_BYTES) {
			x.after_va = catalog_va(k, i + 1);
			x.after_tag = k->tag[i + 1];
		}
	}
	vm_read(&c->os->vm, x.bad_va, x.found, sizeof x.found, NULL);
	pool_fault_add(c->pool, &x);
}

/* One finding a block, whichever of its links is wrong. */
static void find_fault(struct checker *c, const struct free_link *l)
{
	bool next = points_back(c, l->flink, entry_of(c, l), true) == LINK_BAD &&
		    link_is_wrong(c, l, true);
	bool prev = points_back(c, l->blink, entry_of(c, l), false) == LINK_BAD &&
		    link_is_wrong(c, l, false);

	if (!l->odd && (next || prev))
		link_fault(c, l);
}

/* Nothing on any list points at the page, and it points at nothing: given back. */
static bool page_is_stale(struct checker *c, struct pointed *p, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (pointed_at(c, p, &c->w->links[i]))
			return false;
	return true;
}

enum dl_status freelist_check(struct os *os, struct pool *pool,
			      const struct survey *survey, struct walk *w,
			      bool *changed, struct dl_err *err)
{
	struct checker c = { os, pool, w, ~(uint64_t)pool->layout.header.link_tag_bits, w };
	const uint64_t page_mask = ~(uint64_t)(PAGE_BYTES - 1);
	struct pointed p = { NULL, 0, false };
	struct suspect { size_t first, end; struct pool_lists before, after; } *suspects = NULL;
	struct page_verdict v;
	size_t i, next, nr = 0, cap = 0;
	void *pages;

	(void)err;
	*changed = false;
	w->nr_head_bases = 0;
	forget_dropped(survey, w);
	pool->lists = (struct pool_lists){ 0 };
	for (i = 0; i < w->nr_links; i = next) {
		const struct pool_lists before = pool->lists;

		next = check_page(&c, i, &v);
		if (!v.bad || v.closes)
			continue;
		pages = vec_grow(suspects, &cap, nr + 1, sizeof *suspects);
		if (!pages)
			break;
		suspects = pages;
		suspects[nr++] = (struct suspect){ i, next, before, pool->lists };
	}
	/* after all: now every list's head is known */
	for (i = 0; i < nr; i++) {
		struct chain_hit *h = hit_at(survey, w, w->links[suspects[i].first].header_va &
						       page_mask);

		if (!h || !page_is_stale(&c, &p, suspects[i].first, suspects[i].end))
			continue;
		h->drop = DROP_STALE;
		pool->stale_pages++;
		/* such a page is no statement about the lists */
		pool->lists.free_bad -= suspects[i].after.free_bad - suspects[i].before.free_bad;
		pool->lists.free_unlinked -= suspects[i].after.free_unlinked -
					     suspects[i].before.free_unlinked;
		*changed = true;
	}
	free(suspects);
	free(p.rows);
	if (*changed)
		forget_dropped(survey, w);
	if (pool->lists.free_bad)
		for (i = 0; i < w->nr_links; i++)
			find_fault(&c, &w->links[i]);
	return DL_OK;
}
