/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PsLoadedModuleList and MmUnloadedDrivers to modules and unloaded drivers.
 * The list is followed forward and, where it breaks on a missing page, from
 * its other end as well. Builds: see the rows of layout.c.
 *
 * Sources: kernel-globals.md sections 4 and 5.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_MODULES = 4096, MAX_LDR_BYTES = 0x100, MAX_MODULE_BYTES = 256 << 20,
	MAX_UNLOADED = 1024, MAX_NAME_BYTES = 512,
};

struct module_list {
	struct os *os;
	struct va_map seen;
	uint64_t entry[MAX_MODULES];
	size_t nr;
	bool closed;            /* came back to the head           */
	uint64_t gap_va[2];     /* missing entries, forth and back */
	bool gap_is_zero;       /* there, but zeros                */
	size_t nr_gaps;
};

/*
 * Follow one direction until the head comes up again, an entry repeats, or one
 * is missing; entries go to @l in the order met. A link of zero is none: some
 * writers put zeros where they had no page.
 */
static enum dl_status follow(struct module_list *l, uint64_t link_off)
{
	struct os *os = l->os;
	uint64_t va = os->modules_va, next;

	for (;;) {
		enum dl_status st;
		bool is_new;

		if (!ptr_at(os, va + link_off, &next) || !next) {
			l->gap_is_zero |= ptr_at(os, va + link_off, &next);
			l->gap_va[l->nr_gaps++] = va;
			return DL_OK;
		}
		l->closed = next == os->modules_va;
		if (l->closed)
			return DL_OK;
		st = va_map_add(&l->seen, next, 0, &is_new);
		if (st)
			return st;
		if (!is_new || l->nr == MAX_MODULES) {
			if (!link_off)
				os_note(os, DL_CORRUPT, "the module list %s at VA %#" PRIx64
					", after %zu modules", is_new ? "does not end: stopped"
					: "runs into itself", next, l->nr);
			return DL_OK;
		}
		l->entry[l->nr++] = next;
		va = next;
	}
}

/* What a break cut off, by the backward links, put in list order. */
static enum dl_status follow_back(struct module_list *l)
{
	size_t first = l->nr;
	enum dl_status st = follow(l, l->os->layout.ptr_bytes);

	for (size_t a = first, b = l->nr; a + 1 < b; a++, b--) {
		uint64_t va = l->entry[a];

		l->entry[a] = l->entry[b - 1];
		l->entry[b - 1] = va;
	}
	return st;
}

static const char *text_or_empty(const char *s)
{
	return s ? s : "";
}

/* The name is what stands last in the path, should its own bytes be missing. */
static const char *name_in_path(const char *path)
{
	const char *slash = strrchr(path, '\\');

	return slash ? slash + 1 : path;
}

static bool module_at(struct os *os, uint64_t va, struct module *m)
{
	const struct ldr_layout *ldr = &os->layout.ldr;
	uint8_t buf[MAX_LDR_BYTES];
	struct bytes b = struct_within(os, va, buf, sizeof buf, ldr->bytes);

	memset(m, 0, sizeof *m);
	if (!field_get(b, ldr->base, &m->base) || !field_get(b, ldr->size, &m->size_bytes))
		return false;
	m->name = text_or_empty(os_ustr(os, va + ldr->base_name.off));
	m->path = text_or_empty(os_ustr(os, va + ldr->full_name.off));
	if (!m->name[0])
		m->name = name_in_path(m->path);
	m->timestamp = (uint32_t)field_or(b, ldr->timestamp, 0);
	return os_is_kernel_va(os, m->base) && vm_is_canonical(os->vm.mode, m->base) &&
	       m->base % PAGE_BYTES == 0 && m->size_bytes && m->size_bytes <= MAX_MODULE_BYTES &&
	       m->size_bytes - 1 <= os->vm.mode->va_mask - m->base;
}

static int compare_base(const void *a, const void *b)
{
	const struct module *const *x = a, *const *y = b;

	return (*x)->base < (*y)->base ? -1 : (*x)->base > (*y)->base;
}

static enum dl_status sort_modules(struct os *os)
{
	os->modules_by_base = arena_array(&os->arena, os->nr_modules,
					  sizeof *os->modules_by_base);
	if (!os->modules_by_base)
		return DL_NOMEM;
	for (size_t i = 0; i < os->nr_modules; i++)
		os->modules_by_base[i] = &os->modules[i];
	qsort(os->modules_by_base, os->nr_modules, sizeof *os->modules_by_base, compare_base);
	return DL_OK;
}

static bool is_gap(const struct module_list *l, uint64_t va)
{
	return (l->nr_gaps > 0 && va == l->gap_va[0]) || (l->nr_gaps > 1 && va == l->gap_va[1]);
}

static void note_gap(const struct module_list *l)
{
	const char *how = l->gap_is_zero ? ", whose links are zeros" : "";
	uint64_t head = l->os->modules_va;

	if (!l->nr_gaps)
		return;
	if (l->gap_va[0] == head && l->gap_va[l->nr_gaps - 1] == head)
		os_note(l->os, DL_ABSENT, "the module list is not in this image: its head at VA "
			"%#" PRIx64 " %s", head, *how ? "is zeros" : "is missing");
	else if (l->nr_gaps == 2 && l->gap_va[0] != l->gap_va[1])
		os_note(l->os, DL_ABSENT, "part of the module list is not in this image: from "
			"the entry at VA %#" PRIx64 " to the one at VA %#" PRIx64 "%s",
			l->gap_va[0], l->gap_va[1], how);
	else
		os_note(l->os, DL_ABSENT, "part of the module list is not in this image: the "
			"entry at VA %#" PRIx64 "%s", l->gap_va[0], how);
}

