/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP32_H
#define DUMPLEAK_CONTAINER_DMP32_H

/* What the files that read 32-bit dumps share. */

#include "bitmap.h"
#include "runs.h"

#include "dumpleak/container/reader.h"

enum {
	DMP32_HEADER_BYTES = 0x1000,
	DMP32_NR_RUNS_OFF = 0x64,
	DMP32_NR_PAGES_OFF = 0x68,
	DMP32_RUNS_OFF = 0x6c,
	DMP32_MAX_RUNS = 86,            /* (700 - 8) / 8: the block is 700 bytes */
	DMP32_DUMP_TYPE_OFF = 0xf88,
	DMP32_SUMMARY_OFF = 0x1000,     /* kernel dumps: SUMMARY_DUMP32 */
	DMP32_FILLER = 0x45474150,      /* "PAGE": what nobody has written to */
};

struct dmp32 {
	struct runs runs;       /* complete dump                       */
	struct bitmap bitmap;   /* kernel dump: bits is not NULL then  */
	uint64_t pages_off;     /* kernel dump: of the first page      */
	uint64_t nr_pages;      /* promised                            */
};

/** dmp32_header - the fields of @head that are about the machine and the crash */
void dmp32_header(struct container *c, const uint8_t *head);

/** dmp32_open_kernel - the summary header and the bitmap, once the header is read */
enum dl_status dmp32_open_kernel(struct container *c, struct dl_err *err);

#endif
