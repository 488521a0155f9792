/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer columns to counts: how many blocks lead to each owner, by which ways,
 * and how the owners' blocks overlap. Other blocks on the way are entered only
 * for classes that name no owner themselves.
 */
#include "resolve.h"

#include <string.h>

enum {
	WAY_SLOTS = 2048,       /* words remembered per thread            */
	DEEP_BLOCKS = 8192,     /* looked at where hops are many, depth 2 */
};
static const double ENOUGH = 0.9;       /* of the blocks have an owner: go no deeper */

/* A word of a column and what it stands for. */
struct way {
	uint64_t value;
	const struct mined *c;
	unsigned column, nr, group;
	uint32_t owner[LEADS_MAX], parent[LEADS_MAX];
	uint16_t path[LEADS_MAX];
};

/* One thread's counts of one class. */
struct count {
	uint64_t *unions;
	uint64_t paths[PATHS_MAX], groups[GROUPS_MAX], combos[1 << TRACKED];
	uint64_t looked_at;
};

struct following {
	struct miner *m;
	struct count *counts;   /* [worker][class] */
	struct way *ways;       /* [worker][WAY_SLOTS] */
	bool active[MAX_CANDIDATES];
};

/* Deeper down the words are the same ones; they were grouped at depth 0. */
static unsigned group_at(const struct following *x, unsigned worker,
			 const struct mined *c, unsigned column, uint64_t v)
{
	struct target t;
	struct group g;

	if (c->depth || word_kind_of(x->m->rule, v) != WORD_KERNEL)
		return NO_GROUP;
	target_locate(x->m->t, &x->m->workers[worker].vm, v, &t);
	group_of(x->m, &t, column, &g);
	return group_find(c, &g);
}

static const struct way *way_of(const struct following *x, unsigned worker,
				const struct mined *c, unsigned column, uint64_t v)
{
	size_t h = (size_t)((v + column) * 0x9e3779b97f4a7c15u >> 40) % WAY_SLOTS;
	struct way *way = &x->ways[worker * WAY_SLOTS + h];
	struct leads leads;

	if (way->c == c && way->value == v && way->column == column)
		return way;
	resolve_word(x->m, &x->m->workers[worker], c, v, c->depth, &leads);
	*way = (struct way){ .value = v, .c = c, .column = column, .nr = leads.nr,
			      .group = group_at(x, worker, c, column, v) };
	for (unsigned i = 0; i < leads.nr; i++) {
		struct path p;

		path_of(&leads.list[i], column, &p);
		way->owner[i] = p.owner;
		way->parent[i] = owner_parent(x->m->t->os, p.owner);
		way->path[i] = (uint16_t)path_find(c->paths, c->nr_paths, &p);
	}
	return way;
}

static void count_list(const struct following *x, const struct mined *c, size_t i,
		       struct count *n, struct owner_set *set)
{
	unsigned chain = c->lists.chain[i - c->lists.first];
	uint32_t owner = chain ? c->lists.chains[chain].owner : NO_OWNER;

	if (owner == NO_OWNER)
		return;
	owner_set_add(set, owner);
	owner_set_add(set, owner_parent(x->m->t->os, owner));
	if (c->lists.chains[chain].path != NO_PATH)
		n->paths[c->lists.chains[chain].path]++;
}

static unsigned combo_of(const struct mined *c, const struct owner_set *set)
{
	unsigned combo = 0;

	for (unsigned i = 0; i < set->nr; i++)
		for (unsigned k = 0; k < c->nr_tracked; k++)
			if (c->tracked[k] == set->id[i])
				combo |= 1u << k;
	return combo;
}

static void follow_block(void *ctx, unsigned worker, struct mined *c, size_t i,
			 const uint8_t *user)
{
	const struct following *x = ctx;
	unsigned width = x->m->rule->width;
	struct count *n = &x->counts[worker * x->m->nr + (size_t)(c - x->m->mined)];
	struct owner_set set = { .nr = 0 };

	if (!user)
		return;
	for (unsigned k = 0; k < c->nr_pointers; k++) {
		unsigned col = c->pointer_columns[k];
		const struct way *way = way_of(x, worker, c, col,
					       le_word(user + col * width, width));

		if (way->group != NO_GROUP)
			n->groups[way->group]++;
		for (unsigned w = 0; w < way->nr; w++) {
			owner_set_add(&set, way->owner[w]);
			owner_set_add(&set, way->parent[w]);
			if (way->path[w] != NO_PATH)
				n->paths[way->path[w]]++;
		}
	}
	if (c->lists.is_list)
		count_list(x, c, i, n, &set);
	for (unsigned k = 0; k < set.nr; k++)
		n->unions[set.id[k]]++;
	n->combos[combo_of(c, &set)]++;
	n->looked_at++;
}

