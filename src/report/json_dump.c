/* SPDX-License-Identifier: Apache-2.0 */
/* The dump to JSON: what its header says, and what of it is in the file. */
#include "json.h"

#include "words.h"

static void json_notes(struct jot *j, json_t *parent, const struct dump_note *notes,
		       size_t n)
{
	json_t *list = jot_array(j, parent, "notes"), *o;

	for (size_t i = 0; i < n; i++) {
		o = jot_item(j, list);
		jot_text(j, o, "kind", notes[i].kind == DL_OK ? "remark"
			 : dl_status_name(notes[i].kind));
		jot_text(j, o, "text", notes[i].text);
	}
}

static const char *arch_of(const struct report_input *in)
{
	const struct dump_header *h = in->dump.header;

	if (in->os)
		return machine_name(in->os->layout.machine);
	return h->machine.known ? machine_name(h->machine.value) : NULL;
}

static void json_exception(struct jot *j, json_t *dump, const struct dump_exception *e)
{
	json_t *o;

	if (!e->known) {
		jot_null(j, dump, "exception");
		return;
	}
	o = jot_object(j, dump, "exception");
	jot_va(j, o, "code", e->code);
	jot_va(j, o, "flags", e->flags);
	jot_va(j, o, "address", e->address_va);
}

static void json_attributes(struct jot *j, json_t *dump, struct known_u64 attributes)
{
	json_t *list = jot_array(j, dump, "attributes");
	char text[16];

	jot_bool(j, dump, "attributes_known", attributes.known);
	for (unsigned bit = 0; attributes.known && bit < 32; bit++)
		if (attributes.value >> bit & 1)
			jot_add_text(j, list, attribute_text(bit, text));
}

static void json_secondary(struct jot *j, json_t *dump, const struct dump_header *h)
{
	json_t *list = jot_array(j, dump, "secondary_data"), *o;
	char guid[GUID_TEXT_MAX];

	for (size_t i = 0; i < h->nr_blobs; i++) {
		o = jot_item(j, list);
		jot_text(j, o, "guid", guid_text(h->blobs[i].guid, guid));
		jot_count(j, o, "offset", h->blobs[i].off);
		jot_count(j, o, "size_bytes", h->blobs[i].size_bytes);
	}
}

static void json_files(struct jot *j, json_t *dump, const struct report_dump *d)
{
	json_t *list;

	jot_text(j, dump, "file", d->path);
	list = jot_array(j, dump, "files");
	for (size_t i = 0; i < d->nr_paths; i++)
		jot_add_text(j, list, d->paths[i]);
	if (!d->nr_paths)
		jot_add_text(j, list, d->path);
}

static void json_dump_part(struct jot *j, json_t *root, const struct report_input *in)
{
	const struct report_dump *d = &in->dump;
	json_t *o = jot_object(j, root, "dump");

	json_files(j, o, d);
	jot_text(j, o, "format", d->header->format);
	jot_text(j, o, "type", d->header->title);
	jot_known(j, o, "dump_type", d->header->dump_type);
	json_attributes(j, o, d->header->attributes);
	jot_text(j, o, "compression", d->header->compression);
	jot_word(j, o, "comment", d->header->comment);
	jot_text(j, o, "arch", arch_of(in));
	if (in->os)
		jot_count(j, o, "build", in->os->build);
	else
		jot_known(j, o, "build", d->header->build);
	jot_count(j, o, "pages_present", d->pages_present);
	jot_count(j, o, "pages_absent", d->pages_absent);
	jot_bool(j, o, "pages_exact", d->pages_exact);
	json_secondary(j, o, d->header);
	json_exception(j, o, &d->header->exception);
	json_notes(j, o, d->notes, d->nr_notes);
}

json_t *json_head(struct jot *j, const char *schema, const struct report_input *in)
{
	json_t *root = json_object();

	jot_text(j, root, "schema", schema);
	jot_text(j, root, "tool", "dumpleak " DUMPLEAK_VERSION);
	json_dump_part(j, root, in);
	return root;
}

void json_bugcheck(struct jot *j, json_t *root, const struct report_input *in)
{
	struct bugcheck b;
	json_t *o, *list;

	if (!bugcheck_of(in, &b)) {
		jot_null(j, root, "bugcheck");
		return;
	}
	o = jot_object(j, root, "bugcheck");
	jot_va(j, o, "code", b.code);
	jot_text(j, o, "name", b.name);
	list = jot_array(j, o, "parameters");
	for (size_t i = 0; i < 4; i++) {
		if (b.parameters[i].known)
			jot_add_va(j, list, b.parameters[i].value);
		else
			jot_add_text(j, list, NULL);
	}
}
