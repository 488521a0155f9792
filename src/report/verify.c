/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What contradicts itself, to text and JSON: where, the bytes that stand
 * there, and the sound blocks before and after it with their tags.
 */
#include "json.h"
#include "words.h"

#include "dumpleak/report/report.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static bool is_page_fault(enum fault_kind kind)
{
	return kind == FAULT_SIZE_ZERO || kind == FAULT_SIZE_PAST_PAGE ||
	       kind == FAULT_PREVIOUS_SIZE;
}

/* The block that starts at @va; false if there is none. */
static bool block_at(const struct pool *pool, uint64_t va, struct block *b)
{
	size_t i;

	if (!va || !catalog_find(&pool->blocks, va, &i))
		return false;
	*b = catalog_get(&pool->blocks, i);
	return b->va == va;
}

/* The blocks on both sides of a bad place; a VA of 0: there is none. */
struct sides {
	uint64_t before_va, after_va;
	uint32_t before_tag, after_tag;
};

/* Of a bad header that does for its own block, the block behind that. */
static void next_in_page(const struct pool *pool, const struct pool_fault *f, struct sides *s)
{
	struct block b;

	if (f->after_va != f->bad_va || !block_at(pool, f->bad_va, &b))
		return;
	s->after_va = 0;
	if (!block_at(pool, b.va + b.size_bytes, &b) || (b.va ^ f->bad_va) >> PAGE_SHIFT)
		return;
	s->after_va = b.va;
	s->after_tag = b.tag;
}

/* Of a structure between blocks, those next to it in memory. */
static void nearest(const struct pool *pool, const struct pool_fault *f, struct sides *s)
{
	const uint64_t near_bytes = 1 << 20;
	const struct catalog *c = &pool->blocks;
	/* of a range its pages, not its descriptor at the segment's start */
	uint64_t va = f->kind == FAULT_RANGE ? f->page_va : f->bad_va;
	size_t i = catalog_lower_bound(c, va);

	if (!s->before_va && i && va - catalog_va(c, i - 1) < near_bytes) {
		s->before_va = catalog_va(c, i - 1);
		s->before_tag = c->tag[i - 1];
	}
	if (!s->after_va && i < c->nr && catalog_va(c, i) - va < near_bytes) {
		s->after_va = catalog_va(c, i);
		s->after_tag = c->tag[i];
	}
}

static struct sides sides_of(const struct pool *pool, const struct pool_fault *f)
{
	struct sides s = { f->before_va, f->after_va, f->before_tag, f->after_tag };

	if (is_page_fault(f->kind))
		next_in_page(pool, f, &s);
	else
		nearest(pool, f, &s);
	return s;
}

static const char *state_words(enum block_state state)
{
	return state == BLOCK_IN_USE ? "in use" : block_state_name(state);
}

static void neighbour_text(const struct report_input *in, const char *name, uint64_t va,
			   uint32_t tag, struct paper *p)
{
	const struct tag_meaning *m = tagnames_find(in->tagnames, tag);
	char at[24], quoted[TAG_QUOTED_MAX], rest[64] = "";
	struct block b;

	if (!va) {
		paper_field(p, name, "no sound block");
		return;
	}
	if (block_at(in->pool, va, &b))
		snprintf(rest, sizeof rest, ", 0x%" PRIx64 " bytes, %s", b.size_bytes,
			 state_words(b.state));
	/* free chunks of a heap have no tag */
	paper_field(p, name, "%s%s%s%s%s%s%s", va_text(in->os, va, at), tag ? " " : "",
		    tag ? tag_quoted(tag, quoted) : "", rest, m ? " (" : "",
		    m ? *m->driver ? m->driver : m->text : "", m ? ")" : "");
}

static size_t found_bytes(const struct pool_fault *f)
{
	uint64_t left = PAGE_BYTES - (f->bad_va & (PAGE_BYTES - 1));

	return left < sizeof f->found ? (size_t)left : sizeof f->found;
}

/* As many to a line as fit: blanks among them are not for wrapping. */
static void bytes_text(const struct report_input *in, const struct pool_fault *f,
		       struct paper *p)
{
	enum { INDENT = 4, ALL_WIDE = INDENT + 4 * sizeof f->found + 1 };
	size_t n = found_bytes(f), step = p->width < ALL_WIDE ? 8 : sizeof f->found;
	char at[24];

	paper_field(p, "First bad", "%s", va_text(in->os, f->bad_va, at));
	for (size_t from = 0; from < n; from += step) {
		fprintf(p->out, "%*s", INDENT - 1, "");
		for (size_t i = from; i < from + step; i++)
			if (i < n)
				fprintf(p->out, " %02x", (unsigned)f->found[i]);
			else
				fputs("   ", p->out);
		fputs("  ", p->out);
		for (size_t i = from; i < from + step && i < n; i++)
			fputc(f->found[i] >= 0x20 && f->found[i] < 0x7f ? f->found[i] : '.',
			      p->out);
		fputc('\n', p->out);
	}
}

