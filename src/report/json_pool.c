/* SPDX-License-Identifier: Apache-2.0 */
/* The pool, its classes and the kernel's counters to JSON. */
#include "json.h"

#include "words.h"

#include <stdlib.h>

static void json_range(struct jot *j, json_t *list, struct known_u64 first,
		       struct known_u64 end)
{
	json_t *o;

	if (!first.known || !end.known)
		return;
	o = jot_item(j, list);
	jot_va(j, o, "first", first.value);
	jot_va(j, o, "end", end.value);
}

static void json_states(struct jot *j, json_t *parent, const char *key,
			const uint64_t by_state[NR_BLOCK_STATES])
{
	json_t *o = jot_object(j, parent, key);

	jot_count(j, o, "in_use", by_state[BLOCK_IN_USE]);
	jot_count(j, o, "free", by_state[BLOCK_FREE]);
	jot_count(j, o, "cached", by_state[BLOCK_CACHED]);
	jot_count(j, o, "parked", by_state[BLOCK_PARKED]);
	jot_count(j, o, "delayed", by_state[BLOCK_DELAYED]);
}

static void json_free_by_size(struct jot *j, json_t *parent, const struct pool_totals *t)
{
	json_t *list = jot_array(j, parent, "free_by_size"), *o;

	for (size_t i = 0; i < FREE_SIZE_CLASSES; i++) {
		o = jot_item(j, list);
		if (i + 1 < FREE_SIZE_CLASSES)
			jot_count(j, o, "up_to_bytes", (uint64_t)8 << i);
		else
			jot_null(j, o, "up_to_bytes");
		jot_count(j, o, "free_bytes", t->free_by_size[i]);
	}
}

/* Only nonpaged pool keeps its free pages in lists that can be walked. */
static void json_free_runs(struct jot *j, json_t *o, const struct pool_totals *t,
			   enum pool_kind kind)
{
	struct known_u64 runs = { kind == POOL_NONPAGED, t->free_runs };
	struct known_u64 pages = { kind == POOL_NONPAGED, t->free_run_pages };
	struct known_u64 largest = { kind == POOL_NONPAGED, t->largest_free_run };

	jot_known(j, o, "free_runs", runs);
	jot_known(j, o, "free_run_pages", pages);
	jot_known(j, o, "largest_free_run_pages", largest);
}

static void json_totals(struct jot *j, json_t *pool, const struct pool_totals *t,
			enum pool_kind kind)
{
	json_t *o = jot_object(j, pool, pool_kind_name(kind)), *ranges;

	jot_count(j, o, "bytes", t->bytes);
	jot_count(j, o, "blocks", t->blocks[BLOCK_IN_USE]);
	jot_count(j, o, "in_use_bytes", t->block_bytes[BLOCK_IN_USE]);
	jot_count(j, o, "free_bytes", t->block_bytes[BLOCK_FREE]);
	jot_count(j, o, "largest_free", t->largest_free);
	json_states(j, o, "blocks_by_state", t->blocks);
	json_states(j, o, "bytes_by_state", t->block_bytes);
	json_free_by_size(j, o, t);
	jot_count(j, o, "pages", t->pages);
	jot_count(j, o, "big_pages", t->big_pages);
	jot_count(j, o, "lone_pages", t->lone_pages);
	jot_count(j, o, "lone_free_bytes", t->lone_bytes_free);
	json_free_runs(j, o, t, kind);
	jot_known(j, o, "limit_bytes", t->limit_bytes);
	jot_count(j, o, "lost_bytes", t->lost_bytes);
	jot_count(j, o, "paged_out_pages", t->paged_out_pages);
	jot_count(j, o, "transition_pages", t->transition_pages);
	jot_count(j, o, "absent_pages", t->absent_pages);
	ranges = jot_array(j, o, "ranges");
	json_range(j, ranges, t->first_va, t->end_va);
}

