/* SPDX-License-Identifier: Apache-2.0 */
/* tags: the histogram, with the rows and in the order that were asked for. */
#include "output.h"

#include <stdlib.h>
#include <string.h>

/* Rows on their way into the view: sorted by key, most first, then as they were. */
struct row {
	const struct pool_class *class;
	uint64_t key;
	size_t place;
};

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? 1 : -1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Tags in alphabetical order come first with the largest key. */
static uint64_t key_of_tag(uint32_t tag)
{
	uint32_t text = (tag & 0xff) << 24 | (tag & 0xff00) << 8 | (tag >> 8 & 0xff00) |
			(tag >> 24 & 0x7f);

	return UINT32_MAX - text;
}

static uint64_t key_of_diff(const struct ledger *ledger, const struct pool_class *c)
{
	const struct ledger_row *row = ledger_row_of(ledger, c->tag);
	int paged = c->pool == POOL_PAGED;
	uint64_t found, counted;

	if (!row || c->pool == POOL_SESSION)
		return 0;
	found = ledger_found_bytes(row, paged);
	counted = row->counted_bytes[paged];
	return found > counted ? found - counted : counted - found;
}

static uint64_t key_of(const struct session *s, const struct pool_class *c)
{
	switch (s->opts->sort) {
	case SORT_BLOCKS: return c->blocks;
	case SORT_TAG: return key_of_tag(c->tag);
	case SORT_DIFF: return key_of_diff(&s->ledger, c);
	default: return c->bytes;
	}
}

/* Whether the kernel has ever counted an allocation of this tag in this pool. */
static bool is_counted(const struct ledger *ledger, const struct pool_class *c)
{
	const struct ledger_row *row = ledger_row_of(ledger, c->tag);

	return row && c->pool != POOL_SESSION && row->allocs[c->pool == POOL_PAGED];
}

static bool fits(const struct session *s, const struct pool_class *c)
{
	const struct options *o = s->opts;

	if (o->has_tag && !tag_matches(o->tag, c->tag))
		return false;
	if (o->has_pool && o->pool != c->pool)
		return false;
	/* tags of free blocks are what is left of former owners */
	if (!c->blocks && !c->cached_blocks &&
	    !((o->ledger || o->sort == SORT_DIFF) && is_counted(&s->ledger, c)))
		return false;
	return c->bytes >= o->min_bytes;
}

static bool has_class(const struct classes *tags, uint32_t tag, enum pool_kind pool)
{
	for (size_t i = 0; i < tags->nr; i++)
		if (tags->list[i].tag == tag && tags->list[i].pool == pool)
			return true;
	return false;
}

/* Tags that the kernel counts but of which no block was found: rows, too. */
static size_t missing_classes(const struct session *s, struct pool_class *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ledger.nr; i++) {
		const struct ledger_row *row = &s->ledger.rows[i];

		for (int k = 0; k < 2; k++) {
			enum pool_kind pool = k ? POOL_PAGED : POOL_NONPAGED;

			if (!row->allocs[k] || has_class(&s->tags, row->tag, pool))
				continue;
			out[n++] = (struct pool_class){
				.tag = row->tag, .pool = pool, .any_size = true,
			};
		}
	}
	return n;
}

static enum dl_status no_memory(struct session *s)
{
	return err_set(&s->err, DL_NOMEM, "out of memory");
}

/* @classes, then @more classes from @extra, that fit: in order, cut to --top. */
static enum dl_status choose(struct session *s, const struct classes *classes,
			     const struct pool_class *extra, size_t more,
			     struct tags_view *view)
{
	uint64_t top = s->opts->top;
	struct row *rows = arena_array(&s->arena, classes->nr + more + 1, sizeof *rows);
	const struct pool_class **list =
		arena_array(&s->arena, classes->nr + more + 1, sizeof *list);
	size_t n = 0;

	if (!rows || !list)
		return no_memory(s);
	for (size_t i = 0; i < classes->nr + more; i++) {
		const struct pool_class *c = i < classes->nr ? &classes->list[i]
							     : &extra[i - classes->nr];

		if (fits(s, c))
			rows[n++] = (struct row){ c, key_of(s, c), i };
	}
	qsort(rows, n, sizeof *rows, by_key);
	view->nr = top && n > top ? (size_t)top : n;
	view->nr_more = n - view->nr;
	view->rows = list;
	for (size_t i = 0; i < view->nr; i++)
		list[i] = rows[i].class;
	return DL_OK;
}

static enum dl_status make_view(struct session *s, struct tags_view *view)
{
	struct pool_class *extra;
	size_t more;

	view->by_size = s->opts->by_size;
	view->ledger = s->opts->ledger;
	if (view->by_size || (!view->ledger && s->opts->sort != SORT_DIFF))
		return choose(s, view->by_size ? &s->classes : &s->tags, NULL, 0, view);
	extra = arena_array(&s->arena, 2 * s->ledger.nr + 1, sizeof *extra);
	if (!extra)
		return no_memory(s);
	more = missing_classes(s, extra);
	return choose(s, &s->tags, extra, more, view);
}

static enum dl_status print(struct session *s, const struct tags_view *view)
{
	const struct report_input *in = session_input(s);
	enum dl_status status;
	struct paper paper;
	FILE *out;

	if (!in)
		return no_memory(s);
	progress_line_clear(&s->line);
	if (!s->opts->json) {
		paper = output_paper(s->opts);
		if (in->pool)
			tags_text(in, view, &paper);
		else
			minidump_text(in, &paper);
		return paper.failed ? no_memory(s) : DL_OK;
	}
	status = output_json_open(s, &out);
	if (status)
		return status;
	status = tags_json(in, view, out);
	return output_json_close(s, out, status);
}

enum dl_status cmd_tags(struct session *s)
{
	struct tags_view view = { 0 };
	enum dl_status status;

	if (s->opts->by_size && s->opts->ledger)
		return err_set(&s->err, DL_USAGE, "tags: the kernel counts by tag, not by "
			       "size: --by-size and --ledger exclude each other");
	status = session_tagnames(s);
	if (!status)
		status = session_classes(s);
	if (!status)
		status = s->opts->ledger || s->opts->sort == SORT_DIFF
			 ? session_measured_ledger(s) : session_ledger(s);
	if (!status)
		status = make_view(s, &view);
	/* what it has instead, or its empty list */
	if (status == DL_NOTFOUND && session_is_minidump(s) && s->has_os)
		return print(s, &view) == DL_OK ? status : DL_NOMEM;
	if (!status && !view.nr)
		return err_set(&s->err, DL_NOTFOUND, "no blocks in use%s%s fit",
			       s->opts->has_tag ? " with tag " : "",
			       s->opts->has_tag ? s->opts->tag_words : "");
	return status ? status : print(s, &view);
}
