/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspects to text: the headline that names them, then one block for each with
 * all it rests on, so that a driver's vendor can check every word of it.
 */
#include "text.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_HEADLINES = 3 };

static const char *pool_name(enum pool_kind kind)
{
	static const char *const names[] = {
		[POOL_NONPAGED] = "Nonpaged pool", [POOL_PAGED] = "Paged pool",
		[POOL_SESSION] = "Session pool",
	};

	return names[kind];
}

/* "24,000 blocks of 0x40 bytes tagged 'Io  ' (61.0 % of the blocks in use, 1.46 MB)" */
static void class_words(const struct suspect *s, char *out, size_t n)
{
	const struct pool_class *c = &s->class;
	char count[32], size[24], tag[TAG_QUOTED_MAX], share[16], block[48] = "";

	if (!c->any_size)
		snprintf(block, sizeof block, " of 0x%" PRIx32 " bytes", c->size_bytes);
	snprintf(out, n, "%s block%s%s tagged %s (%s of the blocks in use, %s)",
		 text_count(c->blocks, count), c->blocks == 1 ? "" : "s", block,
		 tag_quoted(c->tag, tag), share_text(s->candidate.block_share, share),
		 text_size(c->bytes, size));
}

static void owner_words(const struct report_input *in, const struct owner *w, char *out,
			size_t n)
{
	char driver[SMALL_TEXT], va[24];

	if (!w->driver && !w->module && !w->device) {
		snprintf(out, n, "%s%s", w->name && *w->name ? w->name : "unknown",
			 w->unloaded ? " (unloaded)" : "");
		return;
	}
	driver_words(in->os, w->driver, w->module, driver, sizeof driver);
	if (w->device && *w->device->name)
		snprintf(out, n, "%s of %s", w->device->name, driver);
	else if (w->device)
		snprintf(out, n, "the device at %s of %s",
			 va_text(in->os, w->device->va, va), driver);
	else
		snprintf(out, n, "%s", driver);
}

/* "100.0 % by +0x10 -> device object, 99.8 % by +0x4 -> event in its extension" */
static void evidence_words(const struct owner *w, char *out, size_t n)
{
	size_t k = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < w->nr_evidence && i < 3 && k < n; i++) {
		char share[16];

		k += (size_t)snprintf(out + k, n - k, "%s%s by %s", i ? ", " : "",
				      share_text(w->evidence[i].share, share),
				      w->evidence[i].path);
	}
}

/* One owner, with all that leads there. */
static void owned_headline(const struct report_input *in, const struct suspect *s,
			   const char *class, struct paper *p)
{
	char owner[SMALL_TEXT * 2], evidence[1024], control[16];
	const struct owner *w = &s->owners[0];

	owner_words(in, w, owner, sizeof owner);
	evidence_words(w, evidence, sizeof evidence);
	paper_strong(p, 0, "%s: %s %s %s: %s; in blocks of other classes %s.%s",
		     pool_name(s->class.pool), class,
		     s->verdict == VERDICT_THIN ? "may belong to" : "lead to", owner,
		     evidence, share_text(w->control_share, control),
		     s->verdict == VERDICT_THIN ? " The evidence is thin." : "");
}

/* Several owners: each with its part, or each as likely as the other. */
static void shared_headline(const struct report_input *in, const struct suspect *s,
			    const char *class, struct paper *p)
{
	char owner[SMALL_TEXT * 2], list[SMALL_TEXT * 8] = "", share[16];
	const char *between = s->verdict == VERDICT_TIE ? " or " : ", ";
	size_t k = 0;

	for (unsigned i = 0; i < s->nr_owners && i < 3 && k < sizeof list; i++) {
		owner_words(in, &s->owners[i], owner, sizeof owner);
		k += (size_t)snprintf(list + k, sizeof list - k, "%s%s (%s)",
				      i ? between : "", owner,
				      share_text(s->owners[i].share, share));
	}
	paper_strong(p, 0, "%s: %s lead to %s%s%s", pool_name(s->class.pool), class,
		     s->verdict == VERDICT_TIE ? "" : "several owners: ", list,
		     s->verdict == VERDICT_TIE ? ": which of them, the evidence does not "
						 "tell." : ".");
}

static void headline_of(const struct report_input *in, const struct suspect *s,
			struct paper *p)
{
	char class[SMALL_TEXT];

	class_words(s, class, sizeof class);
	if (!s->nr_owners || s->verdict == VERDICT_NONE)
		paper_strong(p, 0, "%s: %s look like a leak. Whose they are, their contents "
			     "do not tell.", pool_name(s->class.pool), class);
	else if (s->verdict == VERDICT_TIE || s->verdict == VERDICT_SHARED)
		shared_headline(in, s, class, p);
	else
		owned_headline(in, s, class, p);
}

