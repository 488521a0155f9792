/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pool page to its chain of blocks, and what can be saved of a broken one.
 * Rules: pool.md section 2.4, by which a chain that reaches the page's end is
 * proof enough that the page is pool.
 */
#include "dumpleak/pool/internal.h"

#include <string.h>

unsigned page_chain(const struct pool_header_layout *h, const uint8_t *page,
		    uint64_t *headers)
{
	/* locals, so that the compiler keeps them in registers */
	const struct header_bits previous = h->previous_size, block = h->block_size;
	const unsigned unit = h->unit_bytes;
	unsigned off = 0, before = 0, n = 0;

	while (off < PAGE_BYTES) {
		uint64_t raw = le64(page + off);
		unsigned size = header_get(raw, block);

		if (header_get(raw, previous) != before || !size)
			return 0;
		headers[n++] = raw;
		before = size;
		off += size * unit;
	}
	return off == PAGE_BYTES ? n : 0;
}

/* Follow the chain until something is wrong; @off: in/out. */
static unsigned sound_front(const struct pool_header_layout *h, const uint8_t *page,
			    uint64_t *headers, unsigned *off, enum fault_kind *kind)
{
	unsigned before = 0, n = 0, at = 0;

	for (;;) {
		uint64_t raw;
		unsigned size;

		*off = at;
		if (at >= PAGE_BYTES)
			return n;
		raw = le64(page + at);
		size = header_get(raw, h->block_size);
		if (header_get(raw, h->previous_size) != before) {
			*kind = FAULT_PREVIOUS_SIZE;
			return n;
		}
		if (!size || at + size * h->unit_bytes > PAGE_BYTES) {
			*kind = size ? FAULT_SIZE_PAST_PAGE : FAULT_SIZE_ZERO;
			return n;
		}
		headers[n++] = raw;
		before = size;
		at += size * h->unit_bytes;
	}
}

/*
 * Blocks of a sound chain from @off to the page's end; 0 if it is not sound.
 * Text of one repeated character chains too: its types give it away.
 */
static unsigned sound_back(const struct pool_header_layout *h, const uint8_t *page,
			   unsigned off, uint64_t *headers)
{
	unsigned before = 0, n = 0;

	while (off < PAGE_BYTES) {
		uint64_t raw = le64(page + off);
		unsigned size = header_get(raw, h->block_size);

		if (!size || header_is_odd(h, raw) ||
		    (n && header_get(raw, h->previous_size) != before))
			return 0;
		headers[n++] = raw;
		before = size;
		off += size * h->unit_bytes;
	}
	return off == PAGE_BYTES ? n : 0;
}

/*
 * Find the lowest offset from which the chain is sound again. Its PreviousSize
 * must lead back to the bad header or behind it; only if PreviousSize itself
 * is what is wrong may the chain go on right at the bad header.
 */
static void find_back(const struct pool_header_layout *h, const uint8_t *page,
		      uint64_t *headers, struct page_damage *d)
{
	unsigned unit = h->unit_bytes, off = d->bad_off;

	d->back_off = PAGE_BYTES;
	d->nr_back = 0;
	if (d->kind != FAULT_PREVIOUS_SIZE)
		off += unit;
	for (; off < PAGE_BYTES; off += unit) {
		uint64_t raw = le64(page + off);
		unsigned back = header_get(raw, h->previous_size) * unit;
		unsigned n;

		if (off != d->bad_off && (!back || back > off || off - back < d->bad_off))
			continue;
		n = sound_back(h, page, off, headers);
		/* one block alone proves little where nothing leads to it */
		if (!n || (off == d->bad_off && n < 2))
			continue;
		d->back_off = off;
		d->nr_back = n;
		return;
	}
}

/*
 * A PreviousSize that does not fit accuses two headers. If a chain that leads to
 * the page's end begins with a header that points exactly at the last block of
 * the front, it was that block's BlockSize that lied.
 */
