/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip members (RFC 1952) around raw deflate (RFC 1951, by zlib) to data.
 * Members may follow one another; zeros behind the last one are padding, and
 * anything else there is left alone.
 */
#include "gzip_stream.h"

#include "source_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADER_BYTES = 10, TRAILER_BYTES = 8,
	FLAG_HCRC = 2, FLAG_EXTRA = 4, FLAG_NAME = 8, FLAG_COMMENT = 16,
	FLAGS_RESERVED = 0xe0,
	PIECE_BYTES = 16 << 10,         /* read at once where nothing is mapped */
	MAPPED_PIECE_BYTES = 1 << 20,
	PADDING_BYTES = 1 << 20,        /* looked at behind the last member     */
};

struct gzip_cursor *gzip_cursor_new(void)
{
	struct gzip_cursor *c = calloc(1, sizeof *c);

	if (c && inflateInit2(&c->z, -MAX_WBITS) != Z_OK) {
		free(c);
		return NULL;
	}
	return c;
}

struct gzip_cursor *gzip_cursor_copy(struct gzip_cursor *from)
{
	struct gzip_cursor *c = malloc(sizeof *c);

	if (!c)
		return NULL;
	*c = *from;
	if (inflateCopy(&c->z, &from->z) != Z_OK) {
		free(c);
		return NULL;
	}
	return c;
}

void gzip_cursor_free(struct gzip_cursor *c)
{
	if (!c)
		return;
	inflateEnd(&c->z);
	free(c);
}

size_t gzip_cursor_bytes(void)
{
	return sizeof(struct gzip_cursor) + (32 << 10) + (8 << 10);
}

static enum dl_status cut(struct gzip_cursor *c, struct source *raw, struct dl_err *err)
{
	return err_set(err, DL_ABSENT, "%s: the gzip stream is cut at compressed offset "
		       "0x%" PRIx64 ", 0x%" PRIx64 " of the data", source_name(raw),
		       c->in, c->out);
}

static enum dl_status corrupt(struct gzip_cursor *c, struct source *raw,
			      const char *why, struct dl_err *err)
{
	return err_set(err, DL_CORRUPT, "%s: the gzip stream is damaged at compressed "
		       "offset 0x%" PRIx64 ", 0x%" PRIx64 " of the data: %s",
		       source_name(raw), c->in, c->out, why);
}

/* @n bytes of the file at the cursor, which moves on; DL_ABSENT: cut. */
static enum dl_status take(struct gzip_cursor *c, struct source *raw, uint8_t *buf,
			   size_t n, struct dl_err *err)
{
	enum dl_status st = source_read(raw, c->in, buf, n, err);

	if (st == DL_ABSENT)
		return cut(c, raw, err);
	if (!st)
		c->in += n;
	return st;
}

static enum dl_status skip_string(struct gzip_cursor *c, struct source *raw,
				  struct dl_err *err)
{
	enum dl_status st;
	uint8_t b;

	do
		st = take(c, raw, &b, 1, err);
	while (!st && b);
	return st;
}

static enum dl_status skip_extra(struct gzip_cursor *c, struct source *raw,
				 struct dl_err *err)
{
	uint8_t b[2];
	enum dl_status st = take(c, raw, b, sizeof b, err);

	if (!st)
		c->in += le16(b);
	return st;
}

static enum dl_status read_header(struct gzip_cursor *c, struct source *raw,
				  struct dl_err *err)
{
	uint8_t h[HEADER_BYTES], hcrc[2];
	enum dl_status st;

	c->member_in = c->in;
	c->member_out = c->out;
	c->crc = 0;
	st = take(c, raw, h, sizeof h, err);
	if (st)
		return st;
	if (h[3] & FLAGS_RESERVED)
		return corrupt(c, raw, "unknown flags in the member's header", err);
	if (h[3] & FLAG_EXTRA)
		st = skip_extra(c, raw, err);
	if (!st && (h[3] & FLAG_NAME))
		st = skip_string(c, raw, err);
	if (!st && (h[3] & FLAG_COMMENT))
		st = skip_string(c, raw, err);
	if (!st && (h[3] & FLAG_HCRC))
		st = take(c, raw, hcrc, sizeof hcrc, err);
	if (!st && inflateReset(&c->z) != Z_OK)
		st = err_set(err, DL_NOMEM, "out of memory");
	c->state = GZIP_BODY;
	return st;
}

static bool is_padding(struct source *raw, uint64_t off, uint64_t end)
{
	uint8_t b[512];

	if (end - off > PADDING_BYTES)
		end = off + PADDING_BYTES;
	while (off < end) {
		size_t n = end - off < sizeof b ? (size_t)(end - off) : sizeof b;

		if (source_read(raw, off, b, n, NULL))
			return false;
		for (size_t i = 0; i < n; i++)
			if (b[i])
				return false;
		off += n;
	}
	return true;
}

/* Behind a member: another one, the end, or something that is neither. */
static void look_behind(struct gzip_cursor *c, struct source *raw,
			struct gzip_report *report)
{
	uint8_t magic[3];
	uint64_t end;

