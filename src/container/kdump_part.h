/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_KDUMP_PART_H
#define DUMPLEAK_CONTAINER_KDUMP_PART_H

/*
 * One file of a kdump or ELF image: most images are one, split kdump files are
 * several. A part checks its file, and gives libkdumpfile a descriptor of it.
 */

#include "kdump_layout.h"
#include "kdump_stage.h"

struct kdump_part {
	struct source *source;          /* borrowed                          */
	struct source *flat;            /* NULL: not flattened               */
	struct source *view;            /* flat, or the source               */
	struct kdump_layout layout;
	struct stage *stage;            /* NULL: the file's own descriptor   */
	int guard;
};

/**
 * part_open - check @source's headers and make its descriptor ready
 * @p: zeroed; part_close() it even if this fails
 */
enum dl_status part_open(struct kdump_part *p, struct container *c, struct source *source,
			 size_t stage_bytes, struct dl_err *err);
void part_close(struct kdump_part *p);

/** part_notes - note what is odd about the file as a whole */
void part_notes(struct container *c, const struct kdump_part *p);

int part_fd(const struct kdump_part *p);

/** part_run - the first run of pages at or above @pfn that the file still holds */
bool part_run(const struct kdump_part *p, uint64_t pfn, uint64_t *first, uint64_t *last);

/** part_count - pages that the file holds, and that it lacks; true: surely so */
bool part_count(const struct kdump_part *p, uint64_t *present, uint64_t *absent);

/**
 * parts_sort - by their PFNs, once they are known to be parts of one dump
 * DL_CORRUPT or DL_UNSUPPORTED, naming a file, if they are not.
 */
enum dl_status parts_sort(struct kdump_part *parts, size_t n, struct dl_err *err);

/** parts_gaps - notes pages that no part covers; their number */
uint64_t parts_gaps(struct container *c, const struct kdump_part *parts, size_t n);

#endif
