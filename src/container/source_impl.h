/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_SOURCE_IMPL_H
#define DUMPLEAK_CONTAINER_SOURCE_IMPL_H

/*
 * For the sources themselves: one kind of source is one table of operations.
 * source.c checks ranges' arithmetic and dispatches; what it passes on never
 * wraps.
 */

#include "dumpleak/container/source.h"

struct source_ops {
	void (*close)(struct source *s);
	enum dl_status (*read)(struct source *s, uint64_t off, void *buf, size_t n,
			       struct dl_err *err);
	const uint8_t *(*map)(struct source *s, uint64_t off, size_t n);
	/*
	 * Where the data ends as far as is known without work. True: exactly
	 * at *@end. False: nowhere above *@end (a bound, not a promise).
	 */
	bool (*end)(struct source *s, uint64_t *end);
	enum dl_status (*size)(struct source *s, uint64_t *size_bytes,
			       struct dl_err *err);
	const char *(*damage)(struct source *s);
	enum dl_status (*damage_kind)(struct source *s); /* NULL: DL_IO */
	const char *(*remark)(struct source *s);
	int (*fd)(const struct source *s);
	bool (*extent)(struct source *s, uint64_t off, struct file_extent *out);
	size_t (*held_bytes)(struct source *s);
	bool compressed;
};

/* The first member of every kind. */
struct source {
	const struct source_ops *ops;
	char *name;             /* printable */
};

/** source_init - name a new source; DL_NOMEM leaves nothing to free */
enum dl_status source_init(struct source *s, const struct source_ops *ops,
			   const char *name, struct dl_err *err);

/** source_past_end - the DL_ABSENT of every kind of source, in the same words */
enum dl_status source_past_end(const struct source *s, uint64_t off, size_t n,
			       uint64_t end, struct dl_err *err);

/** source_end - see source_ops.end */
bool source_end(struct source *s, uint64_t *end);

/** source_damage_kind - DL_ABSENT: cut; DL_CORRUPT; DL_IO: the system failed */
enum dl_status source_damage_kind(struct source *s);

/** source_remark - something odd that costs no data; NULL if nothing */
const char *source_remark(struct source *s);

enum dl_status source_file_open(const char *path, const struct source_options *opts,
				struct source **out, struct dl_err *err);
enum dl_status source_memory_open(struct bytes b, const char *name,
				  struct source **out, struct dl_err *err);

/**
 * source_gzip_open - the data inside the gzip file @raw
 * Owns @raw from then on; if it fails, @raw is still the caller's.
 */
enum dl_status source_gzip_open(struct source *raw, const struct source_options *opts,
				struct source **out, struct dl_err *err);

#endif
