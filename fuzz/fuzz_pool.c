/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of arbitrary bytes: chaining and examining it must stay inside, and
 * what they say must hold together; on both widths, in both ways of PoolType.
 */
#include "dumpleak/os/layout.h"
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_special(const struct pool_header_layout *h, const uint8_t *page)
{
	struct special_hit s = { 0 };

	if (!special_page(h, page, &s))
		return;
	if (s.off + s.size_bytes > PAGE_BYTES || s.bad_off > PAGE_BYTES ||
	    s.off % h->unit_bytes || !s.size_bytes)
		abort();
}

static void check(const struct pool_header_layout *h, uint8_t ptr_bytes, const uint8_t *page)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;
	struct free_link link;
	unsigned sum = 0, n = page_chain(h, page, headers);

	for (unsigned i = 0; i < n; i++) {
		free_link_get(h, ptr_bytes, 0x81000000, page, sum, &link);
		sum += header_get(headers[i], h->block_size) * h->unit_bytes;
	}
	if (n && (sum != PAGE_BYTES || page_examine(h, page, headers, &d)))
		abort();        /* a sound page is whole, and not damaged */
	if (n || !page_examine(h, page, headers, &d))
		return;
	if (d.nr_front + d.nr_back > PAGE_MAX_BLOCKS || d.bad_off >= PAGE_BYTES ||
	    d.back_off < d.bad_off)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct { uint16_t machine; uint8_t ptr_bytes; uint32_t build; } rows[] = {
		{ MACHINE_I386, 4, 3790 }, { MACHINE_I386, 4, 7601 },
		{ MACHINE_AMD64, 8, 3790 }, { MACHINE_AMD64, 8, 14393 },
	};
	static uint8_t page[PAGE_BYTES];
	struct pool_layout layout;

	/* short inputs repeat, so that chains reach the page's end */
	for (size_t i = 0; size && i < PAGE_BYTES; i += size)
		memcpy(page + i, data, size < PAGE_BYTES - i ? size : PAGE_BYTES - i);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (pool_layout_pick(rows[i].machine, rows[i].build, &layout, NULL))
			abort();
		check(&layout.header, rows[i].ptr_bytes, page);
		check_special(&layout.header, page);
	}
	return 0;
}
