/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP32_H
#define DUMPLEAK_CONTAINER_DMP32_H

/* What the files that read 32-bit dumps share. */

#include "dumpleak/container/reader.h"

enum { DMP32_HEADER_BYTES = 0x1000 };

/**
 * dmp32_header - the fields of @head that are about the machine and the crash
 * Fills all of c->header but format, title, compression and blobs; the bytes
 * of the context are copied.
 */
void dmp32_header(struct container *c, const uint8_t *head);

#endif
