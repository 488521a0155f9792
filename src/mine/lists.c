/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A column of LIST_ENTRYs to the heads of the lists. Each block is visited
 * once: from a block that no walk has met, on by Flink until the list leaves
 * the class (its head), meets blocks that an earlier walk has counted, or goes on
 * where there is no memory.
 */
#include "mine_impl.h"

#include <string.h>

enum {
	PROBES = 64,            /* sampled blocks that decide             */
	STEPS_MAX = 1 << 20,    /* blocks; a longer walk would take long  */
	PASS_MAX = 4096,        /* entries in no known block, in a row    */
	CUT = CHAINS_MAX + 1,   /* number of all walks that end at missing memory */
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
		uint64_t va = mined_va(m, c, c->sample[k]) + c->slots[col].off;

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
	uint64_t steps;
	uint64_t unknown_va, nr_unknown;        /* entries in memory that is in no block */
};

/*
 * The block of this tag whose entry is at @va; false if there is none. An
 * allocator rounds a few of them up to another size.
 */
static bool block_at(const struct walk *w, uint64_t va, size_t *i)
{
	const struct catalog *c = &w->m->t->pool->blocks;

	return catalog_find(c, va, i) && catalog_tag(c, *i) == w->c->tag &&
	       catalog_state(c, *i) == BLOCK_IN_USE &&
	       va - mined_va(w->m, w->c, *i) == w->entry_off;
}

static uint64_t entry_va(const struct walk *w, size_t i)
{
	return mined_va(w->m, w->c, i) + w->entry_off;
}

/*
 * From the entry at *@va, where no block of this tag is, on through memory that
 * nobody knows: blocks whose surroundings are lost. True if that leads to a block
 * again, else *@va is where it ends, and *@back whether that is a list's head.
 */
static bool pass(struct walk *w, uint64_t *va, size_t *i, bool *back)
{
	struct vm *vm = &w->m->workers[0].vm;
	struct target t;
	uint64_t next;

	for (unsigned n = 0; *back && n < PASS_MAX; n++) {
		target_locate(w->m->t, vm, *va, &t);
		if (t.kind != TARGET_KERNEL || vm_word(vm, *va, w->width, &next, NULL))
			return false;
		w->unknown_va = *va;
		w->nr_unknown++;
		*back = links_back(vm, w->width, *va, next);
		*va = next;
		if (block_at(w, next, i))
			return true;
	}
	return false;
}

/* The walk from block @i, the latest, goes on in another one: count it there. */
static void hand_over(struct walk *w, size_t i, uint8_t to)
{
	struct lists *l = w->l;
	uint8_t number = (uint8_t)l->nr_chains;
	uint64_t next;
	bool back = true;

	l->chains[to].blocks += l->chains[number].blocks;
	while (l->chain[i - l->first] == number) {
		l->chain[i - l->first] = to;
		if (vm_word(&w->m->workers[0].vm, entry_va(w, i), w->width, &next, NULL) ||
		    (!block_at(w, next, &i) && !pass(w, &next, &i, &back)))
			break;
	}
	memset(&l->chains[number], 0, sizeof l->chains[number]);
	l->nr_chains--;
}

/* Count block @i, of the class or not, and go on; false if its Flink is missing. */
static bool visit(struct walk *w, size_t i, uint8_t number, uint64_t *next, bool *back)
{
	struct vm *vm = &w->m->workers[0].vm;
	bool counts = sweep_class_of(w->m, i) == w->c;
	struct lists *l = w->l;

	l->chain[i - l->first] = number;
	l->chains[number].blocks += counts;
	l->visited += counts;
	if (++w->steps > STEPS_MAX || vm_word(vm, entry_va(w, i), w->width, next, NULL))
		return false;
	*back = links_back(vm, w->width, entry_va(w, i), *next);
	l->linked += *back && counts;
	return true;
}

/* One walk, which becomes part of an earlier one if it meets that. */
static void walk_from(struct walk *w, size_t i)
{
	struct lists *l = w->l;
	uint8_t number = (uint8_t)(l->nr_chains + 1);
	uint64_t va, beyond;
	size_t start = i;
	bool back;

	l->nr_chains++;
	w->nr_unknown = 0;
	while (visit(w, i, number, &va, &back)) {
		if (!block_at(w, va, &i) && !pass(w, &va, &i, &back)) {
			if (back)       /* else it is no list that ends here */
				l->chains[number].head_va = va;
			else if (vm_word(&w->m->workers[0].vm, va, w->width, &beyond, NULL) ||
				 !beyond)       /* a page of zeros is lost as well */
				hand_over(w, start, CUT);
			return;
		}
		if (l->chain[i - l->first]) {
			if (l->chain[i - l->first] != number)
				hand_over(w, start, l->chain[i - l->first]);
			else if (w->nr_unknown == 1)
				l->chains[number].head_va = w->unknown_va;
			return;
		}
	}
	if (w->steps <= STEPS_MAX)      /* the last block's own entry is missing */
		hand_over(w, start, CUT);
}

static void walk_all(struct walk *w)
{
	struct lists *l = w->l;

	for (size_t i = l->first; i < l->first + l->nr; i++) {
		if (sweep_class_of(w->m, i) != w->c || l->chain[i - l->first])
			continue;
		if (l->nr_chains == CHAINS_MAX || w->steps >= STEPS_MAX)
			return;
		walk_from(w, i);
	}
	l->complete = true;
}

/*
 * Parts that missing memory cut off belong to the list whose head was found, if
 * there is only one; else to nobody in particular.
 */
static void join_cut(struct lists *l)
{
	uint64_t head_va = 0;
	uint8_t number = (uint8_t)(l->nr_chains + 1);

	l->chains[CUT].owner = NO_OWNER;
	for (unsigned n = 1; n <= l->nr_chains; n++) {
		if (head_va && l->chains[n].head_va && l->chains[n].head_va != head_va)
			return;
		head_va = l->chains[n].head_va ? l->chains[n].head_va : head_va;
	}
	if (!head_va || !l->chains[CUT].blocks || l->nr_chains == CHAINS_MAX)
		return;
	l->nr_chains++;
	l->cut_blocks = l->chains[CUT].blocks;
	l->chains[number] = l->chains[CUT];
	l->chains[number].head_va = head_va;
	for (size_t i = 0; i < l->nr; i++)
		if (l->chain[i] == CUT)
			l->chain[i] = number;
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
	join_cut(l);
	return DL_OK;
}
