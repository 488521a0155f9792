/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_BASE_BYTES_H
#define DUMPLEAK_BASE_BYTES_H

/*
 * Bounded little-endian reads. A dump is never cast to a struct: layouts are
 * rows of struct field, read through field_get(). Independent of the host's
 * byte order and alignment.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes; n is the bound of every read. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/*
 * One field of a structure: where it is and how wide. A width of 0 says that
 * this build does not have the field; field_has() tells.
 */
struct field {
	uint16_t off;   /* bytes from the structure's start */
	uint8_t width;  /* bytes read: 1, 2, 4 or 8         */
	uint8_t shift;  /* then bits: the field's lowest    */
	uint8_t bits;   /* and how many; 0 means all        */
};

static inline bool field_has(struct field f)
{
	return f.width != 0;
}

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[0] << 24;
}

static inline uint64_t be64(const uint8_t *p)
{
	return be32(p + 4) | (uint64_t)be32(p) << 32;
}

/** le_word - the @width (1, 2, 4, 8) bytes at @p as an unsigned number */
static inline uint64_t le_word(const uint8_t *p, size_t width)
{
	switch (width) {
	case 1: return p[0];
	case 2: return le16(p);
	case 4: return le32(p);
	default: return le64(p);
	}
}

/**
 * field_get - one field out of @b
 * Returns false, with *@out untouched, if the field is absent in this layout
 * or does not lie wholly inside @b.
 */
static inline bool field_get(struct bytes b, struct field f, uint64_t *out)
{
	uint64_t v;

	if (!f.width || f.off > b.n || f.width > b.n - f.off)
		return false;
	v = le_word(b.p + f.off, f.width) >> f.shift;
	if (f.bits && f.bits < 64)
		v &= ((uint64_t)1 << f.bits) - 1;
	*out = v;
	return true;
}

/** field_or - field_get(), or @other where the field cannot be read */
static inline uint64_t field_or(struct bytes b, struct field f, uint64_t other)
{
	uint64_t v;

	return field_get(b, f, &v) ? v : other;
}

/** bytes_at - the @n bytes at @off of @b; .p is NULL if they are not all inside */
static inline struct bytes bytes_at(struct bytes b, size_t off, size_t n)
{
	struct bytes none = { NULL, 0 };
	struct bytes part = { b.p + off, n };

	return off > b.n || n > b.n - off ? none : part;
}

#endif
