/* SPDX-License-Identifier: Apache-2.0 */
/* What the dump is, and what system is in it: fields, for every command's head. */
#include "text.h"

#include <inttypes.h>
#include <string.h>

static void file_fields(const struct report_dump *d, struct paper *p)
{
	if (!d->nr_paths)
		paper_field(p, "File", "%s", d->path);
	for (size_t i = 0; i < d->nr_paths; i++)
		paper_field(p, i ? "" : d->nr_paths > 1 ? "Files" : "File", "%s", d->paths[i]);
}

static void attributes_field(struct known_u64 attributes, struct paper *p)
{
	char text[SMALL_TEXT * 2] = "", one[16];
	size_t n = 0;

	if (!attributes.known || !(uint32_t)attributes.value)
		return;
	for (unsigned bit = 0; bit < 32; bit++)
		if (attributes.value >> bit & 1)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s",
					      n ? ", " : "", attribute_text(bit, one));
	paper_field(p, "Attributes", "%s", text);
}

static void pages_field(const struct report_dump *d, struct paper *p)
{
	char present[32], absent[32], size[24];

	if (d->minidump) {
		paper_field(p, "Memory", "%s range%s of virtual memory, %s in all; no pages",
			    text_count(d->minidump->nr_ranges, present),
			    plural(d->minidump->nr_ranges),
			    text_size(d->minidump->range_bytes, size));
		return;
	}
	paper_field(p, "Pages", "%s present (%s), %s absent%s",
		    text_count(d->pages_present, present),
		    text_size(d->pages_present * PAGE_BYTES, size),
		    text_count(d->pages_absent, absent),
		    d->pages_exact ? "" : ", as far as the file was read");
}

static void format_fields(const struct report_input *in, struct paper *p)
{
	const struct report_dump *d = &in->dump;
	const struct dump_header *h = d->header;
	uint64_t bytes = 0;
	char size[24];

	file_fields(d, p);
	paper_field(p, "Format", "%s%s%s", h->title, h->compression ? ", compressed with " : "",
		    h->compression ? h->compression : "");
	if (h->comment && *h->comment)
		paper_field(p, "Comment", "%s", h->comment);
	attributes_field(h->attributes, p);
	pages_field(d, p);
	for (size_t i = 0; i < h->nr_blobs; i++)
		bytes += h->blobs[i].size_bytes;
	if (h->nr_blobs)
		paper_field(p, "Secondary data", "%zu stream%s, %s", h->nr_blobs,
			    plural(h->nr_blobs), text_size(bytes, size));
}

static void bugcheck_field(const struct report_input *in, struct paper *p)
{
	char parameters[128] = "";
	struct bugcheck b;
	size_t n = 0;

	if (!bugcheck_of(in, &b)) {
		paper_field(p, "Bugcheck", "none in the header%s", in->os ? ", nor in memory" : "");
		return;
	}
	for (size_t i = 0; i < 4; i++)
		if (b.parameters[i].known)
			n += (size_t)snprintf(parameters + n, sizeof parameters - n,
					      "%s0x%" PRIx64, n ? ", " : "",
					      b.parameters[i].value);
	paper_field(p, "Bugcheck", "0x%" PRIX64 "%s%s (%s)%s", b.code, b.name ? " " : "",
		    b.name ? b.name : "", n ? parameters : "parameters unknown",
		    in->dump.header->bugcheck_code.known ? "" : ", in memory");
}

/* Where it happened: the exception record of the header. */
static void exception_field(const struct report_input *in, struct paper *p)
{
	const struct dump_exception *e = &in->dump.header->exception;
	char va[24], where[PLACE_MAX] = "";

	if (!e->known || !e->code)
		return;
	if (in->os && place_text(in->os, e->address_va, where, sizeof where))
		paper_field(p, "Exception", "0x%08" PRIx32 " at %s (%s)", e->code,
			    va_text(in->os, e->address_va, va), where);
	else
		paper_field(p, "Exception", "0x%08" PRIx32 " at %s", e->code,
			    va_text(in->os, e->address_va, va));
}

static void dump_notes(const struct dump_note *notes, size_t n, struct paper *p)
{
	for (size_t i = 0; i < n; i++)
		paper_field(p, notes[i].kind == DL_OK ? "Remark"
			    : notes[i].kind == DL_ABSENT ? "Absent" : "Corrupt",
			    "%s", notes[i].text);
}

