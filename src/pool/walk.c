/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidate pages to chains of headers, in parallel slices and in the order in
 * which the container reads cheapest. One pass: everything a page can tell is
 * taken from it here.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

enum { SLICE_PAGES = 2048 };

struct walker {
	struct os *os;
	const struct pool *pool;
	const struct survey *survey;
	const uint32_t *order;          /* of candidates; NULL: as they are */
	struct walk *walk;
	struct phys *phys;              /* one per worker */
	const struct progress *progress;
};

/* Append @n elements to one of a slice's arrays; false if out of memory. */
static bool append(void **array, size_t *nr, size_t *cap, const void *items,
		   size_t n, size_t size_bytes)
{
	void *p = vec_grow(*array, cap, *nr + n, size_bytes);

	if (!p)
		return false;
	*array = p;
	memcpy((char *)p + *nr * size_bytes, items, n * size_bytes);
	*nr += n;
	return true;
}

#define APPEND(s, field, items, n) \
	append((void **)&(s)->field, &(s)->nr_##field, &(s)->cap_##field, items, n, \
	       sizeof *(s)->field)

/*
 * The head of a run of free pages points to itself as owner; what else a page
 * of such a run holds is stale.
 */
static bool page_is_free_run(const struct os *os, const struct free_run_layout *l,
			     uint64_t va, const uint8_t *page, struct free_run *out)
{
	struct bytes b = { page, PAGE_BYTES };

	if (!field_has(l->owner) || field_or(b, l->owner, 0) != va)
		return false;
	out->va = va;
	out->flink = field_or(b, l->flink, 0);
	out->blink = field_or(b, l->blink, 0);
	out->nr_pages = field_or(b, l->nr_pages, 0);
	return out->nr_pages && out->nr_pages < (uint64_t)1 << 20 &&
	       os_is_kernel_va(os, out->flink) && os_is_kernel_va(os, out->blink);
}

/* Kind of a page by most of its blocks in use. */
static void page_kind(const struct pool_header_layout *h, const uint64_t *headers,
		      unsigned n, struct chain_hit *hit)
{
	unsigned votes[NR_POOL_KINDS] = { 0 }, best = 0;

	for (unsigned i = 0; i < n; i++)
		if (header_state(h, headers[i]) == BLOCK_IN_USE)
			votes[header_pool(h, headers[i])]++;
	for (unsigned k = 1; k < NR_POOL_KINDS; k++)
		if (votes[k] > votes[best])
			best = k;
	hit->pool = (uint8_t)best;
	hit->in_use = votes[best] > 0;
}

bool free_link_get(const struct pool_header_layout *h, uint8_t ptr_bytes, uint64_t page_va,
		   const uint8_t *page, unsigned off, struct free_link *out)
{
	uint64_t raw = le64(page + off);
	unsigned size = header_get(raw, h->block_size) * h->unit_bytes;
	const uint8_t *body = page + off + h->header_bytes;

	out->odd = header_is_odd(h, raw);
	if (!out->odd && header_state(h, raw) != BLOCK_FREE)
		return false;
	/* a block of one unit has no room for links */
	if (size < h->header_bytes + 2u * ptr_bytes || off + size > PAGE_BYTES)
		return false;
	out->header_va = page_va + off;
	out->flink = le_word(body, ptr_bytes);
	out->blink = le_word(body + ptr_bytes, ptr_bytes);
	return true;
}

/* Links of the page's free blocks, for freelist.c. */
static bool take_links(struct walk_slice *s, const struct pool *pool, uint8_t ptr_bytes,
		       uint64_t va, const uint8_t *page, const uint64_t *headers, unsigned n)
{
	const struct pool_header_layout *h = &pool->layout.header;
	unsigned off = 0;

	for (unsigned i = 0; i < n; i++) {
		struct free_link l;
		bool linked = header_state(h, headers[i]) == BLOCK_FREE ||
			      header_is_odd(h, headers[i]);

		if (linked && free_link_get(h, ptr_bytes, va, page, off, &l) &&
		    !APPEND(s, links, &l, 1))
			return false;
		off += header_get(headers[i], h->block_size) * h->unit_bytes;
	}
	return true;
}

