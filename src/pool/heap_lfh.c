/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An LFH subsegment to its slots: size and first offset are XORed with LfhKey
 * and the subsegment's page number; two bits a slot, the lower one says busy.
 */
#include "heap_work.h"

enum { HEAD_BYTES = 0x48, SLOTS_PER_WORD = 32, MAX_SLOT = 0x4000, GUESS_SLOT = 0x400,
       GUESS_FIRST = 0x400, GUESS_ENOUGH = 3 };

static uint64_t bitmap_bytes(uint32_t nr)
{
	return ((uint64_t)nr + SLOTS_PER_WORD - 1) / SLOTS_PER_WORD * 8;
}

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

static bool crosses_page(uint64_t va, uint32_t size)
{
	return size <= PAGE_BYTES && va >> PAGE_SHIFT != (va + size - 1) >> PAGE_SHIFT;
}

struct slots {
	struct heap_work *w;
	struct heap_range range;
	struct heap_lfh_shape shape;
	enum block_how how;
};

static void put_slot(struct slots *s, uint64_t va, bool busy)
{
	const uint8_t *p = heap_bytes(&s->w->reader, va, 8);
	struct block b = { .va = va, .size_bytes = s->shape.size, .how = s->how,
			   .state = busy ? BLOCK_IN_USE : BLOCK_FREE };
	struct heap_header x;

	if (!p)
		return;         /* decommitted, or not in the dump */
	x = heap_header_get(s->w->run, p);
	b.tag = x.tag;
	if (busy && x.plausible)
		heap_vote(s->w->part, x.type);
	heap_put(s->w->part, &b);
}

/* Busy bits of 32 slots. */
static bool bits_at(struct heap_work *w, uint64_t va, uint32_t word, uint64_t *bits)
{
	uint8_t raw[8];

	if (!heap_copy(&w->reader, va + w->run->layout->lfh.bitmap + (uint64_t)word * 8, raw,
		       sizeof raw))
		return false;
	*bits = le64(raw);
	return true;
}

static void put_slots(struct slots *s)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < s->shape.nr; i++) {
		uint64_t va = s->range.va + s->shape.first + (uint64_t)i * s->shape.size;

		if (i % SLOTS_PER_WORD == 0 &&
		    !bits_at(s->w, s->range.va, i / SLOTS_PER_WORD, &bits))
			return;
		if (!crosses_page(va, s->shape.size))
			put_slot(s, va, bits >> i % SLOTS_PER_WORD * 2 & 1);
	}
}

/* How many busy slots have the header that this shape calls for, less those that have not. */
static int64_t weigh(struct slots *s)
{
	int64_t weight = 0;
	uint64_t bits = 0;

	for (uint32_t i = 0; i < s->shape.nr; i++) {
		uint64_t va = s->range.va + s->shape.first + (uint64_t)i * s->shape.size;
		const uint8_t *p;
		struct heap_header x;

		if (i % SLOTS_PER_WORD == 0 &&
		    !bits_at(s->w, s->range.va, i / SLOTS_PER_WORD, &bits))
			return 0;
		if (!(bits >> i % SLOTS_PER_WORD * 2 & 1) || crosses_page(va, s->shape.size))
			continue;
		p = heap_bytes(&s->w->reader, va, 8);
		if (!p)
			continue;
		x = heap_header_get(s->w->run, p);
		weight += x.plausible && x.size_bytes == s->shape.size ? 1 : -1;
	}
	return weight;
}

/* The shape for which most headers speak, where the encoded one is damaged. */
static bool guess(struct slots *s)
{
	const struct heap_layout *l = s->w->run->layout;
	struct heap_lfh_shape best = { 0 };
	int64_t weight = GUESS_ENOUGH - 1;
	uint32_t low = (uint32_t)(l->lfh.bitmap + bitmap_bytes(s->shape.nr)) &
		       ~(uint32_t)(l->vs.unit_bytes - 1);

	for (uint32_t size = l->vs.unit_bytes; size <= GUESS_SLOT; size += l->vs.unit_bytes) {
		for (uint32_t first = low; first < low + GUESS_FIRST; first += l->vs.unit_bytes) {
			int64_t x;

			s->shape.size = size;
			s->shape.first = first;
			if (!heap_lfh_fits(l, s->shape, s->range.bytes) ||
			    s->shape.nr * (uint64_t)size + 2 * PAGE_BYTES < s->range.bytes)
				continue;
			x = weigh(s);
			if (x > weight) {
				weight = x;
				best = s->shape;
			}
		}
	}
	s->shape = best;
	return best.nr != 0;
}

static void count_pages(struct slots *s)
{
	for (uint64_t va = s->range.va; va < s->range.va + s->range.bytes; va += PAGE_BYTES) {
		if (heap_page(&s->w->reader, va))
			s->w->part->totals.pages++;
		else
			heap_absent(s->w, s->w->reader.state);
	}
}

static void damaged(struct slots *s)
{
	struct pool_fault f = {
		.kind = FAULT_LFH_SUBSEGMENT, .page_va = s->range.va,
		.bad_va = s->range.va + s->w->run->layout->lfh.offsets.off,
	};
	bool known = s->w->run->lfh_key_known;

	s->w->part->counted.carved_subsegments++;
	s->how = BLOCK_CARVED;
	if (!guess(s)) {
		f.lost_bytes = (uint32_t)s->range.bytes;
		if (known)
			heap_fault(s->w, &f);
		return;
	}
	if (known)
		heap_fault(s->w, &f);
	put_slots(s);
}

void heap_lfh_walk(struct heap_work *w, struct heap_range r)
{
	const struct heap_lfh_layout *l = &w->run->layout->lfh;
	struct slots s = { .w = w, .range = r, .how = BLOCK_LFH };
	const uint8_t *p = heap_bytes(&w->reader, r.va, HEAD_BYTES);
	struct bytes b = { p, HEAD_BYTES };

	w->part->counted.lfh_subsegments++;
	count_pages(&s);
	p = heap_bytes(&w->reader, r.va, HEAD_BYTES);   /* borrowed again, after so many */
	b.p = p;
	if (!p) {
		w->part->counted.absent_subsegments++;
		return;
	}
	if (w->run->lfh_key_known && heap_lfh_decode(w->run, p, r, &s.shape)) {
		put_slots(&s);
		return;
	}
	s.shape.nr = (uint32_t)field_or(b, l->nr_blocks, 0);
	if (s.shape.nr || field_or(b, l->offsets, 0))   /* else made, and never used */
		damaged(&s);
}
