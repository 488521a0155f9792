/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "dumpleak/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

struct arena_chunk {
	struct arena_chunk *next;
	size_t cap_bytes;
	max_align_t data[];
};

enum { CHUNK_BYTES = 64 << 10 };

void arena_init(struct arena *arena)
{
	memset(arena, 0, sizeof *arena);
}

void arena_deinit(struct arena *arena)
{
	struct arena_chunk *c = arena->head, *next;

	for (; c; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(arena);
}

static struct arena_chunk *chunk_new(struct arena *arena, size_t need)
{
	size_t cap = need > CHUNK_BYTES ? need : CHUNK_BYTES;
	struct arena_chunk *c;

	if (cap > SIZE_MAX - sizeof *c)
		return NULL;
	c = malloc(sizeof *c + cap);
	if (!c)
		return NULL;
	c->cap_bytes = cap;
	c->next = arena->head;
	arena->head = c;
	arena->used_bytes = 0;
	return c;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
	const size_t align = alignof(max_align_t);
	struct arena_chunk *c = arena->head;
	void *p;

	if (size_bytes > SIZE_MAX - align)
		return NULL;
	size_bytes = (size_bytes + align - 1) / align * align;
	if (!c || size_bytes > c->cap_bytes - arena->used_bytes)
		c = chunk_new(arena, size_bytes);
	if (!c)
		return NULL;
	p = (char *)c->data + arena->used_bytes;
	arena->used_bytes += size_bytes;
	memset(p, 0, size_bytes);
	return p;
}

void *arena_array(struct arena *arena, size_t count, size_t size_bytes)
{
	if (size_bytes && count > SIZE_MAX / size_bytes)
		return NULL;
	return arena_alloc(arena, count * size_bytes);
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
	char *copy = n < SIZE_MAX ? arena_alloc(arena, n + 1) : NULL;

	if (copy)
		memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

void *vec_grow(void *array, size_t *cap, size_t need, size_t size_bytes)
{
	size_t want = *cap;
	void *p;

	if (need <= *cap && array)
		return array;
	if (!need)
		need = 1;
	while (want < need)
		want = want < 16 ? 16 : want > SIZE_MAX / 2 ? need : want + want / 2;
	if (size_bytes && want > SIZE_MAX / size_bytes)
		return NULL;
	p = realloc(array, want * size_bytes);
	if (p)
		*cap = want;
	return p;
}

void *large_alloc(size_t count, size_t size_bytes)
{
	const size_t large_page = (size_t)2 << 20;
	size_t n;
	void *p;

	if (size_bytes && count > (SIZE_MAX - large_page) / size_bytes)
		return NULL;
	n = count * size_bytes;
	if (n < 2 * large_page)
		return malloc(n ? n : 1);
	n = (n + large_page - 1) / large_page * large_page;
	p = aligned_alloc(large_page, n);
#ifdef MADV_HUGEPAGE
	if (p)
		madvise(p, n, MADV_HUGEPAGE);   /* a wish; refusal costs time only */
#endif
	return p;
}
