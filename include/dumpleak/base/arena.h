/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_BASE_ARENA_H
#define DUMPLEAK_BASE_ARENA_H

#include <stddef.h>

/*
 * Results live in an arena that the caller passes in and die together. Not
 * safe for several threads at once.
 */
struct arena {
	struct arena_chunk *head;
	size_t used_bytes;      /* in the head chunk            */
};

void arena_init(struct arena *arena);
void arena_deinit(struct arena *arena);

/**
 * arena_alloc - @size_bytes of zeroed memory, aligned for any type
 * Returns NULL when memory is exhausted. Valid until arena_deinit().
 */
void *arena_alloc(struct arena *arena, size_t size_bytes);

/** arena_array - zeroed array; NULL as well if @count * @size_bytes overflows */
void *arena_array(struct arena *arena, size_t count, size_t size_bytes);

/** arena_strdup / arena_strndup - NUL-terminated copies; NULL if out of memory */
char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t n);

/**
 * vec_grow - room for @need elements in a malloc'd array
 * @array, @cap: in/out, the array (NULL with *@cap 0 at first) and its capacity
 * Returns the array, moved perhaps, with *@cap >= @need; NULL if memory is
 * exhausted or the size overflows, with the old array still valid.
 */
void *vec_grow(void *array, size_t *cap, size_t need, size_t size_bytes);

/**
 * large_alloc - a big uninitialised array that will be written all over
 * Asks the system for large pages, since millions of blocks would otherwise
 * cost a page fault for each 4 KB. NULL if memory is exhausted; free() it.
 */
void *large_alloc(size_t count, size_t size_bytes);

#endif