/* The bytes as the header that they should be. */
static void header_text(const struct report_input *in, const struct pool_fault *f,
			struct paper *p)
{
	const struct pool_header_layout *h = &in->pool->layout.header;
	uint64_t raw = le64(f->found);
	unsigned previous = (unsigned)(raw >> h->previous_size.shift) & h->previous_size.mask;
	unsigned size = (unsigned)(raw >> h->block_size.shift) & h->block_size.mask;
	uint32_t tag = (uint32_t)(raw >> h->tag_shift);
	char quoted[TAG_QUOTED_MAX];

	if (!is_page_fault(f->kind))
		return;
	paper_field(p, "As a header", "PreviousSize 0x%x (0x%x bytes), BlockSize 0x%x (0x%x "
		    "bytes), PoolType 0x%x, PoolTag %s", previous, previous * h->unit_bytes,
		    size, size * h->unit_bytes,
		    (unsigned)(raw >> h->pool_type.shift) & h->pool_type.mask,
		    tag_quoted(tag, quoted));
}

static void fault_text(const struct report_input *in, const struct pool_fault *f,
		       struct paper *p)
{
	const char *place = fault_place(f->kind);
	struct sides s = sides_of(in->pool, f);
	char at[24];

	paper_blank(p);
	paper_strong(p, 0, "%c%s at %s (%s): %s.", toupper((unsigned char)*place), place + 1,
		     va_text(in->os, f->page_va, at), pool_kind_name(f->pool),
		     fault_kind_name(f->kind));
	neighbour_text(in, "Block before", s.before_va, s.before_tag, p);
	bytes_text(in, f, p);
	header_text(in, f, p);
	neighbour_text(in, "Block after", s.after_va, s.after_tag, p);
	if (f->lost_bytes)
		paper_field(p, "Lost", "0x%" PRIx32 " bytes between them", f->lost_bytes);
}

static void checked_text(const struct pool_check *c, struct paper *p)
{
	const struct { const char *one, *many; uint64_t n; } rows[] = {
		{ "pool page", "pool pages", c->pages },
		{ "page segment", "page segments", c->segments },
		{ "VS subsegment", "VS subsegments", c->vs_subsegments },
		{ "LFH subsegment", "LFH subsegments", c->lfh_subsegments },
		{ "large allocation", "large allocations", c->large },
		{ "block", "blocks", c->blocks },
		{ "free block's links", "free blocks' links", c->free_links },
		{ "lookaside list", "lookaside lists", c->lists },
		{ "row of the tag counters", "rows of the tag counters", c->tracker_rows },
		{ "row of the big-page table", "rows of the big-page table", c->big_rows },
		{ "page table", "page tables", c->page_tables },
	};
	char text[640] = "", n[32];
	size_t k = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0] && k < sizeof text; i++)
		if (rows[i].n)
			k += (size_t)snprintf(text + k, sizeof text - k, "%s%s %s",
					      k ? ", " : "", text_count(rows[i].n, n),
					      rows[i].n == 1 ? rows[i].one : rows[i].many);
	paper_field(p, "Checked", "%s", k ? text : "nothing");
	if (c->unread_pages)
		paper_field(p, "Not checked", "%s page%s that %s not in this dump or in the "
			    "page file", text_count(c->unread_pages, n),
			    plural(c->unread_pages), c->unread_pages == 1 ? "is" : "are");
	if (c->lists_cut)
		paper_field(p, c->unread_pages ? "" : "Not checked", "%s lookaside list%s from "
			    "an entry on that cannot be read", text_count(c->lists_cut, n),
			    plural(c->lists_cut));
}

static void lumps_text(const struct report_input *in, const struct pool_check *c,
		       struct paper *p)
{
	char n[32], at[24];

	for (size_t i = 0; i < c->nr_lumps; i++) {
		const struct check_lump *l = &c->lumps[i];

		paper_blank(p);
		paper_strong(p, 0, "%s %s%s%s.", text_count(l->count, n), l->what,
			     l->first_va ? ", the first at " : "",
			     l->first_va ? va_text(in->os, l->first_va, at) : "");
	}
}