	source_end(raw, &end);
	c->state = GZIP_END;
	if (source_read(raw, c->in, magic, sizeof magic, NULL) == DL_OK &&
	    magic[0] == 0x1f && magic[1] == 0x8b && magic[2] == Z_DEFLATED)
		c->state = GZIP_HEADER;
	else if (report && c->in < end && !is_padding(raw, c->in, end))
		snprintf(report->remark, sizeof report->remark, "%.120s: %" PRIu64
			 " bytes at compressed offset 0x%" PRIx64 " behind the gzip data "
			 "are no gzip member: left out", source_name(raw), end - c->in,
			 c->in);
}

static void verify(struct gzip_cursor *c, struct source *raw, const uint8_t *trailer,
		   struct gzip_report *report)
{
	bool crc_ok = le32(trailer) == c->crc;

	if (crc_ok && le32(trailer + 4) == (uint32_t)(c->out - c->member_out))
		return;
	if (report->damage[0])
		return; /* the first one says it */
	snprintf(report->damage, sizeof report->damage, "%.200s: the %s of the gzip member "
		 "at compressed offset 0x%" PRIx64 " does not match its data (0x%" PRIx64
		 "..0x%" PRIx64 ")", source_name(raw), crc_ok ? "length" : "checksum",
		 c->member_in, c->member_out, c->out);
}

static enum dl_status read_trailer(struct gzip_cursor *c, struct source *raw,
				   struct gzip_report *report, struct dl_err *err)
{
	uint8_t t[TRAILER_BYTES];
	enum dl_status st = take(c, raw, t, sizeof t, err);

	if (st)
		return st;
	if (report)
		verify(c, raw, t, report);
	look_behind(c, raw, report);
	return DL_OK;
}

/* The next compressed bytes: from the map, or into @piece. */
static enum dl_status input(struct gzip_cursor *c, struct source *raw, uint8_t *piece,
			    struct bytes *b, struct dl_err *err)
{
	uint64_t end, left;
	enum dl_status st;

	source_end(raw, &end);
	if (c->in >= end)
		return cut(c, raw, err);
	left = end - c->in;
	b->n = left < MAPPED_PIECE_BYTES ? (size_t)left : MAPPED_PIECE_BYTES;
	b->p = source_map(raw, c->in, b->n);
	if (b->p)
		return DL_OK;
	b->n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
	b->p = piece;
	st = source_read(raw, c->in, piece, b->n, err);
	return st == DL_ABSENT ? cut(c, raw, err) : st;
}

static enum dl_status inflate_some(struct gzip_cursor *c, struct source *raw,
				   uint8_t *buf, size_t want, size_t *made,
				   struct dl_err *err)
{
	uint8_t piece[PIECE_BYTES];
	struct bytes b = { NULL, 0 };
	enum dl_status st = input(c, raw, piece, &b, err);
	int ret;

	*made = 0;
	if (st)
		return st;
	if (want > INT32_MAX)
		want = INT32_MAX;
	c->z.next_in = (z_const Bytef *)(uintptr_t)b.p; /* zlib only reads it */
	c->z.avail_in = (uInt)b.n;
	c->z.next_out = buf;
	c->z.avail_out = (uInt)want;
	ret = inflate(&c->z, Z_NO_FLUSH);
	*made = want - c->z.avail_out;
	c->in += b.n - c->z.avail_in;
	c->out += *made;
	switch (ret) {
	case Z_STREAM_END:
		c->state = GZIP_TRAILER;
		return DL_OK;
	case Z_OK:
	case Z_BUF_ERROR:
		return DL_OK;
	case Z_MEM_ERROR:
		return err_set(err, DL_NOMEM, "out of memory");
	default:
		return corrupt(c, raw, c->z.msg ? c->z.msg : "not deflate data", err);
	}
}

/* One step in the member's body; @buf has room for @want bytes. */
static enum dl_status body(struct gzip_cursor *c, struct source *raw, uint8_t *buf,
			   size_t want, size_t *got, bool check, struct dl_err *err)
{
	size_t made;
	enum dl_status st = inflate_some(c, raw, buf, want, &made, err);

	*got += made;
	if (check)
		c->crc = (uint32_t)crc32_z(c->crc, buf, made);
	/* zlib looks ahead: damage behind the last byte wanted comes next time */
	return made == want ? DL_OK : st;
}

enum dl_status gzip_fill(struct gzip_cursor *c, struct source *raw, uint8_t *buf,
			 size_t want, size_t *got, struct gzip_report *report,
			 struct dl_err *err)
{
	enum dl_status st = DL_OK;

	*got = 0;
	while (!st && *got < want) {
		switch (c->state) {
		case GZIP_HEADER:
			st = read_header(c, raw, err);
			break;
		case GZIP_BODY:
			st = body(c, raw, buf + *got, want - *got, got,
				  report != NULL, err);
			break;
		case GZIP_TRAILER:
			st = read_trailer(c, raw, report, err);
			break;
		case GZIP_END:
			st = DL_END;
			break;
		}
	}
	return st;
}
