/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP64_H
#define DUMPLEAK_CONTAINER_DMP64_H

/* What the files that read 64-bit dumps share. */

#include "dumpleak/container/reader.h"

enum { DMP64_HEADER_BYTES = 0x2000 };

/**
 * dmp64_header - the fields of @head that are about the machine and the crash
 * Fills all of c->header but format, title, compression and blobs; the bytes
 * of the context are copied.
 */
void dmp64_header(struct container *c, const uint8_t head[DMP64_HEADER_BYTES]);

#endif
