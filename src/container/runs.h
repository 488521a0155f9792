/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_RUNS_H
#define DUMPLEAK_CONTAINER_RUNS_H

/*
 * Ranges of one number space laid over ranges of a file: PFNs over pages,
 * physical bytes over ELF segments, offsets over a flattened stream's records.
 * Filled in any order, then sorted once into disjoint ranges.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run {
	uint64_t first, last;   /* inclusive                                    */
	uint64_t target;        /* where @first lies in the file                */
	uint64_t order;         /* while sorting: the how-manieth run_add it was */
};

struct runs {
	struct run *v;
	size_t n, cap;
};

enum runs_claim { RUNS_FIRST_WINS, RUNS_LAST_WINS };

void runs_deinit(struct runs *r);

/** runs_add - append @first..@last; false if memory is exhausted */
bool runs_add(struct runs *r, uint64_t first, uint64_t last, uint64_t target);

/**
 * runs_sort - make the runs disjoint and ascending
 * @step:  file bytes per number: PAGE_BYTES for PFNs, 1 for bytes
 * @claim: which of two runs that claim a number keeps it
 * @overlaps: out, may be NULL: whether any two did
 * O(n log n) whatever the runs look like. False if memory is exhausted.
 */
bool runs_sort(struct runs *r, uint64_t step, enum runs_claim claim, bool *overlaps);

/** runs_next - the first run that ends at or above @x; NULL above all of them */
const struct run *runs_next(const struct runs *r, uint64_t x);

/** runs_find - the run that @x lies in, or NULL */
const struct run *runs_find(const struct runs *r, uint64_t x);

#endif
