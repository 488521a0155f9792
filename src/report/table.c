/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables through libsmartcols. The table is printed to a string first, because
 * the library knows no indent, and pads the last column with blanks.
 */
#include "table_wrap.h"

#include "dumpleak/report/paper.h"

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int scols_flags(unsigned flags)
{
	int out = 0;

	if (flags & TABLE_RIGHT)
		out |= SCOLS_FL_RIGHT;
	if (flags & TABLE_WRAP)
		out |= SCOLS_FL_WRAP;
	if (flags & TABLE_TREE)
		out |= SCOLS_FL_TREE;
	return out;
}

/*
 * libsmartcols 2.38 breaks at any character, unless it may break at line ends
 * only: table_wrap.c puts those between words.
 */
static bool set_wrapping(struct libscols_column *c, unsigned flags)
{
	if (!(flags & TABLE_WRAP))
		return true;
	return !scols_column_set_wrapfunc(c, scols_wrapnl_chunksize,
					  scols_wrapnl_nextchunk, NULL) &&
	       !scols_column_set_safechars(c, "\n");
}

static void give_up(struct table *t)
{
	t->paper->failed = true;
	scols_unref_table(t->scols);
	t->scols = NULL;
}

void table_begin(struct table *t, struct paper *paper, unsigned indent,
		 const struct table_column *columns, size_t n)
{
	memset(t, 0, sizeof *t);
	t->paper = paper;
	t->indent = indent;
	t->scols = scols_new_table();
	if (!t->scols) {
		paper->failed = true;
		return;
	}
	scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_ALWAYS);
	scols_table_set_termwidth(t->scols, paper->width > indent ? paper->width - indent : 1);
	/* all texts are printable, and a tag's \xNN must not be escaped again */
	scols_table_enable_noencoding(t->scols, 1);
	scols_table_set_column_separator(t->scols, "  ");
	scols_table_enable_colors(t->scols, paper->colour);
	for (size_t i = 0; i < n; i++) {
		struct libscols_column *c =
			scols_table_new_column(t->scols, columns[i].name, 0,
					       scols_flags(columns[i].flags));

		t->has_wrap |= (columns[i].flags & TABLE_WRAP) != 0;
		if (!c || !set_wrapping(c, columns[i].flags)) {
			give_up(t);
			return;
		}
	}
}

struct libscols_line *table_row(struct table *t, struct libscols_line *parent)
{
	if (!t->scols)
		return NULL;
	t->line = scols_table_new_line(t->scols, parent);
	t->next = 0;
	if (!t->line)
		give_up(t);
	return t->line;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char small[256], *text = small;
	va_list ap;
	int n;

	if (!t->scols || !t->line)
		return;
	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof small) {
		text = malloc((size_t)n + 1);
		if (!text) {
			give_up(t);
			return;
		}
		va_start(ap, fmt);
		vsnprintf(text, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n > 0 && scols_line_set_data(t->line, t->next, text))
		give_up(t);
	t->next++;
	if (text != small)
		free(text);
}

void table_row_colour(struct table *t, const char *colour)
{
	if (t->scols && t->line && t->paper->colour)
		scols_line_set_color(t->line, colour);
}

static void print_lines(const struct table *t, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n"), end = n;

		while (end && text[end - 1] == ' ')
			end--;
		fprintf(t->paper->out, "%*s%.*s\n", end ? (int)t->indent : 0, "",
			(int)end, text);
		text += n + (text[n] == '\n');
	}
}

void table_end(struct table *t)
{
	char *text = NULL;

	if (!t->scols)
		return;
	if (!scols_table_is_empty(t->scols)) {
		if ((t->has_wrap && !table_break_words(t->scols)) ||
		    scols_print_table_to_string(t->scols, &text) || !text)
			t->paper->failed = true;
		else
			print_lines(t, text);
	}
	free(text);
	scols_unref_table(t->scols);
	t->scols = NULL;
}
