/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of long work to one line on the terminal, a few times a second. */
#include "progress.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_MS = 1000, EVERY_MS = 200 };

static long ms_between(const struct timespec *a, const struct timespec *b)
{
	return (long)(b->tv_sec - a->tv_sec) * 1000 + (b->tv_nsec - a->tv_nsec) / 1000000;
}

static void step(void *ctx, const char *what, size_t done, size_t total)
{
	struct progress_line *line = ctx;
	struct timespec now;

	/* workers report too; who finds the line taken has nothing to add */
	if (pthread_mutex_trylock(&line->lock))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ms_between(&line->began, &now) >= FIRST_MS &&
	    ms_between(&line->shown, &now) >= EVERY_MS) {
		fprintf(stderr, "\r\033[K%s", what);
		if (total)
			fprintf(stderr, " %d %%",
				(int)((double)done * 100.0 / (double)total));
		fflush(stderr);
		line->shown = now;
		line->visible = true;
	}
	pthread_mutex_unlock(&line->lock);
}

void progress_line_init(struct progress_line *line, bool wanted)
{
	memset(line, 0, sizeof *line);
	pthread_mutex_init(&line->lock, NULL);
	clock_gettime(CLOCK_MONOTONIC, &line->began);
	line->progress.ctx = line;
	if (wanted)
		line->progress.step = step;
}

void progress_line_clear(struct progress_line *line)
{
	if (line->visible)
		fputs("\r\033[K", stderr);
	line->visible = false;
}

void progress_line_deinit(struct progress_line *line)
{
	progress_line_clear(line);
	pthread_mutex_destroy(&line->lock);
}
