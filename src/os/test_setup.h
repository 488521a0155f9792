/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_TEST_SETUP_H
#define DUMPLEAK_OS_TEST_SETUP_H

/* What cmocka tests do with the machine of test_machine.h; fuzzing needs none of it. */
#include "test_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static inline int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	*state = m;
	if (!m)
		return -1;
	m->ram = malloc(RAM_BYTES);
	if (!m->ram)
		return -1;
	machine_build(m, false);
	return 0;
}

static inline int teardown(void **state)
{
	struct machine *m = *state;

	machine_close(m);
	free(m->ram);
	free(m);
	return 0;
}

static inline struct os *opened(struct machine *m)
{
	struct dl_err err = { "" };

	if (machine_open(m, &err))
		fail_msg("%s", err.text);
	return &m->os;
}

static inline bool has_note(const struct os *os, const char *words)
{
	for (size_t i = 0; i < os->nr_notes; i++)
		if (strstr(os->notes[i].text, words))
			return true;
	return false;
}

#endif
