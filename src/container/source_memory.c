/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in memory as a source: for tests and fuzzing, without a file system.
 */
#include "source_impl.h"

#include <stdlib.h>
#include <string.h>

struct memory_source {
	struct source base;
	struct bytes b;
};

static struct memory_source *memory_of(struct source *s)
{
	return (struct memory_source *)s;
}

static const uint8_t *memory_map(struct source *s, uint64_t off, size_t n)
{
	const struct memory_source *m = memory_of(s);

	return off <= m->b.n && n <= m->b.n - off ? m->b.p + off : NULL;
}

static enum dl_status memory_read(struct source *s, uint64_t off, void *buf,
				  size_t n, struct dl_err *err)
{
	const uint8_t *p = memory_map(s, off, n);

	if (!p)
		return source_past_end(s, off, n, memory_of(s)->b.n, err);
	memcpy(buf, p, n);
	return DL_OK;
}

static bool memory_end(struct source *s, uint64_t *end)
{
	*end = memory_of(s)->b.n;
	return true;
}

static void memory_close(struct source *s)
{
	free(s);
}

static const struct source_ops memory_ops = {
	.close = memory_close,
	.read = memory_read,
	.map = memory_map,
	.end = memory_end,
};

enum dl_status source_memory_open(struct bytes b, const char *name,
				  struct source **out, struct dl_err *err)
{
	struct memory_source *m;
	enum dl_status st;

	if (b.n == 0)
		return err_set(err, DL_NOTDUMP, "%s: is empty", name);
	m = calloc(1, sizeof *m);
	if (!m)
		return err_set(err, DL_NOMEM, "out of memory");
	m->b = b;
	st = source_init(&m->base, &memory_ops, name, err);
	if (st)
		free(m);
	else
		*out = &m->base;
	return st;
}
