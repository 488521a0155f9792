/* SPDX-License-Identifier: Apache-2.0 */
/* Suspects to JSON: what, whose, why, and the contents column by column. */
#include "json.h"

#include "words.h"

static void json_evidence(struct jot *j, json_t *parent, const struct owner *w)
{
	json_t *list = jot_array(j, parent, "evidence"), *o;

	for (unsigned i = 0; i < w->nr_evidence; i++) {
		const struct evidence *e = &w->evidence[i];

		o = jot_item(j, list);
		jot_text(j, o, "path", e->path);
		jot_count(j, o, "blocks", e->blocks);
		jot_real(j, o, "share", e->share);
		jot_real(j, o, "control_share", e->control_share);
	}
}

/* The driver object's name; failing that the image's, so that it is never
 * null where anything is known. */
static const char *owner_driver(const struct owner *w)
{
	if (w->driver && *w->driver->name)
		return w->driver->name;
	return w->module ? w->module->name : w->unloaded ? w->unloaded->name : NULL;
}

static void json_owners(struct jot *j, json_t *parent, const struct suspect *s)
{
	json_t *list = jot_array(j, parent, "owners"), *o;

	for (unsigned i = 0; i < s->nr_owners; i++) {
		const struct owner *w = &s->owners[i];

		o = jot_item(j, list);
		jot_text(j, o, "driver", owner_driver(w));
		jot_word(j, o, "device", w->device ? w->device->name : NULL);
		jot_text(j, o, "module", w->module ? w->module->name : NULL);
		jot_bool(j, o, "unloaded", w->unloaded != NULL);
		jot_va_or_null(j, o, "driver_va", w->driver ? w->driver->va : 0);
		jot_va_or_null(j, o, "device_va", w->device ? w->device->va : 0);
		jot_count(j, o, "blocks", w->blocks);
		jot_real(j, o, "share", w->share);
		jot_real(j, o, "control_share", w->control_share);
		jot_real(j, o, "score", w->score);
		jot_text(j, o, "path", w->path);
		json_evidence(j, o, w);
	}
}

static void json_values(struct jot *j, json_t *parent, const struct column *c)
{
	json_t *list = jot_array(j, parent, "top"), *o;

	for (unsigned i = 0; i < c->nr_top; i++) {
		o = jot_item(j, list);
		jot_va(j, o, "value", c->top[i].value);
		jot_count(j, o, "blocks", c->top[i].blocks);
		jot_text(j, o, "target", target_kind_name(c->top[i].target.kind));
	}
}

static void json_columns(struct jot *j, json_t *parent, const struct suspect *s)
{
	json_t *list = jot_array(j, parent, "columns"), *o;

	for (size_t i = 0; i < s->nr_columns; i++) {
		const struct column *c = &s->columns[i];

		o = jot_item(j, list);
		jot_count(j, o, "offset", c->offset);
		jot_count(j, o, "width", c->width);
		jot_text(j, o, "kind", column_kind_name(c->kind));
		jot_real(j, o, "share", c->share);
		jot_count(j, o, "distinct", c->distinct);
		jot_bool(j, o, "distinct_exact", c->distinct_exact);
		jot_text(j, o, "target", c->target);
		jot_word(j, o, "words", c->words);
		jot_va(j, o, "min", c->min);
		jot_va(j, o, "max", c->max);
		json_values(j, o, c);
	}
}

static void json_candidate(struct jot *j, json_t *parent, const struct candidate *c)
{
	json_t *o = jot_object(j, parent, "candidate");

	jot_text(j, o, "why", c->why);
	jot_real(j, o, "score", c->score);
	jot_real(j, o, "block_share", c->block_share);
	jot_real(j, o, "byte_share", c->byte_share);
	jot_real(j, o, "kept_share", c->kept_share);
}

static void json_suspect(struct jot *j, json_t *o, const struct suspect *s)
{
	json_t *list;

	json_class(j, o, &s->class);
	jot_count(j, o, "user_bytes", s->user_bytes);
	jot_count(j, o, "used_bytes", s->used_bytes);
	jot_count(j, o, "readable", s->readable);
	jot_count(j, o, "looked_at", s->looked_at);
	jot_count(j, o, "listed", s->listed);
	jot_text(j, o, "verdict", verdict_name(s->verdict));
	jot_text(j, o, "verdict_words", s->verdict_words);
	json_candidate(j, o, &s->candidate);
	json_owners(j, o, s);
	jot_count(j, o, "control_blocks", s->control_blocks);
	json_columns(j, o, s);
	jot_count(j, o, "columns_cut", s->columns_cut);
	list = jot_array(j, o, "samples");
	for (unsigned i = 0; i < s->nr_samples; i++)
		jot_add_va(j, list, s->samples[i]);
	list = jot_array(j, o, "next_steps");
	for (size_t i = 0; s->next_steps && s->next_steps[i]; i++)
		jot_add_text(j, list, s->next_steps[i]);
}

void json_suspects(struct jot *j, json_t *root, const struct report_input *in)
{
	json_t *list;

	if (!in->findings) {
		jot_null(j, root, "suspects");
		return;
	}
	list = jot_array(j, root, "suspects");
	for (size_t i = 0; i < in->findings->nr; i++)
		json_suspect(j, jot_item(j, list), &in->findings->suspects[i]);
}
