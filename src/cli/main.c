/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dumpleak: words to a command, its status to an exit status. A new command is
 * a row of the table and a file.
 */
#include "output.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{ "analyze", cmd_analyze, "FILE...", "the report: what leaks, and whose it is", 1,
	  WORD_NONE },
	{ "info", cmd_info, "FILE...", "the dump, the system, modules and devices", 1,
	  WORD_NONE },
	{ "tags", cmd_tags, "FILE... [TAG]", "pool use by tag", 1, WORD_TAG },
	{ "blocks", cmd_blocks, "FILE... [TAG]", "addresses of pool blocks", 1, WORD_TAG },
	{ "show", cmd_show, "FILE... ADDRESS", "the block at an address, word by word", 2,
	  WORD_ADDRESS },
	{ "verify", cmd_verify, "FILE...", "pool pages, subsegments and tables that are damaged",
	  1, WORD_NONE },
	{ "help", NULL, "[COMMAND]", "this text, or that of one command", 0, WORD_COMMAND },
};
const size_t nr_commands = sizeof commands / sizeof commands[0];

/* All output is UTF-8, whatever the locale calls it: JSON must be, too. */
static void set_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8"))
		setlocale(LC_CTYPE, "C.UTF-8");
}

static enum exit_status finish(enum exit_status result)
{
	const char *message;

	if (output_finish(&message) == DL_OK)
		return result;
	if (message)
		say("standard output: %s", message);
	return EXIT_DAMAGED;
}

/* The file that a message is about, if it does not say so itself. */
static const char *about(const struct options *opts, enum dl_status status,
			 const char *text)
{
	const char *others[] = { opts->pooltag, opts->json_path, opts->symbols };

	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (others[i] && strstr(text, others[i]))
			return NULL;
	for (unsigned i = 1; i < opts->nr_files; i++)
		if (strstr(text, opts->file[i]))
			return NULL;
	return status == DL_USAGE ? NULL : opts->file[0];
}

/*
 * One line on stderr. Damage of the file explains why nothing was found: it
 * comes first, and its status is the better answer.
 */
static enum exit_status tell(struct session *s, const struct options *opts,
			     enum dl_status status, enum exit_status result)
{
	bool failed = exit_status_of(status) != EXIT_DONE && s->err.text[0];
	char damage[640], both[1200];

	if (!session_damage(s, damage, sizeof damage)) {
		if (failed)
			say_of(about(opts, status, s->err.text), s->err.text);
		return result;
	}
	if (failed)
		snprintf(both, sizeof both, "%s; %s", damage, s->err.text);
	say_of(opts->file[0], failed ? both : damage);
	return result <= EXIT_NO_DUMP && result != EXIT_USAGE ? EXIT_DAMAGED : result;
}

static enum exit_status run(const struct options *opts)
{
	struct session s;
	enum dl_status status;
	enum exit_status result;

	session_init(&s, opts);
	status = output_check(&s);
	if (!status)
		status = opts->command->run(&s);
	progress_line_clear(&s.line);
	result = finish(exit_status_of(status));
	result = tell(&s, opts, status, result);
	session_deinit(&s);
	return result;
}

static enum exit_status help(const struct options *opts)
{
	const struct command *about = opts->command;

	if (about && !about->run && opts->word) {
		about = command_find(opts->word);
		if (!about) {
			say("unknown command %s; see dumpleak help", opts->word);
			return EXIT_USAGE;
		}
	}
	usage_print(stdout, about);
	return finish(EXIT_DONE);
}

int main(int argc, char **argv)
{
	struct options opts;
	struct dl_err err = { "" };

	signal(SIGPIPE, SIG_IGN);       /* a closed pipe is a write error like others */
	set_locale();
	if (options_parse(argc, argv, &opts, &err)) {
		say("%s", err.text);
		return EXIT_USAGE;
	}
	if (opts.version) {
		puts("dumpleak " DUMPLEAK_VERSION);
		return (int)finish(EXIT_DONE);
	}
	if (opts.help || !opts.command->run)
		return (int)help(&opts);
	return (int)run(&opts);
}