/* Build labs that the name of a kernel that is not Microsoft's quotes already. */
static bool has_lab(const struct os *os)
{
	return os->build_lab && *os->build_lab && !strstr(os->name, os->build_lab);
}

static void version_fields(const struct os *os, struct paper *p)
{
	bool has_pack = os->service_pack && *os->service_pack;
	bool has_product = os->product && *os->product;

	paper_field(p, "System", "%s%s%s, build %" PRIu32 ", %s%s%s", os->name,
		    has_pack ? ", " : "", has_pack ? os->service_pack : "", os->build,
		    machine_name(os->layout.machine), has_product ? ", " : "",
		    has_product ? os->product : "");
	if (has_lab(os))
		paper_field(p, "Build lab", "%s", os->build_lab);
	if (os->nr_processors)
		paper_field(p, "Processors", "%" PRIu32, os->nr_processors);
}

static void time_fields(const struct os *os, struct paper *p)
{
	char time[32], up[40];

	paper_field(p, "Stopped at", "%s, up %s",
		    os->system_time ? text_filetime(os->system_time, time) : "unknown time",
		    os->up_time ? text_duration(os->up_time, up) : "unknown");
	if (os->boot_time)
		paper_field(p, "Booted at", "%s", text_filetime(os->boot_time, time));
}

static void tables_field(const struct report_input *in, struct paper *p)
{
	const struct os *os = in->os;

	if (in->dump.minidump)
		paper_field(p, "Page tables", "none in a minidump: memory is read by its "
			    "virtual address");
	else
		paper_field(p, "Page tables", "at physical 0x%" PRIx64 " (%s), known by %s",
			    os->vm.root_pa, os->vm.mode ? os->vm.mode->name : "unknown",
			    os->dtb_how ? os->dtb_how : "unknown");
}

static void kdbg_field(const struct os *os, struct paper *p)
{
	const char *how = os->kdbg_how ? os->kdbg_how : "unknown";
	char kdbg[24];

	if (!os->kdbg.known) {
		paper_field(p, "Debugger data", "not found");
		return;
	}
	va_text(os->kdbg.va ? os : NULL, os->kdbg.va ? os->kdbg.va : os->kdbg.pa, kdbg);
	paper_field(p, "Debugger data", "at %s%s, %s%s",
		    os->kdbg.va ? "" : "physical 0x", kdbg,
		    strcmp(how, "decoded") != 0 ? "known by " : "encoded in memory, and ", how);
}

static void symbols_fields(const struct report_input *in, struct paper *p)
{
	const struct os *os = in->os;
	const struct report_symbols *s = in->symbols;
	char path[SYMBOL_PATH_MAX];

	if (os->pdb.known)
		paper_field(p, "Symbol file", "%s", symbol_path(&os->pdb, path));
	else
		paper_field(p, "Symbol file", "unknown: the kernel's debug record is not in "
			    "this dump");
	if (!s)
		return;
	if (!os->symbols)
		paper_field(p, "Symbols", "%s %s and was not used (%s)", s->path,
			    os->pdb.known ? "is of another kernel"
			    : "cannot be matched with this kernel",
			    symbol_path(s->pdb, path));
	else if (!os->nr_differences)
		paper_field(p, "Symbols", "%s; the built-in layouts agree with it", s->path);
	else
		paper_field(p, "Symbols", "%s; %zu of the built-in fields differ from it",
			    s->path, os->nr_differences);
}

static void os_fields(const struct report_input *in, struct paper *p)
{
	const struct os *os = in->os;
	char base[24];

	version_fields(os, p);
	time_fields(os, p);
	if (os->kernel_base)
		paper_field(p, "Kernel", "at %s", va_text(os, os->kernel_base, base));
	tables_field(in, p);
	kdbg_field(os, p);
	symbols_fields(in, p);
	if (!in->dump.minidump)
		paper_field(p, "Objects", "%zu modules, %zu unloaded, %zu drivers, %zu "
			    "devices, %zu processes, %zu threads", os->nr_modules,
			    os->nr_unloaded, os->nr_drivers, os->nr_devices,
			    os->nr_processes, os->nr_threads);
}

void text_dump(const struct report_input *in, struct paper *p)
{
	paper_heading(p, "THE DUMP");
	format_fields(in, p);
	bugcheck_field(in, p);
	exception_field(in, p);
	dump_notes(in->dump.notes, in->dump.nr_notes, p);
	paper_heading(p, "THE SYSTEM");
	if (in->os)
		os_fields(in, p);
	else
		paper_field(p, "System", "not found: %s", in->os_reason);
}
