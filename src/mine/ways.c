/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sampled blocks of a class to the ways that lead from them to owners, the
 * most frequent kept, and to the owners whose overlap is worth counting.
 */
#include "resolve.h"

#include <string.h>

enum { LEARN_MAX = 1024 };      /* ways told apart in the sample */

void path_of(const struct lead *lead, unsigned column, struct path *p)
{
	memset(p, 0, sizeof *p);
	p->owner = lead->owner;
	p->column = (uint16_t)column;
	p->kind = lead->kind;
	p->hops = lead->hops;
	memcpy(p->hop_tag, lead->hop_tag, sizeof p->hop_tag);
	memcpy(p->hop_off, lead->hop_off, sizeof p->hop_off);
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->owner == b->owner && a->column == b->column && a->kind == b->kind &&
	       a->hops == b->hops && a->list == b->list &&
	       !memcmp(a->hop_tag, b->hop_tag, sizeof a->hop_tag) &&
	       !memcmp(a->hop_off, b->hop_off, sizeof a->hop_off);
}

unsigned path_find(const struct path *paths, size_t nr, const struct path *p)
{
	for (size_t i = 0; i < nr; i++)
		if (same_path(&paths[i], p))
			return (unsigned)i;
	return NO_PATH;
}

static void add_end(struct path *p, uint64_t off)
{
	unsigned i;

	for (i = 0; i < p->nr_ends; i++)
		if (p->ends[i] == off)
			return;
	if (p->nr_ends == sizeof p->ends / sizeof p->ends[0]) {
		p->more_ends = true;
		return;
	}
	for (i = p->nr_ends++; i && p->ends[i - 1] > off; i--)
		p->ends[i] = p->ends[i - 1];
	p->ends[i] = off;
}

struct learning {
	struct miner *m;
	struct mined *c;
	struct path *paths;
	size_t nr;
	uint64_t *unions;
};

static void learn_path(struct learning *x, const struct path *p, uint64_t end_off)
{
	unsigned i = path_find(x->paths, x->nr, p);

	if (i == NO_PATH) {
		if (x->nr == LEARN_MAX)
			return;
		i = (unsigned)x->nr++;
		x->paths[i] = *p;
	}
	x->paths[i].blocks++;
	add_end(&x->paths[i], end_off);
}

void group_of(const struct miner *m, const struct target *target, unsigned column,
	      struct group *g)
{
	memset(g, 0, sizeof *g);
	g->column = (uint16_t)column;
	g->kind = (uint8_t)target->kind;
	switch (target->kind) {
	case TARGET_DEVICE:
	case TARGET_EXTENSION:
	case TARGET_FILE:
	case TARGET_IRP:
		g->thing = target->device;
		break;
	case TARGET_DRIVER: g->thing = target->driver; break;
	case TARGET_UNLOADED: g->thing = target->unloaded; break;
	case TARGET_MODULE:
		g->module = target->module;
		g->thing = target->section;
		break;
	case TARGET_BLOCK:
		g->tag = catalog_tag(&m->t->pool->blocks, target->block);
		break;
	default: break;
	}
}

unsigned group_find(const struct mined *c, const struct group *g)
{
	for (size_t i = 0; i < c->nr_groups; i++) {
		const struct group *o = &c->groups[i];

		if (o->column == g->column && o->kind == g->kind && o->thing == g->thing &&
		    o->module == g->module && o->tag == g->tag)
			return (unsigned)i;
	}
	return NO_GROUP;
}

static void learn_group(struct learning *x, unsigned col, size_t k)
{
	struct mined *c = x->c;
	uint64_t v = c->sample_words[col * c->cap_sample + k];
	struct target t;
	struct group g;

	if (word_kind_of(x->m->rule, v) != WORD_KERNEL || c->nr_groups == GROUPS_MAX)
		return;
	target_locate(x->m->t, &x->m->workers[0].vm, v, &t);
	group_of(x->m, &t, col, &g);
	if (group_find(c, &g) == NO_GROUP)
		c->groups[c->nr_groups++] = g;
}

