/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's counters beside the blocks found: what the report accounts for,
 * where both differ and what may be the reason, and tags that only ever grew.
 */
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAX_DIFFERING = 12, MAX_SIGNALS = 12, LEDGER_WIDE = 132 };

static void differing_row(struct table *t, const struct ledger_row *row)
{
	char tag[TAG_TEXT_MAX], n[32], why[WHY_MAX];

	table_row(t, NULL);
	table_cell(t, "%s", tag_text(row->tag, tag));
	if (row->counted) {
		table_cell(t, "%s", text_count(row->counted_blocks[0] +
					       row->counted_blocks[1], n));
		table_cell(t, "%s", text_count(row->counted_bytes[0] +
					       row->counted_bytes[1], n));
	} else {
		table_cell(t, "none");
		table_cell(t, "none");
	}
	table_cell(t, "%s", text_count(ledger_found_blocks(row, 0) +
				       ledger_found_blocks(row, 1), n));
	table_cell(t, "%s", text_count(ledger_found_bytes(row, 0) +
				       ledger_found_bytes(row, 1), n));
	table_cell(t, "%+" PRId64, ledger_diff(row));
	table_cell(t, "%s", why_words(row, -1, why, sizeof why));
}

static void differing_table(const struct report_input *in, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "COUNTED", TABLE_RIGHT }, { "BYTES", TABLE_RIGHT },
		{ "FOUND", TABLE_RIGHT }, { "BYTES", TABLE_RIGHT },
		{ "DIFFERENCE", TABLE_RIGHT }, { "EXPLAINED BY", TABLE_WRAP },
	};
	const struct ledger_row **rows;
	struct table t;
	size_t n;

	rows = ledger_by_diff(in->ledger, &n);
	if (!rows) {
		p->failed = true;
		return;
	}
	if (n)
		paper_blank(p);
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < n && i < MAX_DIFFERING; i++)
		differing_row(&t, rows[i]);
	table_end(&t);
	if (n > MAX_DIFFERING)
		paper_text(p, 2, "and %zu tags with smaller differences: see `dumpleak tags "
			   "--ledger --sort=diff`.", n - MAX_DIFFERING);
	free(rows);
}

/* Sums by reason: "up to 5.9 KB paged out, 96 B not explained"; false: no byte */
static bool sum_words(const uint64_t bytes[2][NR_LEDGER_REASONS], char *out, size_t n,
		      uint64_t *all)
{
	size_t k = 0;
	char size[24];

	*all = 0;
	out[0] = '\0';
	for (int i = 0; i < NR_LEDGER_REASONS && k < n; i++) {
		uint64_t sum = bytes[0][i] + bytes[1][i];

		if (!sum)
			continue;
		*all += sum;
		k += (size_t)snprintf(out + k, n - k, "%s%s%s %s", k ? ", " : "",
				      i == REASON_NONE ? "" : "up to ", text_size(sum, size),
				      ledger_reason_name((enum ledger_reason)i));
	}
	return *all != 0;
}

static void sums(const struct ledger *l, struct paper *p)
{
	char why[WHY_MAX], size[24], tables[24], carved[24];
	uint64_t all;

	if (sum_words(l->missing, why, sizeof why, &all))
		paper_field(p, "Not found", "%s that the kernel counts: %s",
			    text_size(all, size), why);
	if (sum_words(l->extra, why, sizeof why, &all))
		paper_field(p, "Not counted", "%s in blocks found beyond the kernel's counters: "
			    "%s", text_size(all, size), why);
	if (l->table_bytes || l->carved_bytes)
		paper_field(p, "Of those found", "%s of the kernel's own tables, %s carved "
			    "by headers", text_size(l->table_bytes, tables),
			    text_size(l->carved_bytes, carved));
	if (l->slack_bytes)
		paper_field(p, "Rounding", "%s that the heap gave %s what is counted for the "
			    "same blocks", text_size(l->slack_bytes < 0
			    ? 0 - (uint64_t)l->slack_bytes : (uint64_t)l->slack_bytes, size),
			    l->slack_bytes < 0 ? "less than" : "beyond");
	if (l->cached_bytes)
		paper_field(p, "Cached", "%s on lists of freed blocks: the counters say freed",
			    text_size(l->cached_bytes, size));
}

