/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line to struct options. Options may stand anywhere; getopt is
 * not used because --json takes its FILE as a word of its own or does without.
 */
#include "cli.h"

#include "dumpleak/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct option_row option_rows[] = {
	{ "json", 0, "[FILE|-]", "aitbsv", "write JSON, to stdout or FILE" },
	{ "tag", 't', "TAG", "tb", "only this tag; ? and * as in !poolused" },
	{ "size", 's', "N", "b", "only blocks of N bytes, header included" },
	{ "state", 0, "STATE", "b", "in-use (default with --tag), free, cached" },
	{ "pool", 0, "POOL", "tb", "nonpaged, paged or session" },
	{ "all", 0, NULL, "b", "every block, whatever its state" },
	{ "limit", 0, "N", "b", "stop after N blocks" },
	{ "by-size", 0, NULL, "t", "one row for each tag and size" },
	{ "sort", 0, "KEY", "t", "bytes (default), blocks, tag or diff" },
	{ "top", 0, "N", "t", "only the first N rows" },
	{ "min-bytes", 0, "N", "t", "only rows of at least N bytes" },
	{ "ledger", 0, NULL, "t", "the kernel's own counters beside what was found" },
	{ "modules", 0, NULL, "i", "loaded modules" },
	{ "devices", 0, NULL, "i", "drivers and their devices" },
	{ "unloaded", 0, NULL, "i", "unloaded modules" },
	{ "pooltag", 0, "FILE", "atbsv", "meanings of tags, as in pooltag.txt" },
	{ "symbols", 0, "FILE", "aitbsv", "the kernel's ISF symbol file: .json, .xz, .gz" },
	{ "jobs", 'j', "N", "aitbsv", "threads; all processors by default" },
	{ "color", 0, "WHEN", "aitbsv", "auto, always or never" },
	{ "width", 'w', "N", "aitbsv", "columns of the text; the terminal's by default" },
	{ "quiet", 'q', NULL, "aitbsv", "no progress on stderr" },
	{ "help", 'h', NULL, "aitbsv", "this text" },
	{ "version", 'V', NULL, "aitbsv", "the version" },
};
const size_t nr_option_rows = sizeof option_rows / sizeof option_rows[0];

enum { MAX_WORDS = MAX_FILES + 2 };      /* the command, and what may stand behind */

/* The words as they come, before the command is known. */
struct parse {
	struct options *out;
	struct dl_err *err;
	const char *word[MAX_WORDS];
	unsigned nr_words;
	int json_word;          /* index of the word right behind --json, or -1 */
	bool seen[sizeof option_rows / sizeof option_rows[0]];
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < nr_commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

bool option_of_command(const struct option_row *row, const struct command *command)
{
	return command && strchr(row->commands, command->name[0]);
}

/* "64", "0x40", "4K"; false if it is no such number */
static bool parse_number(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *unit;
	unsigned shift;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, hex ? 16 : 10);
	if (errno || end == s + (hex ? 2 : 0))
		return false;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (!unit)
		return !*end;
	shift = 10 * ((unsigned)(unit - units) + 1);
	if (end[1] || *out > UINT64_MAX >> shift)
		return false;
	*out <<= shift;
	return true;
}

static enum dl_status bad_value(struct parse *p, const char *name, const char *value,
				const char *wanted)
{
	return err_set(p->err, DL_USAGE, "--%s: \"%s\" is not %s", name, value, wanted);
}

static enum dl_status number(struct parse *p, const char *name, const char *value,
			     uint64_t min, uint64_t max, uint64_t *out)
{
	if (!parse_number(value, out) || *out < min || *out > max)
		return bad_value(p, name, value, "a number in range");
	return DL_OK;
}

static enum dl_status small_number(struct parse *p, const char *name, const char *value,
				   unsigned min, unsigned max, unsigned *out)
{
	uint64_t v = 0;
	enum dl_status status = number(p, name, value, min, max, &v);

	if (!status)
		*out = (unsigned)v;
	return status;
}

/* The index of @value in @words, which ends with NULL; -1 if it is not there. */
static int word_of(const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(value, words[i]))
			return i;
	return -1;
}

static enum dl_status set_choice(struct parse *p, const char *name, const char *v)
{
	static const char *const sorts[] = { "bytes", "blocks", "tag", "diff", NULL };
	static const char *const pools[] = { "nonpaged", "paged", "session", NULL };
	static const char *const states[] = { "in-use", "free", "cached", NULL };
	static const char *const colours[] = { "auto", "always", "never", NULL };
	struct options *o = p->out;
	int i;