/* Many different blocks on the way take long: some pages speak for all. */
static unsigned choose_step(const struct mined *c)
{
	uint64_t room = c->depth == MAX_DEPTH ? DEEP_BLOCKS : HOP_BLOCKS;
	bool few = true, exact;

	if (!c->depth || c->s->class.blocks <= room)
		return 1;
	for (unsigned k = 0; k < c->nr_pointers; k++) {
		unsigned col = c->pointer_columns[k];

		few &= acc_distinct(&c->accs[col], &c->plans[col], &exact) <= DISTINCT_CAP &&
		       exact;
	}
	return few ? 1 : (unsigned)(c->s->class.blocks / room + 1);
}

static unsigned step_of(const struct mined *c)
{
	return c->follow ? c->page_step : 0;
}

static enum dl_status counts_init(struct following *x)
{
	struct miner *m = x->m;
	size_t ids = owner_ids(m->t->os) + 1;

	x->counts = calloc(m->nr_workers * m->nr, sizeof *x->counts);
	x->ways = calloc((size_t)m->nr_workers * WAY_SLOTS, sizeof *x->ways);
	if (!x->counts || !x->ways)
		return DL_NOMEM;
	for (size_t i = 0; i < m->nr_workers * m->nr; i++) {
		x->counts[i].unions = calloc(ids, sizeof *x->counts[i].unions);
		if (!x->counts[i].unions)
			return DL_NOMEM;
	}
	return DL_OK;
}

static void counts_deinit(struct following *x)
{
	for (size_t i = 0; x->counts && i < x->m->nr_workers * x->m->nr; i++)
		free(x->counts[i].unions);
	free(x->counts);
	free(x->ways);
}

static void add_up(const struct following *x, struct mined *c)
{
	const struct miner *m = x->m;
	uint32_t ids = owner_ids(m->t->os);

	memset(c->unions, 0, ids * sizeof *c->unions);
	memset(c->combos, 0, sizeof c->combos);
	c->looked_at = 0;
	for (unsigned w = 0; w < m->nr_workers; w++) {
		const struct count *n = &x->counts[w * m->nr + (size_t)(c - m->mined)];

		for (uint32_t id = 0; id < ids; id++)
			c->unions[id] += n->unions[id];
		for (size_t k = 0; k < 1 << TRACKED; k++)
			c->combos[k] += n->combos[k];
		for (size_t k = 0; k < c->nr_paths; k++)
			c->paths[k].blocks += n->paths[k];
		for (size_t k = 0; k < c->nr_groups; k++)
			c->groups[k].blocks += n->groups[k];
		c->looked_at += n->looked_at;
	}
}

/* The share of the owner that most blocks lead to, beyond what any block does. */
static double best_share(const struct miner *m, const struct mined *c)
{
	double best = 0;

	for (uint32_t id = 0; id < owner_ids(m->t->os); id++) {
		double share = c->looked_at ? (double)c->unions[id] / (double)c->looked_at : 0;

		if (c->s->control_blocks)
			share -= (double)c->control[id] / (double)c->s->control_blocks;
		best = share > best ? share : best;
	}
	return best;
}

static enum dl_status follow_to(struct miner *m, unsigned depth, struct dl_err *err)
{
	struct following x = { .m = m };
	enum dl_status st = DL_OK;
	bool any = false;

	for (size_t i = 0; i < m->nr && !st; i++) {
		struct mined *c = &m->mined[i];

		c->follow = !depth || best_share(m, c) < ENOUGH;
		if (!c->follow)
			continue;
		any = true;
		c->depth = depth;
		st = ways_learn(m, c);
		c->page_step = choose_step(c);
	}
	if (st || !any)
		return st;
	st = counts_init(&x);
	if (!st)
		st = sweep_run(m, "following pointers", step_of, follow_block, &x, err);
	for (size_t i = 0; i < m->nr && !st; i++) {
		if (!m->mined[i].follow)
			continue;
		add_up(&x, &m->mined[i]);
		st = control_count(m, &m->mined[i], err);
	}
	counts_deinit(&x);
	return st;
}

static enum dl_status prepare(struct miner *m)
{
	size_t ids = owner_ids(m->t->os) + 1;

	for (unsigned w = 0; w < m->nr_workers; w++) {
		m->workers[w].resolver = resolver_make();
		if (!m->workers[w].resolver)
			return DL_NOMEM;
	}
	for (size_t i = 0; i < m->nr; i++) {
		struct mined *c = &m->mined[i];

		c->unions = calloc(ids, sizeof *c->unions);
		c->control = calloc(ids, sizeof *c->control);
		if (!c->unions || !c->control)
			return DL_NOMEM;
		for (unsigned col = 0; col < c->nr_columns; col++)
			if (c->pointers[col])
				c->pointer_columns[c->nr_pointers++] = (uint8_t)col;
	}
	return DL_OK;
}

enum dl_status owners_find(struct miner *m, struct dl_err *err)
{
	enum dl_status st = prepare(m);

	for (unsigned depth = 0; depth <= MAX_DEPTH && !st; depth++)
		st = follow_to(m, depth, err);
	for (unsigned w = 0; w < m->nr_workers; w++) {
		resolver_free(m->workers[w].resolver);
		m->workers[w].resolver = NULL;
	}
	return st == DL_NOMEM ? err_set(err, st, "out of memory for following pointers") : st;
}
