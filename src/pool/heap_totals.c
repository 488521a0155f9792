/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums per kind of pool, and the pages that blocks begin on, of a segment heap.
 */
#include "heap_work.h"

#include <stdlib.h>

static unsigned size_class(uint64_t size_bytes)
{
	unsigned k = 0;

	while (k + 1 < FREE_SIZE_CLASSES && size_bytes > (uint64_t)8 << k)
		k++;
	return k;
}

static void add_block(struct pool_totals *t, const struct catalog *c, size_t i)
{
	uint64_t bytes = catalog_size(c, i);
	enum block_state state = catalog_state(c, i);

	t->blocks[state]++;
	t->block_bytes[state] += bytes;
	if (state != BLOCK_FREE)
		return;
	t->free_by_size[size_class(bytes)] += bytes;
	if (bytes > t->largest_free)
		t->largest_free = bytes;
}

static void add_part(struct pool_totals *t, const struct pool_totals *p)
{
	t->pages += p->pages;
	t->big_pages += p->big_pages;
	t->free_runs += p->free_runs;
	t->free_run_pages += p->free_run_pages;
	if (p->largest_free_run > t->largest_free_run)
		t->largest_free_run = p->largest_free_run;
	t->lost_bytes += p->lost_bytes;
	t->paged_out_pages += p->paged_out_pages;
	t->absent_pages += p->absent_pages;
}

/* One entry for each page on which a block with header begins. */
static void add_pages(struct heap_run *h)
{
	struct pool *pool = h->pool;
	const struct catalog *c = &pool->blocks;
	size_t cap = 0, page = 0;

	for (size_t i = 0; i < c->nr; i++) {
		uint64_t va = catalog_va(c, i) & ~(uint64_t)(PAGE_BYTES - 1);
		struct pool_page *p = pool->nr_pages ? &pool->pages[pool->nr_pages - 1] : NULL;

		if (p && p->va == va) {
			p->nr = (uint32_t)(i - p->first) + 1;
			continue;
		}
		if (!block_has_header(catalog_how(c, i)))
			continue;
		while (page < h->survey->nr && h->survey->pages[page].va < va)
			page++;
		if (page == h->survey->nr || h->survey->pages[page].va != va)
			continue;
		p = vec_grow(pool->pages, &cap, pool->nr_pages + 1, sizeof *p);
		if (!p)
			return;
		pool->pages = p;
		p[pool->nr_pages++] = (struct pool_page){
			.va = va, .pfn = h->survey->pages[page].pfn, .first = (uint32_t)i,
			.nr = 1, .pool = (uint8_t)catalog_pool(c, i),
		};
	}
}

void heap_totals(struct heap_run *h)
{
	struct pool *pool = h->pool;

	for (size_t i = 0; i < h->nr_parts; i++)
		add_part(&pool->totals[h->parts[i].pool], &h->parts[i].totals);
	for (size_t i = 0; i < pool->blocks.nr; i++)
		add_block(&pool->totals[catalog_pool(&pool->blocks, i)], &pool->blocks, i);
	for (int k = 0; k < NR_POOL_KINDS; k++) {
		struct pool_totals *t = &pool->totals[k];

		t->bytes = (t->pages + t->big_pages) << PAGE_SHIFT;
	}
	add_pages(h);
}
