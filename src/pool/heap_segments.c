/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts to page segments. A segment signs itself with its own address, its
 * context's, HeapKey and a constant: every mapped page where a segment can begin
 * is asked, so that a broken list hides none. Lists add those whose first page
 * is missing or damaged, and are checked.
 */
#include "heap_work.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENT_ALIGN_SHIFT = 20, FAMILY_MIN = 2 };

/* A page where a segment may begin. */
struct start { uint64_t va, flink, blink, mark; };      /* mark: signature ^ address */

struct starts {
	struct start *at;       /* by VA */
	size_t nr, cap;
};

static int by_va(const void *a, const void *b)
{
	const struct heap_segment *x = a, *y = b;

	if (x->va != y->va)
		return x->va < y->va ? -1 : 1;
	return (int)y->signed_ - (int)x->signed_;
}

static bool starts_get(struct heap_run *h, struct starts *s)
{
	const struct heap_segment_layout *l = &h->layout->segment;
	const uint64_t low = ((uint64_t)1 << SEGMENT_ALIGN_SHIFT) - 1;

	for (size_t i = 0; i < h->survey->nr; i++) {
		const struct candidate_page *c = &h->survey->pages[i];
		struct start *at;
		struct bytes b = { NULL, PAGE_BYTES };

		if (c->va & low)
			continue;
		b.p = heap_page(&h->reader, c->va);
		if (!b.p)
			continue;
		at = vec_grow(s->at, &s->cap, s->nr + 1, sizeof *at);
		if (!at)
			return false;
		s->at = at;
		s->at[s->nr++] = (struct start){
			.va = c->va, .flink = field_or(b, l->flink, 0),
			.blink = field_or(b, l->blink, 0),
			.mark = (field_or(b, l->signature, 0) ^ c->va) & heap_mask(h),
		};
	}
	return true;
}

static struct start *start_at(struct starts *s, uint64_t va)
{
	size_t i = s->nr ? SORTED_LOWER(s->at, s->nr, va, va) : 0;

	return i < s->nr && s->at[i].va == va ? &s->at[i] : NULL;
}

static int context_of(const struct heap_run *h, uint64_t context_va)
{
	for (size_t i = 0; i < h->nr_contexts; i++)
		if (h->contexts[i].va == context_va)
			return (int)i;
	return -1;
}

static bool segment_add(struct heap_run *h, uint64_t va, size_t context, bool signed_)
{
	struct heap_segment *s;

	if (h->nr_segments == HEAP_MAX_SEGMENTS)
		return true;
	s = vec_grow(h->segments, &h->cap_segments, h->nr_segments + 1, sizeof *s);
	if (!s)
		return false;
	h->segments = s;
	s[h->nr_segments++] = (struct heap_segment){
		.va = va, .context = (uint32_t)context, .signed_ = signed_,
		.bytes = (uint64_t)h->layout->segment.nr_descriptors
			 << h->contexts[context].unit_shift,
	};
	return true;
}

/* --- HeapKey, as segments and contexts imply it ------------------------------- */

static size_t count_signed(const struct heap_run *h, const struct starts *s, uint64_t secret)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nr; i++)
		n += context_of(h, (s->at[i].mark ^ secret) & heap_mask(h)) >= 0;
	return n;
}

/* Key and constant together; each context's first segment proposes one. */
static uint64_t secret_vote(struct heap_run *h, struct starts *s, size_t *votes)
{
	uint64_t best = 0;

	*votes = 0;
	for (size_t i = 0; i < h->nr_contexts; i++) {
		uint64_t flink, secret;
		const struct start *at;
		size_t n;

		if (!heap_word(h, h->contexts[i].va, h->layout->context.list_flink, &flink))
			continue;
		at = start_at(s, flink);
		if (!at)
			continue;
		secret = (at->mark ^ h->contexts[i].va) & heap_mask(h);
		n = secret == best ? 0 : count_signed(h, s, secret);
		if (n > *votes) {
			*votes = n;
			best = secret;
		}
	}
	return best;
}

static void globals_read(struct heap_run *h)
{
	if (!h->globals_va)
		return;
	h->heap_key_known = heap_word(h, h->globals_va, h->layout->heap_key, &h->heap_key) &&
			    h->heap_key;
	h->lfh_key_known = heap_word(h, h->globals_va, h->layout->lfh_key, &h->lfh_key) &&
			   h->lfh_key;
}

