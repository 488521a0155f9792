/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "dumpleak/base/jobs.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { MAX_WORKERS = 64 };

unsigned jobs_available(void)
{
	long n = 0;
#ifdef __linux__
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
#endif
	if (n < 1)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	if (n < 1)
		n = 1;
	return n > MAX_WORKERS ? MAX_WORKERS : (unsigned)n;
}

struct run {
	pthread_mutex_t lock;
	job_fn fn;
	void *ctx;
	size_t next, nr_slices;
	size_t failed_slice;
	enum dl_status failed;
	struct dl_err err;
};

struct worker {
	struct run *run;
	unsigned index;
	pthread_t thread;
};

static bool take(struct run *run, size_t *slice)
{
	bool got;

	pthread_mutex_lock(&run->lock);
	got = !run->failed && run->next < run->nr_slices;
	if (got)
		*slice = run->next++;
	pthread_mutex_unlock(&run->lock);
	return got;
}

static void fail(struct run *run, size_t slice, enum dl_status status,
		 const struct dl_err *err)
{
	pthread_mutex_lock(&run->lock);
	if (!run->failed || slice < run->failed_slice) {
		run->failed = status;
		run->failed_slice = slice;
		run->err = *err;
	}
	pthread_mutex_unlock(&run->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	size_t slice;

	while (take(w->run, &slice)) {
		struct dl_err err = { "" };
		enum dl_status st = w->run->fn(w->run->ctx, slice, w->index, &err);

		if (st)
			fail(w->run, slice, st, &err);
	}
	return NULL;
}

enum dl_status jobs_run(size_t nr_slices, unsigned workers, job_fn fn,
			void *ctx, struct dl_err *err)
{
	struct run run = { .fn = fn, .ctx = ctx, .nr_slices = nr_slices };
	struct worker w[MAX_WORKERS];
	unsigned started = 1;

	if (workers > MAX_WORKERS)
		workers = MAX_WORKERS;
	if (workers > nr_slices)
		workers = (unsigned)nr_slices;
	pthread_mutex_init(&run.lock, NULL);
	for (; started < workers; started++) {
		w[started] = (struct worker){ .run = &run, .index = started };
		if (pthread_create(&w[started].thread, NULL, work, &w[started]))
			break; /* fewer threads do the same work */
	}
	w[0] = (struct worker){ .run = &run, .index = 0 };
	work(&w[0]);
	while (started-- > 1)
		pthread_join(w[started].thread, NULL);
	pthread_mutex_destroy(&run.lock);
	if (run.failed && err)
		*err = run.err;
	return run.failed;
}
