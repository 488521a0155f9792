/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object headers and object directories to kinds and full names. Reads the
 * headers of XP to Vista: a pointer to the type, and distances back to the
 * name. Not here yet: InfoMask and type indices of Windows 7 and later.
 *
 * Sources: objects.md sections 4 to 4.3.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	MAX_DEPTH = 64,                 /* of directories                        */
	MAX_ENTRIES = 1 << 18,          /* of all directories together           */
	MAX_HEADER = 0x40, MAX_INFO = 0x40, MAX_TYPE = 0x100,
	MAX_PATH_BYTES = 4096,
};

static struct bytes header_of(struct os *os, uint64_t body_va, uint8_t *buf)
{
	size_t n = os->layout.object.header_bytes;

	return struct_at(os, body_va - n, buf, n);
}

/* The name of the type at @type_va, as it stands in memory; 0 bytes if missing. */
static size_t type_name(struct os *os, uint64_t type_va, uint8_t *text, size_t max)
{
	uint64_t va = type_va + os->layout.object.type_name.off, n, at;
	uint8_t ustr[16];
	struct bytes b = struct_at(os, va, ustr, 2u * os->layout.ptr_bytes);

	if (!field_get(b, os->layout.ustr_bytes, &n) || n > max ||
	    !field_get(b, os->layout.ustr_buffer, &at) ||
	    vm_read(&os->vm, at, text, (size_t)n, NULL))
		return 0;
	return (size_t)n;
}

static bool same_name(const uint8_t *utf16, size_t n, const char *name)
{
	if (n != 2 * strlen(name))
		return false;
	for (size_t i = 0; i < n / 2; i++)
		if (le16(utf16 + 2 * i) != (uint8_t)name[i])
			return false;
	return true;
}

static uint64_t type_of(struct os *os, uint64_t body_va)
{
	uint8_t buf[MAX_HEADER];

	return field_or(header_of(os, body_va, buf), os->layout.object.type, 0);
}

enum object_kind object_kind_of(struct os *os, uint64_t body_va)
{
	static const struct { const char *name; enum object_kind kind; } kinds[] = {
		{ "Device", OBJECT_DEVICE }, { "Driver", OBJECT_DRIVER },
		{ "Directory", OBJECT_DIRECTORY },
	};
	uint64_t type_va = type_of(os, body_va);
	uint8_t text[64];
	size_t n = os_is_kernel_va(os, type_va) ? type_name(os, type_va, text, sizeof text) : 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (same_name(text, n, kinds[i].name))
			return kinds[i].kind;
	return n ? OBJECT_OTHER : OBJECT_UNKNOWN;
}

const char *object_name(struct os *os, uint64_t body_va, uint64_t *directory_va)
{
	const struct object_layout *l = &os->layout.object;
	uint8_t header[MAX_HEADER], info[MAX_INFO];
	size_t info_bytes = l->name_info_name.off + 2u * os->layout.ptr_bytes;
	uint64_t back, info_va;
	struct bytes b;

	if (!field_get(header_of(os, body_va, header), l->name_info_offset, &back) ||
	    !back || back % os->layout.ptr_bytes || back < info_bytes)
		return NULL;
	info_va = body_va - l->header_bytes - back;
	b = struct_at(os, info_va, info, info_bytes);
	if (!field_get(b, l->name_info_directory, directory_va))
		return NULL;
	return os_ustr(os, info_va + l->name_info_name.off);
}

static char *join(struct os *os, const char *directory, const char *name)
{
	char path[MAX_PATH_BYTES];
	const char *slash = !strcmp(directory, "\\") ? "" : "\\";

	snprintf(path, sizeof path, "%s%s%s", directory, slash, name);
	return arena_strdup(&os->arena, path);
}

/*
 * The root's own name is "\". What does not end there was taken out of its
 * directory, or the directory is not in the dump: its bare name is all there is.
 */
const char *object_path(struct os *os, uint64_t body_va)
{
	const char *part[MAX_DEPTH], *path;
	size_t depth = 0;
	uint64_t directory = 0, va = body_va;

	for (; depth < MAX_DEPTH; depth++, va = directory) {
		part[depth] = object_name(os, va, &directory);
		if (!part[depth] || !part[depth][0])
			return depth ? part[0] : "";
		if (!directory)
			break;
		if (object_kind_of(os, directory) != OBJECT_DIRECTORY)
			return part[0];
	}
	if (depth == MAX_DEPTH || strcmp(part[depth], "\\"))
		return part[0];
	for (path = part[depth]; path && depth-- > 0;)
		path = join(os, path, part[depth]);
	return path ? path : "";
}

