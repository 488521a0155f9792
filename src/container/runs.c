/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs in any order, overlapping or not, to disjoint ascending runs. Overlaps
 * are resolved by a sweep: the runs that cover a position wait in a heap, the
 * one with the best claim on top.
 */
#include "runs.h"

#include "dumpleak/base/arena.h"

#include <stdlib.h>

void runs_deinit(struct runs *r)
{
	free(r->v);
	*r = (struct runs){ 0 };
}

bool runs_add(struct runs *r, uint64_t first, uint64_t last, uint64_t target)
{
	struct run *v = vec_grow(r->v, &r->cap, r->n + 1, sizeof *v);

	if (!v)
		return false;
	r->v = v;
	v[r->n] = (struct run){ first, last, target, r->n };
	r->n++;
	return true;
}

static int by_first(const void *pa, const void *pb)
{
	const struct run *a = pa, *b = pb;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool is_sorted(const struct runs *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (by_first(&r->v[i - 1], &r->v[i]) > 0)
			return false;
	return true;
}

static bool is_disjoint(const struct runs *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (r->v[i].first <= r->v[i - 1].last)
			return false;
	return true;
}

/* The runs under the sweep's position; [0] has the best claim. */
struct heap {
	const struct run **v;
	size_t n;
	enum runs_claim claim;
};

static bool better(const struct heap *h, size_t a, size_t b)
{
	bool earlier = h->v[a]->order < h->v[b]->order;

	return h->claim == RUNS_FIRST_WINS ? earlier : !earlier;
}

static void heap_swap(struct heap *h, size_t a, size_t b)
{
	const struct run *t = h->v[a];

	h->v[a] = h->v[b];
	h->v[b] = t;
}

static void heap_push(struct heap *h, const struct run *run)
{
	size_t i = h->n++;

	h->v[i] = run;
	for (; i && better(h, i, (i - 1) / 2); i = (i - 1) / 2)
		heap_swap(h, i, (i - 1) / 2);
}

static void heap_pop(struct heap *h)
{
	size_t i = 0, child;

	h->v[0] = h->v[--h->n];
	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && better(h, child + 1, child))
			child++;
		if (!better(h, child, i))
			break;
		heap_swap(h, i, child);
		i = child;
	}
}

/* One piece of @from; pieces of the same run that touch become one again. */
static bool emit(struct runs *out, const struct run *from, uint64_t first,
		 uint64_t last, uint64_t step)
{
	struct run *prev = out->n ? &out->v[out->n - 1] : NULL;

	if (prev && prev->order == from->order && prev->last + 1 == first) {
		prev->last = last;
		return true;
	}
	if (!runs_add(out, first, last, from->target + (first - from->first) * step))
		return false;
	out->v[out->n - 1].order = from->order;
	return true;
}

static bool sweep(const struct runs *in, struct heap *h, uint64_t step,
		  struct runs *out)
{
	uint64_t at = 0, end;
	size_t i = 0;

	while (i < in->n || h->n) {
		if (!h->n && in->v[i].first > at)
			at = in->v[i].first;
		while (i < in->n && in->v[i].first <= at)
			heap_push(h, &in->v[i++]);
		while (h->n && h->v[0]->last < at)
			heap_pop(h);
		if (!h->n)
			continue;
		end = h->v[0]->last;
		if (i < in->n && in->v[i].first <= end)
			end = in->v[i].first - 1;
		if (!emit(out, h->v[0], at, end, step))
			return false;
		if (end == UINT64_MAX)
			break;
		at = end + 1;
	}
	return true;
}

bool runs_sort(struct runs *r, uint64_t step, enum runs_claim claim, bool *overlaps)
{
	struct heap h = { NULL, 0, claim };
	struct runs out = { 0 };
	bool ok;

	if (!is_sorted(r))
		qsort(r->v, r->n, sizeof *r->v, by_first);
	if (overlaps)
		*overlaps = !is_disjoint(r);
	if (is_disjoint(r))
		return true;
	h.v = malloc(r->n * sizeof(*h.v));
	ok = h.v && sweep(r, &h, step, &out);
	free(h.v);
	if (!ok) {
		runs_deinit(&out);
		return false;
	}
	runs_deinit(r);
	*r = out;
	return true;
}

const struct run *runs_next(const struct runs *r, uint64_t x)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].last < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n ? &r->v[lo] : NULL;
}

const struct run *runs_find(const struct runs *r, uint64_t x)
{
	const struct run *run = runs_next(r, x);

	return run && run->first <= x ? run : NULL;
}
