/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_MAP_GUARD_H
#define DUMPLEAK_CONTAINER_MAP_GUARD_H

/*
 * Reading a mapped file beyond its new end, or where the disk fails, raises
 * SIGBUS. The guard turns that into zero bytes and a mark that the owner of
 * the mapping asks for. It keeps the program's only global state: a signal
 * handler can have no other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * map_guard_add - watch the mapping of @fd at @base
 * Returns a slot, or -1 when all are taken or the handler cannot be installed:
 * then do without the mapping.
 */
int map_guard_add(const void *base, size_t size_bytes, int fd);

/** map_guard_remove - stop watching; call it before munmap() */
void map_guard_remove(int slot);

/**
 * map_guard_hit - whether a read of this mapping failed
 * @off: out, the lowest offset of a page that could not be read
 */
bool map_guard_hit(int slot, uint64_t *off);

/**
 * map_guard_foreign - the file that a library has mapped without our knowledge
 * While it is set, a SIGBUS outside our mappings ends the process with one
 * line on stderr that names the file, and exit status 4 (the one for input and
 * output errors), instead of a core dump. Returns a slot for
 * map_guard_foreign_end(), or -1.
 */
int map_guard_foreign(const char *name);
void map_guard_foreign_end(int slot);

#endif