static void json_tables(struct jot *j, json_t *pool, const struct pool_tables *t)
{
	json_t *o = jot_object(j, pool, "tables");

	jot_va_or_null(j, o, "tracker", t->tracker_known ? t->tracker_va : 0);
	jot_va_or_null(j, o, "big_pages", t->big_known ? t->big_va : 0);
	jot_text(j, o, "big_pages_how", t->big_how);
	jot_count(j, o, "tracker_tables", t->tracker_tables);
	jot_va_or_null(j, o, "tracker_expansion", t->expansion_va);
	jot_count(j, o, "tracker_rows", t->tracker_rows);
	jot_count(j, o, "tracker_rows_absent", t->tracker_absent);
	jot_count(j, o, "big_pages_rows", t->big_rows);
	jot_count(j, o, "big_pages_free", t->big_free);
	jot_count(j, o, "big_pages_absent", t->big_absent);
	jot_count(j, o, "big_pages_used", t->big_used);
	jot_count(j, o, "big_pages_bad", t->big_bad);
}

static void json_lists(struct jot *j, json_t *pool, const struct pool_lists *l)
{
	json_t *o = jot_object(j, pool, "lists");

	jot_count(j, o, "free_linked", l->free_linked);
	jot_count(j, o, "free_unlinked", l->free_unlinked);
	jot_count(j, o, "free_bad", l->free_bad);
	jot_va_or_null(j, o, "first_bad_va", l->first_bad_va);
	jot_count(j, o, "lookasides", l->lookasides);
	jot_count(j, o, "lookasides_bad", l->lookasides_bad);
	jot_count(j, o, "lookasides_cut", l->lookasides_cut);
	jot_count(j, o, "unreached", l->unreached);
	jot_count(j, o, "pending_frees", l->pending_frees);
}

static void json_votes(struct jot *j, json_t *parent, const char *key, bool known,
		       uint64_t votes, uint64_t voters)
{
	json_t *o = jot_object(j, parent, key);

	jot_bool(j, o, "known", known);
	jot_count(j, o, "votes", votes);
	jot_count(j, o, "voters", voters);
}

/* Keys are disguises of one boot: that they were found is told, not their values. */
static void json_heap(struct jot *j, json_t *pool, const struct pool_heap *h)
{
	json_t *o;

	if (!h->how) {
		jot_null(j, pool, "heap");
		return;
	}
	o = jot_object(j, pool, "heap");
	jot_text(j, o, "how", h->how);
	jot_va_or_null(j, o, "state", h->state_va);
	json_votes(j, o, "heap_key", h->heap_key_known, h->heap_key_votes,
		   h->heap_key_voters);
	json_votes(j, o, "lfh_key", h->lfh_key_known, h->lfh_key_votes, h->lfh_key_voters);
	jot_count(j, o, "heaps", h->heaps);
	jot_count(j, o, "segments", h->segments);
	jot_count(j, o, "vs_subsegments", h->vs_subsegments);
	jot_count(j, o, "lfh_subsegments", h->lfh_subsegments);
	jot_count(j, o, "large", h->large);
	jot_count(j, o, "carved_subsegments", h->carved_subsegments);
	jot_count(j, o, "absent_subsegments", h->absent_subsegments);
}

static void json_by_how(struct jot *j, json_t *pool, const struct classes *classes)
{
	json_t *o;

	if (!classes) {
		jot_null(j, pool, "blocks_by_how");
		return;
	}
	o = jot_object(j, pool, "blocks_by_how");
	for (int how = 0; how < NR_BLOCK_HOWS; how++)
		jot_count(j, o, block_how_name((enum block_how)how),
			  blocks_by_how(classes, (enum block_how)how));
}

void json_pool(struct jot *j, json_t *root, const struct report_input *in)
{
	json_t *o;

	if (!in->pool) {
		jot_null(j, root, "pool");
		return;
	}
	o = jot_object(j, root, "pool");
	for (int kind = 0; kind < NR_POOL_KINDS; kind++)
		json_totals(j, o, &in->pool->totals[kind], (enum pool_kind)kind);
	json_by_how(j, o, in->classes);
	json_heap(j, o, &in->pool->heap);
	json_votes(j, o, "quota_cookie", in->pool->quota.cookie_known,
		   in->pool->quota.votes, in->pool->quota.voters);
	json_tables(j, o, &in->pool->tables);
	json_lists(j, o, &in->pool->lists);
}

