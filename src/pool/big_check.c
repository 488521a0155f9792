/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the big-page table against what their pages are. Memory is reused
 * without being cleared, so a sound page inside a big allocation is as a rule
 * what was there before. But if free blocks on it are on lists now, it is pool
 * now, and the row lies.
 */
#include "dumpleak/pool/internal.h"

static size_t row_at(const struct big_table *t, uint64_t va)
{
	size_t above = t->nr ? SORTED_LOWER(t->rows, t->nr, va, va + 1) : 0;

	return above && va - t->rows[above - 1].va < t->rows[above - 1].size_bytes
	       ? above - 1 : t->nr;
}

/* Links of the page's free blocks that lead to blocks outside any big allocation. */
static bool page_is_live(struct os *os, struct pool *pool, const struct big_table *big,
			 const struct walk *w, uint64_t page_va)
{
	const uint64_t mask = ~(uint64_t)pool->layout.header.link_tag_bits;
	size_t i = w->nr_links ? SORTED_LOWER(w->links, w->nr_links, header_va, page_va) : 0;

	for (; i < w->nr_links && w->links[i].header_va - page_va < PAGE_BYTES; i++) {
		const struct free_link *l = &w->links[i];

		if (!l->odd && !big_covers(big, l->flink & mask) &&
		    !big_covers(big, l->blink & mask) && freelist_closes(os, pool, w, l))
			return true;
	}
	return false;
}

void big_check(struct os *os, struct pool *pool, const struct survey *survey,
	       const struct walk *w, struct big_table *big)
{
	size_t n = 0, i;

	for (i = 0; i < w->nr_hits; i++) {
		uint64_t va = survey->pages[w->hits[i].candidate].va;
		size_t row = row_at(big, va);

		if (row < big->nr && !big->rows[row].lies &&
		    page_is_live(os, pool, big, w, va)) {
			big->rows[row].lies = true;
			big_row_fault(os, pool, big->rows[row].row);
		}
	}
	for (i = 0; i < big->nr; i++)
		if (!big->rows[i].lies)
			big->rows[n++] = big->rows[i];
	big->nr = n;
	pool->tables.big_used = n;
}
