/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP32_H
#define DUMPLEAK_CONTAINER_DMP32_H

/* DUMP_HEADER32, shared by the two files that read 32-bit dumps. */

#include "dumpleak/container/reader.h"

enum {
	DMP32_HEADER_BYTES = 0x1000,
	DMP32_NR_RUNS_OFF = 0x64,
	DMP32_NR_PAGES_OFF = 0x68,
	DMP32_RUNS_OFF = 0x6c,
	DMP32_MAX_RUNS = 86,            /* (700 - 8) / 8: the block is 700 bytes */
	DMP32_DUMP_TYPE_OFF = 0xf88,
	DMP32_FILLER = 0x45474150,      /* "PAGE": what nobody has written to */
};

/** dmp32_header - the fields of @head that are about the machine and the crash */
void dmp32_header(struct container *c, const uint8_t *head);

#endif
