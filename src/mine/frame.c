/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the classic allocator keeps for itself inside a block, from the headers of
 * some of a class: from Windows 8 on the data of a cache-aligned block begins at
 * the next multiple of 64, with a second header before it that says how far back
 * the first one is; and 32-bit headers have no room for the process that pays,
 * which is the block's last word.
 */
#include "mine_impl.h"

enum { CACHE_LINE = 64, PROBES = 64, FEW = 4, TYPE_USED = 2, TYPE_ALIGNED = 4,
	TYPE_QUOTA = 8 };

struct headers {
	size_t probed, quota;           /* read; with somebody who pays     */
	size_t apart, aligned;          /* not at a multiple of 64; of these, with a
	                                   second header                    */
};

static unsigned part(uint64_t raw, struct header_bits b)
{
	return (unsigned)(raw >> b.shift) & b.mask;
}

static void probe(const struct miner *m, const struct mined *c, size_t i, struct headers *x)
{
	const struct pool_header_layout *h = &m->t->pool->layout.header;
	struct vm *vm = &m->workers[0].vm;
	uint64_t va = catalog_va(&m->t->pool->blocks, i), outer, inner, inner_va;
	unsigned type;

	if (vm_word(vm, va, 8, &outer, NULL))
		return;
	type = part(outer, h->pool_type);
	if (h->rule == POOL_TYPE_PLUS_ONE ? !type : !(type & TYPE_USED))
		return;         /* no header that could be read */
	type -= h->rule == POOL_TYPE_PLUS_ONE;
	x->probed++;
	x->quota += (type & TYPE_QUOTA) != 0;
	inner_va = mined_align(CACHE_LINE, va + h->header_bytes) - h->header_bytes;
	if (inner_va == va || inner_va - va + h->header_bytes >= c->s->class.size_bytes ||
	    vm_word(vm, inner_va, 8, &inner, NULL))
		return;
	x->apart++;
	x->aligned += part(inner, h->pool_type) & TYPE_ALIGNED &&
		      (uint64_t)part(inner, h->previous_size) * h->unit_bytes == inner_va - va &&
		      inner >> h->tag_shift == outer >> h->tag_shift;
}

void frame_resize(const struct miner *m, struct mined *c, uint32_t user_bytes)
{
	unsigned width = m->rule->width, words = (user_bytes + width - 1) / width;

	c->s->user_bytes = user_bytes;
	c->nr_words = words > MAX_WORDS ? MAX_WORDS : words;
	c->nr_columns = c->nr_words;
	c->mined_bytes = c->nr_words * width;
	c->s->columns_cut = words - c->nr_words;
}

void frame_find(struct miner *m, struct mined *c)
{
	size_t step = c->nr_sample > PROBES ? c->nr_sample / PROBES : 1;
	struct headers x = { .probed = 0 };

	if (c->s->class.how != BLOCK_PAGE || !m->t->pool->layout.header.pool_type.mask)
		return;
	for (size_t k = 0; k < c->nr_sample; k += step)
		probe(m, c, c->sample[k], &x);
	if (x.apart >= FEW && x.aligned * 10 >= x.apart * 9 && c->s->user_bytes > CACHE_LINE) {
		c->align = CACHE_LINE;
		frame_resize(m, c, c->s->user_bytes - CACHE_LINE);
	}
	if (x.probed >= FEW && x.quota * 10 >= x.probed * 9 && m->rule->width == 4 &&
	    c->s->user_bytes > 4)
		frame_resize(m, c, c->s->user_bytes - 4);
}