void verify_text(const struct report_input *in, const struct pool_check *c, struct paper *p)
{
	bool pages = false;
	char n[32];

	if (c->contradictions)
		paper_strong(p, 0, "%s contradiction%s.", text_count(c->contradictions, n),
			     plural(c->contradictions));
	else
		paper_strong(p, 0, "Nothing contradicts itself.");
	checked_text(c, p);
	for (size_t i = 0; i < in->pool->nr_faults; i++) {
		const struct pool_fault *f = &in->pool->faults[c->order[i]];

		fault_text(in, f, p);
		pages |= is_page_fault(f->kind);
	}
	if (c->faults_more) {
		paper_blank(p);
		paper_text(p, 0, "And %s more like these: details are kept of the first %d.",
			   text_count(c->faults_more, n), POOL_MAX_FAULTS);
	}
	lumps_text(in, c, p);
	if (pages) {
		paper_blank(p);
		paper_text(p, 0, "Who overruns a block damages the header behind it: suspect "
			   "the owner of the block before first.");
	}
}

static void json_neighbour(struct jot *j, json_t *parent, const char *key,
			   const struct pool *pool, uint64_t va, uint32_t tag)
{
	struct block b;
	json_t *o;

	if (!va) {
		jot_null(j, parent, key);
		return;
	}
	o = jot_object(j, parent, key);
	jot_va(j, o, "va", va);
	if (tag)
		jot_tag(j, o, "tag", tag);
	else
		jot_null(j, o, "tag");
	if (block_at(pool, va, &b)) {
		jot_count(j, o, "size_bytes", b.size_bytes);
		jot_text(j, o, "state", block_state_name(b.state));
		jot_text(j, o, "how", block_how_name(b.how));
	} else {
		jot_null(j, o, "size_bytes");
		jot_null(j, o, "state");
		jot_null(j, o, "how");
	}
}

static void json_fault(struct jot *j, json_t *list, const struct pool *pool,
		       const struct pool_fault *f)
{
	char hex[2 * sizeof f->found + 1] = "";
	json_t *o = jot_item(j, list);
	struct sides s = sides_of(pool, f);

	for (size_t i = 0; i < found_bytes(f); i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned)f->found[i]);
	jot_text(j, o, "code", fault_code(f->kind));
	jot_text(j, o, "kind", fault_kind_name(f->kind));
	jot_text(j, o, "where", fault_place(f->kind));
	jot_text(j, o, "pool", pool_kind_name(f->pool));
	jot_va(j, o, "page_va", f->page_va);
	jot_va(j, o, "bad_va", f->bad_va);
	jot_text(j, o, "found", hex);
	jot_count(j, o, "lost_bytes", f->lost_bytes);
	json_neighbour(j, o, "before", pool, s.before_va, s.before_tag);
	json_neighbour(j, o, "after", pool, s.after_va, s.after_tag);
}

static void json_checked(struct jot *j, json_t *root, const struct pool_check *c)
{
	json_t *o = jot_object(j, root, "checked");

	jot_count(j, o, "pages", c->pages);
	jot_count(j, o, "blocks", c->blocks);
	jot_count(j, o, "free_links", c->free_links);
	jot_count(j, o, "lists", c->lists);
	jot_count(j, o, "tracker_rows", c->tracker_rows);
	jot_count(j, o, "big_rows", c->big_rows);
	jot_count(j, o, "page_tables", c->page_tables);
	jot_count(j, o, "segments", c->segments);
	jot_count(j, o, "vs_subsegments", c->vs_subsegments);
	jot_count(j, o, "lfh_subsegments", c->lfh_subsegments);
	jot_count(j, o, "large", c->large);
	jot_count(j, root, "unread_pages", c->unread_pages);
	jot_count(j, root, "lists_cut", c->lists_cut);
}

enum dl_status verify_json(const struct report_input *in, const struct pool_check *c,
			   FILE *out)
{
	struct jot j = { false };
	json_t *root = json_head(&j, "dumpleak.verify/1", in), *list, *o;

	json_reason(&j, root, in);
	if (!in->pool) {
		json_minidump(&j, root, in);
		return jot_write(&j, root, out);
	}
	jot_count(&j, root, "contradictions", c->contradictions);
	json_checked(&j, root, c);
	list = jot_array(&j, root, "faults");
	for (size_t i = 0; i < in->pool->nr_faults; i++)
		json_fault(&j, list, in->pool, &in->pool->faults[c->order[i]]);
	jot_count(&j, root, "faults_left_out", c->faults_more);
	list = jot_array(&j, root, "others");
	for (size_t i = 0; i < c->nr_lumps; i++) {
		o = jot_item(&j, list);
		jot_text(&j, o, "what", c->lumps[i].what);
		jot_count(&j, o, "count", c->lumps[i].count);
		jot_va_or_null(&j, o, "first_va", c->lumps[i].first_va);
	}
	return jot_write(&j, root, out);
}