/* The constant is a matter of the build, and of which update is installed. */
static uint64_t secret_of_globals(struct heap_run *h, const struct starts *s, size_t *votes)
{
	uint64_t constants[2] = { h->layout->segment.constant, 0 };
	const struct heap_layout *l;
	uint64_t best = h->heap_key ^ constants[0];

	for (size_t i = 0; !constants[1] &&
			   (l = heap_layout_other(h->os->layout.machine, i)); i++)
		if (l->segment.constant != constants[0])
			constants[1] = l->segment.constant;
	*votes = 0;
	for (unsigned i = 0; i < 2; i++) {
		size_t n = count_signed(h, s, h->heap_key ^ constants[i]);

		if (n > *votes) {
			*votes = n;
			h->constant = constants[i];
			best = h->heap_key ^ constants[i];
		}
	}
	return best;
}

/* --- segments ------------------------------------------------------------------- */

/* A heap that the state does not name, such as a session's, by its segment. */
static int context_unnamed(struct heap_run *h, const struct start *at, uint64_t secret)
{
	uint64_t va = (at->mark ^ secret) & heap_mask(h), heap;
	struct heap_known *k = NULL;

	if (va % 16 || !os_is_kernel_va(h->os, va) || !os_is_kernel_va(h->os, at->flink) ||
	    !heap_word(h, va, h->layout->context.heap, &heap) ||
	    !heap_try(h, h->layout, heap, &k))
		return -1;
	return context_of(h, va);
}

static bool sweep(struct heap_run *h, struct starts *s, uint64_t secret)
{
	for (size_t i = 0; i < s->nr; i++) {
		int c = context_of(h, (s->at[i].mark ^ secret) & heap_mask(h));

		if (c < 0)
			c = context_unnamed(h, &s->at[i], secret);
		if (c >= 0 && !segment_add(h, s->at[i].va, (size_t)c, true))
			return false;
	}
	return true;
}

/* Damage at @bad_va, of the list that @s is on; two neighbours may see the same. */
static void fault_link(struct heap_run *h, const struct heap_segment *s, uint64_t bad_va)
{
	struct pool_fault f = {
		.kind = FAULT_SEGMENT, .page_va = bad_va & ~(s->bytes - 1), .bad_va = bad_va,
	};
	int heap = h->contexts[s->context].heap;

	for (size_t i = 0; i < h->pool->nr_faults; i++)
		if (h->pool->faults[i].kind == f.kind && h->pool->faults[i].bad_va == bad_va)
			return;
	f.pool = heap >= 0 ? (enum pool_kind)h->heaps[heap].pool : POOL_NONPAGED;
	heap_copy(&h->reader, bad_va, f.found, sizeof f.found);
	pool_fault_add(h->pool, &f);
}

static bool is_segment(const struct heap_run *h, size_t nr, uint64_t va, uint32_t context)
{
	size_t i = nr ? SORTED_LOWER(h->segments, nr, va, va) : 0;

	return i < nr && h->segments[i].va == va && h->segments[i].context == context;
}

/*
 * @from links to @to, which does not link back: @from is wrong if @to and the one
 * that it links back to agree, else @to is.
 */
static uint64_t mismatch(const struct heap_run *h, struct starts *s,
			 const struct heap_segment *from, const struct start *to, bool forward)
{
	const struct heap_segment_layout *l = &h->layout->segment;
	const struct heap_context *c = &h->contexts[from->context];
	uint64_t back = forward ? to->blink : to->flink;
	const struct start *other = start_at(s, back), *self = start_at(s, from->va);

	/* between two neighbours there is the list's head: one link of two that are
	   alike is wrong, and said to be the first */
	if (self && forward && self->flink == self->blink)
		return from->va + l->flink.off;
	if (back == c->va + h->layout->context.list_flink.off ||
	    (other && (forward ? other->flink : other->blink) == to->va))
		return from->va + (forward ? l->flink.off : l->blink.off);
	return to->va + (forward ? l->blink.off : l->flink.off);
}

/*
 * What neighbours @link to: a segment of the same context, the list's head, or
 * one whose signature cannot be read. Two that name the same one are believed.
 */
static bool follow(struct heap_run *h, struct starts *s, size_t nr,
		   const struct heap_segment from, uint64_t link, bool forward)
{
	const struct heap_context *c = &h->contexts[from.context];
	const struct heap_segment_layout *l = &h->layout->segment;
	const struct start *at = start_at(s, link);
	uint64_t head = c->va + h->layout->context.list_flink.off;
	uint64_t back;

	if (link == head || is_segment(h, nr, link, from.context)) {
		if (link != head && at && (forward ? at->blink : at->flink) != from.va)
			fault_link(h, &from, mismatch(h, s, &from, at, forward));
		return true;
	}
	if (link & (from.bytes - 1) || !os_is_kernel_va(h->os, link)) {
		fault_link(h, &from, from.va + (forward ? l->flink.off : l->blink.off));
		return true;
	}
	if (!at)
		return heap_page(&h->reader, link) ? true
						   : segment_add(h, link, from.context, false);
	if (!heap_word(h, link, forward ? l->blink : l->flink, &back) || back != from.va) {
		fault_link(h, &from, from.va + (forward ? l->flink.off : l->blink.off));
		return true;
	}
	fault_link(h, &from, link + l->signature.off);
	return segment_add(h, link, from.context, false);
}

