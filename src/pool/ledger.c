/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's counters and the blocks that were found, joined by tag.
 */
#include "ledger_impl.h"

#include <stdlib.h>
#include <string.h>

/* Rows by tag while they are gathered: open addressing over indices. */
struct tag_map {
	uint32_t *slot;         /* row index + 1, 0 is empty */
	size_t mask;
	struct ledger_row *rows;
	size_t nr, cap;
};

static size_t slot_of(uint32_t tag, size_t mask)
{
	return (size_t)(tag * 0x9e3779b1u >> 8) & mask;
}

static bool map_grow(struct tag_map *m)
{
	size_t size = m->mask ? (m->mask + 1) * 2 : 1024;
	uint32_t *slot = calloc(size, sizeof *slot);

	if (!slot)
		return false;
	for (size_t i = 0; i < m->nr; i++) {
		size_t k = slot_of(m->rows[i].tag, size - 1);

		while (slot[k])
			k = (k + 1) & (size - 1);
		slot[k] = (uint32_t)i + 1;
	}
	free(m->slot);
	m->slot = slot;
	m->mask = size - 1;
	return true;
}

/* The row of @tag, made if it is new; NULL if out of memory. */
static struct ledger_row *map_row(struct tag_map *m, uint32_t tag)
{
	struct ledger_row *rows;
	size_t k;

	if (m->nr * 2 >= m->mask && !map_grow(m))
		return NULL;
	for (k = slot_of(tag, m->mask); m->slot[k]; k = (k + 1) & m->mask)
		if (m->rows[m->slot[k] - 1].tag == tag)
			return &m->rows[m->slot[k] - 1];
	rows = vec_grow(m->rows, &m->cap, m->nr + 1, sizeof *rows);
	if (!rows)
		return NULL;
	m->rows = rows;
	rows[m->nr] = (struct ledger_row){ .tag = tag };
	m->slot[k] = (uint32_t)++m->nr;
	return &rows[m->nr - 1];
}

/* Counters of 32 bits wrap; what is outstanding does not, on such machines. */
static uint64_t outstanding(const struct pool *pool, uint64_t allocs, uint64_t frees, int k)
{
	uint64_t n = allocs - frees;

	if (pool->layout.tracker.pool[k].allocs.width == 4)
		n &= 0xffffffff;
	return n;
}

static bool add_counted(const struct pool *pool, struct tag_map *m)
{
	for (size_t i = 0; i < pool->nr_tracker; i++) {
		const struct tracker_row *t = &pool->tracker[i];
		struct ledger_row *r = map_row(m, t->tag);

		if (!r)
			return false;
		r->counted = true;
		for (int k = 0; k < 2; k++) {
			r->allocs[k] = t->allocs[k];
			r->frees[k] = t->frees[k];
			r->counted_bytes[k] = t->bytes[k];
			r->counted_blocks[k] = outstanding(pool, t->allocs[k], t->frees[k], k);
		}
	}
	return true;
}

static void add_block(struct ledger_row *r, enum pool_kind kind, enum block_state state,
		      enum block_how how, uint64_t size_bytes)
{
	/* of a delayed free the counters know already */
	if (state == BLOCK_CACHED || state == BLOCK_DELAYED) {
		r->cached_blocks[kind]++;
		r->cached_bytes[kind] += size_bytes;
		return;
	}
	r->walked_blocks[kind]++;
	r->walked_bytes[kind] += size_bytes;
	if (how == BLOCK_CARVED) {
		r->carved_blocks[kind]++;
		r->carved_bytes[kind] += size_bytes;
	}
}

