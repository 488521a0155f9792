/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_LAYOUT_H
#define DUMPLEAK_OS_LAYOUT_H

/*
 * Where the fields of Windows' structures lie, by machine and build. The rows
 * are in src/os/layout.c, each with its witness; walkers ask for a field and
 * never for a build.
 */

#include "dumpleak/base/bytes.h"
#include "dumpleak/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { MACHINE_I386 = 0x14c, MACHINE_AMD64 = 0x8664, MACHINE_ARM64 = 0xaa64 };

enum { BUILD_XP = 2600, BUILD_2003 = 3790 };

struct ldr_layout {             /* KLDR_DATA_TABLE_ENTRY */
	uint16_t bytes;
	struct field links, base, size, full_name, base_name;
};

struct unloaded_layout {        /* UNLOADED_DRIVERS: an array of so many */
	uint16_t stride, nr;
	struct field name, start, end, time;
};

struct object_layout {          /* OBJECT_HEADER and what stands before it */
	uint16_t header_bytes;  /* header to body */
	struct field type, name_info_offset;
	struct field name_info_directory, name_info_name;
	struct field type_name, type_key;       /* of OBJECT_TYPE */
	uint16_t nr_buckets;                    /* of OBJECT_DIRECTORY */
	struct field entry_next, entry_object;  /* OBJECT_DIRECTORY_ENTRY */
};

struct device_layout {          /* DEVICE_OBJECT, DEVOBJ_EXTENSION */
	uint16_t bytes;
	struct field type, size, driver, next, attached, extension, device_type;
	struct field stack_size, vpb, devobj_extension;
	struct field ext_type, ext_device, ext_attached_to;
};

struct driver_layout {          /* DRIVER_OBJECT */
	uint16_t bytes;
	struct field type, size, device, start, image_bytes, section, extension;
	struct field name;
	struct field major_function;            /* first of 28 */
	struct field ext_driver;                /* DRIVER_EXTENSION.DriverObject */
};

struct io_layout {              /* FILE_OBJECT, IRP, IO_STACK_LOCATION */
	uint16_t file_bytes, irp_bytes, stack_bytes;
	struct field file_device, file_name;
	struct field irp_size, irp_stack_count, irp_current, irp_current_stack;
	struct field irp_thread, irp_system_buffer;
	struct field stack_major, stack_device, stack_file;
};

struct process_layout {         /* EPROCESS, ETHREAD */
	struct field dtb, pid, links, image_name, threads;      /* list heads: .off */
	struct field initial_stack, stack_limit, thread_links, thread_process;
	struct field thread_id;
	uint8_t process_words, thread_words;    /* DISPATCHER_HEADER.Size */
};

struct dispatcher_layout {      /* DISPATCHER_HEADER: fixed since NT 4 */
	struct field type, size, state, wait_flink, wait_blink;
	/* Size of each kind, in 32-bit words */
	uint8_t event_words, mutant_words, queue_words, semaphore_words, timer_words;
	struct field semaphore_limit;
};

struct os_layout {
	uint16_t machine;
	uint8_t ptr_bytes;
	uint32_t build;         /* asked for                           */
	uint32_t newest_row;    /* the build of the newest row chosen  */
	bool beyond;            /* build is newer than any row         */
	struct field ustr_bytes, ustr_buffer;   /* UNICODE_STRING      */
	struct ldr_layout ldr;
	struct unloaded_layout unloaded;
	struct object_layout object;
	struct device_layout device;
	struct driver_layout driver;
	struct io_layout io;
	struct process_layout process;
	struct dispatcher_layout dispatcher;
};

/**
 * layout_pick - the rows for @machine and @build
 * Takes the newest row that is not newer than @build, per structure.
 * DL_UNSUPPORTED, by name, where there is none.
 */
enum dl_status layout_pick(uint16_t machine, uint32_t build,
			   struct os_layout *out, struct dl_err *err);

/** machine_name - "x86", "x64", "ARM64", or NULL */
const char *machine_name(uint64_t machine);

#endif
