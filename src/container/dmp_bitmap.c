/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bitmap dumps (DumpType 2, 5, 6, 7) to pages: "SDMP" or "FDMP" behind the
 * header, a bitmap of PFNs, then the pages of the set bits in ascending order.
 * Three shapes of that header are about, not tied to the DumpType, and public
 * tools disagree on the order of two fields: the shape is taken whose lengths
 * are possible and whose count of pages is that of the bits.
 */
#include "dmp.h"

#include "dmp_header.h"
#include "source_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHAPE_BYTES = 0x38,             /* of the longest one, up to the bits  */
	SHORTEST_BYTES = 0x20,
	MAX_FIRST_PAGE_BITS = 52,
	COPY_BYTES = 1 << 20,
};

/* More is possible, but then the file has to be one that can be mapped. */
static const uint64_t max_copied_bytes = (uint64_t)512 << 20;

/* A header read by one shape. */
struct summary {
	const struct bitmap_shape *shape;
	uint64_t first_page, nr_bits, nr_pages;
	uint64_t bits_off, end;         /* of the bitmap, in the file */
};

static bool read_shape(const struct dmp_width *w, const struct bitmap_shape *shape,
		       struct bytes b, struct summary *s)
{
	s->shape = shape;
	s->first_page = field_or(b, shape->first_page, 0);
	s->nr_bits = field_or(b, shape->nr_bits, 0);
	s->nr_pages = field_or(b, shape->nr_pages, 0);
	s->bits_off = (uint64_t)w->header_bytes + shape->bits_off;
	if (!s->nr_bits || s->nr_bits > w->max_bits)
		return false;
	s->end = s->bits_off + (s->nr_bits + 7) / 8;
	return true;
}

static bool is_possible(const struct summary *s)
{
	return s->nr_pages <= s->nr_bits && s->first_page >= s->end &&
	       s->first_page % PAGE_BYTES == 0 && !(s->first_page >> MAX_FIRST_PAGE_BITS);
}

static enum dl_status past_the_file(struct container *c, const struct summary *s,
				    uint64_t end, struct dl_err *err)
{
	const struct dmp *d = c->state;

	return err_set(err, DL_CORRUPT, "%s: BitmapSize at 0x%x is 0x%" PRIx64
		       ": the bitmap would end at 0x%" PRIx64 ", the file ends at 0x%"
		       PRIx64, source_name(c->source),
		       d->width->header_bytes + s->shape->nr_bits.off, s->nr_bits, s->end,
		       end);
}

/* Piece by piece, so that a promise which the file breaks costs what it has. */
static enum dl_status copy_bits(struct container *c, const struct summary *s, size_t n,
				uint8_t **out, struct dl_err *err)
{
	uint8_t *copy = NULL, *more;
	size_t done = 0, cap = 0, step;
	enum dl_status st = DL_OK;

	for (; !st && done < n; done += step) {
		step = n - done < COPY_BYTES ? n - done : COPY_BYTES;
		if (done + step > cap) {
			cap = cap * 2 > done + step ? cap * 2 : done + step;
			more = realloc(copy, cap < n ? cap : n);
			if (!more) {
				st = err_set(err, DL_NOMEM, "out of memory");
				break;
			}
			copy = more;
		}
		st = source_read(c->source, s->bits_off + done, copy + done, step, err);
	}
	if (!st) {
		*out = copy;
		return DL_OK;
	}
	free(copy);
	return st == DL_ABSENT ? err_prefix(err, DL_CORRUPT, "%s: cut inside the bitmap",
					    source_name(c->source)) : st;
}

