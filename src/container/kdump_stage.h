/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_KDUMP_STAGE_H
#define DUMPLEAK_CONTAINER_KDUMP_STAGE_H

/*
 * libkdumpfile wants a file descriptor. Where there is none (compressed, in
 * memory, flattened), the stage is a file without a name that holds only what
 * was asked for: parts are copied in before they are read, and punched out
 * again beyond a budget. Not safe for several threads at once.
 */

#include "kdump_layout.h"

struct stage;

/** stage_new - an empty stage over @source, which it borrows; NULL with @err set */
struct stage *stage_new(struct source *source, size_t budget_bytes, struct dl_err *err);
void stage_free(struct stage *s);

int stage_fd(const struct stage *s);

/** stage_pin - copy @range in and keep it; for headers */
enum dl_status stage_pin(struct stage *s, struct file_range range, struct dl_err *err);

/** stage_zero - overwrite a few pinned bytes with zeros */
enum dl_status stage_zero(struct stage *s, struct file_range range, struct dl_err *err);

/**
 * stage_fill - copy in all of the @n ranges, which stay until stage_evict()
 * @n is at most PAGE_RANGES, and no range longer than a few pages. Call it only
 * while stage_has_room().
 */
enum dl_status stage_fill(struct stage *s, const struct file_range *ranges, size_t n,
			  struct dl_err *err);
bool stage_has_room(const struct stage *s);

/** stage_evict - punch out the older half; nobody may be reading the file */
enum dl_status stage_evict(struct stage *s, struct dl_err *err);

size_t stage_held_bytes(const struct stage *s);

#endif
