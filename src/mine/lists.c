/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A column of LIST_ENTRYs to the heads of the lists. Each block is visited
 * once: from a block that no walk has met, on by Flink until the list leaves
 * the class (its head) or meets blocks that an earlier walk has counted.
 */
#include "mine_impl.h"

#include <string.h>

enum {
	PROBES = 64,            /* sampled blocks that decide             */
	STEPS_MAX = 1 << 20,    /* blocks; a longer walk would take long  */
};

/* Does the entry at @va have a neighbour that points back, and is not itself? */
static bool links_back(struct vm *vm, unsigned width, uint64_t va, uint64_t flink)
{
	uint64_t back;

	return flink != va && !vm_word(vm, flink + width, width, &back, NULL) && back == va;
}

static bool looks_like_list(struct miner *m, const struct mined *c, unsigned col)
{
	size_t step = c->nr_sample > PROBES ? c->nr_sample / PROBES : 1, tried = 0, good = 0;
	unsigned width = m->rule->width;

	if (!c->pointers[col] || !c->pointers[col + 1] ||
	    c->slots[col + 1].off != c->slots[col].off + width ||
	    c->accs[col].kinds[WORD_KERNEL] * 10 < c->accs[col].n * 8)
		return false;
	for (size_t k = 0; k < c->nr_sample; k += step) {
		uint64_t va = pool_user_va(m->t->pool, c->sample[k]) + c->slots[col].off;

		good += links_back(&m->workers[0].vm, width, va,
				   c->sample_words[col * c->cap_sample + k]);
		tried++;
	}
	return tried && good * 10 >= tried * 8;
}

struct walk {
	struct miner *m;
	struct mined *c;
	struct lists *l;
	unsigned width;
	uint64_t entry_off;     /* of the LIST_ENTRY from the user address */
};

/* The class's block whose entry is at @va; false if there is none. */
static bool block_at(const struct walk *w, uint64_t va, size_t *i)
{
	const struct targets *t = w->m->t;

	return catalog_find(&t->pool->blocks, va, i) &&
	       sweep_class_of(w->m, *i) == w->c &&
	       va - pool_user_va(t->pool, *i) == w->entry_off;
}

/* One walk; the chains' number is that of the blocks it met first. */
static void walk_from(struct walk *w, size_t i)
{
	struct lists *l = w->l;
	uint8_t number = (uint8_t)(l->nr_chains + 1);
	struct vm *vm = &w->m->workers[0].vm;
	uint64_t va = pool_user_va(w->m->t->pool, i) + w->entry_off, next;
	bool back;

	l->nr_chains++;
	l->chains[number].same_as = number;
	for (;;) {
		l->chain[i - l->first] = number;
		l->chains[number].blocks++;
		l->visited++;
		if (vm_word(vm, va, w->width, &next, NULL))
			return;
		back = links_back(vm, w->width, va, next);
		l->linked += back;
		va = next;
		if (!block_at(w, va, &i)) {
			if (back)       /* else it is no list that ends here */
				l->chains[number].head_va = va;
			return;
		}
		if (l->chain[i - l->first]) {
			l->chains[number].same_as = l->chains[l->chain[i - l->first]].same_as;
			return;
		}
		if (l->visited >= STEPS_MAX)
			return;
	}
}

static void walk_all(struct walk *w)
{
	struct lists *l = w->l;

	for (size_t i = l->first; i < l->first + l->nr; i++) {
		if (sweep_class_of(w->m, i) != w->c || l->chain[i - l->first])
			continue;
		if (l->nr_chains == CHAINS_MAX || l->visited >= STEPS_MAX)
			return;
		walk_from(w, i);
	}
	l->complete = true;
}

/* Walks that joined an earlier one have its head. */
static void share_heads(struct lists *l)
{
	for (unsigned n = 1; n <= l->nr_chains; n++)
		l->chains[n].head_va = l->chains[l->chains[n].same_as].head_va;
}

enum dl_status lists_find(struct miner *m, struct mined *c, struct dl_err *err)
{
	struct lists *l = &c->lists;
	struct walk w = { .m = m, .c = c, .l = l, .width = m->rule->width };

	for (unsigned col = 0; col + 1 < c->nr_columns && !l->is_list; col++) {
		l->is_list = looks_like_list(m, c, col);
		l->column = col;
	}
	if (!l->is_list || !c->nr_sample)
		return DL_OK;
	l->first = 0;
	l->nr = m->t->pool->blocks.nr;
	l->chain = calloc(l->nr, 1);
	if (!l->chain)
		return err_set(err, DL_NOMEM, "out of memory for lists");
	w.entry_off = c->slots[l->column].off;
	walk_all(&w);
	share_heads(l);
	return DL_OK;
}
