/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_TARGETS_H
#define DUMPLEAK_MINE_TARGETS_H

/*
 * What does this word point to? One resolver for mining, for `show` and for
 * the owners.
 */

#include "dumpleak/os/os.h"
#include "dumpleak/pool/pool.h"

enum target_kind {
	TARGET_NONE,            /* no kernel address at all                  */
	TARGET_UNMAPPED,        /* could be one, but nothing is there        */
	TARGET_KERNEL,          /* mapped, and nothing known about it        */
	TARGET_DEVICE,          /* a DEVICE_OBJECT                           */
	TARGET_EXTENSION,       /* inside a device's extension               */
	TARGET_DISPATCHER,      /* a KEVENT or the like; .device if it lies in an extension */
	TARGET_DRIVER,          /* a DRIVER_OBJECT                           */
	TARGET_MODULE,          /* inside a loaded image                     */
	TARGET_UNLOADED,        /* where an unloaded driver's image was      */
	TARGET_FILE,            /* a FILE_OBJECT                             */
	TARGET_IRP,
	TARGET_THREAD,
	TARGET_PROCESS,
	TARGET_STACK,           /* inside a thread's kernel stack            */
	TARGET_BLOCK,           /* inside another pool block                 */
	NR_TARGET_KINDS
};

struct target {
	enum target_kind kind;
	uint64_t va;
	const struct device *device;    /* device, extension, event in one, file's or IRP's device */
	const struct driver *driver;    /* driver, or the device's, or the module's if it has one driver */
	const struct module *module;
	const struct section *section;
	const struct unloaded *unloaded;
	const char *what;               /* "KEVENT", "KSEMAPHORE": static text */
	size_t block;                   /* catalog index, SIZE_MAX if in none  */
	uint64_t offset;                /* from the start of what it points into */
};

struct targets {
	struct os *os;
	const struct pool *pool;
	struct targets_index *index;    /* intervals of devices, images, stacks */
};

/** targets_init - build the interval tables; targets_deinit() them */
enum dl_status targets_init(struct targets *t, struct os *os, const struct pool *pool,
			    struct dl_err *err);
void targets_deinit(struct targets *t);

/**
 * target_of - resolve one word
 * @vm: of the calling thread (&os->vm for the main one). Reads memory to tell
 * objects apart; never fails, at worst *@out is TARGET_NONE or TARGET_KERNEL.
 */
void target_of(const struct targets *t, struct vm *vm, uint64_t va, struct target *out);

/** target_kind_name - "device", "event", "driver", "module", ...: JSON's words */
const char *target_kind_name(enum target_kind kind);

/** target_text - "\Device\DonIfs extension+0x8 (KEVENT)": for people, in @arena */
const char *target_text(const struct targets *t, const struct target *target,
			struct arena *arena);

#endif
