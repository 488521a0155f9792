/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block to text and JSON: its header, its neighbours, and its contents
 * word by word with what each points to.
 */
#include "json.h"
#include "words.h"

#include "dumpleak/report/report.h"

#include <inttypes.h>
#include <string.h>

static uint64_t header_value(const struct show_view *v, struct header_bits bits)
{
	return le64(v->header) >> bits.shift & bits.mask;
}

static const char *no_header_words(enum block_how how)
{
	if (how == BLOCK_SPECIAL)
		return "special pool, a page of its own";
	return how == BLOCK_RANGE ? "whole pages of a heap, or a chunk that begins on a page"
				  : "a big allocation, known from the big-page table";
}

static const char *how_words(enum block_how how)
{
	static const char *const words[NR_BLOCK_HOWS] = {
		[BLOCK_PAGE] = "in a pool page", [BLOCK_BIG] = "big", [BLOCK_VS] = "a VS chunk",
		[BLOCK_LFH] = "a slot of an LFH bucket", [BLOCK_RANGE] = "whole pages",
		[BLOCK_CARVED] = "carved: known by its header alone",
		[BLOCK_SPECIAL] = "special pool",
	};

	return words[how];
}

static void header_fields(const struct report_input *in, const struct show_view *v,
			  struct paper *p)
{
	const struct pool_header_layout *h = &in->pool->layout.header;
	uint64_t previous = header_value(v, h->previous_size);
	uint64_t size = header_value(v, h->block_size);
	uint32_t tag = (uint32_t)(le64(v->header) >> h->tag_shift);
	char quoted[TAG_QUOTED_MAX];

	if (!block_has_header(catalog_how(&in->pool->blocks, v->index))) {
		paper_field(p, "Header", "none: %s",
			    no_header_words(catalog_how(&in->pool->blocks, v->index)));
		return;
	}
	if (!v->header_readable) {
		paper_field(p, "Header", "absent: its page is not in this dump");
		return;
	}
	paper_field(p, "Header", "PreviousSize 0x%" PRIx64 " (0x%" PRIx64 " bytes), PoolIndex 0x%"
		    PRIx64 ", BlockSize 0x%" PRIx64 " (0x%" PRIx64 " bytes), PoolType 0x%" PRIx64
		    ", PoolTag 0x%08" PRIx32 " %s%s", previous, previous * h->unit_bytes,
		    header_value(v, h->pool_index), size, size * h->unit_bytes,
		    header_value(v, h->pool_type), tag, tag_quoted(tag, quoted),
		    tag & 0x80000000 ? " protected" : "");
}

static void neighbour(const struct report_input *in, size_t i, const char *name,
		      struct paper *p)
{
	struct block b = catalog_get(&in->pool->blocks, i);
	char va[24], tag[TAG_QUOTED_MAX];

	paper_field(p, name, "%s, 0x%" PRIx64 " bytes, %s, %s", va_text(in->os, b.va, va),
		    b.size_bytes, tag_quoted(b.tag, tag), block_state_name(b.state));
}

static bool adjoins(const struct catalog *c, size_t i)
{
	return catalog_va(c, i) + catalog_size(c, i) == catalog_va(c, i + 1);
}

static const char *state_words(enum block_state state)
{
	static const char *const words[NR_BLOCK_STATES] = {
		[BLOCK_FREE] = "free", [BLOCK_IN_USE] = "in use",
		[BLOCK_CACHED] = "freed, cached on a lookaside list of the pool",
		[BLOCK_PARKED] = "parked on a lookaside list of a driver",
		[BLOCK_DELAYED] = "freed, on a list of delayed frees",
	};

	return words[state];
}

static void charged_field(const struct report_input *in, const struct show_view *v,
			  struct paper *p)
{
	char va[24];

	if (!v->charged_va)
		return;
	va_text(in->os, v->charged_va, va);
	if (v->charged)
		paper_field(p, "Charged to", "%s, process %" PRIu64 " at %s",
			    v->charged->image && *v->charged->image ? v->charged->image
			    : "(no name)", v->charged->pid, va);
	else
		paper_field(p, "Charged to", "the process at %s, which is not on the list of "
			    "processes", va);
}

