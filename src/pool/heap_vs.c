/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VS subsegment to its chunks. Each header is XORed with its own address and
 * HeapKey, and says how long its chunk is and how long the one before; a chain
 * that is broken goes on where a header proves itself by its neighbours.
 */
#include "heap_work.h"

enum { VS_SIGNATURE = 0x2bed, SIGNATURE_MASK = 0x7fff, FEW_LINKS = 3, ENOUGH_LINKS = 12, MANY_LINKS = 64,
       SPARE_PAGES = 2, LOOKS_PER_UNIT = 64 };

static uint64_t part_of(uint64_t word, struct field f)
{
	return f.width ? word >> f.shift & (((uint64_t)1 << f.bits) - 1) : 0;
}

bool heap_vs_is(const struct heap_layout *l, const uint8_t *head, uint32_t *units)
{
	struct bytes b = { head, l->vs.first_chunk };
	uint64_t size = field_or(b, l->vs.size, 0);
	uint64_t early = field_or(b, l->vs.signature, 0) ^ size;
	uint64_t late = field_or(b, l->vs.signature_late, ~size) ^ size;

	*units = (uint32_t)size;
	return size && ((early & SIGNATURE_MASK) == VS_SIGNATURE ||
			(field_has(l->vs.signature_late) &&
			 (late & SIGNATURE_MASK) == VS_SIGNATURE));
}

enum heap_at heap_chunk_at(struct heap_vs *v, uint32_t at, struct heap_chunk *out)
{
	const struct heap_run *h = v->w->run;
	const struct heap_vs_layout *l = &h->layout->vs;
	uint64_t va = v->first_va + (uint64_t)at * l->unit_bytes;
	const uint8_t *p = heap_bytes(&v->w->reader, va, l->header_bytes);
	uint64_t plain, used;

	if (!p)
		return AT_ABSENT;
	plain = le_word(p, l->word_bytes) ^ h->heap_key ^ va;
	*out = (struct heap_chunk){
		.at = at, .size = (uint32_t)part_of(plain, l->chunk_size),
		.prev = (uint32_t)part_of(plain, l->chunk_prev),
	};
	used = part_of(plain, l->chunk_allocated);
	out->state = used ? CHUNK_USED : CHUNK_FREE;
	if (used > 1 || part_of(plain, l->chunk_zero) || !out->size ||
	    out->size > v->nr_units - at || out->size * l->unit_bytes <= l->header_bytes)
		return AT_BAD;
	return AT_CHUNK;
}

static bool push(struct heap_vs *v, struct heap_chunk c)
{
	if (v->w->nr_chunks == VS_MAX_CHUNKS)
		return false;
	v->w->chunks[v->w->nr_chunks++] = c;
	return true;
}

/* From @at on as far as sizes agree; returns where they end, @why: out. */
static uint32_t follow(struct heap_vs *v, uint32_t at, enum heap_at *why)
{
	uint32_t before = 0;    /* 0: any */

	*why = AT_CHUNK;
	while (at < v->nr_units) {
		struct heap_chunk c;
		enum heap_at there = heap_chunk_at(v, at, &c);

		if (there == AT_CHUNK && before && c.prev != before)
			there = AT_BAD;
		if (there != AT_CHUNK || !push(v, c)) {
			*why = there;
			break;
		}
		before = c.size;
		at += c.size;
	}
	return at;
}

enum chain_end { END_GOOD, END_HOLE, END_BAD };

/* What follows from the header @c: how many links hold, and what ends them. */
static enum chain_end links_from(struct heap_vs *v, struct heap_chunk c, unsigned *links,
				 uint32_t *reached)
{
	for (*links = 0; *links < MANY_LINKS; ++*links) {
		struct heap_chunk next;
		enum heap_at there;

		v->budget -= v->budget != 0;
		*reached = c.at + c.size;
		if (*reached == v->nr_units)
			return v->open_end ? END_HOLE : END_GOOD;
		there = heap_chunk_at(v, *reached, &next);
		if (there == AT_ABSENT)
			return END_HOLE;
		/* neighbours that are both free would be one chunk */
		if (there != AT_CHUNK || next.prev != c.size ||
		    (c.state == CHUNK_FREE && next.state == CHUNK_FREE))
			return END_BAD;
		c = next;
	}
	return END_GOOD;
}

/* A lone header between two holes: its POOL_HEADER has to say the same. */
static bool block_agrees(struct heap_vs *v, struct heap_chunk c)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	uint64_t va = v->first_va + (uint64_t)c.at * l->unit_bytes + l->header_bytes;
	uint32_t room = c.size * l->unit_bytes - l->header_bytes;
	const uint8_t *p = heap_bytes(&v->w->reader, va, 8);
	struct heap_header x;

	if (!p || c.state != CHUNK_USED)
		return false;
	x = heap_header_get(v->w->run, p);
	return x.plausible && (x.size_bytes == room || x.size_bytes + l->unit_bytes == room);
}

