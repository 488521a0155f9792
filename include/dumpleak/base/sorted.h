/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_BASE_SORTED_H
#define DUMPLEAK_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/**
 * sorted_lower - the first element whose key is not below @key
 * @array: @nr elements of @size_bytes, by rising key
 * @key_off: where in an element its key stands, a uint64_t
 * Returns an index, @nr if all keys are below.
 */
static inline size_t sorted_lower(const void *array, size_t nr, size_t size_bytes,
				  size_t key_off, uint64_t key)
{
	size_t lo = 0, hi = nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uint64_t at;

		memcpy(&at, (const char *)array + mid * size_bytes + key_off, sizeof at);
		if (at < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* By a named member: SORTED_LOWER(t->rows, t->nr, va, key). */
#define SORTED_LOWER(array, nr, member, key) \
	sorted_lower(array, nr, sizeof *(array), \
		     (size_t)((const char *)&(array)->member - (const char *)(array)), key)

#endif