static enum dl_status read_entries(struct module_list *l)
{
	struct os *os = l->os;
	size_t bad = 0;

	os->modules = arena_array(&os->arena, l->nr, sizeof *os->modules);
	if (!os->modules)
		return DL_NOMEM;
	for (size_t i = 0; i < l->nr; i++) {
		struct module *m = &os->modules[os->nr_modules];
		uint32_t timestamp;

		if (!module_at(os, l->entry[i], m)) {
			if (!is_gap(l, l->entry[i]) && !bad++)
				os_note(os, DL_CORRUPT, "no module at VA %#" PRIx64
					", where the module list leads", l->entry[i]);
			continue;
		}
		timestamp = m->timestamp;
		image_read(os, m);
		/* the list's own, where it has one: headers may be those of another image */
		m->timestamp = timestamp ? timestamp : m->timestamp;
		os->nr_modules++;
	}
	return sort_modules(os);
}

static enum dl_status read_loaded(struct os *os)
{
	struct module_list *l;
	enum dl_status st;

	if (!os->modules_va) {
		os_note(os, DL_ABSENT, "PsLoadedModuleList is not known: no modules");
		return DL_OK;
	}
	l = calloc(1, sizeof *l);
	if (!l)
		return DL_NOMEM;
	l->os = os;
	st = follow(l, 0);
	if (!st && !l->closed && l->nr < MAX_MODULES)
		st = follow_back(l);
	note_gap(l);
	if (!st)
		st = read_entries(l);
	va_map_deinit(&l->seen);
	free(l);
	return st;
}

/* Length may be left from an entry before: no more than the buffer has room for. */
static const char *bounded_name(struct os *os, uint64_t va)
{
	size_t width = os->layout.ptr_bytes;
	uint8_t header[16], text[MAX_NAME_BYTES];
	struct bytes b = struct_at(os, va, header, 2 * width);
	uint64_t n, room, at;

	if (!field_get(b, os->layout.ustr_bytes, &n) ||
	    !field_get(b, os->layout.ustr_buffer, &at))
		return NULL;
	room = le16(b.p + 2) < sizeof text ? le16(b.p + 2) : sizeof text;
	n = (n < room ? n : room) & ~(uint64_t)1;
	if (n && vm_read(&os->vm, at, text, (size_t)n, NULL))
		return NULL;
	return text_utf16(&os->arena, (struct bytes){ text, (size_t)n });
}

static bool unloaded_at(struct os *os, uint64_t va, struct bytes b, struct unloaded *u)
{
	const struct unloaded_layout *l = &os->layout.unloaded;

	if (!field_get(b, l->start, &u->first_va) || !field_get(b, l->end, &u->end_va) ||
	    !u->first_va || u->end_va <= u->first_va || !os_is_kernel_va(os, u->first_va) ||
	    u->end_va - u->first_va > MAX_MODULE_BYTES)
		return false;
	u->time = field_or(b, l->time, 0);
	u->name = text_or_empty(bounded_name(os, va + l->name.off));
	return true;
}

/* A row of zeros was never used; one with an impossible range is counted. */
static enum dl_status read_unloaded(struct os *os)
{
	const struct unloaded_layout *l = &os->layout.unloaded;
	size_t nr = l->nr < MAX_UNLOADED ? l->nr : MAX_UNLOADED, absent = 0, odd = 0;
	uint64_t array;

	if (!kdbg_variable(&os->vm, &os->kdbg, KDBG_UNLOADED_DRIVERS, &array) || !array)
		return DL_OK;
	if (!os_is_kernel_va(os, array) || !vm_is_canonical(os->vm.mode, array)) {
		os_note(os, DL_CORRUPT, "MmUnloadedDrivers is %#" PRIx64 ", no address of the "
			"kernel's: unloaded drivers were not read", array);
		return DL_OK;
	}
	os->unloaded = arena_array(&os->arena, nr, sizeof *os->unloaded);
	if (!os->unloaded)
		return DL_NOMEM;
	for (size_t i = 0; i < nr; i++) {
		uint64_t va = array + i * l->stride;
		uint8_t buf[0x40];
		struct bytes b = struct_within(os, va, buf, sizeof buf, l->stride);

		if (!b.p)
			absent++;
		else if (unloaded_at(os, va, b, &os->unloaded[os->nr_unloaded]))
			os->nr_unloaded++;
		else
			odd += field_or(b, l->start, 0) != 0;
	}
	if (absent)
		os_note(os, DL_ABSENT, "%zu of the %zu rows for unloaded drivers are not in this "
			"image", absent, nr);
	if (odd)
		os_note(os, DL_CORRUPT, "%zu rows for unloaded drivers hold no range of kernel "
			"addresses: left out", odd);
	return DL_OK;
}

enum dl_status modules_read(struct os *os, struct dl_err *err)
{
	enum dl_status st = read_loaded(os);

	if (!st)
		st = read_unloaded(os);
	return st ? err_set(err, st, "out of memory for modules") : DL_OK;
}
