/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one segment gives: blocks, faults, counts.
 */
#include "heap_work.h"

#include <stdlib.h>
#include <string.h>

void heap_put(struct heap_part *p, const struct block *b)
{
	struct heap_blocks *x = &p->blocks;
	struct heap_entry *at = x->at;
	struct catalog one = { .cap = 1 };

	if (x->nr == x->cap) {
		at = vec_grow(x->at, &x->cap, x->nr + 1, sizeof *at);
		if (!at) {
			p->failed = true;
			return;
		}
		x->at = at;
	}
	one.where = &at[x->nr].where;
	one.tag = &at[x->nr].tag;
	one.size_units = &at[x->nr].size_units;
	catalog_put(&one, 0, b);
	x->nr++;
}

/* Damage may say the same memory twice: what begins within the one before goes. */
void heap_part_tidy(struct heap_part *p)
{
	uint64_t end = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->blocks.nr; i++) {
		struct heap_entry *e = &p->blocks.at[i];
		struct catalog one = { .where = &e->where, .size_units = &e->size_units };

		if (catalog_va(&one, 0) < end)
			continue;
		end = catalog_va(&one, 0) + catalog_size(&one, 0);
		p->blocks.at[n++] = *e;
	}
	p->blocks.nr = n;
}

void heap_fault(struct heap_work *w, const struct pool_fault *f)
{
	struct heap_faults *x = &w->part->faults;
	struct pool_fault *at;

	x->all++;
	w->part->totals.lost_bytes += f->lost_bytes;
	if (x->nr == POOL_MAX_FAULTS)
		return;
	at = vec_grow(x->faults, &x->cap, x->nr + 1, sizeof *at);
	if (!at) {
		w->part->failed = true;
		return;
	}
	x->faults = at;
	at = &x->faults[x->nr++];
	*at = *f;
	if (!heap_copy(&w->reader, f->bad_va, at->found, sizeof at->found))
		memset(at->found, 0, sizeof at->found);
}

void heap_vote(struct heap_part *p, unsigned type)
{
	enum { PAGED = 1, IN_USE = 2, SESSION = 0x20 };

	if (!(type & IN_USE))
		return;
	if (type & SESSION)
		p->votes[POOL_SESSION]++;
	else
		p->votes[type & PAGED ? POOL_PAGED : POOL_NONPAGED]++;
}

const struct big_block *heap_row(const struct heap_run *h, uint64_t first, uint64_t end)
{
	size_t i = h->big->nr ? SORTED_LOWER(h->big->rows, h->big->nr, va, first) : 0;

	if (i == h->big->nr || h->big->rows[i].va >= end)
		return NULL;
	h->row_used[i] = 1;     /* a row is in one segment: one thread writes */
	return &h->big->rows[i];
}

uint64_t heap_row_bytes(struct heap_work *w, const struct big_block *row)
{
	const struct big_layout *l = &w->run->pool->layout.big;
	const unsigned unit = w->run->layout->vs.unit_bytes;
	struct field slush = { .width = 4, .shift = 20, .bits = 12 };
	uint8_t raw[64] = { 0 };
	struct bytes b = { raw, l->stride };
	uint64_t bytes;

	if (l->stride > sizeof raw ||
	    !heap_copy(&w->reader, w->run->pool->tables.big_va + (uint64_t)row->row * l->stride,
		       raw, l->stride) ||
	    field_or(b, l->va, 0) != row->va)
		return row->size_bytes;
	bytes = field_or(b, l->bytes, 0);
	/* SlushSize, behind Pattern and PoolType: what the last page has unused */
	slush.off = (uint16_t)(l->key.off + l->key.width);
	if (bytes % PAGE_BYTES == 0 && bytes > field_or(b, slush, 0))
		bytes -= field_or(b, slush, 0);
	bytes = (bytes + unit - 1) / unit * unit;
	return bytes && bytes <= row->size_bytes ? bytes : row->size_bytes;
}

void heap_absent(struct heap_work *w, enum heap_page_state state)
{
	if (state == HEAP_PAGE_OUT)
		w->part->totals.paged_out_pages++;
	else if (state == HEAP_PAGE_ABSENT)
		w->part->totals.absent_pages++;
}

void heap_part_deinit(struct heap_part *p)
{
	free(p->blocks.at);
	free(p->faults.faults);
	*p = (struct heap_part){ 0 };
}

/* Four printable bytes, or fewer and then zeros. */
static bool tag_plausible(uint32_t tag)
{
	if (!(tag & 0xff))
		return false;
	tag &= 0x7fffffff;      /* PROTECTED_POOL */
	for (int i = 0; i < 4; i++, tag >>= 8) {
		unsigned c = tag & 0xff;

		if (!c)
			return tag == 0;
		if (c < 0x20 || c > 0x7e)
			return false;
	}
	return true;
}

struct heap_header heap_header_get(const struct heap_run *h, const uint8_t *p)
{
	const struct pool_header_layout *l = &h->pool->layout.header;
	uint64_t raw = le64(p);
	struct heap_header x = {
		.size_bytes = header_get(raw, l->block_size) * l->unit_bytes,
		.tag = (uint32_t)(raw >> l->tag_shift),
		.type = header_get(raw, l->pool_type),
	};

	x.plausible = x.size_bytes > l->header_bytes && tag_plausible(x.tag);
	return x;
}

enum pool_kind heap_kind(const struct heap_run *h, const struct heap_context *c)
{
	const struct heap_known *k = c->heap >= 0 ? &h->heaps[c->heap] : NULL;

	if (k && k->pool_known)
		return (enum pool_kind)k->pool;
	if (c->votes[POOL_SESSION] > c->votes[POOL_PAGED] + c->votes[POOL_NONPAGED])
		return POOL_SESSION;
	return c->votes[POOL_PAGED] > c->votes[POOL_NONPAGED] ? POOL_PAGED : POOL_NONPAGED;
}
