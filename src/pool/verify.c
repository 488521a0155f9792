/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of pool_scan() counted, as one account of what was checked. */
#include "dumpleak/pool/verify.h"

#include <string.h>

static const struct {
	const char *code, *place;
} kinds[NR_FAULT_KINDS] = {
	[FAULT_SIZE_ZERO] = { "block-size-zero", "pool page" },
	[FAULT_SIZE_PAST_PAGE] = { "block-size-past-page", "pool page" },
	[FAULT_PREVIOUS_SIZE] = { "previous-size", "pool page" },
	[FAULT_FREE_LINK] = { "free-link", "free list" },
	[FAULT_LIST_LOOP] = { "list-loop", "list" },
	[FAULT_BIG_ROW] = { "big-row", "big-page table" },
	[FAULT_SPECIAL_FILL] = { "special-fill", "special pool page" },
	[FAULT_SEGMENT] = { "segment", "page segment" },
	[FAULT_RANGE] = { "range", "page segment" },
	[FAULT_VS_SUBSEGMENT] = { "vs-subsegment", "VS subsegment" },
	[FAULT_VS_CHUNK] = { "vs-chunk", "VS subsegment" },
	[FAULT_LFH_SUBSEGMENT] = { "lfh-subsegment", "LFH subsegment" },
	[FAULT_LARGE_TREE] = { "large-tree", "tree of large allocations" },
};

const char *fault_code(enum fault_kind kind)
{
	return kinds[kind].code;
}

const char *fault_place(enum fault_kind kind)
{
	return kinds[kind].place;
}

static bool has_fault(const struct pool *pool, enum fault_kind kind)
{
	for (size_t i = 0; i < pool->nr_faults; i++)
		if (pool->faults[i].kind == kind)
			return true;
	return false;
}

/* Counted in one number; if it is among the faults as well, those tell more. */
static void lump(const struct pool *pool, struct pool_check *c, enum fault_kind kind,
		 const char *what, uint64_t count, uint64_t first_va)
{
	if (!count || (kind < NR_FAULT_KINDS && has_fault(pool, kind)))
		return;
	c->lumps[c->nr_lumps++] = (struct check_lump){ what, count, first_va };
	c->contradictions += count;
}

static void sort_faults(const struct pool *pool, struct pool_check *c)
{
	for (size_t i = 0; i < pool->nr_faults; i++) {
		uint64_t va = pool->faults[i].bad_va;
		size_t k = i;

		for (; k && pool->faults[c->order[k - 1]].bad_va > va; k--)
			c->order[k] = c->order[k - 1];
		c->order[k] = (uint16_t)i;
	}
}

void pool_verify(const struct pool *pool, struct pool_check *out)
{
	const struct pool_lists *lists = &pool->lists;

	memset(out, 0, sizeof *out);
	out->pages = pool->nr_pages;
	out->blocks = pool->blocks.nr;
	out->free_links = lists->free_linked + lists->free_bad;
	out->lists = lists->lookasides;
	out->lists_cut = lists->lookasides_cut;
	out->tracker_rows = pool->tables.tracker_rows;
	out->big_rows = pool->tables.big_rows;
	out->page_tables = pool->tally.tables;
	out->segments = pool->heap.segments;
	out->vs_subsegments = pool->heap.vs_subsegments;
	out->lfh_subsegments = pool->heap.lfh_subsegments;
	out->large = pool->heap.large;
	for (int k = 0; k < NR_POOL_KINDS; k++)
		out->unread_pages += pool->totals[k].absent_pages +
				     pool->totals[k].paged_out_pages;
	sort_faults(pool, out);
	out->contradictions = pool->faulty_pages;
	out->faults_more = pool->faulty_pages - pool->nr_faults;
	lump(pool, out, FAULT_FREE_LINK, "free blocks whose links contradict",
	     lists->free_bad, lists->first_bad_va);
	lump(pool, out, FAULT_LIST_LOOP, "lookaside lists that contradict themselves",
	     lists->lookasides_bad, 0);
	lump(pool, out, FAULT_BIG_ROW, "rows of the big-page table that contradict the page "
	     "tables or each other", pool->tables.big_bad, 0);
	lump(pool, out, NR_FAULT_KINDS, "page tables that are reached a second time",
	     pool->tally.tables_repeated, pool->tally.repeated_va);
}
