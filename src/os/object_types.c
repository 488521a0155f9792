/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object headers to types. Before Windows 7 a header points to its type; later
 * it holds the type's number, which from 10 on is disguised by the header's
 * address and a secret byte. Which type has which number, and the secret, are
 * found without symbols: the types are objects themselves, listed in
 * \ObjectTypes, each with its name and number, and each of the type "Type".
 *
 * A layout row that memory contradicts is not used: the rows of neighbouring
 * builds are tried, then objects are told by their structure alone.
 *
 * Sources: objects.md sections 4 to 4.3.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <string.h>

enum {
	MAX_HEADER = 0x80, MAX_NAME = 64, MAX_TYPES = 256,
	MAX_LISTED = 4096,              /* entries of one directory */
	TYPE_TYPE = 2,                  /* "Type" is always the first type made */
	TELLING = 3,                    /* fewer agree by chance */
};

static struct bytes header_of(struct os *os, uint64_t body_va, uint8_t *buf)
{
	size_t n = os->layout.object.header_bytes;

	return struct_within(os, body_va - n, buf, MAX_HEADER, n);
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

static enum object_kind kind_by_name(const uint8_t *utf16, size_t n)
{
	static const struct { const char *name; enum object_kind kind; } kinds[] = {
		{ "Device", OBJECT_DEVICE }, { "Driver", OBJECT_DRIVER },
		{ "Directory", OBJECT_DIRECTORY },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (same_name(utf16, n, kinds[i].name))
			return kinds[i].kind;
	return n ? OBJECT_OTHER : OBJECT_UNKNOWN;
}

/* The type's number, still under the cookie where there is one. */
static bool type_number(struct os *os, uint64_t body_va, bool by_address, uint8_t *out)
{
	uint64_t header_va = body_va - os->layout.object.header_bytes, v;
	uint8_t buf[MAX_HEADER];

	if (!field_get(header_of(os, body_va, buf), os->layout.object.type_index, &v))
		return false;
	*out = (uint8_t)(by_address ? v ^ header_va >> 8 : v);
	return true;
}

bool object_type_key(struct os *os, uint64_t body_va, uint64_t *key)
{
	const struct object_layout *l = &os->layout.object;
	uint8_t buf[MAX_HEADER], number;

	if (field_has(l->type))
		return field_get(header_of(os, body_va, buf), l->type, key);
	if (!type_number(os, body_va, l->type_cookie, &number))
		return false;
	*key = number;
	return true;
}

bool object_header_there(struct os *os, uint64_t body_va)
{
	uint8_t buf[MAX_HEADER];

	return header_of(os, body_va, buf).p;
}

enum object_kind object_kind_of(struct os *os, uint64_t body_va)
{
	const struct object_types *types = os->objects ? &os->objects->types : NULL;
	uint8_t text[MAX_NAME];
	uint64_t key;

