/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of uncertain encoding to printable UTF-8, by way of UTF-16 and
 * text_utf16(), which knows what may be printed.
 */
#include "dumpleak/report/utf8.h"

#include "dumpleak/base/text.h"

#include <stdlib.h>

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
