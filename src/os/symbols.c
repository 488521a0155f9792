/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Volatility 3 ISF file to answers about one kernel's structures and globals.
 * The JSON stays as it was read: who asks, asks for some hundred names. Anybody
 * may have written the file, so every kind of value is checked where it is used.
 *
 * Source: the ISF JSON schema (6.x) published with Volatility 3.
 */
#include "dumpleak/os/symbols.h"

#include "symbols_text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* each costs the parser some 100 bytes; the largest kernel has 200,000 */
	MAX_VALUES = 2 << 20,
	MAX_NAME = 256,
	MAX_STEPS = 4096,       /* through anonymous members, in one look-up */
	MAX_DEPTH = 16,
	GUID_DIGITS = 32,
};

struct symbols {
	json_t *root;
	const json_t *base_types, *user_types, *enums, *symbols;
	struct pdb_id pdb;
	uint8_t ptr_bytes;
	char path[];
};

static bool get_number(const json_t *object, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *v = json_object_get(object, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static const char *get_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* --- opening ----------------------------------------------------------------- */

/* What the parser would need is known before it starts: every value costs one of these. */
static bool too_many_values(const char *text, size_t n)
{
	size_t values = 0;

	for (size_t i = 0; i < n; i++)
		values += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return values > MAX_VALUES;
}

static enum dl_status parse(struct symbols *s, const char *text, size_t n, struct dl_err *err)
{
	json_error_t where;

	if (too_many_values(text, n))
		return err_set(err, DL_CORRUPT, "%s: holds more than %d values: no kernel's symbols "
			       "do", s->path, MAX_VALUES);
	s->root = json_loadb(text, n, 0, &where);
	if (!s->root)
		return err_set(err, DL_CORRUPT, "%s: is not JSON, from line %d, column %d on: not "
			       "an ISF symbol file, or cut off", s->path, where.line, where.column);
	return DL_OK;
}

static const char *foreign_system(const json_t *metadata)
{
	if (json_object_get(metadata, "linux"))
		return "a Linux kernel";
	if (json_object_get(metadata, "mac"))
		return "a macOS kernel";
	return NULL;
}

static bool read_guid(const char *text, char *guid)
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == '-' || *text == '{' || *text == '}')
			continue;
		if (n == GUID_DIGITS || !isxdigit((unsigned char)*text))
			return false;
		guid[n++] = (char)toupper((unsigned char)*text);
	}
	guid[n] = '\0';
	return n == GUID_DIGITS;
}

static void read_name(const char *text, char *name, size_t max)
{
	size_t n = 0;

	for (; text[n] && n + 1 < max; n++)
		name[n] = text[n] >= 0x20 && text[n] <= 0x7e ? text[n] : '?';
	name[n] = '\0';
}

static enum dl_status read_pdb(struct symbols *s, const json_t *metadata, struct dl_err *err)
{
	const json_t *pdb = json_object_get(json_object_get(metadata, "windows"), "pdb");
	uint64_t age;

	if (!read_guid(get_text(pdb, "GUID"), s->pdb.guid) ||
	    !get_number(pdb, "age", UINT32_MAX, &age))
		return err_set(err, DL_CORRUPT, "%s: has no metadata.windows.pdb with a GUID of 32 "
			       "digits and an age: which kernel it belongs to is not known",
			       s->path);
	read_name(get_text(pdb, "database"), s->pdb.name, sizeof s->pdb.name);
	if (!s->pdb.name[0])
		strcpy(s->pdb.name, "(unnamed)");
	s->pdb.age = (uint32_t)age;
	s->pdb.known = true;
	return DL_OK;
}

static enum dl_status part(struct symbols *s, const char *key, const json_t **out,
			   struct dl_err *err)
{
	*out = json_object_get(s->root, key);
	if (json_is_object(*out))
		return DL_OK;
	return err_set(err, DL_CORRUPT, "%s: is JSON, but has no \"%s\": not an ISF symbol file",
		       s->path, key);
}

static enum dl_status check(struct symbols *s, struct dl_err *err)
{
	const json_t *metadata;
	uint64_t ptr_bytes;
	enum dl_status st = part(s, "metadata", &metadata, err);

	if (!st && foreign_system(metadata))
		return err_set(err, DL_UNSUPPORTED, "%s: holds the symbols of %s, not of Windows",
			       s->path, foreign_system(metadata));
	if (!st)
		st = part(s, "base_types", &s->base_types, err);
	if (!st)
		st = part(s, "user_types", &s->user_types, err);
	if (!st)
		st = part(s, "enums", &s->enums, err);
	if (!st)
		st = part(s, "symbols", &s->symbols, err);
	if (!st)
		st = read_pdb(s, metadata, err);
	if (st)
		return st;
	if (!get_number(json_object_get(s->base_types, "pointer"), "size", 8, &ptr_bytes) ||
	    (ptr_bytes != 4 && ptr_bytes != 8))
		return err_set(err, DL_CORRUPT, "%s: base_types.pointer.size is neither 4 nor 8",
			       s->path);
	s->ptr_bytes = (uint8_t)ptr_bytes;
	if (!json_is_object(json_object_get(s->user_types, "_EPROCESS")))
		return err_set(err, DL_UNSUPPORTED, "%s: holds the symbols of %s, which has no "
			       "EPROCESS: not a kernel's", s->path, s->pdb.name);
	return DL_OK;
}

enum dl_status symbols_open_memory(struct bytes b, const char *name, struct symbols **out,
				   struct dl_err *err)
{
	size_t room = strlen(name) + 1, n;
	struct symbols *s = calloc(1, sizeof *s + room);
	enum dl_status st;
	char *text;

