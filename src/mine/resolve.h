/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_RESOLVE_H
#define DUMPLEAK_MINE_RESOLVE_H

/* For the files of src/mine/ only: where a word leads, and over which blocks. */

#include "mine_impl.h"

/* One owner that a word leads to, and the way there. */
struct lead {
	uint32_t owner;
	uint8_t kind;           /* enum target_kind of the end        */
	uint8_t hops;
	uint64_t end_off;       /* where in the end: not for code     */
	uint32_t hop_tag[MAX_DEPTH];
	uint16_t hop_off[MAX_DEPTH];
};

struct leads {
	struct lead list[LEADS_MAX];
	unsigned nr;
};

/* Remembers the blocks it came through; one for each thread. */
struct resolver;

struct resolver *resolver_make(void);
void resolver_free(struct resolver *r);

/**
 * resolve_word - all owners that @v leads to over at most @depth blocks
 * @own: the class the word is from; its own blocks are not followed. May be
 * NULL.
 */
void resolve_word(const struct miner *m, struct worker *w, const struct mined *own,
		  uint64_t v, unsigned depth, struct leads *out);

/* Owners that a block leads to, each once, with their drivers. */
struct owner_set {
	uint32_t id[32];
	unsigned nr;
};

static inline void owner_set_add(struct owner_set *s, uint32_t id)
{
	if (id == NO_OWNER)
		return;
	for (unsigned i = 0; i < s->nr; i++)
		if (s->id[i] == id)
			return;
	if (s->nr < sizeof s->id / sizeof s->id[0])
		s->id[s->nr++] = id;
}

enum { NO_PATH = 0xffff };

/** path_of - the way that @lead from @column is */
void path_of(const struct lead *lead, unsigned column, struct path *p);

/** path_find - its number among @paths, or NO_PATH */
unsigned path_find(const struct path *paths, size_t nr, const struct path *p);

/** ways_learn - c->paths, c->tracked and the lists' owners, from the sample */
enum dl_status ways_learn(struct miner *m, struct mined *c);

/** control_count - how many blocks of other classes lead to each owner */
enum dl_status control_count(struct miner *m, struct mined *c, struct dl_err *err);

#endif
