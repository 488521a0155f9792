/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_OBJECTS_H
#define DUMPLEAK_OS_OBJECTS_H

#include "dumpleak/os/os.h"

/**
 * objects_read - drivers and devices from the object directories, and all that
 * these lead to (NextDevice, AttachedDevice, DriverObject)
 * Fills os->drivers and os->devices, by address. A directory that cannot be
 * read is a note, not an error.
 */
enum dl_status objects_read(struct os *os, struct dl_err *err);

/**
 * objects_try - add the driver or device at @va, if one is there, and all that
 * it leads to
 * For objects that no directory lists. @va is validated: types and sizes,
 * and pointers that point back. Returns DL_OK if @va is a (new or known)
 * object, DL_NOTFOUND if it is none. Call objects_sort() after the last.
 */
enum dl_status objects_try(struct os *os, uint64_t va, enum found_by how,
			   struct dl_err *err);

/** objects_sort - restore the order by address, and the links by index */
void objects_sort(struct os *os);

/** objects_is_event - a KEVENT at @va: type, size, state, wait list that closes */
bool objects_is_event(struct os *os, uint64_t va);

/** objects_dispatcher_name - "KEVENT", "KSEMAPHORE", ... at @va; NULL if none */
const char *objects_dispatcher_name(struct os *os, uint64_t va);

#endif
