/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_KDUMP_NOTES_H
#define DUMPLEAK_CONTAINER_KDUMP_NOTES_H

#include "kdump_layout.h"

/**
 * notes_header - fill @c's header with what the notes of a file tell
 * QEMU adds the state of each CPU and, where a driver in the guest prepared
 * one, the guest's own dump header. True if that is there.
 */
bool notes_header(struct container *c, const struct kdump_layout *l, struct source *source);

#endif
