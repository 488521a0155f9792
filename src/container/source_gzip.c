/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gzip file as a source with random access. Nothing is inflated that is not
 * asked for and little is held at once (gzip_index.h), so a file that would
 * inflate to petabytes is as harmless as any.
 */
#include "gzip_index.h"
#include "source_impl.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RATIO = 1032 };      /* deflate makes no more bytes of one */

struct gzip_source {
	struct source base;
	struct gzip_index index;
};

static struct gzip_index *index_of(struct source *s)
{
	return &((struct gzip_source *)s)->index;
}

static enum dl_status past_end(struct source *s, uint64_t off, size_t n,
			       struct dl_err *err)
{
	struct gzip_index *g = index_of(s);

	if (g->end_status == DL_END)
		return source_past_end(s, off, n, g->end, err);
	return err_set(err, g->end_status, "%s", g->end_err.text);
}

static enum dl_status gzip_read(struct source *s, uint64_t off, void *buf, size_t n,
				struct dl_err *err)
{
	struct gzip_index *g = index_of(s);
	enum dl_status st = DL_OK;
	uint8_t *to = buf;
	struct chunk *c;

	pthread_mutex_lock(&g->lock);
	while (!st && n) {
		size_t at = (size_t)(off % g->chunk_bytes), part;

		st = gzip_index_get(g, off / g->chunk_bytes, &c, err);
		if (st)
			break;
		if (!c || at >= c->n) {
			st = past_end(s, off, n, err);
			break;
		}
		part = c->n - at < n ? c->n - at : n;
		memcpy(to, c->p + at, part);
		to += part;
		off += part;
		n -= part;
	}
	pthread_mutex_unlock(&g->lock);
	return st;
}

static bool gzip_end(struct source *s, uint64_t *end)
{
	struct gzip_index *g = index_of(s);
	uint64_t raw_end;
	bool known;

	source_end(g->raw, &raw_end);
	pthread_mutex_lock(&g->lock);
	known = g->end_status != DL_OK;
	if (known)
		*end = g->end;
	else
		*end = raw_end < UINT64_MAX / MAX_RATIO ? raw_end * MAX_RATIO : UINT64_MAX;
	pthread_mutex_unlock(&g->lock);
	return known;
}

static enum dl_status gzip_size(struct source *s, uint64_t *size_bytes,
				struct dl_err *err)
{
	struct gzip_index *g = index_of(s);
	enum dl_status st;

	pthread_mutex_lock(&g->lock);
	st = gzip_index_finish(g, err);
	*size_bytes = g->end;
	pthread_mutex_unlock(&g->lock);
	return st;
}

/* A text that is written once, before anybody sees it. */
static const char *shown(struct gzip_index *g, const char *text)
{
	bool any;

	pthread_mutex_lock(&g->lock);
	any = text[0];
	pthread_mutex_unlock(&g->lock);
	return any ? text : NULL;
}

static const char *gzip_damage(struct source *s)
{
	struct gzip_index *g = index_of(s);
	const char *raw_damage = source_damage(g->raw);

	return raw_damage ? raw_damage : shown(g, g->report.damage);
}

static enum dl_status gzip_damage_kind(struct source *s)
{
	struct gzip_index *g = index_of(s);
	enum dl_status end_status;

	pthread_mutex_lock(&g->lock);
	end_status = g->end_status;
	pthread_mutex_unlock(&g->lock);
	if (end_status == DL_ABSENT || end_status == DL_IO)
		return end_status;
	return DL_CORRUPT;
}

static const char *gzip_remark(struct source *s)
{
	struct gzip_index *g = index_of(s);

	return shown(g, g->report.remark);
}

static size_t gzip_held_bytes(struct source *s)
{
	struct gzip_index *g = index_of(s);
	size_t n;

	pthread_mutex_lock(&g->lock);
	n = gzip_index_held_bytes(g);
	pthread_mutex_unlock(&g->lock);
	return n;
}

static void gzip_close(struct source *s)
{
	gzip_index_deinit(index_of(s));
	free(s);
}

static const struct source_ops gzip_ops = {
	.close = gzip_close,
	.read = gzip_read,
	.end = gzip_end,
	.size = gzip_size,
	.damage = gzip_damage,
	.damage_kind = gzip_damage_kind,
	.remark = gzip_remark,
	.held_bytes = gzip_held_bytes,
	.compressed = true,
};

enum dl_status source_gzip_open(struct source *raw, const struct source_options *opts,
				struct source **out, struct dl_err *err)
{
	struct gzip_source *s = calloc(1, sizeof *s);
	enum dl_status st;

	if (!s)
		return err_set(err, DL_NOMEM, "out of memory");
	st = source_init(&s->base, &gzip_ops, source_name(raw), err);
	if (!st && !gzip_index_init(&s->index, raw, opts))
		st = err_set(err, DL_NOMEM, "out of memory");
	if (st) {
		free(s->base.name);
		free(s);
		return st;
	}
	*out = &s->base;
	return DL_OK;
}