	if (!strcmp(name, "sort")) {
		i = word_of(v, sorts);
		o->sort = (enum tag_sort)i;
		return i < 0 ? bad_value(p, name, v, "bytes, blocks, tag or diff") : DL_OK;
	}
	if (!strcmp(name, "pool")) {
		i = word_of(v, pools);
		o->pool = (enum pool_kind)i;
		o->has_pool = true;
		return i < 0 ? bad_value(p, name, v, "nonpaged, paged or session") : DL_OK;
	}
	if (!strcmp(name, "state")) {
		i = word_of(v, states);
		o->state = v;
		o->has_state = true;
		return i < 0 ? bad_value(p, name, v, "in-use, free or cached") : DL_OK;
	}
	i = word_of(v, colours);
	o->colour = (enum colour)i;
	return i < 0 ? bad_value(p, name, v, "auto, always or never") : DL_OK;
}

static enum dl_status set_value(struct parse *p, const char *name, const char *v)
{
	struct options *o = p->out;

	if (!strcmp(name, "tag")) {
		o->has_tag = true;
		o->tag_words = v;
		return tag_parse(v, &o->tag) ? DL_OK
		       : bad_value(p, name, v, "a tag of one to four characters");
	}
	if (!strcmp(name, "pooltag")) {
		o->pooltag = v;
		return DL_OK;
	}
	if (!strcmp(name, "symbols")) {
		o->symbols = v;
		return DL_OK;
	}
	if (!strcmp(name, "size")) {
		o->has_size = true;
		return number(p, name, v, 1, UINT64_MAX, &o->size_bytes);
	}
	if (!strcmp(name, "limit"))
		return number(p, name, v, 1, UINT64_MAX, &o->limit);
	if (!strcmp(name, "top"))
		return number(p, name, v, 1, UINT64_MAX, &o->top);
	if (!strcmp(name, "min-bytes"))
		return number(p, name, v, 0, UINT64_MAX, &o->min_bytes);
	if (!strcmp(name, "jobs"))
		return small_number(p, name, v, 1, 1024, &o->jobs);
	if (!strcmp(name, "width"))
		return small_number(p, name, v, PAPER_MIN_WIDTH, 10000, &o->width);
	return set_choice(p, name, v);
}

static void set_flag(struct options *o, const char *name)
{
	if (!strcmp(name, "json"))
		o->json = true;
	else if (!strcmp(name, "quiet"))
		o->quiet = true;
	else if (!strcmp(name, "help"))
		o->help = true;
	else if (!strcmp(name, "version"))
		o->version = true;
	else if (!strcmp(name, "all"))
		o->all = true;
	else if (!strcmp(name, "by-size"))
		o->by_size = true;
	else if (!strcmp(name, "ledger"))
		o->ledger = true;
	else if (!strcmp(name, "modules"))
		o->info_parts |= INFO_MODULES;
	else if (!strcmp(name, "devices"))
		o->info_parts |= INFO_DEVICES;
	else if (!strcmp(name, "unloaded"))
		o->info_parts |= INFO_UNLOADED;
}

static bool is_json(const struct option_row *row)
{
	return !strcmp(row->name, "json");
}

/* The row of "--name", "--name=value" or "-n", and the value where it is given. */
static const struct option_row *row_of(const char *word, const char **value)
{
	size_t n = strcspn(word, "=");

	*value = NULL;
	for (size_t i = 0; i < nr_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (word[1] == '-' && n - 2 == strlen(row->name) &&
		    !strncmp(word + 2, row->name, n - 2)) {
			*value = word[n] ? word + n + 1 : NULL;
			return row;
		}
		if (word[1] != '-' && row->letter && word[1] == row->letter) {
			*value = word[2] ? word + 2 : NULL;
			return row;
		}
	}
	return NULL;
}

static enum dl_status add_option(struct parse *p, int argc, char *const *argv, int *i)
{
	const char *word = argv[*i], *value;
	const struct option_row *row = row_of(word, &value);

