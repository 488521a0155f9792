/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_BASE_JOBS_H
#define DUMPLEAK_BASE_JOBS_H

#include "dumpleak/base/err.h"

#include <stddef.h>

/* Work on one slice; @worker is 0..workers-1, one thread each. */
typedef enum dl_status (*job_fn)(void *ctx, size_t slice, unsigned worker,
				 struct dl_err *err);

/**
 * jobs_available - processors this process may run on; at least 1, at most 64
 */
unsigned jobs_available(void);

/**
 * jobs_run - call @fn for every slice 0..@nr_slices-1 on up to @workers threads
 * Slices are handed out in rising order. After a failure no new slice starts;
 * the failure of the lowest slice is returned with its message, so that a run
 * fails the same way with any number of workers. With one worker (or one
 * slice) everything runs in the caller's thread.
 */
enum dl_status jobs_run(size_t nr_slices, unsigned workers, job_fn fn,
			void *ctx, struct dl_err *err);

/* Where long work says how far it is; all fields may be changed by the owner. */
struct progress {
	void (*step)(void *ctx, const char *what, size_t done, size_t total);
	void *ctx;
};

/** progress_step - tell @p, which may be NULL or have no step function */
static inline void progress_step(const struct progress *p, const char *what,
				 size_t done, size_t total)
{
	if (p && p->step)
		p->step(p->ctx, what, done, total);
}

#endif
