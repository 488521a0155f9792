/* SPDX-License-Identifier: Apache-2.0 */
/* What a minidump holds to JSON; and why there is no pool, for every dump. */
#include "json.h"

#include "words.h"

static void json_mm(struct jot *j, json_t *parent, const struct dump_minidump *m)
{
	json_t *o;

	if (!m->has_mm) {
		jot_null(j, parent, "mm");
		return;
	}
	o = jot_object(j, parent, "mm");
	jot_count(j, o, "nonpaged_pages", m->nonpaged_pages);
	jot_count(j, o, "max_nonpaged_pages", m->max_nonpaged_pages);
	jot_count(j, o, "paged_pages", m->paged_pages);
	jot_count(j, o, "max_paged_pages", m->max_paged_pages);
	jot_count(j, o, "committed_pages", m->committed_pages);
	jot_count(j, o, "peak_committed_pages", m->peak_committed_pages);
	jot_count(j, o, "commit_limit_pages", m->commit_limit_pages);
	if (m->special_pool_tag)
		jot_tag(j, o, "special_pool_tag", m->special_pool_tag);
	else
		jot_null(j, o, "special_pool_tag");
	jot_count(j, o, "verify_level", m->verify_level);
}

static void json_stack(struct jot *j, json_t *parent, const struct report_input *in)
{
	const struct dump_minidump *m = in->dump.minidump;
	const struct os *os = in->os;
	json_t *stack, *list, *o;
	char place[PLACE_MAX];

	if (!m->stack_bytes) {
		jot_null(j, parent, "stack");
		return;
	}
	stack = jot_object(j, parent, "stack");
	jot_va(j, stack, "va", os && os->nr_stack_words ? os->stack_va : m->stack_va);
	jot_count(j, stack, "size_bytes", m->stack_bytes);
	list = jot_array(j, stack, "words");
	for (size_t i = 0; os && i < os->nr_stack_words; i++) {
		o = jot_item(j, list);
		jot_va(j, o, "va", os->stack_va + i * os->layout.ptr_bytes);
		jot_va(j, o, "value", os->stack_words[i]);
		place_text(os, os->stack_words[i], place, sizeof place);
		jot_word(j, o, "target", place);
	}
}

void json_minidump(struct jot *j, json_t *root, const struct report_input *in)
{
	const struct dump_minidump *m = in->dump.minidump;
	json_t *o;

	if (!m) {
		jot_null(j, root, "minidump");
		return;
	}
	o = jot_object(j, root, "minidump");
	jot_count(j, o, "service_pack_build", m->service_pack_build);
	jot_word(j, o, "broken_driver", m->broken_driver);
	jot_va(j, o, "options", m->options);
	jot_count(j, o, "modules", m->nr_modules);
	jot_count(j, o, "unloaded", m->nr_unloaded);
	jot_count(j, o, "ranges", m->nr_ranges);
	jot_count(j, o, "range_bytes", m->range_bytes);
	jot_count(j, o, "prcb_bytes", m->prcb.size_bytes);
	jot_count(j, o, "process_bytes", m->process.size_bytes);
	jot_count(j, o, "thread_bytes", m->thread.size_bytes);
	jot_count(j, o, "data_page_bytes", m->data_page.size_bytes);
	jot_va_or_null(j, o, "tag_table", in->tag_table_va);
	json_mm(j, o, m);
	json_stack(j, o, in);
}

void json_reason(struct jot *j, json_t *root, const struct report_input *in)
{
	jot_word(j, root, "reason", in->pool ? NULL : in->os ? in->pool_reason
		 : in->os_reason);
}