/* A link from @from that its target does not answer: it was led elsewhere. */
static bool is_broken(struct starts *s, uint64_t from, bool forward)
{
	const struct start *at = start_at(s, from), *to;

	to = at ? start_at(s, forward ? at->flink : at->blink) : NULL;
	return to && (forward ? to->blink : to->flink) != from;
}

/*
 * Its signature is damaged, and both neighbours that it links to lost their
 * links to it: nothing else would lead there.
 */
static bool add_orphans(struct heap_run *h, struct starts *s, size_t nr)
{
	for (size_t i = 0; i < s->nr; i++) {
		const struct start *at = &s->at[i];
		size_t k = nr ? SORTED_LOWER(h->segments, nr, va, at->flink) : 0;

		if (k == nr || h->segments[k].va != at->flink || at->flink == at->blink ||
		    is_segment(h, nr, at->va, h->segments[k].context) ||
		    !is_segment(h, nr, at->blink, h->segments[k].context) ||
		    !is_broken(s, at->flink, false) || !is_broken(s, at->blink, true))
			continue;
		fault_link(h, &h->segments[k],
			   at->va + h->layout->segment.signature.off);
		if (!segment_add(h, at->va, h->segments[k].context, false))
			return false;
	}
	return true;
}

static bool follow_lists(struct heap_run *h, struct starts *s)
{
	size_t nr = h->nr_segments;

	for (size_t i = 0; i < nr; i++) {
		struct heap_segment from = h->segments[i];
		const struct start *at = start_at(s, from.va);

		if (at && (!follow(h, s, nr, from, at->flink, true) ||
			   !follow(h, s, nr, from, at->blink, false)))
			return false;
	}
	for (size_t i = 0; i < h->nr_contexts; i++) {
		struct heap_segment from = {
			.context = (uint32_t)i,
			.va = h->contexts[i].va + h->layout->context.list_flink.off,
			.bytes = (uint64_t)h->layout->segment.nr_descriptors
				 << h->contexts[i].unit_shift,
		};
		uint64_t flink, blink;

		if (!h->contexts[i].va ||
		    !heap_word(h, h->contexts[i].va, h->layout->context.list_flink, &flink) ||
		    !heap_word(h, h->contexts[i].va, h->layout->context.list_blink, &blink) ||
		    !flink || !blink)
			continue;
		if (!follow(h, s, nr, from, flink, true) || !follow(h, s, nr, from, blink, false))
			return false;
	}
	return add_orphans(h, s, nr);
}

/* By address, each once, none inside another. */
static void settle(struct heap_run *h)
{
	size_t n = 0;

	qsort(h->segments, h->nr_segments, sizeof *h->segments, by_va);
	for (size_t i = 0; i < h->nr_segments; i++) {
		struct heap_segment *last = n ? &h->segments[n - 1] : NULL;

		if (last && h->segments[i].va - last->va < last->bytes) {
			if (!last->signed_ && h->segments[i].signed_)
				*last = h->segments[i];
			continue;
		}
		h->segments[n++] = h->segments[i];
	}
	h->nr_segments = n;
}

enum dl_status heap_find_segments(struct heap_run *h)
{
	struct starts s = { 0 };
	uint64_t secret = 0;
	size_t votes = 0;
	bool room = starts_get(h, &s);

	globals_read(h);
	if (h->heap_key_known)
		secret = secret_of_globals(h, &s, &votes);
	if (!votes) {
		uint64_t other = secret_vote(h, &s, &votes);

		/* one segment may lie: it does not outvote the globals */
		if (votes > (h->heap_key_known ? 1 : 0)) {
			secret = other;
			h->heap_key = (other ^ h->constant) & heap_mask(h);
			h->heap_key_known = true;
		} else {
			votes = 0;
		}
	}
	room = room && sweep(h, &s, secret);
	if (h->nr_segments)
		qsort(h->segments, h->nr_segments, sizeof *h->segments, by_va);
	room = room && follow_lists(h, &s);
	if (h->nr_segments)
		settle(h);
	free(s.at);
	h->pool->heap.heap_key_votes = votes;
	h->pool->heap.heap_key_voters = h->nr_segments;
	h->pool->heap.segments = h->nr_segments;
	if (!room)
		return err_set(h->err, DL_NOMEM, "out of memory for segments of the heap");
	return h->nr_segments ? DL_OK : DL_NOTFOUND;
}
