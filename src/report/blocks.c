/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One block of the catalog to one line, as text or JSON. Dumps have millions
 * of blocks and a line is written for each: no library, no printf().
 */
#include "words.h"

#include <string.h>

struct pen {
	char *p;
};

static void put(struct pen *pen, const char *s)
{
	size_t n = strlen(s);

	memcpy(pen->p, s, n);
	pen->p += n;
}

static void put_hex(struct pen *pen, uint64_t v, int min_digits)
{
	int digits = min_digits;

	while (digits < 16 && v >> (4 * digits))
		digits++;
	for (int i = digits; i-- > 0;)
		*pen->p++ = "0123456789abcdef"[v >> (4 * i) & 15];
}

static void put_number(struct pen *pen, uint64_t v)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*pen->p++ = digits[--n];
}

static void pad(struct pen *pen, const char *from, size_t width)
{
	while ((size_t)(pen->p - from) < width)
		*pen->p++ = ' ';
}

/* Tags are printable ASCII after tag_text(): two characters need care. */
static void put_json_tag(struct pen *pen, uint32_t tag)
{
	char text[TAG_TEXT_MAX];

	tag_text(tag, text);
	for (const char *s = text; *s; s++) {
		if (*s == '"' || *s == '\\')
			*pen->p++ = '\\';
		*pen->p++ = *s;
	}
}

size_t block_json(const struct pool *pool, size_t i, char out[BLOCK_LINE_MAX])
{
	struct block b = catalog_get(&pool->blocks, i);
	struct pen pen = { out };

	put(&pen, "{\"va\":\"0x");
	put_hex(&pen, pool_user_va(pool, i), 1);
	if (block_has_header(b.how)) {
		put(&pen, "\",\"header_va\":\"0x");
		put_hex(&pen, b.va, 1);
		put(&pen, "\",\"size_bytes\":");
	} else {
		put(&pen, "\",\"header_va\":null,\"size_bytes\":");
	}
	put_number(&pen, b.size_bytes);
	put(&pen, ",\"tag\":\"");
	put_json_tag(&pen, b.tag);
	put(&pen, "\",\"pool\":\"");
	put(&pen, pool_kind_name(b.pool));
	put(&pen, "\",\"state\":\"");
	put(&pen, block_state_name(b.state));
	put(&pen, "\",\"how\":\"");
	put(&pen, block_how_name(b.how));
	if (cached_list_name(b.state)) {
		put(&pen, "\",\"list\":\"");
		put(&pen, cached_list_name(b.state));
	}
	put(&pen, "\"}\n");
	return (size_t)(pen.p - out);
}

static int va_digits(const struct pool *pool)
{
	return pool->layout.header.header_bytes > 8 ? 16 : 8;
}

const char *block_line_head(const struct pool *pool)
{
	return va_digits(pool) == 8
	       ? "ADDRESS        SIZE  TAG   STATE   POOL      HOW\n"
	       : "ADDRESS                SIZE  TAG   STATE   POOL      HOW\n";
}

static void put_size(struct pen *pen, uint64_t size_bytes)
{
	char text[20];
	struct pen digits = { text };

	put_hex(&digits, size_bytes, 1);
	for (size_t n = (size_t)(digits.p - text); n < 8; n++)
		*pen->p++ = ' ';
	put(pen, "0x");
	*digits.p = '\0';
	put(pen, text);
}

size_t block_line(const struct pool *pool, size_t i, char out[BLOCK_LINE_MAX])
{
	struct block b = catalog_get(&pool->blocks, i);
	struct pen pen = { out };
	char tag[TAG_TEXT_MAX];
	char *from;

	put_hex(&pen, pool_user_va(pool, i), va_digits(pool));
	put_size(&pen, b.size_bytes);
	put(&pen, "  ");
	from = pen.p;
	put(&pen, tag_text(b.tag, tag));
	pad(&pen, from, 4);
	put(&pen, "  ");
	from = pen.p;
	put(&pen, b.state == BLOCK_PARKED ? "parked" : b.state == BLOCK_DELAYED ? "delayed"
	    : block_state_name(b.state));
	pad(&pen, from, 8);
	from = pen.p;
	put(&pen, pool_kind_name(b.pool));
	pad(&pen, from, 10);
	put(&pen, block_how_name(b.how));
	put(&pen, "\n");
	return (size_t)(pen.p - out);
}