/* The bits, borrowed from the file or copied into *@copy, which is freed then. */
static enum dl_status read_bits(struct container *c, const struct summary *s,
				uint8_t **copy, const uint8_t **bits, struct dl_err *err)
{
	uint64_t n = s->end - s->bits_off, end;
	enum dl_status st;

	source_end(c->source, &end);
	if (end < s->end)
		return past_the_file(c, s, end, err);
	free(*copy);
	*copy = NULL;
	*bits = n <= SIZE_MAX ? source_map(c->source, s->bits_off, (size_t)n) : NULL;
	if (*bits)
		return DL_OK;
	if (n > max_copied_bytes)
		return err_set(err, DL_UNSUPPORTED, "%s: the bitmap takes %" PRIu64 " MB: "
			       "unpack the dump to a plain file first",
			       source_name(c->source), n >> 20);
	st = copy_bits(c, s, (size_t)n, copy, err);
	if (!st)
		*bits = *copy;
	return st;
}

/* ---- the shape ---- */

/* The possible shape whose bits add up; else the first usual one that is possible. */
static const struct bitmap_shape *best_shape(struct container *c, struct bytes b)
{
	const struct dmp_width *w = ((struct dmp *)c->state)->width;
	const struct bitmap_shape *first = NULL, *best = NULL;
	uint8_t *copy = NULL;
	const uint8_t *bits = NULL;
	struct summary s = { 0 };

	for (size_t i = 0; !best && i < w->nr_shapes; i++) {
		if (!read_shape(w, &w->shapes[i], b, &s) || !is_possible(&s))
			continue;
		if (!first && !s.shape->words) /* even if cut: then that is to be said */
			first = s.shape;
		/* no bits and no pages add up in any shape */
		if ((s.nr_pages || !s.shape->words) && !read_bits(c, &s, &copy, &bits, NULL) &&
		    bitmap_count(bits, s.nr_bits) == s.nr_pages)
			best = s.shape;
	}
	free(copy);
	return best ? best : first;
}

static unsigned is_written(struct bytes b, struct field f, uint64_t most)
{
	uint64_t v = field_or(b, f, 0);

	return v && v <= most && !dmp_is_filler(v, f.width);
}

/* Of a header that is wrong in any shape: the one that has most of its fields. */
static const struct bitmap_shape *likely_shape(const struct dmp_width *w, struct bytes b)
{
	const uint64_t max_off = (uint64_t)1 << MAX_FIRST_PAGE_BITS;
	const struct bitmap_shape *best = &w->shapes[0];
	unsigned most = 0, n;

	for (size_t i = 0; i < w->nr_shapes; i++) {
		const struct bitmap_shape *k = &w->shapes[i];

		if (k->words)
			continue;
		n = is_written(b, k->first_page, max_off);
		n += is_written(b, k->nr_bits, w->max_bits);
		n += is_written(b, k->nr_pages, w->max_bits);
		if (n > most) {
			best = k;
			most = n;
		}
	}
	return best;
}

/* A file may end behind the bits of a short header: zeros stand for the rest. */
static enum dl_status read_head(struct container *c, uint8_t b[SHAPE_BYTES],
				struct dl_err *err)
{
	const struct dmp *d = c->state;
	const char *name = source_name(c->source);
	uint32_t off = d->width->header_bytes;
	enum dl_status st = source_read(c->source, off, b, SHAPE_BYTES, NULL);

	memset(b, 0, st ? SHAPE_BYTES : 0);
	if (st)
		st = source_read(c->source, off, b, SHORTEST_BYTES, err);
	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut before the summary header "
				  "at 0x%x", name, off);
	if (st)
		return st;
	if (memcmp(b + 4, "DUMP", 4) || (memcmp(b, "SDMP", 4) && memcmp(b, "FDMP", 4)))
		return err_set(err, DL_CORRUPT, "%s: the signature at 0x%x is neither SDMP "
			       "nor FDMP with DUMP, which DumpType %" PRIu32 " needs", name,
			       off, d->type);
	return DL_OK;
}

static enum dl_status read_summary(struct container *c, struct bytes head,
				   struct summary *s, struct dl_err *err)
{
	const struct dmp_width *w = ((struct dmp *)c->state)->width;
	const char *name = source_name(c->source);
	const struct bitmap_shape *shape = best_shape(c, head);

