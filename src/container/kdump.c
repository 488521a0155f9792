/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF cores and kdump-compressed images of Windows guests (QEMU, libvirt,
 * VirtualBox) to pages, by libkdumpfile. This is the only file that knows that
 * library. Headers are checked by kdump_layout before it sees the file, and
 * every page's place before it reads the page, because it trusts both.
 *
 * Facts of libkdumpfile 0.5.1 that shaped this: KDUMP_MACHPHYSADDR works
 * without knowing the operating system; one context per thread (clones share
 * the file and its caches); the error text lives until the next call; CR3 is
 * no attribute, so it comes from QEMU's note; flattened files are unknown to
 * it, so they are staged like everything that has no descriptor; split files
 * are opened as a set, in any order.
 */
#include "kdump_notes.h"
#include "kdump_part.h"
#include "readers.h"
#include "source_flat.h"

#include <libkdumpfile/kdumpfile.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STAGE_BYTES = 256 << 20, MAX_IDLE = 64, MAX_PARTS = 256 };

struct kdump {
	struct kdump_part *parts;       /* by their PFNs                     */
	size_t nr_parts;
	uint64_t gap_pages;             /* between them                      */
	pthread_rwlock_t evict;         /* read: the stages keep what they have */
	pthread_mutex_t lock;           /* of the stages and of the rest     */
	kdump_ctx_t *ctx;
	kdump_ctx_t *idle[MAX_IDLE];    /* clones that nobody uses now       */
	size_t nr_idle;
};

static enum probe_result kdump_probe(struct source *source)
{
	uint8_t b[8];

	if (source_read(source, 0, b, sizeof b, NULL))
		return PROBE_NOT_MINE;
	if (!memcmp(b, "\177ELF", 4) || !memcmp(b, "KDUMP   ", 8) ||
	    !memcmp(b, "DISKDUMP", 8) || source_is_flat(source))
		return PROBE_MINE;
	return PROBE_NOT_MINE;
}

static enum dl_status status_of(kdump_status st)
{
	switch (st) {
	case KDUMP_OK: return DL_OK;
	case KDUMP_ERR_SYSTEM: return DL_IO;
	case KDUMP_ERR_NOTIMPL: return DL_UNSUPPORTED;
	case KDUMP_ERR_NODATA: return DL_ABSENT;
	default: return DL_CORRUPT;
	}
}

/* Copies libkdumpfile's words at once: its next call clears them. */
static enum dl_status failure(const struct kdump *k, kdump_ctx_t *ctx, kdump_status st,
			      const char *what, struct dl_err *err)
{
	const char *text = kdump_get_err(ctx);

	return err_set(err, status_of(st), "%s: %s: %s", source_name(k->parts[0].source), what,
		       text && *text ? text : kdump_strerror(st));
}

/* ---- opening ---- */

/*
 * libkdumpfile (0.5.1) knows no page size for an AArch64 core without Linux'
 * notes, and divides by it. Windows has one size.
 */
static kdump_status state_page_size(kdump_ctx_t *ctx)
{
	kdump_num_t n;

	if (kdump_get_number_attr(ctx, KDUMP_ATTR_PAGE_SIZE, &n) == KDUMP_OK && n)
		return KDUMP_OK;
	kdump_clear_err(ctx);
	return kdump_set_number_attr(ctx, KDUMP_ATTR_PAGE_SIZE, PAGE_BYTES);
}

static enum dl_status hand_over(struct kdump *k, struct dl_err *err)
{
	kdump_status ks;
	bool staged = false;
	int *fds;

