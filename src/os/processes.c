/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PsActiveProcessHead to processes, their threads and kernel stacks. EPROCESS
 * and ETHREAD change with every release, and within one: rows are tried until
 * the first process and its first thread look like ones, and if none fits, no
 * process is believed. Not listed: the idle process, which is on no list.
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
	SYSTEM_PID = 4,
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

/*
 * Zeros where an object has its list of waiters, its name or its process: some
 * writers put zeros where they had no page, or no such part of it.
 */
static bool is_zeros(struct os *os, uint64_t va)
{
	uint64_t low, high;

	return !vm_word(&os->vm, va, 8, &low, NULL) && !low &&
	       !vm_word(&os->vm, va + 8, 8, &high, NULL) && !high;
}

static bool has_dispatcher_type(struct os *os, uint64_t va, uint64_t want)
{
	struct field f = os->layout.dispatcher.type;
	uint64_t type;

	return !vm_word(&os->vm, va + f.off, f.width, &type, NULL) && type == want;
}

/* Along one of the two links: to the head, to a missing page, or to what was met before. */
enum walk_end { CLOSED, ABSENT, ZERO, REPEATED };

static enum dl_status walk(struct gathering *g, uint64_t head, uint64_t link_off, list_fn fn,
			   enum walk_end *end, uint64_t *va)
{
	enum dl_status st = DL_OK;

	*end = CLOSED;
	for (*va = head; !st;) {
		uint64_t next;
		bool is_new;

		if (!ptr_at(g->os, *va + link_off, &next)) {
			*end = ABSENT;
			return DL_OK;
		}
		if (!next) {
			*end = ZERO;
			return DL_OK;
		}
		if (next == head)
			return DL_OK;
		*va = next;
		st = va_map_add(&g->seen, next, 0, &is_new);
		if (!st && !is_new) {
			*end = REPEATED;
			return DL_OK;
		}
		if (!st)
			st = fn(g, next);
	}
	return st;
}

/* Each entry of the list at @head; what a break cuts off, from the other end. */
static enum dl_status each_entry(struct gathering *g, uint64_t head, const char *what,
				 list_fn fn)
{
	enum walk_end end;
	uint64_t va, other_va;
	enum dl_status st = walk(g, head, 0, fn, &end, &va);

	if (!st && (end == ABSENT || end == ZERO))
		os_note(g->os, DL_ABSENT, "the list of %s breaks off at VA %#" PRIx64
			": %s", what, va, end == ZERO ? "its link is zero" : "not in this image");
	if (!st && end == REPEATED)
		os_note(g->os, DL_CORRUPT, "the list of %s runs into itself at VA %#" PRIx64, what,
			va);
	if (!st && end != CLOSED)
		st = walk(g, head, g->os->layout.ptr_bytes, fn, &end, &other_va);
	return st == DL_END ? DL_OK : st;
}

/* Not page aligned: the boot stack lies anywhere in the kernel. */
static bool is_stack(struct os *os, uint64_t first, uint64_t end)
{
	return os_is_kernel_va(os, first) && end > first &&
	       (first | end) % os->layout.ptr_bytes == 0 && end - first <= MAX_STACK_BYTES;
}

/* StackBase; InitialStack, where the first frame begins, is at most a page below it. */
static bool stack_of(struct os *os, uint64_t va, struct thread *t)
{
	const struct process_layout *l = &os->layout.process;

	if (!ptr_at(os, va + l->stack_limit.off, &t->stack_first))
		return false;
	if (field_has(l->stack_base) && ptr_at(os, va + l->stack_base.off, &t->stack_end) &&
	    is_stack(os, t->stack_first, t->stack_end))
		return true;
	return ptr_at(os, va + l->initial_stack.off, &t->stack_end) &&
	       is_stack(os, t->stack_first, t->stack_end);
}

static bool thread_at(struct os *os, uint64_t va, struct thread *t)
{
	const struct process_layout *l = &os->layout.process;

	t->va = va;
	return has_dispatcher_type(os, va, TYPE_THREAD) &&
	       ptr_at(os, va + l->thread_id.off, &t->id) && t->id % 4 == 0 &&
	       ptr_at(os, va + l->thread_process.off, &t->process_va) && stack_of(os, va, t);
}

