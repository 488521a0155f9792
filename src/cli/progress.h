/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CLI_PROGRESS_H
#define DUMPLEAK_CLI_PROGRESS_H

#include "dumpleak/base/jobs.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

/* One line on stderr that is rewritten, for work of more than a second. */
struct progress_line {
	struct progress progress;       /* hand this to the work */
	pthread_mutex_t lock;
	struct timespec began, shown;
	bool visible;
};

/** progress_line_init - @wanted: stderr is a terminal and nobody said --quiet */
void progress_line_init(struct progress_line *line, bool wanted);

/** progress_line_clear - take the line away before anything else is printed */
void progress_line_clear(struct progress_line *line);
void progress_line_deinit(struct progress_line *line);

#endif
