/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Triage minidumps (DumpType 4) of both widths: no pages of physical memory,
 * but ranges of virtual memory and lists of their own. This file recognises
 * and opens them; ranges are in triage_ranges.c, lists in triage_lists.c.
 *
 * Everything in the file is found by offsets that the file states. A minidump
 * that is cut keeps what lies before the cut.
 */
#include "triage.h"

#include "blobs.h"
#include "dmp32.h"
#include "dmp64.h"
#include "source_impl.h"

#include <inttypes.h>
#include <string.h>

enum {
	DUMP_TYPE32_OFF = 0xf88, DUMP_TYPE64_OFF = 0xf98, TYPE_TRIAGE = 4,
	/*
	 * As far as a compressed file is inflated to learn its end. Minidumps
	 * have some hundred KB, a few MB with what drivers add.
	 */
	MAX_INFLATED = 64 << 20,
};

static bool is_triage(struct source *source, const char *magic, uint64_t type_off)
{
	uint8_t b[8] = { 0 };

	return !source_read(source, 0, b, 8, NULL) && !memcmp(b, magic, 8) &&
	       !source_read(source, type_off, b, 4, NULL) && le32(b) == TYPE_TRIAGE;
}

static enum probe_result triage_probe(struct source *source)
{
	return is_triage(source, "PAGEDUMP", DUMP_TYPE32_OFF) ||
	       is_triage(source, "PAGEDU64", DUMP_TYPE64_OFF) ? PROBE_MINE : PROBE_NOT_MINE;
}

bool triage_holds(const struct triage *t, uint64_t off, uint64_t n)
{
	return off >= t->layout->header_bytes && off <= t->end && n <= t->end - off;
}

size_t triage_fit(struct container *c, uint64_t off, uint64_t nr, uint64_t row_bytes,
		  size_t limit, const char *what)
{
	const struct triage *t = c->state;
	uint64_t fit = triage_holds(t, off, 0) ? (t->end - off) / row_bytes : 0;

	if (fit > limit)
		fit = limit;
	if (nr <= fit)
		return (size_t)nr;
	container_note(c, t->cut ? DL_ABSENT : DL_CORRUPT, "%s: %s is %" PRIu64
		       ", but of its rows at 0x%" PRIx64 " only %" PRIu64 " %s",
		       source_name(c->source), what, nr, off, fit,
		       fit == limit ? "are read" : "are in the file");
	return (size_t)fit;
}

/* Where the file ends: exactly, or as far as it matters. */
static void find_end(struct container *c)
{
	struct triage *t = c->state;
	uint64_t want = t->at.size_bytes;
	uint8_t b;

	if (source_end(c->source, &t->end))
		return;
	if (!want || want > MAX_INFLATED)
		want = MAX_INFLATED;
	if (source_read(c->source, want - 1, &b, 1, NULL) == DL_OK) {
		t->end = want;
		return;
	}
	if (!source_end(c->source, &t->end) && t->end > want)
		t->end = want;
}

static bool has_mark(const struct container *c)
{
	const struct triage *t = c->state;
	uint8_t mark[4] = { 0 };

	return triage_holds(t, t->at.valid, sizeof mark) &&
	       !source_read(c->source, t->at.valid, mark, sizeof mark, NULL) &&
	       !memcmp(mark, "TRGD", sizeof mark);
}

/* SizeOfDump, and the marker at that end which is written last. */
static void check_whole(struct container *c)
{
	struct triage *t = c->state;
	const char *name = source_name(c->source);
	uint64_t size_off = t->layout->header_bytes + 4u;
	bool past = t->at.size_bytes > t->end, mark = has_mark(c);

	t->cut = past && !mark;
	if (t->cut)
		container_note(c, DL_ABSENT, "%s: ends at 0x%" PRIx64 ", but SizeOfDump at 0x%"
			       PRIx64 " is 0x%" PRIx64 ": %" PRIu64 " bytes are missing",
			       name, t->end, size_off, t->at.size_bytes,
			       t->at.size_bytes - t->end);
	else if (past)
		container_note(c, DL_CORRUPT, "%s: SizeOfDump at 0x%" PRIx64 " is 0x%" PRIx64
			       ", but the file ends at 0x%" PRIx64 " with the marker TRGD in "
			       "its place: it is whole", name, size_off, t->at.size_bytes,
			       t->end);
	else if (!mark)
		container_note(c, DL_CORRUPT, "%s: there is no TRGD at ValidOffset (0x%" PRIx64
			       "): the minidump was not finished, or was altered", name,
			       t->at.valid);
}

static bool is_encrypted(const struct dump_header *h)
{
	return h->attributes.known && h->attributes.value & ATTRIBUTE_ENCRYPTED &&
	       !(h->attributes.value & ATTRIBUTE_DECRYPTED);
}

