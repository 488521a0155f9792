/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An LFH subsegment to its slots: size and first offset are XORed with LfhKey
 * and the subsegment's page number; two bits a slot, the lower one says busy.
 */
#include "heap_work.h"

enum { HEAD_BYTES = 0x48, MAX_SLOT = 0x4000 };

bool heap_lfh_fits(const struct heap_layout *l, struct heap_lfh_shape s, uint64_t range_bytes)
{
	return s.nr && s.size >= l->vs.unit_bytes && s.size <= MAX_SLOT &&
	       s.size % l->vs.unit_bytes == 0 && s.first % l->ptr_bytes == 0 &&
	       s.first >= l->lfh.bitmap + (s.nr * (uint64_t)2 + 7) / 8 &&
	       s.first + (uint64_t)s.nr * s.size <= range_bytes;
}

bool heap_lfh_decode(const struct heap_run *h, const uint8_t *head, struct heap_range r,
		     struct heap_lfh_shape *out)
{
	const struct heap_lfh_layout *l = &h->layout->lfh;
	struct bytes b = { head, HEAD_BYTES };
	uint32_t raw = (uint32_t)field_or(b, l->offsets, 0);

	out->nr = (uint32_t)field_or(b, l->nr_blocks, 0);
	for (int i = 0; i < 2; i++) {
		/* older builds cut the address to 32 bits before the shift */
		uint32_t page = h->lfh_cut ^ (i == 1) ? (uint32_t)r.va >> PAGE_SHIFT
						      : (uint32_t)(r.va >> PAGE_SHIFT);
		uint32_t plain = raw ^ (uint32_t)h->lfh_key ^ page;

		out->size = plain & 0xffff;
		out->first = plain >> 16;
		if (heap_lfh_fits(h->layout, *out, r.bytes))
			return true;
	}
	return false;
}

static void put_slot(struct heap_slots *s, uint64_t va, bool busy)
{
	const uint8_t *p = heap_bytes(&s->w->reader, va, 8);
	struct block b = { .va = va, .size_bytes = s->shape.size, .how = s->how,
			   .state = busy ? BLOCK_IN_USE : BLOCK_FREE };
	struct heap_header x;

	if (!p)
		return;         /* decommitted, or not in the dump */
	x = heap_header_get(s->w->run, p);
	/* what is in use has a header that says its size */
	if (s->no_bitmap && (!x.plausible || x.size_bytes != s->shape.size))
		b.state = BLOCK_FREE;
	b.tag = x.tag;
	if (b.state == BLOCK_IN_USE && x.plausible)
		heap_vote(s->w->part, x.type);
	heap_put(s->w->part, &b);
}

static void put_slots(struct heap_slots *s)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < s->shape.nr; i++) {
		uint64_t va = s->range.va + s->shape.first + (uint64_t)i * s->shape.size;

		if (s->no_bitmap)
			bits = UINT64_MAX;
		else if (i % HEAP_SLOTS_PER_WORD == 0 &&
			 !heap_lfh_bits(s->w, s->range.va, i / HEAP_SLOTS_PER_WORD, &bits))
			return;
		if (!heap_lfh_crosses(va, s->shape.size))
			put_slot(s, va, bits >> i % HEAP_SLOTS_PER_WORD * 2 & 1);
	}
}

static void count_pages(struct heap_slots *s)
{
	for (uint64_t va = s->range.va; va < s->range.va + s->range.bytes; va += PAGE_BYTES) {
		if (heap_page(&s->w->reader, va))
			s->w->part->totals.pages++;
		else
			heap_absent(s->w, s->w->reader.state);
	}
}

static void damaged(struct heap_slots *s)
{
	struct pool_fault f = {
		.kind = FAULT_LFH_SUBSEGMENT, .page_va = s->range.va,
		.bad_va = s->range.va + s->w->run->layout->lfh.offsets.off,
	};
	bool guessed = heap_lfh_guess(s);

	s->w->part->counted.carved_subsegments++;
	s->how = BLOCK_CARVED;
	if (!guessed)
		f.lost_bytes = (uint32_t)s->range.bytes;
	if (s->w->run->lfh_key_known)
		heap_fault(s->w, &f);
	if (guessed)
		put_slots(s);
}

/* Without the first page nothing says which slots are busy: those with a header may be. */
static void headless(struct heap_slots *s)
{
	s->w->part->counted.absent_subsegments++;
	s->no_bitmap = true;
	s->how = BLOCK_CARVED;
	if (heap_lfh_guess(s))
		put_slots(s);
}

void heap_lfh_walk(struct heap_work *w, struct heap_range r)
{
	const struct heap_lfh_layout *l = &w->run->layout->lfh;
	struct heap_slots s = { .w = w, .range = r, .how = BLOCK_LFH };
	struct bytes b = { NULL, HEAD_BYTES };

	w->part->counted.lfh_subsegments++;
	count_pages(&s);
	b.p = heap_bytes(&w->reader, r.va, HEAD_BYTES);
	if (!b.p) {
		headless(&s);
		return;
	}
	if (w->run->lfh_key_known && heap_lfh_decode(w->run, b.p, r, &s.shape)) {
		put_slots(&s);
		return;
	}
	s.shape.nr = (uint32_t)field_or(b, l->nr_blocks, 0);
	if (s.shape.nr || field_or(b, l->offsets, 0))   /* else made, and never used */
		damaged(&s);
}