/* The header before @c, as @c says: missing, or damaged, or @c lies. */
static bool before_agrees(struct heap_vs *v, struct heap_chunk c, uint32_t at)
{
	struct heap_chunk p;

	if (!c.prev || c.prev > c.at || c.at - c.prev < at)
		return false;
	if (heap_chunk_at(v, c.at - c.prev, &p) != AT_CHUNK || c.at - c.prev == at)
		return true;
	return p.size == c.prev;
}

/*
 * The hole in which the chunk before @c begins, if that is an earlier one: then
 * what was followed since were old headers.
 */
static struct heap_chunk *gap_of(struct heap_vs *v, struct heap_chunk c)
{
	for (size_t i = v->w->nr_chunks; c.prev && c.prev <= c.at && i-- > 0;) {
		struct heap_chunk *g = &v->w->chunks[i];

		if (g->state == CHUNK_HOLE)
			return c.at - c.prev - g->at < g->size ? g : NULL;
	}
	return NULL;
}

enum seek_for {
	SEEK_NEXT,      /* the chunk at @at is the one before        */
	SEEK_PAST,      /* so it is, and its chain leads past @past  */
	SEEK_ANY,       /* some chunk from @at on is the one before  */
};

enum { PROOF_NONE, PROOF_FIRM = 4, PROOF_GOOD = 32 };

/*
 * How much speaks for the header @c. Freed and reused memory is full of old
 * headers: their chains are short, or end in a contradiction; one that is true
 * does so only where there is more damage.
 */
static unsigned proof_of(struct heap_vs *v, struct heap_chunk c, enum seek_for what,
			 uint32_t at, uint32_t past)
{
	uint32_t reached = 0;
	unsigned links = 0;
	enum chain_end end;

	if (what != SEEK_ANY && (c.prev > c.at || c.at - c.prev != at))
		return PROOF_NONE;
	end = links_from(v, c, &links, &reached);
	if (what == SEEK_ANY && !before_agrees(v, c, at) &&
	    (links < FEW_LINKS || end == END_BAD || !gap_of(v, c)))
		return PROOF_NONE;
	if (what == SEEK_PAST && (reached <= past || !links))
		return PROOF_NONE;
	if (links >= (end == END_BAD ? ENOUGH_LINKS : FEW_LINKS))
		return PROOF_GOOD;
	if (end == END_BAD)
		return links >= (what == SEEK_NEXT ? 1 : FEW_LINKS) ? links : PROOF_NONE;
	if (what == SEEK_ANY && links < 2 && !block_agrees(v, c))
		return PROOF_NONE;
	return PROOF_FIRM + 2 * links;
}

/* Where an allocation of the big-page table ends that covers @at; @at if none does. */
static uint32_t behind_row(struct heap_vs *v, uint32_t at)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	const struct big_table *t = v->w->run->big;
	uint64_t va = v->first_va + (uint64_t)at * l->unit_bytes;
	size_t above = t->nr ? SORTED_LOWER(t->rows, t->nr, va, va + 1) : 0;
	uint64_t end;

	if (!above)
		return at;
	end = t->rows[above - 1].va + heap_row_bytes(v->w, &t->rows[above - 1]);
	return va < end ? at + (uint32_t)((end - va + l->unit_bytes - 1) / l->unit_bytes) : at;
}

/*
 * The next header from @from on that proves itself; nr_units if there is none.
 * On each stretch of memory between holes a good proof counts before a weak one.
 */
static uint32_t seek(struct heap_vs *v, uint32_t from, enum seek_for what, uint32_t at,
		     uint32_t past)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	uint32_t best = v->nr_units;
	unsigned most = PROOF_NONE;

	for (uint32_t i = behind_row(v, from); i < v->nr_units && v->budget; i++) {
		struct heap_chunk c;
		enum heap_at there = heap_chunk_at(v, i, &c);
		unsigned proof;

		v->budget--;
		if (there == AT_ABSENT) {       /* on to the next page */
			uint64_t va = v->first_va + (uint64_t)i * l->unit_bytes;
			uint64_t left = (PAGE_BYTES - va % PAGE_BYTES) / l->unit_bytes;

			if (most)
				return best;
			i += left ? (uint32_t)left - 1 : 0;
			i = behind_row(v, i + 1) - 1;
			continue;
		}
		proof = there == AT_CHUNK ? proof_of(v, c, what, at, past) : PROOF_NONE;
		if (proof == PROOF_GOOD)
			return i;
		if (proof > most) {
			most = proof;
			best = i;
		}
	}
	return best;
}

