/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks that look in use and are only parked on a lookaside list. The pool's
 * own lists hang off each processor's KPRCB; all others are linked through
 * list heads in the kernel's data, which are recognised by what they link.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_PROCESSORS = 2048, MAX_LISTS = 8192, MAX_PARKED = 1 << 20,
	POOL_TAG = 0x6c6f6f50,  /* "Pool": the tag of the pool's own lists */
	MAX_ENTRY_BYTES = 1 << 20,
	MAX_SHORT_TAG = 0xffff, /* two characters are no tag */
};

struct lookasides {
	struct os *os;
	struct pool *pool;
	uint64_t *seen;         /* lists walked: open addressing, 0 is empty */
	size_t nr_seen, parked;
	struct cut_list *cuts;  /* lists that run into absent memory */
	size_t nr_cuts, cap_cuts;
};

/* @return false if it was there, or the table is full */
static bool seen_add(struct lookasides *l, uint64_t va)
{
	size_t i = (size_t)(va * 0x9e3779b97f4a7c15u >> 40) % (2 * MAX_LISTS);

	while (l->seen[i]) {
		if (l->seen[i] == va)
			return false;
		i = (i + 1) % (2 * MAX_LISTS);
	}
	if (l->nr_seen == MAX_LISTS)
		return false;
	l->seen[i] = va;
	l->nr_seen++;
	return true;
}

struct list_head {
	uint64_t next, depth, tag, size, type;
};

/*
 * The first entry of an SLIST_HEADER. On x64 it has two forms: a whole pointer
 * in the second word, or, for processors without CMPXCHG16B, 39 bits of it in
 * the first word and the top three in the second. Which, the pointer tells.
 */
static uint64_t slist_next(const struct os *os, struct bytes b, struct field next)
{
	enum { NEXT8_SHIFT = 25, NEXT8_LOW = 4, NEXT8_HIGH = 43, REGION_SHIFT = 61 };
	uint64_t word = field_or(b, next, 0), first;

	if (next.width < 8)
		return word;
	if (!word || os_is_kernel_va(os, word & ~(uint64_t)0xf))
		return word & ~(uint64_t)0xf;
	first = field_or(b, (struct field){ .off = 0, .width = 8 }, 0) >> NEXT8_SHIFT
		<< NEXT8_LOW;
	if (first && word >> REGION_SHIFT == 7)
		first |= UINT64_MAX << NEXT8_HIGH;
	return first;
}

/* The list at @va, if these bytes can be a GENERAL_LOOKASIDE. */
static bool list_get(struct lookasides *l, uint64_t va, struct list_head *out)
{
	const struct lookaside_layout *y = &l->pool->layout.lookaside;
	uint8_t raw[128];
	struct bytes b = { raw, y->bytes };
	uint64_t type;

	if (y->bytes > sizeof raw || vm_read(&l->os->vm, va, raw, y->bytes, NULL))
		return false;
	out->next = slist_next(l->os, b, y->next);
	out->depth = field_or(b, y->depth, 0);
	out->tag = field_or(b, y->tag, 0);
	out->size = field_or(b, y->size, 0);
	type = field_or(b, y->type, UINT64_MAX);
	out->type = type;
	if (type > 0x3ff || !out->size || out->size > MAX_ENTRY_BYTES ||
	    out->tag <= MAX_SHORT_TAG || !out->next != !out->depth)
		return false;
	for (uint64_t t = out->tag & 0x7fffffff; t; t >>= 8)
		if ((t & 0xff) < 0x20 || (t & 0xff) > 0x7e)
			return false;
	return !out->next || os_is_kernel_va(l->os, out->next);
}

enum parking { PARKED, PARKED_TWICE, NO_BLOCK };

/* Mark the block that was given out at @user_va. */
static enum parking park(struct lookasides *l, uint64_t user_va, enum block_state state)
{
	struct catalog *c = &l->pool->blocks;
	size_t i;

	if (!catalog_find(c, user_va, &i) || pool_user_va(l->pool, i) != user_va)
		return NO_BLOCK;
	if (catalog_state(c, i) != BLOCK_IN_USE)
		return PARKED_TWICE;
	catalog_set_state(c, i, state);
	l->parked++;
	return PARKED;
}