	if (!s)
		return err_set(err, DL_NOMEM, "out of memory for %s", name);
	memcpy(s->path, name, room);
	st = symbols_text(b, name, &text, &n, err);
	if (!st) {
		st = parse(s, text, n, err);
		free(text);
	}
	if (!st)
		st = check(s, err);
	if (st) {
		symbols_close(s);
		return st;
	}
	*out = s;
	return DL_OK;
}

enum dl_status symbols_open(const char *path, struct symbols **out, struct dl_err *err)
{
	uint8_t *raw;
	size_t n;
	enum dl_status st = symbols_file_read(path, &raw, &n, err);

	if (st)
		return st;
	st = symbols_open_memory((struct bytes){ raw, n }, path, out, err);
	free(raw);
	return st;
}

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	json_decref(symbols->root);
	free(symbols);
}

const char *symbols_path(const struct symbols *symbols)
{
	return symbols->path;
}

const struct pdb_id *symbols_pdb(const struct symbols *symbols)
{
	return &symbols->pdb;
}

bool symbols_match(const struct symbols *symbols, const struct pdb_id *kernel)
{
	char guid[GUID_DIGITS + 1];

	return kernel->known && read_guid(kernel->guid, guid) &&
	       !strcmp(guid, symbols->pdb.guid) && kernel->age == symbols->pdb.age;
}

bool symbols_rva(const struct symbols *symbols, const char *name, uint64_t *rva)
{
	return get_number(json_object_get(symbols->symbols, name), "address", UINT32_MAX, rva);
}

bool symbols_size(const struct symbols *symbols, const char *type, uint64_t *size_bytes)
{
	return get_number(json_object_get(symbols->user_types, type), "size", UINT32_MAX,
			  size_bytes);
}

/* --- fields ------------------------------------------------------------------- */

/* One look-up on its way; steps bounds it, whatever contains what. */
struct walk {
	const struct symbols *s;
	unsigned steps;
};

static bool is_anonymous(const char *name, const json_t *field)
{
	return json_is_true(json_object_get(field, "anonymous")) ||
	       !strncmp(name, "unnamed_field", 13);
}

static bool is_aggregate(const json_t *type)
{
	const char *kind = get_text(type, "kind");

	return !strcmp(kind, "struct") || !strcmp(kind, "union") || !strcmp(kind, "class");
}

/* The member @name of @type, also of its anonymous members; *@off is where it is. */
static const json_t *member(struct walk *w, const char *type, const char *name,
			    unsigned depth, uint64_t *off)
{
	json_t *fields = json_object_get(json_object_get(w->s->user_types, type), "fields");
	const json_t *found = json_object_get(fields, name);
	const char *key;
	json_t *field;

	if (found)
		return get_number(found, "offset", UINT16_MAX, off) ? found : NULL;
	if (depth == MAX_DEPTH)
		return NULL;
	json_object_foreach(fields, key, field) {
		const json_t *of = json_object_get(field, "type");
		uint64_t outer, inner;

		if (w->steps++ >= MAX_STEPS)
			return NULL;
		if (!is_anonymous(key, field) || !is_aggregate(of) ||
		    !get_number(field, "offset", UINT16_MAX, &outer))
			continue;
		found = member(w, get_text(of, "name"), name, depth + 1, &inner);
		if (found) {
			*off = outer + inner;
			return found;
		}
	}
	return NULL;
}

/* Bytes of a number; aggregates and arrays count as their first pointer. */
static uint64_t width_of(const struct symbols *s, const json_t *type)
{
	const char *kind = get_text(type, "kind");
	const json_t *table = NULL;
	uint64_t n;

	if (!strcmp(kind, "base"))
		table = s->base_types;
	else if (!strcmp(kind, "enum"))
		table = s->enums;
	if (!table)
		return s->ptr_bytes;
	return get_number(json_object_get(table, get_text(type, "name")), "size", 8, &n) ? n : 0;
}

static bool field_of(const struct symbols *s, const json_t *type, uint64_t off,
		     struct field *out)
{
	uint64_t shift = 0, bits = 0, width;

	if (!strcmp(get_text(type, "kind"), "bitfield")) {
		if (!get_number(type, "bit_position", 63, &shift) ||
		    !get_number(type, "bit_length", 64, &bits) || !bits)
			return false;
		type = json_object_get(type, "type");
	}
	width = width_of(s, type);
	if (off > UINT16_MAX || (width != 1 && width != 2 && width != 4 && width != 8) ||
	    shift + bits > width * 8)
		return false;
	*out = (struct field){
		.off = (uint16_t)off, .width = (uint8_t)width,
		.shift = (uint8_t)shift, .bits = (uint8_t)bits,
	};
	return true;
}

bool symbols_field(const struct symbols *symbols, const char *type, const char *path,
		   struct field *out)
{
	struct walk w = { .s = symbols };
	uint64_t at = 0;
	const json_t *of;

	for (;;) {
		size_t n = strcspn(path, ".");
		const json_t *found;
		char name[MAX_NAME];
		uint64_t off = 0;

		if (n >= sizeof name)
			return false;
		memcpy(name, path, n);
		name[n] = '\0';
		found = member(&w, type, name, 0, &off);
		of = json_object_get(found, "type");
		at += off;
		if (!of || at > UINT16_MAX)
			return false;
		if (!path[n])
			return field_of(symbols, of, at, out);
		if (!is_aggregate(of))
			return false;
		type = get_text(of, "name");
		path += n + 1;
	}
}
