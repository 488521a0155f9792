/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_SOURCE_FLAT_H
#define DUMPLEAK_CONTAINER_SOURCE_FLAT_H

#include "dumpleak/container/source.h"

/** source_is_flat - whether @raw is a flattened kdump, by its first bytes */
bool source_is_flat(struct source *raw);

/**
 * source_flat_open - @raw with its records put in order; borrows @raw
 * Walks the record headers once, so a compressed @raw is inflated to its end.
 * A stream that breaks off is no failure: source_damage() tells of it, and
 * what was in the missing records is DL_ABSENT.
 */
enum dl_status source_flat_open(struct source *raw, struct source **out,
				struct dl_err *err);

#endif
