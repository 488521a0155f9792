/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A triage minidump's data blocks, and the parts whose VA is stated elsewhere,
 * to ranges of VA. Blocks come in no order and may overlap (the kernel's own
 * do): the first one with a byte gives it.
 */
#include "triage.h"

#include <inttypes.h>

enum { MAX_BLOCKS = 1 << 18 };  /* real minidumps have some thousands */

/* What was wrong with blocks, told once for all of them. */
struct tally {
	uint64_t cut, cut_bytes;        /* reach past the end of the file    */
	uint64_t bad;                   /* of headers, or past the last VA   */
};

/* Adds @n bytes at @va, which are at @off of the file; false if out of memory. */
static bool add_range(struct triage *t, uint64_t va, uint64_t off, uint64_t n,
		      struct tally *tally)
{
	uint64_t top = t->layout->ptr_bytes == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t room = off < t->end ? t->end - off : 0;

	if (!n)
		return true;
	if (off < t->layout->header_bytes || va > top || n - 1 > top - va) {
		tally->bad++;
		return true;
	}
	if (n > room) {
		tally->cut++;
		tally->cut_bytes += n - room;
		n = room;
	}
	return !n || runs_add(&t->ranges, va, va + n - 1, off);
}

static bool add_blocks(struct container *c, struct tally *tally)
{
	struct triage *t = c->state;
	const struct triage_layout *l = t->layout;
	size_t n = triage_fit(c, t->at.blocks, t->at.nr_blocks, l->block_bytes, MAX_BLOCKS,
			      TRIAGE_NAME(nr_blocks));

	t->mini.nr_blocks = n;
	for (size_t i = 0; i < n; i++) {
		uint8_t raw[0x10] = { 0 };
		struct bytes b = { raw, l->block_bytes };

		if (source_read(c->source, t->at.blocks + i * b.n, raw, b.n, NULL))
			break;
		if (!add_range(t, field_or(b, l->block_va, 0), field_or(b, l->block_off, 0),
			       field_or(b, l->block_size, 0), tally))
			return false;
	}
	return true;
}

/* KDBG, the stack and the page that the bugcheck is about. */
static bool add_implied(struct container *c, struct tally *tally)
{
	struct triage *t = c->state;
	const struct triage_fields *at = &t->at;
	const struct { uint64_t va, off, n; } implied[] = {
		{ c->header.kdbg_va.known ? c->header.kdbg_va.value : 0, at->kdbg, at->kdbg_bytes },
		{ at->stack_va, at->stack, at->stack_bytes },
		{ at->page_va, at->page, at->page_bytes },
	};

	for (size_t i = 0; i < sizeof implied / sizeof implied[0]; i++)
		if (implied[i].va && implied[i].off &&
		    !add_range(t, implied[i].va, implied[i].off, implied[i].n, tally))
			return false;
	if (triage_holds(t, at->stack, at->stack_bytes)) {
		t->mini.stack_va = at->stack_va;
		t->mini.stack_bytes = at->stack_bytes;
	}
	return true;
}

static void note_tally(struct container *c, const struct tally *tally)
{
	const struct triage *t = c->state;
	const char *name = source_name(c->source);

	if (tally->cut)
		container_note(c, t->cut ? DL_ABSENT : DL_CORRUPT, "%s: ranges of memory reach "
			       "past the end at 0x%" PRIx64 ": %" PRIu64 " of them, with %"
			       PRIu64 " bytes missing", name, t->end, tally->cut,
			       tally->cut_bytes);
	if (tally->bad)
		container_note(c, DL_CORRUPT, "%s: %" PRIu64 " ranges of memory cannot be: in "
			       "the header, or past the last address", name, tally->bad);
}

enum dl_status triage_ranges(struct container *c, struct dl_err *err)
{
	struct triage *t = c->state;
	struct tally tally = { 0 };

	if (!add_blocks(c, &tally) || !add_implied(c, &tally))
		return err_set(err, DL_NOMEM, "out of memory");
	note_tally(c, &tally);
	t->mini.nr_ranges = t->ranges.n;
	if (t->ranges.n && !runs_sort(&t->ranges, 1, RUNS_FIRST_WINS, NULL))
		return err_set(err, DL_NOMEM, "out of memory");
	for (size_t i = 0; i < t->ranges.n; i++)
		t->mini.range_bytes += t->ranges.v[i].last - t->ranges.v[i].first + 1;
	return DL_OK;
}
