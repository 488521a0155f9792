/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dumps that a debugger wrote (DumpType 8, 9, 10) to pages: "RDMP" behind the
 * header, a list of PFN ranges, then their pages in the list's order. The list
 * of a complete dump ends when it adds up to its total, the others' at PFN 0.
 * Facts are from public readers of the format; no sample was at hand.
 */
#include "dmp.h"

#include "source_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	BASE = 0x2000, RDMP_BYTES = 0x30, RANGE_BYTES = 16,
	METADATA_OFF = 0x10, FIRST_PAGE_OFF = 0x18, NR_RANGES_OFF = 0x20, TOTAL_OFF = 0x28,
	MAX_RANGES = 1 << 20,
	CHUNK_RANGES = 256,
	TYPE_COMPLETE = 10,
};

struct ranges {
	uint64_t first_page;
	uint64_t off, end;      /* of the list, as far as it can go */
	uint64_t total;         /* 0: ends at PFN 0                  */
	uint64_t left;          /* ranges that may still come        */
	uint64_t sum;
};

static enum dl_status check_bounds(struct container *c, struct ranges *r,
				   struct dl_err *err)
{
	const char *name = source_name(c->source);
	uint64_t end;

	source_end(c->source, &end);
	if (r->first_page < r->off || r->first_page > INT64_MAX)
		return err_set(err, DL_CORRUPT, "%s: FirstPageOffset at 0x%x is 0x%" PRIx64
			       ", no place behind the list of ranges", name,
			       BASE + FIRST_PAGE_OFF, r->first_page);
	if (r->first_page > end)
		return err_set(err, DL_CORRUPT, "%s: FirstPageOffset at 0x%x is 0x%" PRIx64
			       ", but the file ends at 0x%" PRIx64 ": it holds no page",
			       name, BASE + FIRST_PAGE_OFF, r->first_page, end);
	r->end = r->first_page;
	return DL_OK;
}

static enum dl_status read_head(struct container *c, struct ranges *r, struct dl_err *err)
{
	const struct dmp *d = c->state;
	const char *name = source_name(c->source);
	uint8_t b[RDMP_BYTES] = { 0 };
	enum dl_status st = source_read(c->source, BASE, b, sizeof b, err);
	uint64_t metadata;

	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut before the list of ranges at "
				  "0x%x", name, BASE);
	if (st)
		return st;
	if (memcmp(b + 4, "RDMPDUMP", 8))
		return err_set(err, DL_CORRUPT, "%s: the signature at 0x%x is not RDMP DUMP, "
			       "which DumpType %" PRIu32 " needs", name, BASE + 4, d->type);
	metadata = le64(b + METADATA_OFF);
	r->first_page = le64(b + FIRST_PAGE_OFF);
	r->off = BASE + RDMP_BYTES;
	r->left = UINT64_MAX;
	if (d->type == TYPE_COMPLETE) {
		r->total = le64(b + TOTAL_OFF);
		if (le32(b + NR_RANGES_OFF))
			r->left = le32(b + NR_RANGES_OFF);
	}
	if (metadata - 0x20 != r->first_page - (BASE + 0x40))
		container_note(c, DL_CORRUPT, "%s: MetadataSize at 0x%x is 0x%" PRIx64
			       ", which does not lead to FirstPageOffset (0x%" PRIx64
			       "): the latter is taken", name, BASE + METADATA_OFF, metadata,
			       r->first_page);
	return check_bounds(c, r, err);
}

/* *@more: whether the list goes on. */
static enum dl_status add_range(struct container *c, struct ranges *r, uint64_t at,
				const uint8_t *p, bool *more, struct dl_err *err)
{
	struct dmp *d = c->state;
	uint64_t first = le64(p), n = le64(p + 8);

	*more = r->left && (r->total ? r->sum < r->total : first != 0);
	if (!*more)
		return DL_OK;
	r->left--;
	if (first >> DMP_PFN_BITS || n >> DMP_PFN_BITS)
		return err_set(err, DL_CORRUPT, "%s: range at 0x%" PRIx64 " is 0x%" PRIx64
			       " pages from PFN 0x%" PRIx64 ", more than any machine has",
			       source_name(c->source), at, n, first);
	if (d->runs.n == MAX_RANGES)
		return err_set(err, DL_UNSUPPORTED, "%s: more than %d ranges of pages, at "
			       "0x%" PRIx64, source_name(c->source), MAX_RANGES, at);
	if (n && !runs_add(&d->runs, first, first + n - 1,
			   r->first_page + r->sum * PAGE_BYTES))
		return err_set(err, DL_NOMEM, "out of memory");
	r->sum += n;
	return DL_OK;
}

static enum dl_status read_list(struct container *c, struct ranges *r, struct dl_err *err)
{
	uint8_t b[CHUNK_RANGES * RANGE_BYTES];
	enum dl_status st = DL_OK;
	uint64_t off = r->off;
	bool more = true;

	while (!st && more && r->end - off >= RANGE_BYTES) {
		uint64_t n = (r->end - off) / RANGE_BYTES;

		if (n > CHUNK_RANGES)
			n = CHUNK_RANGES;
		st = source_read(c->source, off, b, (size_t)n * RANGE_BYTES, err);
		for (uint64_t i = 0; !st && more && i < n; i++, off += RANGE_BYTES)
			st = add_range(c, r, off, b + i * RANGE_BYTES, &more, err);
	}
	return st == DL_ABSENT ? err_prefix(err, DL_CORRUPT, "%s: cut inside the list of "
					    "ranges", source_name(c->source)) : st;
}

enum dl_status dmp_open_ranges(struct container *c, struct dl_err *err)
{
	const char *name = source_name(c->source);
	struct dmp *d = c->state;
	struct ranges r = { 0 };
	enum dl_status st = read_head(c, &r, err);
	bool overlaps;

	if (!st)
		st = read_list(c, &r, err);
	if (st)
		return st;
	if (!d->runs.n)
		return err_set(err, DL_CORRUPT, "%s: the list of ranges at 0x%x is empty",
			       name, BASE + RDMP_BYTES);
	if (r.total && r.sum != r.total)
		container_note(c, DL_CORRUPT, "%s: TotalNumberOfPages at 0x%x is %" PRIu64
			       ", but the ranges add up to %" PRIu64 ": the ranges are "
			       "taken", name, BASE + TOTAL_OFF, r.total, r.sum);
	d->pages_off = r.first_page;
	d->nr_pages = r.sum;
	if (!runs_sort(&d->runs, PAGE_BYTES, RUNS_FIRST_WINS, &overlaps))
		return err_set(err, DL_NOMEM, "out of memory");
	if (overlaps)
		container_note(c, DL_CORRUPT, "%s: the ranges at 0x%x overlap: the first "
			       "range with a page is taken", name, BASE + RDMP_BYTES);
	return DL_OK;
}
