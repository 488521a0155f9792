/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of uncertain encoding to printable UTF-8, by way of UTF-16 and
 * text_utf16(), which knows what may be printed.
 */
#include "dumpleak/report/utf8.h"

#include "dumpleak/base/text.h"

#include <stdlib.h>
#include <string.h>

/*
 * One code point of UTF-8 below 0x10000, or 0 where there is none at @p. Those
 * above are rare in what passes here, and come out as their Latin-1 bytes.
 */
static uint32_t utf8_at(const uint8_t *p, size_t n, size_t *used)
{
	uint32_t c;

	if (n >= 2 && (p[0] & 0xe0) == 0xc0 && (p[1] & 0xc0) == 0x80) {
		c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
		*used = 2;
		return c >= 0x80 ? c : 0;
	}
	if (n >= 3 && (p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 &&
	    (p[2] & 0xc0) == 0x80) {
		c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
		*used = 3;
		return c >= 0x800 ? c : 0;
	}
	return 0;
}

char *utf8_printable(struct arena *arena, struct bytes b)
{
	uint8_t *wide = malloc(2 * b.n + 1);
	size_t k = 0, used;
	char *out;

	if (!wide)
		return NULL;
	for (size_t i = 0; i < b.n; i += used) {
		uint32_t c = utf8_at(b.p + i, b.n - i, &used);

		if (!c) {
			c = b.p[i] == '\t' ? ' ' : b.p[i];
			used = 1;
		}
		wide[k++] = (uint8_t)c;
		wide[k++] = (uint8_t)(c >> 8);
	}
	out = text_utf16(arena, (struct bytes){ wide, k });
	free(wide);
	return out;
}

/* Blocks of Unicode whose characters take two columns (East Asian Width W, F). */
static const struct { uint32_t first, last; } wide[] = {
	{ 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff01, 0xff60 },
	{ 0xffe0, 0xffe6 },
};

/* Of a character below 0x10000: others are not in names, see text_utf16(). */
static size_t columns_of(uint32_t c)
{
	for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
		if (c >= wide[i].first && c <= wide[i].last)
			return 2;
	return 1;
}

size_t utf8_columns(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t columns = 0, used;

	for (size_t i = 0; i < n; i += used) {
		uint32_t c = utf8_at(p + i, n - i, &used);

		if (!c)
			used = 1;
		if (c)
			columns += columns_of(c);
		else if (p[i] < 0x80)
			columns++;
		else if ((p[i] & 0xf8) == 0xf0)
			columns += 2;   /* beyond 0xffff: mostly wide */
	}
	return columns;
}

void utf8_trim(char *s)
{
	size_t n = strlen(s), i = n;
	unsigned char lead;

	while (i && ((unsigned char)s[i - 1] & 0xc0) == 0x80 && n - i < 3)
		i--;
	if (!i)
		return;
	lead = (unsigned char)s[i - 1];
	if (lead >= 0xc0 && n - i < (lead >= 0xf0 ? 3u : lead >= 0xe0 ? 2u : 1u))
		s[i - 1] = '\0';
}
