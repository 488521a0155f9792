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
#include <stddef.h>
#include <stdint.h>

enum { MACHINE_I386 = 0x14c, MACHINE_AMD64 = 0x8664, MACHINE_ARM64 = 0xaa64 };

enum {
	BUILD_XP = 2600, BUILD_2003 = 3790, BUILD_VISTA = 6000, BUILD_VISTA_SP1 = 6001,
	BUILD_VISTA_SP2 = 6002, BUILD_7 = 7600, BUILD_7_SP1 = 7601, BUILD_8 = 9200,
	BUILD_81 = 9600, BUILD_10 = 10240, BUILD_1511 = 10586, BUILD_1607 = 14393,
	BUILD_1703 = 15063, BUILD_1709 = 16299, BUILD_1803 = 17134, BUILD_1809 = 17763,
	BUILD_1903 = 18362, BUILD_2004 = 19041, BUILD_2022 = 20348, BUILD_11 = 22000,
	BUILD_11_22H2 = 22621, BUILD_11_24H2 = 26100,
};

/* A field of width 0 does not exist in the build it was asked for. */

struct ldr_layout {             /* KLDR_DATA_TABLE_ENTRY */
	uint16_t bytes;
	struct field links, base, entry, size, full_name, base_name;
	struct field timestamp; /* from Windows 10 on */
};

struct unloaded_layout {        /* UNLOADED_DRIVERS: an array of so many */
	uint16_t stride, nr;
	struct field name, start, end, time;
};

enum { NR_OBJECT_INFOS = 8 };

struct object_layout {          /* OBJECT_HEADER and what stands before it */
	uint16_t header_bytes;  /* header to body */
	struct field type;              /* a pointer, before Windows 7 */
	struct field type_index;        /* from Windows 7 on           */
	bool type_cookie;               /* and disguised, from 10 on   */
	struct field name_info_offset;  /* back from the header, before 7 */
	struct field info_mask;         /* from 7 on; bit i: infos[i] is there */
	uint8_t info_bytes[NR_OBJECT_INFOS];
	uint8_t name_info;              /* which bit NAME_INFO is */
	struct field name_info_directory, name_info_name;
	struct field type_name, type_key;       /* of OBJECT_TYPE */
	struct field type_number;               /* OBJECT_TYPE.Index */
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
	struct field user_dtb;          /* KVA shadow, where it is used */
	struct field initial_stack, stack_base, stack_limit, kernel_stack;
	struct field thread_links, thread_process;
	struct field thread_id;
	uint8_t process_words, thread_words;    /* DISPATCHER_HEADER.Size */
};

struct dispatcher_layout {      /* DISPATCHER_HEADER: fixed since NT 4 */
	struct field type, size, state, wait_flink, wait_blink;
	/* Size of each kind, in 32-bit words */
	uint8_t event_words, mutant_words, queue_words, semaphore_words, timer_words;
	struct field semaphore_limit;
};

struct prcb_layout {            /* KPRCB */
	struct field current_thread, number;
	struct field context;           /* pointer to a CONTEXT, from 7 on, where known */
	struct field context_frame;     /* the CONTEXT in ProcessorState: .off          */
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
	struct prcb_layout prcb;
	uint8_t process_candidate;      /* private to layout_next_process() */
};

/**
 * layout_pick - the rows for @machine and @build
 * Takes the newest row that is not newer than @build, per structure.
 * DL_UNSUPPORTED, by name, where there is none.
 */
enum dl_status layout_pick(uint16_t machine, uint32_t build,
			   struct os_layout *out, struct dl_err *err);

/**
 * layout_next_process - another row of EPROCESS and ETHREAD for the same build
 * Servicing moved these fields within a build, so rows are candidates and what
 * memory shows decides. False if there is none left; @l is then as it was at first.
 */
bool layout_next_process(struct os_layout *l);

/* Where a field of struct os_layout stands in a kernel's own type information. */
struct layout_field_row {
	const char *type;               /* "_DEVICE_OBJECT"                         */
	const char *path;               /* "DriverObject", "Tail.Overlay.Thread"; NULL: sizeof(type) */
	uint16_t out;                   /* offset in struct os_layout               */
	enum layout_value { LAYOUT_FIELD, LAYOUT_OFFSET, LAYOUT_SIZE_U16, LAYOUT_SIZE_U8,
			    LAYOUT_WORDS_U8 } value;
};

/** layout_field_rows - the table that says so; *@n rows */
const struct layout_field_row *layout_field_rows(size_t *n);

/** machine_name - "x86", "x64", "ARM64", or NULL */
const char *machine_name(uint64_t machine);

#endif
