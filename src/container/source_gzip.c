/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gzip file as a source with random access: inflated once from the start as
 * far as anybody asks, leaving a checkpoint (a copy of zlib's state) every
 * span of data, from which any part behind is inflated again. Data is held in
 * chunks, the least recently used of which goes first. Nothing is inflated
 * that is not asked for, so a file that would inflate to petabytes is as
 * harmless as any.
 *
 * One lock guards everything but inflating itself: a thread takes a cursor out
 * of the tables, inflates with it unlocked, and hands in the chunks it made.
 */
#include "gzip_stream.h"
#include "source_impl.h"

#include "dumpleak/base/arena.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	CACHE_BYTES = 128 << 20, WINDOW_BYTES = 64 << 20,
	MAX_CHUNK_BYTES = 1 << 20, MIN_CHUNK_BYTES = 4 << 10,
	SPAN_BYTES = 1 << 20,
	MIN_CHUNKS = 8,                 /* smaller caches get smaller chunks   */
	PARKED = 8,                     /* cursors waiting where a read ended  */
	MAX_BUSY = 64,
	MAX_RATIO = 1032,               /* deflate makes no more bytes of one  */
};

struct chunk {
	uint64_t index;
	uint8_t *p;
	size_t n;               /* less than a chunk: the last one */
	uint64_t used;          /* tick of the latest use          */
};

struct gzip_source {
	struct source base;
	struct source *raw;
	size_t chunk_bytes;
	pthread_mutex_t lock;
	pthread_cond_t change;

	struct gzip_cursor *front;      /* owned by extend() while it is busy    */
	uint64_t front_index;           /* the chunk it inflates next            */
	bool front_busy;
	enum dl_status end_status;      /* DL_OK: the end is not reached         */
	uint64_t end;                   /* of the data, if it is                 */
	struct dl_err end_err;
	struct gzip_report report;

	struct gzip_cursor **points;    /* [i] stands at i * span_chunks chunks */
	size_t nr_points, points_cap, max_points;
	uint64_t span_chunks;
	struct gzip_cursor *parked[PARKED];
	unsigned next_parked;

	struct chunk *chunks;
	size_t nr_chunks, max_chunks, latest;
	uint64_t tick;
	uint64_t busy[MAX_BUSY];        /* chunks being inflated again */
	size_t nr_busy;
};

static struct gzip_source *gzip_of(struct source *s)
{
	return (struct gzip_source *)s;
}

/* ---- the chunks; all with the lock held ---- */

static struct chunk *chunk_find(struct gzip_source *g, uint64_t index)
{
	if (g->latest < g->nr_chunks && g->chunks[g->latest].index == index)
		return &g->chunks[g->latest];
	for (size_t i = 0; i < g->nr_chunks; i++) {
		if (g->chunks[i].index == index) {
			g->latest = i;
			g->chunks[i].used = ++g->tick;
			return &g->chunks[i];
		}
	}
	return NULL;
}

static struct chunk *chunk_oldest(struct gzip_source *g)
{
	struct chunk *old = &g->chunks[0];

	for (size_t i = 1; i < g->nr_chunks; i++)
		if (g->chunks[i].used < old->used)
			old = &g->chunks[i];
	return old;
}

/* Takes over @p. */
static void chunk_put(struct gzip_source *g, uint64_t index, uint8_t *p, size_t n)
{
	struct chunk *c;

	if (!n || chunk_find(g, index)) {
		free(p);
		return;
	}
	if (g->nr_chunks < g->max_chunks) {
		c = &g->chunks[g->nr_chunks++];
	} else {
		c = chunk_oldest(g);
		free(c->p);
	}
	*c = (struct chunk){ index, p, n, ++g->tick };
	g->latest = (size_t)(c - g->chunks);
}

/* ---- checkpoints; all with the lock held ---- */

static uint64_t position(const struct gzip_source *g, const struct gzip_cursor *c)
{
	return c->out / g->chunk_bytes;
}

