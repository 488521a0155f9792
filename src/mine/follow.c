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
	ALIKE_SLOTS = 256,      /* combinations of pointers counted at once */
	ALIKE_WORDS = 4,
	DEEP_BLOCKS = 8192,     /* looked at where hops are many, depth 2 */
};
static const double ENOUGH = 0.9;       /* of the blocks have an owner: go no deeper */
static const double PART = 0.05, LIFT = 3;      /* what makes it one: see verdict.c */

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

/*
 * Blocks of one leak repeat few combinations of pointers: equal blocks are
 * counted here and followed once.
 */
struct alike {
	uint64_t value[ALIKE_WORDS], blocks;
	struct mined *c;
};

struct following {
	struct miner *m;
	struct count *counts;   /* [worker][class] */
	struct way *ways;       /* [worker][WAY_SLOTS] */
	struct alike *alike;    /* [worker][ALIKE_SLOTS] */
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

/* @blocks that have @values in their pointer columns; @i: one of them. */
static void follow_values(const struct following *x, unsigned worker, const struct mined *c,
			  size_t i, const uint64_t *values, uint64_t blocks)
{
	struct count *n = &x->counts[worker * x->m->nr + (size_t)(c - x->m->mined)];
	struct owner_set set;

	set.nr = 0;
	for (unsigned k = 0; k < c->nr_pointers; k++) {
		const struct way *way = way_of(x, worker, c, c->pointer_columns[k], values[k]);

		if (way->group != NO_GROUP)
			n->groups[way->group] += blocks;
		for (unsigned w = 0; w < way->nr; w++) {
			owner_set_add(&set, way->owner[w]);
			owner_set_add(&set, way->parent[w]);
			if (way->path[w] != NO_PATH)
				n->paths[way->path[w]] += blocks;
		}
	}
	if (c->lists.is_list)
		count_list(x, c, i, n, &set);
	for (unsigned k = 0; k < set.nr; k++)
		n->unions[set.id[k]] += blocks;
	n->combos[combo_of(c, &set)] += blocks;
	n->looked_at += blocks;
}

/* Room for @values, emptied of others; NULL if these blocks must go one by one. */
static struct alike *alike_of(const struct following *x, unsigned worker, struct mined *c,
			      size_t i, const uint64_t *values)
{
	uint64_t hash = (uint64_t)(c - x->m->mined);
	struct alike *a;
	bool same;

	if (c->nr_pointers > ALIKE_WORDS || c->lists.is_list)
		return NULL;
	for (unsigned k = 0; k < c->nr_pointers; k++)
		hash = (hash ^ values[k]) * 0x9e3779b97f4a7c15u;
	a = &x->alike[worker * ALIKE_SLOTS + (hash >> 40) % ALIKE_SLOTS];
	same = a->c == c;
	for (unsigned k = 0; k < c->nr_pointers && same; k++)
		same = a->value[k] == values[k];
	if (same)
		return a;
	if (a->blocks)
		follow_values(x, worker, a->c, i, a->value, a->blocks);
	memcpy(a->value, values, c->nr_pointers * sizeof *values);
	a->c = c;
	a->blocks = 0;
	return a;
}

static void follow_block(void *ctx, unsigned worker, struct mined *c, size_t i,
			 const uint8_t *user)
{
	const struct following *x = ctx;
	unsigned width = x->m->rule->width;
	uint64_t values[MAX_COLUMNS];
	struct alike *a;

	if (!user)
		return;
	for (unsigned k = 0; k < c->nr_pointers; k++)
		values[k] = le_word(user + c->slots[c->pointer_columns[k]].off, width);
	a = alike_of(x, worker, c, i, values);
	if (a)
		a->blocks++;
	else
		follow_values(x, worker, c, i, values, 1);
}

/* The last of the blocks that were only counted. */
static void follow_rest(const struct following *x)
{
	for (unsigned w = 0; w < x->m->nr_workers; w++)
		for (unsigned k = 0; k < ALIKE_SLOTS; k++) {
			const struct alike *a = &x->alike[w * ALIKE_SLOTS + k];

			if (a->blocks)
				follow_values(x, w, a->c, 0, a->value, a->blocks);
		}
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
	x->alike = calloc((size_t)m->nr_workers * ALIKE_SLOTS, sizeof *x->alike);
	if (!x->counts || !x->ways || !x->alike)
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
	free(x->alike);
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

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

/* The share of blocks that lead to any owner beyond what any block does. */
static double covered(const struct mined *c)
{
	unsigned leads = 0;
	uint64_t blocks = 0;

	for (unsigned k = 0; k < c->nr_tracked; k++) {
		double share = share_of(c->unions[c->tracked[k]], c->looked_at);

		if (share >= PART && share >= LIFT * share_of(c->control[c->tracked[k]],
							      c->s->control_blocks))
			leads |= 1u << k;
	}
	for (unsigned combo = 0; combo < 1u << TRACKED; combo++)
		if (combo & leads)
			blocks += c->combos[combo];
	return share_of(blocks, c->looked_at);
}

static enum dl_status follow_to(struct miner *m, unsigned depth, struct dl_err *err)
{
	struct following x = { .m = m };
	enum dl_status st = DL_OK;
	bool any = false;

	for (size_t i = 0; i < m->nr && !st; i++) {
		struct mined *c = &m->mined[i];

		c->follow = !depth || covered(c) < ENOUGH;
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
	if (!st && !m->counted) /* the first time, all is read anyway */
		st = columns_count(m, follow_block, &x, err);
	else if (!st)
		st = sweep_run(m, "following pointers", step_of, follow_block, &x, err);
	if (!st)
		follow_rest(&x);
	for (size_t i = 0; i < m->nr && !st; i++) {
		if (!m->mined[i].follow)
			continue;
		add_up(&x, &m->mined[i]);
		st = control_count(m, &m->mined[i], err);
	}
	counts_deinit(&x);
	return st;
}

static void number_columns(struct mined *c)
{
	c->nr_pointers = 0;
	for (unsigned col = 0; col < c->nr_columns; col++)
		if (c->pointers[col])
			c->pointer_columns[c->nr_pointers++] = (uint8_t)col;
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
		number_columns(c);
	}
	return DL_OK;
}

/* All blocks may show that what looked written in the sample is not. */
static bool guess_was_wrong(struct miner *m)
{
	bool wrong = false;

	m->counted = true;
	for (size_t i = 0; i < m->nr; i++) {
		struct mined *c = &m->mined[i];
		unsigned before = c->nr_pointers;

		columns_sort_out(m, c);
		number_columns(c);
		wrong |= c->nr_pointers != before;
	}
	return wrong;
}

enum dl_status owners_find(struct miner *m, struct dl_err *err)
{
	enum dl_status st = prepare(m);

	if (!st)
		st = follow_to(m, 0, err);
	if (!st && guess_was_wrong(m))
		st = follow_to(m, 0, err);
	for (unsigned depth = 1; depth <= MAX_DEPTH && !st; depth++)
		st = follow_to(m, depth, err);
	for (unsigned w = 0; w < m->nr_workers; w++) {
		resolver_free(m->workers[w].resolver);
		m->workers[w].resolver = NULL;
	}
	return st == DL_NOMEM ? err_set(err, st, "out of memory for following pointers") : st;
}
