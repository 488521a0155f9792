/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ranked list of owners to one honest word and the figures behind it. The
 * thresholds are in docs/candidates.md.
 */
#include "mine_impl.h"

#include "dumpleak/base/text.h"

enum { FEW_BLOCKS = 16 };
static const double HALF = 0.5;         /* of the blocks, at least            */
static const double LIFT = 3;           /* times the control share, at least  */
static const double EQUAL = 0.05;       /* scores that differ by less are one */
static const double WEAK = 0.25;        /* a score below proves little        */
static const double PART = 0.05;        /* of the blocks: an owner's own part */
static const double TOGETHER = 0.8;     /* of the blocks, by parts            */

static unsigned tracked_bit(const struct mined *c, uint32_t id)
{
	for (unsigned i = 0; i < c->nr_tracked; i++)
		if (c->tracked[i] == id)
			return 1u << i;
	return 0;
}

/* Blocks that lead to exactly one of the owners in @bits (@one), or to several. */
static void overlap(const struct mined *c, unsigned bits, uint64_t *one, uint64_t *several)
{
	*one = *several = 0;
	for (unsigned combo = 0; combo < 1u << TRACKED; combo++) {
		int n = __builtin_popcount(combo & bits);

		if (n == 1)
			*one += c->combos[combo];
		else if (n)
			*several += c->combos[combo];
	}
}

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

static bool is_lead(const struct owner *o)
{
	return o->share >= LIFT * o->control_share;
}

/* How many of the first owners split the blocks among them; 0 if they do not. */
static unsigned sharers(const struct mined *c)
{
	const struct suspect *s = c->s;
	uint64_t one, several;
	unsigned bits = 0, n = 0;

	for (; n < s->nr_owners; n++) {
		const struct owner *o = &s->owners[n];
		unsigned bit = tracked_bit(c, c->ranked[n]);

		if (!bit || o->share < PART || !is_lead(o))
			break;
		overlap(c, bits | bit, &one, &several);
		if (share_of(several, one + several) > EQUAL)
			break;
		bits |= bit;
	}
	if (n < 2)
		return 0;
	overlap(c, bits, &one, &several);
	return share_of(one, c->looked_at) >= TOGETHER ? n : 0;
}

static const char *control_words(const struct miner *m, const struct suspect *s,
				 const struct owner *o)
{
	char n[32];

	if (!s->control_blocks)
		return "no other blocks to compare with";
	return mine_text(m->arena, "against %.1f %% of %s blocks of other classes",
			 o->control_share * 100, text_count(s->control_blocks, n));
}

static const char *lead_words(const struct miner *m, const struct suspect *s,
			      const struct owner *o)
{
	const char *control = control_words(m, s, o);

	return mine_text(m->arena, "%.1f %% of the blocks lead to %s by %u %s%s, %s",
			 o->share * 100, o->name, o->nr_evidence,
			 o->nr_evidence == 1 ? "way: " : "ways, the best: ", o->path,
			 control ? control : "");
}

/* Only code or the driver object speaks: which of its devices, nothing says. */
static const char *device_remark(const struct owner *o)
{
	if (o->device || !o->driver)
		return "";
	return "; nothing tells which of the driver's devices, if any, it is about";
}

static const char *listed_words(const struct miner *m, const struct suspect *s)
{
	if (!s->listed || share_of(s->listed, s->readable) < HALF)
		return "";
	return mine_text(m->arena, ". %.1f %% of the blocks are linked in lists that end in "
			 "a head outside them, so the driver can still reach them: they may "
			 "be kept by design, or forgotten in that list",
			 share_of(s->listed, s->readable) * 100);
}

static void say_none(struct miner *m, struct suspect *s)
{
	char n[32];

	s->verdict = VERDICT_NONE;
	if (!s->readable)
		s->verdict_words = "none of the blocks is readable in this dump";
	else
		s->verdict_words = mine_text(m->arena,
			"In %s readable blocks less than 1 %% lead to any one device, driver or "
			"image, directly or over up to %d other blocks",
			text_count(s->readable, n), MAX_DEPTH);
}

