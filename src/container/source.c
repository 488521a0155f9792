/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one dump file by offset, whatever holds them: recognises gzip
 * (RFC 1952: 1f 8b, method 8) and passes every call on to the kind of source.
 */
#include "source_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Names end up in messages of one line: a path may hold anything but NUL. */
static char *printable_copy(const char *name)
{
	size_t n = strlen(name);
	char *copy = malloc(n + 1);

	for (size_t i = 0; copy && i <= n; i++) {
		unsigned char c = (unsigned char)name[i];

		copy[i] = (c && c < 0x20) || c == 0x7f ? '?' : name[i];
	}
	return copy;
}

enum dl_status source_init(struct source *s, const struct source_ops *ops,
			   const char *name, struct dl_err *err)
{
	s->ops = ops;
	s->name = printable_copy(name);
	return s->name ? DL_OK : err_set(err, DL_NOMEM, "out of memory");
}

enum dl_status source_past_end(const struct source *s, uint64_t off, size_t n,
			       uint64_t end, struct dl_err *err)
{
	return err_set(err, DL_ABSENT,
		       "%s: %zu bytes at 0x%" PRIx64 " are not in the file, "
		       "which ends at 0x%" PRIx64, s->name, n, off, end);
}

static bool is_gzip(struct source *s)
{
	uint8_t magic[3];

	return source_read(s, 0, magic, sizeof magic, NULL) == DL_OK &&
	       magic[0] == 0x1f && magic[1] == 0x8b && magic[2] == 8;
}

/* Put the gzip reader in front of @s where it is needed. */
static enum dl_status finish_open(struct source *s, const struct source_options *opts,
				  struct source **out, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	*out = s;
	if (is_gzip(s))
		st = source_gzip_open(s, opts, out, err);
	if (st)
		source_close(s);
	return st;
}

enum dl_status source_open_path(const char *path, const struct source_options *opts,
				struct source **out, struct dl_err *err)
{
	struct source *s;
	enum dl_status st = source_file_open(path, opts, &s, err);

	return st ? st : finish_open(s, opts, out, err);
}

enum dl_status source_open_memory(struct bytes b, const char *name,
				  const struct source_options *opts,
				  struct source **out, struct dl_err *err)
{
	struct source *s;
	enum dl_status st = source_memory_open(b, name, &s, err);

	return st ? st : finish_open(s, opts, out, err);
}

void source_close(struct source *source)
{
	char *name;

	if (!source)
		return;
	name = source->name;
	source->ops->close(source);
	free(name);
}

const char *source_name(const struct source *source)
{
	return source->name;
}

enum dl_status source_read(struct source *source, uint64_t off, void *buf,
			   size_t n, struct dl_err *err)
{
	uint64_t end;

	if (n == 0)
		return DL_OK;
	if (off > UINT64_MAX - n) {
		source_end(source, &end);
		return source_past_end(source, off, n, end, err);
	}
	return source->ops->read(source, off, buf, n, err);
}

const uint8_t *source_map(struct source *source, uint64_t off, size_t n)
{
	if (!source->ops->map || off > UINT64_MAX - n)
		return NULL;
	return source->ops->map(source, off, n);
}

bool source_end(struct source *s, uint64_t *end)
{
	return s->ops->end(s, end);
}

bool source_reaches(struct source *source, uint64_t end)
{
	uint64_t known;

	source_end(source, &known);
	return end <= known;
}

enum dl_status source_size(struct source *source, uint64_t *size_bytes,
			   struct dl_err *err)
{
	if (source->ops->size)
		return source->ops->size(source, size_bytes, err);
	source_end(source, size_bytes);
	return DL_OK;
}

const char *source_damage(struct source *source)
{
	return source->ops->damage ? source->ops->damage(source) : NULL;
}

enum dl_status source_damage_kind(struct source *s)
{
	return s->ops->damage_kind ? s->ops->damage_kind(s) : DL_IO;
}

const char *source_remark(struct source *s)
{
	return s->ops->remark ? s->ops->remark(s) : NULL;
}

bool source_extent(struct source *source, uint64_t off, struct file_extent *out)
{
	return source->ops->extent && source->ops->extent(source, off, out);
}

int source_fd(const struct source *source)
{
	return source->ops->fd ? source->ops->fd(source) : -1;
}

bool source_is_compressed(const struct source *source)
{
	return source->ops->compressed;
}

size_t source_held_bytes(struct source *source)
{
	return source->ops->held_bytes ? source->ops->held_bytes(source) : 0;
}
