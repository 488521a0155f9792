/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows kernel dumps to pages: the header says of which DumpType they are,
 * that type's file finds runs or a bitmap, and pages are looked up here.
 *
 * What the header says is a claim. Whatever contradicts the file or itself is
 * noted, and what is left is still read.
 */
#include "dmp.h"

#include "blobs.h"
#include "dmp_header.h"
#include "source_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum probe_result dmp_has_magic(struct source *source, const char *magic)
{
	uint8_t b[8];

	if (source_read(source, 0, b, sizeof b, NULL) || memcmp(b, magic, sizeof b) != 0)
		return PROBE_NOT_MINE;
	return PROBE_MINE;
}

/* ---- which kind ---- */

enum layout { LAYOUT_RUNS, LAYOUT_BITMAP, LAYOUT_RANGES, LAYOUT_NONE };

struct dump_kind {
	uint32_t type;
	enum layout layout;
	const char *words;      /* "32-bit WORDS (DumpType N" */
	const char *refusal;
};

static const struct dump_kind kinds[] = {
	{ 1, LAYOUT_RUNS, "complete memory dump", NULL },
	{ 2, LAYOUT_BITMAP, "kernel memory dump", NULL },
	{ 3, LAYOUT_NONE, "header-only dump", "holds no memory" },
	{ 4, LAYOUT_NONE, "triage minidump", "holds no pool" },
	{ 5, LAYOUT_BITMAP, "complete memory dump, bitmap", NULL },
	{ 6, LAYOUT_BITMAP, "kernel memory dump, bitmap", NULL },
	{ 7, LAYOUT_BITMAP, "automatic memory dump, bitmap", NULL },
	{ 8, LAYOUT_RANGES, "kernel memory dump, written by a debugger", NULL },
	{ 9, LAYOUT_RANGES, "kernel and user memory dump, written by a debugger", NULL },
	{ 10, LAYOUT_RANGES, "complete memory dump, written by a debugger", NULL },
};

static const struct dump_kind *kind_of(uint32_t type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

static uint32_t type_by_content(struct container *c, uint32_t header_bytes)
{
	uint8_t b[8];

	if (source_read(c->source, header_bytes, b, sizeof b, NULL))
		return 1;
	if (!memcmp(b, "SDMP", 4))
		return 2;
	if (!memcmp(b, "FDMP", 4))
		return 5;
	return memcmp(b + 4, "RDMP", 4) ? 1 : 9;
}

static uint32_t dump_type(struct container *c, const struct dmp_width *w,
			  const uint8_t *head)
{
	uint32_t type = le32(head + w->dump_type_off);

	if (type != DMP_FILLER && type != 0)
		return type;
	type = type_by_content(c, w->header_bytes);
	container_note(c, DL_OK, "%s: DumpType at 0x%x is not filled in: taken as %" PRIu32,
		       source_name(c->source), w->dump_type_off, type);
	return type;
}

static const char *format_of(const struct dmp_width *w, uint32_t type)
{
	switch (type) {
	case 1: return w->complete;
	case 2: return w->kernel;
	case 5: case 6: case 7: return w->bitmap;
	default: return w->ranges;
	}
}

static bool has_attribute(const struct container *c, uint32_t bit)
{
	return c->header.attributes.known && (c->header.attributes.value & bit);
}

/* "Active" is Windows' own word for a complete dump with pages filtered out. */
static void make_title(struct container *c, const struct dmp_width *w,
		       const struct dump_kind *kind)
{
	bool active = kind->type == 5 && has_attribute(c, ATTRIBUTE_FILTERED);
	char text[160];

	snprintf(text, sizeof text, "%s %s%s (DumpType %" PRIu32 ")", w->words,
		 has_attribute(c, ATTRIBUTE_LIVE) ? "live " : "",
		 active ? "active memory dump, bitmap" : kind->words, kind->type);
	c->header.format = format_of(w, kind->type);
	c->header.title = arena_strdup(&c->arena, text);
	if (!c->header.title)
		c->header.title = kind->words;
}

static enum dl_status refuse_type(struct container *c, const struct dmp_width *w,
				  const struct dump_kind *kind, uint32_t type,
				  struct dl_err *err)
{
	return err_set(err, DL_UNSUPPORTED, "%s: %s %s (DumpType %" PRIu32 " at 0x%x): %s",
		       source_name(c->source), w->words,
		       kind ? kind->words : "dump of an unknown type", type,
		       w->dump_type_off,
		       kind && kind->refusal ? kind->refusal : "not supported");
}

enum dl_status dmp_encrypted(struct container *c, unsigned attributes_off,
			     struct dl_err *err)
{
	if (!has_attribute(c, ATTRIBUTE_ENCRYPTED) || has_attribute(c, ATTRIBUTE_DECRYPTED))
		return DL_OK;
	return err_set(err, DL_UNSUPPORTED, "%s: encrypted dump (Attributes 0x%" PRIx64
		       " at 0x%x): the pages cannot be read without the key, decrypt it "
		       "first", source_name(c->source), c->header.attributes.value,
		       attributes_off);
}

static enum dl_status open_pages(struct container *c, const struct dmp_width *w,
				 const uint8_t *head, struct dl_err *err)
{
	struct dmp *d = c->state;
	const struct dump_kind *kind;

	d->type = dump_type(c, w, head);
	kind = kind_of(d->type);
	if (!kind || kind->layout == LAYOUT_NONE || !format_of(w, d->type))
		return refuse_type(c, w, kind, d->type, err);
	make_title(c, w, kind);
	switch (kind->layout) {
	case LAYOUT_BITMAP: return dmp_open_bitmap(c, err);
	case LAYOUT_RANGES: return dmp_open_ranges(c, err);
	default: return dmp_open_complete(c, head, err);
	}
}

enum dl_status dmp_open(struct container *c, const struct dmp_width *w, struct dl_err *err)
{
	uint8_t head[DMP_MAX_HEADER_BYTES] = { 0 };
	enum dl_status st = source_read(c->source, 0, head, w->header_bytes, err);
	struct dmp *d;

	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut inside its header",
				  source_name(c->source));
	if (st)
		return st;
	c->state = d = arena_alloc(&c->arena, sizeof *d);
	if (!d)
		return err_set(err, DL_NOMEM, "out of memory");
	d->width = w;
	w->header(c, head);
	st = dmp_encrypted(c, w->attributes_off, err);
	if (!st)
		st = open_pages(c, w, head, err);
	if (st)
		return st;
	if (has_attribute(c, ATTRIBUTE_NO_SPACE))
		container_note(c, DL_ABSENT, "%s: Attributes at 0x%x say that there was too "
			       "little room for the whole dump", source_name(c->source),
			       w->attributes_off);
	if (!source_is_compressed(c->source))
		blobs_read(c, d->pages_off + d->nr_pages * PAGE_BYTES);
	return DL_OK;
}