void json_class(struct jot *j, json_t *o, const struct pool_class *c)
{
	jot_tag(j, o, "tag", c->tag);
	jot_text(j, o, "pool", pool_kind_name(c->pool));
	if (c->any_size) {
		jot_null(j, o, "size_bytes");
	} else {
		jot_text(j, o, "how", block_how_name(c->how));
		jot_count(j, o, "size_bytes", c->size_bytes);
	}
	jot_count(j, o, "blocks", c->blocks);
	jot_count(j, o, "bytes", c->bytes);
	jot_count(j, o, "free_blocks", c->free_blocks);
	jot_count(j, o, "cached_blocks", c->cached_blocks);
}

void json_meaning(struct jot *j, json_t *o, const struct report_input *in, uint32_t tag)
{
	const struct tag_meaning *m = tagnames_find(in->tagnames, tag);

	jot_word(j, o, "driver", m ? m->driver : NULL);
	jot_word(j, o, "meaning", m ? m->text : NULL);
}

static void json_neighbour(struct jot *j, json_t *o, const char *va_key,
			   const char *tag_key, uint64_t va, uint32_t tag)
{
	jot_va_or_null(j, o, va_key, va);
	if (va)
		jot_tag(j, o, tag_key, tag);
	else
		jot_null(j, o, tag_key);
}

static void json_faults(struct jot *j, json_t *parent, const struct pool *pool)
{
	json_t *list = jot_array(j, parent, "faults"), *o;

	for (size_t i = 0; i < pool->nr_faults; i++) {
		const struct pool_fault *f = &pool->faults[i];

		o = jot_item(j, list);
		jot_va(j, o, "page_va", f->page_va);
		jot_va(j, o, "bad_va", f->bad_va);
		jot_text(j, o, "kind", fault_kind_name(f->kind));
		jot_text(j, o, "pool", pool_kind_name(f->pool));
		jot_count(j, o, "lost_bytes", f->lost_bytes);
		json_neighbour(j, o, "before_va", "before_tag", f->before_va, f->before_tag);
		json_neighbour(j, o, "after_va", "after_tag", f->after_va, f->after_tag);
	}
}

static void json_notes_of(struct jot *j, json_t *list, const struct os_note *notes,
			  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *o = jot_item(j, list);

		jot_text(j, o, "kind", notes[i].kind == DL_OK ? "remark"
			 : dl_status_name(notes[i].kind));
		jot_text(j, o, "text", notes[i].text);
	}
}

void json_coverage(struct jot *j, json_t *root, const struct report_input *in)
{
	json_t *o = jot_object(j, root, "coverage"), *notes;

	jot_word(j, o, "os_missing", in->os ? NULL : in->os_reason);
	jot_word(j, o, "pool_missing", in->pool ? NULL : in->pool_reason);
	if (in->pool) {
		const struct pool *p = in->pool;

		jot_count(j, o, "page_tables", p->tally.tables);
		jot_count(j, o, "page_tables_absent", p->tally.tables_absent);
		jot_count(j, o, "page_tables_repeated", p->tally.tables_repeated);
		jot_count(j, o, "faulty_pages", p->faulty_pages);
		jot_count(j, o, "stray_pages", p->stray_pages);
		jot_count(j, o, "stale_pages", p->stale_pages);
		jot_count(j, o, "aliased_pages", p->aliased_pages);
		json_faults(j, o, p);
	}
	notes = jot_array(j, o, "notes");
	if (in->os)
		json_notes_of(j, notes, in->os->notes, in->os->nr_notes);
	if (in->pool)
		json_notes_of(j, notes, in->pool->notes, in->pool->nr_notes);
}
