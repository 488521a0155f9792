/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of a VS subsegment to blocks. A chunk in use has its POOL_HEADER at its
 * front, or where the next page begins, or in the last bytes of its page; large
 * ones have none and begin on a page: the big-page table knows them.
 */
#include "heap_work.h"

enum { LARGEST_WITH_HEADER = 0xff0 };

struct extent { uint64_t first, end; };

static uint64_t next_page(uint64_t va)
{
	return (va + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/* The header at @va speaks of what is left of the chunk, or of one unit less. */
static bool header_fits(struct heap_vs *v, uint64_t va, struct extent e, struct block *b)
{
	unsigned unit = v->w->run->layout->vs.unit_bytes;
	const uint8_t *p = va >= e.first && va < e.end
			   ? heap_bytes(&v->w->reader, va, 8) : NULL;
	struct heap_header x;

	if (!p)
		return false;
	x = heap_header_get(v->w->run, p);
	if (!x.plausible || x.size_bytes > e.end - va || e.end - va - x.size_bytes > unit)
		return false;
	*b = (struct block){ .va = va, .size_bytes = e.end - va, .tag = x.tag,
			     .state = BLOCK_IN_USE, .how = BLOCK_VS };
	heap_vote(v->w->part, x.type);
	return true;
}

static bool header_find(struct heap_vs *v, struct extent e, struct block *b)
{
	unsigned header = v->w->run->pool->layout.header.header_bytes;
	uint64_t page = next_page(e.first);

	return header_fits(v, e.first, e, b) || header_fits(v, page, e, b) ||
	       (page - e.first >= header && header_fits(v, page - header, e, b));
}

/* The row of the big-page table for a chunk without header. */
static bool row_find(struct heap_vs *v, struct extent e, struct block *b)
{
	const struct big_block *row;

	if (e.end - e.first < LARGEST_WITH_HEADER)
		return false;
	row = heap_row(v->w->run, e.first, e.end);
	if (!row)
		return false;
	*b = (struct block){ .va = row->va, .size_bytes = e.end - row->va, .tag = row->tag,
			     .state = BLOCK_IN_USE, .how = BLOCK_RANGE };
	return true;
}

/* Nothing says more than that the chunk is in use. */
static bool unnamed(struct heap_vs *v, struct extent e, struct block *b)
{
	uint64_t page = next_page(e.first);
	const uint8_t *p = heap_bytes(&v->w->reader, e.first, 8);
	struct heap_header x;

	*b = (struct block){ .va = e.first, .size_bytes = e.end - e.first,
			     .state = BLOCK_IN_USE, .how = BLOCK_VS };
	if (page < e.end && e.end - page >= LARGEST_WITH_HEADER) {
		b->va = page;
		b->size_bytes = e.end - page;
		b->how = BLOCK_RANGE;
		return true;
	}
	/* its POOL_HEADER is on a page that is not there */
	if (!p || (page < e.end && !heap_page(&v->w->reader, page)))
		return false;
	p = heap_bytes(&v->w->reader, e.first, 8);
	x = heap_header_get(v->w->run, p);
	if (x.plausible && x.size_bytes <= e.end - e.first)
		b->tag = x.tag;
	return true;
}

/* The last fault still waits to hear what comes behind it. */
static void tell_after(struct heap_vs *v, const struct block *b)
{
	struct heap_faults *x = &v->w->part->faults;
	struct pool_fault *f = x->nr ? &x->faults[x->nr - 1] : NULL;

	if (f && !f->after_va && f->page_va >= v->range.va && f->bad_va < b->va &&
	    f->kind == FAULT_VS_CHUNK) {
		f->after_va = b->va;
		f->after_tag = b->tag;
	}
}

static void put(struct heap_vs *v, const struct block *b)
{
	heap_put(v->w->part, b);
	tell_after(v, b);
}

static void put_free(struct heap_vs *v, struct extent e)
{
	struct block b = { .va = e.first, .size_bytes = e.end - e.first,
			   .state = BLOCK_FREE, .how = BLOCK_VS };

	heap_put(v->w->part, &b);
	tell_after(v, &b);
}

/*
 * A chunk whose header cannot be read though where it lies is known: in use if a
 * POOL_HEADER stands where it would, since a free chunk's links lie over it.
 */
static void put_carved(struct heap_vs *v, struct extent e)
{
	struct block b;

	if (!row_find(v, e, &b)) {
		if (!header_fits(v, e.first, e, &b))
			return;
		b.how = BLOCK_CARVED;
	}
	put(v, &b);
}

/* Blocks that only the big-page table knows. */
static void put_rows(struct heap_vs *v, struct extent e)
{
	const struct big_block *row;

	while (e.first < e.end && (row = heap_row(v->w->run, e.first, e.end)) != NULL) {
		struct block b = { .va = row->va, .size_bytes = heap_row_bytes(v->w, row),
				   .tag = row->tag, .state = BLOCK_IN_USE, .how = BLOCK_RANGE };

		if (b.size_bytes > e.end - b.va)
			b.size_bytes = e.end - b.va;
		put(v, &b);
		e.first = b.va + b.size_bytes;
	}
}

static void fault_chunk(struct heap_vs *v, const struct heap_chunk *c, size_t nr_before)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	const struct heap_blocks *x = &v->w->part->blocks;
	struct pool_fault f = {
		.kind = FAULT_VS_CHUNK, .bad_va = v->first_va + (uint64_t)c->at * l->unit_bytes,
		.lost_bytes = c->size * l->unit_bytes,
	};

	f.page_va = f.bad_va & ~(uint64_t)(PAGE_BYTES - 1);
	if (f.page_va < v->range.va)
		f.page_va = v->range.va;
	if (x->nr > nr_before) {
		struct catalog one = { .where = &x->at[x->nr - 1].where,
				       .tag = &x->at[x->nr - 1].tag };

		f.before_va = catalog_va(&one, 0);
		f.before_tag = catalog_tag(&one, 0);
	}
	heap_fault(v->w, &f);
}

static void gap(struct heap_vs *v, const struct heap_chunk *c, size_t nr_before)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	uint64_t first = v->first_va + (uint64_t)c->at * l->unit_bytes;
	uint64_t end = first + (uint64_t)c->size * l->unit_bytes;
	uint64_t last = c->prev && c->prev <= c->size
			? end - (uint64_t)c->prev * l->unit_bytes : end;

	if (c->state == CHUNK_BAD)
		fault_chunk(v, c, nr_before);
	if (last > first && c->state == CHUNK_BAD)
		heap_carve(v->w, first + l->header_bytes, last);
	else if (last > first)
		put_rows(v, (struct extent){ first, last });
	if (last < end)
		put_carved(v, (struct extent){ last + l->header_bytes, end });
}

void heap_vs_blocks(struct heap_vs *v)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	size_t nr_before = v->w->part->blocks.nr;

	for (size_t i = 0; i < v->w->nr_chunks; i++) {
		const struct heap_chunk *c = &v->w->chunks[i];
		struct extent e = { .first = v->first_va + (uint64_t)c->at * l->unit_bytes };
		struct block b;

		e.end = e.first + (uint64_t)c->size * l->unit_bytes;
		e.first += l->header_bytes;
		if (c->state == CHUNK_FREE)
			put_free(v, e);
		else if (c->state != CHUNK_USED)
			gap(v, c, nr_before);
		else if (row_find(v, e, &b) || header_find(v, e, &b) || unnamed(v, e, &b))
			put(v, &b);
	}
}
