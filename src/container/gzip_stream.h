/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_GZIP_STREAM_H
#define DUMPLEAK_CONTAINER_GZIP_STREAM_H

/*
 * A place inside a gzip file from which inflating goes on. Copies are how
 * random access works: a copy of a cursor is a checkpoint.
 */

#include "dumpleak/container/source.h"

#include <zlib.h>

enum gzip_state { GZIP_HEADER, GZIP_BODY, GZIP_TRAILER, GZIP_END };

/* Never moved: zlib's state points back at its z_stream. */
struct gzip_cursor {
	z_stream z;             /* raw deflate; headers are read here */
	uint64_t in, out;       /* offsets, compressed and inflated   */
	uint64_t member_in, member_out; /* where this member begins   */
	uint32_t crc;           /* of this member, if verifying       */
	enum gzip_state state;
};

/* What is wrong with the file without stopping anyone; "" while nothing is. */
struct gzip_report {
	char damage[400];
	char remark[300];
};

/** gzip_cursor_new - at the start of the file; NULL if memory is exhausted */
struct gzip_cursor *gzip_cursor_new(void);
struct gzip_cursor *gzip_cursor_copy(struct gzip_cursor *from);
void gzip_cursor_free(struct gzip_cursor *c);

/** gzip_cursor_bytes - about what one cursor takes: window, tables and itself */
size_t gzip_cursor_bytes(void);

/**
 * gzip_fill - inflate the next @want bytes of @raw into @buf
 * @got: out, always set; less than @want unless DL_OK
 * @report: where to verify checksums into; NULL leaves them unchecked, which
 *          is right for a cursor that did not see its member's start
 * DL_END after the last member, DL_ABSENT where the stream is cut, DL_CORRUPT
 * where it makes no sense; both name the compressed and inflated offsets.
 */
enum dl_status gzip_fill(struct gzip_cursor *c, struct source *raw, uint8_t *buf,
			 size_t want, size_t *got, struct gzip_report *report,
			 struct dl_err *err);

#endif