/* Every second checkpoint goes, and the span doubles. */
static void thin(struct gzip_source *g)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->nr_points; i++) {
		if (i % 2)
			gzip_cursor_free(g->points[i]);
		else
			g->points[kept++] = g->points[i];
	}
	g->nr_points = kept;
	g->span_chunks *= 2;
}

/* A checkpoint that cannot be kept only costs time later. */
static void add_point(struct gzip_source *g)
{
	struct gzip_cursor **v, *copy;

	if (g->nr_points >= g->max_points)
		thin(g);
	if (g->front_index != g->nr_points * g->span_chunks)
		return;
	v = vec_grow(g->points, &g->points_cap, g->nr_points + 1, sizeof(*v));
	if (!v)
		return;
	g->points = v;
	copy = gzip_cursor_copy(g->front);
	if (copy)
		g->points[g->nr_points++] = copy;
}

static void park(struct gzip_source *g, struct gzip_cursor *c)
{
	gzip_cursor_free(g->parked[g->next_parked]);
	g->parked[g->next_parked] = c;
	g->next_parked = (g->next_parked + 1) % PARKED;
}

/* The nearest cursor at or before @index, the caller's from now on. */
static struct gzip_cursor *start_before(struct gzip_source *g, uint64_t index)
{
	uint64_t i = index / g->span_chunks, best;
	struct gzip_cursor **parked = NULL, *c;

	if (i >= g->nr_points)
		i = g->nr_points - 1;
	best = position(g, g->points[i]);
	for (int k = 0; k < PARKED; k++) {
		c = g->parked[k];
		if (c && position(g, c) <= index && position(g, c) > best) {
			best = position(g, c);
			parked = &g->parked[k];
		}
	}
	if (!parked)
		return gzip_cursor_copy(g->points[i]);
	c = *parked;
	*parked = NULL;
	return c;
}

/* ---- inflating; called with the lock held, which they drop meanwhile ---- */

static void stop(struct gzip_source *g, enum dl_status st, const struct dl_err *why)
{
	const char *raw_damage = source_damage(g->raw);

	g->end_status = st;
	g->end = g->front->out;
	g->end_err = *why;
	if (st == DL_END)
		return;
	if (raw_damage) { /* zeros in place of what the disk lost look corrupt */
		g->end_status = DL_IO;
		err_set(&g->end_err, DL_IO, "%s", raw_damage);
	}
	if (!g->report.damage[0])
		memcpy(g->report.damage, g->end_err.text, sizeof g->report.damage - 1);
}

/* The next chunk at the front, for which everybody waits. */
static enum dl_status extend(struct gzip_source *g, struct dl_err *err)
{
	uint64_t index = g->front_index;
	uint8_t *p = malloc(g->chunk_bytes);
	struct gzip_report report = g->report;
	struct dl_err why = { "" };
	enum dl_status st;
	size_t got;

	if (!p)
		return err_set(err, DL_NOMEM, "out of memory");
	g->front_busy = true;
	pthread_mutex_unlock(&g->lock);
	st = gzip_fill(g->front, g->raw, p, g->chunk_bytes, &got, &report, &why);
	pthread_mutex_lock(&g->lock);
	g->front_busy = false;
	g->front_index++;
	if (report.damage[0] && !g->report.damage[0])
		memcpy(g->report.damage, report.damage, sizeof report.damage);
	memcpy(g->report.remark, report.remark, sizeof report.remark);
	chunk_put(g, index, p, got);
	if (st)
		stop(g, st, &why);
	else
		add_point(g);
	pthread_cond_broadcast(&g->change);
	return DL_OK;
}

static size_t chunk_size(const struct gzip_source *g, uint64_t index)
{
	uint64_t off = index * g->chunk_bytes;

	if (g->end_status && g->end - off < g->chunk_bytes)
		return (size_t)(g->end - off);
	return g->chunk_bytes;
}

