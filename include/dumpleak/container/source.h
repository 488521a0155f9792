/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_SOURCE_H
#define DUMPLEAK_CONTAINER_SOURCE_H

/*
 * A source is the bytes of one dump file by offset, whether the file is plain
 * (mapped), gzip-compressed (inflated piecewise through checkpoints) or memory
 * (tests, fuzzing). Containers see nothing else. Safe for several threads.
 */

#include "dumpleak/base/bytes.h"
#include "dumpleak/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

/* Tunables; zero fields mean the defaults. */
struct source_options {
	size_t cache_bytes;     /* of inflated data held at once; default 128 MB   */
	size_t window_bytes;    /* of checkpoint windows held at once; default 64 MB */
	bool no_map;            /* read plain files instead of mapping them (tests) */
};

/**
 * source_open_path - open a file, recognising gzip by its first bytes
 * Directories, FIFOs, sockets and devices are refused by name (a FIFO without
 * blocking on it); they and empty files are DL_NOTDUMP, no permission or no
 * such file is DL_IO. @opts may be NULL. Close with source_close().
 */
enum dl_status source_open_path(const char *path, const struct source_options *opts,
				struct source **out, struct dl_err *err);

/**
 * source_open_memory - borrow @b as a source; gzip is recognised as well
 * @name stands for the path in messages. @b must outlive the source.
 */
enum dl_status source_open_memory(struct bytes b, const char *name,
				  const struct source_options *opts,
				  struct source **out, struct dl_err *err);

void source_close(struct source *source);

/** source_name - the path it was opened by, for messages; never NULL */
const char *source_name(const struct source *source);

/**
 * source_read - exactly @n bytes at @off into @buf
 * DL_ABSENT if they do not all lie inside the data (the file is cut); the
 * message then names the offset and the end. DL_CORRUPT where a compressed
 * stream is damaged before them, naming both offsets. DL_IO if the operating
 * system fails, or a mapped file became shorter while open.
 */
enum dl_status source_read(struct source *source, uint64_t off, void *buf,
			   size_t n, struct dl_err *err);

/**
 * source_map - the @n bytes at @off without copying
 * Returns NULL where the source cannot (compressed, not mapped, out of range):
 * then use source_read(). Borrowed until source_close(). If the file becomes
 * shorter meanwhile, its lost pages turn into zeros and source_damage() tells.
 */
const uint8_t *source_map(struct source *source, uint64_t off, size_t n);

/**
 * source_reaches - whether the data goes at least to @end, as far as is known
 * without inflating more: true if unsure. Plain files are always sure.
 */
bool source_reaches(struct source *source, uint64_t end);

/**
 * source_size - the number of bytes of data
 * Inflates a compressed source to its end the first time. A damaged stream
 * gives the bytes before the damage, and source_damage() tells of it.
 */
enum dl_status source_size(struct source *source, uint64_t *size_bytes,
			   struct dl_err *err);

/**
 * source_damage - what was found wrong with the file so far: a gzip stream that
 * is cut or corrupt (with offsets), a mapped file that shrank. NULL if nothing.
 * Valid until source_close().
 */
const char *source_damage(struct source *source);

/* A stretch of a file: all data, or all hole, which reads as zeros. */
struct file_extent {
	uint64_t first, end;    /* end exclusive */
	bool is_hole;
};

/**
 * source_extent - what the stretch from @off on is, as the file system says
 * Nothing is read. False where nobody knows: compressed sources, no such call.
 */
bool source_extent(struct source *source, uint64_t off, struct file_extent *out);

/** source_fd - a readable descriptor of a plain file, -1 for every other kind */
int source_fd(const struct source *source);

/** source_is_compressed - reading out of order costs inflating again */
bool source_is_compressed(const struct source *source);

/** source_held_bytes - memory held for caches and checkpoints, for the bench */
size_t source_held_bytes(struct source *source);

#endif
