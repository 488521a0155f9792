/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pooltag.txt, as it comes with the debugger and the pool tools or as an
 * analyst extends it, to meanings by tag. Format as observed in the file that
 * ships with the Debugging Tools: fixed four columns, " - ", a binary or
 * "<unknown>", " - ", free text.
 */
#include "dumpleak/report/tagnames.h"

#include "tagnames_builtin.h"

#include "dumpleak/report/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 16 << 20, MAX_LINE = 1024, TAG_CHARS = 4 };

void tagnames_init(struct tagnames *t)
{
	memset(t, 0, sizeof *t);
	arena_init(&t->arena);
}

void tagnames_deinit(struct tagnames *t)
{
	free(t->list);
	arena_deinit(&t->arena);
	memset(t, 0, sizeof *t);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes skip(struct bytes b, size_t n)
{
	b.p += n;
	b.n -= n;
	return b;
}

static struct bytes trim(struct bytes b)
{
	while (b.n && is_blank(b.p[0]))
		b = skip(b, 1);
	while (b.n && is_blank(b.p[b.n - 1]))
		b.n--;
	return b;
}

/* Position of the dash of " - " at or after @from; b.n if there is none. */
static size_t dash(struct bytes b, size_t from)
{
	for (size_t i = from; i + 1 < b.n; i++)
		if (b.p[i] == '-' && i && is_blank(b.p[i - 1]) && is_blank(b.p[i + 1]))
			return i;
	return b.n;
}

static struct tag_pattern pattern_of(const uint8_t *p, size_t n)
{
	struct tag_pattern out = { 0, 0 };

	for (size_t i = 0; i < TAG_CHARS; i++) {
		uint8_t c = i < n ? p[i] : ' ';

		if (c == '*')
			break;
		if (c == '?')
			continue;
		out.value |= (uint32_t)c << (8 * i);
		out.mask |= (uint32_t)0xff << (8 * i);
	}
	out.mask &= 0x7fffffff;
	return out;
}

/*
 * The tag takes four columns whatever they hold, dashes and blanks too; a
 * shorter one that somebody did not fill up ends at its dash.
 */
static bool split_tag(struct bytes line, struct tag_pattern *tag, struct bytes *rest)
{
	size_t at = dash(line, TAG_CHARS), n = TAG_CHARS;
	struct bytes between;

	if (at < line.n) {
		between = trim((struct bytes){ line.p + n, at - n });
		if (between.n)
			at = line.n;
	}
	if (at == line.n) {
		at = dash(line, 1);
		n = at < TAG_CHARS + 1 ? at - 1 : 0;
	}
	if (at == line.n || !n)
		return false;
	*tag = pattern_of(line.p, n);
	*rest = skip(line, at + 1);
	return tag->mask != 0;
}

static bool is_unknown(struct bytes driver)
{
	static const char *const words[] = { "<unknown>", "unknown", "?" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (driver.n == strlen(words[i]) && !memcmp(driver.p, words[i], driver.n))
			return true;
	return false;
}

static bool is_comment(struct bytes line)
{
	return line.n >= 3 && (line.p[0] | 0x20) == 'r' && (line.p[1] | 0x20) == 'e' &&
	       (line.p[2] | 0x20) == 'm' && (line.n == 3 || is_blank(line.p[3])) &&
	       !(line.n > 5 && line.p[3] == ' ' && line.p[4] == ' ' && line.p[5] == '-');
}

static enum dl_status add_line(struct tagnames *t, struct bytes line, struct dl_err *err)
{
	struct tag_meaning m = { .driver = "" };
	struct bytes rest, driver, text;
	struct tag_meaning *list;
	size_t at;

	if (!trim(line).n || is_comment(line))
		return DL_OK;
	if (!split_tag(line, &m.pattern, &rest)) {
		t->nr_bad++;
		return DL_OK;
	}
	at = dash(rest, 0);
	driver = trim((struct bytes){ rest.p, at });
	text = at < rest.n ? trim(skip(rest, at + 1)) : (struct bytes){ rest.p, 0 };
	if (!text.n) {          /* "Tag - description" */
		text = driver;
		driver.n = 0;
	}
	if (driver.n && !is_unknown(driver))
		m.driver = utf8_printable(&t->arena, driver);
	m.text = utf8_printable(&t->arena, text);
	list = vec_grow(t->list, &t->cap, t->nr + 1, sizeof *list);
	if (!m.driver || !m.text || !list)
		return err_set(err, DL_NOMEM, "out of memory");
	t->list = list;
	t->list[t->nr++] = m;
	return DL_OK;
}

enum dl_status tagnames_parse(struct tagnames *t, struct bytes text, struct dl_err *err)
{
	enum dl_status status = DL_OK;

	if (!text.p)
		return DL_OK;
	if (text.n >= 3 && !memcmp(text.p, "\xef\xbb\xbf", 3))
		text = skip(text, 3);
	while (text.n && !status) {
		size_t n = 0;

		while (n < text.n && text.p[n] != '\n' && text.p[n] != '\r')
			n++;
		status = add_line(t, (struct bytes){ text.p, n < MAX_LINE ? n : MAX_LINE },
				  err);
		text = skip(text, n < text.n ? n + 1 : n);
	}
	return status;
}

static enum dl_status read_all(FILE *f, const char *path, uint8_t **out, size_t *n,
			       struct dl_err *err)
{
	size_t cap = 0, got;
	uint8_t *buf = NULL;

	*n = 0;
	do {
		uint8_t *more = vec_grow(buf, &cap, *n + 65536, 1);

		if (!more) {
			free(buf);
			return err_set(err, DL_NOMEM, "out of memory");
		}
		buf = more;
		got = fread(buf + *n, 1, cap - *n, f);
		*n += got;
	} while (got && *n <= MAX_FILE_BYTES);
	if (ferror(f) || *n > MAX_FILE_BYTES) {
		free(buf);
		return err_set(err, DL_IO, "%s: %s", path, ferror(f) ? strerror(errno)
			       : "is larger than 16 MB: no pooltag.txt");
	}
	*out = buf;
	return DL_OK;
}

enum dl_status tagnames_load(struct tagnames *t, const char *path, struct dl_err *err)
{
	size_t n, before = t->nr;
	enum dl_status status;
	uint8_t *buf = NULL;
	FILE *f = fopen(path, "rb");

	if (!f)
		return err_set(err, DL_IO, "%s: %s", path, strerror(errno));
	status = read_all(f, path, &buf, &n, err);
	fclose(f);
	if (status)
		return status;
	status = tagnames_parse(t, (struct bytes){ buf, n }, err);
	free(buf);
	if (!status && t->nr == before)
		return err_set(err, DL_CORRUPT, "%s: has no line \"Tag - binary - "
			       "description\": no pooltag.txt", path);
	return status;
}

static const struct tag_meaning *find_in(const struct tag_meaning *list, size_t nr,
					 uint32_t tag)
{
	const struct tag_meaning *wild = NULL;

	for (size_t i = 0; i < nr; i++) {
		if (!tag_matches(list[i].pattern, tag))
			continue;
		if (list[i].pattern.mask == 0x7fffffff)
			return &list[i];
		if (!wild)
			wild = &list[i];
	}
	return wild;
}

const struct tag_meaning *tagnames_find(const struct tagnames *t, uint32_t tag)
{
	const struct tag_meaning *m = NULL;

	if (t)
		m = find_in(t->list, t->nr, tag);
	return m ? m : find_in(tagnames_builtin, tagnames_nr_builtin, tag);
}
