/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_REPORT_H
#define DUMPLEAK_REPORT_REPORT_H

/*
 * Findings to text for people and to JSON for programs (docs/schema.md). The
 * renderers decide nothing and compute nothing beyond sums and shares: both
 * print the same struct report_input. Write errors stay in the stream.
 */

#include "dumpleak/mine/mine.h"
#include "dumpleak/pool/ledger.h"
#include "dumpleak/pool/pool.h"
#include "dumpleak/pool/verify.h"
#include "dumpleak/report/paper.h"
#include "dumpleak/report/tagnames.h"

#ifndef DUMPLEAK_VERSION       /* the Makefile states it */
#define DUMPLEAK_VERSION "(no version)"
#endif

/* The file and what its container says; all strings printable. */
struct report_dump {
	const char *path;
	const char *const *paths;       /* of an image in several files: all of them */
	size_t nr_paths;                /* 0: only @path                       */
	const struct dump_header *header;
	uint64_t pages_present, pages_absent;
	bool pages_exact;               /* the file was seen to its end        */
	const struct dump_note *notes;
	size_t nr_notes;
	const char *damage;             /* of the file itself; NULL if none    */
	const struct dump_minidump *minidump;   /* NULL: holds pages           */
};

/* The file of --symbols; whether its kernel is this one, struct os says. */
struct report_symbols {
	const char *path;
	const struct pdb_id *pdb;
};

/* Everything borrowed. NULL is "not found", with the reason beside it. */
struct report_input {
	struct report_dump dump;
	const struct os *os;
	const char *os_reason;          /* why os is NULL                      */
	const struct report_symbols *symbols;   /* NULL: none were given       */
	uint64_t tag_table_va;          /* minidumps: a tag table is in it, 0: none */
	const struct pool *pool;
	const char *pool_reason;        /* why pool is NULL                    */
	const struct ledger *ledger;
	const struct classes *classes;  /* by tag and size                     */
	const struct classes *tags;     /* by tag                              */
	const struct findings *findings;
	const struct tagnames *tagnames;
};

/* What `info` shows; 0 is everything. */
enum info_parts { INFO_MODULES = 1, INFO_DEVICES = 2, INFO_UNLOADED = 4 };

/** report_text / report_json - the whole report of `analyze` */
void report_text(const struct report_input *in, struct paper *p);
enum dl_status report_json(const struct report_input *in, FILE *out);

/** minidump_text - what a minidump holds instead of pool; nothing for other dumps */
void minidump_text(const struct report_input *in, struct paper *p);

/** info_text / info_json - what the dump is: no pool needed */
void info_text(const struct report_input *in, unsigned parts, struct paper *p);
enum dl_status info_json(const struct report_input *in, unsigned parts, FILE *out);

/* Rows of `tags`, chosen and sorted by the caller; columns the caller wants. */
struct tags_view {
	const struct pool_class *const *rows;
	size_t nr, nr_more;             /* nr_more: left out by --top          */
	bool by_size, ledger;
};

void tags_text(const struct report_input *in, const struct tags_view *view,
	       struct paper *p);
enum dl_status tags_json(const struct report_input *in, const struct tags_view *view,
			 FILE *out);

/** verify_text / verify_json - what contradicts itself in the pool */
void verify_text(const struct report_input *in, const struct pool_check *check,
		 struct paper *p);
enum dl_status verify_json(const struct report_input *in, const struct pool_check *check,
			   FILE *out);

/* One word of a block's contents. */
struct shown_word {
	uint64_t va, value;
	struct target target;
	const char *text;               /* of target_text(); "" if it is no pointer */
	bool readable;
};

/* What `show` prints: one block, whose contents the caller has read. */
struct show_view {
	uint64_t asked_va;
	bool has_block;                 /* false: only words, of memory around it  */
	size_t index;                   /* in the catalog                          */
	uint8_t header[16];             /* as in memory                            */
	bool header_readable;
	const struct shown_word *words; /* of the user part, or from memory; rising */
	size_t nr_words, words_cut;     /* words_cut: left out of a large block    */
	const struct pool_class *klass; /* of blocks like this in use; may be NULL */
	uint64_t charged_va;            /* the EPROCESS whose quota is charged; 0: none known */
	const struct process *charged;  /* the same; NULL: not on the list of processes */
};

/**
 * place_text - "ntoskrnl.exe+0x3f71a0" for @va in a loaded image, "old.sys
 * (unloaded)+0x10" where one was; false, with @out empty, for everything else
 */
enum { PLACE_MAX = 320 };
bool place_text(const struct os *os, uint64_t va, char *out, size_t n);

void show_text(const struct report_input *in, const struct show_view *view,
	       struct paper *p);
enum dl_status show_json(const struct report_input *in, const struct show_view *view,
			 FILE *out);

/**
 * block_line / block_json - block @i of the catalog as one line each
 * Written by hand, since dumps have millions: at most BLOCK_LINE_MAX bytes
 * into @out, line end included. Returns how many.
 */
enum { BLOCK_LINE_MAX = 256 };
size_t block_line(const struct pool *pool, size_t i, char out[BLOCK_LINE_MAX]);
size_t block_json(const struct pool *pool, size_t i, char out[BLOCK_LINE_MAX]);

/** block_line_head - the headings above block_line()'s columns */
const char *block_line_head(const struct pool *pool);

#endif
