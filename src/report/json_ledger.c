/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's counters beside the blocks found, and why they differ, to JSON. */
#include "json.h"

#include "words.h"

#include <stdlib.h>

static const char *const pool_keys[] = { "nonpaged", "paged" };

/* Bytes by reason; all keys always. */
static void json_reasons(struct jot *j, json_t *parent, const char *key,
			 const uint64_t bytes[NR_LEDGER_REASONS])
{
	static const char *const keys[NR_LEDGER_REASONS] = {
		[REASON_CACHED] = "cached", [REASON_CARVED] = "carved",
		[REASON_DAMAGED] = "damaged", [REASON_PAGED_OUT] = "paged_out",
		[REASON_ABSENT] = "absent", [REASON_UNCOUNTED] = "counter_absent",
		[REASON_NONE] = "unexplained",
	};
	json_t *o = jot_object(j, parent, key);

	for (int i = 0; i < NR_LEDGER_REASONS; i++)
		jot_count(j, o, keys[i], bytes[i]);
}

static void json_counters(struct jot *j, json_t *o, const struct ledger_row *row, int k)
{
	if (row->counted) {
		jot_count(j, o, "allocs", row->allocs[k]);
		jot_count(j, o, "frees", row->frees[k]);
		jot_count(j, o, "counted_blocks", row->counted_blocks[k]);
		jot_count(j, o, "counted_bytes", row->counted_bytes[k]);
	} else {
		jot_null(j, o, "allocs");
		jot_null(j, o, "frees");
		jot_null(j, o, "counted_blocks");
		jot_null(j, o, "counted_bytes");
	}
}

void json_ledger_row(struct jot *j, json_t *parent, const struct ledger_row *row)
{
	jot_bool(j, parent, "matches", row->matches);
	for (int k = 0; k < 2; k++) {
		json_t *o = jot_object(j, parent, pool_keys[k]);

		json_counters(j, o, row, k);
		jot_count(j, o, "found_blocks", ledger_found_blocks(row, k));
		jot_count(j, o, "found_bytes", ledger_found_bytes(row, k));
		jot_count(j, o, "cached_blocks", row->cached_blocks[k]);
		jot_count(j, o, "cached_bytes", row->cached_bytes[k]);
		jot_count(j, o, "carved_blocks", row->carved_blocks[k]);
		jot_count(j, o, "carved_bytes", row->carved_bytes[k]);
		jot_offset(j, o, "slack_bytes", row->slack_bytes[k]);
		jot_count(j, o, "table_bytes", k ? 0 : row->table_bytes);
		jot_offset(j, o, "difference_bytes", (int64_t)(ledger_found_bytes(row, k) -
							       row->counted_bytes[k]));
		json_reasons(j, o, "explained", row->why[k]);
		jot_bool(j, o, "never_freed", row->never_freed[k]);
	}
}

void json_signals(struct jot *j, json_t *parent, const struct ledger *l)
{
	json_t *list = jot_array(j, parent, "signals"), *o;

	for (size_t i = 0; l && i < l->nr_signals; i++) {
		const struct ledger_signal *s = &l->signals[i];

		o = jot_item(j, list);
		jot_tag(j, o, "tag", s->tag);
		jot_text(j, o, "pool", pool_keys[s->paged]);
		jot_count(j, o, "allocs", s->allocs);
		jot_count(j, o, "frees", s->frees);
		jot_count(j, o, "counted_bytes", s->bytes);
	}
}

static void json_differences(struct jot *j, json_t *parent, const struct report_input *in)
{
	json_t *list = jot_array(j, parent, "differs"), *o;
	const struct ledger_row **rows;
	size_t n;

	rows = ledger_by_diff(in->ledger, &n);
	j->failed |= !rows;
	for (size_t i = 0; rows && i < n; i++) {
		o = jot_item(j, list);
		jot_tag(j, o, "tag", rows[i]->tag);
		jot_text(j, o, "explanation", ledger_words(rows[i]));
		json_ledger_row(j, o, rows[i]);
	}
	free(rows);
}

/* Shares and sums that need the kernel's counters; null without them. */
static void json_agreement(struct jot *j, json_t *o, const struct ledger *l)
{
	const struct { const char *key; uint64_t n; } counts[] = {
		{ "tags_matched", l->tags_matched }, { "tags_total", l->tags_total },
		{ "bytes_accounted", l->bytes_accounted },
		{ "bytes_counted", l->bytes_counted },
	};

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		jot_known(j, o, counts[i].key, (struct known_u64){ l->known, counts[i].n });
	jot_real(j, o, "share", l->known ? ratio(l->bytes_accounted, l->bytes_counted) : -1);
}

void json_ledger_state(struct jot *j, json_t *parent, const struct ledger *l)
{
	jot_text(j, parent, "counters", !l->known ? "absent" : l->rows_absent ? "partial"
		 : "complete");
	jot_count(j, parent, "counter_rows_absent", l->rows_absent);
}

void json_reconciliation(struct jot *j, json_t *root, const struct report_input *in)
{
	const struct ledger *l = in->ledger;
	json_t *o, *why;

	if (!l) {
		jot_null(j, root, "reconciliation");
		return;
	}
	o = jot_object(j, root, "reconciliation");
	json_ledger_state(j, o, l);
	json_agreement(j, o, l);
	jot_count(j, o, "bytes_found", l->bytes_walked);
	jot_offset(j, o, "slack_bytes", l->slack_bytes);
	jot_count(j, o, "table_bytes", l->table_bytes);
	jot_count(j, o, "carved_bytes", l->carved_bytes);
	jot_count(j, o, "cached_bytes", l->cached_bytes);
	for (int k = 0; k < 2; k++) {
		why = jot_object(j, o, pool_keys[k]);
		json_reasons(j, why, "not_found", l->missing[k]);
		json_reasons(j, why, "not_counted", l->extra[k]);
	}
	json_signals(j, o, l);
	if (l->known)
		json_differences(j, o, in);
	else
		jot_array(j, o, "differs");
}