static void blame_size(const struct pool_header_layout *h, const uint8_t *page,
		       struct page_damage *d, uint64_t *headers)
{
	unsigned last, off = 0;
	uint64_t scratch[PAGE_MAX_BLOCKS];
	struct page_damage again = *d;

	if (d->kind != FAULT_PREVIOUS_SIZE || !d->nr_front)
		return;
	for (last = 0; last + 1 < d->nr_front; last++)
		off += header_get(headers[last], h->block_size) * h->unit_bytes;
	again.bad_off = off;
	again.nr_front--;
	again.kind = FAULT_SIZE_PAST_PAGE;
	find_back(h, page, scratch, &again);
	if (!again.nr_back)
		return;
	/* the header that resumes must point exactly at the accused one */
	if (again.back_off - header_get(scratch[0], h->previous_size) * h->unit_bytes != off)
		return;
	again.kind = FAULT_PREVIOUS_SIZE;
	*d = again;
}

static unsigned bytes_of(const struct pool_header_layout *h, const uint64_t *headers,
			 unsigned n)
{
	unsigned sum = 0;

	while (n--)
		sum += header_get(headers[n], h->block_size) * h->unit_bytes;
	return sum;
}

/* All blocks in use on one page are of one pool. */
static bool one_pool(const struct pool_header_layout *h, const uint64_t *headers, unsigned n)
{
	int pool = -1;

	for (unsigned i = 0; i < n; i++) {
		if (header_state(h, headers[i]) != BLOCK_IN_USE)
			continue;
		if (pool >= 0 && (int)header_pool(h, headers[i]) != pool)
			return false;
		pool = (int)header_pool(h, headers[i]);
	}
	return true;
}

bool page_examine(const struct pool_header_layout *h, const uint8_t *page,
		  uint64_t *headers, struct page_damage *out)
{
	struct page_damage d = { .kind = FAULT_SIZE_ZERO };
	uint64_t back[PAGE_MAX_BLOCKS];
	unsigned bytes;

	d.nr_front = sound_front(h, page, headers, &d.bad_off, &d.kind);
	if (d.bad_off >= PAGE_BYTES)
		return false;   /* nothing is wrong with it */
	find_back(h, page, back, &d);
	blame_size(h, page, &d, headers);
	if (d.nr_back)
		sound_back(h, page, d.back_off, headers + d.nr_front);
	/* n blocks in a row agree on n - 1 sizes; the page's end agrees on one */
	d.links = (d.nr_front ? d.nr_front - 1 : 0) + d.nr_back;
	bytes = bytes_of(h, headers, d.nr_front + d.nr_back);
	*out = d;
	return d.links >= 3 && bytes >= PAGE_BYTES / 4 &&
	       one_pool(h, headers, d.nr_front + d.nr_back);
}

const char *fault_kind_name(enum fault_kind kind)
{
	static const char *const names[NR_FAULT_KINDS] = {
		[FAULT_SIZE_ZERO] = "BlockSize is 0",
		[FAULT_SIZE_PAST_PAGE] = "BlockSize leads past the page",
		[FAULT_PREVIOUS_SIZE] = "PreviousSize and the BlockSize before it differ",
		[FAULT_FREE_LINK] = "a free block's links contradict each other",
		[FAULT_LIST_LOOP] = "a list of blocks runs into itself",
		[FAULT_BIG_ROW] = "a row of the big-page table contradicts the page tables",
		[FAULT_SPECIAL_FILL] = "the pattern around a special-pool block is broken",
		[FAULT_SEGMENT] = "a page segment's signature or links are wrong",
		[FAULT_RANGE] = "a segment's range descriptors contradict each other",
		[FAULT_VS_SUBSEGMENT] = "a VS subsegment's signature or size is wrong",
		[FAULT_VS_CHUNK] = "the sizes of VS chunks do not chain",
		[FAULT_LFH_SUBSEGMENT] = "an LFH subsegment's sizes or counts are wrong",
		[FAULT_LARGE_TREE] = "the tree of large allocations is broken",
	};

	return names[kind];
}
