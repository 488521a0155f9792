/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram to the classes that look like leaks. The rule, its constants and
 * the reasons for them are in docs/candidates.md; what is here and there must
 * agree.
 */
#include "dumpleak/mine/classes.h"

#include "dumpleak/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* See docs/candidates.md for each of them. */
enum {
	MIN_BLOCKS = 256,       /* small blocks; fewer are nobody's leak     */
	MIN_BIG = 8,            /* big allocations of one size               */
	USUAL_RANKS = 10,       /* how many other tags say what is usual     */
	USUAL_MIN = 16, USUAL_MIN_BIG = 2,
	LIFT = 10,              /* times as many blocks as is usual          */
	LIFT_DOMINANT = 3,      /* enough, if the class fills the pool       */
	LIFT_HELD = 5,          /* enough, if the tag is hardly ever freed   */
	KNOWN_HANDICAP = 32,    /* that many times more for known populations */
};
static const double MIN_BYTE_SHARE = 0.01;
static const double MIN_KNOWN_BYTE_SHARE = 0.25;
static const double HELD = 0.95, HELD_BYTE_SHARE = 0.05;
static const double DOMINANT_BYTE_SHARE = 0.2, DOMINANT_KNOWN_BYTE_SHARE = 0.5;
static const double MIN_SAME_SIZE_BIG = 0.5;
static const double KNOWN_DISCOUNT = 0.5;

/*
 * Populations that are large on healthy machines: objects, memory manager,
 * registry, cache, file systems and their filters, tracing.
 */
static const char *const known_populations[] = {
	"File", "Even", "Sema", "Muta", "Time", "Thre", "Proc", "Key ", "Toke",
	"Devi", "Driv", "Symb", "Sect", "Vad", "Mm", "MARE", "MRGN", "RMAP",
	"CM", "ObDi", "ObNm", "ObSc", "SeSd", "SeAc", "Ntf", "NtF", "FatF",
	"FSfc", "CcSc", "CcBc", "CcVa", "Irp", "Mdl ", "IoNm", "Icp ", "FM",
	"Etw", "AlMs", "ReTa", "ReEv",
};

static bool is_known(uint32_t tag)
{
	char text[5] = { (char)tag, (char)(tag >> 8), (char)(tag >> 16),
			 (char)(tag >> 24), 0 };

	for (size_t i = 0; i < sizeof known_populations / sizeof *known_populations; i++)
		if (!strncmp(text, known_populations[i], strlen(known_populations[i])))
			return true;
	return false;
}

/* What one class is measured against. */
struct context {
	const struct pool *pool;
	const struct ledger *ledger;
	const struct classes *classes;
	uint64_t blocks[NR_POOL_KINDS], bytes[NR_POOL_KINDS], all_bytes;
};

/* The most numerous class of each of the other tags, most first. */
struct ranks {
	struct { uint32_t tag; uint64_t blocks; } top[USUAL_RANKS];
	size_t nr;
};

static void ranks_drop(struct ranks *r, size_t i)
{
	memmove(&r->top[i], &r->top[i + 1], (r->nr - i - 1) * sizeof r->top[0]);
	r->nr--;
}

static void ranks_add(struct ranks *r, uint32_t tag, uint64_t blocks)
{
	size_t i;

	for (i = 0; i < r->nr; i++) {
		if (r->top[i].tag != tag)
			continue;
		if (r->top[i].blocks >= blocks)
			return;
		ranks_drop(r, i);
		break;
	}
	for (i = 0; i < r->nr && r->top[i].blocks >= blocks; i++)
		;
	if (i == USUAL_RANKS)
		return;
	if (r->nr == USUAL_RANKS)
		r->nr--;
	memmove(&r->top[i + 1], &r->top[i], (r->nr - i) * sizeof r->top[0]);
	r->top[i].tag = tag;
	r->top[i].blocks = blocks;
	r->nr++;
}

