/* SPDX-License-Identifier: Apache-2.0 */
/* What the dump is; and, for `info`, modules, drivers and devices in it. */
#include "text.h"

#include "dumpleak/report/bugcheck.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void format_fields(const struct report_input *in, struct paper *p)
{
	const struct report_dump *d = &in->dump;
	char present[32], absent[32], size[24];

	paper_field(p, "File", "%s", d->path);
	paper_field(p, "Format", "%s%s%s", d->header->title,
		    d->header->compression ? ", compressed with " : "",
		    d->header->compression ? d->header->compression : "");
	if (d->header->comment && *d->header->comment)
		paper_field(p, "Comment", "%s", d->header->comment);
	paper_field(p, "Pages", "%s present (%s), %s absent%s",
		    text_count(d->pages_present, present),
		    text_size(d->pages_present * PAGE_BYTES, size),
		    text_count(d->pages_absent, absent),
		    d->pages_exact ? "" : ", as far as the file was read");
}

static void os_fields(const struct os *os, struct paper *p)
{
	char time[32], up[40], base[24], kdbg[24];
	/* names of kernels that are not Microsoft's quote it already */
	bool has_lab = *os->build_lab && !strstr(os->name, os->build_lab);

	paper_field(p, "System", "%s%s%s, build %" PRIu32 ", %s%s%s", os->name,
		    *os->service_pack ? ", " : "", os->service_pack, os->build,
		    machine_name(os->layout.machine), has_lab ? ", " : "",
		    has_lab ? os->build_lab : "");
	paper_field(p, "Stopped at", "%s, up %s",
		    os->system_time ? text_filetime(os->system_time, time) : "unknown time",
		    os->up_time ? text_duration(os->up_time, up) : "unknown");
	paper_field(p, "Kernel", "at %s; page tables (%s) at physical 0x%" PRIx64
		    ", known by %s", va_text(os, os->kernel_base, base),
		    os->vm.mode ? os->vm.mode->name : "unknown", os->vm.root_pa,
		    os->dtb_how ? os->dtb_how : "unknown");
	if (os->kdbg.known)
		paper_field(p, "Debugger data", "%s%s, known by %s",
			    os->kdbg.va ? "at " : "at physical 0x",
			    va_text(os->kdbg.va ? os : NULL,
				    os->kdbg.va ? os->kdbg.va : os->kdbg.pa, kdbg),
			    os->kdbg_how ? os->kdbg_how : "unknown");
	else
		paper_field(p, "Debugger data", "not found");
	paper_field(p, "Objects", "%zu modules, %zu unloaded, %zu drivers, %zu devices, "
		    "%zu processes, %zu threads", os->nr_modules, os->nr_unloaded,
		    os->nr_drivers, os->nr_devices, os->nr_processes, os->nr_threads);
}

static void bugcheck_field(const struct dump_header *h, struct paper *p)
{
	const char *name;
	char parameters[128] = "";
	size_t n = 0;

	if (!h->bugcheck_code.known) {
		paper_field(p, "Bugcheck", "none in the header");
		return;
	}
	name = bugcheck_name(h->bugcheck_code.value);
	for (size_t i = 0; i < 4; i++)
		if (h->bugcheck_parameter[i].known)
			n += (size_t)snprintf(parameters + n, sizeof parameters - n,
					      "%s0x%" PRIx64, n ? ", " : "",
					      h->bugcheck_parameter[i].value);
	paper_field(p, "Bugcheck", "0x%" PRIX64 "%s%s (%s)", h->bugcheck_code.value,
		    name ? " " : "", name ? name : "",
		    n ? parameters : "parameters unknown");
}

/* Where it happened: the exception record of the header. */
static void exception_field(const struct report_input *in, struct paper *p)
{
	const struct dump_exception *e = &in->dump.header->exception;
	const struct module *m;
	char va[24], where[96] = "";

	if (!e->known || !e->code)
		return;
	m = in->os ? os_module_at(in->os, e->address_va) : NULL;
	if (m)
		snprintf(where, sizeof where, " (%s+0x%" PRIx64 ")", m->name,
			 e->address_va - m->base);
	paper_field(p, "Exception", "0x%08" PRIx32 " at %s%s", e->code,
		    va_text(in->os, e->address_va, va), where);
}

void text_notes(const struct dump_note *notes, size_t n, struct paper *p)
{
	for (size_t i = 0; i < n; i++)
		paper_field(p, notes[i].kind == DL_OK ? "Remark"
			    : notes[i].kind == DL_ABSENT ? "Absent" : "Corrupt",
			    "%s", notes[i].text);
}

void text_dump(const struct report_input *in, struct paper *p)
{
	paper_heading(p, "THE DUMP");
	format_fields(in, p);
	if (in->os)
		os_fields(in->os, p);
	else
		paper_field(p, "System", "not found: %s", in->os_reason);
	bugcheck_field(in->dump.header, p);
	exception_field(in, p);
	text_notes(in->dump.notes, in->dump.nr_notes, p);
}

