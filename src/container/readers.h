/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_READERS_H
#define DUMPLEAK_CONTAINER_READERS_H

/* What the readers and container.c know of each other besides reader.h. */

#include "dumpleak/container/reader.h"

/** raw_open - the reader's state for container_open_raw() */
enum dl_status raw_open(struct container *c, uint64_t limit_pages, struct dl_err *err);

/**
 * unsupported_format - name @source's format if it is known but not read
 * Returns DL_UNSUPPORTED or DL_CORRUPT with a message, DL_NOTDUMP if nothing
 * in the source is familiar.
 */
enum dl_status unsupported_format(struct source *source, struct dl_err *err);

/** kdump_open_staged - kdump_reader.open() with its own stage budget; for tests */
enum dl_status kdump_open_staged(struct container *c, size_t stage_bytes,
				 struct dl_err *err);

#endif
