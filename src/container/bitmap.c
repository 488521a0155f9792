/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page bitmaps to positions in the file: one count for every 512 bits, the
 * rest counted on the spot.
 */
#include "bitmap.h"

enum { BLOCK_BITS = 512, BLOCK_BYTES = BLOCK_BITS / 8 };

static uint64_t popcount8(uint8_t v)
{
	uint64_t n = 0;

	for (; v; v &= (uint8_t)(v - 1))
		n++;
	return n;
}

static uint64_t popcount64(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return v * 0x0101010101010101 >> 56;
}

/* Set bits of bits first..end-1, first at a byte's start. */
static uint64_t count(const uint8_t *bits, uint64_t first, uint64_t end)
{
	uint64_t n = 0, at = first / 8, full = end / 8;

	for (; at + 8 <= full; at += 8)
		n += popcount64(le64(bits + at));
	for (; at < full; at++)
		n += popcount8(bits[at]);
	if (end % 8)
		n += popcount8((uint8_t)(bits[full] & ((1u << end % 8) - 1)));
	return n;
}

bool bitmap_init(struct bitmap *b, struct arena *arena, const uint8_t *bits,
		 uint64_t nr_bits)
{
	uint64_t blocks = nr_bits / BLOCK_BITS + 1;

	*b = (struct bitmap){ .bits = bits, .nr_bits = nr_bits };
	if (blocks > SIZE_MAX)
		return false;
	b->rank = arena_array(arena, (size_t)blocks, sizeof *b->rank);
	if (!b->rank)
		return false;
	for (uint64_t i = 0; i < blocks; i++) {
		uint64_t first = i * BLOCK_BITS, end = first + BLOCK_BITS;

		b->rank[i] = b->nr_set;
		b->nr_set += count(bits, first, end < nr_bits ? end : nr_bits);
	}
	return true;
}

bool bitmap_has(const struct bitmap *b, uint64_t n)
{
	return n < b->nr_bits && (b->bits[n / 8] >> n % 8 & 1);
}

uint64_t bitmap_rank(const struct bitmap *b, uint64_t n)
{
	uint64_t block = n / BLOCK_BITS;

	if (n >= b->nr_bits)
		return b->nr_set;
	return b->rank[block] + count(b->bits, block * BLOCK_BITS, n);
}

/* The first bit at or above @n that is @set; nr_bits if there is none. */
static uint64_t find(const struct bitmap *b, uint64_t n, bool set)
{
	const uint8_t skip = set ? 0 : 0xff;

	while (n < b->nr_bits) {
		if (n % 8 == 0 && b->bits[n / 8] == skip && b->nr_bits - n >= 8)
			n += 8;
		else if (bitmap_has(b, n) == set)
			return n;
		else
			n++;
	}
	return b->nr_bits;
}

bool bitmap_next(const struct bitmap *b, uint64_t n, uint64_t *first, uint64_t *last)
{
	uint64_t at = find(b, n, true);

	if (at >= b->nr_bits)
		return false;
	*first = at;
	*last = find(b, at, false) - 1;
	return true;
}
