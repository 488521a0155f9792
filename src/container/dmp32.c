/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit Windows kernel dumps ("PAGEDUMP") to pages: complete dumps (DumpType
 * 1: runs of PFNs, their pages behind the header) here, the bitmap of kernel
 * dumps (DumpType 2) in dmp32_kernel.c. Layouts are those that public tools
 * agree on and that dumps of both kinds show. The
 * bitmap dumps that 32-bit Windows 8.1 and later may write (DumpType 5, 6) are
 * not read: no sample was at hand.
 *
 * What the header says is a claim. Whatever contradicts the file or itself is
 * noted, and what is left is still read.
 */
#include "dmp32.h"

#include "source_impl.h"

#include <inttypes.h>
#include <string.h>

static enum probe_result dmp32_probe(struct source *source)
{
	uint8_t magic[8];

	if (source_read(source, 0, magic, sizeof magic, NULL) ||
	    memcmp(magic, "PAGEDUMP", sizeof magic) != 0)
		return PROBE_NOT_MINE;
	return PROBE_MINE;
}

/* ---- complete dumps ---- */

static struct run run_at(const uint8_t *head, uint32_t i)
{
	const uint8_t *p = head + DMP32_RUNS_OFF + 8 * i;
	uint64_t first = le32(p), n = le32(p + 4);

	return (struct run){ .first = first, .last = first + n - 1, .order = n };
}

/*
 * How many runs there are when NumberOfRuns cannot be right: as many as add up
 * to NumberOfPages or, failing that, to what the file holds. 0: neither fits.
 */
static uint32_t infer_nr_runs(struct container *c, const uint8_t *head)
{
	uint64_t pages = le32(head + DMP32_NR_PAGES_OFF), end, in_file, sum = 0;
	bool exact = source_end(c->source, &end);

	in_file = end > DMP32_HEADER_BYTES ? (end - DMP32_HEADER_BYTES) / PAGE_BYTES : 0;
	for (uint32_t i = 0; i < DMP32_MAX_RUNS; i++) {
		struct run run = run_at(head, i);

		if (run.order == 0 || run.order == DMP32_FILLER ||
		    run.first == DMP32_FILLER)
			return 0;
		sum += run.order;
		if (sum == pages || (exact && sum == in_file))
			return i + 1;
		if (sum > pages && sum > in_file)
			return 0;
	}
	return 0;
}

static enum dl_status nr_runs(struct container *c, const uint8_t *head,
			      uint32_t *out, struct dl_err *err)
{
	uint32_t n = le32(head + DMP32_NR_RUNS_OFF);
	const char *name = source_name(c->source);

	*out = n;
	if (n && n <= DMP32_MAX_RUNS)
		return DL_OK;
	*out = infer_nr_runs(c, head);
	if (!*out)
		return err_set(err, DL_CORRUPT, "%s: NumberOfRuns at 0x64 is %" PRIu32
			       ", but the header has room for 1 to %d, and what "
			       "follows does not add up to NumberOfPages", name, n,
			       DMP32_MAX_RUNS);
	container_note(c, DL_CORRUPT, "%s: NumberOfRuns at 0x64 is %" PRIu32
		       ", impossible: taken as %" PRIu32 ", which adds up",
		       name, n, *out);
	return DL_OK;
}

