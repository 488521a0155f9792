/* SPDX-License-Identifier: Apache-2.0 */
/* Use and fragmentation of the pools. */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>

/* Pages say no more than the size: they go where there is room. */
static void usage_row(struct table *t, const char *name, const struct pool_totals *totals,
		      bool with_pages)
{
	const uint64_t *b = totals->blocks;
	char size[24], n[32], share[16];

	table_row(t, NULL);
	table_cell(t, "%s", name);
	table_cell(t, "%s", text_size(totals->bytes, size));
	table_cell(t, "%s", known_size(totals->limit_bytes, size));
	table_cell(t, "%s", share_text(totals->limit_bytes.known
		   ? ratio(totals->bytes, totals->limit_bytes.value) : -1, share));
	if (with_pages)
		table_cell(t, "%s", text_count(totals->pages + totals->big_pages, n));
	table_cell(t, "%s", text_count(b[BLOCK_IN_USE], n));
	table_cell(t, "%s", text_count(b[BLOCK_FREE], n));
	table_cell(t, "%s", text_count(b[BLOCK_CACHED], n));
	table_cell(t, "%s", text_count(b[BLOCK_PARKED], n));
}

static bool is_empty(const struct pool_totals *t)
{
	return !t->bytes && !t->absent_pages && !t->paged_out_pages;
}

static void usage_table(const struct pool *pool, struct paper *p)
{
	enum { ROOM_FOR_PAGES = 90, PAGES_COLUMN = 4 };
	static const struct table_column columns[] = {
		{ "POOL", 0 }, { "SIZE", TABLE_RIGHT }, { "LIMIT", TABLE_RIGHT },
		{ "USED", TABLE_RIGHT }, { "PAGES", TABLE_RIGHT }, { "IN USE", TABLE_RIGHT },
		{ "FREE", TABLE_RIGHT }, { "CACHED", TABLE_RIGHT }, { "PARKED", TABLE_RIGHT },
	};
	bool pages = p->width >= ROOM_FOR_PAGES;
	struct table_column mine[9];
	size_t n = 0;
	struct table t;

	for (size_t i = 0; i < 9; i++)
		if (i != PAGES_COLUMN || pages)
			mine[n++] = columns[i];
	table_begin(&t, p, 2, mine, n);
	for (int kind = 0; kind < NR_POOL_KINDS; kind++)
		if (kind != POOL_SESSION || !is_empty(&pool->totals[kind]))
			usage_row(&t, pool_kind_name((enum pool_kind)kind),
				  &pool->totals[kind], pages);
	table_end(&t);
}

/* Freed blocks that a list of delayed frees still holds. */
static void delayed_words(const struct pool *pool, struct paper *p)
{
	uint64_t blocks = 0, bytes = 0;
	char n[32], size[24];

	for (int kind = 0; kind < NR_POOL_KINDS; kind++) {
		blocks += pool->totals[kind].blocks[BLOCK_DELAYED];
		bytes += pool->totals[kind].block_bytes[BLOCK_DELAYED];
	}
	if (blocks)
		paper_text(p, 2, "Delayed: %s freed block%s (%s) wait%s on lists to be given "
			   "back.", text_count(blocks, n), plural(blocks),
			   text_size(bytes, size), blocks == 1 ? "s" : "");
}

/* "12,000 in pages, 300 big": how the blocks in use are kept. */
static void how_words(const struct report_input *in, struct paper *p)
{
	static const char *const names[NR_BLOCK_HOWS] = {
		[BLOCK_PAGE] = "in pool pages", [BLOCK_BIG] = "big",
		[BLOCK_VS] = "VS chunks", [BLOCK_LFH] = "LFH slots",
		[BLOCK_RANGE] = "ranges of pages",
		[BLOCK_CARVED] = "carved by their headers", [BLOCK_SPECIAL] = "in special pool",
	};
	char text[320] = "", n[32];
	size_t k = 0;

	for (int how = 0; in->classes && how < NR_BLOCK_HOWS && k < sizeof text; how++) {
		uint64_t blocks = blocks_by_how(in->classes, (enum block_how)how);

		if (blocks)
			k += (size_t)snprintf(text + k, sizeof text - k, "%s%s %s",
					      k ? ", " : "", text_count(blocks, n),
					      names[how]);
	}
	if (k)
		paper_text(p, 2, "Blocks in use: %s.", text);
}

