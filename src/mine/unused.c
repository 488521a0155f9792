/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a block of the segment heap is larger than what was asked for, its last
 * two bytes say by how much (_HEAP_LFH_UNUSED_BYTES_INFO and its like for
 * chunks). Nobody else writes there: from the sample to the size that was asked
 * for.
 */
#include "mine_impl.h"

enum { ONE_BYTE = 0x8000, COUNT_BITS = 0x3fff };

/* By how much sizes of slots differ, at least. */
static uint32_t steps_of(uint32_t size_bytes)
{
	return size_bytes <= 0x400 ? 16 : size_bytes <= 0x800 ? 64 : 128;
}

static uint32_t unused_of(uint64_t last_word, unsigned width)
{
	uint32_t v = (uint32_t)(last_word >> (8 * width - 16));

	return v == ONE_BYTE ? 1 : v & ~(uint32_t)COUNT_BITS ? 0 : v;
}

/* The number that nearly all sampled blocks have; 0 if there is none. */
static uint32_t unused_bytes(const struct mined *c, unsigned width)
{
	const uint64_t *last = &c->sample_words[(c->nr_words - 1) * c->cap_sample];
	uint32_t most = 0;
	size_t same = 0, votes = 0;

	for (size_t k = 0; k < c->nr_sample; k++) {     /* the majority, if any */
		uint32_t n = unused_of(last[k], width);

		if (!votes)
			most = n;
		votes = n == most ? votes + 1 : votes - 1;
	}
	for (size_t k = 0; k < c->nr_sample; k++)
		same += unused_of(last[k], width) == most;
	return same * 10 >= c->nr_sample * 9 ? most : 0;
}

void unused_trim(struct miner *m, struct mined *c)
{
	struct suspect *s = c->s;
	unsigned width = m->rule->width;
	uint32_t unused;

	if ((s->class.how != BLOCK_LFH && s->class.how != BLOCK_VS) || s->columns_cut || c->nr_words < 2 ||
	    !c->nr_sample)
		return;
	unused = unused_bytes(c, width);
	if (!unused || unused >= steps_of(s->class.size_bytes) || unused >= s->user_bytes)
		return;
	frame_resize(m, c, s->user_bytes - unused);
}