static void no_suspects(const struct report_input *in, struct paper *p)
{
	const struct pool_totals *np = &in->pool->totals[POOL_NONPAGED];
	const struct pool_totals *pg = &in->pool->totals[POOL_PAGED];
	char a[32], b[32], c[32];

	paper_strong(p, 0, "No suspects: no class of blocks stands out as a leak. Looked at: "
		     "%s nonpaged and %s paged blocks in use, in %s classes by tag and size.",
		     text_count(np->blocks[BLOCK_IN_USE], a),
		     text_count(pg->blocks[BLOCK_IN_USE], b),
		     text_count(in->classes ? in->classes->nr : 0, c));
}

void text_headline(const struct report_input *in, struct paper *p)
{
	const struct findings *f = in->findings;

	if (!in->os)
		paper_strong(p, 0, "Nothing analysed: %s", in->os_reason);
	else if (!in->pool)
		paper_strong(p, 0, "No pool analysed: %s", in->pool_reason);
	else if (!f || !f->nr)
		no_suspects(in, p);
	for (size_t i = 0; f && i < f->nr && i < MAX_HEADLINES; i++) {
		if (i)
			paper_blank(p);
		headline_of(in, &f->suspects[i], p);
	}
	if (f && f->nr > MAX_HEADLINES) {
		paper_blank(p);
		paper_text(p, 0, "%zu more suspect%s below.", f->nr - MAX_HEADLINES,
			   f->nr - MAX_HEADLINES == 1 ? " is" : "s are");
	}
}

static void what_fields(const struct report_input *in, const struct suspect *s,
			struct paper *p)
{
	const struct pool_class *c = &s->class;
	char count[32], size[24], blocks[16], bytes[16], text[SMALL_TEXT], read[32];

	paper_field(p, "What", "%s blocks, %s: %s of the blocks and %s of the bytes in use "
		    "in %s pool", text_count(c->blocks, count), text_size(c->bytes, size),
		    share_text(s->candidate.block_share, blocks),
		    share_text(s->candidate.byte_share, bytes), pool_kind_name(c->pool));
	meaning_words(in, c->tag, text, sizeof text);
	paper_field(p, "Tag", "%s", *text ? text : "meaning unknown; see --pooltag");
	if (s->candidate.why)
		paper_field(p, "Why", "%s", s->candidate.why);
	paper_field(p, "Contents", "%" PRIu32 " of %" PRIu32 " bytes behind the header are "
		    "used; %s blocks were readable", s->used_bytes, s->user_bytes,
		    text_count(s->readable, read));
	if (s->listed)
		paper_field(p, "Lists", "%s of them are linked into lists that end in a head "
			    "outside: whoever has the head can still reach them",
			    text_count(s->listed, read));
}

static void owner_row(struct table *t, const char *owner, const char *path,
		      uint64_t blocks, double share, double control_share)
{
	char text[32];

	table_row(t, NULL);
	table_cell(t, "%s", owner);
	table_cell(t, "%s", path);
	table_cell(t, "%s", text_count(blocks, text));
	table_cell(t, "%s", share_text(share, text));
	table_cell(t, "%s", share_text(control_share, text));
}

/* A single piece of evidence needs no sum above it. */
static void owner_rows(struct table *t, const struct report_input *in,
		       const struct owner *w)
{
	char owner[SMALL_TEXT * 2];
	bool single = w->nr_evidence == 1 && w->evidence[0].blocks == w->blocks;

	owner_words(in, w, owner, sizeof owner);
	if (!single)
		owner_row(t, owner, "any path", w->blocks, w->share, w->control_share);
	for (unsigned i = 0; i < w->nr_evidence; i++) {
		const struct evidence *e = &w->evidence[i];

		owner_row(t, single ? owner : "", e->path, e->blocks, e->share,
			  e->control_share);
	}
}

static void owners_table(const struct report_input *in, const struct suspect *s,
			 struct paper *p)
{
	static const struct table_column columns[] = {
		{ "OWNER", TABLE_WRAP }, { "BY", TABLE_WRAP }, { "BLOCKS", TABLE_RIGHT },
		{ "SHARE", TABLE_RIGHT }, { "ELSEWHERE", TABLE_RIGHT },
	};
	struct table t;

	paper_blank(p);
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (unsigned i = 0; i < s->nr_owners; i++)
		owner_rows(&t, in, &s->owners[i]);
	table_end(&t);
}

