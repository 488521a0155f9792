/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CLI_SESSION_H
#define DUMPLEAK_CLI_SESSION_H

/*
 * One dump on its way through all layers. Each step runs what it needs before
 * it, once: a command asks for the last thing it wants.
 */

#include "cli.h"
#include "progress.h"

#include "dumpleak/mine/mine.h"
#include "dumpleak/report/report.h"

struct session {
	const struct options *opts;
	struct dl_err err;              /* of the step that failed      */
	struct progress_line line;
	struct arena arena;

	struct source *source[MAX_FILES];
	unsigned nr_sources;
	struct container *container;
	struct symbols *symbols;        /* of --symbols */
	struct report_symbols symbols_words;
	struct os os;
	struct pool pool;
	struct ledger ledger;
	struct classes classes, tags;
	struct targets targets;
	struct findings findings;
	struct tagnames tagnames;
	bool has_os, has_pool, has_ledger, has_classes, has_targets, has_findings;
	bool has_tagnames;

	struct report_input input;      /* points to what was made so far */
	char os_reason[512], pool_reason[512];
};

void session_init(struct session *s, const struct options *opts);
void session_deinit(struct session *s);

/** session_open - symbols, the files and their container, or raw memory */
enum dl_status session_open(struct session *s);
enum dl_status session_os(struct session *s);

/** session_is_minidump - the dump has no pages, and so no pool */
bool session_is_minidump(const struct session *s);

/** session_pool - every block, and drivers and devices that only the pool knows */
enum dl_status session_pool(struct session *s);

/** session_ledger - counters beside blocks; session_measured_ledger - to the byte */
enum dl_status session_ledger(struct session *s);
enum dl_status session_measured_ledger(struct session *s);
enum dl_status session_classes(struct session *s);
enum dl_status session_targets(struct session *s);
enum dl_status session_findings(struct session *s);

/** session_tagnames - the analyst's pooltag.txt, if one was named */
enum dl_status session_tagnames(struct session *s);

/** session_input - what the renderers take, with the file's state as of now */
const struct report_input *session_input(struct session *s);

/**
 * session_damage - what is wrong with the file itself, in one line
 * @text: out, @n bytes; set only if anything is. Returns whether anything is.
 */
bool session_damage(struct session *s, char *text, size_t n);

#endif
