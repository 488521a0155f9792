/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_TARGETS_IMPL_H
#define DUMPLEAK_MINE_TARGETS_IMPL_H

/* For the files of src/mine/ only. */

#include "dumpleak/mine/targets.h"

/* One stretch of memory that is known to be something. */
struct interval {
	uint64_t first, last;   /* inclusive */
	uint32_t index;         /* into the array of its kind in struct os */
	enum target_kind kind;
};

struct targets_index {
	struct interval *list;  /* by first */
	size_t nr;
};

/**
 * target_locate - target_of() without what only one thread may ask
 * Does not tell dispatcher objects from the rest of an extension or block, and
 * leaves addresses in nothing that is known at TARGET_KERNEL, mapped or not.
 * Any thread, with its own @vm.
 */
void target_locate(const struct targets *t, struct vm *vm, uint64_t va,
		   struct target *out);

/** target_object - a FILE_OBJECT, IRP, thread or process in the block @out->block
 * Leaves @out alone if the block is none of them. */
void target_object(const struct targets *t, struct vm *vm, struct target *out);

/** target_driver_of - the driver whose image @module is; NULL if none or several */
const struct driver *target_driver_of(const struct os *os, const struct module *module);

#endif