static void limit_words(const struct pool_totals *t, const char *name, struct paper *p)
{
	char size[24], limit[24], share[16];
	double used;

	if (!t->limit_bytes.known || !t->limit_bytes.value)
		return;
	used = ratio(t->bytes, t->limit_bytes.value);
	if (used < 0.8)
		return;
	paper_text(p, 2, "The %s pool is %s its limit: %s of %s (%s). Allocations "
		   "fail when it is reached, and drivers that do not expect it take the "
		   "machine down.", name, used < 0.95 ? "near" : "at",
		   text_size(t->bytes, size), text_size(t->limit_bytes.value, limit),
		   share_text(used, share));
}

static void size_class_name(size_t i, char out[32])
{
	unsigned bytes = 8u << i;

	if (i + 1 == FREE_SIZE_CLASSES)
		snprintf(out, 32, "more");
	else if (bytes < 1024)
		snprintf(out, 32, "up to %u B", bytes);
	else
		snprintf(out, 32, "up to %u KB", bytes / 1024);
}

static void free_table(const struct pool *pool, struct paper *p)
{
	static const struct table_column columns[] = {
		{ "FREE BLOCKS OF", 0 }, { "NONPAGED", TABLE_RIGHT },
		{ "SHARE", TABLE_RIGHT }, { "PAGED", TABLE_RIGHT }, { "SHARE", TABLE_RIGHT },
	};
	struct table t;

	paper_blank(p);
	table_begin(&t, p, 2, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < FREE_SIZE_CLASSES; i++) {
		char name[32], size[24], share[16];

		if (!pool->totals[POOL_NONPAGED].free_by_size[i] &&
		    !pool->totals[POOL_PAGED].free_by_size[i])
			continue;
		table_row(&t, NULL);
		size_class_name(i, name);
		table_cell(&t, "%s", name);
		for (int kind = POOL_NONPAGED; kind <= POOL_PAGED; kind++) {
			const struct pool_totals *totals = &pool->totals[kind];

			table_cell(&t, "%s", text_size(totals->free_by_size[i], size));
			table_cell(&t, "%s", share_text(ratio(totals->free_by_size[i],
				   totals->block_bytes[BLOCK_FREE]), share));
		}
	}
	table_end(&t);
}

static void fragmentation(const char *name, const struct pool_totals *t, struct paper *p)
{
	char bytes[24], largest[24], lone[32], lone_bytes[24], share[16];

	paper_text(p, 2, "%s: %s free inside its pages of small blocks (%s of them); the "
		   "largest free block is %s; %s page%s kept by one small block each, with "
		   "%s free around it.", name,
		   text_size(t->block_bytes[BLOCK_FREE], bytes),
		   share_text(ratio(t->block_bytes[BLOCK_FREE], t->pages * PAGE_BYTES), share),
		   text_size(t->largest_free, largest), text_count(t->lone_pages, lone),
		   t->lone_pages == 1 ? " is" : "s are", text_size(t->lone_bytes_free, lone_bytes));
}

/* Only nonpaged pool keeps its free pages in lists that can be walked. */
static void free_pages(const struct pool_totals *t, struct paper *p)
{
	char pages[32], runs[32], largest[32];

	if (!t->free_run_pages)
		return;
	paper_text(p, 2, "Free whole pages of nonpaged pool: %s in %s run%s; the longest has "
		   "%s.", text_count(t->free_run_pages, pages), text_count(t->free_runs, runs),
		   plural(t->free_runs), text_count(t->largest_free_run, largest));
}

void text_pool(const struct report_input *in, struct paper *p)
{
	const struct pool *pool = in->pool;

	paper_heading(p, "POOL");
	usage_table(pool, p);
	limit_words(&pool->totals[POOL_NONPAGED], "nonpaged", p);
	limit_words(&pool->totals[POOL_PAGED], "paged", p);
	how_words(in, p);
	paper_text(p, 2, "Cached blocks are freed, but kept on the pool's lookaside "
		   "lists; parked ones wait on lookaside lists of drivers.");
	delayed_words(pool, p);
	paper_heading(p, "FRAGMENTATION");
	fragmentation("Nonpaged", &pool->totals[POOL_NONPAGED], p);
	free_pages(&pool->totals[POOL_NONPAGED], p);
	if (!is_empty(&pool->totals[POOL_PAGED]))
		fragmentation("Paged", &pool->totals[POOL_PAGED], p);
	free_table(pool, p);
}
