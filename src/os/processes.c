/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PsActiveProcessHead to processes, their threads and kernel stacks. EPROCESS
 * and ETHREAD change with every release: if the first process does not look
 * like one under this build's row, none is believed. Not listed: the idle
 * process, which is on no list.
 *
 * Sources: objects.md section 3.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	MAX_PROCESSES = 16384, MAX_THREADS = 65536,
	IMAGE_BYTES = 16,
	MAX_STACK_BYTES = 1 << 20,
	TYPE_PROCESS = 3, TYPE_THREAD = 6,      /* KOBJECTS */
};

struct gathering {
	struct os *os;
	struct process *process;
	size_t nr_processes, cap_processes;
	struct thread *thread;
	size_t nr_threads, cap_threads;
	struct va_map seen;             /* list entries of both kinds */
	size_t nr_odd;                  /* did not look as they should */
	size_t nr_absent;               /* are not in this image       */
};

typedef enum dl_status (*list_fn)(struct gathering *g, uint64_t entry_va);

static bool has_dispatcher_type(struct os *os, uint64_t va, uint64_t want)
{
	struct field f = os->layout.dispatcher.type;
	uint64_t type;

	return !vm_word(&os->vm, va + f.off, f.width, &type, NULL) && type == want;
}

/* Each entry of the list at @head; ends at the head or where it breaks. */
static enum dl_status each_entry(struct gathering *g, uint64_t head, const char *what,
				 list_fn fn)
{
	uint64_t va = head, next;
	enum dl_status st = DL_OK;

	while (!st) {
		bool is_new;

		if (!ptr_at(g->os, va, &next)) {
			os_note(g->os, DL_ABSENT, "the list of %s breaks off at VA %#" PRIx64
				": not in this image", what, va);
			return DL_OK;
		}
		if (next == head)
			return DL_OK;
		st = va_map_add(&g->seen, next, 0, &is_new);
		if (!st && !is_new) {
			os_note(g->os, DL_CORRUPT, "the list of %s runs into itself at VA %#"
				PRIx64, what, next);
			return DL_OK;
		}
		if (!st)
			st = fn(g, next);
		va = next;
	}
	return st == DL_END ? DL_OK : st;
}

static bool thread_at(struct os *os, uint64_t va, struct thread *t)
{
	const struct process_layout *l = &os->layout.process;

	t->va = va;
	return has_dispatcher_type(os, va, TYPE_THREAD) &&
	       ptr_at(os, va + l->thread_id.off, &t->id) &&
	       ptr_at(os, va + l->thread_process.off, &t->process_va) &&
	       ptr_at(os, va + l->stack_limit.off, &t->stack_first) &&
	       ptr_at(os, va + l->initial_stack.off, &t->stack_end) &&
	       os_is_kernel_va(os, t->stack_first) && t->stack_end > t->stack_first &&
	       /* not page aligned: the boot stack lies anywhere in the kernel */
	       (t->stack_first | t->stack_end) % os->layout.ptr_bytes == 0 &&
	       t->stack_end - t->stack_first <= MAX_STACK_BYTES;
}

/* Why an object does not look like one: it is not there, or it is not one. */
static void count_failure(struct gathering *g, uint64_t va, size_t size_bytes)
{
	uint64_t first, last;

	if (ptr_at(g->os, va, &first) && ptr_at(g->os, va + size_bytes, &last))
		g->nr_odd++;
	else
		g->nr_absent++;
}

static enum dl_status add_thread(struct gathering *g, uint64_t entry_va)
{
	const struct process_layout *l = &g->os->layout.process;
	struct thread t, *bigger;

	if (!thread_at(g->os, entry_va - l->thread_links.off, &t) ||
	    t.process_va != g->process[g->nr_processes - 1].va) {
		count_failure(g, t.va, l->thread_links.off);
		return DL_OK;
	}
	if (g->nr_threads == MAX_THREADS)
		return DL_END;
	bigger = vec_grow(g->thread, &g->cap_threads, g->nr_threads + 1, sizeof *bigger);
	if (!bigger)
		return DL_NOMEM;
	g->thread = bigger;
	g->thread[g->nr_threads++] = t;
	return DL_OK;
}

