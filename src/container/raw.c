/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory byte for byte from PA 0 (.raw, .mem, VMware's .vmem) to
 * pages. There is no header: nothing is known of the machine.
 */
#include "readers.h"

#include "source_impl.h"

#include <inttypes.h>

struct raw {
	uint64_t limit_pages;   /* of a compressed source; 0: none */
};

static uint64_t nr_pages(const struct container *c)
{
	const struct raw *raw = c->state;
	uint64_t end, n;

	source_end(c->source, &end);
	n = end / PAGE_BYTES;
	return raw->limit_pages && raw->limit_pages < n ? raw->limit_pages : n;
}

static enum dl_status raw_page(struct container *c, uint64_t pfn, uint8_t *scratch,
			       const uint8_t **page, struct dl_err *err)
{
	const uint8_t *p;
	enum dl_status st;

	if (pfn >= nr_pages(c))
		return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " lies past the end",
			       source_name(c->source), pfn);
	p = source_map(c->source, pfn * PAGE_BYTES, PAGE_BYTES);
	if (!p) {
		st = source_read(c->source, pfn * PAGE_BYTES, scratch, PAGE_BYTES, err);
		if (st)
			return st;
		p = scratch;
	}
	*page = p;
	return DL_OK;
}

static enum dl_status raw_run(struct container *c, uint64_t pfn, uint64_t *first,
			      uint64_t *last)
{
	uint64_t n = nr_pages(c);

	if (pfn >= n)
		return DL_END;
	*first = pfn;
	*last = n - 1;
	return DL_OK;
}

static uint64_t raw_position(const struct container *c, uint64_t pfn)
{
	return pfn < nr_pages(c) ? pfn * PAGE_BYTES : UINT64_MAX;
}

static uint64_t raw_file_off(struct container *c, uint64_t pfn)
{
	return raw_position(c, pfn);
}

static void raw_count(struct container *c, uint64_t *present, uint64_t *absent,
		      bool *exact)
{
	uint64_t end;

	*exact = source_end(c->source, &end);
	*present = nr_pages(c);
	*absent = 0;
}

const struct reader raw_reader = {
	.name = "raw",
	.page = raw_page,
	.run = raw_run,
	.position = raw_position,
	.file_off = raw_file_off,
	.count = raw_count,
};

static void note_partial_page(struct container *c)
{
	uint64_t end;

	if (source_end(c->source, &end) && end % PAGE_BYTES)
		container_note(c, DL_OK, "%s: the last %" PRIu64 " bytes at 0x%" PRIx64
			       " are no whole page and are left out",
			       source_name(c->source), end % PAGE_BYTES,
			       end - end % PAGE_BYTES);
}

/* Called by container_open_raw(), which has set up the rest. */
enum dl_status raw_open(struct container *c, uint64_t limit_pages, struct dl_err *err)
{
	struct raw *raw = arena_alloc(&c->arena, sizeof *raw);
	uint8_t page[PAGE_BYTES];
	uint64_t size_bytes;
	enum dl_status st;

	if (!raw)
		return err_set(err, DL_NOMEM, "out of memory");
	c->state = raw;
	c->header.format = "raw";
	c->header.title = "raw physical memory";
	if (source_is_compressed(c->source))
		raw->limit_pages = limit_pages;
	if (!raw->limit_pages) {
		st = source_size(c->source, &size_bytes, err);
		if (st)
			return st;
	}
	st = source_read(c->source, 0, page, sizeof page, err);
	if (st == DL_ABSENT)
		return err_set(err, DL_NOTDUMP, "%s: is smaller than one page",
			       source_name(c->source));
	if (!st)
		note_partial_page(c);
	return st;
}
