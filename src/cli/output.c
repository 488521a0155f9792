/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where output goes, how wide it is, and whether all of it arrived.
 */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;
	struct winsize w;

	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col)
		n = w.ws_col;
	else if (!n || n > 10000)
		n = PAPER_DEFAULT_WIDTH;
	return n < PAPER_MIN_WIDTH ? PAPER_MIN_WIDTH : (unsigned)n;
}

static bool wants_colour(const struct options *opts)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (opts->colour != COLOUR_AUTO)
		return opts->colour == COLOUR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

struct paper output_paper(const struct options *opts)
{
	struct paper p = { .out = stdout };

	p.width = opts->width ? opts->width : terminal_width();
	p.colour = wants_colour(opts);
	return p;
}

bool output_text(const struct options *opts)
{
	return !opts->json || opts->json_path;
}

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* A word behind --json that was meant as a second FILE would be overwritten. */
static bool is_dump(const char *path)
{
	struct container *container = NULL;
	struct source *source = NULL;
	struct stat st;
	bool is;

	if (stat(path, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	if (source_open_path(path, NULL, &source, NULL))
		return false;
	is = container_open(source, &container, NULL) != DL_NOTDUMP;
	container_close(container);
	source_close(source);
	return is;
}

static enum dl_status check_files(struct session *s)
{
	const struct options *o = s->opts;

	for (unsigned i = 0; i < o->nr_files; i++)
		for (unsigned k = i + 1; k < o->nr_files; k++)
			if (same_file(o->file[i], o->file[k]))
				return err_set(&s->err, DL_USAGE, "%s and %s are the same file",
					       o->file[i], o->file[k]);
	return DL_OK;
}

enum dl_status output_check(struct session *s)
{
	const char *path = s->opts->json_path;

	for (unsigned i = 0; path && i < s->opts->nr_files; i++)
		if (same_file(path, s->opts->file[i]))
			return err_set(&s->err, DL_USAGE, "--json: %s is the dump itself", path);
	if (path && is_dump(path))
		return err_set(&s->err, DL_USAGE, "--json: %s is a dump, and would be "
			       "overwritten; JSON to standard output is --json=-", path);
	return check_files(s);
}

enum dl_status output_json_open(struct session *s, FILE **out)
{
	const char *path = s->opts->json_path;

	*out = stdout;
	if (!path)
		return DL_OK;
	*out = fopen(path, "w");
	if (!*out)
		return err_set(&s->err, DL_IO, "%s: %s", path, strerror(errno));
	return DL_OK;
}

enum dl_status output_json_close(struct session *s, FILE *out, enum dl_status status)
{
	bool failed = ferror(out);

	if (out == stdout)
		return status;          /* output_finish() will see it */
	errno = 0;
	failed |= fclose(out) != 0;
	if (status || !failed)
		return status;
	return err_set(&s->err, DL_IO, "%s: %s", s->opts->json_path,
		       errno ? strerror(errno) : "could not be written");
}

/* errno of a failed fwrite() is long gone: ask the pipe itself. */
static bool reader_is_gone(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR);
}

enum dl_status output_finish(const char **message)
{
	bool failed = ferror(stdout);

	*message = NULL;
	errno = 0;
	failed |= fflush(stdout) != 0;
	if (!failed)
		return DL_OK;
	if (errno != EPIPE && !reader_is_gone())
		*message = errno ? strerror(errno) : "could not be written";
	return DL_IO;
}
