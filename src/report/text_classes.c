/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: the largest tags and classes, and the rows of `tags`. */
#include "text.h"

#include <inttypes.h>
#include <string.h>

static void class_cells(struct table *t, const struct report_input *in,
			const struct pool_class *c, bool with_size)
{
	const struct pool_totals *totals = &in->pool->totals[c->pool];
	char tag[TAG_TEXT_MAX], n[32], share[16];

	table_cell(t, "%s", tag_text(c->tag, tag));
	table_cell(t, "%s", pool_kind_name(c->pool));
	if (with_size && c->any_size)
		table_cell(t, "any");
	else if (with_size)
		table_cell(t, "0x%" PRIx32, c->size_bytes);
	table_cell(t, "%s", text_count(c->blocks, n));
	table_cell(t, "%s", share_text(ratio(c->blocks, totals->blocks[BLOCK_IN_USE]), share));
	table_cell(t, "%s", text_count(c->bytes, n));
	table_cell(t, "%s", share_text(ratio(c->bytes, totals->block_bytes[BLOCK_IN_USE]),
				       share));
}

static void meaning_cell(struct table *t, const struct report_input *in, uint32_t tag)
{
	char text[SMALL_TEXT];

	meaning_words(in, tag, text, sizeof text);
	table_cell(t, "%s", text);
}

static void top_table(const struct report_input *in, const struct classes *classes,
		      bool with_size, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "POOL", 0 }, { "BLOCK", TABLE_RIGHT },
		{ "BLOCKS", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
		{ "MEANING", TABLE_WRAP },
	};
	struct table_column mine[8];
	size_t n = 0;
	struct table t;

	/* sizes instead of meanings, which the table of tags has given */
	for (size_t i = 0; i < 8; i++)
		if (i != (with_size ? 7 : 2))
			mine[n++] = columns[i];
	table_begin(&t, p, 2, mine, n);
	for (size_t i = 0; i < classes->nr && i < TOP_ROWS; i++) {
		if (!classes->list[i].blocks)
			break;
		table_row(&t, NULL);
		class_cells(&t, in, &classes->list[i], with_size);
		if (!with_size)
			meaning_cell(&t, in, classes->list[i].tag);
	}
	table_end(&t);
}

void text_top(const struct report_input *in, struct paper *p)
{
	if (in->tags) {
		paper_heading(p, "TOP TAGS BY BYTES");
		top_table(in, in->tags, false, p);
	}
	if (in->classes) {
		paper_heading(p, "TOP CLASSES (TAG AND BLOCK SIZE, HEADER INCLUDED)");
		top_table(in, in->classes, true, p);
	}
}

static void counted_cell(struct table *t, bool counted, uint64_t v)
{
	char n[32];

	if (counted)
		table_cell(t, "%s", text_count(v, n));
	else
		table_cell(t, "none");
}

static void ledger_cells(struct table *t, const struct report_input *in,
			 const struct ledger_row *row, int paged)
{
	uint64_t found = ledger_found_bytes(row, paged);
	const char *because = ledger_words(in, row);
	char n[32];

	counted_cell(t, row->counted, row->allocs[paged]);
	counted_cell(t, row->counted, row->frees[paged]);
	counted_cell(t, row->counted, row->counted_blocks[paged]);
	counted_cell(t, row->counted, row->counted_bytes[paged]);
	table_cell(t, "%s", text_count(ledger_found_blocks(row, paged), n));
	table_cell(t, "%s", text_count(found, n));
	table_cell(t, "%s", text_count(row->cached_blocks[paged], n));
	table_cell(t, "%+" PRId64, (int64_t)(found - row->counted_bytes[paged]));
	table_cell(t, "%s", because ? because : "agrees");
}

/* Session pool has counters of its own, which are not read. */
static void uncounted_cells(struct table *t, const struct pool_class *c)
{
	char n[32];

	for (int i = 0; i < 4; i++)
		table_cell(t, "unknown");
	table_cell(t, "%s", text_count(c->blocks, n));
	table_cell(t, "%s", text_count(c->bytes, n));
	table_cell(t, "%s", text_count(c->cached_blocks, n));
}

static void ledger_table(const struct report_input *in, const struct tags_view *view,
			 struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "POOL", 0 }, { "ALLOCS", TABLE_RIGHT },
		{ "FREES", TABLE_RIGHT }, { "COUNTED", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "FOUND", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "CACHED", TABLE_RIGHT },
		{ "DIFFERENCE", TABLE_RIGHT }, { "EXPLAINED BY", TABLE_WRAP },
	};
	struct table t;

	table_begin(&t, p, 0, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < view->nr; i++) {
		const struct pool_class *c = view->rows[i];
		const struct ledger_row *row;
		char tag[TAG_TEXT_MAX];

		table_row(&t, NULL);
		table_cell(&t, "%s", tag_text(c->tag, tag));
		table_cell(&t, "%s", pool_kind_name(c->pool));
		row = c->pool == POOL_SESSION ? NULL : ledger_row_of(in->ledger, c->tag);
		if (row)
			ledger_cells(&t, in, row, c->pool == POOL_PAGED);
		else
			uncounted_cells(&t, c);
	}
	table_end(&t);
}

static void plain_table(const struct report_input *in, const struct tags_view *view,
			struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "POOL", 0 }, { "BLOCK", TABLE_RIGHT },
		{ "BLOCKS", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
		{ "BYTES", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
		{ "FREE", TABLE_RIGHT }, { "CACHED", TABLE_RIGHT },
		{ "MEANING", TABLE_WRAP },
	};
	struct table_column mine[10];
	size_t n = 0;
	struct table t;

	for (size_t i = 0; i < 10; i++)
		if (i != 2 || view->by_size)
			mine[n++] = columns[i];
	table_begin(&t, p, 0, mine, n);
	for (size_t i = 0; i < view->nr; i++) {
		const struct pool_class *c = view->rows[i];
		char count[32];

		table_row(&t, NULL);
		class_cells(&t, in, c, view->by_size);
		table_cell(&t, "%s", text_count(c->free_blocks, count));
		table_cell(&t, "%s", text_count(c->cached_blocks, count));
		meaning_cell(&t, in, c->tag);
	}
	table_end(&t);
}

void tags_text(const struct report_input *in, const struct tags_view *view,
	       struct paper *p)
{
	if (view->ledger)
		ledger_table(in, view, p);
	else
		plain_table(in, view, p);
	if (view->nr_more)
		paper_text(p, 0, "%zu more rows left out by --top.", view->nr_more);
}