/* Inflate from @c up to and including chunk @index; all chunks passed are kept. */
static enum dl_status inflate_to(struct gzip_source *g, struct gzip_cursor *c,
				 uint64_t index, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	for (uint64_t i = position(g, c); !st && i <= index; i++) {
		size_t want = chunk_size(g, i), got = 0;
		uint8_t *p;

		pthread_mutex_unlock(&g->lock);
		p = malloc(g->chunk_bytes);
		if (p)
			st = gzip_fill(c, g->raw, p, want, &got, NULL, err);
		else
			st = err_set(err, DL_NOMEM, "out of memory");
		pthread_mutex_lock(&g->lock);
		if (st == DL_END || st == DL_ABSENT)
			st = err_set(err, DL_IO, "%s: changed while it was read",
				     g->base.name);
		if (st)
			free(p);
		else
			chunk_put(g, i, p, got);
	}
	return st;
}

static bool is_busy(const struct gzip_source *g, uint64_t index)
{
	for (size_t i = 0; i < g->nr_busy; i++)
		if (g->busy[i] == index)
			return true;
	return g->nr_busy == MAX_BUSY;
}

static void not_busy(struct gzip_source *g, uint64_t index)
{
	size_t i = 0;

	while (g->busy[i] != index)
		i++;
	g->busy[i] = g->busy[--g->nr_busy];
	pthread_cond_broadcast(&g->change);
}

static enum dl_status inflate_again(struct gzip_source *g, uint64_t index,
				    struct dl_err *err)
{
	struct gzip_cursor *c = start_before(g, index);
	enum dl_status st;

	if (!c)
		return err_set(err, DL_NOMEM, "out of memory");
	g->busy[g->nr_busy++] = index;
	st = inflate_to(g, c, index, err);
	not_busy(g, index);
	if (st || c->out % g->chunk_bytes)
		gzip_cursor_free(c);
	else
		park(g, c);
	return st;
}

/* Chunk @index, valid until the lock is dropped; NULL in *@out past the end. */
static enum dl_status chunk_get(struct gzip_source *g, uint64_t index,
				struct chunk **out, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	for (;;) {
		bool behind = index < g->front_index || g->end_status;

		*out = chunk_find(g, index);
		if (*out || (g->end_status && index * g->chunk_bytes >= g->end))
			return DL_OK;
		if (behind ? is_busy(g, index) : g->front_busy)
			pthread_cond_wait(&g->change, &g->lock);
		else
			st = behind ? inflate_again(g, index, err) : extend(g, err);
		if (st)
			return st;
	}
}

/* ---- the source ---- */

static enum dl_status past_end(struct gzip_source *g, uint64_t off, size_t n,
			       struct dl_err *err)
{
	if (g->end_status == DL_END)
		return source_past_end(&g->base, off, n, g->end, err);
	return err_set(err, g->end_status, "%s", g->end_err.text);
}

static enum dl_status gzip_read(struct source *s, uint64_t off, void *buf, size_t n,
				struct dl_err *err)
{
	struct gzip_source *g = gzip_of(s);
	enum dl_status st = DL_OK;
	uint8_t *to = buf;
	struct chunk *c;

