/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of arbitrary bytes: chaining and examining it must stay inside, and
 * what they say must hold together.
 */
#include "dumpleak/os/layout.h"
#include "dumpleak/pool/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pool_header_layout *h, const uint8_t *page)
{
	uint64_t headers[PAGE_MAX_BLOCKS];
	struct page_damage d;
	struct free_link link;
	unsigned sum = 0, n = page_chain(h, page, headers);

	for (unsigned i = 0; i < n; i++) {
		free_link_get(h, 4, 0x81000000, page, sum, &link);
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
	static uint8_t page[PAGE_BYTES];
	struct pool_layout layout;

	if (pool_layout_pick(MACHINE_I386, 3790, &layout, NULL))
		abort();
	/* short inputs repeat, so that chains reach the page's end */
	for (size_t i = 0; size && i < PAGE_BYTES; i += size)
		memcpy(page + i, data, size < PAGE_BYTES - i ? size : PAGE_BYTES - i);
	check(&layout.header, page);
	return 0;
}