/* The list at @va leads from the block that was given out at @from_va to one it has had. */
static void loop_fault(struct lookasides *l, uint64_t va, uint64_t from_va)
{
	const struct catalog *c = &l->pool->blocks;
	struct pool_fault x = { .bad_va = va, .kind = FAULT_LIST_LOOP };
	size_t i;

	if (from_va && catalog_find(c, from_va, &i)) {
		x.bad_va = catalog_va(c, i);
		x.pool = catalog_pool(c, i);
		if (i) {
			x.before_va = catalog_va(c, i - 1);
			x.before_tag = c->tag[i - 1];
		}
		if (i + 1 < c->nr) {
			x.after_va = catalog_va(c, i + 1);
			x.after_tag = c->tag[i + 1];
		}
	}
	x.page_va = x.bad_va & ~(uint64_t)(PAGE_BYTES - 1);
	vm_read(&l->os->vm, x.bad_va, x.found, sizeof x.found, NULL);
	pool_fault_add(l->pool, &x);
}

/* Where a walk along a list's entries ended. */
struct list_end {
	uint64_t entry;         /* 0: at the list's end            */
	uint64_t nr;            /* entries passed                  */
	bool unreadable, loop;
	bool broken;            /* the last entry's link leads nowhere */
};

/*
 * An entry that is no block the catalog has may be on a damaged page: the list
 * goes on behind it, but not for longer than it says it is.
 */
static struct list_end entries_walk(struct lookasides *l, uint64_t list_va,
				    const struct list_head *h, enum block_state state)
{
	unsigned ptr = l->os->layout.ptr_bytes;
	struct list_end e = { .entry = h->next };
	uint64_t before = 0, strangers = 0;

	while (e.entry && l->parked < MAX_PARKED) {
		enum parking p = park(l, e.entry, state);
		uint64_t next;

		if (p == PARKED_TWICE) {
			/* its own end, not one of another list's */
			e.loop = e.nr >= h->depth;
			if (e.loop)
				loop_fault(l, list_va, before);
			return e;
		}
		e.broken = p == NO_BLOCK && !os_is_kernel_va(l->os, e.entry);
		if (e.broken || (p == NO_BLOCK && ++strangers > h->depth))
			return e;
		if (vm_word(&l->os->vm, e.entry, ptr, &next, NULL)) {
			e.unreadable = true;
			return e;
		}
		before = e.entry;
		e.entry = next;
		e.nr++;
	}
	return e;
}

/* The pool's own lists are by size with header, others by what is asked for. */
static void cut_add(struct lookasides *l, const struct list_head *h, uint64_t unreached,
		    enum block_state state)
{
	const struct pool_header_layout *p = &l->pool->layout.header;
	bool own = state == BLOCK_CACHED;
	uint64_t bytes = h->size + (own ? 0 : p->header_bytes);
	struct cut_list *c = vec_grow(l->cuts, &l->cap_cuts, l->nr_cuts + 1, sizeof *c);

	if (!c)
		return;
	l->cuts = c;
	c[l->nr_cuts++] = (struct cut_list){
		.size_bytes = (bytes + p->unit_bytes - 1) / p->unit_bytes * p->unit_bytes,
		.unreached = unreached, .tag = own ? 0 : (uint32_t)h->tag & 0x7fffffff,
		.pool = h->type & 1 ? POOL_PAGED : POOL_NONPAGED, .state = (uint8_t)state,
	};
}

static void list_walk(struct lookasides *l, uint64_t va, enum block_state state)
{
	struct list_head h;
	struct list_end e;

	if (!va || !seen_add(l, va) || !list_get(l, va, &h))
		return;
	if ((h.tag & 0x7fffffff) == POOL_TAG)
		state = BLOCK_CACHED;
	l->pool->lists.lookasides++;
	e = entries_walk(l, va, &h, state);
	if (!e.entry && e.nr == h.depth)
		return;
	/* an entry that cannot be read contradicts nothing */
	if (e.unreadable)
		l->pool->lists.lookasides_cut++;
	else
		l->pool->lists.lookasides_bad++;
	if (h.depth <= e.nr)
		return;
	l->pool->lists.unreached += h.depth - e.nr;
	if (e.unreadable)
		cut_add(l, &h, h.depth - e.nr, state);
	else if (e.broken)      /* all of them are behind the cut */
		cut_add(l, &h, h.depth - e.nr + 1, state);
}

