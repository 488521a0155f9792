/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parked blocks behind an entry of their list that is not in the dump. Each
 * leads to the next by its first word, up to the list's end. A chain of blocks of
 * the list's size that is as long as the list's count says, to the block, and the
 * only one of that length, is what was cut off. Lists cut twice stay as they are.
 */
#include "dumpleak/pool/internal.h"

#include <stdlib.h>

enum { MAX_CANDIDATES = 1 << 20, NOBODY = 0xffffffff };

struct candidate {
	uint64_t user_va, word;
	uint32_t block;         /* index in the catalog                     */
	uint32_t next;          /* index of the candidate that follows      */
	uint32_t length;        /* of the chain from here to a list's end   */
	bool seen;
};

struct group {                  /* lists of one size and kind of pool */
	const struct cut_list *lists;
	size_t nr_lists;
	struct candidate *c;    /* by user_va */
	size_t nr, cap;
};

static int by_group(const void *a, const void *b)
{
	const struct cut_list *x = a, *y = b;

	if (x->size_bytes != y->size_bytes)
		return x->size_bytes < y->size_bytes ? -1 : 1;
	return x->pool < y->pool ? -1 : x->pool > y->pool;
}

/* Groups by size and kind of pool, so that one pass over the catalog serves all. */
struct groups {
	struct group *list;
	size_t nr;
	uint16_t at[PAGE_BYTES / 8 + 1][NR_POOL_KINDS];        /* index + 1, 0: none */
};

static bool candidate_add(struct os *os, const struct pool *pool, struct group *g, size_t i)
{
	struct candidate x = { .block = (uint32_t)i, .next = NOBODY }, *p;

	x.user_va = pool_user_va(pool, i);
	if (vm_word(&os->vm, x.user_va, os->layout.ptr_bytes, &x.word, NULL))
		return true;
	p = g->nr < MAX_CANDIDATES ? vec_grow(g->c, &g->cap, g->nr + 1, sizeof *p) : NULL;
	if (!p)
		return false;
	g->c = p;
	p[g->nr++] = x;
	return true;
}

/* Blocks in use of the groups' sizes, with where their first word leads. */
static bool candidates_take(struct os *os, const struct pool *pool, struct groups *gs)
{
	const struct catalog *c = &pool->blocks;

	for (size_t i = 0; i < c->nr; i++) {
		uint64_t size_bytes = catalog_size(c, i);
		unsigned at = size_bytes > PAGE_BYTES ? 0
			      : gs->at[size_bytes / 8][catalog_pool(c, i)];

		if (at && catalog_state(c, i) == BLOCK_IN_USE &&
		    block_has_header(catalog_how(c, i)) &&
		    !candidate_add(os, pool, &gs->list[at - 1], i))
			return false;
	}
	return true;
}

static void candidates_link(struct group *g)
{
	for (size_t i = 0; i < g->nr; i++) {
		size_t k = SORTED_LOWER(g->c, g->nr, user_va, g->c[i].word);

		if (k == g->nr || g->c[k].user_va != g->c[i].word || k == i)
			continue;
		g->c[i].next = (uint32_t)k;
	}
}

/*
 * How many blocks from each on to a list's end, counting itself; 0: its words
 * lead elsewhere, or in a circle.
 */
static bool lengths_take(struct group *g)
{
	uint32_t *path = malloc((g->nr + 1) * sizeof *path);

	for (size_t i = 0; path && i < g->nr; i++) {
		size_t n = 0;
		uint32_t at = (uint32_t)i, length;

		while (at != NOBODY && !g->c[at].seen) {
			g->c[at].seen = true;
			path[n++] = at;
			at = g->c[at].next;
		}
		/* a circle comes back to a block whose length is still 0 */
		if (at != NOBODY)
			length = g->c[at].length;
		else
			length = n && !g->c[path[n - 1]].word ? NOBODY : 0;
		while (n) {
			struct candidate *c = &g->c[path[--n]];

			length = length == NOBODY ? 1 : length ? length + 1 : 0;
			c->length = length;
		}
	}
	free(path);
	return path != NULL;
}

/*
 * The one block that is as far from a list's end as the list's count says; a
 * live block that was on a list before may still lead to one, but from farther.
 */
static uint32_t only_at(const struct group *g, const struct pool *pool, uint64_t length,
			uint32_t tag)
{
	uint32_t found = NOBODY;

	for (size_t i = 0; i < g->nr; i++) {
		const struct candidate *c = &g->c[i];

		if (c->length != length ||
		    catalog_state(&pool->blocks, c->block) != BLOCK_IN_USE ||
		    (tag && catalog_tag(&pool->blocks, c->block) != tag))
			continue;
		if (found != NOBODY)
			return NOBODY;
		found = (uint32_t)i;
	}
	return found;
}

/*
 * The pool's own lists take blocks of whoever freed one of their size. A chain of
 * one tag alone is more likely somebody's live list: buckets of object directories
 * are linked just so.
 */
static bool has_many_owners(const struct group *g, const struct pool *pool, uint32_t at)
{
	uint32_t tag = catalog_tag(&pool->blocks, g->c[at].block);

	for (; at != NOBODY; at = g->c[at].next)
		if (catalog_tag(&pool->blocks, g->c[at].block) != tag)
			return true;
	return false;
}

static void list_finish(struct pool *pool, const struct group *g, const struct cut_list *l)
{
	uint64_t length = l->unreached - 1;     /* but for the one that is absent */
	uint32_t at;

	if (l->unreached < 3 || length > g->nr)
		return;
	at = only_at(g, pool, length, l->tag);
	if (at == NOBODY || (!l->tag && !has_many_owners(g, pool, at)))
		return;
	for (; at != NOBODY; at = g->c[at].next)
		catalog_set_state(&pool->blocks, g->c[at].block, l->state);
	pool->lists.unreached -= length;
}

static void group_run(struct pool *pool, struct group *g)
{
	candidates_link(g);
	if (!lengths_take(g))
		return;
	for (size_t i = 0; i < g->nr_lists; i++)
		list_finish(pool, g, &g->lists[i]);
}

static bool groups_make(struct groups *gs, const struct cut_list *lists, size_t nr)
{
	size_t end;

	gs->list = calloc(nr, sizeof *gs->list);
	for (size_t i = 0; gs->list && i < nr && gs->nr < UINT16_MAX; i = end) {
		for (end = i + 1; end < nr && !by_group(&lists[i], &lists[end]); end++)
			;
		if (lists[i].size_bytes > PAGE_BYTES)
			continue;
		gs->list[gs->nr++] = (struct group){ .lists = lists + i, .nr_lists = end - i };
		gs->at[lists[i].size_bytes / 8][lists[i].pool] = (uint16_t)gs->nr;
	}
	return gs->list != NULL;
}

void orphans_run(struct os *os, struct pool *pool, struct cut_list *lists, size_t nr)
{
	struct groups *gs;

	if (!nr)
		return;
	qsort(lists, nr, sizeof *lists, by_group);
	gs = calloc(1, sizeof *gs);
	if (gs && groups_make(gs, lists, nr) && candidates_take(os, pool, gs))
		for (size_t i = 0; i < gs->nr; i++)
			group_run(pool, &gs->list[i]);
	for (size_t i = 0; gs && i < gs->nr; i++)
		free(gs->list[i].c);
	if (gs)
		free(gs->list);
	free(gs);
}
