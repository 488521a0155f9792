/* SPDX-License-Identifier: Apache-2.0 */
/* What a minidump holds instead of pool: lists, counters, the thread's stack. */
#include "text.h"

#include <inttypes.h>

enum { MAX_STACK_ROWS = 64 };

static void pages_of(struct paper *p, const char *name, uint64_t pages, uint64_t max,
		     const char *words)
{
	char a[32], b[32], size[24];

	paper_field(p, name, "%s pages (%s)%s%s", text_count(pages, a),
		    text_size(pages * PAGE_BYTES, size), words, text_count(max, b));
}

static void mm_fields(const struct dump_minidump *m, struct paper *p)
{
	char tag[TAG_QUOTED_MAX], peak[32], limit[32], now[32];

	if (!m->has_mm) {
		paper_field(p, "Pool counters", "none");
		return;
	}
	pages_of(p, "Nonpaged pool", m->nonpaged_pages, m->max_nonpaged_pages,
		 " allocated, of at most ");
	pages_of(p, "Paged pool", m->paged_pages, m->max_paged_pages,
		 " allocated, of at most ");
	paper_field(p, "Commit", "%s pages, at its peak %s, of at most %s",
		    text_count(m->committed_pages, now),
		    text_count(m->peak_committed_pages, peak),
		    text_count(m->commit_limit_pages, limit));
	if (m->special_pool_tag)
		paper_field(p, "Special pool", "tag %s",
			    tag_quoted(m->special_pool_tag, tag));
	if (m->verify_level)
		paper_field(p, "Verifier", "level 0x%" PRIx32, m->verify_level);
}

static void copy_words(const struct dump_copy *copy, const char *name, char *out, size_t max)
{
	size_t n = 0;

	while (out[n])
		n++;
	if (copy->size_bytes)
		snprintf(out + n, max - n, "%s%s (0x%" PRIx64 " bytes)", n ? ", " : "", name,
			 copy->size_bytes);
}

static void copies_field(const struct dump_minidump *m, struct paper *p)
{
	char text[SMALL_TEXT] = "";

	copy_words(&m->prcb, "KPRCB", text, sizeof text);
	copy_words(&m->process, "EPROCESS", text, sizeof text);
	copy_words(&m->thread, "ETHREAD", text, sizeof text);
	copy_words(&m->data_page, "a page of data", text, sizeof text);
	paper_field(p, "Copies of", "%s", *text ? text : "nothing");
}

/* Only the words that tell something: those that point into an image. */
static void stack_table(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "ADDRESS", 0 }, { "VALUE", 0 }, { "POINTS INTO", TABLE_WRAP },
	};
	struct table t;
	char place[PLACE_MAX], va[24];
	size_t rows = 0, more = 0;

	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < os->nr_stack_words; i++) {
		if (!place_text(os, os->stack_words[i], place, sizeof place))
			continue;
		if (rows == MAX_STACK_ROWS) {
			more++;
			continue;
		}
		rows++;
		table_row(&t, NULL);
		table_cell(&t, "%s", va_text(os, os->stack_va + i * os->layout.ptr_bytes, va));
		table_cell(&t, "%s", va_text(os, os->stack_words[i], va));
		table_cell(&t, "%s", place);
	}
	table_end(&t);
	if (more)
		paper_text(p, 2, "%zu more words that point into images left out.", more);
}

static void stack_section(const struct report_input *in, struct paper *p)
{
	const struct os *os = in->os;
	char count[32], va[24];

	if (!os || !os->nr_stack_words)
		return;
	paper_heading(p, "STACK OF THE THREAD THAT CRASHED");
	paper_text(p, 2, "%s words from %s up; those that point into an image, some of them "
		   "return addresses:", text_count(os->nr_stack_words, count),
		   va_text(os, os->stack_va, va));
	stack_table(os, p);
}

void minidump_text(const struct report_input *in, struct paper *p)
{
	const struct dump_minidump *m = in->dump.minidump;
	char ranges[32], size[24], stack[24], va[24];

	if (!m)
		return;
	paper_heading(p, "WHAT THE MINIDUMP HOLDS");
	paper_field(p, "Lists", "%zu modules, %zu unloaded", m->nr_modules, m->nr_unloaded);
	if (m->broken_driver)
		paper_field(p, "Broken driver", "%s", m->broken_driver);
	if (m->service_pack_build)
		paper_field(p, "Service pack", "build 0x%" PRIx32, m->service_pack_build);
	paper_field(p, "Memory", "%s range%s, %s", text_count(m->nr_ranges, ranges),
		    plural(m->nr_ranges), text_size(m->range_bytes, size));
	copies_field(m, p);
	mm_fields(m, p);
	if (in->tag_table_va)
		paper_field(p, "Tag table", "some of it, at %s",
			    va_text(in->os, in->tag_table_va, va));
	else
		paper_field(p, "Tag table", "none");
	if (m->stack_bytes)
		paper_field(p, "Stack", "%s at %s", text_size(m->stack_bytes, stack),
			    va_text(in->os, m->stack_va, va));
	else
		paper_field(p, "Stack", "none");
	stack_section(in, p);
}