static enum dl_status stopped(struct gathering *g, const char *what)
{
	os_note(g->os, DL_CORRUPT, "the list of %s does not end: stopped", what);
	return DL_END;
}

/* Why an object does not look like one: it is not there, or it is not one. */
static void count_failure(struct gathering *g, uint64_t va, size_t size_bytes, uint64_t more_va)
{
	uint64_t first, last;

	if (ptr_at(g->os, va, &first) && ptr_at(g->os, va + size_bytes, &last) &&
	    !is_zeros(g->os, va) && !is_zeros(g->os, more_va))
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
		count_failure(g, t.va, l->thread_links.off, t.va + l->thread_process.off);
		return DL_OK;
	}
	if (g->nr_threads == MAX_THREADS)
		return stopped(g, "threads");
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

/* Where CR3 says the tables are; it and the field may carry an address space's number too. */
static uint64_t root_at(struct os *os, uint64_t va, struct field f)
{
	const uint64_t number = 0x8000000000000fff;
	const struct paging_mode *m = os->vm.mode;
	uint64_t v;

	if (!field_has(f) || vm_word(&os->vm, va + f.off, f.width, &v, NULL) ||
	    (os->layout.ptr_bytes == 4 ? v & ~m->root_mask
				       : v & ~m->root_mask & ~number & 0xffffffffffff))
		return 0;
	return v & m->root_mask;
}

static bool process_at(struct os *os, uint64_t va, struct process *p)
{
	const struct process_layout *l = &os->layout.process;
	uint8_t raw[IMAGE_BYTES];

	*p = (struct process){ .va = va };
	if (!has_dispatcher_type(os, va, TYPE_PROCESS) ||
	    !ptr_at(os, va + l->pid.off, &p->pid) || p->pid % 4 || p->pid > UINT32_MAX ||
	    vm_read(&os->vm, va + l->image_name.off, raw, sizeof raw, NULL) ||
	    !is_image_name(raw))
		return false;
	p->dtb_pa = root_at(os, va, l->dtb);
	p->user_dtb_pa = root_at(os, va, l->user_dtb);
	p->image = text_ascii(&os->arena, (struct bytes){ raw, sizeof raw });
	return p->image;
}

static enum dl_status add_process(struct gathering *g, uint64_t entry_va)
{
	const struct process_layout *l = &g->os->layout.process;
	struct process p, *bigger;

	if (!process_at(g->os, entry_va - l->links.off, &p)) {
		count_failure(g, p.va, l->image_name.off + IMAGE_BYTES - 4u,
			      p.va + l->image_name.off);
		return DL_OK;
	}
	if (g->nr_processes == MAX_PROCESSES)
		return stopped(g, "processes");
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

enum fit { FITS, MISFITS, BLANK, CANNOT_TELL };

/*
 * The first threads of a process. One that fits is enough, since the boot
 * thread's stack is odd on some kernels; several that are none speak against.
 */
static enum fit thread_list_fit(struct os *os, const struct process *p)
{
	enum { ENOUGH = 8 };
	const struct process_layout *l = &os->layout.process;
	uint64_t head = p->va + l->threads.off, before = head, entry, back, there;
	size_t nr_odd = 0;

