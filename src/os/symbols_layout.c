/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel's own types against the built-in rows, and in their stead. Which
 * field is which: layout_fields.c. What the file has no type for is no
 * difference; a type without the field is one.
 */
#include "dumpleak/os/symbols.h"

#include <string.h>

/* What one field is, here or there: .has false if there is none. */
struct found {
	bool has;
	struct field field;     /* LAYOUT_FIELD, LAYOUT_OFFSET */
	uint64_t number;        /* the others; and the field's offset */
};

static bool is_field(enum layout_value value)
{
	return value == LAYOUT_FIELD || value == LAYOUT_OFFSET;
}

static struct found ours_of(const struct os_layout *l, const struct layout_field_row *row)
{
	const uint8_t *at = (const uint8_t *)l + row->out;
	struct found f = { 0 };
	uint16_t half;

	if (is_field(row->value)) {
		memcpy(&f.field, at, sizeof f.field);
		f.has = field_has(f.field);
		f.number = f.field.off;
		return f;
	}
	if (row->value == LAYOUT_SIZE_U16) {
		memcpy(&half, at, sizeof half);
		f.number = half;
	} else {
		f.number = *at;
	}
	f.has = f.number != 0;
	return f;
}

static struct found theirs_of(const struct symbols *s, const struct layout_field_row *row)
{
	struct found f = { 0 };

	if (row->path) {
		f.has = symbols_field(s, row->type, row->path, &f.field);
		f.number = f.field.off;
		return f;
	}
	f.has = symbols_size(s, row->type, &f.number);
	if (row->value == LAYOUT_WORDS_U8)
		f.number /= 4;
	if (f.number > (row->value == LAYOUT_SIZE_U16 ? UINT16_MAX : UINT8_MAX))
		f.has = false;
	return f;
}

/*
 * The next field and what the file has for it: several rows of one field are
 * names by turns. False at the end; *@known if the file has such a type at all.
 */
struct cursor {
	const struct symbols *s;
	const struct layout_field_row *rows;
	size_t nr, next;
	const struct layout_field_row *row;
	struct found theirs;
	bool known;
};

static bool next_field(struct cursor *c)
{
	size_t first = c->next;
	uint64_t size_bytes;

	if (first >= c->nr)
		return false;
	c->row = &c->rows[first];
	c->theirs = theirs_of(c->s, c->row);
	c->known = symbols_size(c->s, c->row->type, &size_bytes);
	while (++c->next < c->nr && c->rows[c->next].out == c->rows[first].out) {
		const struct layout_field_row *other = &c->rows[c->next];
		bool has_type = symbols_size(c->s, other->type, &size_bytes);

		if (c->theirs.has || !has_type)
			continue;
		c->theirs = theirs_of(c->s, other);
		if (c->theirs.has || !c->known)
			c->row = other;
		c->known = true;
	}
	return true;
}

static struct cursor all_fields(const struct symbols *s)
{
	struct cursor c = { .s = s };

	c.rows = layout_field_rows(&c.nr);
	return c;
}

/* A size of 0 is one that is not looked at in this build. */
static bool is_asked(const struct layout_field_row *row, const struct found *ours)
{
	return is_field(row->value) || ours->has;
}

size_t symbols_compare(const struct symbols *symbols, const struct os_layout *layout,
		       struct symbols_difference *out, size_t max)
{
	struct cursor c = all_fields(symbols);
	size_t n = 0;

	while (next_field(&c)) {
		struct found ours = ours_of(layout, c.row);

		if (!c.known || !is_asked(c.row, &ours) ||
		    (ours.has == c.theirs.has && (!ours.has || ours.number == c.theirs.number)))
			continue;
		if (n < max)
			out[n] = (struct symbols_difference){
				.type = c.row->type, .path = c.row->path,
				.ours = ours.has ? (int64_t)ours.number : -1,
				.theirs = c.theirs.has ? (int64_t)c.theirs.number : -1,
			};
		n++;
	}
	return n;
}

void symbols_apply(const struct symbols *symbols, struct os_layout *layout)
{
	struct cursor c = all_fields(symbols);

	while (next_field(&c)) {
		struct found ours = ours_of(layout, c.row);
		uint8_t *at = (uint8_t *)layout + c.row->out;
		uint16_t half = (uint16_t)c.theirs.number;

		if (!c.theirs.has || !is_asked(c.row, &ours))
			continue;
		/* of a structure's start the width is ours: what is read there */
		if (c.row->value == LAYOUT_OFFSET && ours.has)
			c.theirs.field.width = ours.field.width;
		if (is_field(c.row->value))
			memcpy(at, &c.theirs.field, sizeof c.theirs.field);
		else if (c.row->value == LAYOUT_SIZE_U16)
			memcpy(at, &half, sizeof half);
		else
			*at = (uint8_t)c.theirs.number;
	}
}