	k->ctx = kdump_new();
	fds = calloc(k->nr_parts, sizeof *fds);
	if (!k->ctx || !fds) {
		free(fds);
		return err_set(err, DL_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < k->nr_parts; i++) {
		fds[i] = part_fd(&k->parts[i]);
		staged |= k->parts[i].stage != NULL;
	}
	ks = kdump_set_number_attr(k->ctx, KDUMP_ATTR_FILE_MMAP_POLICY,
				   staged ? KDUMP_MMAP_ALWAYS : KDUMP_MMAP_TRY);
	if (ks == KDUMP_OK)
		ks = kdump_open_fdset(k->ctx, (unsigned)k->nr_parts, fds);
	free(fds);
	if (ks == KDUMP_OK)
		ks = state_page_size(k->ctx);
	if (ks != KDUMP_OK)
		return failure(k, k->ctx, ks, "libkdumpfile cannot open it", err);
	return DL_OK;
}

static const char *title_of(const struct kdump *k, bool has_header)
{
	if (k->parts[0].layout.is_elf)
		return has_header ? "ELF core of a virtual machine, with the guest's dump header"
				  : "ELF core of a virtual machine";
	if (k->nr_parts > 1)
		return "kdump-compressed memory image (several files)";
	return k->parts[0].flat ? "kdump-compressed memory image (flattened)"
				: "kdump-compressed memory image";
}

static void fill_header(struct container *c, struct kdump *k)
{
	const struct kdump_layout *l = &k->parts[0].layout;
	struct dump_header *h = &c->header;
	bool has_header = notes_header(c, l, k->parts[0].view);
	kdump_num_t n;

	h->format = l->is_elf ? "elf" : "kdump";
	h->title = title_of(k, has_header);
	if (!h->compression)
		h->compression = l->compression;
	if (l->pe_machine && !has_header)
		h->machine = (struct known_u64){ true, l->pe_machine };
	if (h->nr_processors.known)
		return;
	if (l->nr_cpus)
		h->nr_processors = (struct known_u64){ true, l->nr_cpus };
	else if (kdump_get_number_attr(k->ctx, KDUMP_ATTR_NUM_CPUS, &n) == KDUMP_OK && n)
		h->nr_processors = (struct known_u64){ true, n };
}

static void note_findings(struct container *c, struct kdump *k)
{
	for (size_t i = 0; i < k->nr_parts; i++)
		part_notes(c, &k->parts[i]);
	if (k->nr_parts > 1)
		k->gap_pages = parts_gaps(c, k->parts, k->nr_parts);
}

static enum dl_status open_parts(struct container *c, struct kdump *k,
				 struct source *const *sources, size_t n,
				 size_t stage_bytes, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	for (size_t i = 0; !st && i < n; i++) {
		k->nr_parts = i + 1;
		st = part_open(&k->parts[i], c, sources[i], stage_bytes, err);
		if (st == DL_ABSENT) /* of a header, not of a page */
			st = err_prefix(err, DL_CORRUPT, "%s: headers are missing",
					source_name(sources[i]));
	}
	if (!st && n > 1)
		st = parts_sort(k->parts, n, err);
	else if (!st && k->parts[0].layout.is_split)
		st = err_set(err, DL_UNSUPPORTED, "%s: one part of a split kdump (PFN 0x%"
			     PRIx64 "..0x%" PRIx64 "): name all of its parts together",
			     source_name(sources[0]), k->parts[0].layout.start_pfn,
			     k->parts[0].layout.end_pfn);
	return st;
}

static enum dl_status open_files(struct container *c, struct source *const *sources,
				 size_t n, size_t stage_bytes, struct dl_err *err)
{
	struct kdump *k = calloc(1, sizeof *k);
	enum dl_status st;

	if (!k)
		return err_set(err, DL_NOMEM, "out of memory");
	c->state = k;
	pthread_mutex_init(&k->lock, NULL);
	pthread_rwlock_init(&k->evict, NULL);
	k->parts = calloc(n, sizeof *k->parts);
	if (!k->parts)
		return err_set(err, DL_NOMEM, "out of memory");
	st = open_parts(c, k, sources, n, stage_bytes, err);
	if (!st)
		st = hand_over(k, err);
	if (st == DL_ABSENT)
		st = err_prefix(err, DL_CORRUPT, "%s: headers are missing",
				source_name(c->source));
	if (st)
		return st;
	fill_header(c, k);
	note_findings(c, k);
	return DL_OK;
}

enum dl_status kdump_open_staged(struct container *c, size_t stage_bytes,
				 struct dl_err *err)
{
	return open_files(c, &c->source, 1, stage_bytes, err);
}

static enum dl_status kdump_open(struct container *c, struct dl_err *err)
{
	return kdump_open_staged(c, STAGE_BYTES, err);
}

/* The budget is for all of them together. */
static enum dl_status kdump_open_set(struct container *c, struct source *const *sources,
				     size_t n, struct dl_err *err)
{
	if (!n || n > MAX_PARTS)
		return err_set(err, DL_UNSUPPORTED, "%s: %zu parts of one dump, but 1 to %d are "
			       "opened", source_name(c->source), n, MAX_PARTS);
	for (size_t i = 0; i < n; i++)
		if (kdump_probe(sources[i]) != PROBE_MINE)
			return err_set(err, DL_UNSUPPORTED, "%s: is no part of a kdump, as %s is",
				       source_name(sources[i]), source_name(c->source));
	return open_files(c, sources, n, STAGE_BYTES / n, err);
}

static void kdump_close(struct container *c)
{
	struct kdump *k = c->state;

	if (!k)
		return;
	while (k->nr_idle)
		kdump_free(k->idle[--k->nr_idle]);
	if (k->ctx)
		kdump_free(k->ctx);
	for (size_t i = 0; i < k->nr_parts; i++)
		part_close(&k->parts[i]);
	free(k->parts);
	pthread_rwlock_destroy(&k->evict);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* ---- pages ---- */

static kdump_ctx_t *context_get(struct kdump *k)
{
	kdump_ctx_t *ctx;

	pthread_mutex_lock(&k->lock);
	ctx = k->nr_idle ? k->idle[--k->nr_idle] : kdump_clone(k->ctx, 0);
	pthread_mutex_unlock(&k->lock);
	return ctx;
}

static void context_put(struct kdump *k, kdump_ctx_t *ctx)
{
	pthread_mutex_lock(&k->lock);
	if (k->nr_idle < MAX_IDLE) {
		k->idle[k->nr_idle++] = ctx;
		ctx = NULL;
	}
	pthread_mutex_unlock(&k->lock);
	if (ctx)
		kdump_free(ctx);
}

static enum dl_status read_with(struct kdump *k, kdump_ctx_t *ctx, uint64_t pfn,
				uint8_t *page, struct dl_err *err)
{
	size_t n = PAGE_BYTES;
	kdump_status ks = kdump_read(ctx, KDUMP_MACHPHYSADDR, pfn << PAGE_SHIFT, page, &n);
	enum dl_status st;

	if (ks == KDUMP_OK && n == PAGE_BYTES)
		return DL_OK;
	st = failure(k, ctx, ks == KDUMP_OK ? KDUMP_ERR_CORRUPT : ks, "page", err);
	return err_prefix(err, n && n < PAGE_BYTES ? DL_CORRUPT : st, "PFN 0x%" PRIx64, pfn);
}

static enum dl_status read_page(struct kdump *k, uint64_t pfn, uint8_t *page,
				struct dl_err *err)
{
	kdump_ctx_t *ctx = context_get(k);
	enum dl_status st;

	if (!ctx)
		return err_set(err, DL_NOMEM, "out of memory");
	st = read_with(k, ctx, pfn, page, err);
	context_put(k, ctx);
	return st;
}

/* Copy in what the page needs; *@full: nothing done, make room first. */
static enum dl_status fill(struct kdump *k, struct kdump_part *p,
			   const struct file_range *ranges, size_t n, bool *full,
			   struct dl_err *err)
{
	enum dl_status st = DL_OK;

	pthread_mutex_lock(&k->lock);
	*full = !stage_has_room(p->stage);
	if (!*full)
		st = stage_fill(p->stage, ranges, n, err);
	pthread_mutex_unlock(&k->lock);
	return st;
}

static enum dl_status make_room(struct kdump *k, struct kdump_part *p, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	pthread_rwlock_wrlock(&k->evict);
	if (!stage_has_room(p->stage))
		st = stage_evict(p->stage, err);
	pthread_rwlock_unlock(&k->evict);
	return st;
}

static enum dl_status read_staged(struct kdump *k, struct kdump_part *p,
				  const struct file_range *ranges, size_t n, uint64_t pfn,
				  uint8_t *page, struct dl_err *err)
{
	enum dl_status st;
	bool full;

	do {
		/* nothing may be punched out between copying in and reading */
		pthread_rwlock_rdlock(&k->evict);
		st = fill(k, p, ranges, n, &full, err);
		if (!st && !full)
			st = read_page(k, pfn, page, err);
		pthread_rwlock_unlock(&k->evict);
		if (full)
			st = make_room(k, p, err);
	} while (!st && full);
	return st;
}

/* The part that would hold @pfn: the last that does not begin above it. */
static struct kdump_part *part_of(const struct kdump *k, uint64_t pfn)
{
	size_t i = k->nr_parts - 1;

	while (i && k->parts[i].layout.start_pfn > pfn)
		i--;
	return &k->parts[i];
}

static enum dl_status kdump_page(struct container *c, uint64_t pfn, uint8_t *scratch,
				 const uint8_t **page, struct dl_err *err)
{
	struct kdump *k = c->state;
	struct kdump_part *p = part_of(k, pfn);
	struct file_range ranges[PAGE_RANGES];
	size_t n;
	enum dl_status st = layout_page(&p->layout, p->view, pfn, ranges, &n, err);

	if (!st && p->stage)
		st = read_staged(k, p, ranges, n, pfn, scratch, err);
	else if (!st)
		st = read_page(k, pfn, scratch, err);
	if (!st)
		*page = scratch;
	return st;
}

static enum dl_status kdump_run(struct container *c, uint64_t pfn, uint64_t *first,
				uint64_t *last)
{
	struct kdump *k = c->state;

	for (size_t i = 0; i < k->nr_parts; i++)
		if (part_run(&k->parts[i], pfn, first, last))
			return DL_OK;
	return DL_END;
}

static uint64_t kdump_position(const struct container *c, uint64_t pfn)
{
	const struct kdump *k = c->state;

	return layout_position(&part_of(k, pfn)->layout, pfn);
}

/* ELF only: kdump's pages are compressed, or have no bytes at all. */
static uint64_t kdump_file_off(struct container *c, uint64_t pfn)
{
	struct kdump *k = c->state;
	struct kdump_part *p = part_of(k, pfn);
	struct file_range ranges[PAGE_RANGES];
	size_t n;

	if (!p->layout.is_elf || p->view != c->source ||
	    layout_page(&p->layout, p->view, pfn, ranges, &n, NULL) ||
	    n != 1 || ranges[0].n != PAGE_BYTES)
		return UINT64_MAX;
	return ranges[0].off;
}

static void kdump_count(struct container *c, uint64_t *present, uint64_t *absent,
			bool *exact)
{
	struct kdump *k = c->state;

	*exact = true;
	*present = 0;
	*absent = k->gap_pages;
	for (size_t i = 0; i < k->nr_parts; i++) {
		uint64_t here, missing;

		*exact &= part_count(&k->parts[i], &here, &missing);
		*present += here;
		*absent += missing;
	}
}

const struct reader kdump_reader = {
	.name = "kdump",
	.probe = kdump_probe,
	.open = kdump_open,
	.open_set = kdump_open_set,
	.close = kdump_close,
	.page = kdump_page,
	.run = kdump_run,
	.position = kdump_position,
	.file_off = kdump_file_off,
	.count = kdump_count,
};