/* TRIAGE_DUMP; a file that has none, as fabricated ones, is of no use. */
static enum dl_status read_fields(struct container *c, struct dl_err *err)
{
	struct triage *t = c->state;
	const struct triage_layout *l = t->layout;
	uint8_t b[0x80] = { 0 };
	enum dl_status st = source_read(c->source, l->header_bytes, b, l->triage_bytes, err);

	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: %s of nothing but a header: TRIAGE_DUMP "
				  "at 0x%x is missing", source_name(c->source), l->title,
				  (unsigned)l->header_bytes);
	if (st)
		return st;
	triage_fields_read(l, (struct bytes){ b, l->triage_bytes }, &t->at);
	return DL_OK;
}

static enum dl_status read_header(struct container *c, bool is64, struct dl_err *err)
{
	uint8_t head[DMP64_HEADER_BYTES] = { 0 };
	size_t n = is64 ? DMP64_HEADER_BYTES : DMP32_HEADER_BYTES;
	enum dl_status st = source_read(c->source, 0, head, n, err);

	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut inside its header",
				  source_name(c->source));
	if (st)
		return st;
	if (is64)
		dmp64_header(c, head);
	else
		dmp32_header(c, head);
	if (is_encrypted(&c->header))
		return err_set(err, DL_UNSUPPORTED, "%s: %s whose data is encrypted (Attributes "
			       "0x%" PRIx64 "): it cannot be read without its key",
			       source_name(c->source), triage_layout_of(is64)->title,
			       c->header.attributes.value);
	return DL_OK;
}

static enum dl_status triage_open(struct container *c, struct dl_err *err)
{
	bool is64 = is_triage(c->source, "PAGEDU64", DUMP_TYPE64_OFF);
	struct triage *t = arena_alloc(&c->arena, sizeof *t);
	enum dl_status st;

	if (!t)
		return err_set(err, DL_NOMEM, "out of memory");
	c->state = t;
	t->layout = triage_layout_of(is64);
	c->header.format = t->layout->format;
	c->header.title = t->layout->title;
	st = read_header(c, is64, err);
	if (!st)
		st = read_fields(c, err);
	if (st)
		return st;
	find_end(c);
	check_whole(c);
	st = triage_ranges(c, err);
	if (!st)
		st = triage_lists(c, err);
	if (!st && t->at.size_bytes && t->at.size_bytes <= t->end)
		blobs_read(c, t->at.size_bytes);
	return st;
}

static void triage_close(struct container *c)
{
	struct triage *t = c->state;

	if (t)
		runs_deinit(&t->ranges);
}

static enum dl_status triage_page(struct container *c, uint64_t pfn, uint8_t *scratch,
				  const uint8_t **page, struct dl_err *err)
{
	(void)scratch;
	(void)page;
	return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " is not in this dump: minidumps "
		       "hold ranges of virtual memory, no pages", source_name(c->source), pfn);
}

static enum dl_status triage_run(struct container *c, uint64_t pfn, uint64_t *first,
				 uint64_t *last)
{
	(void)c;
	(void)pfn;
	(void)first;
	(void)last;
	return DL_END;
}

static uint64_t triage_position(const struct container *c, uint64_t pfn)
{
	(void)c;
	(void)pfn;
	return UINT64_MAX;
}

static void triage_count(struct container *c, uint64_t *present, uint64_t *absent,
			 bool *exact)
{
	(void)c;
	*present = *absent = 0;
	*exact = true;
}

static const struct dump_minidump *triage_minidump(const struct container *c)
{
	const struct triage *t = c->state;

	return &t->mini;
}

static enum dl_status triage_va_read(struct container *c, uint64_t va, void *buf, size_t n,
				     struct dl_err *err)
{
	const struct triage *t = c->state;
	uint8_t *out = buf;

	for (uint64_t at = va; n;) {
		const struct run *run = at >= va ? runs_find(&t->ranges, at) : NULL;
		uint64_t room = run ? run->last - at + 1 : 0;
		size_t part = room < n ? (size_t)room : n;
		enum dl_status st;

		if (!run)
			return err_set(err, DL_ABSENT, "%s: VA 0x%" PRIx64 " is not in this "
				       "minidump", source_name(c->source), at);
		st = source_read(c->source, run->target + (at - run->first), out, part, err);
		if (st)
			return st;
		out += part;
		at += part;
		n -= part;
	}
	return DL_OK;
}

static enum dl_status triage_va_run(struct container *c, uint64_t va, uint64_t *first,
				    uint64_t *last)
{
	const struct triage *t = c->state;
	const struct run *run = runs_next(&t->ranges, va), *next;

	if (!run)
		return DL_END;
	*first = run->first > va ? run->first : va;
	for (next = run + 1; next < t->ranges.v + t->ranges.n &&
			     next->first == run->last + 1; next++)
		run = next;
	*last = run->last;
	return DL_OK;
}

const struct reader triage_reader = {
	.name = "triage",
	.probe = triage_probe,
	.open = triage_open,
	.close = triage_close,
	.page = triage_page,
	.run = triage_run,
	.position = triage_position,
	.count = triage_count,
	.minidump = triage_minidump,
	.va_read = triage_va_read,
	.va_run = triage_va_run,
};
