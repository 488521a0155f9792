/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens an image as an operating system: runs the steps of internal.h in their
 * order, and answers by address afterwards. Knows no build.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"
#include "dumpleak/os/objects.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What each note was made from, so that one list in pieces does not drown all else. */
struct os_alike {
	const char *fmt[OS_MAX_NOTES];
	const char *text[OS_MAX_NOTES]; /* without the count */
	size_t more[OS_MAX_NOTES];
};

/* The count goes into the text at once: notes are read at any time. */
static void count_alike(struct os *os, size_t i)
{
	size_t more = ++os->alike->more[i];
	char text[600];
	char *copy;

	/* in steps, since each text stays in the arena: 1..9, 10.., 100.. */
	if (more > 9 && more % (more > 99 ? 100 : 10))
		return;
	snprintf(text, sizeof text, "%s (and %s%zu more like this)", os->alike->text[i],
		 more > 9 ? "at least " : "", more);
	copy = arena_strdup(&os->arena, text);
	if (copy)
		os->notes[i].text = copy;
}

static bool enough_alike(struct os *os, const char *fmt)
{
	size_t alike = 0;

	for (size_t i = 0; i < os->nr_notes; i++) {
		if (os->alike->fmt[i] != fmt || ++alike < OS_NOTES_ALIKE)
			continue;
		count_alike(os, i);
		return true;
	}
	return false;
}

void os_note(struct os *os, enum dl_status kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	char *copy;

	if (!os->alike)
		os->alike = arena_alloc(&os->arena, sizeof *os->alike);
	if (!os->alike || enough_alike(os, fmt) || os->nr_notes == OS_MAX_NOTES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	copy = arena_strdup(&os->arena, text);
	if (!copy)
		return;
	os->alike->fmt[os->nr_notes] = fmt;
	os->alike->text[os->nr_notes] = copy;
	os->notes[os->nr_notes++] = (struct os_note){ copy, kind };
}

struct bytes struct_at(struct os *os, uint64_t va, void *buf, size_t n)
{
	struct bytes b = { buf, n };

	if (vm_read(&os->vm, va, buf, n, NULL))
		b = (struct bytes){ NULL, 0 };
	return b;
}

bool ptr_at(struct os *os, uint64_t va, uint64_t *out)
{
	return !vm_word(&os->vm, va, os->layout.ptr_bytes, out, NULL);
}

const char *os_ustr(struct os *os, uint64_t va)
{
	enum { MAX_BYTES = 2048 };      /* a path of 1024 characters */
	uint8_t header[16], text[MAX_BYTES];
	struct bytes b = struct_at(os, va, header, 2u * os->layout.ptr_bytes);
	uint64_t n, at;

	if (!field_get(b, os->layout.ustr_bytes, &n) ||
	    !field_get(b, os->layout.ustr_buffer, &at) || n % 2 || n > MAX_BYTES)
		return NULL;
	if (n && vm_read(&os->vm, at, text, (size_t)n, NULL))
		return NULL;
	return text_utf16(&os->arena, (struct bytes){ text, (size_t)n });
}

/* Where the image's headers are missing, the module list knows how long it is. */
static void complete_kernel(struct os *os)
{
	const struct module *m = os_module_at(os, os->kernel_base);

	if (!os->kernel_bytes && m && m->base == os->kernel_base)
		os->kernel_bytes = m->size_bytes;
}

static enum dl_status read_all(struct os *os, const struct os_options *opts,
			       struct dl_err *err)
{
	enum dl_status st = kernel_find(os, opts->progress, err);

	if (!st)
		st = kernel_identify(os, opts->symbols, err);
	if (!st)
		st = modules_read(os, err);
	if (!st)
		complete_kernel(os);
	if (!st)
		st = objects_read(os, err);
	if (!st)
		st = processes_read(os, err);
	return st;
}

enum dl_status os_open(struct container *container, const struct progress *progress,
		       struct os *os, struct dl_err *err)
{
	return os_open_with(container, &(struct os_options){ .progress = progress }, os, err);
}

enum dl_status os_open_with(struct container *container, const struct os_options *opts,
			    struct os *os, struct dl_err *err)
{
	enum dl_status st;

	memset(os, 0, sizeof *os);
	os->container = container;
	os->build_lab = os->service_pack = os->product = "";
	phys_init(&os->phys, container);
	arena_init(&os->arena);
	st = container_minidump(container) ? minidump_read(os, opts, err)
					   : read_all(os, opts, err);
	if (st)
		os_close(os);
	return st;
}

void os_close(struct os *os)
{
	objects_deinit(os);
	phys_deinit(&os->phys);
	arena_deinit(&os->arena);
	memset(os, 0, sizeof *os);
}

const struct module *os_module_at(const struct os *os, uint64_t va)
{
	size_t low = 0, high = os->nr_modules;
	const struct module *m;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (os->modules_by_base[mid]->base <= va)
			low = mid + 1;
		else
			high = mid;
	}
	m = low ? os->modules_by_base[low - 1] : NULL;
	return m && va - m->base < m->size_bytes ? m : NULL;
}

const struct section *os_section_at(const struct module *m, uint64_t va)
{
	for (size_t i = 0; i < m->nr_sections; i++) {
		const struct section *s = &m->sections[i];

		if (va >= m->base + s->rva && va - m->base - s->rva < s->size_bytes)
			return s;
	}
	return NULL;
}

static int compare_va(const void *key, const void *element)
{
	uint64_t va = *(const uint64_t *)key;
	/* va is the first member of both kinds */
	uint64_t other = *(const uint64_t *)element;

	return va < other ? -1 : va > other;
}

const struct device *os_device_at(const struct os *os, uint64_t va)
{
	return os->nr_devices ? bsearch(&va, os->devices, os->nr_devices,
					sizeof *os->devices, compare_va) : NULL;
}

const struct driver *os_driver_at(const struct os *os, uint64_t va)
{
	return os->nr_drivers ? bsearch(&va, os->drivers, os->nr_drivers,
					sizeof *os->drivers, compare_va) : NULL;
}