uint32_t heap_vs_resume(struct heap_vs *v, uint32_t at, enum heap_at why)
{
	struct heap_work *w = v->w;
	struct heap_chunk *last = w->nr_chunks ? &w->chunks[w->nr_chunks - 1] : NULL;
	uint32_t to;

	if (why == AT_BAD) {
		to = seek(v, at + 1, SEEK_NEXT, at, 0);
		if (to < v->nr_units)
			return to;
		if (last && last->state <= CHUNK_USED) {
			to = seek(v, last->at + 1, SEEK_PAST, last->at, at);
			if (to < v->nr_units) {
				last->size = to - last->at;
				last->state = CHUNK_BAD;
				return to;
			}
		}
	}
	return seek(v, at + 1, SEEK_ANY, at, 0);
}

/* Signature and Size contradict: one that leads to a chunk's end is right. */
static void fault_head(struct heap_vs *v, uint32_t units)
{
	const struct heap_vs_layout *l = &v->w->run->layout->vs;
	struct pool_fault f = { .kind = FAULT_VS_SUBSEGMENT, .page_va = v->range.va };
	bool is_end = false;

	for (size_t i = 0; i < v->w->nr_chunks && !is_end; i++)
		is_end = v->w->chunks[i].at + v->w->chunks[i].size == units;
	f.bad_va = v->range.va + (is_end ? l->signature.off : l->size.off);
	heap_fault(v->w, &f);
}

/* The whole range; its chunks into @w. */
static void chunks_get(struct heap_vs *v)
{
	struct heap_work *w = v->w;
	const uint32_t unit = w->run->layout->vs.unit_bytes;
	uint32_t at = 0;

	w->nr_chunks = 0;
	while (at < v->nr_units) {
		enum heap_at why;
		struct heap_chunk c = { 0 }, next, *g;
		uint32_t to;

		at = follow(v, at, &why);
		if (at >= v->nr_units || why == AT_CHUNK)
			break;
		if (why == AT_BAD && v->open_end && (v->nr_units - at) * unit <=
						    SPARE_PAGES * PAGE_BYTES)
			break;
		to = heap_vs_resume(v, at, why);
		if (to == v->nr_units && v->open_end)
			break;
		if (to < v->nr_units && heap_chunk_at(v, to, &next) == AT_CHUNK &&
		    next.prev < to && to - next.prev < at && (g = gap_of(v, next)) != NULL) {
			w->nr_chunks = (size_t)(g - w->chunks) + 1;
			g->size = to - g->at;
			g->prev = next.prev;
		} else if (!w->nr_chunks || w->chunks[w->nr_chunks - 1].state != CHUNK_BAD) {
			c = (struct heap_chunk){ .at = at, .size = to - at,
				.state = why == AT_BAD ? CHUNK_BAD : CHUNK_HOLE };
			if (to < v->nr_units && heap_chunk_at(v, to, &next) == AT_CHUNK)
				c.prev = next.prev;
			push(v, c);
		} else {
			w->chunks[w->nr_chunks - 1].prev = to - w->chunks[w->nr_chunks - 1].at;
		}
		at = to;
	}
}

static void count_pages(struct heap_vs *v)
{
	for (uint64_t va = v->range.va; va < v->range.va + v->range.bytes; va += PAGE_BYTES) {
		if (heap_page(&v->w->reader, va))
			v->w->part->totals.pages++;
		else
			heap_absent(v->w, v->w->reader.state);
	}
}

void heap_vs_walk(struct heap_work *w, struct heap_range r)
{
	const struct heap_layout *l = w->run->layout;
	const uint8_t *head = heap_bytes(&w->reader, r.va, l->vs.first_chunk);
	uint32_t room = (uint32_t)((r.bytes - l->vs.first_chunk) / l->vs.unit_bytes);
	uint32_t units = 0;
	struct heap_vs v = { .w = w, .range = r, .first_va = r.va + l->vs.first_chunk,
			     .nr_units = room, .open_end = true,
			     .budget = (uint64_t)room * LOOKS_PER_UNIT };

	w->part->counted.vs_subsegments++;
	if (!head)
		w->part->counted.absent_subsegments++;
	else if (heap_vs_is(l, head, &units) && units <= room) {
		v.nr_units = units;
		v.open_end = false;
	}
	count_pages(&v);
	if (!w->run->heap_key_known) {
		w->part->counted.carved_subsegments++;
		heap_carve(w, v.first_va, r.va + r.bytes);
		return;
	}
	chunks_get(&v);
	if (head && v.open_end)
		fault_head(&v, units);
	heap_vs_blocks(&v);
}
