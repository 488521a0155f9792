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
 * it, so they are staged like everything that has no descriptor.
 */
#include "kdump_layout.h"
#include "kdump_stage.h"
#include "map_guard.h"
#include "readers.h"
#include "source_flat.h"
#include "source_impl.h"

#include <libkdumpfile/kdumpfile.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STAGE_BYTES = 256 << 20, MAX_IDLE = 64 };

struct kdump {
	struct kdump_layout layout;
	struct source *flat;            /* NULL: not flattened               */
	struct source *view;            /* flat, or the container's          */
	struct stage *stage;            /* NULL: the file's own descriptor   */
	int guard;
	pthread_rwlock_t evict;         /* read: the stage keeps what it has */
	pthread_mutex_t lock;           /* of the stage and of the rest      */
	kdump_ctx_t *ctx;
	kdump_bmp_t *pagemap;
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

	return err_set(err, status_of(st), "%s: %s: %s", source_name(k->view), what,
		       text && *text ? text : kdump_strerror(st));
}

/* ---- opening ---- */

static enum dl_status stage_headers(struct kdump *k, size_t stage_bytes,
				    struct dl_err *err)
{
	enum dl_status st = DL_OK;

	k->stage = stage_new(k->view, stage_bytes, err);
	if (!k->stage)
		return DL_IO;
	for (size_t i = 0; !st && i < k->layout.nr_meta; i++)
		st = stage_pin(k->stage, k->layout.meta[i], err);
	for (size_t i = 0; !st && i < 2 && k->layout.hide_sections; i++)
		st = stage_zero(k->stage, k->layout.hidden[i], err);
	return st;
}

static enum dl_status hand_over(struct kdump *k, struct dl_err *err)
{
	int fd = k->stage ? stage_fd(k->stage) : source_fd(k->view);
	kdump_attr_t map = { .type = KDUMP_BITMAP };
	kdump_status ks;

	k->ctx = kdump_new();
	if (!k->ctx)
		return err_set(err, DL_NOMEM, "out of memory");
	ks = kdump_set_number_attr(k->ctx, KDUMP_ATTR_FILE_MMAP_POLICY,
				   k->stage ? KDUMP_MMAP_ALWAYS : KDUMP_MMAP_TRY);
	if (ks == KDUMP_OK)
		ks = kdump_open_fd(k->ctx, fd);
	if (ks != KDUMP_OK)
		return failure(k, k->ctx, ks, "libkdumpfile cannot open it", err);
	ks = kdump_get_typed_attr(k->ctx, KDUMP_ATTR_FILE_PAGEMAP, &map);
	if (ks != KDUMP_OK)
		return failure(k, k->ctx, ks, "no page map", err);
	k->pagemap = map.val.bitmap;
	kdump_bmp_incref(k->pagemap);
	return DL_OK;
}

static void fill_header(struct container *c, struct kdump *k)
{
	struct dump_header *h = &c->header;
	kdump_num_t n;
	uint64_t cr3;

	h->format = k->layout.is_elf ? "elf" : "kdump";
	h->title = k->layout.is_elf ? "ELF core of a virtual machine" :
		   k->flat ? "kdump-compressed memory image (flattened)" :
			     "kdump-compressed memory image";
	if (!h->compression)
		h->compression = k->layout.compression;
	if (k->layout.pe_machine)
		h->machine = (struct known_u64){ true, k->layout.pe_machine };
	if (k->layout.nr_cpus)
		h->nr_processors = (struct known_u64){ true, k->layout.nr_cpus };
	else if (kdump_get_number_attr(k->ctx, KDUMP_ATTR_NUM_CPUS, &n) == KDUMP_OK && n)
		h->nr_processors = (struct known_u64){ true, n };
	if (notes_cr3(&k->layout, k->view, &cr3) && cr3)
		h->dtb_pa = (struct known_u64){ true, cr3 };
}

static void note_findings(struct container *c, struct kdump *k)
{
	const char *name = source_name(c->source);
	const char *damage = k->flat ? source_damage(k->flat) : NULL;

	if (damage)
		container_note(c, DL_ABSENT, "%s", damage);
	if (k->layout.has_paging)
		container_note(c, DL_ABSENT, "%s: written through the guest's page tables "
			       "(paging=true), so most of its memory is missing: dump "
			       "without paging", name);
}

enum dl_status kdump_open_staged(struct container *c, size_t stage_bytes,
				 struct dl_err *err)
{
	struct kdump *k = calloc(1, sizeof *k);
	enum dl_status st = DL_OK;

	if (!k)
		return err_set(err, DL_NOMEM, "out of memory");
	c->state = k;
	k->view = c->source;
	k->guard = -1;
	pthread_mutex_init(&k->lock, NULL);
	pthread_rwlock_init(&k->evict, NULL);
	if (source_is_flat(c->source)) {
		st = source_flat_open(c->source, &k->flat, err);
		if (st)
			return st;
		k->view = k->flat;
	}
	st = layout_read(&k->layout, c, k->view, err);
	if (!st && (source_fd(k->view) < 0 || k->layout.hide_sections))
		st = stage_headers(k, stage_bytes, err);
	if (!st && !k->stage)
		k->guard = map_guard_foreign(source_name(c->source));
	if (!st)
		st = hand_over(k, err);
	if (st == DL_ABSENT) /* of a header, not of a page */
		st = err_prefix(err, DL_CORRUPT, "%s: headers are missing",
				source_name(c->source));
	if (st)
		return st;
	fill_header(c, k);
	note_findings(c, k);
	return DL_OK;
}

