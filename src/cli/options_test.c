/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines to options, and refusals in one line each. */
#include "cli.h"

#include "dumpleak/report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* The program's table is beside main(); this one has the same shape. */
static enum dl_status no_command(struct session *s)
{
	(void)s;
	return DL_OK;
}

const struct command commands[] = {
	{ "analyze", no_command, "FILE...", "", 1, WORD_NONE },
	{ "info", no_command, "FILE...", "", 1, WORD_NONE },
	{ "tags", no_command, "FILE... [TAG]", "", 1, WORD_TAG },
	{ "blocks", no_command, "FILE... [TAG]", "", 1, WORD_TAG },
	{ "show", no_command, "FILE... ADDRESS", "", 2, WORD_ADDRESS },
	{ "verify", no_command, "FILE...", "", 1, WORD_NONE },
	{ "help", NULL, "[COMMAND]", "", 0, WORD_COMMAND },
};
const size_t nr_commands = sizeof commands / sizeof commands[0];

/* Splits @line at blanks; a tag of blanks is written with underscores. */
static enum dl_status parse(const char *line, struct options *o, struct dl_err *err)
{
	static char text[512];
	char *argv[MAX_FILES + 8] = { (char *)(uintptr_t)"dumpleak" };
	int argc = 1;

	strcpy(text, line);
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	for (int i = 1; i < argc; i++)
		for (char *p = argv[i]; *p; p++)
			*p = *p == '_' ? ' ' : *p;
	err->text[0] = '\0';
	return options_parse(argc, argv, o, err);
}

static const struct {
	const char *line, *file, *json_path;
	bool json;
} json_words[] = {
	{ "analyze d.dmp", "d.dmp", NULL, false },
	{ "analyze d.dmp --json", "d.dmp", NULL, true },
	{ "analyze --json d.dmp", "d.dmp", NULL, true },
	{ "--json analyze d.dmp", "d.dmp", NULL, true },
	{ "analyze --json - d.dmp", "d.dmp", NULL, true },
	{ "analyze d.dmp --json -", "d.dmp", NULL, true },
	{ "analyze d.dmp --json out.json", "d.dmp", "out.json", true },
	{ "analyze --json out.json d.dmp", "d.dmp", "out.json", true },
	{ "analyze --json=out.json d.dmp", "d.dmp", "out.json", true },
	{ "analyze --json=- d.dmp", "d.dmp", NULL, true },
	{ "analyze --json -q d.dmp", "d.dmp", NULL, true },
	{ "show d.dmp 0x1000 --json", "d.dmp", NULL, true },
	{ "show --json d.dmp 0x1000", "d.dmp", NULL, true },
	{ "show --json o.json d.dmp 0x1000", "d.dmp", "o.json", true },
	{ "blocks d.dmp --all --json --jobs 1", "d.dmp", NULL, true },
	{ "info --json out.json d.dmp", "d.dmp", "out.json", true },
	{ "verify --json out.json d.dmp", "d.dmp", "out.json", true },
	{ "verify d.dmp --json --pooltag p.txt", "d.dmp", NULL, true },
	{ "tags d.dmp Io --json out.json", "d.dmp", "out.json", true },
};

static void test_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof json_words / sizeof json_words[0]; i++) {
		struct options o;
		struct dl_err err;

		assert_int_equal(parse(json_words[i].line, &o, &err), DL_OK);
		assert_string_equal(o.file[0], json_words[i].file);
		assert_int_equal(o.nr_files, 1);
		assert_int_equal(o.json, json_words[i].json);
		if (json_words[i].json_path)
			assert_string_equal(o.json_path, json_words[i].json_path);
		else
			assert_null(o.json_path);
	}
}

static const char *const bad[] = {
	"", "frobnicate", "analyze", "show d.dmp", "help info tags", "analyze --nope d.dmp",
	"analyze -x d.dmp", "tags d.dmp --sort=size", "tags d.dmp --sort",
	"tags d.dmp --top=0", "tags d.dmp --top=-1", "tags d.dmp --top=12x",
	"tags d.dmp --tag=LongTag", "tags d.dmp LongTag", "tags a b LongTag", "analyze d.dmp --symbols",
	"blocks d.dmp --size=0x", "blocks d.dmp --size=99999999999999999999",
	"blocks d.dmp --size=32000000000G", "blocks d.dmp --state=gone",
	"blocks d.dmp --pool=swimming", "analyze d.dmp --color=red",
	"analyze d.dmp --jobs=0", "analyze d.dmp --width=3", "analyze d.dmp --quiet=1",
	"info d.dmp --tag=Io", "analyze d.dmp --top=3", "show d.dmp 0 --all",
	"verify", "verify d.dmp --all", "verify d.dmp --tag=Io",
	"a b c d e f g h i j",
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct options o;
		struct dl_err err;

		assert_int_equal(parse(bad[i], &o, &err), DL_USAGE);
		assert_true(strlen(err.text) > 0);
		assert_null(strchr(err.text, '\n'));
	}
}

