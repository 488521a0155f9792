/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file name to findings, one step at a time.
 */
#include "session.h"

#include "dumpleak/report/utf8.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void session_init(struct session *s, const struct options *opts)
{
	memset(s, 0, sizeof *s);
	s->opts = opts;
	arena_init(&s->arena);
	progress_line_init(&s->line, !opts->quiet && isatty(STDERR_FILENO));
}

void session_deinit(struct session *s)
{
	if (s->has_findings)
		findings_deinit(&s->findings);
	if (s->has_targets)
		targets_deinit(&s->targets);
	if (s->has_classes) {
		classes_deinit(&s->tags);
		classes_deinit(&s->classes);
	}
	if (s->has_ledger)
		ledger_deinit(&s->ledger);
	if (s->has_pool)
		pool_deinit(&s->pool);
	if (s->has_os)
		os_close(&s->os);
	if (s->container)
		container_close(s->container);
	while (s->nr_sources)
		source_close(s->source[--s->nr_sources]);
	if (s->symbols)
		symbols_close(s->symbols);
	if (s->has_tagnames)
		tagnames_deinit(&s->tagnames);
	progress_line_deinit(&s->line);
	arena_deinit(&s->arena);
}

static const struct progress *progress_of(struct session *s)
{
	return &s->line.progress;
}

static enum dl_status open_os(struct session *s)
{
	struct os_options opts = { .symbols = s->symbols, .progress = progress_of(s) };
	enum dl_status status = os_open_with(s->container, &opts, &s->os, &s->err);

	s->has_os = status == DL_OK;
	return status;
}

/* Raw memory has no header: a Windows kernel in it is its only mark. */
static enum dl_status open_raw(struct session *s)
{
	enum dl_status status = container_open_raw(s->source[0], 0, &s->container, &s->err);

	if (status)
		return DL_NOTDUMP;
	status = open_os(s);
	if (status != DL_NOTFOUND)
		return status;
	return err_set(&s->err, DL_NOTDUMP, "not a dump: no known header, and no "
		       "Windows kernel in it as raw memory");
}

/* A wrong symbol file is a wrong word: nothing is said of the dump. */
static enum dl_status open_symbols(struct session *s)
{
	const char *path = s->opts->symbols;
	enum dl_status status;

	if (!path || s->symbols)
		return DL_OK;
	status = symbols_open(path, &s->symbols, &s->err);
	if (status == DL_OK || status == DL_NOMEM)
		return status;
	if (strstr(s->err.text, path))
		return DL_USAGE;
	return err_prefix(&s->err, DL_USAGE, "--symbols: %s", path);
}

static enum dl_status open_sources(struct session *s)
{
	const struct options *o = s->opts;
	enum dl_status status;

	for (unsigned i = s->nr_sources; i < o->nr_files; i++) {
		status = source_open_path(o->file[i], NULL, &s->source[i], &s->err);
		if (status)
			return status;
		s->nr_sources++;
	}
	return DL_OK;
}

enum dl_status session_open(struct session *s)
{
	enum dl_status status;

	if (s->container)
		return DL_OK;
	status = open_symbols(s);
	if (!status)
		status = open_sources(s);
	if (status)
		return status;
	status = container_open_set(s->source, s->nr_sources, &s->container, &s->err);
	return status == DL_NOTDUMP && s->nr_sources == 1 ? open_raw(s) : status;
}

enum dl_status session_os(struct session *s)
{
	enum dl_status status = session_open(s);

	if (status || s->has_os)
		return status;
	status = open_os(s);
	if (status)
		snprintf(s->os_reason, sizeof s->os_reason, "%s", s->err.text);
	return status;
}

bool session_is_minidump(const struct session *s)
{
	return s->container && container_minidump(s->container);
}

/* The pool's own words, or those for every minidump. */
static enum dl_status scan_pool(struct session *s)
{
	struct pool_options opts = { .jobs = s->opts->jobs, .progress = progress_of(s) };
	enum dl_status status;

	if (session_is_minidump(s))
		return err_set(&s->err, DL_NOTFOUND, "a minidump holds no pool, only lists, "
			       "counters and small ranges of memory");
	status = pool_scan(&s->os, &opts, &s->pool, &s->err);
	if (status)
		pool_deinit(&s->pool);
	return status;
}

enum dl_status session_pool(struct session *s)
{
	enum dl_status status = session_os(s);

	if (status || s->has_pool)
		return status;
	status = scan_pool(s);
	if (status) {
		snprintf(s->pool_reason, sizeof s->pool_reason, "%s", s->err.text);
		return status;
	}
	s->has_pool = true;
	return pool_objects(&s->os, &s->pool, &s->err);
}

enum dl_status session_ledger(struct session *s)
{
	enum dl_status status = session_pool(s);

	if (status || s->has_ledger)
		return status;
	status = ledger_make(&s->pool, &s->ledger, &s->err);
	s->has_ledger = status == DL_OK;
	return status;
}

enum dl_status session_measured_ledger(struct session *s)
{
	struct pool_options opts = { .jobs = s->opts->jobs, .progress = progress_of(s) };
	enum dl_status status = session_pool(s);

