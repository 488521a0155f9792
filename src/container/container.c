/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source to a container: asks each reader of the probe table, and names what
 * none of them takes. A format is one row here and one file beside this one.
 */
#include "readers.h"
#include "source_impl.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct reader *const readers[] = {
	&triage_reader,
	&dmp32_reader,
	&dmp64_reader,
	&kdump_reader,
};

/* Notes come from any thread that reads pages; they are rare, one lock will do. */
static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER;

void container_note(struct container *c, enum dl_status kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&notes_lock);
	if (c->nr_notes < CONTAINER_MAX_NOTES) {
		copy = arena_strdup(&c->arena, text);
		if (copy)
			c->notes[c->nr_notes++] = (struct dump_note){ copy, kind };
	}
	pthread_mutex_unlock(&notes_lock);
}

static struct container *container_new(struct source *source,
				       const struct reader *reader, struct dl_err *err)
{
	struct container *c = calloc(1, sizeof *c);

	if (!c) {
		err_set(err, DL_NOMEM, "out of memory");
		return NULL;
	}
	c->source = source;
	c->reader = reader;
	arena_init(&c->arena);
	if (source_is_compressed(source))
		c->header.compression = "gzip";
	return c;
}

static enum dl_status open_with(struct source *source, const struct reader *reader,
				struct container **out, struct dl_err *err)
{
	struct container *c = container_new(source, reader, err);
	enum dl_status st;

	if (!c)
		return DL_NOMEM;
	st = reader->open(c, err);
	if (st)
		container_close(c);
	else
		*out = c;
	return st;
}

enum dl_status container_open(struct source *source, struct container **out,
			      struct dl_err *err)
{
	enum dl_status st;

	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
		if (readers[i]->probe(source) == PROBE_MINE)
			return open_with(source, readers[i], out, err);
	st = unsupported_format(source, err);
	if (st != DL_NOTDUMP)
		return st;
	/* what is damaged before anything can be recognised may be anything */
	if (source_damage(source))
		return err_set(err, DL_CORRUPT, "%s", source_damage(source));
	return err_set(err, st, "%s: is no memory dump that dumpleak knows",
		       source_name(source));
}

enum dl_status container_open_raw(struct source *source, uint64_t limit_pages,
				  struct container **out, struct dl_err *err)
{
	struct container *c = container_new(source, &raw_reader, err);
	enum dl_status st;

	if (!c)
		return DL_NOMEM;
	st = raw_open(c, limit_pages, err);
	if (st)
		container_close(c);
	else
		*out = c;
	return st;
}

/* Several files go to the one reader that takes the first of them. */
static enum dl_status open_set_with(struct source *const *sources, size_t n,
				    const struct reader *reader, struct container **out,
				    struct dl_err *err)
{
	struct container *c;
	enum dl_status st;

	if (!reader->open_set)
		return err_set(err, DL_UNSUPPORTED, "%s: a dump of this kind is one file, "
			       "but %zu were given", source_name(sources[0]), n);
	c = container_new(sources[0], reader, err);
	if (!c)
		return DL_NOMEM;
	c->nr_others = n - 1;
	c->others = arena_array(&c->arena, n, sizeof(*c->others));
	for (size_t i = 1; c->others && i < n; i++)
		c->others[i - 1] = sources[i];
	st = c->others ? reader->open_set(c, sources, n, err)
		       : err_set(err, DL_NOMEM, "out of memory");
	if (st)
		container_close(c);
	else
		*out = c;
	return st;
}

enum dl_status container_open_set(struct source *const *sources, size_t n,
				  struct container **out, struct dl_err *err)
{
	enum dl_status st;

	if (n == 1)
		return container_open(sources[0], out, err);
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
		if (readers[i]->probe(sources[0]) == PROBE_MINE)
			return open_set_with(sources, n, readers[i], out, err);
	st = unsupported_format(sources[0], err);
	return st != DL_NOTDUMP ? st :
	       err_set(err, st, "%s: is no memory dump that dumpleak knows",
		       source_name(sources[0]));
}

void container_close(struct container *container)
{
	if (!container)
		return;
	if (container->reader->close)
		container->reader->close(container);
	arena_deinit(&container->arena);
	free(container);
}

const struct dump_header *container_header(const struct container *container)
{
	return &container->header;
}

