/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POOL_HEADERs in memory whose heap structures cannot be read. A header alone is
 * no proof, since freed memory keeps them: one counts if another, or the end of
 * what is carved, follows right where it says.
 */
#include "heap_work.h"

static bool header_at(struct heap_work *w, uint64_t va, uint64_t end, struct heap_header *x)
{
	enum { IN_USE = 2 };
	const struct pool_header_layout *l = &w->run->pool->layout.header;
	const uint8_t *p = va < end ? heap_bytes(&w->reader, va, 8) : NULL;
	uint64_t raw;

	if (!p)
		return false;
	raw = le64(p);
	*x = heap_header_get(w->run, p);
	return x->plausible && x->type & IN_USE && !header_get(raw, l->previous_size) &&
	       !header_get(raw, l->pool_index) && x->size_bytes <= end - va;
}

/* The chunk header and, sometimes, spare bytes lie between two blocks. */
static bool next_agrees(struct heap_work *w, uint64_t va, uint32_t size, uint64_t end)
{
	const struct heap_vs_layout *l = &w->run->layout->vs;
	struct heap_header x;
	uint64_t next = va + size;

	return end - next <= l->unit_bytes || header_at(w, next + l->header_bytes, end, &x) ||
	       header_at(w, next + l->header_bytes + l->unit_bytes, end, &x);
}

void heap_carve(struct heap_work *w, uint64_t first, uint64_t end)
{
	unsigned unit = w->run->layout->vs.unit_bytes;
	bool linked = false;    /* the block before ends where this one begins */

	for (uint64_t va = first; va < end;) {
		struct heap_header x;
		struct block b = { .va = va, .state = BLOCK_IN_USE, .how = BLOCK_CARVED };

		if (!heap_page(&w->reader, va)) {
			va = (va | (PAGE_BYTES - 1)) + 1;
			linked = false;
			continue;
		}
		if (!header_at(w, va, end, &x) ||
		    (!linked && !next_agrees(w, va, x.size_bytes, end))) {
			va += unit;
			continue;
		}
		b.size_bytes = x.size_bytes;
		b.tag = x.tag;
		heap_vote(w->part, x.type);
		heap_put(w->part, &b);
		va += x.size_bytes;
		linked = next_agrees(w, b.va, x.size_bytes, end);
	}
}
