/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that the heaps have back, or nearly: delay-free lists, whose chunks
 * still look allocated, and the dynamic lookasides of each pool node.
 */
#include "heap_work.h"

enum { MAX_ENTRIES = 1 << 20 };

/*
 * The block that an entry points into. Delay-free lists link chunks, by their
 * headers or by the bytes behind: the block may begin a little later, or on the
 * next page.
 */
static bool block_of(struct heap_run *h, uint64_t va, enum block_state state, size_t *i)
{
	const struct catalog *c = &h->pool->blocks;
	unsigned header = h->layout->vs.header_bytes;
	uint64_t page = (va + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1), at;

	if (catalog_find(c, va, i))
		return true;
	*i = catalog_lower_bound(c, va);
	if (state != BLOCK_DELAYED || *i == c->nr || !heap_page(&h->reader, va))
		return false;
	at = catalog_va(c, *i);
	return at == va + header || at == page || at + header == page;
}

static void reclassify(struct heap_run *h, uint64_t va, enum block_state state)
{
	struct pool *pool = h->pool;
	size_t i;

	if (!block_of(h, va, state, &i) ||
	    catalog_state(&pool->blocks, i) != BLOCK_IN_USE) {
		pool->lists.lookasides_bad++;
		return;
	}
	catalog_set_state(&pool->blocks, i, state);
	if (state == BLOCK_DELAYED)
		pool->lists.pending_frees++;
}

/* The pointer of an SLIST_ENTRY or SLIST_HEADER. */
static bool next_of(struct heap_run *h, uint64_t va, struct field f, uint8_t low_bits,
		    uint64_t *out)
{
	if (!heap_word(h, va, f, out))
		return false;
	*out &= ~(((uint64_t)1 << low_bits) - 1);
	return true;
}

/* At most @depth entries, if that many are counted; each is visited once. */
static void walk_list(struct heap_run *h, uint64_t head_va, struct field next,
		      uint64_t depth, enum block_state state)
{
	const struct field link = { .off = 0, .width = h->layout->ptr_bytes };
	uint64_t va = 0;

	if (!next_of(h, head_va, next, h->layout->lookaside.next_low_bits, &va))
		return;
	for (uint64_t n = 0; va && n < depth && n < MAX_ENTRIES; n++) {
		if (!os_is_kernel_va(h->os, va)) {
			h->pool->lists.lookasides_bad++;
			return;
		}
		reclassify(h, va, state);
		if (!next_of(h, va, link, 0, &va)) {
			h->pool->lists.unreached += depth - n - 1;
			return;
		}
	}
}

static void lookaside(struct heap_run *h, uint64_t va)
{
	const struct heap_lookaside_layout *l = &h->layout->lookaside;

	for (unsigned i = 0; i < l->nr_buckets; i++) {
		uint64_t bucket = va + l->buckets + i * l->bucket_bytes, depth;

		if (!heap_word(h, bucket, l->depth, &depth) || !depth)
			continue;
		h->pool->lists.lookasides++;
		walk_list(h, bucket, l->next, depth, BLOCK_CACHED);
	}
}

static bool seen_before(const struct heap_run *h, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (h->heaps[k].node_va == h->heaps[i].node_va)
			return true;
	return false;
}

void heap_lists_run(struct heap_run *h)
{
	const struct heap_layout *l = h->layout;

	for (size_t i = 0; i < h->nr_heaps; i++) {
		uint64_t head = h->heaps[i].va + l->root.vs + l->vs.delay_free, depth;

		if (heap_word(h, head, l->lookaside.depth, &depth) && depth)
			walk_list(h, head, l->lookaside.next, depth, BLOCK_DELAYED);
	}
	for (size_t i = 0; i < h->nr_heaps; i++) {
		if (!h->heaps[i].node_va || seen_before(h, i))
			continue;
		for (unsigned k = 0; k < 2; k++)
			lookaside(h, h->heaps[i].node_va + l->lookaside.first +
				     k * l->lookaside.bytes);
	}
}