static void block_fields(const struct report_input *in, const struct show_view *v,
			 struct paper *p)
{
	const struct catalog *c = &in->pool->blocks;
	struct block b = catalog_get(c, v->index);
	uint64_t user = pool_user_va(in->pool, v->index);
	const struct tag_meaning *m = tagnames_find(in->tagnames, b.tag);
	char va[24], start[24], tag[TAG_QUOTED_MAX], n[32];

	paper_field(p, "Address", "%s is 0x%" PRIx64 " bytes %s %s",
		    va_text(in->os, v->asked_va, va),
		    v->asked_va >= user ? v->asked_va - user : user - v->asked_va,
		    v->asked_va >= user ? "into the contents at" : "before the contents at",
		    va_text(in->os, user, start));
	paper_field(p, "Block", "%s, 0x%" PRIx64 " bytes%s, %s pool, %s",
		    va_text(in->os, b.va, va), b.size_bytes,
		    block_has_header(b.how) ? " with its header" : "", pool_kind_name(b.pool),
		    state_words(b.state));
	if (b.how != BLOCK_PAGE && b.how != BLOCK_BIG)
		paper_field(p, "Kept as", "%s", how_words(b.how));
	paper_field(p, "Tag", "%s%s%s%s%s", tag_quoted(b.tag, tag), m ? ", " : "",
		    m ? m->driver : "", m && *m->driver && *m->text ? ": " : "",
		    m ? m->text : "");
	header_fields(in, v, p);
	charged_field(in, v, p);
	if (v->klass)
		paper_field(p, "Class", "%s blocks of this tag and size in use",
			    text_count(v->klass->blocks, n));
	if (v->index && adjoins(c, v->index - 1))
		neighbour(in, v->index - 1, "Before it", p);
	if (v->index + 1 < c->nr && adjoins(c, v->index))
		neighbour(in, v->index + 1, "Behind it", p);
}

/* Bytes in memory order, what is not printable as dots. */
static char *ascii_of(uint64_t value, unsigned bytes, char out[9])
{
	for (unsigned i = 0; i < bytes; i++, value >>= 8) {
		unsigned c = value & 0xff;

		out[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
	}
	out[bytes] = '\0';
	return out;
}

/* What offsets count from: the block's contents, or the address asked for. */
static uint64_t start_of(const struct report_input *in, const struct show_view *v)
{
	return v->has_block ? pool_user_va(in->pool, v->index) : v->asked_va;
}

static void offset_cell(struct table *t, uint64_t va, uint64_t start)
{
	if (va < start)
		table_cell(t, "-0x%" PRIx64, start - va);
	else
		table_cell(t, "+0x%" PRIx64, va - start);
}

static void words_table(const struct report_input *in, const struct show_view *v,
			struct paper *p)
{
	static const struct table_column columns[] = {
		{ "OFFSET", TABLE_RIGHT }, { "ADDRESS", 0 }, { "VALUE", TABLE_RIGHT },
		{ "TEXT", 0 }, { "POINTS TO", TABLE_WRAP },
	};
	unsigned width = in->os->layout.ptr_bytes;
	uint64_t start = start_of(in, v);
	struct table t;
	char va[24], text[9];

	paper_blank(p);
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < v->nr_words; i++) {
		const struct shown_word *w = &v->words[i];

		table_row(&t, NULL);
		if (v->asked_va - w->va < width && v->asked_va != start)
			table_row_colour(&t, "yellow");
		offset_cell(&t, w->va, start);
		table_cell(&t, "%s", va_text(in->os, w->va, va));
		table_cell(&t, "%s", w->readable ? va_text(in->os, w->value, va) : "absent");
		table_cell(&t, "%s", w->readable ? ascii_of(w->value, width, text) : "");
		table_cell(&t, "%s", w->text);
	}
	table_end(&t);
	if (v->words_cut)
		paper_text(p, 2, "%zu more words left out.", v->words_cut);
}

void show_text(const struct report_input *in, const struct show_view *view,
	       struct paper *p)
{
	char va[24], place[PLACE_MAX];

	if (view->has_block)
		block_fields(in, view, p);
	else
		paper_field(p, "Address", "%s%s%s", va_text(in->os, view->asked_va, va),
			    place_text(in->os, view->asked_va, place, sizeof place) ? ", " : "",
			    place);
	words_table(in, view, p);
}

