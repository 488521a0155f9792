/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block catalog to a histogram: one class per tag, size, pool and form of
 * block. One probe of a hash per block, none where a block is like the
 * one before it, as most are on a page full of leaked blocks.
 */
#include "dumpleak/mine/classes.h"

#include "dumpleak/base/arena.h"

#include <stdlib.h>
#include <string.h>

/* Classes while they are gathered, and a hash of their indices plus 1. */
struct gather {
	struct pool_class *list;
	size_t nr, cap;
	uint32_t *slot;
	size_t mask;            /* slots - 1, slots being a power of two */
};

static size_t hash_of(const struct pool_class *key)
{
	uint64_t h = key->tag | (uint64_t)key->size_bytes << 32;

	h ^= (uint64_t)key->pool << 59 ^ (uint64_t)key->form << 62;
	h *= 0x9e3779b97f4a7c15u;
	return (size_t)(h >> 29);
}

static bool same_class(const struct pool_class *a, const struct pool_class *b)
{
	return a->tag == b->tag && a->size_bytes == b->size_bytes &&
	       a->pool == b->pool && a->form == b->form;
}

static uint32_t *slot_for(const struct gather *g, const struct pool_class *key)
{
	size_t i = hash_of(key) & g->mask;

	while (g->slot[i] && !same_class(&g->list[g->slot[i] - 1], key))
		i = (i + 1) & g->mask;
	return &g->slot[i];
}

static enum dl_status rehash(struct gather *g)
{
	size_t slots = g->slot ? (g->mask + 1) * 2 : 4096;
	uint32_t *slot = calloc(slots, sizeof *slot);

	if (!slot)
		return DL_NOMEM;
	free(g->slot);
	g->slot = slot;
	g->mask = slots - 1;
	for (size_t i = 0; i < g->nr; i++)
		*slot_for(g, &g->list[i]) = (uint32_t)i + 1;
	return DL_OK;
}

/* The class like @key, made if it is new; NULL without memory. */
static struct pool_class *class_for(struct gather *g, const struct pool_class *key)
{
	struct pool_class *bigger;
	uint32_t *slot;

	if ((!g->slot || g->nr * 2 > g->mask) && rehash(g))
		return NULL;
	slot = slot_for(g, key);
	if (*slot)
		return &g->list[*slot - 1];
	bigger = vec_grow(g->list, &g->cap, g->nr + 1, sizeof *g->list);
	if (!bigger)
		return NULL;
	g->list = bigger;
	g->list[g->nr] = *key;
	*slot = (uint32_t)++g->nr;
	return &g->list[g->nr - 1];
}

static void count(struct pool_class *c, enum block_state state, enum block_how how,
		  uint64_t size_bytes)
{
	switch (state) {
	case BLOCK_IN_USE:
		c->blocks++;
		c->by_how[how % NR_BLOCK_HOWS]++;
		c->bytes += size_bytes;
		break;
	case BLOCK_FREE:
		c->free_blocks++;
		break;
	default:
		c->cached_blocks++;
		break;
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct pool_class *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	if (x->size_bytes != y->size_bytes)
		return x->size_bytes < y->size_bytes ? -1 : 1;
	if (x->pool != y->pool)
		return x->pool < y->pool ? -1 : 1;
	return (x->form > y->form) - (x->form < y->form);
}

/* Before that, what its first block is: of a class without any in use. */
static void settle_how(struct pool_class *c)
{
	for (unsigned how = 0; how < NR_BLOCK_HOWS; how++)
		if (c->by_how[how] > c->by_how[c->how])
			c->how = (enum block_how)how;
}

static void finish(struct gather *g, struct classes *out)
{
	free(g->slot);
	for (size_t i = 0; i < g->nr; i++)
		settle_how(&g->list[i]);
	if (g->nr)
		qsort(g->list, g->nr, sizeof *g->list, by_bytes);
	out->list = g->list;
	out->nr = g->nr;
}

static enum dl_status give_up(struct gather *g, struct dl_err *err)
{
	free(g->slot);
	free(g->list);
	return err_set(err, DL_NOMEM, "out of memory for the histogram");
}

enum dl_status classes_make(const struct pool *pool, struct classes *out,
			    struct dl_err *err)
{
	const struct catalog *c = &pool->blocks;
	struct gather g = { 0 };
	struct pool_class *last = NULL;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < c->nr; i++) {
		uint64_t size_bytes = catalog_size(c, i);
		struct pool_class key = {
			.tag = catalog_tag(c, i), .pool = catalog_pool(c, i),
			.how = catalog_how(c, i), .form = block_form(catalog_how(c, i)),
			.size_bytes = size_bytes > UINT32_MAX ? UINT32_MAX
							      : (uint32_t)size_bytes,
		};

		if (!last || !same_class(last, &key)) {
			last = class_for(&g, &key);
			if (!last)
				return give_up(&g, err);
		}
		count(last, catalog_state(c, i), key.how, size_bytes);
	}
	finish(&g, out);
	return DL_OK;
}

enum dl_status classes_by_tag(const struct classes *in, struct classes *out,
			      struct dl_err *err)
{
	struct gather g = { 0 };

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < in->nr; i++) {
		const struct pool_class *from = &in->list[i];
		struct pool_class key = { .tag = from->tag, .pool = from->pool,
					  .any_size = true }, *to;

		to = class_for(&g, &key);
		if (!to)
			return give_up(&g, err);
		to->blocks += from->blocks;
		to->bytes += from->bytes;
		to->free_blocks += from->free_blocks;
		to->cached_blocks += from->cached_blocks;
		for (unsigned how = 0; how < NR_BLOCK_HOWS; how++)
			to->by_how[how] += from->by_how[how];
	}
	finish(&g, out);
	return DL_OK;
}

void classes_deinit(struct classes *classes)
{
	free(classes->list);
	memset(classes, 0, sizeof *classes);
}
