/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a dump file: open it by its format and as raw memory, walk its
 * runs and read some pages. Both must end, within the bounds that the headers
 * promise.
 */
#include "dumpleak/container/container.h"

#include <stdlib.h>

enum { MAX_RUNS = 64, PAGES_PER_RUN = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_run(struct container *c, uint64_t first, uint64_t last)
{
	uint8_t scratch[PAGE_BYTES];
	const uint8_t *page;
	struct dl_err err;

	for (uint64_t pfn = first, k = 0; pfn <= last && k < PAGES_PER_RUN; pfn++, k++) {
		enum dl_status st = container_page(c, pfn, scratch, &page, &err);

		if (st == DL_OK && page[0] == 0x5a && page[PAGE_BYTES - 1] == 0xa5)
			container_position(c, pfn);
	}
	container_page(c, last, scratch, &page, NULL);
	container_page(c, last + 1, scratch, &page, NULL);
}

static void use(struct container *c)
{
	uint64_t pfn = 0, first, last, present, absent;
	size_t n;
	bool exact;

	container_count(c, &present, &absent, &exact);
	for (int i = 0; i < MAX_RUNS; i++) {
		if (container_run(c, pfn, &first, &last))
			break;
		if (first < pfn || last < first)
			abort(); /* runs must rise */
		read_run(c, first, last);
		pfn = last + 1;
		if (!pfn)
			break;
	}
	container_notes(c, &n);
	container_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source_options opts = { .cache_bytes = 1 << 20, .window_bytes = 1 << 20 };
	struct source *source;
	struct container *c;
	struct dl_err err;

	if (source_open_memory((struct bytes){ data, n }, "fuzz", &opts, &source, &err))
		return 0;
	if (container_open(source, &c, &err) == DL_OK)
		use(c);
	if (container_open_raw(source, 64, &c, &err) == DL_OK)
		use(c);
	source_close(source);
	return 0;
}
