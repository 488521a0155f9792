/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a source to a sparse file without a name, on demand. The file is
 * filled in blocks; which are there is a small hash table, and the order in
 * which they came is a ring.
 *
 * libkdumpfile keeps mappings of the file. Measured with 0.5.1: what is copied
 * in later shows up in them, and what is punched out and copied in again, too,
 * with KDUMP_MMAP_ALWAYS; its read cache (KDUMP_MMAP_NEVER) could keep zeros.
 */
#define _GNU_SOURCE /* memfd_create, fallocate */
#include "kdump_stage.h"

#include "source_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	BLOCK_BYTES = 64 << 10,
	MIN_BLOCKS = 4 * PAGE_RANGES,   /* what one call needs, with room to spare */
	PINNED_BLOCKS = LAYOUT_META_BYTES / BLOCK_BYTES + 2 * LAYOUT_MAX_META,
};

struct stage {
	struct source *source;
	int fd;
	size_t max_blocks;
	uint64_t *table;        /* block numbers + 1, open addressing; 0: free */
	size_t mask;
	uint64_t *ring;         /* block numbers in the order they came */
	size_t ring_at, ring_n, nr_pinned;
	uint8_t block[BLOCK_BYTES];
};

static size_t slot_of(const struct stage *s, uint64_t block)
{
	size_t i = (size_t)(block * 0x9e3779b97f4a7c15 >> 32) & s->mask;

	while (s->table[i] && s->table[i] != block + 1)
		i = (i + 1) & s->mask;
	return i;
}

/* Close the gap, so that probing never stops too early. */
static void table_remove(struct stage *s, uint64_t block)
{
	size_t i = slot_of(s, block);

	s->table[i] = 0;
	for (i = (i + 1) & s->mask; s->table[i]; i = (i + 1) & s->mask) {
		uint64_t moved = s->table[i];

		s->table[i] = 0;
		s->table[slot_of(s, moved - 1)] = moved;
	}
}

static int unnamed_file(void)
{
#ifdef MFD_CLOEXEC
	int fd = memfd_create("dumpleak-stage", MFD_CLOEXEC);

	if (fd >= 0)
		return fd;
#endif
	{
		FILE *f = tmpfile();
		int copy = f ? fcntl(fileno(f), F_DUPFD_CLOEXEC, 0) : -1;

		if (f)
			fclose(f);
		return copy;
	}
}

static enum dl_status os_error(struct stage *s, const char *what, struct dl_err *err)
{
	return err_set(err, DL_IO, "%s: %s in the staging file: %s",
		       source_name(s->source), what, strerror(errno));
}

static enum dl_status evict_oldest(struct stage *s, struct dl_err *err)
{
	uint64_t block = s->ring[s->ring_at];

	if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(block * BLOCK_BYTES), BLOCK_BYTES))
		return os_error(s, "making room", err);
	table_remove(s, block);
	s->ring_at = (s->ring_at + 1) % s->max_blocks;
	s->ring_n--;
	return DL_OK;
}

static enum dl_status write_all(struct stage *s, uint64_t off, size_t n,
				struct dl_err *err)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(s->fd, s->block + done, n - done,
				     (off_t)(off + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return os_error(s, "writing", err);
		done += (size_t)put;
	}
	return DL_OK;
}

/* Read block @block; where that fails as a whole, only @need, which must work. */
static enum dl_status copy_block(struct stage *s, uint64_t block,
				 struct file_range need, struct dl_err *err, bool *whole)
{
	uint64_t off = block * BLOCK_BYTES, end;
	size_t n = BLOCK_BYTES;
	enum dl_status st;

	source_end(s->source, &end);
	if (off < end && end - off < n)
		n = (size_t)(end - off);
	*whole = source_read(s->source, off, s->block, n, NULL) == DL_OK;
	if (*whole)
		return write_all(s, off, n, err);
	if (need.off > off)
		off = need.off;
	n = (size_t)((block + 1) * BLOCK_BYTES - off);
	if (need.off + need.n - off < n)
		n = (size_t)(need.off + need.n - off);
	st = source_read(s->source, off, s->block, n, err);
	return st ? st : write_all(s, off, n, err);
}

static enum dl_status fill_range(struct stage *s, struct file_range r, bool pin,
				 struct dl_err *err)
{
	uint64_t block = r.off / BLOCK_BYTES, last = (r.off + r.n - 1) / BLOCK_BYTES;
	enum dl_status st = DL_OK;
	bool whole;

	for (; !st && block <= last; block++) {
		size_t slot = slot_of(s, block);

		if (s->table[slot])
			continue;
		st = copy_block(s, block, r, err, &whole);
		if (st || (!whole && !pin))
			continue; /* half a block is copied again next time */
		if (pin && s->nr_pinned < PINNED_BLOCKS) {
			s->nr_pinned++;
			s->table[slot] = block + 1;
			continue;
		}
		s->table[slot] = block + 1;
		s->ring[(s->ring_at + s->ring_n) % s->max_blocks] = block;
		s->ring_n++;
	}
	return st;
}

enum dl_status stage_pin(struct stage *s, struct file_range range, struct dl_err *err)
{
	return range.n ? fill_range(s, range, true, err) : DL_OK;
}

enum dl_status stage_fill(struct stage *s, const struct file_range *ranges, size_t n,
			  struct dl_err *err)
{
	enum dl_status st = DL_OK;

	for (size_t i = 0; !st && i < n; i++)
		if (ranges[i].n)
			st = fill_range(s, ranges[i], false, err);
	return st;
}

enum dl_status stage_zero(struct stage *s, struct file_range range, struct dl_err *err)
{
	memset(s->block, 0, (size_t)range.n);
	return write_all(s, range.off, (size_t)range.n, err);
}

bool stage_has_room(const struct stage *s)
{
	return s->ring_n + 2 * PAGE_RANGES <= s->max_blocks;
}

enum dl_status stage_evict(struct stage *s, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	while (!st && s->ring_n > s->max_blocks / 2)
		st = evict_oldest(s, err);
	return st;
}

int stage_fd(const struct stage *s)
{
	return s->fd;
}

size_t stage_held_bytes(const struct stage *s)
{
	return (s->ring_n + s->nr_pinned) * BLOCK_BYTES;
}

static bool stage_alloc(struct stage *s)
{
	size_t slots = 1;

	while (slots < 2 * (s->max_blocks + PINNED_BLOCKS))
		slots *= 2;
	s->mask = slots - 1;
	s->table = calloc(slots, sizeof *s->table);
	s->ring = calloc(s->max_blocks, sizeof *s->ring);
	return s->table && s->ring;
}

struct stage *stage_new(struct source *source, size_t budget_bytes, struct dl_err *err)
{
	struct stage *s = calloc(1, sizeof *s);
	uint64_t end;

	if (!s) {
		err_set(err, DL_NOMEM, "out of memory");
		return NULL;
	}
	s->source = source;
	s->max_blocks = budget_bytes / BLOCK_BYTES;
	if (s->max_blocks < MIN_BLOCKS)
		s->max_blocks = MIN_BLOCKS;
	s->fd = unnamed_file();
	source_end(source, &end);
	if (end > INT64_MAX)
		end = INT64_MAX;
	if (s->fd < 0 || ftruncate(s->fd, (off_t)end)) {
		os_error(s, "no room", err);
	} else if (stage_alloc(s)) {
		return s;
	} else {
		err_set(err, DL_NOMEM, "out of memory");
	}
	stage_free(s);
	return NULL;
}

void stage_free(struct stage *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->table);
	free(s->ring);
	free(s);
}
