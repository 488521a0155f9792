/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files to parts of an image. Split kdump files (makedumpfile --split) each
 * hold the whole bitmap, but only the pages of their own range of PFNs.
 */
#include "kdump_part.h"

#include "map_guard.h"
#include "source_flat.h"
#include "source_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum dl_status stage_headers(struct kdump_part *p, size_t stage_bytes,
				    struct dl_err *err)
{
	const struct kdump_layout *l = &p->layout;
	enum dl_status st = DL_OK;

	p->stage = stage_new(p->view, stage_bytes, err);
	if (!p->stage)
		return DL_IO;
	for (size_t i = 0; !st && i < l->nr_meta; i++)
		st = stage_pin(p->stage, l->meta[i], err);
	for (size_t i = 0; !st && i < 2 && l->hide_sections; i++)
		st = stage_zero(p->stage, l->hidden[i], err);
	return st;
}

enum dl_status part_open(struct kdump_part *p, struct container *c, struct source *source,
			 size_t stage_bytes, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	p->source = p->view = source;
	p->guard = -1;
	if (source_is_flat(source)) {
		st = source_flat_open(source, &p->flat, err);
		if (st)
			return st;
		p->view = p->flat;
	}
	st = layout_read(&p->layout, c, p->view, err);
	if (!st && (source_fd(p->view) < 0 || p->layout.hide_sections))
		st = stage_headers(p, stage_bytes, err);
	if (!st && !p->stage)
		p->guard = map_guard_foreign(source_name(source));
	return st;
}

void part_close(struct kdump_part *p)
{
	if (!p->source)
		return;
	map_guard_foreign_end(p->guard);
	stage_free(p->stage);
	layout_deinit(&p->layout);
	source_close(p->flat);
}

void part_notes(struct container *c, const struct kdump_part *p)
{
	const char *damage = p->flat ? source_damage(p->flat) : NULL;

	if (damage)
		container_note(c, DL_ABSENT, "%s", damage);
	if (p->layout.has_paging)
		container_note(c, DL_ABSENT, "%s: written through the guest's page tables "
			       "(paging=true), so most of its memory is missing: dump "
			       "without paging", source_name(p->source));
}

int part_fd(const struct kdump_part *p)
{
	return p->stage ? stage_fd(p->stage) : source_fd(p->view);
}

/* ---- which pages ---- */

/* Promised by the bitmap, whether the file holds them or not. */
static bool promised_run(const struct kdump_layout *l, uint64_t pfn, uint64_t *first,
			 uint64_t *last)
{
	if (pfn < l->start_pfn)
		pfn = l->start_pfn;
	if (!bitmap_next(&l->pages, pfn, first, last) || *first >= l->end_pfn)
		return false;
	if (*last >= l->end_pfn)
		*last = l->end_pfn - 1;
	return true;
}

static bool is_there(const struct kdump_part *p, uint64_t pfn)
{
	struct file_range ranges[PAGE_RANGES];
	size_t n;
	enum dl_status st = layout_page(&p->layout, p->view, pfn, ranges, &n, NULL);

	return st == DL_OK || st == DL_CORRUPT; /* damaged is not absent */
}

bool part_run(const struct kdump_part *p, uint64_t pfn, uint64_t *first, uint64_t *last)
{
	const struct kdump_layout *l = &p->layout;
	uint64_t end;

	/* segments may promise 2^40 pages: none of them may be asked for one by one */
	if (l->is_elf)
		return elf_layout_run(l, p->view, pfn, first, last);
	if (!layout_missing(l, p->view))
		return promised_run(l, pfn, first, last);
	for (; promised_run(l, pfn, first, last); pfn = *last + 1) {
		while (*first <= *last && !is_there(p, *first)) {
			if (disk_layout_ends(l, p->view, *first))
				return false;
			++*first;
		}
		if (*first > *last)
			continue;
		for (end = *first; end < *last && is_there(p, end + 1); end++)
			;
		*last = end;
		return true;
	}
	return false;
}

bool part_count(const struct kdump_part *p, uint64_t *present, uint64_t *absent)
{
	uint64_t pfn = 0, first, last, end;

	*present = p->layout.nr_pages;
	*absent = layout_missing(&p->layout, p->view);
	if (p->layout.is_elf) { /* cut to the file already */
		*present = 0;
		for (; elf_layout_run(&p->layout, p->view, pfn, &first, &last); pfn = last + 1)
			*present += last - first + 1;
	} else {
		*present -= *absent < *present ? *absent : *present;
	}
	return source_end(p->view, &end);
}

/* ---- several parts ---- */

static enum dl_status check_pair(const struct kdump_part *a, const struct kdump_part *b,
				 struct dl_err *err)
{
	const struct bitmap *x = &a->layout.pages, *y = &b->layout.pages;

	if (x->nr_bits != y->nr_bits || x->nr_set != y->nr_set ||
	    memcmp(x->bits, y->bits, (size_t)((x->nr_bits + 7) / 8)) != 0)
		return err_set(err, DL_CORRUPT, "%s: is no part of the same dump as %s: their "
			       "bitmaps differ", source_name(b->source),
			       source_name(a->source));
	if (b->layout.start_pfn < a->layout.end_pfn)
		return err_set(err, DL_CORRUPT, "%s: holds PFN 0x%" PRIx64 "..0x%" PRIx64
			       ", which %s holds as well", source_name(b->source),
			       b->layout.start_pfn, b->layout.end_pfn,
			       source_name(a->source));
	return DL_OK;
}

static int by_start(const void *pa, const void *pb)
{
	const struct kdump_layout *a = &((const struct kdump_part *)pa)->layout;
	const struct kdump_layout *b = &((const struct kdump_part *)pb)->layout;

	if (a->start_pfn != b->start_pfn)
		return a->start_pfn < b->start_pfn ? -1 : 1;
	return a->end_pfn < b->end_pfn ? -1 : a->end_pfn > b->end_pfn;
}

enum dl_status parts_sort(struct kdump_part *parts, size_t n, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	for (size_t i = 0; i < n; i++)
		if (!parts[i].layout.is_split)
			return err_set(err, DL_UNSUPPORTED, "%s: is a whole dump, no part of a "
				       "split one: name it alone",
				       source_name(parts[i].source));
	qsort(parts, n, sizeof *parts, by_start);
	for (size_t i = 1; !st && i < n; i++)
		st = check_pair(&parts[i - 1], &parts[i], err);
	return st;
}

/* Pages between PFN @from and PFN @to. */
static uint64_t note_gap(struct container *c, const struct bitmap *b, uint64_t from,
			 uint64_t to)
{
	uint64_t n = from < to ? bitmap_rank(b, to) - bitmap_rank(b, from) : 0;

	if (n)
		container_note(c, DL_ABSENT, "%s: the part with PFN 0x%" PRIx64 "..0x%" PRIx64
			       " (%" PRIu64 " pages) is not among the files given",
			       source_name(c->source), from, to, n);
	return n;
}

uint64_t parts_gaps(struct container *c, const struct kdump_part *parts, size_t n)
{
	const struct bitmap *b = &parts[0].layout.pages;
	uint64_t at = 0, missing = 0;

	for (size_t i = 0; i < n; i++) {
		missing += note_gap(c, b, at, parts[i].layout.start_pfn);
		at = parts[i].layout.end_pfn;
	}
	return missing + note_gap(c, b, at, b->nr_bits);
}
