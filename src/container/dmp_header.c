/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of header fields to struct dump_header. Whatever nobody filled in
 * still holds the pattern "PAGE" and is unknown.
 */
#include "dmp_header.h"

#include "dumpleak/base/text.h"

#include <string.h>

enum { COMMENT_BYTES = 0x80 };

/* A single byte may be any of the pattern's letters; the one read is the first. */
bool dmp_is_filler(uint64_t v, unsigned width)
{
	switch (width) {
	case 1: return v == 'P';
	case 8: return v == ((uint64_t)DMP_FILLER << 32 | DMP_FILLER);
	default: return v == DMP_FILLER;
	}
}

void dmp_header_rows(struct dump_header *h, struct bytes head,
		     const struct header_row *rows, size_t nr_rows)
{
	for (size_t i = 0; i < nr_rows; i++) {
		const struct header_row *row = &rows[i];
		struct known_u64 *out = (struct known_u64 *)(void *)((char *)h + row->out);
		uint64_t v;

		if (!field_get(head, row->field, &v) ||
		    dmp_is_filler(v, row->field.width) || (row->zero_is_unknown && !v))
			continue;
		*out = (struct known_u64){ true, v };
	}
}

void dmp_header_comment(struct container *c, const uint8_t *text)
{
	struct bytes b = { text, COMMENT_BYTES };

	if (text[0] && le32(text) != DMP_FILLER)
		c->header.comment = text_ascii(&c->arena, b);
}

void dmp_header_context(struct container *c, const uint8_t *context, size_t n,
			size_t flags_off)
{
	uint32_t flags = le32(context + flags_off);
	uint8_t *copy;

	if (!flags || flags == DMP_FILLER)
		return;
	copy = arena_alloc(&c->arena, n);
	if (!copy)
		return;
	memcpy(copy, context, n);
	c->header.context = copy;
	c->header.context_bytes = n;
}