static void modules_table(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "BASE", 0 }, { "SIZE", TABLE_RIGHT }, { "NAME", 0 }, { "VERSION", 0 },
		{ "TIMESTAMP", 0 }, { "PATH", TABLE_WRAP },
	};
	struct table t;

	paper_heading(p, "MODULES");
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < os->nr_modules; i++) {
		const struct module *m = &os->modules[i];
		char va[24];

		table_row(&t, NULL);
		table_cell(&t, "%s", va_text(os, m->base, va));
		table_cell(&t, "0x%" PRIx64, m->size_bytes);
		table_cell(&t, "%s", m->name);
		if (m->has_version)
			table_cell(&t, "%u.%u.%u.%u", m->version[0], m->version[1],
				   m->version[2], m->version[3]);
		else
			table_cell(&t, "unknown");
		if (m->timestamp)
			table_cell(&t, "0x%08" PRIx32, m->timestamp);
		else
			table_cell(&t, "unknown");
		table_cell(&t, "%s", m->path ? m->path : "");
	}
	table_end(&t);
}

static void unloaded_table(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "FROM", 0 }, { "TO", 0 }, { "UNLOADED AT", 0 }, { "NAME", TABLE_WRAP },
	};
	struct table t;

	paper_heading(p, "UNLOADED MODULES");
	if (!os->nr_unloaded)
		paper_text(p, 2, "none");
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < os->nr_unloaded; i++) {
		const struct unloaded *u = &os->unloaded[i];
		char first[24], end[24], time[32];

		table_row(&t, NULL);
		table_cell(&t, "%s", va_text(os, u->first_va, first));
		table_cell(&t, "%s", va_text(os, u->end_va, end));
		table_cell(&t, "%s", u->time ? text_filetime(u->time, time) : "unknown");
		table_cell(&t, "%s", u->name ? u->name : "unknown");
	}
	table_end(&t);
}

static const char *found_words(enum found_by found)
{
	return found == FOUND_DIRECTORY ? "" : found == FOUND_LINK
		? "by a link" : "by its pool block";
}

static void device_row(struct table *t, const struct os *os, const struct device *d,
		       struct libscols_line *parent)
{
	char va[24], extension[24];

	table_row(t, parent);
	table_cell(t, "%s", *d->name ? d->name : "(no name)");
	table_cell(t, "%s", va_text(os, d->va, va));
	table_cell(t, "%s", d->extension_va ? va_text(os, d->extension_va, extension)
		   : "none");
	table_cell(t, "%s", found_words(d->found));
}

/* A device, and below it the devices attached on top of it: a loop ends there. */
enum { MAX_STACK = 32 };

static void device_stack(struct table *t, const struct os *os, const struct device *d,
			 struct libscols_line *parent)
{
	struct libscols_line *row;
	char va[24];

	device_row(t, os, d, parent);
	row = t->line;
	for (int i = 0; i < MAX_STACK && d->attached_va; i++) {
		d = os_device_at(os, d->attached_va);
		if (!d)
			return;
		row = table_row(t, row);
		table_cell(t, "above: %s of %s", *d->name ? d->name : "(no name)",
			   d->driver < 0 ? "unknown driver" : os->drivers[d->driver].name);
		table_cell(t, "%s", va_text(os, d->va, va));
	}
}

static void devices_of(struct table *t, const struct os *os, int driver,
		       struct libscols_line *parent)
{
	for (size_t i = 0; i < os->nr_devices; i++)
		if (os->devices[i].driver == driver)
			device_stack(t, os, &os->devices[i], parent);
}

static void driver_row(struct table *t, const struct os *os, size_t i)
{
	const struct driver *d = &os->drivers[i];
	char words[SMALL_TEXT], va[24];

	table_row(t, NULL);
	driver_words(os, d, NULL, words, sizeof words);
	table_cell(t, "%s", words);
	table_cell(t, "%s", va_text(os, d->va, va));
	table_cell(t, "%s", "");
	table_cell(t, "%s", found_words(d->found));
	devices_of(t, os, (int)i, t->line);
}

static bool has_orphans(const struct os *os)
{
	for (size_t i = 0; i < os->nr_devices; i++)
		if (os->devices[i].driver < 0)
			return true;
	return false;
}

static void devices_tree(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "DRIVER, DEVICES", TABLE_TREE }, { "ADDRESS", 0 },
		{ "EXTENSION", 0 }, { "FOUND", TABLE_WRAP },
	};
	struct table t;

	paper_heading(p, "DRIVERS AND DEVICES");
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < os->nr_drivers; i++)
		driver_row(&t, os, i);
	if (has_orphans(os)) {
		table_row(&t, NULL);
		table_cell(&t, "(driver unknown)");
		devices_of(&t, os, -1, t.line);
	}
	table_end(&t);
}

static void os_notes(const struct os *os, struct paper *p)
{
	if (os->nr_notes)
		paper_heading(p, "NOTES");
	for (size_t i = 0; i < os->nr_notes; i++)
		paper_text(p, 2, "%s%s%s", os->notes[i].kind == DL_OK ? ""
			   : dl_status_name(os->notes[i].kind),
			   os->notes[i].kind == DL_OK ? "" : ": ", os->notes[i].text);
}

void info_text(const struct report_input *in, unsigned parts, struct paper *p)
{
	if (!parts) {
		paper_strong(p, 0, "dumpleak %s: %s", DUMPLEAK_VERSION, in->dump.path);
		text_dump(in, p);
	}
	if (!in->os)
		return;
	if (!parts || parts & INFO_MODULES)
		modules_table(in->os, p);
	if (!parts || parts & INFO_UNLOADED)
		unloaded_table(in->os, p);
	if (!parts || parts & INFO_DEVICES)
		devices_tree(in->os, p);
	if (!parts)
		os_notes(in->os, p);
}