/* @nr pairs of pointers {P, L} at @va. */
static void walk_pairs(struct lookasides *l, uint64_t va, unsigned nr,
		       enum block_state state)
{
	unsigned ptr = l->os->layout.ptr_bytes;

	for (unsigned i = 0; i < 2 * nr; i++) {
		uint64_t list;

		if (!vm_word(&l->os->vm, va + (uint64_t)i * ptr, ptr, &list, NULL) &&
		    os_is_kernel_va(l->os, list))
			list_walk(l, list, state);
	}
}

/* The lists themselves, in the KPRCB. */
static void walk_arrays(struct lookasides *l, uint64_t prcb)
{
	const struct lookaside_layout *y = &l->pool->layout.lookaside;

	for (unsigned k = 0; k < sizeof y->kprcb_pool / sizeof y->kprcb_pool[0]; k++)
		for (unsigned i = 0; y->kprcb_pool[k] && i < y->nr_pool; i++)
			list_walk(l, prcb + y->kprcb_pool[k] + (uint64_t)i * y->pool_bytes,
				  BLOCK_CACHED);
}

static void walk_processors(struct lookasides *l)
{
	const struct lookaside_layout *y = &l->pool->layout.lookaside;
	unsigned ptr = l->os->layout.ptr_bytes;
	uint64_t array, prcb;

	if (!kdbg_value(&l->os->kdbg, KDBG_PROCESSOR_BLOCK, &array)) {
		pool_note(l->pool, DL_ABSENT, "KiProcessorBlock was not found: blocks on the "
			  "pool's lookaside lists are counted as in use");
		return;
	}
	for (unsigned i = 0; i < MAX_PROCESSORS; i++) {
		if (vm_word(&l->os->vm, array + (uint64_t)i * ptr, ptr, &prcb, NULL) ||
		    !os_is_kernel_va(l->os, prcb))
			break;
		walk_pairs(l, prcb + y->kprcb_small, y->nr_small, BLOCK_CACHED);
		walk_arrays(l, prcb);
		walk_pairs(l, prcb + y->kprcb_system, y->nr_system, BLOCK_PARKED);
	}
}

/* All lists on the circular list whose head is at @head_va. */
static void walk_circle(struct lookasides *l, uint64_t head_va, uint64_t first)
{
	const struct lookaside_layout *y = &l->pool->layout.lookaside;
	unsigned ptr = l->os->layout.ptr_bytes;
	struct list_head h;
	uint64_t at = first;

	for (unsigned n = 0; at != head_va && n < MAX_LISTS; n++) {
		if (!list_get(l, at - y->links.off, &h))
			return;
		list_walk(l, at - y->links.off, BLOCK_PARKED);
		if (vm_word(&l->os->vm, at, ptr, &at, NULL))
			return;
	}
}

/* A head of such a list: both neighbours point back, the first is a lookaside. */
static enum dl_status try_heads(void *ctx, uint64_t va, const uint8_t *page)
{
	struct lookasides *l = ctx;
	const struct lookaside_layout *y = &l->pool->layout.lookaside;
	unsigned ptr = l->os->layout.ptr_bytes;

	for (unsigned off = 0; off + 2 * ptr <= PAGE_BYTES; off += ptr) {
		uint64_t flink = le_word(page + off, ptr);
		uint64_t blink = le_word(page + off + ptr, ptr), back;
		struct list_head h;

		if (flink == va + off || !os_is_kernel_va(l->os, flink) ||
		    !os_is_kernel_va(l->os, blink) ||
		    vm_word(&l->os->vm, flink + ptr, ptr, &back, NULL) || back != va + off ||
		    vm_word(&l->os->vm, blink, ptr, &back, NULL) || back != va + off ||
		    !list_get(l, flink - y->links.off, &h))
			continue;
		walk_circle(l, va + off, flink);
	}
	return DL_OK;
}