static bool take_page(struct walker *w, struct walk_slice *s, uint32_t candidate,
		      const uint8_t *page)
{
	const struct pool *pool = w->pool;
	uint64_t va = w->survey->pages[candidate].va;
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct chain_hit hit = { .candidate = candidate };
	struct free_run run;

	hit.nr = page_chain(&pool->layout.header, page, headers);
	if (!hit.nr) {
		struct special_hit special = { .candidate = candidate };

		if (page_is_free_run(w->os, &pool->layout.free_run, va, page, &run))
			return APPEND(s, runs, &run, 1);
		return !special_page(&pool->layout.header, page, &special) ||
		       APPEND(s, specials, &special, 1);
	}
	page_kind(&pool->layout.header, headers, hit.nr, &hit);
	return take_links(s, pool, w->os->layout.ptr_bytes, va, page, headers, hit.nr) &&
	       APPEND(s, headers, headers, hit.nr) && APPEND(s, hits, &hit, 1);
}

static enum dl_status walk_slice(void *ctx, size_t slice, unsigned worker,
				 struct dl_err *err)
{
	struct walker *w = ctx;
	struct walk_slice *s = &w->walk->slices[slice];
	size_t first = slice * SLICE_PAGES, end = first + SLICE_PAGES;

	if (end > w->survey->nr)
		end = w->survey->nr;
	for (size_t i = first; i < end; i++) {
		uint32_t c = w->order ? w->order[i] : (uint32_t)i;
		const uint8_t *page;
		enum dl_status st = phys_page(&w->phys[worker], w->survey->pages[c].pfn,
					      &page, NULL);

		if (st == DL_NOMEM || (st && !APPEND(s, absent, &c, 1)) ||
		    (!st && !take_page(w, s, c, page)))
			return err_set(err, DL_NOMEM, "out of memory for pool blocks");
	}
	if (s->nr_headers) {    /* give back what growing by halves took */
		void *p = realloc(s->headers, s->nr_headers * sizeof *s->headers);

		s->headers = p ? p : s->headers;
	}
	if (!worker)
		progress_step(w->progress, "walking pool pages", end, w->survey->nr);
	return DL_OK;
}

struct placed { uint64_t position; uint32_t candidate; };

