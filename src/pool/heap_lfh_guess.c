/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of an LFH subsegment whose offsets are damaged or missing: slots of
 * one size follow each other, and so do the POOL_HEADERs in them.
 */
#include "heap_work.h"

#include <string.h>

enum { MAX_SLOT = 0x400, MAX_UNITS = MAX_SLOT / 8, ENOUGH = 3, MAX_EXTRA = 0x400,
       MAX_PLACES = 8 };

bool heap_lfh_bits(struct heap_work *w, uint64_t va, uint32_t word, uint64_t *bits)
{
	uint8_t raw[8];

	if (!heap_copy(&w->reader, va + w->run->layout->lfh.bitmap + (uint64_t)word * 8, raw,
		       sizeof raw))
		return false;
	*bits = le64(raw);
	return true;
}

/* How many headers speak for each size and place in the row of slots. */
struct tally { uint16_t n[MAX_UNITS + 1][MAX_UNITS]; };

static void count(struct heap_slots *s, struct tally *t)
{
	unsigned unit = s->w->run->layout->vs.unit_bytes;
	uint64_t off = s->w->run->layout->lfh.bitmap;

	memset(t, 0, sizeof *t);
	for (off = (off + unit - 1) / unit * unit; off < s->range.bytes; off += unit) {
		const uint8_t *p = heap_bytes(&s->w->reader, s->range.va + off, 8);
		struct heap_header x;
		uint16_t *n;

		if (!p) {
			off |= PAGE_BYTES - unit;
			continue;
		}
		x = heap_header_get(s->w->run, p);
		if (!x.plausible || x.size_bytes > MAX_SLOT)
			continue;
		n = &t->n[x.size_bytes / unit][off % x.size_bytes / unit];
		if (*n < UINT16_MAX)
			++*n;
	}
}

/* Busy slots that are as this shape calls for, less those that are not. */
static int64_t weigh(struct heap_slots *s)
{
	int64_t weight = 0;
	uint64_t bits = UINT64_MAX;

	for (uint32_t i = 0; i < s->shape.nr; i++) {
		uint64_t va = s->range.va + s->shape.first + (uint64_t)i * s->shape.size;
		const uint8_t *p;
		struct heap_header x;
		bool busy;

		if (!s->no_bitmap && i % HEAP_SLOTS_PER_WORD == 0 &&
		    !heap_lfh_bits(s->w, s->range.va, i / HEAP_SLOTS_PER_WORD, &bits))
			return 0;
		busy = bits >> i % HEAP_SLOTS_PER_WORD * 2 & 1;
		if (heap_lfh_crosses(va, s->shape.size)) {
			weight += busy ? 1 : -1;        /* withheld ones are marked busy */
			continue;
		}
		if (!busy)
			continue;
		p = heap_bytes(&s->w->reader, va, 8);
		if (!p)
			continue;
		x = heap_header_get(s->w->run, p);
		weight += x.plausible && x.size_bytes == s->shape.size ? 1 : -1;
	}
	return weight;
}

static uint32_t slots_that_fit(const struct heap_slots *s, uint32_t first, uint32_t size)
{
	return first < s->range.bytes ? (uint32_t)((s->range.bytes - first) / size) : 0;
}

/* Where the row of slots begins, at the given place in it, and how many there are. */
static bool place(struct heap_slots *s, uint32_t size, uint32_t phase)
{
	const struct heap_layout *l = s->w->run->layout;
	uint32_t nr_read = s->shape.nr;
	struct heap_lfh_shape best = { 0 };
	int64_t weight = INT64_MIN;

	for (uint32_t first = phase; first <= l->lfh.bitmap + MAX_EXTRA + size; first += size) {
		for (int given = 1; given >= 0; given--) {
			int64_t x;

			s->shape = (struct heap_lfh_shape){ .first = first, .size = size,
				.nr = given ? nr_read : slots_that_fit(s, first, size) };
			if (!heap_lfh_fits(l, s->shape, s->range.bytes) ||
			    s->shape.nr + 2 < slots_that_fit(s, first, size))
				continue;
			x = weigh(s);
			if (x > weight) {
				weight = x;
				best = s->shape;
			}
			if (s->no_bitmap)
				break;
		}
		if (s->no_bitmap && best.nr)
			break;          /* the lowest: what has no header is left out */
	}
	s->shape = best;
	return best.nr && (s->no_bitmap || weight > 0);
}

/*
 * Too few headers: the size that fills the range with so many slots, and the
 * place where those that cross a page are all marked busy.
 */
static bool by_number(struct heap_slots *s)
{
	const struct heap_layout *l = s->w->run->layout;
	const uint32_t nr = s->shape.nr, unit = l->vs.unit_bytes;
	const uint32_t low = l->lfh.bitmap + (nr + HEAP_SLOTS_PER_WORD - 1) / HEAP_SLOTS_PER_WORD * 8;
	struct heap_lfh_shape best = { 0 };
	int64_t weight = 0;

	for (uint32_t size = unit; size <= MAX_SLOT && nr && !s->no_bitmap; size += unit)
		for (uint32_t i = 0; i < MAX_PLACES; i++) {
			int64_t x;

			s->shape = (struct heap_lfh_shape){
				.first = (low + unit - 1) / unit * unit + i * unit,
				.size = size, .nr = nr };
			if (!heap_lfh_fits(l, s->shape, s->range.bytes) ||
			    slots_that_fit(s, s->shape.first, size) != nr)
				continue;
			x = weigh(s);
			if (x > weight) {
				weight = x;
				best = s->shape;
			}
		}
	s->shape = best;
	return best.nr != 0;
}

bool heap_lfh_guess(struct heap_slots *s)
{
	unsigned unit = s->w->run->layout->vs.unit_bytes;
	struct tally t;
	uint32_t size = 0, phase = 0;
	unsigned most = ENOUGH - 1;

	count(s, &t);
	for (uint32_t i = 1; i <= MAX_SLOT / unit; i++)
		for (uint32_t k = 0; k < i && k < MAX_UNITS; k++)
			if (t.n[i][k] > most) {
				most = t.n[i][k];
				size = i * unit;
				phase = k * unit;
			}
	return size ? place(s, size, phase) : by_number(s);
}
