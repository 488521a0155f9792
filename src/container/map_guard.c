/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGBUS on a mapped dump to zero pages and a mark (POSIX: mmap() beyond the
 * end of the file). The tables are lock-free, because the handler runs in the
 * middle of anything; a slot is published by its base, last.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "map_guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GUARD_SLOTS = 64, FOREIGN_SLOTS = 16, FOREIGN_TEXT = 400, EXIT_IO = 4 };

struct guard_slot {
	atomic_bool taken;
	atomic_uintptr_t base;          /* 0: not in use          */
	atomic_size_t size_bytes;
	atomic_int fd;
	atomic_uint_least64_t hit_off;  /* UINT64_MAX: never hit  */
};

struct foreign_slot {
	atomic_bool taken;
	atomic_size_t text_bytes;       /* 0: not in use */
	char text[FOREIGN_TEXT];
};

static struct guard_slot guards[GUARD_SLOTS];
static struct foreign_slot foreigns[FOREIGN_SLOTS];
static struct sigaction previous;
static size_t page_bytes;
static _Thread_local volatile sig_atomic_t chaining;

static void mark(struct guard_slot *g, uint64_t off)
{
	uint_least64_t seen = atomic_load(&g->hit_off);

	while (off < seen && !atomic_compare_exchange_weak(&g->hit_off, &seen, off))
		;
}

/*
 * Zero pages in place of what cannot be read. A file that became shorter loses
 * everything up to its old end at once; a disk error only this page.
 */
static bool cover(struct guard_slot *g, uintptr_t base, uintptr_t va)
{
	size_t off = (va - base) / page_bytes * page_bytes;
	size_t n = page_bytes;
	struct stat st;

	if (fstat(atomic_load(&g->fd), &st) == 0 && (uint64_t)st.st_size <= off)
		n = atomic_load(&g->size_bytes) - off;
	mark(g, off);
	return mmap((void *)(base + off), n, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static bool covered(uintptr_t va)
{
	for (int i = 0; i < GUARD_SLOTS; i++) {
		uintptr_t base = atomic_load(&guards[i].base);

		if (base && va >= base && va - base < atomic_load(&guards[i].size_bytes))
			return cover(&guards[i], base, va);
	}
	return false;
}

static void end_if_foreign(void)
{
	for (int i = 0; i < FOREIGN_SLOTS; i++) {
		size_t n = atomic_load(&foreigns[i].text_bytes);

		if (n && write(STDERR_FILENO, foreigns[i].text, n) >= 0)
			_exit(EXIT_IO);
		if (n)
			_exit(EXIT_IO);
	}
}

/* False if there is no previous handler, or it has just passed this on to us. */
static bool call_previous(int sig, siginfo_t *info, void *context)
{
	bool has_info = previous.sa_flags & SA_SIGINFO;

	if (chaining || (!has_info && (previous.sa_handler == SIG_DFL ||
				       previous.sa_handler == SIG_IGN)))
		return false;
	chaining = 1;
	if (has_info)
		previous.sa_sigaction(sig, info, context);
	else
		previous.sa_handler(sig);
	chaining = 0;
	return true;
}

static void chain(int sig, siginfo_t *info, void *context)
{
	if (call_previous(sig, info, context))
		return;
	signal(sig, SIG_DFL); /* the fault happens again, or the signal is sent again */
	if (info->si_code <= 0)
		raise(sig);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	if (info->si_code > 0) { /* by the kernel, so si_addr means something */
		if (covered((uintptr_t)info->si_addr))
			return;
		end_if_foreign();
	}
	chain(sig, info, context);
}

static bool is_ours(const struct sigaction *sa)
{
	return (sa->sa_flags & SA_SIGINFO) && sa->sa_sigaction == on_sigbus;
}

/* Looks every time: a host program may have changed its handlers meanwhile. */
static bool install(void)
{
	struct sigaction now, sa = { .sa_sigaction = on_sigbus,
				     .sa_flags = SA_SIGINFO | SA_ONSTACK };
	long n = sysconf(_SC_PAGESIZE);

	page_bytes = n > 0 ? (size_t)n : 4096;
	if (sigaction(SIGBUS, NULL, &now))
		return false;
	if (is_ours(&now))
		return true;
	previous = now;
	sigemptyset(&sa.sa_mask);
	return sigaction(SIGBUS, &sa, NULL) == 0;
}

static bool ready(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	bool ok;

	pthread_mutex_lock(&lock);
	ok = install();
	pthread_mutex_unlock(&lock);
	return ok;
}

static bool take(atomic_bool *taken)
{
	bool no = false;

	return atomic_compare_exchange_strong(taken, &no, true);
}

int map_guard_add(const void *base, size_t size_bytes, int fd)
{
	if (!ready())
		return -1;
	for (int i = 0; i < GUARD_SLOTS; i++) {
		struct guard_slot *g = &guards[i];

		if (!take(&g->taken))
			continue;
		atomic_store(&g->size_bytes, size_bytes);
		atomic_store(&g->fd, fd);
		atomic_store(&g->hit_off, UINT64_MAX);
		atomic_store(&g->base, (uintptr_t)base);
		return i;
	}
	return -1;
}

void map_guard_remove(int slot)
{
	if (slot < 0)
		return;
	atomic_store(&guards[slot].base, 0);
	atomic_store(&guards[slot].taken, false);
}

bool map_guard_hit(int slot, uint64_t *off)
{
	uint_least64_t hit = slot < 0 ? UINT64_MAX : atomic_load(&guards[slot].hit_off);

	*off = hit;
	return hit != UINT64_MAX;
}

int map_guard_foreign(const char *name)
{
	if (!ready())
		return -1;
	for (int i = 0; i < FOREIGN_SLOTS; i++) {
		struct foreign_slot *f = &foreigns[i];
		int n;

		if (!take(&f->taken))
			continue;
		n = snprintf(f->text, sizeof f->text, "dumpleak: %.300s: became "
			     "shorter, or could not be read, while it was open\n", name);
		atomic_store(&f->text_bytes, n > 0 ? (size_t)n : 0);
		return i;
	}
	return -1;
}

void map_guard_foreign_end(int slot)
{
	if (slot < 0)
		return;
	atomic_store(&foreigns[slot].text_bytes, 0);
	atomic_store(&foreigns[slot].taken, false);
}