/* Blocks freed to the deferred list look in use until it is emptied. */
static void walk_pending(struct lookasides *l, uint64_t descriptor_va)
{
	const struct pool_descriptor_layout *d = &l->pool->layout.descriptor;
	unsigned ptr = l->os->layout.ptr_bytes;
	uint64_t entry;

	if (!field_has(d->pending_frees) || !seen_add(l, descriptor_va) ||
	    vm_word(&l->os->vm, descriptor_va + d->pending_frees.off, ptr, &entry, NULL))
		return;
	while (entry && l->parked < MAX_PARKED && park(l, entry, BLOCK_DELAYED) == PARKED) {
		l->pool->lists.pending_frees++;
		if (vm_word(&l->os->vm, entry, ptr, &entry, NULL))
			return;
	}
}

/* A POOL_DESCRIPTOR: the first list heads, as far as readable, all close. */
static bool is_descriptor(struct lookasides *l, uint64_t va)
{
	enum { ENOUGH_HEADS = 8 };
	const struct pool_descriptor_layout *d = &l->pool->layout.descriptor;
	const uint64_t mask = ~(uint64_t)l->pool->layout.header.link_tag_bits;
	unsigned ptr = l->os->layout.ptr_bytes, closed = 0;

	for (unsigned i = 0; i < d->nr_list_heads && closed < ENOUGH_HEADS; i++) {
		uint64_t head = va + d->list_heads + 2ull * ptr * i, flink, back;

		if (vm_word(&l->os->vm, head, ptr, &flink, NULL) ||
		    !os_is_kernel_va(l->os, flink))
			return false;
		if (vm_word(&l->os->vm, (flink & mask) + ptr, ptr, &back, NULL))
			continue;
		if ((back & mask) != head)
			return false;
		closed++;
	}
	return closed > 0;
}

/*
 * KDBG's NonPagedPoolDescriptor leads to the descriptor itself in the memory of
 * an NT 5.2-compatible kernel, through a pointer in other descriptions of it:
 * what is there decides. ExpPagedPoolDescriptor is an array of pointers.
 */
static void walk_stated_descriptors(struct lookasides *l)
{
	enum { MAX_PAGED_POOLS = 16 };
	unsigned ptr = l->os->layout.ptr_bytes;
	uint64_t va, array;

	if (kdbg_value(&l->os->kdbg, KDBG_NONPAGED_POOL_DESCRIPTOR, &va) &&
	    (is_descriptor(l, va) ||
	     (!vm_word(&l->os->vm, va, ptr, &va, NULL) && is_descriptor(l, va))))
		walk_pending(l, va);
	if (!kdbg_value(&l->os->kdbg, KDBG_PAGED_POOL_DESCRIPTOR, &array))
		return;
	for (unsigned i = 0; i < MAX_PAGED_POOLS; i++) {
		if (vm_word(&l->os->vm, array + (uint64_t)i * ptr, ptr, &va, NULL) ||
		    !os_is_kernel_va(l->os, va) || !is_descriptor(l, va))
			return;
		walk_pending(l, va);
	}
}

/*
 * A descriptor for each node and kind of pool, most of which nothing names: those
 * whose list heads free blocks lead to. Lists are numbered by size from 0 or 1 on;
 * a descriptor taken one head too low has no head where its first should be.
 */
static void walk_found_descriptors(struct lookasides *l, const struct walk *w)
{
	const struct pool_descriptor_layout *d = &l->pool->layout.descriptor;

	for (unsigned i = 0; i < w->nr_head_bases; i++) {
		uint64_t va = w->head_bases[i] - d->list_heads;

		if (!is_descriptor(l, va))
			va += 2ull * l->os->layout.ptr_bytes;
		if (is_descriptor(l, va))
			walk_pending(l, va);
	}
}

enum dl_status lookaside_run(struct os *os, struct pool *pool, const struct walk *w,
			     struct dl_err *err)
{
	struct lookasides l = { .os = os, .pool = pool };

	l.seen = calloc(2 * MAX_LISTS, sizeof *l.seen);
	if (!l.seen)
		return err_set(err, DL_NOMEM, "out of memory for lookaside lists");
	walk_processors(&l);
	kdata_pages(os, try_heads, &l);
	walk_stated_descriptors(&l);
	walk_found_descriptors(&l, w);
	orphans_run(os, pool, l.cuts, l.nr_cuts);
	free(l.cuts);
	free(l.seen);
	return DL_OK;
}