static void test_values(void **state)
{
	struct options o;
	struct dl_err err;

	(void)state;
	assert_int_equal(parse("blocks -j3 d.dmp -t 'Io__' -s 0x40 --pool paged -q -w 120 "
			       "--limit 4K --state=free", &o, &err), DL_OK);
	assert_int_equal(o.jobs, 3);
	assert_true(o.has_tag && tag_matches(o.tag, 0x20206f49));
	assert_int_equal(o.size_bytes, 0x40);
	assert_int_equal(o.pool, POOL_PAGED);
	assert_true(o.quiet && o.has_state);
	assert_int_equal(o.width, 120);
	assert_int_equal(o.limit, 4096);

	assert_int_equal(parse("tags --sort=diff d.dmp Mm* --ledger --color never", &o, &err),
			 DL_OK);
	assert_int_equal(o.sort, SORT_DIFF);
	assert_int_equal(o.colour, COLOUR_NEVER);
	assert_int_equal(o.nr_files, 1);
	assert_true(o.ledger && tag_matches(o.tag, 0x74536d4d));
	assert_false(tag_matches(o.tag, 0x20206f49));

	assert_int_equal(parse("info --modules --unloaded -- -d.dmp", &o, &err), DL_OK);
	assert_int_equal(o.info_parts, INFO_MODULES | INFO_UNLOADED);
	assert_string_equal(o.file[0], "-d.dmp");
	assert_int_equal(parse("--version", &o, &err), DL_OK);
	assert_true(o.version);
	assert_int_equal(parse("tags --help", &o, &err), DL_OK);
	assert_true(o.help);
	assert_int_equal(parse("help tags", &o, &err), DL_OK);
	assert_string_equal(o.word, "tags");
	assert_int_equal(o.nr_files, 0);
}

/* Words are files, but for the one that the command wants behind them. */
static const struct {
	const char *line;
	unsigned nr_files;
	const char *last_file, *word;
	bool has_tag;
} file_words[] = {
	{ "analyze a", 1, "a", NULL, false },
	{ "analyze a b c", 3, "c", NULL, false },
	{ "info a --json - b", 2, "b", NULL, false },
	{ "tags a", 1, "a", NULL, false },
	{ "tags a Io", 1, "a", NULL, true },
	{ "tags a b Io", 2, "b", NULL, true },
	{ "tags a b *", 2, "b", NULL, true },
	{ "tags a --tag=Io b", 2, "b", NULL, true },
	{ "blocks a b --tag Io", 2, "b", NULL, true },
	{ "show a 0x10", 1, "a", "0x10", false },
	{ "show a b 0x10", 2, "b", "0x10", false },
	{ "help", 0, NULL, NULL, false },
	{ "help show", 0, NULL, "show", false },
};

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof file_words / sizeof file_words[0]; i++) {
		struct options o;
		struct dl_err err;

		assert_int_equal(parse(file_words[i].line, &o, &err), DL_OK);
		assert_int_equal(o.nr_files, file_words[i].nr_files);
		if (o.nr_files)
			assert_string_equal(o.file[o.nr_files - 1], file_words[i].last_file);
		if (file_words[i].word)
			assert_string_equal(o.word, file_words[i].word);
		else
			assert_null(o.word);
		assert_int_equal(o.has_tag, file_words[i].has_tag);
	}
}

static void test_many_files(void **state)
{
	char line[512] = "info";
	struct options o;
	struct dl_err err;

	(void)state;
	for (int i = 0; i < MAX_FILES; i++)
		strcat(line, " f");
	assert_int_equal(parse(line, &o, &err), DL_OK);
	assert_int_equal(o.nr_files, MAX_FILES);
	strcat(line, " f");
	assert_int_equal(parse(line, &o, &err), DL_USAGE);
	strcat(line, " f f f");
	assert_int_equal(parse(line, &o, &err), DL_USAGE);
}

static void test_symbols(void **state)
{
	static const char *const lines[] = {
		"analyze d --symbols=s.json.xz", "info --symbols s.json.xz d",
		"tags d Io --symbols=s.json.xz", "blocks d --all --symbols=s.json.xz",
		"show d 0 --symbols=s.json.xz",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct options o;
		struct dl_err err;

		assert_int_equal(parse(lines[i], &o, &err), DL_OK);
		assert_string_equal(o.symbols, "s.json.xz");
		assert_string_equal(o.file[0], "d");
		assert_int_equal(o.nr_files, 1);
	}
}

static void test_statuses(void **state)
{
	(void)state;
	assert_int_equal(exit_status_of(DL_OK), 0);
	assert_int_equal(exit_status_of(DL_NOTFOUND), 1);
	assert_int_equal(exit_status_of(DL_USAGE), 2);
	assert_int_equal(exit_status_of(DL_NOTDUMP), 3);
	assert_int_equal(exit_status_of(DL_ABSENT), 4);
	assert_int_equal(exit_status_of(DL_CORRUPT), 4);
	assert_int_equal(exit_status_of(DL_IO), 4);
	assert_int_equal(exit_status_of(DL_UNSUPPORTED), 5);
	assert_int_equal(exit_status_of(DL_NOMEM), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_values), cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_files), cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
