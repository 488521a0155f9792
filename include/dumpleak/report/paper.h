/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_PAPER_H
#define DUMPLEAK_REPORT_PAPER_H

/*
 * Text for people: headings, fields, wrapped paragraphs and tables, all at
 * one width and with or without colour. Write errors stay in the stream
 * (ferror()) for the program to notice at its end.
 */

#include "dumpleak/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { PAPER_MIN_WIDTH = 40, PAPER_DEFAULT_WIDTH = 80, PAPER_FIELD = 18 };

struct paper {
	FILE *out;
	unsigned width;         /* columns */
	bool colour;
	bool failed;            /* memory ran out in a table: output is not whole */
};

/** paper_heading - a section's title, after an empty line */
void paper_heading(struct paper *p, const char *fmt, ...) DL_PRINTF(2, 3);

/** paper_text - a paragraph, wrapped, indented by @indent */
void paper_text(struct paper *p, unsigned indent, const char *fmt, ...) DL_PRINTF(3, 4);

/** paper_strong - the same in bold, where there is colour */
void paper_strong(struct paper *p, unsigned indent, const char *fmt, ...) DL_PRINTF(3, 4);

/** paper_field - "  Name            text", wrapped behind the name */
void paper_field(struct paper *p, const char *name, const char *fmt, ...) DL_PRINTF(3, 4);

void paper_blank(struct paper *p);

enum table_flags {
	TABLE_RIGHT = 1,        /* numbers                                  */
	TABLE_WRAP = 2,         /* may take several lines: nothing is lost  */
	TABLE_TREE = 4,
};

struct table_column {
	const char *name;
	unsigned flags;
};

/* One table while it is filled: rows, and the cells of the last row in order. */
struct table {
	struct paper *paper;
	struct libscols_table *scols;
	struct libscols_line *line;     /* the row being filled     */
	size_t next;                    /* its next cell            */
	unsigned indent;
	bool has_wrap;
};

/**
 * table_begin - a table with @n columns; print it with table_end()
 * Out of memory sets @paper->failed and makes the other calls do nothing.
 */
void table_begin(struct table *t, struct paper *paper, unsigned indent,
		 const struct table_column *columns, size_t n);

struct libscols_line;

/** table_row - start a row, below @parent in a tree (NULL: at the top) */
struct libscols_line *table_row(struct table *t, struct libscols_line *parent);

/** table_cell - the next cell of the row; an empty @fmt leaves it blank */
void table_cell(struct table *t, const char *fmt, ...) DL_PRINTF(2, 3);

/** table_row_colour - "red", "yellow", ... for the row being filled */
void table_row_colour(struct table *t, const char *colour);

/** table_end - print and free; prints nothing if there is no row */
void table_end(struct table *t);

#endif