	pthread_mutex_lock(&g->lock);
	while (!st && n) {
		size_t at = (size_t)(off % g->chunk_bytes), part;

		st = chunk_get(g, off / g->chunk_bytes, &c, err);
		if (st)
			break;
		if (!c || at >= c->n) {
			st = past_end(g, off, n, err);
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
	struct gzip_source *g = gzip_of(s);
	uint64_t raw_end;
	bool known;

	source_end(g->raw, &raw_end);
	pthread_mutex_lock(&g->lock);
	known = g->end_status != DL_OK;
	*end = known ? g->end : raw_end * MAX_RATIO;
	pthread_mutex_unlock(&g->lock);
	return known;
}

static enum dl_status gzip_size(struct source *s, uint64_t *size_bytes,
				struct dl_err *err)
{
	struct gzip_source *g = gzip_of(s);
	enum dl_status st = DL_OK;

	pthread_mutex_lock(&g->lock);
	while (!st && !g->end_status) {
		if (g->front_busy)
			pthread_cond_wait(&g->change, &g->lock);
		else
			st = extend(g, err);
	}
	*size_bytes = g->end;
	pthread_mutex_unlock(&g->lock);
	return st;
}

static const char *gzip_damage(struct source *s)
{
	struct gzip_source *g = gzip_of(s);
	const char *raw_damage = source_damage(g->raw);
	bool damaged;

	if (raw_damage)
		return raw_damage;
	pthread_mutex_lock(&g->lock);
	damaged = g->report.damage[0];
	pthread_mutex_unlock(&g->lock);
	return damaged ? g->report.damage : NULL;
}

static const char *gzip_remark(struct source *s)
{
	struct gzip_source *g = gzip_of(s);

	return g->report.remark[0] ? g->report.remark : NULL;
}

static size_t gzip_held_bytes(struct source *s)
{
	struct gzip_source *g = gzip_of(s);
	size_t cursors, n;

	pthread_mutex_lock(&g->lock);
	cursors = g->nr_points + 1;
	for (int k = 0; k < PARKED; k++)
		cursors += g->parked[k] != NULL;
	n = g->nr_chunks * g->chunk_bytes + cursors * gzip_cursor_bytes();
	pthread_mutex_unlock(&g->lock);
	return n;
}

static void gzip_free(struct gzip_source *g)
{
	for (size_t i = 0; i < g->nr_chunks; i++)
		free(g->chunks[i].p);
	for (size_t i = 0; i < g->nr_points; i++)
		gzip_cursor_free(g->points[i]);
	for (int k = 0; k < PARKED; k++)
		gzip_cursor_free(g->parked[k]);
	gzip_cursor_free(g->front);
	free(g->points);
	free(g->chunks);
	pthread_cond_destroy(&g->change);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static void gzip_close(struct source *s)
{
	struct gzip_source *g = gzip_of(s);

	source_close(g->raw);
	gzip_free(g);
}

static const struct source_ops gzip_ops = {
	.close = gzip_close,
	.read = gzip_read,
	.end = gzip_end,
	.size = gzip_size,
	.damage = gzip_damage,
	.remark = gzip_remark,
	.held_bytes = gzip_held_bytes,
	.compressed = true,
};

static void set_limits(struct gzip_source *g, const struct source_options *opts)
{
	size_t cache = opts && opts->cache_bytes ? opts->cache_bytes : CACHE_BYTES;
	size_t windows = opts && opts->window_bytes ? opts->window_bytes : WINDOW_BYTES;

	g->chunk_bytes = MAX_CHUNK_BYTES;
	while (g->chunk_bytes > MIN_CHUNK_BYTES && cache / g->chunk_bytes < MIN_CHUNKS)
		g->chunk_bytes /= 2;
	g->max_chunks = cache / g->chunk_bytes ? cache / g->chunk_bytes : 1;
	g->span_chunks = SPAN_BYTES / g->chunk_bytes;
	g->max_points = windows / gzip_cursor_bytes();
	if (g->max_points < 2)
		g->max_points = 2;
}

enum dl_status source_gzip_open(struct source *raw, const struct source_options *opts,
				struct source **out, struct dl_err *err)
{
	struct gzip_source *g = calloc(1, sizeof *g);

	if (!g)
		return err_set(err, DL_NOMEM, "out of memory");
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->change, NULL);
	set_limits(g, opts);
	g->front = gzip_cursor_new();
	g->chunks = calloc(g->max_chunks, sizeof *g->chunks);
	if (g->front && g->chunks)
		add_point(g);
	if (!g->nr_points || source_init(&g->base, &gzip_ops, source_name(raw), err)) {
		gzip_free(g);
		return err_set(err, DL_NOMEM, "out of memory");
	}
	g->raw = raw;
	*out = &g->base;
	return DL_OK;
}
