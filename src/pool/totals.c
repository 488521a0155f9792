/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums per kind of pool: use, fragmentation, limits, and what is not there.
 */
#include "dumpleak/pool/internal.h"

enum { LONE_SHARE = 8 };        /* a block of an eighth of a page, or less */

static unsigned size_class(uint64_t size_bytes)
{
	unsigned k = 0;

	while (k + 1 < FREE_SIZE_CLASSES && size_bytes > (uint64_t)8 << k)
		k++;
	return k;
}

static void add_block(struct pool_totals *t, const struct block *b)
{
	t->blocks[b->state]++;
	t->block_bytes[b->state] += b->size_bytes;
	if (b->state != BLOCK_FREE)
		return;
	t->free_by_size[size_class(b->size_bytes)] += b->size_bytes;
	if (b->size_bytes > t->largest_free)
		t->largest_free = b->size_bytes;
}

/* A page that could go back to the system but for one small block. */
static void add_page(struct pool *pool, const struct pool_page *p)
{
	struct pool_totals *t = &pool->totals[p->pool];
	uint64_t used = 0, bytes = 0;

	t->pages++;
	for (uint32_t i = p->first; i < p->first + p->nr; i++) {
		struct block b = catalog_get(&pool->blocks, i);

		add_block(t, &b);
		if (b.state != BLOCK_FREE) {
			used++;
			bytes += b.size_bytes;
		}
	}
	if (used == 1 && bytes <= PAGE_BYTES / LONE_SHARE && !p->damaged) {
		t->lone_pages++;
		t->lone_bytes_free += PAGE_BYTES - bytes;
	}
}

/* A special block takes a page however small it is. */
static void add_big(struct pool *pool)
{
	for (size_t i = 0; i < pool->blocks.nr; i++) {
		struct block b;

		if (catalog_how(&pool->blocks, i) != BLOCK_BIG &&
		    catalog_how(&pool->blocks, i) != BLOCK_SPECIAL)
			continue;
		b = catalog_get(&pool->blocks, i);
		add_block(&pool->totals[b.pool], &b);
		pool->totals[b.pool].big_pages += (b.size_bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
	}
}

/* Free pages exist as runs only in nonpaged pool: others are unmapped. */
static void add_runs(struct pool *pool, const struct walk *w)
{
	struct pool_totals *t = &pool->totals[POOL_NONPAGED];

	for (size_t i = 0; i < w->nr_runs; i++) {
		t->free_runs++;
		t->free_run_pages += w->runs[i].nr_pages;
		if (w->runs[i].nr_pages > t->largest_free_run)
			t->largest_free_run = w->runs[i].nr_pages;
	}
}

static void variable(struct os *os, enum kdbg_field field, struct known_u64 *out)
{
	out->known = kdbg_variable(&os->vm, &os->kdbg, field, &out->value) && out->value;
}

void totals_stated(struct os *os, struct pool *pool)
{
	struct pool_totals *np = &pool->totals[POOL_NONPAGED];
	struct pool_totals *pg = &pool->totals[POOL_PAGED];

	variable(os, KDBG_MAX_NONPAGED_BYTES, &np->limit_bytes);
	variable(os, KDBG_NONPAGED_START, &np->first_va);
	variable(os, KDBG_NONPAGED_END, &np->end_va);
	variable(os, KDBG_PAGED_BYTES, &pg->limit_bytes);
	variable(os, KDBG_PAGED_START, &pg->first_va);
	variable(os, KDBG_PAGED_END, &pg->end_va);
	if (pg->end_va.known && pg->end_va.value < os->vm.mode->va_mask)
		pg->end_va.value++;     /* stored inclusive */
}

static enum dl_status ignore_run(void *ctx, const struct vm_run *run)
{
	(void)ctx;
	(void)run;
	return DL_OK;
}

/* What the page tables say of paged pool's range. */
static void add_paged_out(struct os *os, struct pool *pool)
{
	struct pool_totals *t = &pool->totals[POOL_PAGED];
	struct vm_tally tally = { 0 };

	if (!t->first_va.known || !t->end_va.known || t->end_va.value <= t->first_va.value)
		return;
	vm_runs(&os->vm, t->first_va.value, t->end_va.value - 1, ignore_run, NULL,
		&tally, NULL);
	t->paged_out_pages = tally.pages[PTE_PAGEFILE];
	t->transition_pages = tally.pages[PTE_TRANSITION];
}

static bool in_range(const struct pool_totals *t, uint64_t va)
{
	return t->first_va.known && t->end_va.known && va >= t->first_va.value &&
	       va < t->end_va.value;
}

static uint64_t highest_pfn(struct os *os)
{
	uint64_t pfn = 0, first, last = 0;

	while (!container_run(os->container, pfn, &first, &last) && last < UINT64_MAX)
		pfn = last + 1;
	return last;
}

/*
 * Mapped pages whose contents are missing, where the kernel says pool is. What
 * lies above the highest page of RAM, or in the PC's hole below 1 MB, is a
 * device's memory and no loss.
 */
static void add_absent(struct os *os, struct pool *pool, const struct survey *survey,
		       const struct walk *w)
{
	struct pool_totals *np = &pool->totals[POOL_NONPAGED];
	struct pool_totals *pg = &pool->totals[POOL_PAGED];
	uint64_t highest = highest_pfn(os);

	for (size_t s = 0; s < w->nr_slices; s++) {
		for (size_t i = 0; i < w->slices[s].nr_absent; i++) {
			const struct candidate_page *c =
				&survey->pages[w->slices[s].absent[i]];
			uint64_t va = c->va;

			if (c->pfn > highest || (c->pfn >= 0x9f && c->pfn < 0x100))
				pool->device_pages++;
			else if (in_range(pg, va))
				pg->absent_pages++;
			else if (in_range(np, va) || !np->first_va.known)
				np->absent_pages++;
		}
	}
}

void totals_run(struct os *os, struct pool *pool, const struct survey *survey,
		const struct walk *w)
{
	for (size_t i = 0; i < pool->nr_pages; i++)
		add_page(pool, &pool->pages[i]);
	if (pool->tables.big_used || w->nr_specials)
		add_big(pool);
	add_runs(pool, w);
	add_paged_out(os, pool);
	add_absent(os, pool, survey, w);
	for (int k = 0; k < NR_POOL_KINDS; k++) {
		struct pool_totals *t = &pool->totals[k];

		t->bytes = (t->pages + t->big_pages) << PAGE_SHIFT;
	}
}