static const char *words_of(const struct column *c)
{
	return c->words && *c->words ? c->words : c->target ? c->target : "";
}

/* Whether @b says nothing that @a, before it, has not said. */
static bool same_column(const struct column *a, const struct column *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == COLUMN_UNWRITTEN)
		return true;
	if (a->kind != COLUMN_ZERO && a->kind != COLUMN_CONSTANT)
		return false;
	return !strcmp(words_of(a), words_of(b));
}

/* Rows @first to @last, which say the same. */
static void layout_row(struct table *t, const struct column *first,
		       const struct column *last)
{
	char share[16], count[32];
	bool folded = last != first;

	table_row(t, NULL);
	if (first->kind == COLUMN_UNWRITTEN)
		table_row_colour(t, "darkgray");
	if (folded)
		table_cell(t, "+0x%" PRIx32 "..+0x%" PRIx32, first->offset, last->offset);
	else
		table_cell(t, "+0x%" PRIx32, first->offset);
	table_cell(t, "%s", column_kind_name(first->kind));
	table_cell(t, "%s", share_text(first->share, share));
	if (folded && first->kind == COLUMN_UNWRITTEN)
		table_cell(t, "%s", "");
	else
		table_cell(t, "%s%s", first->distinct_exact ? "" : ">=",
			   text_count(first->distinct, count));
	table_cell(t, "%s%s", folded && first->kind == COLUMN_UNWRITTEN ? "first word: " : "",
		   words_of(first));
}

static void layout_table(const struct suspect *s, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "OFFSET", TABLE_RIGHT }, { "KIND", 0 }, { "SHARE", TABLE_RIGHT },
		{ "VALUES", TABLE_RIGHT }, { "CONTENTS", TABLE_WRAP },
	};
	struct table t;

	paper_blank(p);
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0, last; i < s->nr_columns; i = last + 1) {
		for (last = i; last + 1 < s->nr_columns; last++)
			if (!same_column(&s->columns[last], &s->columns[last + 1]))
				break;
		layout_row(&t, &s->columns[i], &s->columns[last]);
	}
	table_end(&t);
	if (s->columns_cut)
		paper_text(p, 2, "and %zu more words that were not looked at.",
			   s->columns_cut);
}

static void samples_field(const struct report_input *in, const struct suspect *s,
			  struct paper *p)
{
	char text[SMALL_TEXT] = "", va[24];
	size_t k = 0;

	for (unsigned i = 0; i < s->nr_samples; i++)
		k += (size_t)snprintf(text + k, sizeof text - k, "%s%s", i ? " " : "",
				      va_text(in->os, s->samples[i], va));
	if (k)
		paper_field(p, "Samples", "%s", text);
}

static void suspect(const struct report_input *in, const struct suspect *s, size_t nr,
		    struct paper *p)
{
	char tag[TAG_QUOTED_MAX];

	if (s->class.any_size)
		paper_heading(p, "SUSPECT %zu: %s, any size, %s pool", nr,
			      tag_quoted(s->class.tag, tag), pool_kind_name(s->class.pool));
	else
		paper_heading(p, "SUSPECT %zu: %s, blocks of 0x%" PRIx32 " bytes, %s pool",
			      nr, tag_quoted(s->class.tag, tag), s->class.size_bytes,
			      pool_kind_name(s->class.pool));
	what_fields(in, s, p);
	if (s->verdict_words)
		paper_field(p, "Whose", "%s", s->verdict_words);
	if (s->nr_owners)
		owners_table(in, s, p);
	if (s->control_blocks) {
		char count[32];

		paper_text(p, 2, "ELSEWHERE: the same owner by any path, in %s blocks of "
			   "other classes.",
			   text_count(s->control_blocks, count));
	}
	if (s->nr_columns)
		layout_table(s, p);
	paper_blank(p);
	samples_field(in, s, p);
	for (size_t i = 0; s->next_steps && s->next_steps[i]; i++)
		paper_field(p, i ? "" : "Next", "%zu. %s", i + 1, s->next_steps[i]);
}

void text_suspects(const struct report_input *in, struct paper *p)
{
	const struct findings *f = in->findings;

	for (size_t i = 0; f && i < f->nr; i++)
		suspect(in, &f->suspects[i], i + 1, p);
	if (f && !f->nr) {
		paper_heading(p, "SUSPECTS");
		paper_text(p, 2, "None. Every class of blocks of one tag and size was looked "
			   "at for its share of the pool and for what it kept of all that was "
			   "allocated since boot (docs/candidates.md); the largest are listed "
			   "below.");
	}
}