/*
 * How many blocks a large class of this pool usually has: the median of the
 * ten largest of other tags, so that four more leaks beside do not hide one.
 */
static uint64_t usual_blocks(const struct context *x, const struct pool_class *c)
{
	uint64_t least = c->form == FORM_PAGES ? USUAL_MIN_BIG : USUAL_MIN, median;
	struct ranks r = { .nr = 0 };

	for (size_t i = 0; i < x->classes->nr; i++) {
		const struct pool_class *o = &x->classes->list[i];

		if (o->tag != c->tag && o->pool == c->pool && o->form == c->form && o->blocks)
			ranks_add(&r, o->tag, o->blocks);
	}
	median = r.nr ? r.top[r.nr / 2].blocks : 0;
	return median > least ? median : least;
}

/* The share of its tag's blocks (bytes, for big ones) that have this size. */
static double same_size(const struct context *x, const struct pool_class *c)
{
	uint64_t all = 0;

	for (size_t i = 0; i < x->classes->nr; i++) {
		const struct pool_class *o = &x->classes->list[i];

		if (o->tag == c->tag && o->pool == c->pool && o->form == c->form)
			all += c->form == FORM_PAGES ? o->bytes : o->blocks;
	}
	return all ? (double)(c->form == FORM_PAGES ? c->bytes : c->blocks) / (double)all : 0;
}

static double kept_share(const struct context *x, const struct pool_class *c)
{
	const struct ledger_row *row = x->ledger ? ledger_row_of(x->ledger, c->tag) : NULL;
	size_t pool = c->pool == POOL_NONPAGED ? 0 : 1;
	double kept;

	if (!row || !row->counted || !row->allocs[pool])
		return -1;
	kept = (double)row->counted_blocks[pool] / (double)row->allocs[pool];
	return kept > 1 ? -1 : kept;    /* 32-bit counters that wrapped */
}

/* How full the pool is, 0..1; 0 where its limit is not known. */
static double pool_fill(const struct context *x, enum pool_kind pool)
{
	struct known_u64 limit = x->pool->totals[pool].limit_bytes;
	double fill;

	if (!limit.known || !limit.value)
		return 0;
	fill = (double)x->pool->totals[pool].bytes / (double)limit.value;
	return fill > 1 ? 1 : fill;
}

/* All that the rule looks at, of one class. */
struct measure {
	const struct pool_class *c;
	uint64_t usual;
	double block_share, byte_share, lift, same, kept, fill;
	bool known;
};

static void measure(const struct context *x, const struct pool_class *c, struct measure *m)
{
	m->c = c;
	m->block_share = (double)c->blocks / (double)x->blocks[c->pool];
	m->byte_share = (double)c->bytes / (double)x->bytes[c->pool];
	m->usual = usual_blocks(x, c);
	m->lift = (double)c->blocks / (double)m->usual;
	m->same = same_size(x, c);
	m->kept = kept_share(x, c);
	m->fill = pool_fill(x, c->pool);
	m->known = is_known(c->tag);
}

static bool looks_like_leak(const struct measure *m)
{
	double lift = LIFT * (m->known ? KNOWN_HANDICAP : 1);
	double share = m->known ? MIN_KNOWN_BYTE_SHARE : MIN_BYTE_SHARE;

	/* what fills the pool needs less to stand out by */
	if (m->byte_share >= (m->known ? DOMINANT_KNOWN_BYTE_SHARE : DOMINANT_BYTE_SHARE))
		lift = m->known ? LIFT : LIFT_DOMINANT;
	else if (!m->known && m->kept >= HELD && m->byte_share >= HELD_BYTE_SHARE)
		lift = LIFT_HELD;
	if (m->lift < lift || m->byte_share < share)
		return false;
	return m->c->form != FORM_PAGES || m->same >= MIN_SAME_SIZE_BIG;
}

