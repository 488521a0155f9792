/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sound chain of headers proves that a page once was pool, not that it is
 * now: physical pages are reused without being cleared. Here other evidence
 * decides: allocations of whole pages, runs of free pages, the same page seen
 * through two addresses, the file cache, and addresses far from any pool.
 */
#include "dumpleak/pool/internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* Address ranges by region, to tell dense from sparse. */
enum { REGION_SHIFT = 22, DENSE_SHARE = 8, DENSE_PAGES = 16 };

struct region { uint64_t number; uint32_t mapped, hits; };

struct regions {
	struct region *list;    /* by number */
	size_t nr;
};

static struct region *region_at(const struct regions *r, uint64_t va)
{
	uint64_t number = va >> REGION_SHIFT;
	size_t i = r->nr ? SORTED_LOWER(r->list, r->nr, number, number) : 0;

	return i < r->nr && r->list[i].number == number ? &r->list[i] : NULL;
}

static bool regions_make(const struct survey *s, const struct walk *w, struct regions *r)
{
	size_t cap = 0;

	*r = (struct regions){ 0 };
	for (size_t i = 0; i < s->nr; i++) {
		uint64_t number = s->pages[i].va >> REGION_SHIFT;

		if (!r->nr || r->list[r->nr - 1].number != number) {
			struct region *p = vec_grow(r->list, &cap, r->nr + 1, sizeof *p);

			if (!p)
				return false;
			r->list = p;
			p[r->nr++] = (struct region){ .number = number };
		}
		r->list[r->nr - 1].mapped++;
	}
	for (size_t i = 0; i < w->nr_hits; i++)
		if (w->hits[i].drop == KEEP)
			region_at(r, s->pages[w->hits[i].candidate].va)->hits++;
	return true;
}

static bool region_dense(const struct region *g)
{
	return g && g->hits >= DENSE_PAGES && g->hits >= g->mapped / DENSE_SHARE;
}

/* The ranges the kernel states, where it states any that make sense. */
struct stated {
	bool known;
	struct { uint64_t first, last; } pool[2];
	bool cache_known;
	uint64_t cache_first, cache_last;
};

static bool stated_range(struct os *os, enum kdbg_field from, enum kdbg_field to,
			 uint64_t *first, uint64_t *last)
{
	return kdbg_variable(&os->vm, &os->kdbg, from, first) &&
	       kdbg_variable(&os->vm, &os->kdbg, to, last) &&
	       os_is_kernel_va(os, *first) && *last > *first;
}

static void stated_get(struct os *os, struct stated *s)
{
	*s = (struct stated){ 0 };
	s->known = stated_range(os, KDBG_NONPAGED_START, KDBG_NONPAGED_END,
				&s->pool[0].first, &s->pool[0].last) &&
		   stated_range(os, KDBG_PAGED_START, KDBG_PAGED_END,
				&s->pool[1].first, &s->pool[1].last);
	s->cache_known = stated_range(os, KDBG_SYSTEM_CACHE_START, KDBG_SYSTEM_CACHE_END,
				      &s->cache_first, &s->cache_last);
}

static bool in_stated(const struct stated *s, uint64_t va)
{
	for (int i = 0; i < 2; i++)
		if (va >= s->pool[i].first && va <= s->pool[i].last)
			return true;
	return false;
}

/* Paged pool's range lies inside the wide one of nonpaged pool: test it first. */
static bool wrong_kind(const struct stated *s, uint64_t va, const struct chain_hit *h)
{
	bool in_paged = va >= s->pool[1].first && va <= s->pool[1].last;

	return s->known && h->in_use && in_paged && h->pool == POOL_NONPAGED;
}

static bool is_stray(const struct stated *s, const struct regions *r, uint64_t va,
		     const struct chain_hit *h)
{
	if (s->cache_known && va >= s->cache_first && va <= s->cache_last &&
	    !(s->known && va >= s->pool[1].first && va <= s->pool[1].last))
		return true;
	if (h->pool == POOL_SESSION || region_dense(region_at(r, va)))
		return false;
	return s->known && !in_stated(s, va);
}

struct frame { uint64_t pfn, va; struct chain_hit *hit; };

static int by_pfn(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	if (x->pfn != y->pfn)
		return x->pfn < y->pfn ? -1 : 1;
	return x->va < y->va ? -1 : x->va > y->va;
}

/* Of several addresses of one page, the one amidst most pool is the pool's. */
static void drop_aliases(struct pool *pool, const struct survey *survey,
			 const struct regions *r, struct walk *w)
{
	struct frame *f = malloc((w->nr_hits + 1) * sizeof *f);
	size_t n = 0;

	if (!f)
		return;
	for (size_t i = 0; i < w->nr_hits; i++) {
		const struct candidate_page *c = &survey->pages[w->hits[i].candidate];

		if (w->hits[i].drop == KEEP)
			f[n++] = (struct frame){ c->pfn, c->va, &w->hits[i] };
	}
	qsort(f, n, sizeof *f, by_pfn);
	for (size_t i = 1; i < n; i++) {
		struct frame *a = &f[i - 1], *b = &f[i];

		if (a->pfn != b->pfn)
			continue;
		pool->aliased_pages++;
		if (region_at(r, a->va)->hits < region_at(r, b->va)->hits) {
			a->hit->drop = DROP_ALIAS;
			continue;
		}
		b->hit->drop = DROP_ALIAS;
		*b = *a;        /* the one to beat for a third address */
	}
	free(f);
}

void sift_run(struct os *os, struct pool *pool, const struct survey *survey,
	      const struct big_table *big, struct walk *w)
{
	struct regions r;
	struct stated s;
	size_t i;

	for (i = 0; i < w->nr_hits; i++) {
		uint64_t va = survey->pages[w->hits[i].candidate].va;

		if (big_covers(big, va))
			w->hits[i].drop = DROP_BIG;
		else if (walk_in_free_run(w, va))
			w->hits[i].drop = DROP_FREE_RUN;
	}
	stated_get(os, &s);
	if (regions_make(survey, w, &r)) {
		for (i = 0; i < w->nr_hits; i++) {
			uint64_t va = survey->pages[w->hits[i].candidate].va;

			if (w->hits[i].drop == KEEP &&
			    (is_stray(&s, &r, va, &w->hits[i]) ||
			     wrong_kind(&s, va, &w->hits[i]))) {
				w->hits[i].drop = DROP_STRAY;
				pool->stray_pages++;
			}
		}
		drop_aliases(pool, survey, &r, w);
	}
	free(r.list);
}
