/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flattened kdump ("makedumpfile" in its first bytes, what QEMU writes into
 * a pipe) to the file it stands for: behind a header of 4096 bytes, records of
 * {offset, size, data}, big endian, where a later record overwrites an earlier
 * one; offset -1 ends them. Facts: makedumpfile's documentation, and the files
 * that QEMU wrote. libkdumpfile reads these itself from 0.5.3 on.
 */
#include "source_flat.h"
#include "runs.h"
#include "source_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLAT_HEADER_BYTES = 4096, RECORD_BYTES = 16,
	MAX_RECORDS = 4 << 20,  /* 128 MB of index; QEMU's records hold up to 1 MB */
};

static const char magic[16] = "makedumpfile";

struct flat_source {
	struct source base;
	struct source *raw;     /* borrowed                                */
	struct runs records;    /* offset in the file to offset in the raw */
	uint64_t end;
	bool complete;          /* the end record was seen                 */
	char damage[400];
};

static struct flat_source *flat_of(struct source *s)
{
	return (struct flat_source *)s;
}

bool source_is_flat(struct source *raw)
{
	uint8_t b[sizeof magic];

	return source_read(raw, 0, b, sizeof b, NULL) == DL_OK &&
	       !memcmp(b, magic, sizeof magic);
}

/* What no record covers was never written: zeros, unless records are missing. */
static enum dl_status read_hole(struct flat_source *f, uint64_t off, uint8_t *to,
				size_t n, struct dl_err *err)
{
	if (!f->complete || off >= f->end || n > f->end - off)
		return source_past_end(&f->base, off, n, f->end, err);
	memset(to, 0, n);
	return DL_OK;
}

static enum dl_status flat_read(struct source *s, uint64_t off, void *buf, size_t n,
				struct dl_err *err)
{
	struct flat_source *f = flat_of(s);
	enum dl_status st = DL_OK;
	uint8_t *to = buf;

	while (!st && n) {
		const struct run *r = runs_next(&f->records, off);
		bool hole = !r || r->first > off;
		uint64_t left = !r ? n : hole ? r->first - off : r->last - off + 1;
		size_t part = left < n ? (size_t)left : n;

		if (hole)
			st = read_hole(f, off, to, part, err);
		else
			st = source_read(f->raw, r->target + (off - r->first), to,
					 part, err);
		to += part;
		off += part;
		n -= part;
	}
	return st;
}

static bool flat_end(struct source *s, uint64_t *end)
{
	*end = flat_of(s)->end;
	return true;
}

static const char *flat_damage(struct source *s)
{
	struct flat_source *f = flat_of(s);

	return f->damage[0] ? f->damage : source_damage(f->raw);
}

static size_t flat_held_bytes(struct source *s)
{
	return flat_of(s)->records.cap * sizeof(struct run);
}

static void flat_close(struct source *s)
{
	runs_deinit(&flat_of(s)->records);
	free(s);
}

static const struct source_ops flat_ops = {
	.close = flat_close,
	.read = flat_read,
	.end = flat_end,
	.damage = flat_damage,
	.held_bytes = flat_held_bytes,
};

static void breaks_off(struct flat_source *f, uint64_t off, const char *why)
{
	snprintf(f->damage, sizeof f->damage, "%.200s: the flattened kdump breaks off at "
		 "0x%" PRIx64 ": %s", f->base.name, off, why);
}

/* One record at @off; *@next is where the next one begins, 0 after the last. */
static enum dl_status add_record(struct flat_source *f, uint64_t off, uint64_t *next,
				 struct dl_err *err)
{
	uint8_t b[RECORD_BYTES];
	uint64_t at, n, end;
	enum dl_status st = source_read(f->raw, off, b, sizeof b, err);

	*next = 0;
	if (st == DL_NOMEM || st == DL_IO)
		return st;
	if (st) {
		breaks_off(f, off, "there is no end record");
		return DL_OK;
	}
	at = be64(b);
	n = be64(b + 8);
	f->complete = at == UINT64_MAX;
	if (f->complete)
		return DL_OK;
	if (at > INT64_MAX || n > INT64_MAX - at || n > INT64_MAX - off - RECORD_BYTES) {
		breaks_off(f, off, "this record's offset or size is impossible");
		return DL_OK;
	}
	*next = off + RECORD_BYTES + n;
	if (!n)
		return DL_OK;
	if (source_end(f->raw, &end) && *next > end)
		n -= *next - end; /* what is there of the last one */
	if (n && !runs_add(&f->records, at, at + n - 1, off + RECORD_BYTES))
		return err_set(err, DL_NOMEM, "out of memory");
	if (at + n > f->end)
		f->end = at + n;
	return DL_OK;
}

static enum dl_status add_records(struct flat_source *f, struct dl_err *err)
{
	uint64_t off = FLAT_HEADER_BYTES;
	enum dl_status st = DL_OK;

	while (!st && off) {
		if (f->records.n >= MAX_RECORDS)
			return err_set(err, DL_UNSUPPORTED, "%s: flattened kdump with more "
				       "than %d records: rearrange it first with "
				       "makedumpfile -R", f->base.name, MAX_RECORDS);
		st = add_record(f, off, &off, err);
	}
	if (!st && !runs_sort(&f->records, 1, RUNS_LAST_WINS, NULL))
		st = err_set(err, DL_NOMEM, "out of memory");
	return st;
}

enum dl_status source_flat_open(struct source *raw, struct source **out,
				struct dl_err *err)
{
	struct flat_source *f = calloc(1, sizeof *f);
	enum dl_status st;

	if (!f)
		return err_set(err, DL_NOMEM, "out of memory");
	f->raw = raw;
	st = source_init(&f->base, &flat_ops, source_name(raw), err);
	if (st) {
		free(f);
		return st;
	}
	st = add_records(f, err);
	if (st)
		source_close(&f->base);
	else
		*out = &f->base;
	return st;
}
