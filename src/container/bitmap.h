/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_BITMAP_H
#define DUMPLEAK_CONTAINER_BITMAP_H

/*
 * A dump's page bitmap (bit n of byte n/8, least significant first) with ranks:
 * the page of PFN n is the one after as many pages as bits are set below n.
 */

#include "dumpleak/base/arena.h"
#include "dumpleak/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct bitmap {
	const uint8_t *bits;    /* borrowed                          */
	uint64_t nr_bits;
	uint64_t nr_set;
	uint64_t *rank;         /* set bits below each block of bits */
};

/**
 * bitmap_init - index @nr_bits bits; @bits must hold them and outlive @b
 * The ranks live in @arena. False if memory is exhausted.
 */
bool bitmap_init(struct bitmap *b, struct arena *arena, const uint8_t *bits,
		 uint64_t nr_bits);

/** bitmap_count - how many of @nr_bits bits are set, without indexing them */
uint64_t bitmap_count(const uint8_t *bits, uint64_t nr_bits);

bool bitmap_has(const struct bitmap *b, uint64_t n);

/** bitmap_rank - set bits below @n, which may be anything */
uint64_t bitmap_rank(const struct bitmap *b, uint64_t n);

/**
 * bitmap_next - the first set bit at or above @n, and how far the run goes
 * @last: out, inclusive. False if no bit is set there.
 */
bool bitmap_next(const struct bitmap *b, uint64_t n, uint64_t *first, uint64_t *last);

#endif
