/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PFN to page bytes, with a ring of copies for containers that must unpack.
 */
#include "dumpleak/memory/phys.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, NO_SLOT = 0xffff };

/*
 * A ring: the page read longest ago is dropped first. That keeps the promise of
 * phys_page() without reference counts.
 */
struct phys_cache {
	uint8_t data[PHYS_CACHE_PAGES][PAGE_BYTES];
	uint64_t pfn[PHYS_CACHE_PAGES];
	uint16_t next_in_bucket[PHYS_CACHE_PAGES];
	uint16_t bucket[BUCKETS];
	uint16_t used, oldest;
};

static unsigned bucket_of(uint64_t pfn)
{
	return (unsigned)(pfn * 0x9e3779b97f4a7c15u >> 54) % BUCKETS;
}

void phys_init(struct phys *phys, struct container *container)
{
	phys->container = container;
	phys->cache = NULL;
}

void phys_deinit(struct phys *phys)
{
	free(phys->cache);
	phys->cache = NULL;
}

static const uint8_t *lookup(const struct phys_cache *c, uint64_t pfn)
{
	unsigned slot = c->bucket[bucket_of(pfn)];

	while (slot != NO_SLOT && c->pfn[slot] != pfn)
		slot = c->next_in_bucket[slot];
	return slot == NO_SLOT ? NULL : c->data[slot];
}

static void forget(struct phys_cache *c, unsigned slot)
{
	uint16_t *link = &c->bucket[bucket_of(c->pfn[slot])];

	while (*link != slot)
		link = &c->next_in_bucket[*link];
	*link = c->next_in_bucket[slot];
}

static void keep(struct phys_cache *c, unsigned slot, uint64_t pfn)
{
	uint16_t *head = &c->bucket[bucket_of(pfn)];

	c->pfn[slot] = pfn;
	c->next_in_bucket[slot] = *head;
	*head = (uint16_t)slot;
}

/* A slot that holds no page; the ring moves on only when the read succeeded. */
static unsigned free_slot(struct phys_cache *c)
{
	if (c->used < PHYS_CACHE_PAGES)
		return c->used;
	return c->oldest;
}

static struct phys_cache *cache_of(struct phys *phys)
{
	if (!phys->cache) {
		phys->cache = malloc(sizeof *phys->cache);
		if (phys->cache) {
			phys->cache->used = 0;
			phys->cache->oldest = 0;
			memset(phys->cache->bucket, 0xff, sizeof phys->cache->bucket);
		}
	}
	return phys->cache;
}

enum dl_status phys_page(struct phys *phys, uint64_t pfn, const uint8_t **page,
			 struct dl_err *err)
{
	struct phys_cache *c = cache_of(phys);
	enum dl_status st;
	unsigned slot;

	if (!c) {
		err_set(err, DL_NOMEM, "out of memory for the page cache");
		return DL_NOMEM;
	}
	*page = lookup(c, pfn);
	if (*page)
		return DL_OK;
	slot = free_slot(c);
	if (slot < c->used) {
		forget(c, slot);
		c->pfn[slot] = UINT64_MAX;
		keep(c, slot, UINT64_MAX);
	}
	st = container_page(phys->container, pfn, c->data[slot], page, err);
	if (st || *page != c->data[slot])
		return st;
	if (slot < c->used)
		forget(c, slot);
	else
		c->used++;
	keep(c, slot, pfn);
	c->oldest = (uint16_t)((slot + 1) % PHYS_CACHE_PAGES);
	return DL_OK;
}

enum dl_status phys_read(struct phys *phys, uint64_t pa, void *buf, size_t n,
			 struct dl_err *err)
{
	uint8_t *out = buf;

	while (n) {
		size_t off = pa & (PAGE_BYTES - 1), part = PAGE_BYTES - off;
		const uint8_t *page = NULL;
		enum dl_status st = phys_page(phys, pa >> PAGE_SHIFT, &page, err);

		if (st)
			return st;
		if (part > n)
			part = n;
		memcpy(out, page + off, part);
		out += part;
		pa += part;
		n -= part;
	}
	return DL_OK;
}
