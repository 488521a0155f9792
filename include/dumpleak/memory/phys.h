/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MEMORY_PHYS_H
#define DUMPLEAK_MEMORY_PHYS_H

#include "dumpleak/container/container.h"

/*
 * Physical memory as one thread sees it: the shared container, and a few
 * recently read pages where the container cannot hand out its own.
 */
struct phys {
	struct container *container;
	struct phys_cache *cache;       /* made on first need */
};

/* Pages that a borrowed pointer outlives, see phys_page(). */
enum { PHYS_CACHE_PAGES = 512 };

void phys_init(struct phys *phys, struct container *container);
void phys_deinit(struct phys *phys);

/**
 * phys_page - the 4096 bytes of page @pfn
 * @page: out, borrowed: valid at least until PHYS_CACHE_PAGES - 1 other pages
 * were asked for through the same @phys; for mapped dumps as long as the dump.
 * Status as container_page().
 */
enum dl_status phys_page(struct phys *phys, uint64_t pfn, const uint8_t **page,
			 struct dl_err *err);

/** phys_read - @n bytes at @pa, all of them or an error */
enum dl_status phys_read(struct phys *phys, uint64_t pa, void *buf, size_t n,
			 struct dl_err *err);

#endif
