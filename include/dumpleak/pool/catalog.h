/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_CATALOG_H
#define DUMPLEAK_POOL_CATALOG_H

/*
 * Every pool block of a machine, by rising address, in columns: 16 bytes a
 * block. All allocators of all Windows generations fill the same catalog.
 */

#include "dumpleak/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum block_state {
	BLOCK_FREE,
	BLOCK_IN_USE,
	BLOCK_CACHED,   /* freed, but parked on a lookaside list of the pool: the
	                   kernel's counters say freed                           */
	BLOCK_PARKED,   /* on a lookaside list of a driver or of the I/O manager:
	                   nobody uses it, the counters say allocated            */
	BLOCK_DELAYED,  /* freed, but waiting: pending frees of a pool descriptor,
	                   delay-free lists of a heap; the counters say freed    */
	NR_BLOCK_STATES
};

enum block_how {
	BLOCK_PAGE,     /* from a page's chain of POOL_HEADERs   */
	BLOCK_BIG,      /* from the big-page table; no header    */
	BLOCK_VS,       /* a chunk of a variable-size subsegment */
	BLOCK_LFH,      /* a slot of a low-fragmentation bucket  */
	BLOCK_RANGE,    /* whole pages or a large allocation of a heap, or a
	                   page-aligned chunk; no header         */
	BLOCK_CARVED,   /* a POOL_HEADER where the structure around it is damaged
	                   or missing                            */
	BLOCK_SPECIAL,  /* special pool: a page of its own; no header in front   */
	NR_BLOCK_HOWS
};

/** block_has_header - whether a POOL_HEADER stands at the block's VA */
static inline bool block_has_header(enum block_how how)
{
	return how != BLOCK_BIG && how != BLOCK_RANGE && how != BLOCK_SPECIAL;
}

enum pool_kind {
	POOL_NONPAGED,
	POOL_PAGED,
	POOL_SESSION,   /* paged pool of one session */
	NR_POOL_KINDS
};

struct block {
	uint64_t va;            /* of the header, or of the data if it has none */
	uint64_t size_bytes;    /* with header                                  */
	uint32_t tag;           /* with the PROTECTED_POOL bit, if it has it    */
	enum block_state state;
	enum block_how how;
	enum pool_kind pool;
};

/* Columns; read them with catalog_get() and friends. */
struct catalog {
	uint64_t *where;        /* VA, and what does not fit elsewhere in its spare bits */
	uint32_t *tag;
	uint32_t *size_units;   /* of 8 bytes                                            */
	size_t nr, cap;
	struct catalog_index *index;    /* page to first block; made by catalog_seal()   */
};

void catalog_init(struct catalog *c);
void catalog_deinit(struct catalog *c);

/** catalog_reserve - room for @nr blocks in all, DL_NOMEM if there is none */
enum dl_status catalog_reserve(struct catalog *c, size_t nr);

/** catalog_seal - build the index by address; DL_NOMEM, or DL_CORRUPT if not sorted */
enum dl_status catalog_seal(struct catalog *c);

/** catalog_find - the block that holds @va; false if none does */
bool catalog_find(const struct catalog *c, uint64_t va, size_t *i);

/** catalog_lower_bound - the first block that starts at or above @va; c->nr if none */
size_t catalog_lower_bound(const struct catalog *c, uint64_t va);

/* Bits of where[]: VAs are 8-byte aligned, and bits 57 to 63 repeat bit 56. */
enum {
	CATALOG_HOW_BITS = 3, CATALOG_STATE_SHIFT = 57, CATALOG_POOL_SHIFT = 60,
};
#define CATALOG_VA_MASK (((uint64_t)1 << CATALOG_STATE_SHIFT) - 8)

static inline uint64_t catalog_va(const struct catalog *c, size_t i)
{
	uint64_t va = c->where[i] & CATALOG_VA_MASK;
	uint64_t sign = (uint64_t)1 << (CATALOG_STATE_SHIFT - 1);

	return (va ^ sign) - sign;      /* sign-extend from bit 56 */
}

static inline uint64_t catalog_size(const struct catalog *c, size_t i)
{
	return (uint64_t)c->size_units[i] * 8;
}

static inline uint32_t catalog_tag(const struct catalog *c, size_t i)
{
	return c->tag[i] & 0x7fffffff;  /* as the kernel's counters know it */
}

static inline enum block_state catalog_state(const struct catalog *c, size_t i)
{
	return (enum block_state)(c->where[i] >> CATALOG_STATE_SHIFT & 7);
}

static inline enum pool_kind catalog_pool(const struct catalog *c, size_t i)
{
	return (enum pool_kind)(c->where[i] >> CATALOG_POOL_SHIFT & 7);
}

static inline enum block_how catalog_how(const struct catalog *c, size_t i)
{
	return (enum block_how)(c->where[i] & 7);
}

/**
 * catalog_put - write entry @i, which is below what was reserved
 * Entries may be written in any order and by several threads; set c->nr and
 * call catalog_seal() when all are. VAs must rise with @i.
 */
static inline void catalog_put(struct catalog *c, size_t i, const struct block *b)
{
	uint64_t units = b->size_bytes / 8;

	c->where[i] = (b->va & CATALOG_VA_MASK) | (uint64_t)b->how |
		      (uint64_t)b->state << CATALOG_STATE_SHIFT |
		      (uint64_t)b->pool << CATALOG_POOL_SHIFT;
	c->tag[i] = b->tag;
	c->size_units[i] = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

/** catalog_set_state - reclassify one block; not for several threads at once */
void catalog_set_state(struct catalog *c, size_t i, enum block_state state);

static inline struct block catalog_get(const struct catalog *c, size_t i)
{
	struct block b = {
		.va = catalog_va(c, i), .size_bytes = catalog_size(c, i),
		.tag = c->tag[i], .state = catalog_state(c, i),
		.how = catalog_how(c, i), .pool = catalog_pool(c, i),
	};

	return b;
}

/** block_state_name - "free", "in-use", "cached" (both kinds), for JSON */
const char *block_state_name(enum block_state state);
const char *block_how_name(enum block_how how);         /* "page", "big"      */
const char *pool_kind_name(enum pool_kind kind);        /* "nonpaged", "paged", "session" */

#endif
