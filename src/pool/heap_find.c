/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the heaps are: ExPoolState by its symbol, else by its shape in the
 * kernel's writable data, else SEGMENT_HEAPs by their shape anywhere in kernel
 * memory.
 */
#include "heap_work.h"

#include <stdlib.h>
#include <string.h>

enum { SCAN_PAGES = 4096, SCAN_MAX_HITS = 256, MIN_SHIFT = 12, MAX_SHIFT = 20 };

static const enum pool_kind kinds[HEAPS_PER_NODE] = {
	POOL_NONPAGED, POOL_NONPAGED, POOL_PAGED, POOL_PAGED,
};

static uint64_t pointer_at(const struct heap_layout *l, const uint8_t *p)
{
	return le_word(p, l->ptr_bytes);
}

static bool is_data_va(const struct os *os, uint64_t va)
{
	return os_is_kernel_va(os, va) && va % 16 == 0 && !os_module_at(os, va);
}

static struct heap_known *known_at(struct heap_run *h, uint64_t va)
{
	for (size_t i = 0; i < h->nr_heaps; i++)
		if (h->heaps[i].va == va)
			return &h->heaps[i];
	return NULL;
}

static void context_add(struct heap_run *h, struct heap_context c)
{
	for (size_t i = 0; i < h->nr_contexts; i++)
		if (h->contexts[i].va == c.va)
			return;
	if (h->nr_contexts < HEAP_MAX_CONTEXTS)
		h->contexts[h->nr_contexts++] = c;
}

static bool context_get(struct heap_run *h, const struct heap_layout *l, uint64_t heap_va,
			unsigned k, struct heap_context *out)
{
	const struct heap_context_layout *x = &l->context;
	uint64_t va = heap_va + l->root.contexts + k * x->bytes;
	uint64_t heap, mask, shift, first;

	if (!heap_word(h, va, x->heap, &heap) || heap != heap_va ||
	    !heap_word(h, va, x->mask, &mask) || !heap_word(h, va, x->unit_shift, &shift) ||
	    !heap_word(h, va, x->first_descriptor, &first))
		return false;
	if (shift < MIN_SHIFT || shift > MAX_SHIFT || first >= l->segment.nr_descriptors)
		return false;
	*out = (struct heap_context){ .va = va, .mask = mask, .unit_shift = (uint8_t)shift,
				      .first_descriptor = (uint8_t)first };
	return true;
}

static struct heap_known *heap_add(struct heap_run *h, uint64_t va)
{
	struct heap_known *k = known_at(h, va);

	if (k || h->nr_heaps == HEAP_MAX_HEAPS)
		return k;
	k = &h->heaps[h->nr_heaps++];
	*k = (struct heap_known){ .va = va };
	return k;
}

bool heap_try(struct heap_run *h, const struct heap_layout *l, uint64_t va,
	      struct heap_known **out)
{
	struct heap_context c[HEAP_CONTEXTS];
	struct heap_known *k;
	uint64_t signature;

	if (!heap_word(h, va, l->root.signature, &signature) || signature != HEAP_SIGNATURE)
		return false;
	for (unsigned i = 0; i < HEAP_CONTEXTS; i++)
		if (!context_get(h, l, va, i, &c[i]))
			return false;
	k = heap_add(h, va);
	if (!k)
		return false;
	for (unsigned i = 0; i < HEAP_CONTEXTS; i++) {
		c[i].heap = (int)(k - h->heaps);
		context_add(h, c[i]);
	}
	*out = k;
	return true;
}