	if (!shape)
		shape = likely_shape(w, head);
	if (!read_shape(w, shape, head, s))
		return err_set(err, DL_CORRUPT, "%s: BitmapSize at 0x%x is 0x%" PRIx64
			       ", no number of PFNs that a %s machine has", name,
			       w->header_bytes + shape->nr_bits.off, s->nr_bits, w->words);
	if (s->first_page >> MAX_FIRST_PAGE_BITS)
		return err_set(err, DL_CORRUPT, "%s: HeaderSize at 0x%x is 0x%" PRIx64
			       ", no offset in any file", name,
			       w->header_bytes + shape->first_page.off, s->first_page);
	return DL_OK;
}

/* ---- what contradicts itself ---- */

static void note_bits_beyond(struct container *c, const struct bitmap *b)
{
	unsigned rest = (unsigned)(b->nr_bits % 8);

	if (rest && b->bits[b->nr_bits / 8] >> rest)
		container_note(c, DL_CORRUPT, "%s: the bitmap has bits set beyond "
			       "BitmapSize (0x%" PRIx64 "): ignored",
			       source_name(c->source), b->nr_bits);
}

static void note_contradictions(struct container *c, const struct summary *s,
				struct bytes head)
{
	const struct dmp *d = c->state;
	const struct bitmap_shape *k = s->shape;
	const char *name = source_name(c->source);
	unsigned base = d->width->header_bytes;
	uint64_t size;

	if (k->words)
		container_note(c, DL_OK, "%s: bitmap header at 0x%x: %s", name, base,
			       k->words);
	if (field_get(head, k->size_of_bitmap, &size) && size != s->nr_bits)
		container_note(c, DL_CORRUPT, "%s: SizeOfBitMap at 0x%x is 0x%" PRIx64
			       ", but BitmapSize at 0x%x is 0x%" PRIx64 ": the latter "
			       "is taken", name, base + k->size_of_bitmap.off, size,
			       base + k->nr_bits.off, s->nr_bits);
	if (d->nr_pages != s->nr_pages)
		container_note(c, DL_CORRUPT, "%s: Pages at 0x%x is %" PRIu64 ", but "
			       "%" PRIu64 " bits are set: the bits are taken", name,
			       base + k->nr_pages.off, s->nr_pages, d->nr_pages);
}

static uint64_t first_page_off(struct container *c, const struct summary *s)
{
	const struct dmp *d = c->state;
	uint64_t aligned = (s->end + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

	if (s->first_page % PAGE_BYTES == 0 && s->first_page >= s->end)
		return s->first_page;
	container_note(c, DL_CORRUPT, "%s: HeaderSize at 0x%x is 0x%" PRIx64 ", %s: "
		       "pages are taken to begin at 0x%" PRIx64, source_name(c->source),
		       d->width->header_bytes + s->shape->first_page.off, s->first_page,
		       s->first_page < s->end ? "inside the bitmap" :
		       "no multiple of a page", aligned);
	return aligned;
}

/* Bits that had to be copied die with the container. */
static enum dl_status keep_bits(struct container *c, const struct summary *s,
				struct dl_err *err)
{
	struct dmp *d = c->state;
	const uint8_t *bits = NULL;
	enum dl_status st = read_bits(c, s, &d->copied_bits, &bits, err);

	if (st)
		return st;
	if (!bitmap_init(&d->bitmap, &c->arena, bits, s->nr_bits))
		return err_set(err, DL_NOMEM, "out of memory");
	return DL_OK;
}

enum dl_status dmp_open_bitmap(struct container *c, struct dl_err *err)
{
	struct dmp *d = c->state;
	uint8_t b[SHAPE_BYTES] = { 0 };
	struct bytes head = { b, sizeof b };
	struct summary s = { 0 };
	enum dl_status st = read_head(c, b, err);

	if (!st)
		st = read_summary(c, head, &s, err);
	if (!st)
		st = keep_bits(c, &s, err);
	if (st)
		return st;
	note_bits_beyond(c, &d->bitmap);
	d->nr_pages = d->bitmap.nr_set;
	d->pages_off = first_page_off(c, &s);
	note_contradictions(c, &s, head);
	return DL_OK;
}