/* Adds run @i, whose pages begin at *@off in the file; false if out of memory. */
static bool add_run(struct container *c, const uint8_t *head, uint32_t i, uint64_t *off)
{
	struct dmp32 *d = c->state;
	struct run run = run_at(head, i);
	uint64_t n = run.order, end;
	bool exact = source_end(c->source, &end);

	if (!n) {
		container_note(c, DL_CORRUPT, "%s: PageCount of run %" PRIu32 " at 0x%"
			       PRIx32 " is 0: ignored", source_name(c->source), i,
			       DMP32_RUNS_OFF + 8 * i + 4);
		return true;
	}
	if (exact && *off + n * PAGE_BYTES > end) {
		uint64_t whole = *off < end ? (end - *off) / PAGE_BYTES : 0;

		container_note(c, DL_ABSENT, "%s: run %" PRIu32 " (PFN 0x%" PRIx64
			       "..0x%" PRIx64 ") needs the file up to 0x%" PRIx64
			       ", which ends at 0x%" PRIx64 ": %" PRIu64
			       " of its pages are missing", source_name(c->source), i,
			       run.first, run.last, *off + n * PAGE_BYTES, end, n - whole);
	}
	if (!runs_add(&d->runs, run.first, run.last, *off))
		return false;
	*off += n * PAGE_BYTES;
	d->nr_pages += n;
	return true;
}

static enum dl_status open_complete(struct container *c, const uint8_t *head,
				    struct dl_err *err)
{
	struct dmp32 *d = c->state;
	uint64_t off = DMP32_HEADER_BYTES;
	uint32_t n, promised = le32(head + DMP32_NR_PAGES_OFF);
	enum dl_status st;
	bool overlaps;

	c->header.format = "dump32";
	c->header.title = "32-bit complete memory dump (DumpType 1)";
	st = nr_runs(c, head, &n, err);
	if (st)
		return st;
	for (uint32_t i = 0; i < n; i++)
		if (!add_run(c, head, i, &off))
			return err_set(err, DL_NOMEM, "out of memory");
	if (promised != d->nr_pages)
		container_note(c, DL_CORRUPT, "%s: NumberOfPages at 0x68 is %" PRIu32
			       ", but the runs add up to %" PRIu64 ": the runs are "
			       "taken", source_name(c->source), promised, d->nr_pages);
	if (!runs_sort(&d->runs, PAGE_BYTES, RUNS_FIRST_WINS, &overlaps))
		return err_set(err, DL_NOMEM, "out of memory");
	if (overlaps)
		container_note(c, DL_CORRUPT, "%s: the runs at 0x6c overlap: the first "
			       "run with a page is taken", source_name(c->source));
	return DL_OK;
}

/* ---- both ---- */

static bool has_summary(struct source *source)
{
	uint8_t magic[4];

	return source_read(source, DMP32_SUMMARY_OFF, magic, sizeof magic, NULL) == DL_OK &&
	       memcmp(magic, "SDMP", sizeof magic) == 0;
}

static uint32_t dump_type(struct container *c, const uint8_t *head)
{
	uint32_t type = le32(head + DMP32_DUMP_TYPE_OFF);

	if (type != DMP32_FILLER && type != 0)
		return type;
	type = has_summary(c->source) ? 2 : 1;
	container_note(c, DL_OK, "%s: DumpType at 0xf88 is not filled in: taken as %"
		       PRIu32, source_name(c->source), type);
	return type;
}

static enum dl_status refuse_type(struct container *c, uint32_t type, struct dl_err *err)
{
	const char *what;

	switch (type) {
	case 3: what = "header-only dump: holds no memory"; break;
	case 4: what = "triage minidump: holds no pool"; break;
	case 5: what = "complete bitmap dump: not supported"; break;
	case 6: what = "kernel bitmap dump: not supported"; break;
	case 7: what = "automatic memory dump: not supported"; break;
	case 8: case 9: case 10:
		what = "debugger-written range dump: not supported"; break;
	default: what = "dump of an unknown type: not supported"; break;
	}
	return err_set(err, DL_UNSUPPORTED, "%s: 32-bit %s (DumpType %" PRIu32
		       " at 0xf88)", source_name(c->source), what, type);
}

