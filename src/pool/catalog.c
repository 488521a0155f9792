/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block catalog: three columns sorted by address, and a hash from page to
 * its first block, so that finding the block of a pointer costs one probe and
 * a search among the few blocks of one page.
 */
#include "dumpleak/pool/catalog.h"
#include "dumpleak/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_SHIFT_ = 12 };

/* Page number + 1 to index of the first block that starts in it. */
struct catalog_index {
	size_t mask;
	struct { uint64_t page; uint32_t first, nr; } slot[];
};

void catalog_init(struct catalog *c)
{
	memset(c, 0, sizeof *c);
}

void catalog_deinit(struct catalog *c)
{
	free(c->where);
	free(c->tag);
	free(c->size_units);
	free(c->index);
	catalog_init(c);
}

enum dl_status catalog_reserve(struct catalog *c, size_t nr)
{
	if (nr <= c->cap)
		return DL_OK;
	if (nr > UINT32_MAX)
		return DL_NOMEM;
	free(c->where);
	free(c->tag);
	free(c->size_units);
	c->where = large_alloc(nr, sizeof *c->where);
	c->tag = large_alloc(nr, sizeof *c->tag);
	c->size_units = large_alloc(nr, sizeof *c->size_units);
	c->cap = nr;
	return c->where && c->tag && c->size_units ? DL_OK : DL_NOMEM;
}

void catalog_set_state(struct catalog *c, size_t i, enum block_state state)
{
	c->where[i] = (c->where[i] & ~((uint64_t)7 << CATALOG_STATE_SHIFT)) |
		      (uint64_t)state << CATALOG_STATE_SHIFT;
}

static size_t slot_of(uint64_t page, size_t mask)
{
	return (size_t)(page * 0x9e3779b97f4a7c15u >> 24) & mask;
}

static void index_put(struct catalog_index *x, uint64_t page, uint32_t first,
		      uint32_t nr)
{
	size_t i = slot_of(page, x->mask);

	while (x->slot[i].page)
		i = (i + 1) & x->mask;
	x->slot[i].page = page + 1;
	x->slot[i].first = first;
	x->slot[i].nr = nr;
}

static bool index_get(const struct catalog_index *x, uint64_t page,
		      uint32_t *first, uint32_t *nr)
{
	size_t i = slot_of(page, x->mask);

	for (; x->slot[i].page; i = (i + 1) & x->mask) {
		if (x->slot[i].page != page + 1)
			continue;
		*first = x->slot[i].first;
		*nr = x->slot[i].nr;
		return true;
	}
	return false;
}

enum dl_status catalog_seal(struct catalog *c)
{
	size_t pages = 0, cap = 16, i, j;

	for (i = 0; i < c->nr; i++) {
		if (i && catalog_va(c, i - 1) >= catalog_va(c, i))
			return DL_CORRUPT;
		pages += !i || catalog_va(c, i - 1) >> PAGE_SHIFT_ !=
			       catalog_va(c, i) >> PAGE_SHIFT_;
	}
	while (cap < pages * 2)
		cap *= 2;
	free(c->index);
	c->index = calloc(1, sizeof *c->index + cap * sizeof c->index->slot[0]);
	if (!c->index)
		return DL_NOMEM;
	c->index->mask = cap - 1;
	for (i = 0; i < c->nr; i = j) {
		uint64_t page = catalog_va(c, i) >> PAGE_SHIFT_;

		for (j = i + 1; j < c->nr && catalog_va(c, j) >> PAGE_SHIFT_ == page; j++)
			;
		index_put(c->index, page, (uint32_t)i, (uint32_t)(j - i));
	}
	return DL_OK;
}

size_t catalog_lower_bound(const struct catalog *c, uint64_t va)
{
	size_t lo = 0, hi = c->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (catalog_va(c, mid) < va)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The last of @nr blocks from @first that starts at or below @va. */
static bool last_at_or_below(const struct catalog *c, uint32_t first, uint32_t nr,
			     uint64_t va, size_t *i)
{
	uint32_t lo = 0, hi = nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (catalog_va(c, first + mid) <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	*i = first + lo - 1;
	return lo > 0;
}

static bool holds(const struct catalog *c, size_t i, uint64_t va)
{
	return va - catalog_va(c, i) < catalog_size(c, i);
}

bool catalog_find(const struct catalog *c, uint64_t va, size_t *i)
{
	uint32_t first, nr;

	if (!c->index)
		return false;
	if (index_get(c->index, va >> PAGE_SHIFT_, &first, &nr) &&
	    last_at_or_below(c, first, nr, va, i))
		return holds(c, *i, va);
	/* in a block that began on an earlier page, or in none */
	if (!last_at_or_below(c, 0, (uint32_t)c->nr, va, i))
		return false;
	return holds(c, *i, va);
}

const char *block_state_name(enum block_state state)
{
	static const char *const names[NR_BLOCK_STATES] = {
		[BLOCK_FREE] = "free",
		[BLOCK_IN_USE] = "in-use",
		[BLOCK_CACHED] = "cached",
		[BLOCK_PARKED] = "cached",
		[BLOCK_DELAYED] = "cached",
	};

	return names[state];
}

const char *block_how_name(enum block_how how)
{
	static const char *const names[NR_BLOCK_HOWS] = {
		[BLOCK_PAGE] = "page",
		[BLOCK_BIG] = "big",
		[BLOCK_VS] = "vs",
		[BLOCK_LFH] = "lfh",
		[BLOCK_RANGE] = "range",
		[BLOCK_CARVED] = "carved",
		[BLOCK_SPECIAL] = "special",
	};

	return names[how];
}

const char *pool_kind_name(enum pool_kind kind)
{
	static const char *const names[NR_POOL_KINDS] = {
		[POOL_NONPAGED] = "nonpaged",
		[POOL_PAGED] = "paged",
		[POOL_SESSION] = "session",
	};

	return names[kind];
}
