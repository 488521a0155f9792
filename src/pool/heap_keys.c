/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LfhKey where no globals tell it, by vote: each LFH subsegment allows a number
 * of keys, and one key has to make sense of all of them.
 */
#include "heap_work.h"

#include <stdlib.h>

enum { SAMPLE = 64, MAX_SLOT = 0x400, MAX_FIRST = 0x800, HEAD_BYTES = 0x48, SLOTS = 24,
       IN_USE_SUBSEGMENT = 0xb, GOOD_SHARE = 4, SEEDS = 3 };

struct sample {
	struct heap_range range;
	uint8_t head[HEAD_BYTES];
};

struct vote {
	struct heap_run *h;
	struct sample at[SAMPLE];
	size_t nr;
};

static void sample_add(struct vote *v, struct heap_range r)
{
	const struct heap_lfh_layout *l = &v->h->layout->lfh;
	struct sample *s = &v->at[v->nr];
	struct bytes b = { s->head, HEAD_BYTES };

	if (v->nr == SAMPLE || !heap_copy(&v->h->reader, r.va, s->head, HEAD_BYTES) ||
	    !field_or(b, l->nr_blocks, 0) || !field_or(b, l->offsets, 0))
		return;
	s->range = r;
	v->nr++;
}

/* Some of each segment: a few regions of memory tell how addresses are cut. */
static void sample_segment(struct vote *v, const struct heap_segment *s, size_t most)
{
	const size_t end = v->nr + most;

	const struct heap_segment_layout *l = &v->h->layout->segment;
	const struct heap_context *c = &v->h->contexts[s->context];

	for (unsigned i = c->first_descriptor; i < l->nr_descriptors && v->nr < end; i++) {
		uint8_t raw[32];
		struct bytes b = { raw, l->descriptor_bytes };
		uint64_t units;

		if (!heap_copy(&v->h->reader, s->va + i * l->descriptor_bytes, raw,
			       l->descriptor_bytes) ||
		    field_or(b, l->flags, 0) != IN_USE_SUBSEGMENT)
			continue;
		units = field_or(b, l->unit_size, 0);
		if (units && i + units <= l->nr_descriptors)
			sample_add(v, (struct heap_range){ s->va + ((uint64_t)i << c->unit_shift),
							   units << c->unit_shift });
	}
}

/* Subsegments that a key makes sense of; headers of their slots count as well. */
static int64_t weigh(struct vote *v, uint64_t key, size_t *fits)
{
	struct heap_run *h = v->h;
	uint64_t old = h->lfh_key;
	int64_t weight = 0;

	*fits = 0;
	h->lfh_key = key;
	for (size_t i = 0; i < v->nr; i++) {
		const struct sample *s = &v->at[i];
		struct heap_lfh_shape x;

		if (!heap_lfh_decode(h, s->head, s->range, &x)) {
			weight -= SLOTS;
			/* hopeless: most do not fit */
			if (i >= GOOD_SHARE && *fits * 2 < i)
				break;
			continue;
		}
		++*fits;
		for (uint32_t k = 0; k < x.nr && k < SLOTS; k++) {
			const uint8_t *p = heap_bytes(&h->reader, s->range.va + x.first +
						      (uint64_t)k * x.size, 8);
			struct heap_header head;

			if (!p)
				continue;
			head = heap_header_get(h, p);
			weight += head.plausible && head.size_bytes == x.size ? 2 : 0;
		}
	}
	h->lfh_key = old;
	return weight;
}

static void key_vote(struct vote *v, const struct sample *s, uint32_t page, uint64_t *best,
		     int64_t *best_weight)
{
	const struct heap_layout *l = v->h->layout;
	struct bytes b = { s->head, HEAD_BYTES };
	uint32_t raw = (uint32_t)field_or(b, l->lfh.offsets, 0);
	struct heap_lfh_shape x = { .nr = (uint32_t)field_or(b, l->lfh.nr_blocks, 0) };

	for (x.size = l->vs.unit_bytes; x.size <= MAX_SLOT; x.size += l->vs.unit_bytes) {
		for (x.first = l->lfh.bitmap; x.first < MAX_FIRST; x.first += l->ptr_bytes) {
			uint64_t key = raw ^ page ^ (x.first << 16 | x.size);
			int64_t weight;
			size_t fits;

			if (!heap_lfh_fits(l, x, s->range.bytes) ||
			    x.first + (uint64_t)x.nr * x.size + x.size + PAGE_BYTES <
			    s->range.bytes)
				continue;
			weight = weigh(v, key, &fits);
			if (weight > *best_weight) {
				*best_weight = weight;
				*best = key;
			}
		}
	}
}

/* Both ways of cutting the address, on the first few subsegments. */
static void lfh_vote(struct vote *v)
{
	struct heap_run *h = v->h;
	int64_t weight = 0;
	uint64_t best = 0;

	for (size_t i = 0; i < v->nr && i < SEEDS; i++) {
		uint64_t va = v->at[i].range.va;

		key_vote(v, &v->at[i], (uint32_t)(va >> PAGE_SHIFT), &best, &weight);
		key_vote(v, &v->at[i], (uint32_t)va >> PAGE_SHIFT, &best, &weight);
	}
	h->lfh_key_known = weight > 0;
	h->lfh_key = best;
}

/* Whether the address is cut before the shift: what more subsegments agree with. */
static void count_votes(struct vote *v)
{
	struct heap_run *h = v->h;
	size_t fits[2] = { 0, 0 };

	for (size_t i = 0; i < v->nr; i++) {
		const struct sample *s = &v->at[i];
		struct bytes b = { s->head, HEAD_BYTES };

		for (int k = 0; k < 2; k++) {
			uint32_t page = k ? (uint32_t)s->range.va >> PAGE_SHIFT
					  : (uint32_t)(s->range.va >> PAGE_SHIFT);
			uint32_t plain = (uint32_t)(field_or(b, h->layout->lfh.offsets, 0) ^
						    h->lfh_key) ^ page;
			struct heap_lfh_shape x = {
				.first = plain >> 16, .size = plain & 0xffff,
				.nr = (uint32_t)field_or(b, h->layout->lfh.nr_blocks, 0),
			};

			fits[k] += heap_lfh_fits(h->layout, x, s->range.bytes);
		}
	}
	h->lfh_cut = fits[1] > fits[0];
	h->pool->heap.lfh_key_votes = fits[h->lfh_cut];
	h->pool->heap.lfh_key_voters = v->nr;
	/* a few subsegments may be damaged, not all of many */
	if (v->nr >= SEEDS && !fits[h->lfh_cut])
		h->lfh_key_known = false;
}

void heap_find_keys(struct heap_run *h)
{
	struct vote *v = calloc(1, sizeof *v);
	size_t step = h->nr_segments / SAMPLE + 1;
	size_t most = h->nr_segments < SAMPLE ? SAMPLE / (h->nr_segments + 1) + 1 : 2;

	if (!v)
		return;
	v->h = h;
	for (size_t i = 0; i < h->nr_segments && v->nr < SAMPLE; i += step)
		sample_segment(v, &h->segments[i], most);
	if (h->lfh_key_known)
		count_votes(v);
	if (!h->lfh_key_known && v->nr) {
		lfh_vote(v);
		count_votes(v);
	}
	free(v);
	h->pool->heap.heap_key = h->heap_key;
	h->pool->heap.heap_key_known = h->heap_key_known;
	h->pool->heap.lfh_key = h->lfh_key;
	h->pool->heap.lfh_key_known = h->lfh_key_known;
}