static bool add_walked(const struct pool *pool, struct tag_map *m)
{
	const struct catalog *c = &pool->blocks;
	struct ledger_row *r = NULL;

	for (size_t i = 0; i < c->nr; i++) {
		enum block_state state = catalog_state(c, i);
		enum pool_kind kind = catalog_pool(c, i);
		uint32_t tag = catalog_tag(c, i);

		/* session pool has counters of its own, elsewhere */
		if (state == BLOCK_FREE || kind > POOL_PAGED)
			continue;
		if (!r || r->tag != tag)
			r = map_row(m, tag);
		if (!r)
			return false;
		add_block(r, kind, state, catalog_how(c, i), catalog_size(c, i));
	}
	return true;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A heap's blocks are larger than what was asked for and is counted. */
static bool take_slack(const struct pool *pool, struct tag_map *m)
{
	for (size_t i = 0; i < pool->nr_slack; i++) {
		struct ledger_row *r = map_row(m, pool->slack[i].tag);

		if (!r)
			return false;
		for (int k = 0; k < 2; k++) {
			r->slack_bytes[k] = pool->slack[i].bytes[k];
			r->walked_bytes[k] -= (uint64_t)r->slack_bytes[k];
		}
	}
	return true;
}

/*
 * PoolTrackTable and the big-page table are whole pages of nonpaged pool that
 * no row of the latter lists (seen in NT 5.2 memory).
 */
static bool add_tables(const struct pool *pool, struct tag_map *m)
{
	enum { POOL_TAG = 0x6c6f6f50, PAGE = 4096 };
	const struct { bool known; uint64_t va, bytes; } table[2] = {
		{ pool->tables.tracker_known, pool->tables.tracker_va,
		  pool->tables.tracker_rows * pool->layout.tracker.stride },
		{ pool->tables.big_known, pool->tables.big_va,
		  pool->tables.big_rows * pool->layout.big.stride },
	};
	struct ledger_row *r = map_row(m, POOL_TAG);
	size_t i;

	for (int t = 0; r && t < 2; t++) {
		if (!table[t].known || catalog_find(&pool->blocks, table[t].va, &i))
			continue;
		r->table_blocks++;
		r->table_bytes += (table[t].bytes + PAGE - 1) / PAGE * PAGE;
	}
	return r != NULL;
}

static int by_tag(const void *a, const void *b)
{
	const struct ledger_row *x = a, *y = b;

	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static void sum_up(struct ledger *l)
{
	for (size_t i = 0; i < l->nr; i++) {
		struct ledger_row *r = &l->rows[i];
		bool anything = false;

		r->matches = l->known;
		for (int k = 0; k < 2; k++) {
			uint64_t blocks = ledger_found_blocks(r, k);
			uint64_t bytes = ledger_found_bytes(r, k);

			anything |= r->walked_blocks[k] || r->counted_blocks[k] ||
				    r->counted_bytes[k];
			r->matches &= blocks == r->counted_blocks[k] &&
				      bytes == r->counted_bytes[k];
			l->bytes_counted += r->counted_bytes[k];
			l->bytes_walked += bytes;
			l->bytes_accounted += smaller(bytes, r->counted_bytes[k]);
			l->carved_bytes += r->carved_bytes[k];
			l->cached_bytes += r->cached_bytes[k];
		}
		l->slack_bytes += r->slack_bytes[0] + r->slack_bytes[1];
		l->table_bytes += r->table_bytes;
		l->tags_total += anything;
		l->tags_matched += anything && r->matches;
	}
}

enum dl_status ledger_make(const struct pool *pool, struct ledger *out,
			   struct dl_err *err)
{
	struct tag_map m = { 0 };
	bool ok = map_grow(&m) && add_counted(pool, &m) && add_walked(pool, &m) && take_slack(pool, &m) &&
		  add_tables(pool, &m);

	free(m.slot);
	*out = (struct ledger){ .rows = m.rows, .nr = m.nr, .known = pool->nr_tracker != 0,
		.rows_absent = pool->tables.tracker_absent };
	if (!ok) {
		ledger_deinit(out);
		return err_set(err, DL_NOMEM, "out of memory for the ledger");
	}
	if (out->nr)
		qsort(out->rows, out->nr, sizeof *out->rows, by_tag);
	sum_up(out);
	if (!ledger_explain(pool, out) || !ledger_find_signals(out)) {
		ledger_deinit(out);
		return err_set(err, DL_NOMEM, "out of memory for the ledger");
	}
	return DL_OK;
}

void ledger_deinit(struct ledger *ledger)
{
	free(ledger->signals);
	free(ledger->rows);
	*ledger = (struct ledger){ 0 };
}

const struct ledger_row *ledger_row_of(const struct ledger *ledger, uint32_t tag)
{
	struct ledger_row key = { .tag = tag & 0x7fffffff };

	if (!ledger->nr)
		return NULL;
	return bsearch(&key, ledger->rows, ledger->nr, sizeof key, by_tag);
}