enum dl_status container_page(struct container *container, uint64_t pfn,
			      uint8_t *scratch, const uint8_t **page,
			      struct dl_err *err)
{
	return container->reader->page(container, pfn, scratch, page, err);
}

enum dl_status container_run(struct container *container, uint64_t pfn,
			     uint64_t *first, uint64_t *last)
{
	return container->reader->run(container, pfn, first, last);
}

uint64_t container_position(const struct container *container, uint64_t pfn)
{
	return container->reader->position(container, pfn);
}

bool container_is_hole(struct container *container, uint64_t pfn, struct file_extent *extent)
{
	const struct reader *r = container->reader;
	uint64_t off = r->file_off ? r->file_off(container, pfn) : UINT64_MAX;

	if (off > UINT64_MAX - PAGE_BYTES)
		return false;
	if ((off < extent->first || off >= extent->end) &&
	    !source_extent(container->source, off, extent))
		*extent = (struct file_extent){ 0, UINT64_MAX, false };
	return extent->is_hole && off + PAGE_BYTES <= extent->end;
}

bool container_is_slow(const struct container *container)
{
	if (container->reader->is_slow)
		return container->reader->is_slow(container);
	return source_is_compressed(container->source);
}

void container_count(struct container *container, uint64_t *present,
		     uint64_t *absent, bool *exact)
{
	container->reader->count(container, present, absent, exact);
}

const struct dump_minidump *container_minidump(const struct container *container)
{
	return container->reader->minidump ? container->reader->minidump(container) : NULL;
}

enum dl_status container_va_read(struct container *container, uint64_t va, void *buf,
				 size_t n, struct dl_err *err)
{
	if (!container->reader->va_read)
		return err_set(err, DL_ABSENT, "%s: is read by page, not by VA",
			       source_name(container->source));
	return container->reader->va_read(container, va, buf, n, err);
}

enum dl_status container_va_run(struct container *container, uint64_t va,
				uint64_t *first, uint64_t *last)
{
	return container->reader->va_run ? container->reader->va_run(container, va, first, last)
					 : DL_END;
}

const char *dump_attribute_name(uint32_t bit)
{
	static const struct { uint32_t bit; const char *name; } names[] = {
		{ ATTRIBUTE_HIBER_CRASH, "hibernation-crash" },
		{ ATTRIBUTE_POWER_OFF, "device-powered-off" },
		{ ATTRIBUTE_NO_SPACE, "insufficient-space" },
		{ ATTRIBUTE_KERNEL_TRIAGE, "kernel-triage" },
		{ ATTRIBUTE_LIVE, "live" },
		{ ATTRIBUTE_OFFLINE, "offline" },
		{ ATTRIBUTE_FILTERED, "filtered" },
		{ ATTRIBUTE_EARLY_BOOT, "early-boot-crash" },
		{ ATTRIBUTE_ENCRYPTED, "encrypted" },
		{ ATTRIBUTE_DECRYPTED, "decrypted" },
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].bit == bit)
			return names[i].name;
	return NULL;
}

static bool has_note(const struct container *c, const char *text)
{
	for (size_t i = 0; i < c->nr_notes; i++)
		if (!strcmp(c->notes[i].text, text))
			return true;
	return false;
}

static void note_once(struct container *c, enum dl_status kind, const char *text)
{
	if (text && !has_note(c, text))
		container_note(c, kind, "%s", text);
}

/* A compressed file's end shows only after a while, so this waits until asked. */
static void note_missing_pages(struct container *c)
{
	uint64_t present, absent, end;
	char text[400];
	bool exact;

	container_count(c, &present, &absent, &exact);
	if (!absent)
		return;
	source_end(c->source, &end);
	snprintf(text, sizeof text, "%.200s: ends at 0x%" PRIx64 "%s: %" PRIu64
		 " of the %" PRIu64 " pages that its header promises are missing",
		 source_name(c->source), end, exact ? "" : " at most", absent,
		 present + absent);
	note_once(c, DL_ABSENT, text);
}

const struct dump_note *container_notes(struct container *container, size_t *n)
{
	note_missing_pages(container);
	note_once(container, source_damage_kind(container->source),
		  source_damage(container->source));
	note_once(container, DL_OK, source_remark(container->source));
	for (size_t i = 0; i < container->nr_others; i++)
		note_once(container, source_damage_kind(container->others[i]),
			  source_damage(container->others[i]));
	*n = container->nr_notes;
	return container->notes;
}
