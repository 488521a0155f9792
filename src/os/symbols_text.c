/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A symbol file's bytes to JSON text: plain, xz (liblzma) or gzip (zlib), told
 * by their first bytes and never by the name. What may come out is bounded.
 */
#include "symbols_text.h"

#include <lzma.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <zlib.h>

enum { XZ_MEMORY_MAX = 128 << 20, FIRST_BYTES = 1 << 20 };

/* Text that grows up to the limit. */
struct text {
	char *p;
	size_t n, cap;
};

static enum dl_status grow(struct text *t, const char *name, struct dl_err *err)
{
	size_t cap = t->cap ? t->cap * 2 : FIRST_BYTES;
	char *bigger;

	if (t->cap >= SYMBOLS_TEXT_MAX)
		return err_set(err, DL_CORRUPT, "%s: more than %d MB when inflated: no kernel's "
			       "symbols are that large", name, SYMBOLS_TEXT_MAX >> 20);
	bigger = realloc(t->p, cap);
	if (!bigger)
		return err_set(err, DL_NOMEM, "out of memory for %s", name);
	t->p = bigger;
	t->cap = cap;
	return DL_OK;
}

enum dl_status symbols_file_read(const char *path, uint8_t **out, size_t *n,
				 struct dl_err *err)
{
	struct text t = { 0 };
	FILE *f = fopen(path, "rb");
	enum dl_status st = DL_OK;
	size_t got;

	if (!f)
		return err_set(err, DL_IO, "%s: %s", path, strerror(errno));
	do {
		st = t.n == t.cap ? grow(&t, path, err) : DL_OK;
		got = st ? 0 : fread(t.p + t.n, 1, t.cap - t.n, f);
		t.n += got;
	} while (got);
	if (!st && ferror(f))
		st = err_set(err, DL_IO, "%s: %s", path, strerror(errno));
	fclose(f);
	if (st) {
		free(t.p);
		return st;
	}
	*out = (uint8_t *)t.p;
	*n = t.n;
	return DL_OK;
}

static const char *xz_words(lzma_ret ret)
{
	switch (ret) {
	case LZMA_BUF_ERROR: return "ends in the middle of the xz stream";
	case LZMA_MEMLIMIT_ERROR: return "wants more memory to inflate than any symbol file";
	case LZMA_OPTIONS_ERROR: return "uses an xz filter that is not known";
	default: return "is a damaged xz stream";
	}
}

static enum dl_status inflate_xz(struct bytes raw, const char *name, struct text *t,
				 struct dl_err *err)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret ret = lzma_stream_decoder(&s, XZ_MEMORY_MAX, LZMA_CONCATENATED);
	enum dl_status st = DL_OK;

	if (ret != LZMA_OK)
		return err_set(err, DL_NOMEM, "out of memory for %s", name);
	s.next_in = raw.p;
	s.avail_in = raw.n;
	while (!st && ret == LZMA_OK) {
		if (t->n == t->cap)
			st = grow(t, name, err);
		if (st)
			break;
		s.next_out = (uint8_t *)t->p + t->n;
		s.avail_out = t->cap - t->n;
		ret = lzma_code(&s, LZMA_FINISH);
		t->n = t->cap - s.avail_out;
	}
	lzma_end(&s);
	if (!st && ret == LZMA_MEM_ERROR)
		return err_set(err, DL_NOMEM, "out of memory for %s", name);
	if (!st && ret != LZMA_STREAM_END)
		return err_set(err, DL_CORRUPT, "%s: %s", name, xz_words(ret));
	return st;
}

static enum dl_status inflate_gzip(struct bytes raw, const char *name, struct text *t,
				   struct dl_err *err)
{
	z_stream s;
	enum dl_status st = DL_OK;
	int ret;

	memset(&s, 0, sizeof s);
	if (inflateInit2(&s, 15 + 16) != Z_OK)
		return err_set(err, DL_NOMEM, "out of memory for %s", name);
	/* the sum of what is inflated is bounded, so it fits uInt */
	s.next_in = (Bytef *)(uintptr_t)raw.p;
	s.avail_in = (uInt)raw.n;
	do {
		if (t->n == t->cap)
			st = grow(t, name, err);
		if (st)
			break;
		s.next_out = (Bytef *)t->p + t->n;
		s.avail_out = (uInt)(t->cap - t->n);
		ret = inflate(&s, Z_NO_FLUSH);
		t->n = t->cap - s.avail_out;
		if (ret == Z_STREAM_END && s.avail_in)  /* another member follows */
			ret = inflateReset(&s);
	} while (ret == Z_OK);
	inflateEnd(&s);
	if (!st && ret != Z_STREAM_END)
		return err_set(err, ret == Z_MEM_ERROR ? DL_NOMEM : DL_CORRUPT, "%s: %s", name,
			       ret == Z_BUF_ERROR ? "ends in the middle of the gzip stream"
						  : "is a damaged gzip stream");
	return st;
}

static bool starts_with(struct bytes b, const char *magic, size_t n)
{
	return b.n >= n && !memcmp(b.p, magic, n);
}

static enum dl_status copy_plain(struct bytes raw, const char *name, struct text *t,
				 struct dl_err *err)
{
	t->p = malloc(raw.n + 1);
	if (!t->p)
		return err_set(err, DL_NOMEM, "out of memory for %s", name);
	if (raw.n)
		memcpy(t->p, raw.p, raw.n);
	t->n = t->cap = raw.n;
	return DL_OK;
}

enum dl_status symbols_text(struct bytes raw, const char *name, char **out, size_t *n,
			    struct dl_err *err)
{
	struct text t = { 0 };
	enum dl_status st;

	if (raw.n > SYMBOLS_TEXT_MAX)
		return err_set(err, DL_CORRUPT, "%s: %zu bytes: no kernel's symbols are that large",
			       name, raw.n);
	if (starts_with(raw, "\xfd" "7zXZ", 6))
		st = inflate_xz(raw, name, &t, err);
	else if (starts_with(raw, "\x1f\x8b", 2))
		st = inflate_gzip(raw, name, &t, err);
	else if (starts_with(raw, "PK\3\4", 4))
		st = err_set(err, DL_UNSUPPORTED, "%s: is a zip archive: unpack it, and name one of "
			     "its files", name);
	else if (starts_with(raw, "Microsoft C/C++ MSF", 19))
		st = err_set(err, DL_UNSUPPORTED, "%s: is a PDB: make an ISF file of it, for "
			     "instance with Volatility 3's pdbconv", name);
	else
		st = copy_plain(raw, name, &t, err);
	if (st) {
		free(t.p);
		return st;
	}
	*out = t.p;
	*n = t.n;
	return DL_OK;
}