static void say_shared(struct miner *m, struct suspect *s, unsigned n)
{
	const char *names = "";
	uint64_t blocks = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct owner *o = &s->owners[i];

		names = mine_text(m->arena, "%s%s%s (%.1f %%)", names ? names : "",
				  !i ? "" : i + 1 == n ? " and " : ", ", o->name, o->share * 100);
		blocks += o->blocks;
	}
	s->verdict = VERDICT_SHARED;
	s->verdict_words = mine_text(m->arena, "%u owners split the blocks, and hardly a block "
				     "leads to more than one: %s; together %.1f %%", n,
				     names ? names : "", share_of(blocks, s->readable) * 100);
}

static void say_tie(struct miner *m, struct suspect *s)
{
	const struct owner *a = &s->owners[0], *b = &s->owners[1];
	const char *lead = lead_words(m, s, a), *other = lead_words(m, s, b);

	s->verdict = VERDICT_TIE;
	s->verdict_words = mine_text(m->arena, "%s and %s have the same evidence, which cannot "
				     "tell them apart: %s; %s", a->name, b->name,
				     lead ? lead : "", other ? other : "");
}

static void say_thin(struct miner *m, struct suspect *s, const char *reason)
{
	const char *lead = lead_words(m, s, &s->owners[0]);

	s->verdict = VERDICT_THIN;
	s->verdict_words = mine_text(m->arena, "%s: %s", reason, lead ? lead : "");
}

static void say_clear(struct miner *m, struct mined *c)
{
	struct suspect *s = c->s;
	const struct owner *a = &s->owners[0], *b = &s->owners[1];
	const char *lead = lead_words(m, s, a), *listed = listed_words(m, s), *next = "";

	if (s->nr_owners > 1 && b->share >= HALF)
		next = mine_text(m->arena, ". %s is pointed to as well (%.1f %%), by weaker "
				 "evidence: %s, score %.2f against %.2f", b->name,
				 b->share * 100, b->path, b->score, a->score);
	s->verdict = VERDICT_CLEAR;
	s->verdict_words = mine_text(m->arena, "%s%s%s%s", lead ? lead : "", device_remark(a),
				     next ? next : "", listed ? listed : "");
}

static const char *thin_reason(const struct suspect *s)
{
	const struct owner *a = &s->owners[0];

	if (s->looked_at < FEW_BLOCKS)
		return "Too few blocks to be sure";
	if (a->share < HALF)
		return "Less than half of the blocks name anybody";
	if (!is_lead(a))
		return "Other blocks of this pool point there as well";
	return a->score < WEAK ? "The evidence is weak" : NULL;
}

void verdict_judge(struct miner *m, struct mined *c)
{
	struct suspect *s = c->s;
	const struct owner *a = &s->owners[0], *b = &s->owners[1];
	unsigned parts;

	for (unsigned n = 1; n <= c->lists.nr_chains; n++)
		if (c->lists.chains[n].head_va)
			s->listed += c->lists.chains[n].blocks;
	if (!s->nr_owners) {
		say_none(m, s);
		return;
	}
	parts = sharers(c);
	if (parts && s->looked_at >= FEW_BLOCKS)
		say_shared(m, s, parts);
	else if (thin_reason(s))
		say_thin(m, s, thin_reason(s));
	else if (s->nr_owners > 1 && a->score - b->score <= EQUAL * a->score &&
		 b->share >= HALF && is_lead(b))
		say_tie(m, s);
	else
		say_clear(m, c);
	if (!s->verdict_words)
		s->verdict_words = "";
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_NONE] = "none", [VERDICT_THIN] = "thin", [VERDICT_TIE] = "tie",
		[VERDICT_SHARED] = "shared", [VERDICT_CLEAR] = "clear",
	};

	return names[verdict];
}