static int by_position(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

/* Candidates in the file's order, where reading out of order is dear. */
static enum dl_status order_make(struct os *os, const struct survey *survey,
				 uint32_t **order)
{
	struct placed *p;

	*order = NULL;
	if (!container_is_slow(os->container) || !survey->nr)
		return DL_OK;
	p = malloc(survey->nr * sizeof *p);
	*order = malloc(survey->nr * sizeof **order);
	if (!p || !*order) {
		free(p);
		return DL_NOMEM;
	}
	for (size_t i = 0; i < survey->nr; i++)
		p[i] = (struct placed){
			container_position(os->container, survey->pages[i].pfn),
			(uint32_t)i };
	qsort(p, survey->nr, sizeof *p, by_position);
	for (size_t i = 0; i < survey->nr; i++)
		(*order)[i] = p[i].candidate;
	free(p);
	return DL_OK;
}

static int hit_by_va(const void *a, const void *b)
{
	const struct chain_hit *x = a, *y = b;

	return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

static int special_by_va(const void *a, const void *b)
{
	const struct special_hit *x = a, *y = b;

	return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

static int run_by_va(const void *a, const void *b)
{
	const struct free_run *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

static int link_by_va(const void *a, const void *b)
{
	const struct free_link *x = a, *y = b;

	return x->header_va < y->header_va ? -1 : x->header_va > y->header_va;
}

/* Slices in the order of addresses, as of mapped dumps, come out sorted. */
static void sort_unless_sorted(char *all, size_t nr, size_t size_bytes,
			       int (*by)(const void *, const void *))
{
	for (size_t i = 1; i < nr; i++) {
		if (by(all + (i - 1) * size_bytes, all + i * size_bytes) <= 0)
			continue;
		qsort(all, nr, size_bytes, by);
		return;
	}
}

/* Move one kind of array of all slices into one, sorted. */
static enum dl_status gather(struct walk *w, size_t nr, size_t size_bytes,
			     size_t nr_off, size_t array_off, void **out,
			     int (*by)(const void *, const void *))
{
	char *all = calloc(nr + 1, size_bytes);
	size_t n = 0;

	*out = all;
	if (!all)
		return DL_NOMEM;
	for (size_t i = 0; i < w->nr_slices; i++) {
		char *slice = (char *)&w->slices[i];
		size_t k = *(size_t *)(void *)(slice + nr_off);
		void **from = (void **)(void *)(slice + array_off);

		if (k)
			memcpy(all + n * size_bytes, *from, k * size_bytes);
		n += k;
		free(*from);
		*from = NULL;
	}
	sort_unless_sorted(all, nr, size_bytes, by);
	return DL_OK;
}

#define GATHER(w, field, by) \
	gather(w, (w)->nr_##field, sizeof *(w)->field, \
	       offsetof(struct walk_slice, nr_##field), \
	       offsetof(struct walk_slice, field), (void **)&(w)->field, by)

/* Headers stay in their slices; hits learn where theirs are. */
static void point_to_headers(struct walk *w)
{
	for (size_t i = 0; i < w->nr_slices; i++) {
		struct walk_slice *s = &w->slices[i];
		size_t at = 0;

		for (size_t k = 0; k < s->nr_hits; k++) {
			s->hits[k].headers = s->headers + at;
			at += s->hits[k].nr;
		}
		w->nr_hits += s->nr_hits;
		w->nr_runs += s->nr_runs;
		w->nr_links += s->nr_links;
		w->nr_specials += s->nr_specials;
	}
}

/*
 * A run is believed if its list neighbours are other runs' heads or lie in the
 * kernel image, where the list heads are.
 */
static bool run_linked(const struct os *os, const struct walk *w, uint64_t link)
{
	struct free_run key = { .va = link };

	return os_module_at(os, link) ||
	       bsearch(&key, w->runs, w->nr_runs, sizeof key, run_by_va);
}

static void verify_runs(const struct os *os, struct walk *w)
{
	size_t n = 0;
	bool *good = calloc(w->nr_runs + 1, 1);

	for (size_t i = 0; good && i < w->nr_runs; i++)
		good[i] = run_linked(os, w, w->runs[i].flink) &&
			  run_linked(os, w, w->runs[i].blink);
	for (size_t i = 0; good && i < w->nr_runs; i++)
		if (good[i])
			w->runs[n++] = w->runs[i];
	w->nr_runs = n;
	free(good);
}

bool walk_in_free_run(const struct walk *w, uint64_t va)
{
	size_t above = w->nr_runs ? SORTED_LOWER(w->runs, w->nr_runs, va, va + 1) : 0;

	return above && (va - w->runs[above - 1].va) >> PAGE_SHIFT <
			w->runs[above - 1].nr_pages;
}

static enum dl_status walk_all(struct walker *w, unsigned jobs, struct dl_err *err)
{
	struct walk *out = w->walk;
	enum dl_status st;

	out->nr_slices = (w->survey->nr + SLICE_PAGES - 1) / SLICE_PAGES;
	out->slices = calloc(out->nr_slices + 1, sizeof *out->slices);
	w->phys = calloc(jobs, sizeof *w->phys);
	if (!out->slices || !w->phys)
		return err_set(err, DL_NOMEM, "out of memory for the pool walk");
	for (unsigned i = 0; i < jobs; i++)
		phys_init(&w->phys[i], w->os->container);
	st = jobs_run(out->nr_slices, jobs, walk_slice, w, err);
	for (unsigned i = 0; i < jobs; i++)
		phys_deinit(&w->phys[i]);
	return st;
}

enum dl_status walk_run(struct os *os, const struct pool *pool, const struct survey *survey,
			const struct pool_options *opts, struct walk *out,
			struct dl_err *err)
{
	struct walker w = { .os = os, .pool = pool, .survey = survey, .walk = out,
			    .progress = opts->progress };
	unsigned jobs = opts->jobs ? opts->jobs : jobs_available();
	uint32_t *order = NULL;
	enum dl_status st;

	*out = (struct walk){ 0 };
	st = order_make(os, survey, &order);
	w.order = order;
	if (!st)
		st = walk_all(&w, jobs, err);
	free(order);
	free(w.phys);
	if (st)
		return st;
	point_to_headers(out);
	if (GATHER(out, hits, hit_by_va) || GATHER(out, runs, run_by_va) ||
	    GATHER(out, links, link_by_va) || GATHER(out, specials, special_by_va))
		return err_set(err, DL_NOMEM, "out of memory for pool pages");
	verify_runs(os, out);
	return DL_OK;
}

void walk_deinit(struct walk *w)
{
	for (size_t i = 0; i < w->nr_slices; i++) {
		struct walk_slice *s = &w->slices[i];

		free(s->headers);
		free(s->links);
		free(s->runs);
		free(s->absent);
		free(s->hits);
		free(s->specials);
	}
	free(w->slices);
	free(w->hits);
	free(w->runs);
	free(w->links);
	free(w->specials);
	*w = (struct walk){ 0 };
}
