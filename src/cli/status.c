/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses to exit statuses, messages to stderr. Nothing else in the program
 * knows either.
 */
#include "cli.h"

#include <stdarg.h>
#include <string.h>

enum exit_status exit_status_of(enum dl_status status)
{
	static const enum exit_status map[] = {
		[DL_OK] = EXIT_DONE,
		[DL_END] = EXIT_DONE,
		[DL_ABSENT] = EXIT_DAMAGED,     /* of the file itself: it is cut */
		[DL_CORRUPT] = EXIT_DAMAGED,
		[DL_UNSUPPORTED] = EXIT_UNSUPPORTED,
		[DL_NOTDUMP] = EXIT_NO_DUMP,
		[DL_NOTFOUND] = EXIT_NOTHING_FOUND,
		[DL_USAGE] = EXIT_USAGE,
		[DL_IO] = EXIT_DAMAGED,
		[DL_NOMEM] = EXIT_NO_MEMORY,
	};

	return map[status];
}

/* File names are the user's, and may hold anything. */
static void put_escaped(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			fprintf(stderr, "\\x%02x", c);
		else
			fputc(c, stderr);
	}
}

void say(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fputs("dumpleak: ", stderr);
	put_escaped(text);
	fputc('\n', stderr);
}

void say_of(const char *path, const char *text)
{
	if (!path || strstr(text, path))
		say("%s", text);
	else
		say("%s: %s", path, text);
}
