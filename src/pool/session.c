/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes to the session space that some of them map: a session's pool is in
 * no other tables. Sessions share their addresses, so one of them is read: the
 * one with most pages, as a rule that of the user.
 *
 * Source: pool.md section 7.1.
 */
#include "dumpleak/pool/internal.h"

/* Bounds for tables that lie; a session has hundreds of MB at most. */
enum { SESSIONS_MAX = 16, PROCESSES_MAX = 256, SESSION_PAGES_MAX = 1 << 20 };

struct session { uint64_t root_pa, first_pfn, nr_pages; };

static enum dl_status count_pages(void *ctx, const struct vm_run *run)
{
	struct session *s = ctx;

	if (!s->nr_pages)
		s->first_pfn = run->pfn;
	s->nr_pages += run->nr_pages;
	return s->nr_pages > SESSION_PAGES_MAX ? DL_END : DL_OK;
}

/* Processes of one session show the same first page. */
static void session_keep(struct session *known, size_t *nr, const struct session *s)
{
	for (size_t i = 0; i < *nr; i++)
		if (known[i].first_pfn == s->first_pfn)
			return;
	if (*nr < SESSIONS_MAX)
		known[(*nr)++] = *s;
}

uint64_t session_root(struct os *os, size_t *others)
{
	struct session known[SESSIONS_MAX];
	size_t nr = 0, best = 0;

	*others = 0;
	for (size_t i = 0; i < os->nr_processes && i < PROCESSES_MAX; i++) {
		struct session s = { 0 };
		struct vm_tally tally = { 0 };
		struct vm vm = os->vm;

		s.root_pa = os->processes[i].dtb_pa & vm.mode->root_mask;
		if (!s.root_pa || s.root_pa == os->vm.root_pa)
			continue;
		vm.root_pa = s.root_pa;
		vm.session_root_pa = 0;
		if (!vm_runs_besides(&vm, os->vm.root_pa, os->system_range_start,
				     vm.mode->va_mask, count_pages, &s, &tally, NULL) && s.nr_pages)
			session_keep(known, &nr, &s);
	}
	for (size_t i = 1; i < nr; i++)
		if (known[i].nr_pages > known[best].nr_pages)
			best = i;
	*others = nr ? nr - 1 : 0;
	return nr ? known[best].root_pa : 0;
}
