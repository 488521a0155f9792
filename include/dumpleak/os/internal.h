/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_INTERNAL_H
#define DUMPLEAK_OS_INTERNAL_H

/* For the files of src/os/ only: the steps of os_open(), in their order. */

#include "dumpleak/os/os.h"

/**
 * kernel_find - address space, KDBG, build, kernel base: everything from the
 * container header where that holds, by scanning where it does not
 */
enum dl_status kernel_find(struct os *os, const struct progress *progress,
			   struct dl_err *err);

/** modules_read - PsLoadedModuleList and MmUnloadedDrivers, with PE headers */
enum dl_status modules_read(struct os *os, struct dl_err *err);

/** image_read - PE sections, time stamp and version of one loaded image */
void image_read(struct os *os, struct module *m);

/** processes_read - processes, threads and their kernel stacks */
enum dl_status processes_read(struct os *os, struct dl_err *err);

/* A structure's bytes, copied; p is NULL if it is not all in memory. */
struct bytes struct_at(struct os *os, uint64_t va, void *buf, size_t n);

#endif
