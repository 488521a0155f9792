/* SPDX-License-Identifier: Apache-2.0 */
/* `info` for people: the head, then tables of modules and what else is asked for. */
#include "text.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* Where most images are: their paths would say nothing. */
static const char *const usual_places[] = {
	"\\SystemRoot\\system32\\", "\\SystemRoot\\system32\\drivers\\",
	"\\WINDOWS\\system32\\", "\\WINDOWS\\system32\\drivers\\", "",
};

/* Prefixes are ASCII, whatever the rest of a path is. */
static bool is_usual_place(const char *path, size_t n)
{
	for (size_t i = 0; i < sizeof usual_places / sizeof usual_places[0]; i++)
		if (n == strlen(usual_places[i]) && !strncasecmp(path, usual_places[i], n))
			return true;
	return false;
}

/* The name, or the path where that tells more. */
static const char *module_words(const struct module *m)
{
	const char *slash = m->path ? strrchr(m->path, '\\') : NULL;
	size_t n = slash ? (size_t)(slash + 1 - m->path) : 0;

	if (!m->path || is_usual_place(m->path, n))
		return m->name;
	return m->path;
}

static bool any_version(const struct os *os)
{
	for (size_t i = 0; i < os->nr_modules; i++)
		if (os->modules[i].has_version)
			return true;
	return false;
}

static void version_cell(struct table *t, const struct module *m)
{
	if (m->has_version)
		table_cell(t, "%u.%u.%u.%u", m->version[0], m->version[1], m->version[2],
			   m->version[3]);
	else
		table_cell(t, "unknown");
}

static void modules_table(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "BASE", 0 }, { "SIZE", TABLE_RIGHT }, { "TIMESTAMP", 0 },
		{ "NAME", TABLE_WRAP }, { "VERSION", 0 },
	};
	bool versions = any_version(os);
	struct table t;

	paper_heading(p, "MODULES");
	if (!os->nr_modules)
		paper_text(p, 2, "none");
	table_begin(&t, p, 2, columns, versions ? 5 : 4);
	for (size_t i = 0; i < os->nr_modules; i++) {
		const struct module *m = &os->modules[i];
		char va[24];

		table_row(&t, NULL);
		table_cell(&t, "%s", va_text(os, m->base, va));
		table_cell(&t, "0x%" PRIx64, m->size_bytes);
		if (m->timestamp)
			table_cell(&t, "0x%08" PRIx32, m->timestamp);
		else
			table_cell(&t, "unknown");
		table_cell(&t, "%s", module_words(m));
		if (versions)
			version_cell(&t, m);
	}
	table_end(&t);
}

/* "2004-03-17 10:11:12", without the zone that the heading has. */
enum { TIME_COLUMNS = 19 };

static void unloaded_table(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "FROM", 0 }, { "TO", 0 }, { "NAME", TABLE_WRAP }, { "UNLOADED AT, UTC", 0 },
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
		table_cell(&t, "%s", u->name ? u->name : "unknown");
		table_cell(&t, "%.*s", TIME_COLUMNS,
			   u->time ? text_filetime(u->time, time) : "unknown");
	}
	table_end(&t);
}

static void secondary_table(const struct dump_header *h, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "TAG", 0 }, { "OFFSET", TABLE_RIGHT }, { "SIZE", TABLE_RIGHT },
	};
	struct table t;
	char guid[GUID_TEXT_MAX];

	if (!h->nr_blobs)
		return;
	paper_heading(p, "SECONDARY DATA");
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < h->nr_blobs; i++) {
		table_row(&t, NULL);
		table_cell(&t, "%s", guid_text(h->blobs[i].guid, guid));
		table_cell(&t, "0x%" PRIx64, h->blobs[i].off);
		table_cell(&t, "0x%" PRIx64, h->blobs[i].size_bytes);
	}
	table_end(&t);
}

static void place_cell(struct table *t, int64_t offset)
{
	if (offset < 0)
		table_cell(t, "none");
	else
		table_cell(t, "0x%" PRIx64, (uint64_t)offset);
}

static void differences_table(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "FIELD", TABLE_WRAP }, { "BUILT IN", TABLE_RIGHT }, { "SYMBOLS", TABLE_RIGHT },
	};
	struct table t;

	if (!os->nr_differences)
		return;
	paper_heading(p, "LAYOUTS THAT THE SYMBOLS CORRECT");
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < os->nr_differences; i++) {
		const struct symbols_difference *d = &os->differences[i];

		table_row(&t, NULL);
		if (d->path)
			table_cell(&t, "%s.%s", d->type, d->path);
		else
			table_cell(&t, "size of %s", d->type);
		place_cell(&t, d->ours);
		place_cell(&t, d->theirs);
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

static void info_head(const struct report_input *in, struct paper *p)
{
	paper_strong(p, 0, "dumpleak %s: %s", DUMPLEAK_VERSION, in->dump.path);
	text_dump(in, p);
	if (in->os)
		differences_table(in->os, p);
	minidump_text(in, p);
}

void info_text(const struct report_input *in, unsigned parts, struct paper *p)
{
	if (!parts)
		info_head(in, p);
	if (!in->os) {
		if (!parts)
			secondary_table(in->dump.header, p);
		return;
	}
	if (!parts || parts & INFO_MODULES)
		modules_table(in->os, p);
	if (!parts || parts & INFO_UNLOADED)
		unloaded_table(in->os, p);
	if (parts & INFO_DEVICES || (!parts && !in->dump.minidump))
		text_devices(in->os, p);
	if (parts)
		return;
	secondary_table(in->dump.header, p);
	os_notes(in->os, p);
}