static void json_header(struct jot *j, json_t *o, const struct report_input *in,
			const struct show_view *v)
{
	const struct pool_header_layout *h = &in->pool->layout.header;
	json_t *out;

	if (!block_has_header(catalog_how(&in->pool->blocks, v->index)) ||
	    !v->header_readable) {
		jot_null(j, o, "header");
		return;
	}
	out = jot_object(j, o, "header");
	jot_count(j, out, "previous_size", header_value(v, h->previous_size));
	jot_count(j, out, "pool_index", header_value(v, h->pool_index));
	jot_count(j, out, "block_size", header_value(v, h->block_size));
	jot_count(j, out, "pool_type", header_value(v, h->pool_type));
	jot_va(j, out, "pool_tag", le64(v->header) >> h->tag_shift & UINT32_MAX);
	jot_count(j, out, "unit_bytes", h->unit_bytes);
}

static void json_block(struct jot *j, json_t *parent, const char *key,
		       const struct report_input *in, size_t i)
{
	struct block b = catalog_get(&in->pool->blocks, i);
	json_t *o = jot_object(j, parent, key);

	jot_va(j, o, "va", pool_user_va(in->pool, i));
	if (block_has_header(b.how))
		jot_va(j, o, "header_va", b.va);
	else
		jot_null(j, o, "header_va");
	jot_count(j, o, "size_bytes", b.size_bytes);
	jot_tag(j, o, "tag", b.tag);
	jot_text(j, o, "pool", pool_kind_name(b.pool));
	jot_text(j, o, "state", block_state_name(b.state));
	jot_text(j, o, "how", block_how_name(b.how));
	jot_text(j, o, "list", cached_list_name(b.state));
}

static void json_words(struct jot *j, json_t *root, const struct report_input *in,
		       const struct show_view *v)
{
	json_t *list = jot_array(j, root, "words"), *o;
	uint64_t start = start_of(in, v);

	for (size_t i = 0; i < v->nr_words; i++) {
		const struct shown_word *w = &v->words[i];

		o = jot_item(j, list);
		jot_offset(j, o, "offset", (int64_t)(w->va - start));
		jot_va(j, o, "va", w->va);
		if (w->readable)
			jot_va(j, o, "value", w->value);
		else
			jot_null(j, o, "value");
		jot_text(j, o, "kind", w->readable ? target_kind_name(w->target.kind) : NULL);
		jot_word(j, o, "target", w->text);
	}
}

static void json_charged(struct jot *j, json_t *root, const struct show_view *v)
{
	json_t *o;

	if (!v->charged_va) {
		jot_null(j, root, "charged");
		return;
	}
	o = jot_object(j, root, "charged");
	jot_va(j, o, "va", v->charged_va);
	if (v->charged) {
		jot_count(j, o, "pid", v->charged->pid);
		jot_word(j, o, "image", v->charged->image);
	} else {
		jot_null(j, o, "pid");
		jot_null(j, o, "image");
	}
}

static void json_block_part(struct jot *j, json_t *root, const struct report_input *in,
			    const struct show_view *view)
{
	const struct catalog *c = &in->pool->blocks;

	json_block(j, root, "block", in, view->index);
	json_meaning(j, root, in, catalog_tag(c, view->index));
	json_header(j, root, in, view);
	json_charged(j, root, view);
	if (view->klass)
		jot_count(j, root, "class_blocks", view->klass->blocks);
	else
		jot_null(j, root, "class_blocks");
	if (view->index && adjoins(c, view->index - 1))
		json_block(j, root, "before", in, view->index - 1);
	else
		jot_null(j, root, "before");
	if (view->index + 1 < c->nr && adjoins(c, view->index))
		json_block(j, root, "behind", in, view->index + 1);
	else
		jot_null(j, root, "behind");
}

static void json_no_block(struct jot *j, json_t *root)
{
	static const char *const keys[] = {
		"block", "driver", "meaning", "header", "charged", "class_blocks", "before",
		"behind",
	};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		jot_null(j, root, keys[i]);
}

enum dl_status show_json(const struct report_input *in, const struct show_view *view,
			 FILE *out)
{
	struct jot j = { false };
	json_t *root = json_head(&j, "dumpleak.show/1", in);

	json_reason(&j, root, in);
	jot_va(&j, root, "address", view->asked_va);
	if (view->has_block)
		json_block_part(&j, root, in, view);
	else
		json_no_block(&j, root);
	json_words(&j, root, in, view);
	jot_count(&j, root, "words_left_out", view->words_cut);
	return jot_write(&j, root, out);
}
