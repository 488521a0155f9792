/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page segments of heaps whose SEGMENT_HEAPs cannot be found. Segments of one
 * context have the same signature but for their own address, which shows whole
 * families of them without any key; HeapKey is what makes chunk headers of their
 * VS subsegments chain.
 */
#include "heap_work.h"

#include <stdlib.h>

enum { ALIGN_SHIFT = 20, FAMILY_MIN = 2, SAMPLE = 32, IN_USE_VS = 0xf, LOOKS = 1 << 22,
       OF_SEGMENT = 4, ENOUGH = 4 };

struct member { uint64_t va, mark; };

static int by_mark(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->mark != y->mark)
		return x->mark < y->mark ? -1 : 1;
	return x->va < y->va ? -1 : x->va > y->va;
}

static bool member_get(struct heap_run *h, uint64_t va, struct member *m)
{
	const struct heap_segment_layout *l = &h->layout->segment;
	struct bytes b = { heap_page(&h->reader, va), PAGE_BYTES };

	if (!b.p)
		return false;
	*m = (struct member){ va, (field_or(b, l->signature, 0) ^ va) & heap_mask(h) };
	/* words that are addresses themselves leave nothing in the upper bits */
	return m->mark >> (h->layout->ptr_bytes * 8 - 16) &&
	       os_is_kernel_va(h->os, field_or(b, l->flink, 0)) &&
	       os_is_kernel_va(h->os, field_or(b, l->blink, 0));
}

static struct member *members_get(struct heap_run *h, size_t *nr)
{
	const uint64_t low = ((uint64_t)1 << ALIGN_SHIFT) - 1;
	struct member *all = NULL;
	size_t cap = 0;

	*nr = 0;
	for (size_t i = 0; i < h->survey->nr; i++) {
		struct member m, *at;

		if (h->survey->pages[i].va & low || !member_get(h, h->survey->pages[i].va, &m))
			continue;
		at = vec_grow(all, &cap, *nr + 1, sizeof *at);
		if (!at)
			break;
		all = at;
		all[(*nr)++] = m;
	}
	if (*nr)
		qsort(all, *nr, sizeof *all, by_mark);
	return all;
}

/* --- what a segment's descriptors say ---------------------------------------- */

/* The @n-th VS subsegment of the segment at @va, if units are so large. */
static bool vs_get(struct heap_run *h, uint64_t va, unsigned shift, unsigned n,
		   struct heap_vs *v)
{
	const struct heap_layout *l = h->layout;

	for (unsigned i = 1; i < l->segment.nr_descriptors; i++) {
		uint64_t flags, at = va + ((uint64_t)i << shift);
		const uint8_t *p;

		if (!heap_word(h, va + i * l->segment.descriptor_bytes, l->segment.flags,
			       &flags) || flags != IN_USE_VS)
			continue;
		p = heap_page(&h->reader, at);
		if (!p || !heap_vs_is(l, p, &v->nr_units) || n--)
			continue;
		v->range = (struct heap_range){ at, PAGE_BYTES };
		v->first_va = at + l->vs.first_chunk;
		return true;
	}
	return false;
}

/* Units of 4 KB, or of 64 KB: where the subsegments are. */
static unsigned shift_of(struct heap_run *h, const struct member *m, size_t nr)
{
	static const unsigned shifts[HEAP_CONTEXTS] = { 12, 16 };
	struct heap_vs v;

	for (size_t i = 0; i < nr; i++)
		for (unsigned k = 0; k < HEAP_CONTEXTS; k++)
			if (vs_get(h, m[i].va, shifts[k], 0, &v))
				return shifts[k];
	/* no subsegment: whole ranges, which large units are for */
	for (size_t i = 0; i < nr; i++)
		if (m[i].va & (((uint64_t)h->layout->segment.nr_descriptors << 16) - 1))
			return shifts[0];
	return shifts[1];
}

static bool family_add(struct heap_run *h, const struct member *m, size_t nr)
{
	unsigned shift = shift_of(h, m, nr);
	unsigned array = h->layout->segment.descriptor_bytes * h->layout->segment.nr_descriptors;
	struct heap_segment *s;

	if (h->nr_contexts == HEAP_MAX_CONTEXTS)
		return true;
	h->contexts[h->nr_contexts] = (struct heap_context){
		.heap = -1, .unit_shift = (uint8_t)shift,
		.first_descriptor = (uint8_t)((array + (1u << shift) - 1) >> shift),
	};
	s = vec_grow(h->segments, &h->cap_segments, h->nr_segments + nr, sizeof *s);
	if (!s)
		return false;
	h->segments = s;
	for (size_t i = 0; i < nr; i++)
		s[h->nr_segments++] = (struct heap_segment){
			.va = m[i].va, .context = (uint32_t)h->nr_contexts, .signed_ = true,
			.bytes = (uint64_t)h->layout->segment.nr_descriptors << shift,
		};
	h->nr_contexts++;
	return true;
}

/* --- HeapKey --------------------------------------------------------------------- */

/* Every chunk to the subsegment's end, one after the other. */
static bool chain_holds(struct heap_vs *v)
{
	struct heap_chunk c = { 0 }, next;
	unsigned links = 0;

	if (heap_chunk_at(v, 0, &c) != AT_CHUNK)
		return false;
	while (c.at + c.size < v->nr_units && v->budget) {
		v->budget--;
		if (heap_chunk_at(v, c.at + c.size, &next) != AT_CHUNK || next.prev != c.size ||
		    (c.state == CHUNK_FREE && next.state == CHUNK_FREE))
			return false;   /* neighbours that are both free would be one */
		c = next;
		links++;
	}
	return links > 1 && v->budget;
}