struct walk {
	struct os *os;
	directory_fn fn;
	struct dl_err *err;
	struct va_map seen;             /* directories and entries */
	size_t nr_entries, nr_absent;
	uint64_t absent_va;             /* the first               */
	uint64_t directory_type;        /* the type of the root    */
};

static enum dl_status walk_directory(struct walk *w, uint64_t body_va,
				     const char *path, unsigned depth);

static void absent(struct walk *w, uint64_t va)
{
	if (!w->nr_absent++)
		w->absent_va = va;
}

static enum dl_status visit(struct walk *w, uint64_t body_va, const char *directory,
			    unsigned depth)
{
	enum object_kind kind = object_kind_of(w->os, body_va);
	uint64_t directory_va;
	const char *name, *path;

	if (kind == OBJECT_OTHER)
		return DL_OK;
	if (kind == OBJECT_UNKNOWN && w->directory_type &&
	    type_of(w->os, body_va) == w->directory_type)
		kind = OBJECT_DIRECTORY;
	name = object_name(w->os, body_va, &directory_va);
	path = name && name[0] ? join(w->os, directory, name) : "";
	if (!path)
		return DL_NOMEM;
	if (kind != OBJECT_DIRECTORY)
		return w->fn(w->os, kind, body_va, path, w->err);
	return walk_directory(w, body_va, path, depth + 1);
}

/* One bucket: a chain of entries, any of which may be missing or lead back. */
static enum dl_status walk_chain(struct walk *w, uint64_t entry_va, const char *path,
				 unsigned depth)
{
	const struct object_layout *l = &w->os->layout.object;
	size_t entry_bytes = 2u * w->os->layout.ptr_bytes;
	enum dl_status st = DL_OK;

	while (!st && entry_va) {
		uint8_t buf[16];
		struct bytes b = struct_at(w->os, entry_va, buf, entry_bytes);
		uint64_t body_va;
		bool is_new;

		if (!field_get(b, l->entry_object, &body_va)) {
			absent(w, entry_va);
			break;
		}
		st = va_map_add(&w->seen, entry_va, 0, &is_new);
		if (st || !is_new || w->nr_entries++ >= MAX_ENTRIES) {
			if (!st && !is_new)
				os_note(w->os, DL_CORRUPT, "object directory %s: an entry at VA %#"
					PRIx64 " is listed twice", path, entry_va);
			break;
		}
		st = visit(w, body_va, path, depth);
		entry_va = field_or(b, l->entry_next, 0);
	}
	return st;
}

static enum dl_status walk_directory(struct walk *w, uint64_t body_va,
				     const char *path, unsigned depth)
{
	size_t ptr_bytes = w->os->layout.ptr_bytes;
	enum dl_status st;
	bool is_new;

	st = va_map_add(&w->seen, body_va, 0, &is_new);
	if (st || !is_new || depth >= MAX_DEPTH)
		return st;
	for (size_t i = 0; !st && i < w->os->layout.object.nr_buckets; i++) {
		uint64_t entry_va;

		if (!ptr_at(w->os, body_va + i * ptr_bytes, &entry_va))
			absent(w, body_va + i * ptr_bytes);
		else
			st = walk_chain(w, entry_va, path, depth);
	}
	return st;
}

static void note_what_is_missing(struct walk *w)
{
	if (w->nr_absent)
		os_note(w->os, DL_ABSENT, "%zu part%s of the object directories %s not in this "
			"image, first at VA %#" PRIx64, w->nr_absent,
			w->nr_absent == 1 ? "" : "s", w->nr_absent == 1 ? "is" : "are",
			w->absent_va);
	if (w->nr_entries > MAX_ENTRIES)
		os_note(w->os, DL_CORRUPT, "object directories hold more than %d entries: stopped",
			(int)MAX_ENTRIES);
}

enum dl_status directory_walk(struct os *os, directory_fn fn, struct dl_err *err)
{
	struct walk w = { .os = os, .fn = fn, .err = err };
	uint64_t root;
	enum dl_status st;

	if (!os->kdbg.known)
		return DL_OK;
	if (!kdbg_variable(&os->vm, &os->kdbg, KDBG_ROOT_DIRECTORY, &root) ||
	    !os_is_kernel_va(os, root)) {
		os_note(os, DL_ABSENT, "the root of the object directories is not in this image");
		return DL_OK;
	}
	w.directory_type = type_of(os, root);
	st = walk_directory(&w, root, "\\", 0);
	note_what_is_missing(&w);
	va_map_deinit(&w.seen);
	return st;
}