	for (int i = 0; i < ENOUGH && ptr_at(os, before, &entry) && entry != head; i++) {
		struct thread t;

		if (!ptr_at(os, entry + os->layout.ptr_bytes, &back) ||
		    !ptr_at(os, entry - l->thread_links.off, &there))
			break;
		if (back != before)
			return MISFITS;
		if (is_zeros(os, entry - l->thread_links.off))
			break;
		if (thread_at(os, entry - l->thread_links.off, &t) && t.process_va == p->va)
			return FITS;
		nr_odd++;
		before = entry;
	}
	return nr_odd ? MISFITS : CANNOT_TELL;
}

/* Some rows hold only the fields that have a witness. */
static bool row_is_whole(const struct process_layout *l)
{
	return field_has(l->pid) && field_has(l->links) && field_has(l->image_name) &&
	       field_has(l->dtb) && field_has(l->threads) && field_has(l->thread_links) &&
	       field_has(l->thread_process) && field_has(l->thread_id);
}

/* The first process on the list is System, with PID 4, unless its page is missing. */
static bool process_fits(struct os *os, uint64_t va, bool is_first)
{
	struct process p;

	return process_at(os, va, &p) && p.pid && p.dtb_pa && (!is_first || p.pid == SYSTEM_PID) &&
	       thread_list_fit(os, &p) != MISFITS;
}

/* Most of the processes that are there must look like ones: a page may be damaged. */
static enum fit row_fit(struct os *os)
{
	enum { MAX_STEPS = 64, ENOUGH = 8 };
	const struct process_layout *l = &os->layout.process;
	uint64_t entry = os->processes_va, there;
	size_t nr_good = 0, nr_odd = 0, nr_blank = 0;

	if (!row_is_whole(l))
		return MISFITS;
	for (int i = 0; i < MAX_STEPS && nr_good + nr_odd < ENOUGH; i++) {
		uint64_t va;

		if (!ptr_at(os, entry, &entry) || !entry || entry == os->processes_va)
			break;
		va = entry - l->links.off;
		if (!ptr_at(os, va, &there) || !ptr_at(os, va + l->image_name.off + 8, &there))
			continue;
		if (process_fits(os, va, !i))
			nr_good++;
		else if (is_zeros(os, va) && is_zeros(os, va + l->image_name.off))
			nr_blank++;
		else
			nr_odd++;
	}
	return nr_good > nr_odd ? FITS : nr_blank > nr_odd ? BLANK
					 : nr_odd ? MISFITS : CANNOT_TELL;
}

/* No row fits: either memory or the build is odd, or nobody has seen this build's. */
static void note_no_row(struct os *os, const struct process_layout *own, uint32_t tried)
{
	if (row_is_whole(own))
		os_note(os, DL_CORRUPT, "EPROCESS and ETHREAD of build %u do not fit what memory "
			"shows, nor do those of other builds (%u tried): processes and threads were "
			"left out", os->build, tried);
	else
		os_note(os, DL_UNSUPPORTED, "EPROCESS and ETHREAD of build %u are not known for "
			"this processor, and those of other builds do not fit: processes and threads "
			"were left out", os->build);
}

/*
 * The first row that fits is taken. Where servicing moved a field or two within
 * a build there is nothing to remark; EPROCESS itself keeps its shape then.
 */
static bool pick_row(struct os *os)
{
	const struct process_layout own = os->layout.process;
	enum fit fit = row_fit(os);
	bool blank = fit == BLANK;
	uint32_t tried = 1;

	for (; (fit == MISFITS || fit == BLANK) && layout_next_process(&os->layout); tried++)
		fit = row_fit(os);
	if (blank && fit != FITS) {
		os->layout.process = own;
		return true;
	}
	if (fit == BLANK)
		fit = MISFITS;
	if (fit == MISFITS)
		note_no_row(os, &own, tried);
	else if (own.image_name.off != os->layout.process.image_name.off)
		os_note(os, DL_OK, "EPROCESS and ETHREAD are not those expected of build %u: row %u "
			"of the known ones fits", os->build, tried);
	return fit != MISFITS;
}

enum dl_status processes_read(struct os *os, struct dl_err *err)
{
	struct gathering g = { .os = os };
	enum dl_status st;

	if (!os->processes_va || !pick_row(os))
		return DL_OK;
	st = each_entry(&g, os->processes_va, "processes", add_process);
	if (!st && g.nr_absent)
		os_note(os, DL_ABSENT, "%zu of the processes and threads on the lists are not in this image",
			g.nr_absent);
	if (!st && g.nr_odd)
		os_note(os, DL_CORRUPT, "%zu processes or threads on the lists do not look like "
			"those of build %u", g.nr_odd, os->build);
	if (!st)
		st = keep(&g);
	va_map_deinit(&g.seen);
	free(g.process);
	free(g.thread);
	return st ? err_set(err, st, "out of memory for processes") : DL_OK;
}
