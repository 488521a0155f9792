/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of commands and options to usage text. */
#include "cli.h"

#include "dumpleak/report/report.h"

#include <string.h>

static const char exit_text[] =
	"\nExit status: 0 done; 1 nothing found; 2 usage error; 3 not a dump;\n"
	"4 unreadable or damaged, or verify found contradictions (what could be read has\n"
	"been reported); 5 unsupported;\n"
	"6 out of memory.\n";

static void print_option(FILE *out, const struct option_row *row)
{
	char left[40];

	snprintf(left, sizeof left, "%c%c%s --%s%s%s", row->letter ? '-' : ' ',
		 row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
		 row->arg ? (row->arg[0] == '[' ? " " : "=") : "",
		 row->arg ? row->arg : "");
	fprintf(out, "  %-24s %s\n", left, row->what);
}

/* Taken by all commands, or by all that look at the pool. */
static bool is_global(const struct option_row *row)
{
	return strlen(row->commands) >= 4;
}

static void print_options(FILE *out, const struct command *command, bool global)
{
	for (size_t i = 0; i < nr_option_rows; i++)
		if (is_global(&option_rows[i]) == global &&
		    (!command || option_of_command(&option_rows[i], command)))
			print_option(out, &option_rows[i]);
}

static void print_all(FILE *out)
{
	fputs("dumpleak " DUMPLEAK_VERSION
	      ": opens Windows kernel memory dumps and names the driver that leaks pool\n\n"
	      "Usage: dumpleak COMMAND [OPTIONS] FILE ...\n\n", out);
	for (size_t i = 0; i < nr_commands; i++)
		fprintf(out, "  %-8s %-22s %s\n", commands[i].name, commands[i].args,
			commands[i].what);
	fputs("\nOptions:\n", out);
	print_options(out, NULL, true);
	for (size_t i = 0; i < nr_commands; i++) {
		if (!commands[i].run || !strcmp(commands[i].name, "show") ||
		    !strcmp(commands[i].name, "analyze") ||
		    !strcmp(commands[i].name, "verify"))
			continue;
		fprintf(out, "\nOptions of %s:\n", commands[i].name);
		print_options(out, &commands[i], false);
	}
	fputs(exit_text, out);
}

void usage_print(FILE *out, const struct command *command)
{
	if (!command || !command->run) {
		print_all(out);
		return;
	}
	fprintf(out, "Usage: dumpleak %s [OPTIONS] %s\n\n%s.\n\nOptions:\n", command->name,
		command->args, command->what);
	print_options(out, command, false);
	print_options(out, command, true);
	fputs(exit_text, out);
}