	if (!row)
		return err_set(p->err, DL_USAGE, "unknown option %s", word);
	if (!row->arg && value)
		return err_set(p->err, DL_USAGE, "%s: takes no value", word);
	p->seen[row - option_rows] = true;
	if (is_json(row)) {
		p->out->json = true;
		p->out->json_path = value;
		if (!value && *i + 1 < argc && !strcmp(argv[*i + 1], "-"))
			(*i)++;
		else if (!value && *i + 1 < argc && argv[*i + 1][0] != '-')
			p->json_word = (int)p->nr_words;
		return DL_OK;
	}
	if (!row->arg) {
		set_flag(p->out, row->name);
		return DL_OK;
	}
	if (!value && *i + 1 >= argc)
		return err_set(p->err, DL_USAGE, "--%s needs a value: %s", row->name, row->arg);
	if (!value)
		value = argv[++*i];
	return set_value(p, row->name, value);
}

static enum dl_status add_word(struct parse *p, const char *word)
{
	if (p->nr_words == MAX_WORDS)
		return err_set(p->err, DL_USAGE, "too many words: %s", word);
	p->word[p->nr_words++] = word;
	return DL_OK;
}

static enum dl_status add_all(struct parse *p, int argc, char *const *argv)
{
	enum dl_status status = DL_OK;
	bool only_words = false;

	for (int i = 1; i < argc && !status; i++) {
		if (!only_words && !strcmp(argv[i], "--"))
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1])
			status = add_option(p, argc, argv, &i);
		else
			status = add_word(p, argv[i]);
	}
	return status;
}

/*
 * Words behind the command are files, but for the last one where the command
 * wants something else there: "tags FILE Io" is "tags FILE --tag Io".
 */
static enum dl_status take_words(struct parse *p)
{
	struct options *o = p->out;
	unsigned n = p->nr_words - 1;
	bool tag = o->command->last == WORD_TAG && n > 1 && !o->has_tag;
	bool other = (o->command->last == WORD_ADDRESS || o->command->last == WORD_COMMAND) &&
		     n >= 1;

	if (other)
		o->word = p->word[n];
	o->nr_files = n - tag - other;
	if (o->nr_files > MAX_FILES)
		return err_set(p->err, DL_USAGE, "more than %d files", MAX_FILES);
	memcpy(o->file, p->word + 1, o->nr_files * sizeof o->file[0]);
	return tag ? set_value(p, "tag", p->word[n]) : DL_OK;
}

/*
 * The word behind --json is its FILE if the other words are enough for the
 * command without it: "analyze --json DUMP" writes to stdout.
 */
static void settle_json(struct parse *p)
{
	unsigned at = (unsigned)p->json_word;
	const struct command *command;

	if (p->json_word < 0 || at >= p->nr_words || p->nr_words < 2)
		return;
	command = command_find(p->word[at ? 0 : 1]);
	if (!command || p->nr_words - 2 < command->min_words)
		return;
	p->out->json_path = p->word[at];
	memmove(p->word + at, p->word + at + 1,
		(p->nr_words - at - 1) * sizeof p->word[0]);
	p->nr_words--;
}

static enum dl_status check_words(struct parse *p)
{
	struct options *o = p->out;
	unsigned n = p->nr_words - 1;

	o->command = command_find(p->word[0]);
	if (!o->command)
		return err_set(p->err, DL_USAGE, "unknown command %s; see dumpleak help",
			       p->word[0]);
	if (o->help)
		return DL_OK;
	if (n < o->command->min_words || (o->command->last == WORD_COMMAND && n > 1))
		return err_set(p->err, DL_USAGE, "usage: dumpleak %s %s", o->command->name,
			       o->command->args);
	for (size_t i = 0; i < nr_option_rows; i++)
		if (p->seen[i] && o->command->run &&
		    !option_of_command(&option_rows[i], o->command))
			return err_set(p->err, DL_USAGE, "%s takes no option --%s",
				       o->command->name, option_rows[i].name);
	return DL_OK;
}

enum dl_status options_parse(int argc, char *const *argv, struct options *out,
			     struct dl_err *err)
{
	struct parse p = { .out = out, .err = err, .json_word = -1 };
	enum dl_status status;

	memset(out, 0, sizeof *out);
	status = add_all(&p, argc, argv);
	if (status || out->version)
		return status;
	settle_json(&p);
	if (out->json_path && !strcmp(out->json_path, "-"))
		out->json_path = NULL;
	if (p.nr_words) {
		status = check_words(&p);
		return status || out->help ? status : take_words(&p);
	}
	if (out->help)
		return DL_OK;
	return err_set(err, DL_USAGE, "no command; see dumpleak help");
}
