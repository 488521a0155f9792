/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object directories to the drivers and devices in them, with full names.
 * Before Windows 7 a header says how far before it the name stands; later, which
 * optional headers there are, from which the distance follows.
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
	MAX_HEADER = 0x80, MAX_INFO = 0x40,
	MAX_PATH_BYTES = 4096,
};

/* Bytes from the header back to its NAME_INFO; false if it has none. */
static bool name_distance(const struct object_layout *l, struct bytes header, uint64_t *back)
{
	uint64_t mask;

	if (field_get(header, l->name_info_offset, back))
		return *back != 0;
	if (!field_get(header, l->info_mask, &mask) || l->name_info >= NR_OBJECT_INFOS ||
	    !(mask >> l->name_info & 1))
		return false;
	/* those present stand before the header, the lowest bit's nearest to it */
	*back = 0;
	for (unsigned i = 0; i <= l->name_info; i++)
		if (mask >> i & 1)
			*back += l->info_bytes[i];
	return true;
}

const char *object_name(struct os *os, uint64_t body_va, uint64_t *directory_va)
{
	const struct object_layout *l = &os->layout.object;
	uint64_t header_va = body_va - l->header_bytes, back, info_va;
	size_t info_bytes = l->name_info_name.off + 2u * os->layout.ptr_bytes;
	uint8_t header[MAX_HEADER], info[MAX_INFO];
	struct bytes b = struct_within(os, header_va, header, sizeof header, l->header_bytes);

	if (!name_distance(l, b, &back) || back % os->layout.ptr_bytes || back < info_bytes)
		return NULL;
	info_va = header_va - back;
	b = struct_within(os, info_va, info, sizeof info, info_bytes);
	if (!field_get(b, l->name_info_directory, directory_va) ||
	    (*directory_va && !os_is_kernel_va(os, *directory_va)))
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
		if (os->objects && directory == os->objects->root_va && depth + 1 < MAX_DEPTH) {
			part[++depth] = "\\";     /* whether or not it is in the dump */
			break;
		}
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
	uint64_t directory_type;        /* key of the root's type  */
	bool has_directory_type;
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
	uint64_t directory_va, key;
	const char *name, *path;

	if (kind == OBJECT_OTHER)
		return DL_OK;
	if (!object_header_there(w->os, body_va))
		absent(w, body_va);
	else if (kind == OBJECT_UNKNOWN && w->has_directory_type &&
		 object_type_key(w->os, body_va, &key) && key == w->directory_type)
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
	enum dl_status st = DL_OK;

	while (!st && entry_va) {
		uint64_t body_va, next_va;
		bool is_new;

		if (!ptr_at(w->os, entry_va + l->entry_object.off, &body_va) ||
		    !ptr_at(w->os, entry_va + l->entry_next.off, &next_va)) {
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
		entry_va = next_va;
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
	if (st)
		return st;
	if (!is_new || depth >= MAX_DEPTH) {
		os_note(w->os, DL_CORRUPT, "object directory %s at VA %#" PRIx64 " %s: not "
			"entered", path, body_va, is_new ? "lies too deep" :
			"is listed in itself or a second time");
		return DL_OK;
	}
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

static bool root_directory(struct os *os, uint64_t *root)
{
	uint64_t va;

	if (os->kdbg.known && kdbg_variable(&os->vm, &os->kdbg, KDBG_ROOT_DIRECTORY, root) &&
	    os_is_kernel_va(os, *root))
		return true;
	if (os_symbol_va(os, "ObpRootDirectoryObject", &va) && ptr_at(os, va, root) &&
	    os_is_kernel_va(os, *root))
		return true;
	if (!root_directory_search(os, root))
		return false;
	os_note(os, DL_OK, "the root of the object directories was found by searching the "
		"kernel's data, at VA %#" PRIx64, *root);
	return true;
}

enum dl_status directory_walk(struct os *os, directory_fn fn, struct dl_err *err)
{
	struct walk w = { .os = os, .fn = fn, .err = err };
	uint64_t root;
	enum dl_status st;

	if (!root_directory(os, &root)) {
		os_note(os, DL_ABSENT, "the root of the object directories is not in this image");
		return DL_OK;
	}
	os->objects->root_va = root;
	object_types_read(os, root);
	w.has_directory_type = object_type_key(os, root, &w.directory_type);
	st = walk_directory(&w, root, "\\", 0);
	note_what_is_missing(&w);
	va_map_deinit(&w.seen);
	return st;
}