/* The state names a heap whose page is not there: what all heaps have alike. */
static struct heap_known *heap_assume(struct heap_run *h, const struct heap_layout *l,
				      uint64_t va)
{
	static const uint8_t shifts[HEAP_CONTEXTS] = { 12, 16 };
	struct heap_known *k = heap_add(h, va);
	unsigned array = l->segment.descriptor_bytes * l->segment.nr_descriptors;

	for (unsigned i = 0; k && i < HEAP_CONTEXTS; i++) {
		uint64_t bytes = (uint64_t)l->segment.nr_descriptors << shifts[i];

		context_add(h, (struct heap_context){
			.va = va + l->root.contexts + i * l->context.bytes,
			.mask = ~(bytes - 1), .heap = (int)(k - h->heaps),
			.unit_shift = shifts[i],
			.first_descriptor = (uint8_t)((array + (1u << shifts[i]) - 1) >> shifts[i]),
		});
	}
	return k;
}

static struct heap_known *heap_named(struct heap_run *h, uint64_t va)
{
	struct heap_known *k = NULL;

	if (!is_data_va(h->os, va))
		return NULL;
	if (heap_try(h, h->layout, va, &k))
		return k;
	return heap_page(&h->reader, va) ? NULL : heap_assume(h, h->layout, va);
}

/* All heaps that the state names. */
static void state_read(struct heap_run *h, uint64_t state_va, uint64_t nr_nodes)
{
	const struct heap_layout *l = h->layout;
	uint64_t p;

	for (uint64_t n = 0; n <= nr_nodes; n++) {
		bool special = n == nr_nodes;
		uint64_t va = state_va + (special ? l->state.special
						  : l->state.nodes + n * l->state.node_bytes);

		for (unsigned i = 0; i < (special ? l->state.nr_special : HEAPS_PER_NODE); i++) {
			struct field f = { .off = (uint16_t)(i * l->ptr_bytes),
					   .width = l->ptr_bytes };
			struct heap_known *k;

			if (!heap_word(h, va, f, &p) || !p)
				continue;
			k = heap_named(h, p);
			if (!k)
				continue;
			k->pool = (uint8_t)kinds[i];
			k->pool_known = true;
			k->special = special;
			k->node_va = special ? 0 : va;
		}
	}
}

/* Is @state_va an ExPoolState? Its first node has heaps, one of them readable. */
static bool state_try(struct heap_run *h, const struct heap_layout *l, uint64_t state_va)
{
	const struct field pointer = { .off = 0, .width = l->ptr_bytes };
	const struct field word = { .off = 0, .width = 4 };
	struct heap_known *k = NULL;
	uint64_t globals, nr_nodes, p;
	unsigned readable = 0;

	if (!heap_word(h, state_va + l->state.globals, pointer, &globals) ||
	    !os_is_kernel_va(h->os, globals) ||
	    !heap_word(h, state_va + l->state.nr_pools, word, &nr_nodes) ||
	    !nr_nodes || nr_nodes > l->state.max_nodes)
		return false;
	for (unsigned i = 0; i < HEAPS_PER_NODE; i++)
		if (heap_word(h, state_va + l->state.nodes + i * l->ptr_bytes, pointer, &p) &&
		    is_data_va(h->os, p) && heap_try(h, l, p, &k))
			readable++;
	if (!readable)
		return false;
	h->layout = l;
	h->state_va = state_va;
	h->globals_va = globals;
	state_read(h, state_va, nr_nodes);
	return true;
}

/* The row of this build, then those of others: kernels are updated. */
static bool state_try_any(struct heap_run *h, uint64_t va, bool is_node)
{
	const struct heap_layout *l = h->layout;

	for (size_t i = 0; l; l = heap_layout_other(h->os->layout.machine, i++))
		if (state_try(h, l, is_node ? va - l->state.nodes : va))
			return true;
	return false;
}

/* Four pointers to data, one of them to a SEGMENT_HEAP: perhaps PoolNode[0]. */
static enum dl_status search_page(void *ctx, uint64_t va, const uint8_t *page)
{
	struct heap_run *h = ctx;
	const struct heap_layout *l = h->layout;
	unsigned bytes = HEAPS_PER_NODE * l->ptr_bytes;

