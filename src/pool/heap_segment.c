/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page segment to its ranges. One descriptor a unit; the first of a range says
 * what it is and how long, the others how far back that is. Where descriptors
 * are missing or damaged, others and the memory they speak of are asked.
 */
#include "heap_work.h"

#include <string.h>

enum {
	IN_USE = 1, FIRST = 2, VS = 4, SUBSEGMENT = 8,
	MAX_UNITS = 256,
};

#define TREE_SIGNATURE 0xccddccddu

struct unit {
	uint8_t flags, size, back;
	bool there, signed_;
};

struct segment {
	struct heap_work *w;
	const struct heap_segment *s;
	const struct heap_context *c;
	unsigned nr;
	bool special;
	struct unit u[MAX_UNITS];
};

static void units_get(struct segment *g)
{
	const struct heap_segment_layout *l = &g->w->run->layout->segment;

	g->nr = l->nr_descriptors < MAX_UNITS ? l->nr_descriptors : MAX_UNITS;
	for (unsigned i = 0; i < g->nr; i++) {
		struct unit *u = &g->u[i];
		struct bytes b = {
			heap_bytes(&g->w->reader, g->s->va + i * l->descriptor_bytes,
				   l->descriptor_bytes), l->descriptor_bytes };

		memset(u, 0, sizeof *u);
		u->there = b.p != NULL;
		if (!b.p)
			continue;
		u->flags = (uint8_t)field_or(b, l->flags, 0);
		u->size = (uint8_t)field_or(b, l->unit_size, 0);
		u->back = (uint8_t)field_or(b, l->unit_offset, 0);
		u->signed_ = field_or(b, l->tree_signature, 0) == TREE_SIGNATURE;
	}
}

static bool is_first(const struct unit *u)
{
	return u->there && (u->flags & ~(VS | SUBSEGMENT)) == (IN_USE | FIRST) &&
	       (u->flags & SUBSEGMENT || !(u->flags & VS));
}

/* A later unit of a range that began @distance units before it. */
static bool is_inner(const struct unit *u, unsigned distance)
{
	return u->there && (u->flags & (IN_USE | FIRST)) == IN_USE && u->back == distance &&
	       u->flags < 2 * SUBSEGMENT;
}

/* How many units from @i on speak of a range that begins there. */
static unsigned inner_run(const struct segment *g, unsigned i)
{
	unsigned n = 1, last = 1;

	/* pages of descriptors may be missing in between */
	while (i + n < g->nr && (!g->u[i + n].there || is_inner(&g->u[i + n], n))) {
		n++;
		if (g->u[i + n - 1].there)
			last = n;
	}
	return last;
}

/* A first descriptor is believed if those behind it agree. */
static bool first_holds(const struct segment *g, unsigned i)
{
	const struct unit *u = &g->u[i];

	if (!is_first(u) || !u->size || i + u->size > g->nr)
		return false;
	for (unsigned k = 1; k < u->size; k++)
		if (g->u[i + k].there && !is_inner(&g->u[i + k], k))
			return false;
	return u->signed_ || u->size > 1;
}

static struct heap_range range_of(const struct segment *g, unsigned i, unsigned nr)
{
	return (struct heap_range){ g->s->va + ((uint64_t)i << g->c->unit_shift),
				    (uint64_t)nr << g->c->unit_shift };
}

/* Driver Verifier's heaps have one allocation a page. */
static void put_special(struct segment *g, uint64_t va)
{
	const struct pool_header_layout *l = &g->w->run->pool->layout.header;
	const uint8_t *page = heap_page(&g->w->reader, va);
	struct special_hit hit = { 0 };
	struct block b = { .state = BLOCK_IN_USE, .how = BLOCK_SPECIAL };
	struct pool_fault f = { .kind = FAULT_SPECIAL_FILL, .page_va = va };

	if (!page || !special_page(l, page, &hit))
		return;
	b.va = va + hit.off;
	b.size_bytes = hit.size_bytes;
	b.tag = hit.tag;
	heap_put(g->w->part, &b);
	g->w->part->totals.big_pages++;
	if (hit.bad_off >= PAGE_BYTES)
		return;
	f.bad_va = va + hit.bad_off;
	f.before_va = b.va;
	f.before_tag = b.tag;
	heap_fault(g->w, &f);
}

static void put_range(struct segment *g, struct heap_range r)
{
	const struct big_block *row = heap_row(g->w->run, r.va, r.va + r.bytes);
	struct block b = { .va = r.va, .size_bytes = r.bytes, .state = BLOCK_IN_USE,
			   .how = BLOCK_RANGE };

	if (g->special) {
		for (uint64_t off = 0; off < r.bytes; off += PAGE_BYTES)
			put_special(g, r.va + off);
		return;
	}
	if (row && row->va == r.va)
		b.tag = row->tag;
	heap_put(g->w->part, &b);
	g->w->part->totals.big_pages += r.bytes >> PAGE_SHIFT;
}

