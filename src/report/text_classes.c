/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms: the largest tags and classes, and the rows of `tags`. */
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { ROOM_FOR_ALL = 100 };    /* columns of a page */

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
	bool with_meaning = !view->by_size || p->width >= ROOM_FOR_ALL;
	struct table_column mine[10];
	size_t n = 0;
	struct table t;

	/* with sizes a narrow page has no room for meanings */
	for (size_t i = 0; i < 10; i++)
		if ((i != 2 || view->by_size) && (i != 9 || with_meaning))
			mine[n++] = columns[i];
	table_begin(&t, p, 0, mine, n);
	for (size_t i = 0; i < view->nr; i++) {
		const struct pool_class *c = view->rows[i];
		char count[32];

		table_row(&t, NULL);
		class_cells(&t, in, c, view->by_size);
		table_cell(&t, "%s", text_count(c->free_blocks, count));
		table_cell(&t, "%s", text_count(c->cached_blocks, count));
		if (with_meaning)
			meaning_cell(&t, in, c->tag);
	}
	table_end(&t);
}

void tags_text(const struct report_input *in, const struct tags_view *view,
	       struct paper *p)
{
	if (view->ledger)
		text_ledger(in, view, p);
	else
		plain_table(in, view, p);
	if (view->nr_more)
		paper_text(p, 0, "%zu more rows left out by --top.", view->nr_more);
	text_signals(in, view, p);
}