static void counters_partial(const struct ledger *l, unsigned indent, struct paper *p)
{
	if (l->known && l->rows_absent)
		paper_text(p, indent, "The kernel's counters are only partly there: %zu row%s of "
			   "PoolTrackTable %s not in the dump, and tags without a row look "
			   "uncounted.", l->rows_absent, plural(l->rows_absent),
			   l->rows_absent == 1 ? "is" : "are");
}

static bool in_view(const struct tags_view *view, const struct ledger_signal *s)
{
	enum pool_kind kind = s->paged ? POOL_PAGED : POOL_NONPAGED;

	for (size_t i = 0; view && i < view->nr; i++)
		if ((view->rows[i]->tag & 0x7fffffff) == s->tag && view->rows[i]->pool == kind)
			return true;
	return !view;
}

void text_signals(const struct report_input *in, const struct tags_view *view,
		  struct paper *p)
{
	const struct ledger *l = in->ledger;
	size_t n = 0;

	for (size_t i = 0; l && i < l->nr_signals && n < MAX_SIGNALS; i++) {
		const struct ledger_signal *s = &l->signals[i];
		char tag[TAG_QUOTED_MAX], allocs[32], frees[32], size[24];

		if (!in_view(view, s))
			continue;
		if (!n++)
			paper_blank(p);
		paper_strong(p, view ? 0 : 2, "%s freed: %s (%s): %s allocations, %s frees, %s "
			     "outstanding", s->frees ? "Hardly" : "Never",
			     tag_quoted(s->tag, tag), s->paged ? "paged" : "nonpaged",
			     text_count(s->allocs, allocs), text_count(s->frees, frees),
			     text_size(s->bytes, size));
	}
}

void text_reconciliation(const struct report_input *in, struct paper *p)
{
	const struct ledger *l = in->ledger;
	char found[24], counted[24], accounted[24], share[16], exact[32], all[32];

	if (!l)
		return;
	paper_heading(p, "RECONCILIATION WITH THE KERNEL'S COUNTERS");
	if (!l->known) {
		paper_text(p, 2, "The kernel's per-tag counters were not found. Blocks in "
			   "use hold %s; what share of the pool that is, is unknown.",
			   text_size(l->bytes_walked, found));
		return;
	}
	paper_text(p, 2, "This report accounts for %s of the pool that the kernel counts "
		   "as allocated: %s of %s (%s bytes of %s). Of %" PRIu64 " tags with "
		   "anything allocated, %" PRIu64 " agree to the block and the byte.",
		   share_text(ratio(l->bytes_accounted, l->bytes_counted), share),
		   text_size(l->bytes_accounted, accounted),
		   text_size(l->bytes_counted, counted),
		   text_count(l->bytes_accounted, exact), text_count(l->bytes_counted, all),
		   l->tags_total, l->tags_matched);
	counters_partial(l, 2, p);
	sums(l, p);
	differing_table(in, p);
	text_signals(in, NULL, p);
}

static void counted_cell(struct table *t, bool counted, uint64_t v)
{
	char n[32];

	if (counted)
		table_cell(t, "%s", text_count(v, n));
	else
		table_cell(t, "none");
}

/* Session pool has counters of its own, which are not read. */
static const struct ledger_row *row_of(const struct report_input *in,
				       const struct pool_class *c)
{
	return c->pool == POOL_SESSION ? NULL : ledger_row_of(in->ledger, c->tag);
}

static void name_cells(struct table *t, const struct pool_class *c)
{
	char tag[TAG_TEXT_MAX];

	table_row(t, NULL);
	table_cell(t, "%s", tag_text(c->tag, tag));
	table_cell(t, "%s", pool_kind_name(c->pool));
}

