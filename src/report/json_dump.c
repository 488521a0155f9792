/* SPDX-License-Identifier: Apache-2.0 */
/* The dump and the system in it to JSON; the whole document of `info`. */
#include "json.h"

#include "dumpleak/base/text.h"
#include "dumpleak/report/bugcheck.h"

#include <inttypes.h>

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

static void json_dump_part(struct jot *j, json_t *root, const struct report_input *in)
{
	const struct report_dump *d = &in->dump;
	json_t *o = jot_object(j, root, "dump");

	jot_text(j, o, "file", d->path);
	jot_text(j, o, "format", d->header->format);
	jot_text(j, o, "type", d->header->title);
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
	const struct dump_header *h = in->dump.header;
	json_t *o, *list;

	if (!h->bugcheck_code.known) {
		jot_null(j, root, "bugcheck");
		return;
	}
	o = jot_object(j, root, "bugcheck");
	jot_va(j, o, "code", h->bugcheck_code.value);
	jot_text(j, o, "name", bugcheck_name(h->bugcheck_code.value));
	list = jot_array(j, o, "parameters");
	for (size_t i = 0; i < 4; i++) {
		if (h->bugcheck_parameter[i].known)
			jot_add_va(j, list, h->bugcheck_parameter[i].value);
		else
			jot_add_text(j, list, NULL);
	}
}

static void jot_time(struct jot *j, json_t *o, const char *key, uint64_t filetime)
{
	char text[32];

	text_filetime(filetime, text);
	jot_text(j, o, key, text[0] == '-' ? NULL : text);
}

void json_os(struct jot *j, json_t *root, const struct os *os, bool with_modules)
{
	json_t *o;

	if (!os) {
		jot_null(j, root, "os");
		return;
	}
	o = jot_object(j, root, "os");
	jot_text(j, o, "name", os->name);
	jot_count(j, o, "build", os->build);
	jot_word(j, o, "build_lab", os->build_lab);
	jot_word(j, o, "service_pack", os->service_pack);
	jot_text(j, o, "arch", machine_name(os->layout.machine));
	jot_va(j, o, "kernel_base", os->kernel_base);
	jot_va(j, o, "dtb", os->vm.root_pa);
	jot_text(j, o, "dtb_how", os->dtb_how);
	jot_text(j, o, "paging", os->vm.mode ? os->vm.mode->name : NULL);
	jot_va_or_null(j, o, "kdbg", os->kdbg.known ? os->kdbg.va : 0);
	jot_text(j, o, "kdbg_how", os->kdbg_how);
	jot_time(j, o, "system_time", os->system_time);
	if (os->up_time)
		jot_count(j, o, "uptime_s", os->up_time / 10000000);
	else
		jot_null(j, o, "uptime_s");
	if (with_modules)
		json_modules(j, o, os);
}

static void json_version(struct jot *j, json_t *o, const struct module *m)
{
	char text[32];

	snprintf(text, sizeof text, "%u.%u.%u.%u", m->version[0], m->version[1],
		 m->version[2], m->version[3]);
	jot_text(j, o, "version", m->has_version ? text : NULL);
}

void json_modules(struct jot *j, json_t *parent, const struct os *os)
{
	json_t *list = jot_array(j, parent, "modules"), *o;

	for (size_t i = 0; i < os->nr_modules; i++) {
		const struct module *m = &os->modules[i];

		o = jot_item(j, list);
		jot_text(j, o, "name", m->name);
		jot_word(j, o, "path", m->path);
		jot_va(j, o, "base", m->base);
		jot_count(j, o, "size_bytes", m->size_bytes);
		jot_va_or_null(j, o, "timestamp", m->timestamp);
		json_version(j, o, m);
	}
}

void json_unloaded(struct jot *j, json_t *parent, const struct os *os)
{
	json_t *list = jot_array(j, parent, "unloaded"), *o;

	for (size_t i = 0; i < os->nr_unloaded; i++) {
		const struct unloaded *u = &os->unloaded[i];

		o = jot_item(j, list);
		jot_text(j, o, "name", u->name);
		jot_va(j, o, "base", u->first_va);
		jot_va(j, o, "end", u->end_va);
		jot_time(j, o, "time", u->time);
	}
}

static const char *found_name(enum found_by found)
{
	static const char *const names[] = {
		[FOUND_DIRECTORY] = "directory", [FOUND_LINK] = "link",
		[FOUND_POOL] = "pool",
	};

	return names[found];
}

void json_drivers(struct jot *j, json_t *parent, const struct os *os)
{
	json_t *list = jot_array(j, parent, "drivers"), *o;

	for (size_t i = 0; i < os->nr_drivers; i++) {
		const struct driver *d = &os->drivers[i];

		o = jot_item(j, list);
		jot_word(j, o, "name", d->name);
		jot_va(j, o, "va", d->va);
		jot_va_or_null(j, o, "base", d->image_base);
		jot_text(j, o, "module", d->module < 0 ? NULL
			 : os->modules[d->module].name);
		jot_text(j, o, "found", found_name(d->found));
	}
}

void json_devices(struct jot *j, json_t *parent, const struct os *os)
{
	json_t *list = jot_array(j, parent, "devices"), *o;

	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i];

		o = jot_item(j, list);
		jot_word(j, o, "name", d->name);
		jot_va(j, o, "va", d->va);
		jot_word(j, o, "driver", d->driver < 0 ? NULL
			 : os->drivers[d->driver].name);
		jot_va_or_null(j, o, "driver_va", d->driver_va);
		jot_va_or_null(j, o, "attached_to", d->attached_to_va);
		jot_va_or_null(j, o, "attached", d->attached_va);
		jot_va_or_null(j, o, "extension_va", d->extension_va);
		jot_count(j, o, "extension_bytes", d->extension_bytes);
		jot_va(j, o, "device_type", d->device_type);
		jot_text(j, o, "found", found_name(d->found));
	}
}

static void json_os_notes(struct jot *j, json_t *parent, const struct os *os)
{
	json_t *list = jot_array(j, parent, "notes"), *o;

	for (size_t i = 0; os && i < os->nr_notes; i++) {
		o = jot_item(j, list);
		jot_text(j, o, "kind", os->notes[i].kind == DL_OK ? "remark"
			 : dl_status_name(os->notes[i].kind));
		jot_text(j, o, "text", os->notes[i].text);
	}
}

enum dl_status info_json(const struct report_input *in, unsigned parts, FILE *out)
{
	struct jot j = { false };
	json_t *root = json_head(&j, "dumpleak.info/1", in);

	json_bugcheck(&j, root, in);
	json_os(&j, root, in->os, false);
	if (in->os && (!parts || parts & INFO_MODULES))
		json_modules(&j, root, in->os);
	if (in->os && (!parts || parts & INFO_UNLOADED))
		json_unloaded(&j, root, in->os);
	if (in->os && (!parts || parts & INFO_DEVICES)) {
		json_drivers(&j, root, in->os);
		json_devices(&j, root, in->os);
	}
	json_os_notes(&j, root, in->os);
	return jot_write(&j, root, out);
}
