/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 32-bit kernel dumps (DumpType 2) to pages: "SDMP" behind the header, a bitmap
 * of PFNs, then the pages of the set bits in ascending order. The layout is
 * that of dumps at hand; the lengths in it are claims to check.
 */
#include "dmp32.h"

#include "source_impl.h"

#include <inttypes.h>
#include <string.h>

enum {
	SUMMARY_BYTES = 0x20,   /* up to the bits                              */
	MAX_BITS = 1 << 28,     /* 1 TB: eight times what 32-bit Windows takes */
};

struct summary {
	uint32_t header_bytes, nr_bits, nr_pages, size_of_bitmap;
};

static enum dl_status read_summary(struct container *c, struct summary *s,
				   struct dl_err *err)
{
	const char *name = source_name(c->source);
	uint8_t b[SUMMARY_BYTES];
	enum dl_status st = source_read(c->source, DMP32_SUMMARY_OFF, b, sizeof b, err);

	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut before the summary header "
				  "at 0x1000", name);
	if (st)
		return st;
	if (memcmp(b, "SDMPDUMP", 8) != 0)
		return err_set(err, DL_CORRUPT, "%s: the signature at 0x1000 is not "
			       "SDMP DUMP, which DumpType 2 needs", name);
	*s = (struct summary){
		.header_bytes = le32(b + 0xc),
		.nr_bits = le32(b + 0x10),
		.nr_pages = le32(b + 0x14),
		.size_of_bitmap = le32(b + 0x18),
	};
	if (s->nr_bits == 0 || s->nr_bits > MAX_BITS)
		return err_set(err, DL_CORRUPT, "%s: BitmapSize at 0x1010 is 0x%" PRIx32
			       ", no number of PFNs that a 32-bit machine has", name,
			       s->nr_bits);
	if (s->size_of_bitmap != s->nr_bits)
		container_note(c, DL_CORRUPT, "%s: SizeOfBitMap at 0x1018 is 0x%" PRIx32
			       ", but BitmapSize at 0x1010 is 0x%" PRIx32 ": the latter "
			       "is taken", name, s->size_of_bitmap, s->nr_bits);
	return DL_OK;
}

/* The bits, borrowed from the file or copied; cut to what the file holds. */
static enum dl_status read_bits(struct container *c, struct summary *s,
				const uint8_t **bits, struct dl_err *err)
{
	const uint64_t off = DMP32_SUMMARY_OFF + SUMMARY_BYTES;
	size_t n = ((size_t)s->nr_bits + 7) / 8;
	uint64_t end;
	uint8_t *copy;

	source_end(c->source, &end);
	if (end < off + n)
		return err_set(err, DL_CORRUPT, "%s: BitmapSize at 0x1010 is 0x%" PRIx32
			       ": the bitmap would end at 0x%" PRIx64
			       ", the file ends at 0x%" PRIx64, source_name(c->source),
			       s->nr_bits, off + n, end);
	*bits = source_map(c->source, off, n);
	if (*bits)
		return DL_OK;
	copy = arena_alloc(&c->arena, n);
	if (!copy)
		return err_set(err, DL_NOMEM, "out of memory");
	*bits = copy;
	return source_read(c->source, off, copy, n, err);
}

static void note_bits_beyond(struct container *c, const struct dmp32 *d)
{
	unsigned rest = (unsigned)(d->bitmap.nr_bits % 8);

	if (rest && d->bitmap.bits[d->bitmap.nr_bits / 8] >> rest)
		container_note(c, DL_CORRUPT, "%s: the bitmap has bits set beyond "
			       "BitmapSize (0x%" PRIx64 "): ignored",
			       source_name(c->source), d->bitmap.nr_bits);
}

static uint64_t first_page_off(struct container *c, const struct summary *s)
{
	uint64_t end = DMP32_SUMMARY_OFF + SUMMARY_BYTES + ((uint64_t)s->nr_bits + 7) / 8;
	uint64_t aligned = (end + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

	if (s->header_bytes % PAGE_BYTES == 0 && s->header_bytes >= end)
		return s->header_bytes;
	container_note(c, DL_CORRUPT, "%s: HeaderSize at 0x100c is 0x%" PRIx32 ", %s: "
		       "pages are taken to begin at 0x%" PRIx64, source_name(c->source),
		       s->header_bytes, s->header_bytes < end ? "inside the bitmap" :
		       "no multiple of a page", aligned);
	return aligned;
}

enum dl_status dmp32_open_kernel(struct container *c, struct dl_err *err)
{
	struct dmp32 *d = c->state;
	struct summary s = { 0 };
	const uint8_t *bits = NULL;
	enum dl_status st;

	c->header.format = "kernel32";
	c->header.title = "32-bit kernel memory dump (DumpType 2)";
	st = read_summary(c, &s, err);
	if (!st)
		st = read_bits(c, &s, &bits, err);
	if (st)
		return st;
	if (!bitmap_init(&d->bitmap, &c->arena, bits, s.nr_bits))
		return err_set(err, DL_NOMEM, "out of memory");
	note_bits_beyond(c, d);
	d->nr_pages = d->bitmap.nr_set;
	d->pages_off = first_page_off(c, &s);
	if (d->nr_pages != s.nr_pages)
		container_note(c, DL_CORRUPT, "%s: Pages at 0x1014 is %" PRIu32 ", but "
			       "%" PRIu64 " bits are set: the bits are taken",
			       source_name(c->source), s.nr_pages, d->nr_pages);
	return DL_OK;
}
