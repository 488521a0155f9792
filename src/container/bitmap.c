/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page bitmaps to positions in the file: one count for every 512 bits, the
 * rest counted on the spot. A dump of 256 GB has 2^26 bits, which alternate at
 * worst: nothing here goes bit by bit.
 */
#include "bitmap.h"

enum { BLOCK_BITS = 512, WORD_BITS = 64 };

static uint64_t popcount64(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return v * 0x0101010101010101 >> 56;
}

/* The lowest set bit's number; @v is not 0. */
static uint64_t lowest_bit(uint64_t v)
{
	return popcount64((v & (~v + 1)) - 1);
}

/* The word that begins at bit @at, a multiple of 64; bits from @end on are 0. */
static uint64_t word_at(const uint8_t *bits, uint64_t at, uint64_t end)
{
	const uint8_t *p = bits + at / 8;
	uint64_t n = end - at, v = 0;

	if (n >= WORD_BITS)
		return le64(p);
	for (uint64_t i = 0; i < (n + 7) / 8; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v & (((uint64_t)1 << n) - 1);
}

/* Set bits of bits @first..@end-1, @first a multiple of 64. */
static uint64_t count(const uint8_t *bits, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	for (; first < end; first += WORD_BITS)
		n += popcount64(word_at(bits, first, end));
	return n;
}

uint64_t bitmap_count(const uint8_t *bits, uint64_t nr_bits)
{
	return count(bits, 0, nr_bits);
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
	uint64_t at = n - n % WORD_BITS, skip = ((uint64_t)1 << n % WORD_BITS) - 1;

	for (; at < b->nr_bits; at += WORD_BITS, skip = 0) {
		uint64_t v = word_at(b->bits, at, b->nr_bits);

		v = (set ? v : ~v) & ~skip;
		if (!v)
			continue;
		at += lowest_bit(v);
		return at < b->nr_bits ? at : b->nr_bits;
	}
	return b->nr_bits;
}

bool bitmap_next(const struct bitmap *b, uint64_t n, uint64_t *first, uint64_t *last)
{
	uint64_t at = n < b->nr_bits ? find(b, n, true) : b->nr_bits;

	if (at >= b->nr_bits)
		return false;
	*first = at;
	*last = find(b, at, false) - 1;
	return true;
}
