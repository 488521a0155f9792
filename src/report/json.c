/* SPDX-License-Identifier: Apache-2.0 */
/* The whole report as one JSON document, and the histogram of `tags`. */
#include "json.h"

#include "words.h"

static void json_classes(struct jot *j, json_t *root, const char *key,
			 const struct report_input *in, const struct classes *classes)
{
	json_t *list, *o;

	if (!classes) {
		jot_null(j, root, key);
		return;
	}
	list = jot_array(j, root, key);
	for (size_t i = 0; i < classes->nr; i++) {
		o = jot_item(j, list);
		json_class(j, o, &classes->list[i]);
		if (classes->list[i].any_size)
			json_meaning(j, o, in, classes->list[i].tag);
	}
}

enum dl_status report_json(const struct report_input *in, FILE *out)
{
	struct jot j = { false };
	json_t *root = json_head(&j, "dumpleak.report/1", in);

	json_reason(&j, root, in);
	json_bugcheck(&j, root, in);
	json_os(&j, root, in, true);
	json_minidump(&j, root, in);
	json_pool(&j, root, in);
	json_reconciliation(&j, root, in);
	json_suspects(&j, root, in);
	json_classes(&j, root, "tags", in, in->tags);
	json_classes(&j, root, "classes", in, in->classes);
	json_coverage(&j, root, in);
	return jot_write(&j, root, out);
}

enum dl_status tags_json(const struct report_input *in, const struct tags_view *view,
			 FILE *out)
{
	struct jot j = { false };
	json_t *root = json_head(&j, "dumpleak.tags/1", in), *list, *o;

	json_reason(&j, root, in);
	if (!in->pool)
		json_minidump(&j, root, in);
	list = jot_array(&j, root, "tags");
	for (size_t i = 0; in->pool && i < view->nr; i++) {
		const struct pool_class *c = view->rows[i];
		const struct pool_totals *t = &in->pool->totals[c->pool];
		const struct ledger_row *row =
			view->ledger && c->pool != POOL_SESSION
			? ledger_row_of(in->ledger, c->tag) : NULL;

		o = jot_item(&j, list);
		json_class(&j, o, c);
		jot_real(&j, o, "block_share", ratio(c->blocks, t->blocks[BLOCK_IN_USE]));
		jot_real(&j, o, "byte_share",
			 ratio(c->bytes, t->block_bytes[BLOCK_IN_USE]));
		json_meaning(&j, o, in, c->tag);
		if (row)
			json_ledger_row(&j, jot_object(&j, o, "ledger"), row);
		else if (view->ledger)
			jot_null(&j, o, "ledger");
	}
	jot_count(&j, root, "rows_left_out", view->nr_more);
	if (view->ledger && in->ledger)
		json_ledger_state(&j, root, in->ledger);
	json_signals(&j, root, in->ledger);
	return jot_write(&j, root, out);
}