static void range(struct segment *g, unsigned i, unsigned nr, unsigned flags)
{
	struct heap_range r = range_of(g, i, nr);

	if (!(flags & SUBSEGMENT))
		put_range(g, r);
	else if (flags & VS)
		heap_vs_walk(g->w, r);
	else
		heap_lfh_walk(g->w, r);
}

static void fault(struct segment *g, unsigned i, unsigned lost)
{
	const struct heap_segment_layout *l = &g->w->run->layout->segment;
	struct pool_fault f = {
		.kind = FAULT_RANGE, .bad_va = g->s->va + i * l->descriptor_bytes,
		.page_va = g->s->va + ((uint64_t)i << g->c->unit_shift),
		.lost_bytes = lost << g->c->unit_shift,
	};

	heap_fault(g->w, &f);
}

/* What the memory itself shows of a unit whose descriptor says nothing. */
static unsigned probe(struct segment *g, unsigned i, unsigned limit, unsigned *flags)
{
	const struct heap_run *h = g->w->run;
	const struct heap_layout *l = h->layout;
	uint64_t unit = (uint64_t)1 << g->c->unit_shift;
	struct heap_range r = range_of(g, i, limit);
	const uint8_t *p = heap_page(&g->w->reader, r.va);
	const struct big_block *row = heap_row(h, r.va, r.va + 1);
	struct heap_lfh_shape shape;
	uint64_t bytes = 0;
	uint32_t units;

	*flags = IN_USE;
	if (row) {
		bytes = row->size_bytes;
	} else if (p && heap_vs_is(l, p, &units)) {
		bytes = l->vs.first_chunk + (uint64_t)units * l->vs.unit_bytes;
		*flags |= SUBSEGMENT | VS;
	} else if (p && h->lfh_key_known && heap_lfh_decode(h, p, r, &shape)) {
		bytes = shape.first + (uint64_t)shape.nr * shape.size;
		*flags |= SUBSEGMENT;
	}
	bytes = (bytes + unit - 1) >> g->c->unit_shift;
	return bytes <= limit ? (unsigned)bytes : 0;
}

/* Up to the next range whose descriptor can be believed. */
static unsigned distance(const struct segment *g, unsigned i)
{
	unsigned n = 1;

	while (i + n < g->nr && !first_holds(g, i + n) &&
	       !(g->u[i + n].there && g->u[i + n].flags == FIRST && g->u[i + n].size))
		n++;
	return n;
}

/* A range whose first descriptor is missing or damaged; returns its units. */
static unsigned mend(struct segment *g, unsigned i)
{
	bool damage = g->u[i].there;
	unsigned inner = inner_run(g, i), flags = 0, nr = 0;

	for (unsigned k = 1; k < inner && !flags; k++)
		if (g->u[i + k].there)
			flags = g->u[i + k].flags;
	if (inner > 1 && flags) {
		nr = inner;
	} else {
		nr = probe(g, i, distance(g, i), &flags);
	}
	if (damage)
		fault(g, i, nr ? 0 : 1);
	if (!nr)
		return 1;
	range(g, i, nr, flags);
	return nr;
}

/* A free range may be shorter than it says: never past one in use. */
static unsigned skip_free(struct segment *g, unsigned i)
{
	unsigned size = g->u[i].flags & FIRST && g->u[i].size ? g->u[i].size : 1, n = 1;
	struct pool_totals *t = &g->w->part->totals;

	if (size > g->nr - i)
		size = g->nr - i;
	while (n < size && !first_holds(g, i + n))
		n++;
	if (n < size)
		fault(g, i, 0);
	if (g->u[i].flags & FIRST) {
		uint64_t pages = (uint64_t)n << g->c->unit_shift >> PAGE_SHIFT;

		t->free_runs++;
		t->free_run_pages += pages;
		if (pages > t->largest_free_run)
			t->largest_free_run = pages;
	}
	return n;
}

void heap_segment_walk(struct heap_work *w, const struct heap_segment *s)
{
	struct segment g = { .w = w, .s = s, .c = &w->run->contexts[s->context] };

	g.special = g.c->heap >= 0 && w->run->heaps[g.c->heap].special;
	units_get(&g);
	for (unsigned i = g.c->first_descriptor; i < g.nr;) {
		const struct unit *u = &g.u[i];

		if (first_holds(&g, i)) {
			if (!u->signed_)
				fault(&g, i, 0);
			range(&g, i, u->size, u->flags);
			i += u->size;
		} else if (u->there && !(u->flags & ~FIRST)) {
			i += skip_free(&g, i);
		} else {
			i += mend(&g, i);
		}
	}
}
