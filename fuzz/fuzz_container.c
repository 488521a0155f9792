/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a dump file: open it by its format and as raw memory, walk its
 * runs and read some pages. Both must end, within the bounds that the headers
 * promise. An input that begins with 0xdf is a recipe instead: a sound image of
 * some kind, how much of it is cut, and values to write over it.
 */
#include "dumpleak/container/container.h"

#include "images.h"

#include <stdlib.h>

enum { MAX_RUNS = 64, PAGES_PER_RUN = 4, MAX_VA_RUNS = 16, RECIPE = 0xdf, PATCH_BYTES = 11 };

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

static void read_vas(struct container *c)
{
	uint64_t va = 0, first, last;
	uint8_t b[64];

	for (int i = 0; i < MAX_VA_RUNS; i++) {
		if (container_va_run(c, va, &first, &last))
			break;
		if (first < va || last < first)
			abort();
		container_va_read(c, last, b, sizeof b, NULL);
		va = last + 1;
		if (!va)
			break;
	}
}

/* What the header points to must be there. */
static void use_header(const struct dump_header *h)
{
	volatile size_t sink = 0;

	for (size_t i = 0; i < h->context_bytes; i++)
		sink += h->context[i];
	for (size_t i = 0; i < h->nr_blobs; i++)
		sink += (size_t)h->blobs[i].off;
	sink += strlen(h->title) + strlen(h->format) + (h->comment ? strlen(h->comment) : 0);
	(void)sink;
}

static void use(struct container *c)
{
	uint64_t pfn = 0, first, last, present, absent;
	size_t n;
	bool exact;

	use_header(container_header(c));
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
	read_vas(c);
	container_notes(c, &n);
	container_close(c);
}

static const struct source_options opts = { .cache_bytes = 1 << 20, .window_bytes = 1 << 20 };

static void use_file(struct bytes b)
{
	struct source *source;
	struct container *c;
	struct dl_err err;

	if (source_open_memory(b, "fuzz", &opts, &source, &err))
		return;
	if (container_open(source, &c, &err) == DL_OK)
		use(c);
	if (container_open_raw(source, 64, &c, &err) == DL_OK)
		use(c);
	source_close(source);
}

/* The other part is sound. */
static void use_set(struct bytes b)
{
	static struct image other;
	struct source *s[2];
	struct container *c;
	struct dl_err err;

	memset(&other, 0, sizeof other);
	kdump(&other, 0x10, 0x20);
	if (source_open_memory(b, "fuzz", &opts, &s[0], &err))
		return;
	if (!source_open_memory((struct bytes){ other.p, other.n }, "other", &opts, &s[1],
				&err)) {
		if (container_open_set(s, 2, &c, &err) == DL_OK)
			use(c);
		source_close(s[1]);
	}
	source_close(s[0]);
}

/* Kind, bytes cut off in units of 16, then patches: where (2), width, value (8). */
static void use_recipe(const uint8_t *data, size_t n)
{
	static struct image im;
	unsigned kind = data[0] % NR_IMAGES;
	size_t cut = (size_t)le16(data + 1) * 16;

	image_build(&im, kind);
	data += 3;
	n -= 3;
	for (; n >= PATCH_BYTES; data += PATCH_BYTES, n -= PATCH_BYTES) {
		size_t off = le16(data) % (IMAGE_BYTES - 8);

		memcpy(im.p + off, data + 3, data[2] % 8 + 1);
	}
	im.n -= cut % im.n;
	use_file((struct bytes){ im.p, im.n });
	if (kind == IMAGE_SPLIT)
		use_set((struct bytes){ im.p, im.n });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n >= 4 && data[0] == RECIPE)
		use_recipe(data + 1, n - 1);
	else
		use_file((struct bytes){ data, n });
	return 0;
}