static enum dl_status kdump_open(struct container *c, struct dl_err *err)
{
	return kdump_open_staged(c, STAGE_BYTES, err);
}

static void kdump_close(struct container *c)
{
	struct kdump *k = c->state;

	if (!k)
		return;
	if (k->pagemap)
		kdump_bmp_decref(k->pagemap);
	while (k->nr_idle)
		kdump_free(k->idle[--k->nr_idle]);
	if (k->ctx)
		kdump_free(k->ctx);
	map_guard_foreign_end(k->guard);
	stage_free(k->stage);
	layout_deinit(&k->layout);
	source_close(k->flat);
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
static enum dl_status fill(struct kdump *k, const struct file_range *ranges, size_t n,
			   bool *full, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	pthread_mutex_lock(&k->lock);
	*full = !stage_has_room(k->stage);
	if (!*full)
		st = stage_fill(k->stage, ranges, n, err);
	pthread_mutex_unlock(&k->lock);
	return st;
}

static enum dl_status make_room(struct kdump *k, struct dl_err *err)
{
	enum dl_status st = DL_OK;

	pthread_rwlock_wrlock(&k->evict);
	if (!stage_has_room(k->stage))
		st = stage_evict(k->stage, err);
	pthread_rwlock_unlock(&k->evict);
	return st;
}

static enum dl_status read_staged(struct kdump *k, const struct file_range *ranges,
				  size_t n, uint64_t pfn, uint8_t *page,
				  struct dl_err *err)
{
	enum dl_status st;
	bool full;

	do {
		/* nothing may be punched out between copying in and reading */
		pthread_rwlock_rdlock(&k->evict);
		st = fill(k, ranges, n, &full, err);
		if (!st && !full)
			st = read_page(k, pfn, page, err);
		pthread_rwlock_unlock(&k->evict);
		if (full)
			st = make_room(k, err);
	} while (!st && full);
	return st;
}

static enum dl_status kdump_page(struct container *c, uint64_t pfn, uint8_t *scratch,
				 const uint8_t **page, struct dl_err *err)
{
	struct kdump *k = c->state;
	struct file_range ranges[PAGE_RANGES];
	size_t n;
	enum dl_status st = layout_page(&k->layout, k->view, pfn, ranges, &n, err);

	if (!st && k->stage)
		st = read_staged(k, ranges, n, pfn, scratch, err);
	else if (!st)
		st = read_page(k, pfn, scratch, err);
	if (!st)
		*page = scratch;
	return st;
}

static bool promised_run(struct kdump *k, uint64_t pfn, uint64_t *first, uint64_t *last)
{
	kdump_addr_t from = pfn, to;
	bool found;

	pthread_mutex_lock(&k->lock);
	found = kdump_bmp_find_set(k->pagemap, &from) == KDUMP_OK;
	to = from;
	if (found && (kdump_bmp_find_clear(k->pagemap, &to) != KDUMP_OK || to <= from))
		to = from + 1;
	pthread_mutex_unlock(&k->lock);
	*first = from;
	*last = to - 1;
	return found;
}

static bool is_there(struct kdump *k, uint64_t pfn)
{
	struct file_range ranges[PAGE_RANGES];
	size_t n;
	enum dl_status st = layout_page(&k->layout, k->view, pfn, ranges, &n, NULL);

	return st == DL_OK || st == DL_CORRUPT; /* damaged is not absent */
}

static enum dl_status kdump_run(struct container *c, uint64_t pfn, uint64_t *first,
				uint64_t *last)
{
	struct kdump *k = c->state;
	uint64_t end;

	/* segments may promise 2^40 pages: none of them may be asked for one by one */
	if (k->layout.is_elf)
		return elf_layout_run(&k->layout, k->view, pfn, first, last) ? DL_OK : DL_END;
	if (!layout_missing(&k->layout, k->view))
		return promised_run(k, pfn, first, last) ? DL_OK : DL_END;
	for (; promised_run(k, pfn, first, last); pfn = *last + 1) {
		while (*first <= *last && !is_there(k, *first)) {
			if (disk_layout_ends(&k->layout, k->view, *first))
				return DL_END;
			++*first;
		}
		if (*first > *last)
			continue;
		for (end = *first; end < *last && is_there(k, end + 1); end++)
			;
		*last = end;
		return DL_OK;
	}
	return DL_END;
}

static uint64_t kdump_position(const struct container *c, uint64_t pfn)
{
	const struct kdump *k = c->state;

	return layout_position(&k->layout, pfn);
}

static void kdump_count(struct container *c, uint64_t *present, uint64_t *absent,
			bool *exact)
{
	struct kdump *k = c->state;
	uint64_t pfn = 0, first, last, end;

	*exact = source_end(k->view, &end);
	*present = 0;
	*absent = layout_missing(&k->layout, k->view);
	if (k->layout.is_elf) { /* cut to the file already */
		for (; elf_layout_run(&k->layout, k->view, pfn, &first, &last); pfn = last + 1)
			*present += last - first + 1;
		return;
	}
	for (; promised_run(k, pfn, &first, &last); pfn = last + 1)
		*present += last - first + 1;
	*present -= *absent < *present ? *absent : *present;
}

const struct reader kdump_reader = {
	.name = "kdump",
	.probe = kdump_probe,
	.open = kdump_open,
	.close = kdump_close,
	.page = kdump_page,
	.run = kdump_run,
	.position = kdump_position,
	.count = kdump_count,
};
