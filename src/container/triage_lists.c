/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a triage minidump lists by itself: loaded and unloaded drivers, the
 * driver that verifier broke on, the memory manager's counters, and where its
 * copies of KPRCB, EPROCESS and ETHREAD are.
 */
#include "triage.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum {
	MAX_DRIVERS = 4096, MAX_UNLOADED = 256,
	MAX_NAME_CHARS = 512, INLINE_NAME_BYTES = 24,
	MAX_ROW_BYTES = 0x90,
};

/* A count of characters and that many of UTF-16; NULL if it is not all there. */
static const char *string_at(struct container *c, uint64_t off)
{
	uint8_t text[2 * MAX_NAME_CHARS] = { 0 }, head[4] = { 0 };
	const struct triage *t = c->state;
	size_t n;

	if (!triage_holds(t, off, sizeof head) ||
	    source_read(c->source, off, head, sizeof head, NULL) ||
	    le32(head) > MAX_NAME_CHARS)
		return NULL;
	n = 2 * (size_t)le32(head);
	if (source_read(c->source, off + sizeof head, text, n, NULL))
		return NULL;
	return text_utf16(&c->arena, (struct bytes){ text, n });
}

/*
 * How far entries are apart: it grew with LDR_DATA_TABLE_ENTRY. The names
 * follow the list at once, so that the distance to them tells.
 */
static uint64_t driver_stride(const struct triage *t)
{
	const struct triage_layout *l = t->layout;
	uint64_t room = t->at.strings > t->at.drivers ? t->at.strings - t->at.drivers : 0;
	uint64_t stride = t->at.nr_drivers ? room / t->at.nr_drivers : 0;

	stride -= stride % l->ptr_bytes;
	return stride >= l->driver_min_bytes && stride <= 2u * l->driver_bytes
	       ? stride : l->driver_bytes;
}

static enum dl_status read_drivers(struct container *c)
{
	struct triage *t = c->state;
	const struct triage_layout *l = t->layout;
	uint64_t stride = driver_stride(t);
	size_t nameless = 0, n = triage_fit(c, t->at.drivers, t->at.nr_drivers, stride,
					    MAX_DRIVERS, TRIAGE_NAME(nr_drivers));
	struct dump_module *m = arena_array(&c->arena, n, sizeof *m);

	if (!m)
		return DL_NOMEM;
	t->mini.modules = m;
	for (size_t i = 0; i < n; i++, t->mini.nr_modules++) {
		uint8_t raw[MAX_ROW_BYTES] = { 0 };
		struct bytes b = { raw, l->driver_min_bytes };

		if (source_read(c->source, t->at.drivers + i * stride, raw, b.n, NULL))
			break;
		m[i].name = string_at(c, field_or(b, l->driver_name, 0));
		nameless += !m[i].name;
		m[i].name = m[i].name ? m[i].name : "";
		m[i].base_va = field_or(b, l->driver_base, 0);
		m[i].size_bytes = field_or(b, l->driver_size, 0);
		m[i].checksum = (uint32_t)field_or(b, l->driver_checksum, 0);
		m[i].timestamp = (uint32_t)field_or(b, l->driver_time, 0);
	}
	if (nameless)
		container_note(c, t->cut ? DL_ABSENT : DL_CORRUPT, "%s: the names of %zu of %zu "
			       "drivers are not in the file", source_name(c->source), nameless,
			       t->mini.nr_modules);
	return DL_OK;
}

static const char *inline_name(struct container *c, struct bytes b)
{
	const struct triage_layout *l = ((const struct triage *)c->state)->layout;
	uint64_t n = field_or(b, l->unloaded_length, 0);
	struct bytes text = bytes_at(b, l->unloaded_text,
				     n < INLINE_NAME_BYTES ? (size_t)n : INLINE_NAME_BYTES);
	const char *name = text.p ? text_utf16(&c->arena, text) : NULL;

	return name ? name : "";
}

static enum dl_status read_unloaded(struct container *c)
{
	struct triage *t = c->state;
	const struct triage_layout *l = t->layout;
	uint64_t rows = t->at.unloaded + l->unloaded_first;
	struct dump_unloaded *u;
	uint8_t count[4] = { 0 };
	size_t n;