	if (!status)
		status = pool_measure(&s->os, &s->pool, &opts, &s->err);
	return status ? status : session_ledger(s);
}

enum dl_status session_classes(struct session *s)
{
	enum dl_status status = session_pool(s);

	if (status || s->has_classes)
		return status;
	status = classes_make(&s->pool, &s->classes, &s->err);
	if (status)
		return status;
	status = classes_by_tag(&s->classes, &s->tags, &s->err);
	if (status)
		classes_deinit(&s->classes);
	s->has_classes = status == DL_OK;
	return status;
}

enum dl_status session_targets(struct session *s)
{
	enum dl_status status = session_pool(s);

	if (status || s->has_targets)
		return status;
	status = targets_init(&s->targets, &s->os, &s->pool, &s->err);
	s->has_targets = status == DL_OK;
	return status;
}

enum dl_status session_findings(struct session *s)
{
	struct mine_options opts = { .jobs = s->opts->jobs, .progress = progress_of(s) };
	enum dl_status status = session_measured_ledger(s);

	if (!status)
		status = session_classes(s);
	if (!status)
		status = session_targets(s);
	if (status || s->has_findings)
		return status;
	status = mine_run(&s->targets, &s->ledger, &s->classes, &opts, &s->findings,
			  &s->err);
	s->has_findings = status == DL_OK;
	return status;
}

enum dl_status session_tagnames(struct session *s)
{
	if (!s->opts->pooltag || s->has_tagnames)
		return DL_OK;
	tagnames_init(&s->tagnames);
	s->has_tagnames = true;
	return tagnames_load(&s->tagnames, s->opts->pooltag, &s->err);
}

/* Names of files are the user's: printable, all of them. */
static bool name_files(struct session *s, struct report_dump *d)
{
	const struct options *o = s->opts;
	const char **paths = arena_array(&s->arena, o->nr_files + 1, sizeof *paths);

	for (unsigned i = 0; paths && i < o->nr_files; i++) {
		paths[i] = utf8_printable(&s->arena, (struct bytes){
			(const uint8_t *)o->file[i], strlen(o->file[i]) });
		if (!paths[i])
			return false;
	}
	if (!paths)
		return false;
	d->path = paths[0];
	d->paths = paths;
	d->nr_paths = o->nr_files;
	return true;
}

static bool name_symbols(struct session *s)
{
	const char *path = s->opts->symbols;

	if (!s->symbols)
		return true;
	s->symbols_words.path = utf8_printable(&s->arena, (struct bytes){
		(const uint8_t *)path, strlen(path) });
	s->symbols_words.pdb = symbols_pdb(s->symbols);
	s->input.symbols = &s->symbols_words;
	return s->symbols_words.path != NULL;
}

static const char *damage_of(const struct session *s)
{
	const char *damage = NULL;

	for (unsigned i = 0; i < s->nr_sources && !damage; i++)
		damage = source_damage(s->source[i]);
	return damage;
}

/* PoolTrackTable, where the small ranges of a minidump happen to have it. */
static uint64_t tag_table_of(struct session *s)
{
	uint64_t va, word;

	if (!session_is_minidump(s) || !s->has_os || !s->os.kdbg.known ||
	    !kdbg_variable(&s->os.vm, &s->os.kdbg, KDBG_POOL_TRACK_TABLE, &va) ||
	    vm_word(&s->os.vm, va, s->os.layout.ptr_bytes, &word, NULL))
		return 0;
	return va;
}

const struct report_input *session_input(struct session *s)
{
	struct report_input *in = &s->input;
	struct report_dump *d = &in->dump;

	d->header = container_header(s->container);
	container_count(s->container, &d->pages_present, &d->pages_absent, &d->pages_exact);
	d->notes = container_notes(s->container, &d->nr_notes);
	d->damage = damage_of(s);
	d->minidump = container_minidump(s->container);
	in->os = s->has_os ? &s->os : NULL;
	in->os_reason = s->os_reason;
	in->tag_table_va = tag_table_of(s);
	in->pool = s->has_pool ? &s->pool : NULL;
	in->pool_reason = s->pool_reason;
	in->ledger = s->has_ledger ? &s->ledger : NULL;
	in->classes = s->has_classes ? &s->classes : NULL;
	in->tags = s->has_classes ? &s->tags : NULL;
	in->findings = s->has_findings ? &s->findings : NULL;
	in->tagnames = s->has_tagnames ? &s->tagnames : NULL;
	return name_files(s, d) && name_symbols(s) ? in : NULL;
}

bool session_damage(struct session *s, char *text, size_t n)
{
	const struct dump_note *notes, *last = NULL;
	size_t nr, damages = 0;

	if (!s->container)
		return false;
	notes = container_notes(s->container, &nr);
	for (size_t i = 0; i < nr; i++) {
		if (notes[i].kind == DL_OK)
			continue;
		last = &notes[i];
		damages++;
	}
	if (!last)
		return false;
	/* the last one sums up; all of them stand in the report */
	if (damages > 1)
		snprintf(text, n, "%s (%zu more remark%s: see dumpleak info)", last->text,
			 damages - 1, damages == 2 ? "" : "s");
	else
		snprintf(text, n, "%s", last->text);
	return true;
}
