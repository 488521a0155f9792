/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes at a VA to the dispatcher object they are, if any. Nothing but the
 * object's own shape speaks for it, so all of it must fit: type, size in
 * words, signal state, and a wait list whose neighbours point back.
 * Windows 7 began to use the byte of the size otherwise for some kinds: their
 * rows say 0, and for these the rest must do.
 *
 * Sources: objects.md section 1.
 */
#include "dumpleak/os/objects.h"
#include "dumpleak/os/internal.h"

enum {
	NOTIFICATION_EVENT = 0, SYNCHRONIZATION_EVENT = 1, MUTANT = 2, PROCESS = 3,
	QUEUE = 4, SEMAPHORE = 5, THREAD = 6, NOTIFICATION_TIMER = 8,
	SYNCHRONIZATION_TIMER = 9,
};

enum { HEADER_MAX = 0x20 };

struct header {
	uint64_t type, words;
	int32_t state;
};

static bool header_at(struct os *os, uint64_t va, struct header *h)
{
	const struct dispatcher_layout *l = &os->layout.dispatcher;
	uint8_t buf[HEADER_MAX];
	struct bytes b;
	uint64_t state;

	if (va % os->layout.ptr_bytes || !os_is_kernel_va(os, va))
		return false;
	b = struct_within(os, va, buf, sizeof buf, (size_t)l->wait_blink.off + l->wait_blink.width);
	if (!field_get(b, l->type, &h->type) || !field_get(b, l->size, &h->words) ||
	    !field_get(b, l->state, &state))
		return false;
	h->state = (int32_t)(uint32_t)state;
	return true;
}

static bool is_flag(int32_t state)
{
	return state == 0 || state == 1;
}

static bool semaphore_fits(struct os *os, uint64_t va, const struct header *h)
{
	struct field f = os->layout.dispatcher.semaphore_limit;
	uint64_t limit;

	return h->type == SEMAPHORE &&
	       !vm_word(&os->vm, va + f.off, f.width, &limit, NULL) &&
	       limit > 0 && limit <= INT32_MAX && h->state >= 0 &&
	       (uint64_t)h->state <= limit;
}

static bool words_fit(uint8_t row, const struct header *h)
{
	return !row || row == h->words;
}

/* Not every kernel fills in a thread's size; its process must be one instead. */
static bool thread_fits(struct os *os, uint64_t va, const struct header *h)
{
	const struct process_layout *l = &os->layout.process;
	struct field type = os->layout.dispatcher.type;
	uint64_t process, process_type;

	return h->type == THREAD && (words_fit(l->thread_words, h) || h->words == 0) &&
	       is_flag(h->state) && field_has(l->thread_process) &&
	       ptr_at(os, va + l->thread_process.off, &process) &&
	       os_is_kernel_va(os, process) &&
	       !vm_word(&os->vm, process + type.off, type.width, &process_type, NULL) &&
	       process_type == PROCESS;
}

/* The name, if type, size and state fit; the wait list is still to be seen. */
static const char *kind_name(struct os *os, uint64_t va, const struct header *h)
{
	const struct dispatcher_layout *l = &os->layout.dispatcher;
	const struct { uint8_t type, words; bool fits; const char *name; } kinds[] = {
		{ NOTIFICATION_EVENT, l->event_words, is_flag(h->state), "KEVENT" },
		{ SYNCHRONIZATION_EVENT, l->event_words, is_flag(h->state), "KEVENT" },
		{ MUTANT, l->mutant_words, h->state <= 1, "KMUTANT" },
		{ PROCESS, os->layout.process.process_words, is_flag(h->state), "KPROCESS" },
		{ QUEUE, l->queue_words, h->state >= 0, "KQUEUE" },
		{ SEMAPHORE, l->semaphore_words, semaphore_fits(os, va, h), "KSEMAPHORE" },
		{ THREAD, 0, thread_fits(os, va, h), "KTHREAD" },
		{ NOTIFICATION_TIMER, l->timer_words, is_flag(h->state), "KTIMER" },
		{ SYNCHRONIZATION_TIMER, l->timer_words, is_flag(h->state), "KTIMER" },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i].type == h->type && words_fit(kinds[i].words, h) && kinds[i].fits)
			return kinds[i].name;
	return NULL;
}

const char *objects_dispatcher_name(struct os *os, uint64_t va)
{
	struct header h;
	const char *name = header_at(os, va, &h) ? kind_name(os, va, &h) : NULL;

	if (!name || !list_closes(&os->vm, va + os->layout.dispatcher.wait_flink.off,
				  os->layout.ptr_bytes))
		return NULL;
	return name;
}

bool objects_is_event(struct os *os, uint64_t va)
{
	struct header h;

	return header_at(os, va, &h) && h.type <= SYNCHRONIZATION_EVENT &&
	       words_fit(os->layout.dispatcher.event_words, &h) && is_flag(h.state) &&
	       list_closes(&os->vm, va + os->layout.dispatcher.wait_flink.off,
			   os->layout.ptr_bytes);
}
