/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VAs to numbers, by open addressing. Knows nothing of any build.
 */
#include "dumpleak/os/internal.h"

#include <stdlib.h>
#include <string.h>

struct va_slot {
	uint64_t key;           /* VA + 1, 0 is empty: no object is at 2^64 - 1 */
	uint64_t value;
};

static struct va_slot *slot_of(const struct va_map *map, uint64_t key)
{
	size_t mask = map->cap - 1;
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 24) & mask;

	while (map->slot[i].key && map->slot[i].key != key)
		i = (i + 1) & mask;
	return &map->slot[i];
}

static enum dl_status grow(struct va_map *map)
{
	struct va_map bigger = { NULL, map->cap ? map->cap * 2 : 256, map->used };

	bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
	if (!bigger.slot)
		return DL_NOMEM;
	for (size_t i = 0; i < map->cap; i++)
		if (map->slot[i].key)
			*slot_of(&bigger, map->slot[i].key) = map->slot[i];
	free(map->slot);
	*map = bigger;
	return DL_OK;
}

enum dl_status va_map_add(struct va_map *map, uint64_t va, uint64_t value, bool *is_new)
{
	struct va_slot *slot;

	if (map->used * 2 >= map->cap && grow(map))
		return DL_NOMEM;
	slot = slot_of(map, va + 1);
	*is_new = !slot->key;
	if (*is_new) {
		*slot = (struct va_slot){ va + 1, value };
		map->used++;
	}
	return DL_OK;
}

bool va_map_get(const struct va_map *map, uint64_t va, uint64_t *value)
{
	const struct va_slot *slot = map->cap ? slot_of(map, va + 1) : NULL;

	if (!slot || !slot->key)
		return false;
	*value = slot->value;
	return true;
}

void va_map_clear(struct va_map *map)
{
	if (map->cap)
		memset(map->slot, 0, map->cap * sizeof *map->slot);
	map->used = 0;
}

void va_map_deinit(struct va_map *map)
{
	free(map->slot);
	*map = (struct va_map){ 0 };
}
