/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates to findings: the steps of mine_impl.h in their order, and the
 * memory they share.
 */
#include "mine_impl.h"

#include <string.h>

enum { FILETIME_SECOND = 10000000, DAY = 86400, TIME_DAYS_BACK = 400 };

/* Half a FILETIME fits four bytes: the half that changes slowly. */
static void set_clock(const struct os *os, struct word_rule *rule)
{
	uint64_t day = (uint64_t)FILETIME_SECOND * DAY, back = day * TIME_DAYS_BACK;
	unsigned shift = rule->width == 4 ? 32 : 0;

	if (!os->system_time || os->system_time < back)
		return;
	rule->time_first = (os->system_time - back) >> shift;
	rule->time_last = ((os->system_time + day) >> shift) + 1;
}

static void set_rule(const struct os *os, struct word_rule *rule)
{
	*rule = (struct word_rule){
		.width = os->layout.ptr_bytes,
		.kernel_first = os->system_range_start,
		.kernel_last = os->vm.mode->va_mask,
	};
	set_clock(os, rule);
}

/* Of a 64-bit word in which two fields stand side by side. */
static void set_halves(struct miner *m)
{
	m->low = (struct word_rule){ .width = 4, .kernel_first = 1 };
	m->high = (struct word_rule){
		.width = 4, .kernel_first = m->rule->kernel_first >> 32,
		.kernel_last = (m->rule->kernel_last >> 32) - 1,
		.time_first = m->rule->time_first >> 32,
		.time_last = (m->rule->time_last >> 32) + (m->rule->time_last != 0),
	};
}

static void class_start(const struct miner *m, struct mined *c)
{
	const struct pool_class *class = &c->s->class;
	uint32_t header = class->form == FORM_SMALL
				  ? m->t->pool->layout.header.header_bytes : 0;
	uint32_t user = class->size_bytes > header ? class->size_bytes - header : 0;
	uint32_t words = user / m->rule->width;

	c->tag = class->tag;
	c->size_units = class->size_bytes / 8;
	c->pool = class->pool;
	c->form = class->form;
	c->nr_words = c->nr_columns = words > MAX_WORDS ? MAX_WORDS : words;
	c->mined_bytes = c->nr_words * m->rule->width;
	for (unsigned n = 0; n < c->nr_words; n++)
		c->slots[n] = (struct slot){ .off = (uint16_t)(n * m->rule->width),
					     .width = (uint8_t)m->rule->width,
					     .rule = m->rule };
	c->s->user_bytes = user;
	c->s->columns_cut = words - c->nr_words;
}

static void class_end(struct mined *c)
{
	for (unsigned n = 0; c->accs && n < c->nr_columns; n++)
		acc_deinit(&c->accs[n]);
	free(c->accs);
	free(c->plans);
	free(c->sample);
	free(c->sample_words);
	free(c->lists.chain);
	free(c->unions);
	free(c->control);
}

/* A few blocks to look at by hand, spread over the class. */
static void keep_samples(const struct miner *m, struct mined *c)
{
	enum { NR = sizeof c->s->samples / sizeof c->s->samples[0] };
	size_t n = c->nr_sample < NR ? c->nr_sample : NR;

	for (size_t i = 0; i < n; i++)
		c->s->samples[i] = mined_va(m, c, c->sample[c->nr_sample * i / n]);
	c->s->nr_samples = (unsigned)n;
}

static enum dl_status mine_all(struct miner *m, struct dl_err *err)
{
	enum dl_status st = sweep_init(m, err);

	if (!st)
		st = sample_take(m, err);
	for (size_t i = 0; i < m->nr && !st; i++) {
		st = columns_guess(m, &m->mined[i]);
		if (!st)
			st = lists_find(m, &m->mined[i], err);
	}
	if (!st)
		st = owners_find(m, err);
	for (size_t i = 0; i < m->nr && !st; i++) {
		struct mined *c = &m->mined[i];

		st = columns_describe(m, c);
		keep_samples(m, c);
		owners_rank(m, c);
		verdict_judge(m, c);
		next_steps(m, c);
	}
	return st == DL_NOMEM ? err_set(err, st, "out of memory for the findings") : st;
}

/* @list: the candidates; a whole tag has no columns to mine. */
static enum dl_status start(struct miner *m, const struct classes *classes,
			    const struct candidate *list, size_t nr,
			    struct findings *out, struct dl_err *err)
{
	out->suspects = arena_array(&out->arena, nr + 1, sizeof *out->suspects);
	m->mined = calloc(nr + 1, sizeof *m->mined);
	if (!out->suspects || !m->mined)
		return err_set(err, DL_NOMEM, "out of memory for the suspects");
	out->nr = m->nr = nr;
	for (size_t i = 0; i < nr; i++) {
		struct suspect *s = &out->suspects[i];

		if (list[i].class_index >= classes->nr ||
		    classes->list[list[i].class_index].any_size)
			return err_set(err, DL_USAGE, "blocks of several sizes have no columns");
		s->candidate = list[i];
		s->class = classes->list[list[i].class_index];
		m->mined[i].s = s;
		class_start(m, &m->mined[i]);
	}
	return DL_OK;
}

static void miner_free(struct miner *m)
{
	for (size_t i = 0; m->mined && i < m->nr; i++)
		class_end(&m->mined[i]);
	free(m->mined);
	sweep_deinit(m);
	free(m);
}

enum dl_status mine_run(const struct targets *targets, const struct ledger *ledger,
			const struct classes *classes,
			const struct mine_options *opts, struct findings *out,
			struct dl_err *err)
{
	static const struct mine_options none;
	struct candidate chosen[MAX_CANDIDATES];
	struct word_rule rule;
	struct miner *m = calloc(1, sizeof *m);
	const struct candidate *list;
	size_t nr;
	enum dl_status st;

	memset(out, 0, sizeof *out);
	arena_init(&out->arena);
	if (!m)
		return err_set(err, DL_NOMEM, "out of memory for mining");
	m->t = targets;
	m->opts = opts ? opts : &none;
	m->rule = &rule;
	m->arena = &out->arena;
	list = m->opts->chosen;
	nr = m->opts->nr_chosen;
	if (!list) {
		nr = candidates_choose(targets->pool, ledger, classes, &out->arena, chosen);
		list = chosen;
	}
	if (nr > MAX_CANDIDATES)
		nr = MAX_CANDIDATES;
	set_rule(targets->os, &rule);
	set_halves(m);
	m->nr_workers = m->opts->jobs ? m->opts->jobs : jobs_available();
	if (m->nr_workers > 64)
		m->nr_workers = 64;
	st = start(m, classes, list, nr, out, err);
	if (!st && nr)
		st = mine_all(m, err);
	miner_free(m);
	return st;
}

void findings_deinit(struct findings *f)
{
	arena_deinit(&f->arena);
	memset(f, 0, sizeof *f);
}