static void learn_block(struct learning *x, size_t k)
{
	struct mined *c = x->c;
	struct owner_set set = { .nr = 0 };

	for (unsigned i = 0; !c->depth && i < c->nr_pointers; i++)
		learn_group(x, c->pointer_columns[i], k);
	for (unsigned col = 0; col < c->nr_columns; col++) {
		struct leads leads;

		if (!c->pointers[col])
			continue;
		resolve_word(x->m, &x->m->workers[0], c,
			     c->sample_words[col * c->cap_sample + k], c->depth, &leads);
		for (unsigned n = 0; n < leads.nr; n++) {
			struct path p;

			path_of(&leads.list[n], col, &p);
			learn_path(x, &p, leads.list[n].end_off);
			owner_set_add(&set, p.owner);
			owner_set_add(&set, owner_parent(x->m->t->os, p.owner));
		}
	}
	for (unsigned n = 0; n < set.nr; n++)
		x->unions[set.id[n]]++;
}

/* Most blocks first; ties by what the way is, so that the order is one. */
static int by_blocks(const void *a, const void *b)
{
	const struct path *x = a, *y = b;

	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	if (x->hops != y->hops)
		return x->hops < y->hops ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (memcmp(x->hop_tag, y->hop_tag, sizeof x->hop_tag))
		return memcmp(x->hop_tag, y->hop_tag, sizeof x->hop_tag);
	return memcmp(x->hop_off, y->hop_off, sizeof x->hop_off);
}

/* One way per list head's owner; blocks are counted there by their list. */
static void learn_lists(struct learning *x)
{
	struct lists *l = &x->c->lists;

	for (unsigned n = 1; n <= l->nr_chains; n++) {
		struct path p = { .column = (uint16_t)l->column, .list = true };
		struct target t;

		l->chains[n].owner = NO_OWNER;
		if (!l->chains[n].head_va)
			continue;
		target_locate(x->m->t, &x->m->workers[0].vm, l->chains[n].head_va, &t);
		l->chains[n].owner = p.owner = owner_of_target(x->m->t, &t);
		l->chains[n].kind = p.kind = (uint8_t)t.kind;
		if (p.owner == NO_OWNER)
			continue;
		learn_path(x, &p, t.offset);
		x->unions[p.owner] += l->chains[n].blocks;
	}
}

/* After sorting: which of the ways each list is. */
static void number_lists(struct mined *c)
{
	struct lists *l = &c->lists;

	for (unsigned n = 1; n <= l->nr_chains; n++) {
		struct path p = { .column = (uint16_t)l->column, .list = true,
				  .owner = l->chains[n].owner, .kind = l->chains[n].kind };

		l->chains[n].path = (uint16_t)path_find(c->paths, c->nr_paths, &p);
	}
}

static void learn_tracked(struct learning *x)
{
	struct mined *c = x->c;
	uint32_t ids = owner_ids(x->m->t->os);

	c->nr_tracked = 0;
	while (c->nr_tracked < TRACKED) {
		uint32_t best = NO_OWNER;

		for (uint32_t id = 0; id < ids; id++)
			if (x->unions[id] && (best == NO_OWNER || x->unions[id] > x->unions[best]))
				best = id;
		if (best == NO_OWNER)
			break;
		c->tracked[c->nr_tracked++] = best;
		x->unions[best] = 0;
	}
}

enum dl_status ways_learn(struct miner *m, struct mined *c)
{
	struct learning x = { .m = m, .c = c };

	x.paths = malloc(LEARN_MAX * sizeof *x.paths);
	x.unions = calloc(owner_ids(m->t->os) + 1, sizeof *x.unions);
	if (!x.paths || !x.unions) {
		free(x.paths);
		free(x.unions);
		return DL_NOMEM;
	}
	for (size_t k = 0; k < c->nr_sample; k++)
		learn_block(&x, k);
	if (c->lists.is_list)
		learn_lists(&x);
	qsort(x.paths, x.nr, sizeof *x.paths, by_blocks);
	c->nr_paths = x.nr < PATHS_MAX ? x.nr : PATHS_MAX;
	memcpy(c->paths, x.paths, c->nr_paths * sizeof *x.paths);
	for (size_t i = 0; i < c->nr_paths; i++)
		c->paths[i].blocks = 0;
	number_lists(c);
	learn_tracked(&x);
	free(x.paths);
	free(x.unions);
	return DL_OK;
}
