/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gzip stream to chunks of its data. The front inflates the file once, from
 * the start and only as far as anybody asks, leaving a checkpoint (a copy of
 * zlib's state) every span of data; what lies behind is inflated again from
 * there. Too many checkpoints: every second one goes, and the span doubles.
 *
 * One lock guards everything but inflating itself: a thread takes a cursor out
 * of the tables, inflates with it unlocked, and hands in the chunks it made.
 */
#include "gzip_index.h"

#include "source_impl.h"

#include "dumpleak/base/arena.h"

#include <stdlib.h>
#include <string.h>

enum {
	CACHE_BYTES = 128 << 20, WINDOW_BYTES = 64 << 20,
	MAX_CHUNK_BYTES = 1 << 20, MIN_CHUNK_BYTES = 4 << 10,
	SPAN_BYTES = 1 << 20,
	MIN_CHUNKS = 8,                 /* smaller caches get smaller chunks */
};

/* ---- the chunks; all with the lock held ---- */

static struct chunk *chunk_find(struct gzip_index *g, uint64_t index)
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

static struct chunk *chunk_oldest(struct gzip_index *g)
{
	struct chunk *old = &g->chunks[0];

	for (size_t i = 1; i < g->nr_chunks; i++)
		if (g->chunks[i].used < old->used)
			old = &g->chunks[i];
	return old;
}

/* Takes over @p. */
static void chunk_put(struct gzip_index *g, uint64_t index, uint8_t *p, size_t n)
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

static uint64_t position(const struct gzip_index *g, const struct gzip_cursor *c)
{
	return c->out / g->chunk_bytes;
}

/* Every second checkpoint goes, and the span doubles. */
static void thin(struct gzip_index *g)
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
static void add_point(struct gzip_index *g)
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

static void park(struct gzip_index *g, struct gzip_cursor *c)
{
	gzip_cursor_free(g->parked[g->next_parked]);
	g->parked[g->next_parked] = c;
	g->next_parked = (g->next_parked + 1) % GZIP_PARKED;
}

/* The nearest cursor at or before @index, the caller's from now on. */
static struct gzip_cursor *start_before(struct gzip_index *g, uint64_t index)
{
	uint64_t i = index / g->span_chunks, best;
	struct gzip_cursor **parked = NULL, *c;

	if (i >= g->nr_points)
		i = g->nr_points - 1;
	best = position(g, g->points[i]);
	for (int k = 0; k < GZIP_PARKED; k++) {
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

static void stop(struct gzip_index *g, enum dl_status st, const struct dl_err *why)
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
static enum dl_status extend(struct gzip_index *g, struct dl_err *err)
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
	if (report.remark[0] && !g->report.remark[0])
		memcpy(g->report.remark, report.remark, sizeof report.remark);
	chunk_put(g, index, p, got);
	if (st)
		stop(g, st, &why);
	else
		add_point(g);
	pthread_cond_broadcast(&g->change);
	return DL_OK;
}

static size_t chunk_size(const struct gzip_index *g, uint64_t index)
{
	uint64_t off = index * g->chunk_bytes;

	if (g->end_status && g->end - off < g->chunk_bytes)
		return (size_t)(g->end - off);
	return g->chunk_bytes;
}

/* Inflate from @c up to and including chunk @index; all chunks passed are kept. */
static enum dl_status inflate_to(struct gzip_index *g, struct gzip_cursor *c,
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
				     source_name(g->raw));
		if (st)
			free(p);
		else
			chunk_put(g, i, p, got);
	}
	return st;
}

static bool is_busy(const struct gzip_index *g, uint64_t index)
{
	for (size_t i = 0; i < g->nr_busy; i++)
		if (g->busy[i] == index)
			return true;
	return g->nr_busy == GZIP_MAX_BUSY;
}

static void not_busy(struct gzip_index *g, uint64_t index)
{
	size_t i = 0;

	while (g->busy[i] != index)
		i++;
	g->busy[i] = g->busy[--g->nr_busy];
	pthread_cond_broadcast(&g->change);
}

static enum dl_status inflate_again(struct gzip_index *g, uint64_t index,
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

enum dl_status gzip_index_get(struct gzip_index *g, uint64_t index, struct chunk **out,
			      struct dl_err *err)
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

enum dl_status gzip_index_finish(struct gzip_index *g, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	while (!st && !g->end_status) {
		if (g->front_busy)
			pthread_cond_wait(&g->change, &g->lock);
		else
			st = extend(g, err);
	}
	return st;
}

size_t gzip_index_held_bytes(const struct gzip_index *g)
{
	size_t cursors = g->nr_points + 1;

	for (int k = 0; k < GZIP_PARKED; k++)
		cursors += g->parked[k] != NULL;
	return g->nr_chunks * g->chunk_bytes + cursors * gzip_cursor_bytes();
}

/* ---- setting up ---- */

static void set_limits(struct gzip_index *g, const struct source_options *opts)
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

static void free_tables(struct gzip_index *g)
{
	for (size_t i = 0; i < g->nr_chunks; i++)
		free(g->chunks[i].p);
	for (size_t i = 0; i < g->nr_points; i++)
		gzip_cursor_free(g->points[i]);
	for (int k = 0; k < GZIP_PARKED; k++)
		gzip_cursor_free(g->parked[k]);
	gzip_cursor_free(g->front);
	free(g->points);
	free(g->chunks);
}

bool gzip_index_init(struct gzip_index *g, struct source *raw,
		     const struct source_options *opts)
{
	set_limits(g, opts);
	g->front = gzip_cursor_new();
	g->chunks = calloc(g->max_chunks, sizeof *g->chunks);
	if (g->front && g->chunks)
		add_point(g);
	if (!g->nr_points) {
		free_tables(g);
		return false;
	}
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->change, NULL);
	g->raw = raw;
	return true;
}

void gzip_index_deinit(struct gzip_index *g)
{
	free_tables(g);
	pthread_cond_destroy(&g->change);
	pthread_mutex_destroy(&g->lock);
	source_close(g->raw);
}
