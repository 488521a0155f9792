/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_BLOBS_H
#define DUMPLEAK_CONTAINER_BLOBS_H

#include "dumpleak/container/reader.h"

/**
 * blobs_read - list the secondary data streams that begin at @off, if any do
 * Fills header.blobs. Where nothing is, or something else, nothing happens;
 * streams that are cut or impossible are noted, and those before them kept.
 * Reads at @off: keep off it where that means inflating a whole file.
 */
void blobs_read(struct container *c, uint64_t off);

#endif
