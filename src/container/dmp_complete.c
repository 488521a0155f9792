/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complete dumps (DumpType 1) to pages: runs of PFNs in the header, their pages
 * behind it in the same order. Runs may be unsorted, overlap or be empty.
 */
#include "dmp.h"

#include "dmp_header.h"
#include "source_impl.h"

#include <inttypes.h>

struct claim {
	uint64_t first, n;
};

static struct claim claim_at(const struct dmp_width *w, const uint8_t *head, uint32_t i)
{
	const uint8_t *p = head + w->runs_off + 2 * (size_t)w->word * i;

	return (struct claim){ le_word(p, w->word), le_word(p + w->word, w->word) };
}

/*
 * How many runs there are when NumberOfRuns cannot be right: as many as add up
 * to NumberOfPages or, failing that, to what the file holds. 0: neither fits.
 */
static uint32_t infer_nr_runs(struct container *c, const struct dmp_width *w,
			      const uint8_t *head)
{
	uint64_t pages = le_word(head + w->nr_pages_off, w->word), end, in_file, sum = 0;
	bool exact = source_end(c->source, &end);

	in_file = end > w->header_bytes ? (end - w->header_bytes) / PAGE_BYTES : 0;
	for (uint32_t i = 0; i < w->max_runs; i++) {
		struct claim run = claim_at(w, head, i);

		if (run.n == 0 || dmp_is_filler(run.n, w->word) ||
		    dmp_is_filler(run.first, w->word) || run.n >> DMP_PFN_BITS)
			return 0;
		sum += run.n;
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
	const struct dmp_width *w = ((struct dmp *)c->state)->width;
	const char *name = source_name(c->source);
	uint32_t n = le32(head + w->nr_runs_off);

	*out = n;
	if (n && n <= w->max_runs)
		return DL_OK;
	*out = infer_nr_runs(c, w, head);
	if (!*out)
		return err_set(err, DL_CORRUPT, "%s: NumberOfRuns at 0x%x is %" PRIu32
			       ", but the header has room for 1 to %u, and what "
			       "follows does not add up to NumberOfPages", name,
			       w->nr_runs_off, n, w->max_runs);
	container_note(c, DL_CORRUPT, "%s: NumberOfRuns at 0x%x is %" PRIu32
		       ", impossible: taken as %" PRIu32 ", which adds up",
		       name, w->nr_runs_off, n, *out);
	return DL_OK;
}

static void note_cut_run(struct container *c, uint32_t i, struct claim run, uint64_t off)
{
	uint64_t end, whole;

	if (!source_end(c->source, &end) || off + run.n * PAGE_BYTES <= end)
		return;
	whole = off < end ? (end - off) / PAGE_BYTES : 0;
	container_note(c, DL_ABSENT, "%s: run %" PRIu32 " (PFN 0x%" PRIx64 "..0x%" PRIx64
		       ") needs the file up to 0x%" PRIx64 ", which ends at 0x%" PRIx64
		       ": %" PRIu64 " of its pages are missing", source_name(c->source), i,
		       run.first, run.first + run.n - 1, off + run.n * PAGE_BYTES, end,
		       run.n - whole);
}

/* Adds run @i, whose pages begin at *@off in the file. */
static enum dl_status add_run(struct container *c, const uint8_t *head, uint32_t i,
			      uint64_t *off, struct dl_err *err)
{
	struct dmp *d = c->state;
	const struct dmp_width *w = d->width;
	struct claim run = claim_at(w, head, i);
	uint32_t at = w->runs_off + 2u * w->word * i;

	if (!run.n) {
		container_note(c, DL_CORRUPT, "%s: PageCount of run %" PRIu32 " at 0x%"
			       PRIx32 " is 0: ignored", source_name(c->source), i,
			       at + w->word);
		return DL_OK;
	}
	if (run.n >> DMP_PFN_BITS) /* nobody can tell where the next run's pages are */
		return err_set(err, DL_CORRUPT, "%s: PageCount of run %" PRIu32 " at 0x%"
			       PRIx32 " is 0x%" PRIx64 ", more pages than any machine has",
			       source_name(c->source), i, at + w->word, run.n);
	d->nr_pages += run.n;
	if (run.first >> DMP_PFN_BITS) {
		container_note(c, DL_CORRUPT, "%s: BasePage of run %" PRIu32 " at 0x%"
			       PRIx32 " is 0x%" PRIx64 ", no PFN of any machine: its pages "
			       "are left out", source_name(c->source), i, at, run.first);
	} else {
		note_cut_run(c, i, run, *off);
		if (!runs_add(&d->runs, run.first, run.first + run.n - 1, *off))
			return err_set(err, DL_NOMEM, "out of memory");
	}
	*off += run.n * PAGE_BYTES;
	return DL_OK;
}

static enum dl_status sort_runs(struct container *c, struct dl_err *err)
{
	struct dmp *d = c->state;
	bool overlaps;

	if (!d->runs.n)
		return err_set(err, DL_CORRUPT, "%s: none of the runs at 0x%x has pages",
			       source_name(c->source), d->width->runs_off);
	if (!runs_sort(&d->runs, PAGE_BYTES, RUNS_FIRST_WINS, &overlaps))
		return err_set(err, DL_NOMEM, "out of memory");
	if (overlaps)
		container_note(c, DL_CORRUPT, "%s: the runs at 0x%x overlap: the first "
			       "run with a page is taken", source_name(c->source),
			       d->width->runs_off);
	return DL_OK;
}

enum dl_status dmp_open_complete(struct container *c, const uint8_t *head,
				 struct dl_err *err)
{
	struct dmp *d = c->state;
	const struct dmp_width *w = d->width;
	uint64_t promised = le_word(head + w->nr_pages_off, w->word);
	uint64_t off = w->header_bytes;
	enum dl_status st;
	uint32_t n = 0;

	d->pages_off = off;
	st = nr_runs(c, head, &n, err);
	for (uint32_t i = 0; !st && i < n; i++)
		st = add_run(c, head, i, &off, err);
	if (st)
		return st;
	if (promised != d->nr_pages)
		container_note(c, DL_CORRUPT, "%s: NumberOfPages at 0x%x is %" PRIu64
			       ", but the runs add up to %" PRIu64 ": the runs are "
			       "taken", source_name(c->source), w->nr_pages_off, promised,
			       d->nr_pages);
	return sort_runs(c, err);
}
