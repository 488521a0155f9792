/* SPDX-License-Identifier: Apache-2.0 */
/* The system in the dump to JSON; the whole document of `info`. */
#include "json.h"

#include "words.h"

#include "dumpleak/base/text.h"

static void jot_time(struct jot *j, json_t *o, const char *key, uint64_t filetime)
{
	char text[32];

	text_filetime(filetime, text);
	jot_text(j, o, key, text[0] == '-' ? NULL : text);
}

static void json_pdb(struct jot *j, json_t *parent, const struct pdb_id *pdb)
{
	json_t *o;

	if (!pdb->known) {
		jot_null(j, parent, "pdb");
		return;
	}
	o = jot_object(j, parent, "pdb");
	jot_text(j, o, "name", pdb->name);
	jot_text(j, o, "guid", pdb->guid);
	jot_count(j, o, "age", pdb->age);
}

static void json_place(struct jot *j, json_t *o, const char *key, int64_t offset)
{
	if (offset < 0)
		jot_null(j, o, key);
	else
		jot_count(j, o, key, (uint64_t)offset);
}

static void json_symbols(struct jot *j, json_t *parent, const struct report_input *in)
{
	const struct os *os = in->os;
	json_t *o, *list;

	if (!in->symbols) {
		jot_null(j, parent, "symbols");
		return;
	}
	o = jot_object(j, parent, "symbols");
	jot_text(j, o, "file", in->symbols->path);
	jot_word(j, o, "pdb", in->symbols->pdb->name);
	jot_word(j, o, "guid", in->symbols->pdb->guid);
	jot_count(j, o, "age", in->symbols->pdb->age);
	jot_bool(j, o, "matched", os->symbols != NULL);
	list = jot_array(j, o, "differences");
	for (size_t i = 0; i < os->nr_differences; i++) {
		const struct symbols_difference *d = &os->differences[i];

		o = jot_item(j, list);
		jot_text(j, o, "type", d->type);
		jot_text(j, o, "field", d->path);
		json_place(j, o, "built_in", d->ours);
		json_place(j, o, "symbols", d->theirs);
	}
}

static void json_times(struct jot *j, json_t *o, const struct os *os)
{
	jot_time(j, o, "boot_time", os->boot_time);
	jot_time(j, o, "crash_time", os->system_time);
	jot_time(j, o, "system_time", os->system_time);
	if (os->up_time)
		jot_count(j, o, "uptime_s", os->up_time / 10000000);
	else
		jot_null(j, o, "uptime_s");
}

void json_os(struct jot *j, json_t *root, const struct report_input *in, bool with_modules)
{
	const struct os *os = in->os;
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
	jot_word(j, o, "product", os->product);
	jot_text(j, o, "arch", machine_name(os->layout.machine));
	jot_known(j, o, "processors",
		  (struct known_u64){ os->nr_processors != 0, os->nr_processors });
	jot_va_or_null(j, o, "kernel_base", os->kernel_base);
	json_pdb(j, o, &os->pdb);
	jot_va_or_null(j, o, "dtb", os->vm.root_pa);
	jot_text(j, o, "dtb_how", os->dtb_how);
	jot_text(j, o, "paging", os->vm.mode ? os->vm.mode->name : NULL);
	jot_va_or_null(j, o, "kdbg", os->kdbg.known ? os->kdbg.va : 0);
	jot_text(j, o, "kdbg_how", os->kdbg_how);
	json_times(j, o, os);
	json_symbols(j, o, in);
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
		jot_word(j, o, "name", m->name);
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
		jot_word(j, o, "name", u->name);
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
	json_os(&j, root, in, false);
	json_minidump(&j, root, in);
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
