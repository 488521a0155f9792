/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CLI_H
#define DUMPLEAK_CLI_H

/* What the commands share: the table of them, options, exit statuses. */

#include "dumpleak/base/err.h"
#include "dumpleak/base/text.h"
#include "dumpleak/pool/catalog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum exit_status {
	EXIT_DONE, EXIT_NOTHING_FOUND, EXIT_USAGE, EXIT_NO_DUMP, EXIT_DAMAGED,
	EXIT_UNSUPPORTED, EXIT_NO_MEMORY,
};

/** exit_status_of - the one mapping from what functions return */
enum exit_status exit_status_of(enum dl_status status);

/** say - one line on stderr, "dumpleak: " before it, unprintable bytes escaped */
void say(const char *fmt, ...) DL_PRINTF(1, 2);

/** say_of - the same about @path, which is put before @text unless it is in it */
void say_of(const char *path, const char *text);

enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
enum tag_sort { SORT_BYTES, SORT_BLOCKS, SORT_TAG, SORT_DIFF };

enum { MAX_FILES = 64 };

/* The command line, parsed. Zeroed fields are the defaults. */
struct options {
	const struct command *command;
	const char *file[MAX_FILES];    /* one image: as a rule in one file */
	unsigned nr_files;
	const char *word;       /* ADDRESS of show, COMMAND of help; else NULL */
	/* for every command */
	unsigned jobs;
	const char *pooltag, *symbols;
	bool json, quiet, help, version;
	const char *json_path;  /* NULL: stdout */
	enum colour colour;
	unsigned width;         /* 0: the terminal's */
	/* choice and order of blocks and tags */
	bool has_tag, has_pool, has_state, has_size, all;
	struct tag_pattern tag;
	const char *tag_words;  /* as it was typed */
	enum pool_kind pool;
	const char *state;      /* as block_state_name() says */
	uint64_t size_bytes, min_bytes, limit, top;
	enum tag_sort sort;
	bool by_size, ledger;
	unsigned info_parts;    /* enum info_parts */
};

struct session;

/* The word of a command behind its files. */
enum last_word { WORD_NONE, WORD_TAG, WORD_ADDRESS, WORD_COMMAND };

struct command {
	const char *name;
	enum dl_status (*run)(struct session *s);
	const char *args;       /* for the usage line */
	const char *what;
	unsigned min_words;
	enum last_word last;
};

extern const struct command commands[];
extern const size_t nr_commands;

enum dl_status cmd_analyze(struct session *s);
enum dl_status cmd_info(struct session *s);
enum dl_status cmd_tags(struct session *s);
enum dl_status cmd_blocks(struct session *s);
enum dl_status cmd_show(struct session *s);
enum dl_status cmd_verify(struct session *s);

/** command_find - by name; NULL if there is none */
const struct command *command_find(const char *name);

/** options_parse - DL_USAGE with one line in @err if the words are off */
enum dl_status options_parse(int argc, char *const *argv, struct options *out,
			     struct dl_err *err);

/** usage_print - of one command, or with NULL of all */
void usage_print(FILE *out, const struct command *command);

/* One row of the option table. */
struct option_row {
	const char *name;       /* without the dashes                */
	char letter;            /* 0: none                           */
	const char *arg;        /* for the usage text; NULL: none    */
	const char *commands;   /* initials of those that take it: "aitbsv" */
	const char *what;
};

extern const struct option_row option_rows[];
extern const size_t nr_option_rows;

/** option_of_command - whether @command takes the option */
bool option_of_command(const struct option_row *row, const struct command *command);

#endif
