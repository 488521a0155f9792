/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_GZIP_INDEX_H
#define DUMPLEAK_CONTAINER_GZIP_INDEX_H

/*
 * The inflated data of a gzip file in chunks, any of which can be had at any
 * time: held, or inflated again from the nearest checkpoint.
 */

#include "gzip_stream.h"

#include <pthread.h>

enum {
	GZIP_PARKED = 8,                /* cursors waiting where a read ended */
	GZIP_MAX_BUSY = 64,
};

struct chunk {
	uint64_t index;
	uint8_t *p;
	size_t n;               /* less than a chunk: the last one */
	uint64_t used;          /* tick of the latest use          */
};

struct gzip_index {
	struct source *raw;             /* owned */
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
	struct gzip_cursor *parked[GZIP_PARKED];
	unsigned next_parked;

	struct chunk *chunks;
	size_t nr_chunks, max_chunks, latest;
	uint64_t tick;
	uint64_t busy[GZIP_MAX_BUSY];        /* chunks being inflated again */
	size_t nr_busy;
};

/**
 * gzip_index_init - an index over @raw within the limits of @opts (may be NULL)
 * Owns @raw only if it succeeds; false if memory is exhausted.
 */
bool gzip_index_init(struct gzip_index *g, struct source *raw,
		     const struct source_options *opts);
void gzip_index_deinit(struct gzip_index *g);

/* The lock must be held for these, which drop it while they inflate. */

/**
 * gzip_index_get - chunk @index, valid until the lock is dropped
 * @out: out, NULL if the data ends before it
 */
enum dl_status gzip_index_get(struct gzip_index *g, uint64_t index, struct chunk **out,
			      struct dl_err *err);

/** gzip_index_finish - inflate up to the end, or the damage, of the file */
enum dl_status gzip_index_finish(struct gzip_index *g, struct dl_err *err);

/** gzip_index_held_bytes - of chunks and cursors */
size_t gzip_index_held_bytes(const struct gzip_index *g);

#endif
