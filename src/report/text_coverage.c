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

	if (t->tracker_known && t->tracker_tables > 1)
		paper_field(p, "Tag counters", "at %s, %zu rows, in the tables of %zu "
			    "processors%s", va_text(in->os, t->tracker_va, va), t->tracker_rows,
			    t->tracker_tables, t->expansion_va ? " and an expansion" : "");
	else if (t->tracker_known)
		paper_field(p, "Tag counters", "at %s, %zu rows%s",
			    va_text(in->os, t->tracker_va, va), t->tracker_rows,
			    t->expansion_va ? " and an expansion" : "");
	else
		paper_field(p, "Tag counters", "not found");
	if (t->big_known)
		paper_field(p, "Big pages", "table at %s, found %s: %zu rows, %zu in use, "
			    "%zu contradictory", va_text(in->os, t->big_va, va),
			    t->big_how ? t->big_how : "somehow", t->big_rows, t->big_used,
			    t->big_bad);
	else
		paper_field(p, "Big pages", "table not found: %s", in->pool->heap.how
			    ? "whose the allocations without a header are is not known"
			    : "allocations of a page and more are missing from this report");
	paper_field(p, "Page tables", "%" PRIu64 " read, %" PRIu64 " not in this dump, %"
		    PRIu64 " reached twice", tally->tables, tally->tables_absent,
		    tally->tables_repeated);
}

static void free_list_field(const struct report_input *in, struct paper *p)
{
	const struct pool_lists *l = &in->pool->lists;
	char linked[32], unlinked[32], va[24];

	paper_field(p, "Free lists", "%s free blocks linked, %s on no list, %" PRIu64
		    " with links that contradict%s%s", text_count(l->free_linked, linked),
		    text_count(l->free_unlinked, unlinked), l->free_bad,
		    l->free_bad ? ", the first at " : "",
		    l->free_bad ? va_text(in->os, l->first_bad_va, va) : "");
}

static void key_field(const char *name, bool known, size_t votes, size_t voters,
		      const char *else_words, struct paper *p)
{
	if (known && voters)
		paper_field(p, name, "known; %zu of %zu agree on it", votes, voters);
	else if (known)
		paper_field(p, name, "known");
	else
		paper_field(p, name, "not found%s%s", *else_words ? ": " : "", else_words);
}

static void heap_fields(const struct report_input *in, struct paper *p)
{
	const struct pool_heap *h = &in->pool->heap;
	char va[24], segments[32], vs[32], lfh[32], large[32];

	if (!h->how)
		return;
	paper_field(p, "Segment heap", "%zu heap%s, found by %s%s%s", h->heaps, plural(h->heaps),
		    h->how, h->state_va ? " at " : "",
		    h->state_va ? va_text(in->os, h->state_va, va) : "");
	paper_field(p, "", "%s page segment%s, %s VS and %s LFH subsegments, %s large "
		    "allocation%s", text_count(h->segments, segments), plural(h->segments),
		    text_count(h->vs_subsegments, vs), text_count(h->lfh_subsegments, lfh),
		    text_count(h->large, large), plural(h->large));
	key_field("Heap key", h->heap_key_known, h->heap_key_votes, h->heap_key_voters,
		  "VS subsegments were carved for headers", p);
	key_field("LFH key", h->lfh_key_known, h->lfh_key_votes, h->lfh_key_voters,
		  "LFH subsegments were carved for headers", p);
	if (!h->state_va)
		paper_field(p, "Heap lookasides", "not found without the pool state: blocks on "
			    "them are among those in use");
	if (h->carved_subsegments || h->absent_subsegments)
		paper_field(p, "Subsegments", "%zu damaged or not to be decoded, carved for "
			    "headers; %zu not in this dump", h->carved_subsegments,
			    h->absent_subsegments);
}

/* Before Windows 8 the pointer stands in the header as it is. */
static void quota_field(const struct pool *pool, struct paper *p)
{
	const struct pool_quota *q = &pool->quota;

	if (pool->layout.header.quota_cookie && (q->cookie_known || q->voters))
		key_field("Quota cookie", q->cookie_known, q->votes, q->voters,
			  "whose quota is charged is not known", p);
}

static void lists_fields(const struct report_input *in, struct paper *p)
{
	const struct pool *pool = in->pool;
	char n[32];

	if (!pool->heap.how)
		free_list_field(in, p);
	paper_field(p, "Lookaside lists", "%" PRIu64 " walked, %" PRIu64
		    " that contradict, %" PRIu64 " that lead to memory which cannot be read; "
		    "%" PRIu64 " frees pending", pool->lists.lookasides,
		    pool->lists.lookasides_bad, pool->lists.lookasides_cut,
		    pool->lists.pending_frees);
	if (pool->lists.unreached)
		paper_field(p, "", "%s blocks stand behind these, and among those in use",
			    text_count(pool->lists.unreached, n));
	if (pool->stray_pages || pool->stale_pages || pool->aliased_pages)
		paper_field(p, "Left out", "%" PRIu64 " pages that look like pool but lie "
			    "apart, %" PRIu64 " stale ones, %" PRIu64 " mapped twice",
			    pool->stray_pages, pool->stale_pages, pool->aliased_pages);
}

/* With its address where that is short; `verify` has all of it. */
static void neighbour_cell(struct table *t, const struct report_input *in, uint64_t va,
			   uint32_t tag)
{
	char text[24], quoted[TAG_QUOTED_MAX];

	if (!va)
		table_cell(t, "none");
	else if (!tag)
		table_cell(t, "no tag");
	else if (in->os->layout.ptr_bytes > 4)
		table_cell(t, "%s", tag_quoted(tag, quoted));
	else
		table_cell(t, "%s %s", va_text(in->os, va, text), tag_quoted(tag, quoted));
}

static void faults_table(const struct report_input *in, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "BAD ADDRESS", 0 }, { "WHAT", TABLE_WRAP }, { "BLOCK BEFORE", 0 },
		{ "BLOCK AFTER", 0 }, { "LOST", TABLE_RIGHT },
	};
	const struct pool *pool = in->pool;
	struct table t;
	char va[24];

	if (!pool->nr_faults)
		return;
	paper_heading(p, "DAMAGED POOL");
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
		paper_text(p, 2, "%" PRIu64 " places in all.", pool->faulty_pages);
	paper_text(p, 2, "Who overruns a block damages the header behind it: suspect the "
		   "owner of the block before first. `dumpleak verify` shows the bytes and the "
		   "blocks around each place.");
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
		heap_fields(in, p);
		tables_fields(in, p);
		lists_fields(in, p);
		quota_field(in->pool, p);
	}
	if (in->os)
		notes(in->os->notes, in->os->nr_notes, p);
	if (in->pool)
		notes(in->pool->notes, in->pool->nr_notes, p);
}