/* Any size of the first chunk, in use or not, that leads to a chain. */
static bool key_from(struct heap_vs *v)
{
	struct heap_run *h = v->w->run;
	const struct heap_vs_layout *l = &h->layout->vs;
	const uint8_t *p = heap_bytes(&v->w->reader, v->first_va, l->header_bytes);
	uint64_t raw = p ? le_word(p, l->word_bytes) ^ v->first_va : 0;

	for (uint64_t size = 1; p && size <= v->nr_units; size++)
		for (uint64_t used = 2; used-- > 0;) {
			h->heap_key = (raw ^ size << l->chunk_size.shift ^
				       used << l->chunk_allocated.shift) & heap_mask(h);
			if (chain_holds(v))
				return true;
		}
	return false;
}

struct sample {
	struct heap_work w;
	struct heap_vs v[SAMPLE];
	size_t nr;
};

static void sample_get(struct heap_run *h, struct sample *s)
{
	s->nr = 0;
	for (size_t i = 0; i < h->nr_segments && s->nr < SAMPLE; i++)
		for (unsigned n = 0; n < OF_SEGMENT && s->nr < SAMPLE; n++) {
			unsigned shift = h->contexts[h->segments[i].context].unit_shift;

			s->v[s->nr] = (struct heap_vs){ .w = &s->w, .budget = LOOKS };
			s->nr += vs_get(h, h->segments[i].va, shift, n, &s->v[s->nr]);
		}
}

static size_t count_votes(struct sample *s, uint64_t key)
{
	size_t votes = 0;

	s->w.run->heap_key = key;
	for (size_t i = 0; i < s->nr; i++)
		votes += chain_holds(&s->v[i]);
	return votes;
}

/* One subsegment proposes, all of the sample vote. */
static void key_vote(struct sample *s)
{
	struct heap_run *h = s->w.run;
	size_t most = 0;
	uint64_t best = 0;

	for (size_t i = 0; i < s->nr && most * 2 <= s->nr; i++) {
		size_t votes = key_from(&s->v[i]) ? count_votes(s, h->heap_key) : 0;

		if (votes > most) {
			most = votes;
			best = h->heap_key;
		}
	}
	h->heap_key = best;
	h->heap_key_known = most != 0;
	h->pool->heap.heap_key_votes = most;
	h->pool->heap.heap_key_voters = s->nr;
}

static void key_find(struct heap_run *h)
{
	struct sample s = { .w = { .run = h } };

	heap_reader_init(&s.w.reader, h->os);
	sample_get(h, &s);
	key_vote(&s);
	heap_reader_deinit(&s.w.reader);
}

/*
 * Segments tell HeapKey only together with a constant, which is not every
 * build's: the chunks tell with which.
 */
void heap_key_check(struct heap_run *h)
{
	struct sample s = { .w = { .run = h } };
	const uint64_t key = h->heap_key;
	const struct heap_layout *l;
	uint64_t best = key;
	size_t votes;

	heap_reader_init(&s.w.reader, h->os);
	sample_get(h, &s);
	votes = count_votes(&s, key);
	for (size_t i = 0; !votes && (l = heap_layout_other(h->os->layout.machine, i)); i++) {
		votes = count_votes(&s, key ^ h->constant ^ l->segment.constant);
		if (votes)
			best = h->heap_key;
	}
	h->heap_key = best;
	if (!votes && s.nr >= ENOUGH)
		key_vote(&s);
	heap_reader_deinit(&s.w.reader);
}

/* The address of its context that a segment's signature hides, but for its low bits. */
static bool context_plausible(const struct heap_run *h, const struct member *m, uint64_t constant)
{
	uint64_t va = (m->mark ^ h->heap_key ^ constant) & heap_mask(h);

	/* HeapKey's lowest bits encode nothing that is checked */
	return os_is_kernel_va(h->os, va & ~(uint64_t)0xffff) && !os_module_at(h->os, va);
}

/* A context with one segment only is told by the key that its family lacks. */
static bool singles_add(struct heap_run *h, const struct member *all, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if ((i && all[i - 1].mark == all[i].mark) ||
		    (i + 1 < nr && all[i + 1].mark == all[i].mark))
			continue;
		if ((context_plausible(h, &all[i], h->layout->segment.constant) ||
		     context_plausible(h, &all[i], 0)) && !family_add(h, &all[i], 1))
			return false;
	}
	return true;
}

static int by_va(const void *a, const void *b)
{
	const struct heap_segment *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

static void drop_overlaps(struct heap_run *h)
{
	size_t n = 0;

	qsort(h->segments, h->nr_segments, sizeof *h->segments, by_va);
	for (size_t i = 0; i < h->nr_segments; i++)
		if (!n || h->segments[i].va - h->segments[n - 1].va >= h->segments[n - 1].bytes)
			h->segments[n++] = h->segments[i];
	h->nr_segments = n;
}

enum dl_status heap_families(struct heap_run *h)
{
	size_t nr;
	struct member *all = members_get(h, &nr);
	bool room = true;

	h->nr_contexts = 0;
	h->nr_segments = 0;
	for (size_t i = 0, j; i < nr && room; i = j) {
		for (j = i + 1; j < nr && all[j].mark == all[i].mark; j++)
			;
		if (j - i >= FAMILY_MIN)
			room = family_add(h, all + i, j - i);
	}
	if (room && h->nr_segments) {
		key_find(h);
		room = !h->heap_key_known || singles_add(h, all, nr);
	}
	free(all);
	if (!room)
		return err_set(h->err, DL_NOMEM, "out of memory for segments of the heap");
	if (!h->nr_segments)
		return DL_NOTFOUND;
	drop_overlaps(h);
	h->pool->heap.how = "segments by signature";
	h->pool->heap.segments = h->nr_segments;
	return DL_OK;
}