/* Printable, and not empty: what a process's image name always is. */
static bool is_image_name(const uint8_t *raw)
{
	size_t n = 0;

	while (n < IMAGE_BYTES && raw[n])
		if (raw[n] < 0x20 || raw[n++] > 0x7e)
			return false;
	return n > 0;
}

static bool process_at(struct os *os, uint64_t va, struct process *p)
{
	const struct process_layout *l = &os->layout.process;
	uint8_t raw[IMAGE_BYTES];

	p->va = va;
	if (!has_dispatcher_type(os, va, TYPE_PROCESS) ||
	    !ptr_at(os, va + l->pid.off, &p->pid) || p->pid % 4 ||
	    vm_read(&os->vm, va + l->image_name.off, raw, sizeof raw, NULL) ||
	    !is_image_name(raw))
		return false;
	p->image = text_ascii(&os->arena, (struct bytes){ raw, sizeof raw });
	return p->image;
}

static enum dl_status add_process(struct gathering *g, uint64_t entry_va)
{
	const struct process_layout *l = &g->os->layout.process;
	struct process p, *bigger;

	if (!process_at(g->os, entry_va - l->links.off, &p)) {
		count_failure(g, p.va, l->image_name.off + IMAGE_BYTES - 4u);
		return g->nr_processes || !g->nr_odd ? DL_OK : DL_END;
	}
	if (g->nr_processes == MAX_PROCESSES)
		return DL_END;
	bigger = vec_grow(g->process, &g->cap_processes, g->nr_processes + 1, sizeof *bigger);
	if (!bigger)
		return DL_NOMEM;
	g->process = bigger;
	g->process[g->nr_processes++] = p;
	return each_entry(g, p.va + l->threads.off, "threads", add_thread);
}

static int compare_stacks(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return x->stack_first < y->stack_first ? -1 : x->stack_first > y->stack_first;
}

/* To the arena, with everything else that os_close() frees. */
static enum dl_status keep(struct gathering *g)
{
	struct os *os = g->os;

	os->processes = arena_array(&os->arena, g->nr_processes, sizeof *os->processes);
	os->threads = arena_array(&os->arena, g->nr_threads, sizeof *os->threads);
	if (!os->processes || !os->threads)
		return DL_NOMEM;
	for (size_t i = 0; i < g->nr_processes; i++)
		os->processes[i] = g->process[i];
	for (size_t i = 0; i < g->nr_threads; i++)
		os->threads[i] = g->thread[i];
	os->nr_processes = g->nr_processes;
	os->nr_threads = g->nr_threads;
	qsort(os->threads, os->nr_threads, sizeof *os->threads, compare_stacks);
	return DL_OK;
}

enum dl_status processes_read(struct os *os, struct dl_err *err)
{
	struct gathering g = { .os = os };
	enum dl_status st;

	if (!os->processes_va)
		return DL_OK;
	st = each_entry(&g, os->processes_va, "processes", add_process);
	if (!st && g.nr_absent)
		os_note(os, DL_ABSENT, "%zu of the processes and threads on the lists are not in this image",
			g.nr_absent);
	if (!st && g.nr_odd && g.nr_processes)
		os_note(os, DL_CORRUPT, "%zu processes or threads on the lists do not look like "
			"those of build %u", g.nr_odd, os->build);
	else if (!st && g.nr_odd)
		os_note(os, DL_CORRUPT, "the process list does not fit build %u: left out",
			os->build);
	if (!st)
		st = keep(&g);
	va_map_deinit(&g.seen);
	free(g.process);
	free(g.thread);
	return st ? err_set(err, st, "out of memory for processes") : DL_OK;
}