	if (!types || types->distrusted || !object_type_key(os, body_va, &key))
		return OBJECT_UNKNOWN;
	if (!field_has(os->layout.object.type))
		return types->known ? (enum object_kind)types->kind[(key ^ os->type_cookie) & 0xff]
				    : OBJECT_UNKNOWN;
	if (!os_is_kernel_va(os, key))
		return OBJECT_UNKNOWN;
	return kind_by_name(text, type_name(os, key, text, sizeof text));
}

/* What the types found say, before it is known how to read their headers. */
struct census {
	struct os *os;
	uint64_t root_va;
	struct { uint64_t va; uint8_t number, kind; } type[MAX_TYPES];
	size_t nr_types;
	int type_number, directory_number;      /* -1: not seen */
	size_t nr_listed, nr_named;     /* of the root's entries */
	bool absent;                    /* something was not there */
};

/* An OBJECT_TYPE: its name in the directory is the one it bears itself. */
static void take_type(struct census *c, uint64_t body_va, const char *listed_as)
{
	struct os *os = c->os;
	struct field f = os->layout.object.type_number;
	uint8_t text[MAX_NAME];
	uint64_t number;
	size_t n = type_name(os, body_va, text, sizeof text);

	if (!n || !field_has(f) || vm_word(&os->vm, body_va + f.off, f.width, &number, NULL)) {
		c->absent = true;
		return;
	}
	if (c->nr_types == MAX_TYPES || number >= MAX_TYPES ||
	    (listed_as && !same_name(text, n, listed_as)))
		return;
	for (size_t i = 0; i < c->nr_types; i++)
		if (c->type[i].va == body_va)
			return;
	c->type[c->nr_types].va = body_va;
	c->type[c->nr_types].number = (uint8_t)number;
	c->type[c->nr_types++].kind = (uint8_t)kind_by_name(text, n);
	if (same_name(text, n, "Type"))
		c->type_number = (int)number;
	if (same_name(text, n, "Directory"))
		c->directory_number = (int)number;
}

typedef void (*entry_fn)(struct census *c, uint64_t body_va);

/* Every entry of one directory. A chain that runs in circles ends at the bound. */
static void each_listed(struct census *c, uint64_t directory_va, entry_fn fn)
{
	struct os *os = c->os;
	const struct object_layout *l = &os->layout.object;
	size_t nr = 0;

	for (size_t i = 0; i < l->nr_buckets; i++) {
		uint64_t entry_va, body_va;

		if (!ptr_at(os, directory_va + i * os->layout.ptr_bytes, &entry_va))
			c->absent = true;
		else while (entry_va && nr++ < MAX_LISTED) {
			if (!ptr_at(os, entry_va + l->entry_object.off, &body_va) ||
			    !ptr_at(os, entry_va + l->entry_next.off, &entry_va)) {
				c->absent = true;
				break;
			}
			fn(c, body_va);
		}
	}
}

static void listed_type(struct census *c, uint64_t body_va)
{
	uint64_t directory_va;
	const char *name = object_name(c->os, body_va, &directory_va);

	if (name && name[0])
		take_type(c, body_va, name);
}

static void listed_in_root(struct census *c, uint64_t body_va)
{
	uint64_t directory_va;
	const char *name = object_name(c->os, body_va, &directory_va);

	c->nr_listed++;
	if (!name || directory_va != c->root_va)
		return;
	c->nr_named++;
	if (!strcmp(name, "ObjectTypes"))
		each_listed(c, body_va, listed_type);
}

/* Without \ObjectTypes: the types that the kernel exports, and those symbols lead to. */
static void count_known_types(struct census *c)
{
	static const struct { const char *symbol, *name; } exported[] = {
		{ "IoDeviceObjectType", "Device" }, { "IoDriverObjectType", "Driver" },
		{ "IoFileObjectType", "File" }, { "PsProcessType", "Process" },
		{ "PsThreadType", "Thread" }, { "ExEventObjectType", "Event" },
		{ "SeTokenObjectType", "Token" },
	};
	struct os *os = c->os;
	uint64_t va, type_va;

	for (size_t i = 0; i < sizeof exported / sizeof exported[0]; i++)
		if (kernel_export(os, exported[i].symbol, &va) && ptr_at(os, va, &type_va))
			take_type(c, type_va, exported[i].name);
	if (!os_symbol_va(os, "ObTypeIndexTable", &va))
		return;
	for (size_t i = TYPE_TYPE; i < MAX_TYPES; i++)
		if (ptr_at(os, va + i * os->layout.ptr_bytes, &type_va) &&
		    os_is_kernel_va(os, type_va))
			take_type(c, type_va, NULL);
}

static void count_types(struct os *os, uint64_t root_va, struct census *c)
{
	uint64_t type_va, directory_va;

	*c = (struct census){ .os = os, .root_va = root_va, .type_number = -1,
			      .directory_number = -1 };
	each_listed(c, root_va, listed_in_root);
	if (kdbg_variable(&os->vm, &os->kdbg, KDBG_TYPE_TYPE, &type_va)) {
		take_type(c, type_va, "Type");
		/* the way to \ObjectTypes where the root is missing */
		if (c->nr_types < TELLING && object_name(os, type_va, &directory_va) && directory_va)
			each_listed(c, directory_va, listed_type);
	}
	if (c->nr_types < TELLING)
		count_known_types(c);
}

/* How many of the headers seen are as they should be, with the best cookie. */
static size_t votes(struct census *c, bool by_address, uint8_t *cookie, size_t *of)
{
	uint8_t type = (uint8_t)(c->type_number < 0 ? TYPE_TYPE : c->type_number), v;
	size_t count[MAX_TYPES] = { 0 }, best = 0;

	*of = 0;
	for (size_t i = 0; i < c->nr_types; i++) {
		if (!type_number(c->os, c->type[i].va, by_address, &v))
			continue;
		++*of;
		count[v ^ type]++;
	}
	if (c->directory_number >= 0 && type_number(c->os, c->root_va, by_address, &v)) {
		++*of;
		count[v ^ (uint8_t)c->directory_number]++;
	}
	/* without the address there is no cookie either */
	for (size_t i = 0; by_address && i < MAX_TYPES; i++)
		if (count[i] > count[best])
			best = i;
	*cookie = (uint8_t)best;
	return count[best];
}

enum fit { FITS, MISFITS, CANNOT_TELL };

static void adopt(struct census *c, bool by_address, uint8_t cookie)
{
	struct os *os = c->os;
	struct object_types *types = &os->objects->types;

	os->layout.object.type_cookie = by_address;
	os->type_cookie = cookie;
	os->has_type_cookie = by_address;
	memset(types->kind, OBJECT_UNKNOWN, sizeof types->kind);
	for (size_t i = 0; i < c->nr_types; i++)
		types->kind[c->type[i].number] = c->type[i].kind;
	types->known = true;
}

static enum fit fit_by_number(struct os *os, uint64_t root_va)
{
	bool row = os->layout.object.type_cookie;
	struct census c;

