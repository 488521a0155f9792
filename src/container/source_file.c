/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular file as a source: mapped as a whole where that works, read piece
 * by piece where not. What is no regular file is refused by its kind; FIFOs
 * are opened without blocking for that.
 */
#define _GNU_SOURCE /* O_CLOEXEC, SEEK_DATA and friends under -std=c11 */
#include "map_guard.h"
#include "source_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_source {
	struct source base;
	int fd;
	uint64_t size_bytes;    /* when it was opened              */
	const uint8_t *map;     /* NULL: pread() instead           */
	int guard;
	pthread_mutex_t lock;   /* of damage                       */
	char damage[320];       /* "" while nothing is wrong       */
};

static struct file_source *file_of(struct source *s)
{
	return (struct file_source *)s;
}

static void note_damage(struct file_source *f, const char *what, uint64_t off)
{
	pthread_mutex_lock(&f->lock);
	if (!f->damage[0])
		snprintf(f->damage, sizeof f->damage, "%.200s: %s (at offset 0x%" PRIx64 ")",
			 f->base.name, what, off);
	pthread_mutex_unlock(&f->lock);
}

static const char *file_damage(struct source *s)
{
	struct file_source *f = file_of(s);
	struct stat st;
	uint64_t off;

	if (map_guard_hit(f->guard, &off)) {
		bool cut = fstat(f->fd, &st) == 0 && (uint64_t)st.st_size < f->size_bytes;

		note_damage(f, cut ? "became shorter while it was read"
				   : "could not be read", off);
	}
	return f->damage[0] ? f->damage : NULL;
}

/* Whether the guard put zeros below @end since the file was opened. */
static bool lost(struct file_source *f, uint64_t end)
{
	uint64_t off;

	return map_guard_hit(f->guard, &off) && off < end;
}

static const uint8_t *file_map(struct source *s, uint64_t off, size_t n)
{
	struct file_source *f = file_of(s);

	if (!f->map || off > f->size_bytes || n > f->size_bytes - off ||
	    lost(f, off + n))
		return NULL;
	return f->map + off;
}

static enum dl_status read_fd(struct file_source *f, uint64_t off, uint8_t *buf,
			      size_t n, struct dl_err *err)
{
	while (n) {
		ssize_t got = pread(f->fd, buf, n, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			note_damage(f, strerror(errno), off);
			return err_set(err, DL_IO, "%s", f->damage);
		}
		if (got == 0) {
			note_damage(f, "became shorter while it was read", off);
			return err_set(err, DL_IO, "%s", f->damage);
		}
		buf += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return DL_OK;
}

static enum dl_status file_read(struct source *s, uint64_t off, void *buf,
				size_t n, struct dl_err *err)
{
	struct file_source *f = file_of(s);

	if (off > f->size_bytes || n > f->size_bytes - off)
		return source_past_end(s, off, n, f->size_bytes, err);
	if (!f->map)
		return read_fd(f, off, buf, n, err);
	memcpy(buf, f->map + off, n);
	if (lost(f, off + n)) /* after copying: the copy itself may have hit */
		return err_set(err, DL_IO, "%s", file_damage(s));
	return DL_OK;
}

static bool file_end(struct source *s, uint64_t *end)
{
	*end = file_of(s)->size_bytes;
	return true;
}

static int file_fd(const struct source *s)
{
	return ((const struct file_source *)s)->fd;
}

/* ENXIO: no more data up to the end. Others: the file system cannot tell. */
static bool file_extent_at(struct source *s, uint64_t off, struct file_extent *out)
{
	const struct file_source *f = file_of(s);
	off_t data, hole;

	if (off >= f->size_bytes)
		return false;
	data = lseek(f->fd, (off_t)off, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return false;
	out->first = off;
	out->is_hole = data < 0 || (uint64_t)data > off;
	if (out->is_hole) {
		out->end = data < 0 ? f->size_bytes : (uint64_t)data;
		return true;
	}
	hole = lseek(f->fd, (off_t)off, SEEK_HOLE);
	out->end = hole < 0 ? f->size_bytes : (uint64_t)hole;
	return out->end > off;
}

static void file_close(struct source *s)
{
	struct file_source *f = file_of(s);

	map_guard_remove(f->guard);
	if (f->map)
		munmap((void *)(uintptr_t)f->map, (size_t)f->size_bytes);
	close(f->fd);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct source_ops file_ops = {
	.close = file_close,
	.read = file_read,
	.map = file_map,
	.end = file_end,
	.damage = file_damage,
	.fd = file_fd,
	.extent = file_extent_at,
};

/* Failing is no error: pread() does the same, slower. */
static void try_map(struct file_source *f)
{
	void *p;

	if (f->size_bytes > SIZE_MAX)
		return;
	p = mmap(NULL, (size_t)f->size_bytes, PROT_READ, MAP_SHARED, f->fd, 0);
	if (p == MAP_FAILED)
		return;
	f->guard = map_guard_add(p, (size_t)f->size_bytes, f->fd);
	if (f->guard < 0)
		munmap(p, (size_t)f->size_bytes);
	else
		f->map = p;
}

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "a directory";
	case S_IFIFO: return "a pipe (FIFO)";
	case S_IFSOCK: return "a socket";
	case S_IFBLK: return "a block device";
	case S_IFCHR: return "a character device";
	default: return "no regular file";
	}
}

static enum dl_status check_kind(const char *path, int fd, uint64_t *size_bytes,
				 struct dl_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, DL_IO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, DL_NOTDUMP, "%s: is %s, not a dump file", path,
			       kind_name(st.st_mode));
	if (st.st_size <= 0)
		return err_set(err, DL_NOTDUMP, "%s: is empty", path);
	*size_bytes = (uint64_t)st.st_size;
	return DL_OK;
}

static enum dl_status open_error(const char *path, int error, struct dl_err *err)
{
	struct stat st;

	/* open() says ENXIO for a socket, which helps nobody */
	if (error == ENXIO && stat(path, &st) == 0)
		return err_set(err, DL_NOTDUMP, "%s: is %s, not a dump file", path,
			       kind_name(st.st_mode));
	return err_set(err, DL_IO, "%s: %s", path, strerror(error));
}

enum dl_status source_file_open(const char *path, const struct source_options *opts,
				struct source **out, struct dl_err *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct file_source *f;
	uint64_t size_bytes = 0;
	enum dl_status st;

	if (fd < 0)
		return open_error(path, errno, err);
	st = check_kind(path, fd, &size_bytes, err);
	f = st ? NULL : calloc(1, sizeof *f);
	if (!f) {
		close(fd);
		return st ? st : err_set(err, DL_NOMEM, "out of memory");
	}
	f->fd = fd;
	f->size_bytes = size_bytes;
	f->guard = -1;
	st = source_init(&f->base, &file_ops, path, err);
	if (st) {
		close(fd);
		free(f);
		return st;
	}
	pthread_mutex_init(&f->lock, NULL);
	if (!opts || !opts->no_map)
		try_map(f);
	*out = &f->base;
	return DL_OK;
}
