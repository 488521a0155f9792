/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells to cells with line ends between words. Columns of numbers keep their
 * natural width; what is left of the line is shared among those that wrap,
 * the narrow ones first.
 */
#include "table_wrap.h"

#include "dumpleak/report/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 24, MIN_WRAP = 12, MIN_TREE = 8, SEPARATOR = 2, TREE_STEP = 2 };

static size_t depth_of(struct libscols_line *line)
{
	size_t depth = 0;

	while ((line = scols_line_get_parent(line)))
		depth++;
	return depth;
}

static size_t natural_width(struct libscols_table *t, size_t col,
			    struct libscols_iter *lines)
{
	struct libscols_column *c = scols_table_get_column(t, col);
	const char *s = scols_column_get_name(c);
	size_t max = s ? utf8_columns(s, strlen(s)) : 0, w;
	struct libscols_line *line;

	scols_reset_iter(lines, SCOLS_ITER_FORWARD);
	while (!scols_table_next_line(t, lines, &line)) {
		s = scols_cell_get_data(scols_line_get_cell(line, col));
		w = s ? utf8_columns(s, strlen(s)) : 0;
		if (scols_column_is_tree(c))
			w += TREE_STEP * depth_of(line);
		max = w > max ? w : max;
	}
	return max;
}

/*
 * Whether a line may end behind @p: at a blank, but a share keeps its "%", and
 * a quoted tag the blanks that fill it up.
 */
static bool ends_word(const char *p)
{
	return *p == ' ' && p[1] != '%' && p[1] != ' ' && p[1] != '\'';
}

/* Inside a path, which may be too long for any line: not behind its root. */
static bool ends_name(const char *s, const char *p)
{
	return (*p == '\\' || *p == '/') && p > s && p[-1] != ' ';
}

/* Bytes of the character at @p; a stray byte is one of its own. */
static size_t char_bytes(const char *p)
{
	size_t n = 1;

	while (((unsigned char)p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/*
 * @s with line ends so that no line is wider than @width, each line but the
 * first behind @indent blanks; NULL: no memory. Blanks at the ends of lines
 * stay: the table's printer drops them.
 */
static char *broken(const char *s, size_t width, size_t indent)
{
	size_t len = strlen(s), at = 0, k = 0, word = 0, name = 0, n;
	char *out = malloc((len + 1) * (indent + 2));

	if (!out)
		return NULL;
	/* @word, @name: where this line may end; 0: nowhere */
	for (const char *p = s; *p; p += n) {
		size_t columns;

		n = char_bytes(p);
		columns = utf8_columns(p, n);
		if (at + columns > width && at) {
			size_t end = ends_word(p) ? k : word ? word : name ? name : k;

			memmove(out + end + indent + 1, out + end, k - end);
			out[end] = '\n';
			memset(out + end + 1, ' ', indent);
			at = utf8_columns(out + end + indent + 1, k - end);
			k += indent + 1;
			word = name = 0;
			if (ends_word(p))
				continue;
		}
		memcpy(out + k, p, n);
		k += n;
		at += columns;
		if (ends_word(p))
			word = k;
		else if (ends_name(s, p))
			name = k;
	}
	out[k] = '\0';
	return out;
}

static bool break_column(struct libscols_table *t, size_t col, size_t width,
			 struct libscols_iter *lines)
{
	bool tree = scols_column_is_tree(scols_table_get_column(t, col));
	struct libscols_line *line;

	scols_reset_iter(lines, SCOLS_ITER_FORWARD);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): lines take over their texts */
	while (!scols_table_next_line(t, lines, &line)) {
		const char *s = scols_cell_get_data(scols_line_get_cell(line, col));
		size_t drawn = tree ? TREE_STEP * depth_of(line) : 0, room;
		char *text;

		room = width > drawn + MIN_TREE ? width - drawn : MIN_TREE;
		if (!s || utf8_columns(s, strlen(s)) <= room)
			continue;
		text = broken(s, room, drawn);
		if (!text || scols_line_refer_data(line, col, text)) {
			free(text);
			return false;
		}
	}
	return true;
}

/*
 * The largest width that wrapping columns may have: columns narrower than an
 * equal share leave the rest to the others.
 */
static size_t fair_width(const size_t *natural, const bool *wraps, size_t n, size_t room)
{
	size_t nr = 0, share;
	bool small[MAX_COLUMNS] = { false }, again = true;

	for (size_t i = 0; i < n; i++)
		nr += wraps[i];
	share = nr ? room / nr : 0;
	while (again && nr) {
		again = false;
		for (size_t i = 0; i < n; i++) {
			if (!wraps[i] || small[i] || natural[i] > share)
				continue;
			small[i] = again = true;
			room -= natural[i] < room ? natural[i] : room;
			nr--;
		}
		if (nr)
			share = room / nr;
	}
	return share > MIN_WRAP ? share : MIN_WRAP;
}

static bool break_words(struct libscols_table *t, struct libscols_iter *lines)
{
	size_t n = scols_table_get_ncols(t), total = scols_table_get_termwidth(t);
	size_t natural[MAX_COLUMNS], fixed = 0, sum = 0, width;
	bool wraps[MAX_COLUMNS];

	if (n > MAX_COLUMNS)
		return true;
	for (size_t i = 0; i < n; i++) {
		wraps[i] = scols_column_is_customwrap(scols_table_get_column(t, i));
		natural[i] = natural_width(t, i, lines);
		sum += natural[i] + (i ? SEPARATOR : 0);
		fixed += (wraps[i] ? 0 : natural[i]) + (i ? SEPARATOR : 0);
	}
	if (sum <= total)
		return true;
	width = fair_width(natural, wraps, n, total > fixed ? total - fixed : 0);
	for (size_t i = 0; i < n; i++)
		if (wraps[i] && natural[i] > width && !break_column(t, i, width, lines))
			return false;
	return true;
}

bool table_break_words(struct libscols_table *t)
{
	struct libscols_iter *lines = scols_new_iter(SCOLS_ITER_FORWARD);
	bool ok = lines && break_words(t, lines);

	scols_free_iter(lines);
	return ok;
}
