/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that the heaps have back, or nearly: delay-free lists, whose chunks
 * still look allocated, and the dynamic lookasides of each pool node.
 */
#include "heap_work.h"

#include <string.h>

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

enum entry { ENTRY_DONE, ENTRY_AGAIN, ENTRY_LOST, ENTRY_BAD };

/* LOST: its block is on a missing page, or in what was lost of a damaged one. */
static enum entry reclassify(struct heap_run *h, uint64_t va, enum block_state state)
{
	struct pool *pool = h->pool;
	size_t i;

	if (!block_of(h, va, state, &i))
		return ENTRY_LOST;
	if (catalog_state(&pool->blocks, i) == state)
		return ENTRY_AGAIN;
	if (catalog_state(&pool->blocks, i) != BLOCK_IN_USE)
		return ENTRY_BAD;
	catalog_set_state(&pool->blocks, i, state);
	if (state == BLOCK_DELAYED)
		pool->lists.pending_frees++;
	return ENTRY_DONE;
}

static bool is_listed(struct heap_run *h, uint64_t va, enum block_state state)
{
	size_t i;

	return block_of(h, va, state, &i) && catalog_state(&h->pool->blocks, i) == state;
}

/* The entry at @va links to one that the list had before. */
static void loop_fault(struct heap_run *h, uint64_t va)
{
	struct catalog *c = &h->pool->blocks;
	struct pool_fault f = { .kind = FAULT_LIST_LOOP, .bad_va = va,
		.page_va = va & ~(uint64_t)(PAGE_BYTES - 1) };
	size_t i;

	if (catalog_find(c, va, &i)) {
		f.pool = catalog_pool(c, i);
		f.before_va = catalog_va(c, i);
		f.before_tag = c->tag[i];
	}
	if (f.before_va && i + 1 < c->nr && catalog_va(c, i + 1) ==
	    catalog_va(c, i) + catalog_size(c, i)) {
		f.after_va = catalog_va(c, i + 1);
		f.after_tag = c->tag[i + 1];
	}
	if (!heap_copy(&h->reader, va, f.found, sizeof f.found))
		memset(f.found, 0, sizeof f.found);
	pool_fault_add(h->pool, &f);
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
	struct pool_lists *lists = &h->pool->lists;
	uint64_t va = 0, from = head_va, n;
	bool lost = false;

	if (!next_of(h, head_va, next, h->layout->lookaside.next_low_bits, &va))
		return;
	for (n = 0; va && n < depth && n < MAX_ENTRIES; n++) {
		enum entry e = os_is_kernel_va(h->os, va) ? reclassify(h, va, state)
							  : ENTRY_BAD;

		if ((e == ENTRY_AGAIN && n) || va == from) {
			loop_fault(h, from);
			break;
		}
		if (e == ENTRY_AGAIN || e == ENTRY_BAD) {
			lists->lookasides_bad++;
			break;
		}
		lost |= e == ENTRY_LOST;
		from = va;
		if (!next_of(h, va, link, 0, &va)) {
			lost = true;
			n++;
			break;
		}
	}
	/* the last entry by the list's count leads on: to itself, or to one before */
	if (va && va != head_va && n == depth && os_is_kernel_va(h->os, va) &&
	    is_listed(h, va, state))
		loop_fault(h, from);
	lists->lookasides_cut += lost;
	if (va && n < depth && n < MAX_ENTRIES)
		lists->unreached += depth - n;
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

static void delayed(struct heap_run *h, uint64_t head)
{
	const struct heap_lookaside_layout *l = &h->layout->lookaside;
	uint64_t depth;

	if (heap_word(h, head, l->depth, &depth) && depth)
		walk_list(h, head, l->next, depth, BLOCK_DELAYED);
}

/* Slots of a context name it; processors share them. False: it has none. */
static bool delayed_slots(struct heap_run *h, uint64_t context)
{
	enum { MAX_SLOTS = 256 };
	const struct heap_vs_layout *l = &h->layout->vs;
	const struct field ref = { .off = 0, .width = 2 };
	uint64_t map, mask, slot, owner, seen[MAX_SLOTS] = { 0 };
	size_t nr = 0;

	if (!heap_word(h, context, l->slot_map, &map) || !map ||
	    !heap_word(h, context, l->slot_mask, &mask))
		return false;
	for (uint64_t i = 0; i <= mask && i < MAX_SLOTS; i++) {
		size_t k = 0;

		if (!heap_word(h, context + (map << l->slot_unit_shift) +
				  i * l->slot_entry_bytes, ref, &slot))
			continue;
		slot = context + (slot << l->slot_unit_shift);
		if (!heap_word(h, slot, l->slot_context, &owner) || owner != context)
			continue;
		while (k < nr && seen[k] != slot)
			k++;
		if (k < nr)
			continue;
		seen[nr++] = slot;
		delayed(h, slot + l->slot_delay_free);
	}
	return nr != 0;
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
		uint64_t context = h->heaps[i].va + l->root.vs;

		if (!delayed_slots(h, context))
			delayed(h, context + l->vs.delay_free);
	}
	for (size_t i = 0; i < h->nr_heaps; i++) {
		if (!h->heaps[i].node_va || seen_before(h, i))
			continue;
		for (unsigned k = 0; k < 2; k++)
			lookaside(h, h->heaps[i].node_va + l->lookaside.first +
				     k * l->lookaside.bytes);
	}
}