	for (unsigned off = 0; off + bytes <= PAGE_BYTES; off += 16) {
		uint64_t signature = 0;
		unsigned n = 0;

		for (unsigned i = 0; i < 3; i++) {
			uint64_t p = pointer_at(l, page + off + i * l->ptr_bytes);

			if (!is_data_va(h->os, p))
				break;
			n += heap_word(h, p, l->root.signature, &signature) &&
			     signature == HEAP_SIGNATURE;
		}
		if (n && state_try_any(h, va + off, true))
			return DL_END;
	}
	return DL_OK;
}

/* --- heaps by content ------------------------------------------------------- */

struct scan {
	struct heap_run *h;
	struct heap_reader *readers;
	uint64_t (*hits)[SCAN_MAX_HITS];
	unsigned *nr_hits;
};

static enum dl_status scan_slice(void *ctx, size_t slice, unsigned worker, struct dl_err *err)
{
	struct scan *s = ctx;
	const struct survey *v = s->h->survey;
	unsigned sig = s->h->layout->root.signature.off;
	size_t end = (slice + 1) * SCAN_PAGES < v->nr ? (slice + 1) * SCAN_PAGES : v->nr;

	(void)err;
	for (size_t i = slice * SCAN_PAGES; i < end; i++) {
		const uint8_t *page;

		if (phys_page(&s->readers[worker].phys, v->pages[i].pfn, &page, NULL))
			continue;
		for (unsigned off = sig % 16; off < PAGE_BYTES; off += 16)
			if (le32(page + off) == HEAP_SIGNATURE &&
			    s->nr_hits[slice] < SCAN_MAX_HITS)
				s->hits[slice][s->nr_hits[slice]++] = v->pages[i].va + off - sig;
	}
	return DL_OK;
}

static void scan_try(struct heap_run *h, uint64_t va)
{
	const struct heap_layout *l = h->layout;
	struct heap_known *k = NULL;

	if (va % 16)
		return;
	for (size_t i = 0; l; l = heap_layout_other(h->os->layout.machine, i++)) {
		if (!heap_try(h, l, va, &k))
			continue;
		if (h->nr_heaps == 1)
			h->layout = l;
		return;
	}
}

static void scan_heaps(struct heap_run *h)
{
	unsigned jobs = h->opts->jobs ? h->opts->jobs : jobs_available();
	size_t nr = (h->survey->nr + SCAN_PAGES - 1) / SCAN_PAGES;
	struct scan s = { .h = h };

	s.readers = calloc(jobs, sizeof *s.readers);
	s.hits = calloc(nr + 1, sizeof *s.hits);
	s.nr_hits = calloc(nr + 1, sizeof *s.nr_hits);
	if (s.readers && s.hits && s.nr_hits) {
		for (unsigned i = 0; i < jobs; i++)
			heap_reader_init(&s.readers[i], h->os);
		jobs_run(nr, jobs, scan_slice, &s, NULL);
		for (unsigned i = 0; i < jobs; i++)
			heap_reader_deinit(&s.readers[i]);
		for (size_t i = 0; i < nr; i++)
			for (unsigned k = 0; k < s.nr_hits[i]; k++)
				scan_try(h, s.hits[i][k]);
	}
	free(s.readers);
	free(s.hits);
	free(s.nr_hits);
}

bool heap_find(struct heap_run *h)
{
	struct pool_heap *out = &h->pool->heap;
	uint64_t rva;

	if (h->os->symbols && symbols_rva(h->os->symbols, "ExPoolState", &rva) &&
	    state_try_any(h, h->os->kernel_base + rva, false))
		out->how = "pool state by its symbol";
	else if (kdata_pages(h->os, search_page, h) == DL_END)
		out->how = "pool state";
	else
		scan_heaps(h);
	if (!out->how && h->nr_heaps)
		out->how = "heaps by content";
	out->state_va = h->state_va;
	out->heaps = h->nr_heaps;
	return h->nr_contexts != 0;
}