void dmp_close(struct container *c)
{
	struct dmp *d = c->state;

	if (!d)
		return;
	runs_deinit(&d->runs);
	free(d->copied_bits);
}

/* ---- pages ---- */

/* Where the page lies in the file; UINT64_MAX if the header does not promise it. */
static uint64_t page_off(const struct dmp *d, uint64_t pfn)
{
	const struct run *run;

	if (d->bitmap.bits) {
		if (!bitmap_has(&d->bitmap, pfn))
			return UINT64_MAX;
		return d->pages_off + bitmap_rank(&d->bitmap, pfn) * PAGE_BYTES;
	}
	run = runs_find(&d->runs, pfn);
	return run ? run->target + (pfn - run->first) * PAGE_BYTES : UINT64_MAX;
}

enum dl_status dmp_page(struct container *c, uint64_t pfn, uint8_t *scratch,
			const uint8_t **page, struct dl_err *err)
{
	uint64_t off = page_off(c->state, pfn);
	const uint8_t *p;
	enum dl_status st;

	if (off == UINT64_MAX)
		return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " is not in this dump",
			       source_name(c->source), pfn);
	p = source_map(c->source, off, PAGE_BYTES);
	if (!p) {
		st = source_read(c->source, off, scratch, PAGE_BYTES, err);
		if (st)
			return st;
		p = scratch;
	}
	*page = p;
	return DL_OK;
}

/* The promised run of pages at or above @pfn, whether the file holds it or not. */
static bool promised_run(const struct dmp *d, uint64_t pfn, uint64_t *first,
			 uint64_t *last)
{
	const struct run *run;

	if (d->bitmap.bits)
		return bitmap_next(&d->bitmap, pfn, first, last);
	run = runs_next(&d->runs, pfn);
	if (!run)
		return false;
	*first = run->first > pfn ? run->first : pfn;
	*last = run->last;
	return true;
}

enum dl_status dmp_run(struct container *c, uint64_t pfn, uint64_t *first, uint64_t *last)
{
	const struct dmp *d = c->state;
	uint64_t end, off;

	source_end(c->source, &end);
	for (; promised_run(d, pfn, first, last); pfn = *last + 1) {
		off = page_off(d, *first);
		if (off >= end || end - off < PAGE_BYTES) {
			if (d->bitmap.bits)
				break; /* all that follows lies behind it */
			continue;
		}
		if ((end - off) / PAGE_BYTES <= *last - *first)
			*last = *first + (end - off) / PAGE_BYTES - 1;
		return DL_OK;
	}
	return DL_END;
}

uint64_t dmp_position(const struct container *c, uint64_t pfn)
{
	return page_off(c->state, pfn);
}

uint64_t dmp_file_off(struct container *c, uint64_t pfn)
{
	return page_off(c->state, pfn);
}

/* Pages of @n from @off on that the file still has. */
static uint64_t held(uint64_t off, uint64_t n, uint64_t end)
{
	uint64_t whole = off < end ? (end - off) / PAGE_BYTES : 0;

	return whole < n ? whole : n;
}

void dmp_count(struct container *c, uint64_t *present, uint64_t *absent, bool *exact)
{
	const struct dmp *d = c->state;
	uint64_t end, n = 0, promised = 0;

	*exact = source_end(c->source, &end);
	if (d->bitmap.bits) {
		promised = d->bitmap.nr_set;
		n = held(d->pages_off, promised, end);
	}
	for (size_t i = 0; i < d->runs.n; i++) {
		const struct run *run = &d->runs.v[i];

		promised += run->last - run->first + 1;
		n += held(run->target, run->last - run->first + 1, end);
	}
	*present = n;
	*absent = promised - n;
}
