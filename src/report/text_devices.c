/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers, below each its devices, and below each device what is attached above
 * it, from the bottom of the stack to its top.
 */
#include "text.h"

#include <stdlib.h>

static const char *found_words(enum found_by found)
{
	return found == FOUND_DIRECTORY ? "" : found == FOUND_LINK ? "link" : "pool";
}

static void device_cells(struct table *t, const struct os *os, const struct device *d)
{
	char va[24];

	table_cell(t, "%s", va_text(os, d->va, va));
	table_cell(t, "%s", d->extension_va ? va_text(os, d->extension_va, va) : "none");
	table_cell(t, "%s", found_words(d->found));
}

static const char *driver_name(const struct os *os, const struct device *d)
{
	const struct driver *driver = d->driver < 0 ? NULL : &os->drivers[d->driver];

	return driver && *driver->name ? driver->name : "unknown driver";
}

/* Stacks are short; what is longer is cut, and what repeats ends. */
enum { MAX_STACK = 32 };

static bool was_met(const uint64_t *met, int nr, uint64_t va)
{
	while (nr--)
		if (met[nr] == va)
			return true;
	return false;
}

static void end_row(struct table *t, const struct os *os, struct libscols_line *parent,
		    const char *what, uint64_t va)
{
	char text[24];

	table_row(t, parent);
	table_cell(t, "above: %s", what);
	table_cell(t, "%s", va_text(os, va, text));
}

static void device_row(struct table *t, const struct os *os, const struct device *d,
		       struct libscols_line *parent)
{
	struct libscols_line *row = table_row(t, parent);
	uint64_t above = d->attached_va, met[MAX_STACK + 1] = { d->va };

	table_cell(t, "%s", *d->name ? d->name : "(no name)");
	device_cells(t, os, d);
	for (int i = 0; above; i++) {
		const struct device *up = os_device_at(os, above);

		if (!up || i == MAX_STACK || was_met(met, i + 1, above)) {
			end_row(t, os, row, !up ? "not found" : i == MAX_STACK
				? "more, cut here" : "a loop", above);
			return;
		}
		met[i + 1] = above;
		table_row(t, row);
		/* few have a name; their drivers say what they are */
		if (*up->name)
			table_cell(t, "above: %s of %s", up->name, driver_name(os, up));
		else
			table_cell(t, "above: %s", driver_name(os, up));
		device_cells(t, os, up);
		above = up->attached_va;
	}
}

/* Devices in the order of their drivers, by address within one. */
static int by_driver(const void *a, const void *b)
{
	const struct device *x = *(const struct device *const *)a;
	const struct device *y = *(const struct device *const *)b;

	if (x->driver != y->driver)
		return x->driver < y->driver ? -1 : 1;
	return x->va < y->va ? -1 : x->va > y->va;
}

static const struct device **sorted_devices(const struct os *os, struct paper *p)
{
	const struct device **list = calloc(os->nr_devices + 1, sizeof *list);

	if (!list) {
		p->failed = true;
		return NULL;
	}
	for (size_t i = 0; i < os->nr_devices; i++)
		list[i] = &os->devices[i];
	qsort(list, os->nr_devices, sizeof *list, by_driver);
	return list;
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
}

static void driver_rows(struct table *t, const struct os *os, const struct device **list)
{
	size_t orphans = 0, k;

	while (orphans < os->nr_devices && list[orphans]->driver < 0)
		orphans++;
	k = orphans;
	for (size_t i = 0; i < os->nr_drivers; i++) {
		struct libscols_line *row;

		driver_row(t, os, i);
		for (row = t->line; k < os->nr_devices && list[k]->driver == (int)i; k++)
			device_row(t, os, list[k], row);
	}
	if (orphans) {
		struct libscols_line *row = table_row(t, NULL);

		table_cell(t, "(driver unknown)");
		for (size_t i = 0; i < orphans; i++)
			device_row(t, os, list[i], row);
	}
}

void text_devices(const struct os *os, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "DRIVER, DEVICES", TABLE_TREE | TABLE_WRAP }, { "ADDRESS", 0 },
		{ "EXTENSION", 0 }, { "FOUND", 0 },
	};
	const struct device **list;
	struct table t;

	paper_heading(p, "DRIVERS AND DEVICES");
	if (!os->nr_drivers && !os->nr_devices) {
		paper_text(p, 2, "none");
		return;
	}
	list = sorted_devices(os, p);
	if (!list)
		return;
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	driver_rows(&t, os, list);
	table_end(&t);
	free(list);
}
