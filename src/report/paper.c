/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words to paragraphs of a given width.
 */
#include "dumpleak/report/paper.h"

#include "dumpleak/base/text.h"
#include "dumpleak/report/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *bold(const struct paper *p)
{
	return p->colour ? "\033[1m" : "";
}

static const char *plain(const struct paper *p)
{
	return p->colour ? "\033[0m" : "";
}

static void spaces(struct paper *p, size_t n)
{
	fprintf(p->out, "%*s", (int)n, "");
}

/* Bytes of the word at @s: quoted tags with their blanks, shares with their "%". */
static size_t word_bytes(const char *s)
{
	const char *quote = *s == '\'' || *s == '"' ? strchr(s + 1, *s) : NULL;
	size_t n = quote && quote - s <= TAG_TEXT_MAX ? (size_t)(quote - s) : 0;

	n += strcspn(s + n, " ");
	return s[n] == ' ' && s[n + 1] == '%' ? n + 1 + strcspn(s + n + 1, " ") : n;
}

/* @at: the column where the cursor stands; lines after the first start at @indent. */
static void wrap(struct paper *p, size_t indent, size_t at, const char *s)
{
	for (size_t blanks = 0; *s;) {
		size_t n = word_bytes(s), width = utf8_columns(s, n);

		if (blanks && at + blanks + width > p->width) {
			fputc('\n', p->out);
			spaces(p, indent);
			at = indent;
		} else {
			spaces(p, blanks);
			at += blanks;
		}
		fwrite(s, 1, n, p->out);
		at += width;
		s += n;
		blanks = strspn(s, " ");
		s += blanks;
	}
}

/* NULL if memory is exhausted, and then the paper says so. */
static char *formatted(struct paper *p, const char *fmt, va_list ap)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	s = n < 0 ? NULL : malloc((size_t)n + 1);
	if (s)
		vsnprintf(s, (size_t)n + 1, fmt, ap);
	else
		p->failed = true;
	return s;
}

void paper_heading(struct paper *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(p->out, "\n%s", bold(p));
	va_start(ap, fmt);
	vfprintf(p->out, fmt, ap);
	va_end(ap);
	fprintf(p->out, "%s\n", plain(p));
}

void paper_text(struct paper *p, unsigned indent, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = formatted(p, fmt, ap);
	va_end(ap);
	if (!s)
		return;
	spaces(p, indent);
	wrap(p, indent, indent, s);
	fputc('\n', p->out);
	free(s);
}

void paper_strong(struct paper *p, unsigned indent, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = formatted(p, fmt, ap);
	va_end(ap);
	if (!s)
		return;
	fputs(bold(p), p->out);
	spaces(p, indent);
	wrap(p, indent, indent, s);
	fprintf(p->out, "%s\n", plain(p));
	free(s);
}

void paper_field(struct paper *p, const char *name, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = formatted(p, fmt, ap);
	va_end(ap);
	if (!s)
		return;
	fprintf(p->out, "  %-*s", PAPER_FIELD - 2, name);
	wrap(p, PAPER_FIELD, PAPER_FIELD, s);
	fputc('\n', p->out);
	free(s);
}

void paper_blank(struct paper *p)
{
	fputc('\n', p->out);
}