static void sum_cells(struct table *t, const struct pool_class *c,
		      const struct ledger_row *row, bool wide)
{
	int paged = c->pool == POOL_PAGED;
	uint64_t found = row ? ledger_found_bytes(row, paged) : c->bytes;
	char n[32];

	if (row) {
		counted_cell(t, row->counted, row->allocs[paged]);
		counted_cell(t, row->counted, row->frees[paged]);
		if (wide)
			counted_cell(t, row->counted, row->counted_blocks[paged]);
		counted_cell(t, row->counted, row->counted_bytes[paged]);
	} else {
		for (int i = 0; i < (wide ? 4 : 3); i++)
			table_cell(t, "unknown");
	}
	table_cell(t, "%s", text_count(row ? ledger_found_blocks(row, paged) : c->blocks, n));
	table_cell(t, "%s", text_count(found, n));
	if (!row)
		table_cell(t, "%s", wide ? text_count(c->cached_blocks, n) : "unknown");
	else if (wide)
		table_cell(t, "%s", text_count(row->cached_blocks[paged], n));
	if (row)
		table_cell(t, "%+" PRId64, (int64_t)(found - row->counted_bytes[paged]));
}

static bool differs(const struct ledger_row *row, int paged)
{
	return ledger_found_bytes(row, paged) != row->counted_bytes[paged] ||
	       ledger_found_blocks(row, paged) != row->counted_blocks[paged];
}

static void wide_table(const struct report_input *in, const struct tags_view *view,
		       struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "POOL", 0 }, { "ALLOCS", TABLE_RIGHT },
		{ "FREES", TABLE_RIGHT }, { "COUNTED", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "FOUND", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "CACHED", TABLE_RIGHT },
		{ "DIFFERENCE", TABLE_RIGHT }, { "EXPLAINED BY", TABLE_WRAP },
	};
	char why[WHY_MAX];
	struct table t;

	table_begin(&t, p, 0, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->nr; i++) {
		const struct pool_class *c = view->rows[i];
		const struct ledger_row *row = row_of(in, c);
		int paged = c->pool == POOL_PAGED;

		name_cells(&t, c);
		sum_cells(&t, c, row, true);
		if (row)
			table_cell(&t, "%s", !in->ledger->known ? "" : differs(row, paged)
				   ? why_words(row, paged, why, sizeof why) : "agrees");
	}
	table_end(&t);
}

static void narrow_table(const struct report_input *in, const struct tags_view *view,
			 struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "POOL", 0 }, { "ALLOCS", TABLE_RIGHT },
		{ "FREES", TABLE_RIGHT }, { "BYTES", TABLE_RIGHT },
		{ "FOUND", TABLE_RIGHT }, { "BYTES", TABLE_RIGHT },
		{ "DIFF", TABLE_RIGHT },
	};
	struct table t;

	table_begin(&t, p, 0, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->nr; i++) {
		name_cells(&t, view->rows[i]);
		sum_cells(&t, view->rows[i], row_of(in, view->rows[i]), false);
	}
	table_end(&t);
}

/* What the narrow table has no room for, of the rows that have any of it. */
static void narrow_reasons(const struct report_input *in, const struct tags_view *view,
			   struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "POOL", 0 }, { "CACHED", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "DIFFERENCE EXPLAINED BY", TABLE_WRAP },
	};
	char n[32], why[WHY_MAX];
	struct table t;
	bool any = false;

	table_begin(&t, p, 0, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->nr; i++) {
		const struct pool_class *c = view->rows[i];
		const struct ledger_row *row = row_of(in, c);
		int paged = c->pool == POOL_PAGED;

		if (!row || (!row->cached_blocks[paged] && !differs(row, paged)))
			continue;
		any = true;
		name_cells(&t, c);
		table_cell(&t, "%s", text_count(row->cached_blocks[paged], n));
		table_cell(&t, "%s", text_count(row->cached_bytes[paged], n));
		table_cell(&t, "%s", !in->ledger->known ? "" : differs(row, paged)
			   ? why_words(row, paged, why, sizeof why) : "agrees");
	}
	if (any)
		paper_blank(p);
	table_end(&t);
}

void text_ledger(const struct report_input *in, const struct tags_view *view,
		 struct paper *p)
{
	if (!in->ledger->known)
		paper_text(p, 0, "The kernel's per-tag counters were not found: only what was "
			   "found is shown.");
	counters_partial(in->ledger, 0, p);
	if (p->width >= LEDGER_WIDE) {
		wide_table(in, view, p);
		return;
	}
	narrow_table(in, view, p);
	narrow_reasons(in, view, p);
}
