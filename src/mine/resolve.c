/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word to the owners it leads to: at once, if it points to a device, into its
 * extension, to a driver, into an image, to a file or an IRP; or over one or
 * two other pool blocks that hold such a pointer.
 */
#include "resolve.h"

#include <string.h>

enum {
	BLOCK_SLOTS = 1024,     /* blocks remembered, direct mapped       */
	HOP_WORDS = 64,         /* of a block on the way that are read    */
	HOP_FOLLOW = 16,        /* of these, other blocks that are entered */
};

struct block_slot {
	size_t block;
	const struct mined *own;
	unsigned depth;
	bool used;
	struct leads leads;
};

struct resolver {
	struct block_slot blocks[MAX_DEPTH][BLOCK_SLOTS];
};

struct resolver *resolver_make(void)
{
	return calloc(1, sizeof(struct resolver));
}

void resolver_free(struct resolver *r)
{
	free(r);
}

uint32_t owner_of_target(const struct targets *t, const struct target *target)
{
	const struct os *os = t->os;

	if (target->device)
		return (uint32_t)(target->device - os->devices);
	if (target->driver)
		return (uint32_t)(os->nr_devices + (size_t)(target->driver - os->drivers));
	if (target->kind == TARGET_MODULE)
		return (uint32_t)(os->nr_devices + os->nr_drivers +
				  (size_t)(target->module - os->modules));
	if (target->kind == TARGET_UNLOADED)
		return (uint32_t)(os->nr_devices + os->nr_drivers + os->nr_modules +
				  (size_t)(target->unloaded - os->unloaded));
	return NO_OWNER;
}

uint32_t owner_parent(const struct os *os, uint32_t id)
{
	int driver = id < os->nr_devices ? os->devices[id].driver : -1;

	return driver < 0 ? NO_OWNER : (uint32_t)(os->nr_devices + (size_t)driver);
}

static bool same_way(const struct lead *a, const struct lead *b)
{
	return a->owner == b->owner && a->kind == b->kind && a->hops == b->hops &&
	       !memcmp(a->hop_tag, b->hop_tag, sizeof a->hop_tag) &&
	       !memcmp(a->hop_off, b->hop_off, sizeof a->hop_off);
}

static void leads_add(struct leads *l, const struct lead *new)
{
	for (unsigned i = 0; i < l->nr; i++)
		if (same_way(&l->list[i], new))
			return;
	if (l->nr < LEADS_MAX)
		l->list[l->nr++] = *new;
}

static void add_direct(const struct miner *m, const struct target *t, struct leads *out)
{
	struct lead lead = { .owner = owner_of_target(m->t, t), .kind = (uint8_t)t->kind };

	if (lead.owner == NO_OWNER)
		return;
	lead.end_off = t->offset;
	leads_add(out, &lead);
}

static void follow(const struct miner *m, struct worker *w, const struct mined *own,
		   uint64_t v, unsigned depth, struct leads *out);

/* Put @hop, the word at @off of a block with @tag, before each of @from. */
static void prepend(const struct leads *from, uint32_t tag, unsigned off,
		    struct leads *out)
{
	for (unsigned i = 0; i < from->nr; i++) {
		struct lead lead = from->list[i];

		for (unsigned h = MAX_DEPTH - 1; h > 0; h--) {
			lead.hop_tag[h] = lead.hop_tag[h - 1];
			lead.hop_off[h] = lead.hop_off[h - 1];
		}
		lead.hop_tag[0] = tag;
		lead.hop_off[0] = (uint16_t)off;
		lead.hops++;
		leads_add(out, &lead);
	}
}

/* All words of one block, each with at most @depth further blocks to go. */
static void read_hop(const struct miner *m, struct worker *w, const struct mined *own,
		     size_t block, unsigned depth, struct leads *out)
{
	const struct pool *pool = m->t->pool;
	uint64_t va = pool_user_va(pool, block), n = pool_user_bytes(pool, block);
	unsigned width = m->rule->width, followed = 0;
	size_t page_left = (size_t)(PAGE_BYTES - va % PAGE_BYTES), bytes = HOP_WORDS * width;
	const uint8_t *page;
	uint8_t raw[HOP_WORDS * 8];

	if (bytes > n)
		bytes = (size_t)n;
	if (bytes <= page_left || vm_read(&w->vm, va, raw, bytes, NULL)) {
		bytes = bytes < page_left ? bytes : page_left;
		if (vm_page(&w->vm, va, &page, NULL))
			return;
		memcpy(raw, page + va % PAGE_BYTES, bytes);
	}
	for (unsigned off = 0; off + width <= bytes; off += width) {
		uint64_t v = le_word(raw + off, width);
		struct leads part = { .nr = 0 };

		if (word_kind_of(m->rule, v) != WORD_KERNEL)
			continue;
		follow(m, w, own, v, followed < HOP_FOLLOW ? depth : 0, &part);
		followed += part.nr != 0;
		prepend(&part, catalog_tag(&pool->blocks, block), off, out);
	}
}

static const struct leads *hop_leads(const struct miner *m, struct worker *w,
				     const struct mined *own, size_t block, unsigned depth)
{
	size_t h = block * 0x9e3779b1u >> 7 & (BLOCK_SLOTS - 1);
	struct block_slot *s = &w->resolver->blocks[depth][h];

	if (s->used && s->block == block && s->own == own && s->depth == depth)
		return &s->leads;
	*s = (struct block_slot){ .block = block, .own = own, .depth = depth };
	read_hop(m, w, own, block, depth, &s->leads);
	s->used = true;
	return &s->leads;
}

static bool may_enter(const struct miner *m, const struct mined *own, size_t block)
{
	return catalog_state(&m->t->pool->blocks, block) == BLOCK_IN_USE &&
	       (!own || sweep_class_of(m, block) != own);
}

static void follow(const struct miner *m, struct worker *w, const struct mined *own,
		   uint64_t v, unsigned depth, struct leads *out)
{
	const struct leads *hop;
	struct target t;

	target_locate(m->t, &w->vm, v, &t);
	add_direct(m, &t, out);
	if (t.kind != TARGET_BLOCK || !depth || !may_enter(m, own, t.block))
		return;
	hop = hop_leads(m, w, own, t.block, depth - 1);
	for (unsigned i = 0; i < hop->nr; i++)
		leads_add(out, &hop->list[i]);
}

void resolve_word(const struct miner *m, struct worker *w, const struct mined *own,
		  uint64_t v, unsigned depth, struct leads *out)
{
	out->nr = 0;
	if (word_kind_of(m->rule, v) == WORD_KERNEL)
		follow(m, w, own, v, depth, out);
}