	if (!triage_holds(t, t->at.unloaded, l->unloaded_first) ||
	    source_read(c->source, t->at.unloaded, count, sizeof count, NULL))
		return DL_OK;
	n = triage_fit(c, rows, le32(count), l->unloaded_bytes, MAX_UNLOADED,
		       "the count of unloaded drivers");
	u = arena_array(&c->arena, n, sizeof *u);
	if (!u)
		return DL_NOMEM;
	t->mini.unloaded = u;
	for (size_t i = 0; i < n; i++, t->mini.nr_unloaded++) {
		uint8_t raw[MAX_ROW_BYTES] = { 0 };
		struct bytes b = { raw, l->unloaded_bytes };

		if (source_read(c->source, rows + i * b.n, raw, b.n, NULL))
			break;
		u[i].name = inline_name(c, b);
		u[i].first_va = field_or(b, l->unloaded_start, 0);
		u[i].end_va = field_or(b, l->unloaded_end, 0);
	}
	return DL_OK;
}

/* Counters are pages; minidumps that error reporting writes have zeros here. */
static void read_mm(struct container *c)
{
	struct triage *t = c->state;
	struct dump_minidump *m = &t->mini;
	const struct triage_layout *l = t->layout;
	uint8_t raw[MAX_ROW_BYTES] = { 0 };
	struct bytes b = { raw, l->mm_bytes };
	uint64_t v[TRIAGE_MM_FIELDS] = { 0 }, any = 0;

	if (!triage_holds(t, t->at.mm, b.n) || source_read(c->source, t->at.mm, raw, b.n, NULL))
		return;
	for (size_t i = 0; i < TRIAGE_MM_FIELDS; i++) {
		v[i] = field_or(b, l->mm[i], 0);
		any |= v[i];
	}
	/* Version is 1 in every one seen, and Size its size */
	if (le32(raw) != 1 || le32(raw + 4) != l->mm_bytes || !any)
		return;
	m->has_mm = true;
	m->special_pool_tag = (uint32_t)v[0];
	m->verify_level = (uint32_t)v[1];
	m->max_nonpaged_pages = v[2];
	m->nonpaged_pages = v[3];
	m->max_paged_pages = v[4];
	m->paged_pages = v[5];
	m->committed_pages = v[6];
	m->peak_committed_pages = v[7];
	m->commit_limit_pages = v[8];
}

/* No size is stated: as far as the next thing in the file. */
static struct dump_copy copy_at(const struct triage *t, uint64_t off)
{
	const struct triage_fields *at = &t->at;
	const uint64_t others[] = {
		at->mm, at->unloaded, at->prcb, at->process, at->thread, at->stack, at->drivers,
		at->strings, at->broken, at->page, at->kdbg, at->blocks, at->valid,
	};
	uint64_t end = t->end;

	if (!triage_holds(t, off, 1))
		return (struct dump_copy){ 0, 0 };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (others[i] > off && others[i] < end)
			end = others[i];
	return (struct dump_copy){ off, end - off };
}

static void read_copies(struct triage *t)
{
	t->mini.prcb = copy_at(t, t->at.prcb);
	t->mini.process = copy_at(t, t->at.process);
	t->mini.thread = copy_at(t, t->at.thread);
	if (t->at.page_bytes && triage_holds(t, t->at.page, t->at.page_bytes))
		t->mini.data_page = (struct dump_copy){ t->at.page, t->at.page_bytes };
}

/* Of a file that is cut the missing bytes are noted already. */
static void check_offsets(struct container *c)
{
	static const size_t members[] = {
		offsetof(struct triage_fields, mm), offsetof(struct triage_fields, unloaded),
		offsetof(struct triage_fields, prcb), offsetof(struct triage_fields, process),
		offsetof(struct triage_fields, thread), offsetof(struct triage_fields, broken),
	};
	const struct triage *t = c->state;

	for (size_t i = 0; !t->cut && i < sizeof members / sizeof members[0]; i++) {
		uint64_t off;

		memcpy(&off, (const char *)&t->at + members[i], sizeof off);
		if (off && !triage_holds(t, off, 1))
			container_note(c, DL_CORRUPT, "%s: %s is 0x%" PRIx64 ", no place behind "
				       "the header in a file of 0x%" PRIx64 " bytes",
				       source_name(c->source), triage_name(members[i]), off,
				       t->end);
	}
}

enum dl_status triage_lists(struct container *c, struct dl_err *err)
{
	struct triage *t = c->state;
	enum dl_status st = read_drivers(c);

	if (!st)
		st = read_unloaded(c);
	if (st)
		return err_set(err, st, "out of memory");
	check_offsets(c);
	read_mm(c);
	read_copies(t);
	t->mini.service_pack_build = (uint32_t)t->at.service_pack;
	t->mini.options = (uint32_t)t->at.options;
	if (t->at.broken)
		t->mini.broken_driver = string_at(c, t->at.broken);
	return DL_OK;
}
