/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_LAYOUT_ROWS_H
#define DUMPLEAK_OS_LAYOUT_ROWS_H

/* What layout_x86.c, layout_x64.c and layout_arm64.c give to layout.c. */

#include "dumpleak/os/layout.h"

#define U8(o)  { .off = (o), .width = 1 }
#define U16(o) { .off = (o), .width = 2 }
#define U32(o) { .off = (o), .width = 4 }
#define U64(o) { .off = (o), .width = 8 }
#define P32(o) U32(o)
#define P64(o) U64(o)

/* This layout from this build on. */
struct layout_row {
	uint32_t from_build;
	const void *layout;
};

/*
 * The rows of one machine, newest first, ended by a row without a layout. Of
 * processes several may have the same build: candidates, the likeliest first.
 */
struct machine_rows {
	uint16_t machine;
	uint8_t ptr_bytes;
	uint32_t oldest, newest;        /* builds that the rows speak for */
	const struct layout_row *ldr, *unloaded, *object, *device, *driver, *io,
				*process, *dispatcher, *prcb;
};

extern const struct machine_rows rows_x86, rows_x64, rows_arm64;

/* Of 64-bit machines alike: structures that only pointer size shapes. */
extern const struct layout_row ldr_rows_64[], unloaded_rows_64[], object_rows_64[],
			       device_rows_64[], driver_rows_64[], io_rows_64[],
			       dispatcher_rows_64[];

#endif
