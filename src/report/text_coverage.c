/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be read, and what contradicts itself. */
#include "text.h"

#include <inttypes.h>

enum { MAX_FAULTS_SHOWN = 16 };

static void kind_coverage(const struct pool_totals *t, const char *name, struct paper *p)
{
	char out[32], trimmed[32], absent[32], lost[24];

	if (!t->bytes && !t->paged_out_pages && !t->absent_pages)
		return;
	paper_field(p, name, "pages in the page file: %s; not in this dump: %s; trimmed, "
		    "but still there: %s; lost in damaged pages: %s",
		    text_count(t->paged_out_pages, out), text_count(t->absent_pages, absent),
		    text_count(t->transition_pages, trimmed), text_size(t->lost_bytes, lost));
}

static void tables_fields(const struct report_input *in, struct paper *p)
{
	const struct pool_tables *t = &in->pool->tables;
	const struct vm_tally *tally = &in->pool->tally;
	char va[24];

	if (t->tracker_known)
		paper_field(p, "Tag counters", "at %s, %zu rows",
			    va_text(in->os, t->tracker_va, va), t->tracker_rows);
	else
		paper_field(p, "Tag counters", "not found");
	if (t->big_known)
		paper_field(p, "Big pages", "table at %s, found %s: %zu rows, %zu in use, "
			    "%zu contradictory", va_text(in->os, t->big_va, va),
			    t->big_how ? t->big_how : "somehow", t->big_rows, t->big_used,
			    t->big_bad);
	else
		paper_field(p, "Big pages", "table not found: allocations of a page and "
			    "more are missing from this report");
	paper_field(p, "Page tables", "%" PRIu64 " read, %" PRIu64 " not in this dump, %"
		    PRIu64 " reached twice", tally->tables, tally->tables_absent,
		    tally->tables_repeated);
}

static void lists_fields(const struct report_input *in, struct paper *p)
{
	const struct pool *pool = in->pool;
	char linked[32], unlinked[32], va[24];

	paper_field(p, "Free lists", "%s free blocks linked, %s on no list, %" PRIu64
		    " with links that contradict%s%s",
		    text_count(pool->lists.free_linked, linked),
		    text_count(pool->lists.free_unlinked, unlinked), pool->lists.free_bad,
		    pool->lists.free_bad ? ", the first at " : "", pool->lists.free_bad
		    ? va_text(in->os, pool->lists.first_bad_va, va) : "");
	paper_field(p, "Lookaside lists", "%" PRIu64 " walked, %" PRIu64
		    " that contradict; %" PRIu64 " frees pending", pool->lists.lookasides,
		    pool->lists.lookasides_bad, pool->lists.pending_frees);
	if (pool->stray_pages || pool->stale_pages || pool->aliased_pages)
		paper_field(p, "Left out", "%" PRIu64 " pages that look like pool but lie "
			    "apart, %" PRIu64 " stale ones, %" PRIu64 " mapped twice",
			    pool->stray_pages, pool->stale_pages, pool->aliased_pages);
}

static void neighbour_cell(struct table *t, const struct report_input *in, uint64_t va,
			   uint32_t tag)
{
	char text[24], quoted[TAG_QUOTED_MAX];

	if (va)
		table_cell(t, "%s %s", va_text(in->os, va, text), tag_quoted(tag, quoted));
	else
		table_cell(t, "none");
}

static void faults_table(const struct report_input *in, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "BAD HEADER", 0 }, { "WHAT", TABLE_WRAP }, { "LAST SOUND BLOCK", 0 },
		{ "NEXT SOUND BLOCK", 0 }, { "LOST", TABLE_RIGHT },
	};
	const struct pool *pool = in->pool;
	struct table t;
	char va[24];

	if (!pool->nr_faults)
		return;
	paper_heading(p, "DAMAGED POOL PAGES");
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < pool->nr_faults && i < MAX_FAULTS_SHOWN; i++) {
		const struct pool_fault *f = &pool->faults[i];

		table_row(&t, NULL);
		table_row_colour(&t, "red");
		table_cell(&t, "%s", va_text(in->os, f->bad_va, va));
		table_cell(&t, "%s (%s)", fault_kind_name(f->kind), pool_kind_name(f->pool));
		neighbour_cell(&t, in, f->before_va, f->before_tag);
		neighbour_cell(&t, in, f->after_va, f->after_tag);
		table_cell(&t, "0x%" PRIx32, f->lost_bytes);
	}
	table_end(&t);
	if (pool->faulty_pages > MAX_FAULTS_SHOWN)
		paper_text(p, 2, "%" PRIu64 " damaged pages in all.", pool->faulty_pages);
	paper_text(p, 2, "Who overruns a block damages the header behind it: suspect the "
		   "owner of the last sound block first.");
}

static void notes(const struct os_note *list, size_t n, struct paper *p)
{
	for (size_t i = 0; i < n; i++)
		paper_field(p, list[i].kind == DL_OK ? "Remark"
			    : list[i].kind == DL_ABSENT ? "Absent"
			    : list[i].kind == DL_CORRUPT ? "Corrupt"
			    : list[i].kind == DL_UNSUPPORTED ? "Unsupported"
			    : "Not found", "%s", list[i].text);
}

void text_coverage(const struct report_input *in, struct paper *p)
{
	if (in->pool)
		faults_table(in, p);
	paper_heading(p, "COVERAGE");
	if (!in->pool)
		paper_text(p, 2, "The pool was not analysed: %s", in->os ? in->pool_reason
			   : in->os_reason);
	if (in->pool) {
		kind_coverage(&in->pool->totals[POOL_NONPAGED], "Nonpaged", p);
		kind_coverage(&in->pool->totals[POOL_PAGED], "Paged", p);
		kind_coverage(&in->pool->totals[POOL_SESSION], "Session", p);
		tables_fields(in, p);
		lists_fields(in, p);
	}
	if (in->os)
		notes(in->os->notes, in->os->nr_notes, p);
	if (in->pool)
		notes(in->pool->notes, in->pool->nr_notes, p);
}
