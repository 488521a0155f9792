/* SPDX-License-Identifier: Apache-2.0 */
/* Values to jansson's tree, and the tree to a stream. */
#include "jot.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <math.h>

static void put(struct jot *j, json_t *o, const char *key, json_t *v)
{
	if (!o || !v || json_object_set_new(o, key, v))
		j->failed = true;
}

json_t *jot_object(struct jot *j, json_t *parent, const char *key)
{
	json_t *o = json_object();

	put(j, parent, key, o);
	return o;
}

json_t *jot_array(struct jot *j, json_t *parent, const char *key)
{
	json_t *a = json_array();

	put(j, parent, key, a);
	return a;
}

static void append(struct jot *j, json_t *array, json_t *v)
{
	if (!array || !v || json_array_append_new(array, v))
		j->failed = true;
}

json_t *jot_item(struct jot *j, json_t *array)
{
	json_t *o = json_object();

	append(j, array, o);
	return o;
}

void jot_null(struct jot *j, json_t *o, const char *key)
{
	put(j, o, key, json_null());
}

void jot_bool(struct jot *j, json_t *o, const char *key, bool v)
{
	put(j, o, key, json_boolean(v));
}

void jot_text(struct jot *j, json_t *o, const char *key, const char *s)
{
	put(j, o, key, s ? json_string(s) : json_null());
}

void jot_word(struct jot *j, json_t *o, const char *key, const char *s)
{
	jot_text(j, o, key, s && *s ? s : NULL);
}

void jot_tag(struct jot *j, json_t *o, const char *key, uint32_t tag)
{
	char text[TAG_TEXT_MAX];

	jot_text(j, o, key, tag_text(tag, text));
}

void jot_count(struct jot *j, json_t *o, const char *key, uint64_t v)
{
	put(j, o, key, v <= INT64_MAX ? json_integer((json_int_t)v)
				      : json_real((double)v));
}

void jot_offset(struct jot *j, json_t *o, const char *key, int64_t v)
{
	put(j, o, key, json_integer((json_int_t)v));
}

void jot_known(struct jot *j, json_t *o, const char *key, struct known_u64 v)
{
	if (v.known)
		jot_count(j, o, key, v.value);
	else
		jot_null(j, o, key);
}

void jot_real(struct jot *j, json_t *o, const char *key, double v)
{
	put(j, o, key, v >= 0 && isfinite(v) ? json_real(v) : json_null());
}

static json_t *va_string(uint64_t va)
{
	char text[24];

	snprintf(text, sizeof text, "0x%" PRIx64, va);
	return json_string(text);
}

void jot_va(struct jot *j, json_t *o, const char *key, uint64_t va)
{
	put(j, o, key, va_string(va));
}

void jot_va_or_null(struct jot *j, json_t *o, const char *key, uint64_t va)
{
	put(j, o, key, va ? va_string(va) : json_null());
}

void jot_add_va(struct jot *j, json_t *array, uint64_t va)
{
	append(j, array, va_string(va));
}

void jot_add_text(struct jot *j, json_t *array, const char *s)
{
	append(j, array, s ? json_string(s) : json_null());
}

/* jansson treats a failed write as any other failure; the stream knows better. */
enum dl_status jot_write(struct jot *j, json_t *root, FILE *out)
{
	bool bad = j->failed || !root;

	if (!bad && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6)))
		bad = !ferror(out);
	if (!bad)
		fputc('\n', out);
	json_decref(root);
	return bad ? DL_NOMEM : DL_OK;
}