	count_types(os, root_va, &c);
	for (int i = 0; i < 2; i++) {
		bool by_address = i ? !row : row;
		uint8_t cookie;
		size_t of, n = votes(&c, by_address, &cookie, &of);

		if (n < TELLING || n * 2 <= of)
			continue;
		if (by_address != row)
			os_note(os, DL_CORRUPT, "OBJECT_HEADER.TypeIndex is %s, unlike in build %u: "
				"read so", by_address ? "disguised by a cookie" : "not disguised",
				os->build);
		if (n < of)
			os_note(os, DL_CORRUPT, "%zu of %zu object types have a header that does not "
				"say so: damaged", of - n, of);
		adopt(&c, by_address, cookie);
		return FITS;
	}
	if (c.nr_types >= TELLING || (c.nr_listed && !c.nr_named && !c.absent))
		return MISFITS;
	return CANNOT_TELL;
}

/* The root must be a "Directory", or at least the type of types a "Type". */
static enum fit fit_by_pointer(struct os *os, uint64_t root_va)
{
	uint8_t text[MAX_NAME];
	uint64_t type_va, own;
	size_t n;

	if (!object_type_key(os, root_va, &type_va))
		return CANNOT_TELL;
	n = os_is_kernel_va(os, type_va) ? type_name(os, type_va, text, sizeof text) : 0;
	if (same_name(text, n, "Directory"))
		return FITS;
	if (kdbg_variable(&os->vm, &os->kdbg, KDBG_TYPE_TYPE, &type_va) &&
	    object_type_key(os, type_va, &own)) {
		n = type_name(os, type_va, text, sizeof text);
		if (own == type_va && (!n || same_name(text, n, "Type")))
			return CANNOT_TELL;
		return MISFITS;
	}
	return n ? MISFITS : CANNOT_TELL;
}

static enum fit fit(struct os *os, uint64_t root_va)
{
	return field_has(os->layout.object.type) ? fit_by_pointer(os, root_va)
						 : fit_by_number(os, root_va);
}

/* The rows of other builds, if this one's is contradicted. */
static bool neighbour_fits(struct os *os, uint64_t root_va)
{
	static const uint32_t builds[] = {
		BUILD_10, BUILD_1607, BUILD_81, BUILD_8, BUILD_7, BUILD_VISTA_SP2, BUILD_VISTA,
		BUILD_2003, BUILD_XP,
	};
	struct object_layout own = os->layout.object;

	for (size_t i = 0; i < sizeof builds / sizeof builds[0]; i++) {
		struct os_layout other;

		if (layout_pick(os->layout.machine, builds[i], &other, NULL))
			continue;
		os->layout.object = other.object;
		if (fit(os, root_va) != FITS)
			continue;
		os_note(os, DL_CORRUPT, "object headers are not those of build %u: read as those "
			"of build %u", os->build, builds[i]);
		return true;
	}
	os->layout.object = own;
	return false;
}

static void check_cookie(struct os *os)
{
	uint64_t va, cookie;

	if (!os->has_type_cookie || !os_symbol_va(os, "ObHeaderCookie", &va) ||
	    vm_word(&os->vm, va, 1, &cookie, NULL) || cookie == os->type_cookie)
		return;
	os_note(os, DL_CORRUPT, "ObHeaderCookie is %#" PRIx64 " by the symbols, but object "
		"headers tell %#x: went by the headers", cookie, os->type_cookie);
}

void object_types_read(struct os *os, uint64_t root_va)
{
	struct object_types *types = &os->objects->types;
	enum fit how = fit(os, root_va);

	if (how == MISFITS && !neighbour_fits(os, root_va)) {
		types->distrusted = true;
		os_note(os, DL_CORRUPT, "OBJECT_HEADER and OBJECT_TYPE of build %u do not fit what "
			"memory shows: drivers and devices are told by their structure", os->build);
	} else if (how == CANNOT_TELL && !field_has(os->layout.object.type)) {
		os_note(os, DL_ABSENT, "the table of object types is not in this image: drivers and "
			"devices are told by their structure");
	}
	check_cookie(os);
}

bool os_symbol_va(struct os *os, const char *name, uint64_t *va)
{
	uint64_t rva;

	if (!os->symbols || !os->kernel_base || !symbols_rva(os->symbols, name, &rva))
		return false;
	*va = os->kernel_base + rva;
	return true;
}