/*
 * Damage (bytes of all pools together) and oddity (times as many as is usual)
 * count alike; what is kept and equal sizes tip the scale.
 */
static double score_of(const struct context *x, const struct measure *m)
{
	double damage = sqrt((double)m->c->bytes / (double)x->all_bytes);
	double oddity = log2(m->lift) / 10;
	double kept = m->kept < 0 ? 0.5 : m->kept, score;

	if (oddity > 1)
		oddity = 1;
	score = 0.30 * damage + 0.35 * oddity + 0.15 * kept + 0.15 * m->same +
		0.05 * m->fill;
	return m->known ? score * KNOWN_DISCOUNT : score;
}

/* What is added to the sentence where the kernel's counters are known. */
static void kept_words(const struct measure *m, char out[128])
{
	char tag[TAG_TEXT_MAX];

	out[0] = '\0';
	if (m->kept >= 0)
		snprintf(out, 128, "; of all '%s' allocated since boot, %.1f %% are still held",
			 tag_text(m->c->tag, tag), m->kept * 100);
}

static const char *why_of(const struct measure *m, struct arena *arena)
{
	char blocks[32], usual[32], size[24], kept[128], fill[64] = "", text[640];

	kept_words(m, kept);
	if (m->fill >= 0.5)
		snprintf(fill, sizeof fill, "; the pool is at %.0f %% of its limit",
			 m->fill * 100);
	snprintf(text, sizeof text,
		 "%s %s of %u bytes hold %s: %.1f %% of the blocks and %.1f %% of the "
		 "bytes in use in %s pool, %.0f times what is usual for a large class "
		 "there (%s); %.0f %% of the tag has this one size%s%s%s",
		 text_count(m->c->blocks, blocks),
		 m->c->form == FORM_PAGES ? "big allocations" : "blocks", m->c->size_bytes,
		 text_size(m->c->bytes, size), m->block_share * 100, m->byte_share * 100,
		 pool_kind_name(m->c->pool), m->lift, text_count(m->usual, usual),
		 m->same * 100, kept, fill,
		 m->known ? "; healthy machines have many of this tag, too" : "");
	return arena_strdup(arena, text);
}

/* Best first; equal scores keep the order of the classes. */
static size_t insert(struct candidate *out, size_t nr, const struct candidate *new)
{
	size_t i = nr;

	while (i && out[i - 1].score < new->score)
		i--;
	if (i == MAX_CANDIDATES)
		return nr;
	if (nr == MAX_CANDIDATES)
		nr--;
	memmove(&out[i + 1], &out[i], (nr - i) * sizeof *out);
	out[i] = *new;
	return nr + 1;
}

static void add_up(struct context *x)
{
	for (size_t i = 0; i < x->classes->nr; i++) {
		const struct pool_class *c = &x->classes->list[i];

		x->blocks[c->pool] += c->blocks;
		x->bytes[c->pool] += c->bytes;
		x->all_bytes += c->bytes;
	}
}

size_t candidates_choose(const struct pool *pool, const struct ledger *ledger,
			 const struct classes *classes, struct arena *arena,
			 struct candidate out[MAX_CANDIDATES])
{
	struct context x = { .pool = pool, .ledger = ledger, .classes = classes };
	size_t nr = 0;

	add_up(&x);
	for (size_t i = 0; i < classes->nr; i++) {
		const struct pool_class *c = &classes->list[i];
		struct candidate new = { .class_index = i };
		struct measure m;

		if (c->any_size || c->blocks < (c->form == FORM_PAGES ? MIN_BIG : MIN_BLOCKS))
			continue;
		measure(&x, c, &m);
		if (!looks_like_leak(&m))
			continue;
		new.block_share = m.block_share;
		new.byte_share = m.byte_share;
		new.kept_share = m.kept;
		new.score = score_of(&x, &m);
		new.why = why_of(&m, arena);
		if (!new.why)
			break;
		nr = insert(out, nr, &new);
	}
	return nr;
}