static enum dl_status dmp32_open(struct container *c, struct dl_err *err)
{
	uint8_t head[DMP32_HEADER_BYTES];
	enum dl_status st = source_read(c->source, 0, head, sizeof head, err);
	uint32_t type;

	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut inside its header",
				  source_name(c->source));
	if (st)
		return st;
	c->state = arena_alloc(&c->arena, sizeof(struct dmp32));
	if (!c->state)
		return err_set(err, DL_NOMEM, "out of memory");
	dmp32_header(c, head);
	type = dump_type(c, head);
	switch (type) {
	case 1: return open_complete(c, head, err);
	case 2: return dmp32_open_kernel(c, err);
	default: return refuse_type(c, type, err);
	}
}

static void dmp32_close(struct container *c)
{
	struct dmp32 *d = c->state;

	if (d)
		runs_deinit(&d->runs);
}

/* Where the page lies in the file; UINT64_MAX if the header does not promise it. */
static uint64_t page_off(const struct dmp32 *d, uint64_t pfn)
{
	const struct run *run;

	if (d->bitmap.bits) {
		if (!bitmap_has(&d->bitmap, pfn))
			return UINT64_MAX;
		return d->pages_off + bitmap_rank(&d->bitmap, pfn) * PAGE_BYTES;
	}
	run = runs_find(&d->runs, pfn);
	return run ? run->target + (pfn - run->first) * PAGE_BYTES : UINT64_MAX;
}

static enum dl_status dmp32_page(struct container *c, uint64_t pfn, uint8_t *scratch,
				 const uint8_t **page, struct dl_err *err)
{
	uint64_t off = page_off(c->state, pfn);
	const uint8_t *p;
	enum dl_status st;

	if (off == UINT64_MAX)
		return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " is not in this dump",
			       source_name(c->source), pfn);
	p = source_map(c->source, off, PAGE_BYTES);
	if (!p) {
		st = source_read(c->source, off, scratch, PAGE_BYTES, err);
		if (st)
			return st;
		p = scratch;
	}
	*page = p;
	return DL_OK;
}

/* The promised run of pages at or above @pfn, whether the file holds it or not. */
static bool promised_run(const struct dmp32 *d, uint64_t pfn, uint64_t *first,
			 uint64_t *last)
{
	const struct run *run;

	if (d->bitmap.bits)
		return bitmap_next(&d->bitmap, pfn, first, last);
	run = runs_next(&d->runs, pfn);
	if (!run)
		return false;
	*first = run->first > pfn ? run->first : pfn;
	*last = run->last;
	return true;
}

static enum dl_status dmp32_run(struct container *c, uint64_t pfn, uint64_t *first,
				uint64_t *last)
{
	const struct dmp32 *d = c->state;
	uint64_t end, off;

	source_end(c->source, &end);
	for (; promised_run(d, pfn, first, last); pfn = *last + 1) {
		off = page_off(d, *first);
		if (off >= end || end - off < PAGE_BYTES)
			continue;
		if ((end - off) / PAGE_BYTES <= *last - *first)
			*last = *first + (end - off) / PAGE_BYTES - 1;
		return DL_OK;
	}
	return DL_END;
}

static uint64_t dmp32_position(const struct container *c, uint64_t pfn)
{
	return page_off(c->state, pfn);
}

static void dmp32_count(struct container *c, uint64_t *present, uint64_t *absent,
			bool *exact)
{
	const struct dmp32 *d = c->state;
	uint64_t pfn = 0, promised = 0, first, last;

	*exact = source_end(c->source, &(uint64_t){ 0 });
	*present = 0;
	while (dmp32_run(c, pfn, &first, &last) == DL_OK) {
		*present += last - first + 1;
		pfn = last + 1;
	}
	for (pfn = 0; promised_run(d, pfn, &first, &last); pfn = last + 1)
		promised += last - first + 1;
	*absent = promised - *present;
}

const struct reader dmp32_reader = {
	.name = "dmp32",
	.probe = dmp32_probe,
	.open = dmp32_open,
	.close = dmp32_close,
	.page = dmp32_page,
	.run = dmp32_run,
	.position = dmp32_position,
	.count = dmp32_count,
};
