/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags that are allocated very often and hardly ever freed: what a leak looks
 * like in the counters alone, whether its blocks were found or not.
 */
#include "ledger_impl.h"

#include <stdlib.h>

/*
 * Where counters have 32 bits, frees beyond allocations mean that one of them
 * wrapped: how often it was freed cannot be told then.
 */
static bool is_signal(const struct ledger_row *r, int k)
{
	uint64_t limit = r->allocs[k] / 100 * SIGNAL_FREES_PER_100;

	if (!r->counted || r->allocs[k] < SIGNAL_MIN_ALLOCS || r->frees[k] >= limit)
		return false;
	return r->counted_blocks[k] && r->counted_bytes[k];
}

static int by_bytes(const void *a, const void *b)
{
	const struct ledger_signal *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return x->paged - y->paged;
}

bool ledger_find_signals(struct ledger *l)
{
	size_t cap = 0;

	for (size_t i = 0; i < l->nr; i++) {
		for (int k = 0; k < 2; k++) {
			struct ledger_row *r = &l->rows[i];
			struct ledger_signal *list;

			r->never_freed[k] = is_signal(r, k);
			if (!r->never_freed[k])
				continue;
			list = vec_grow(l->signals, &cap, l->nr_signals + 1, sizeof *list);
			if (!list)
				return false;
			l->signals = list;
			list[l->nr_signals++] = (struct ledger_signal){ r->tag, k,
				r->allocs[k], r->frees[k], r->counted_bytes[k] };
		}
	}
	if (l->nr_signals)
		qsort(l->signals, l->nr_signals, sizeof *l->signals, by_bytes);
	return true;
}
