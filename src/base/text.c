/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings out of dumps to printable text, and what analysts type to numbers.
 */
#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static size_t put_hex(char *out, unsigned v, int digits)
{
	return (size_t)sprintf(out, digits == 2 ? "\\x%02x" : "\\u%04x", v);
}

char *text_ascii(struct arena *arena, struct bytes b)
{
	const uint8_t *nul = b.n ? memchr(b.p, 0, b.n) : NULL;
	size_t n = nul ? (size_t)(nul - b.p) : b.n;
	char *out = n < SIZE_MAX / 4 ? arena_alloc(arena, n * 4 + 1) : NULL;
	size_t k = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (b.p[i] < 0x20 || b.p[i] > 0x7e || b.p[i] == '\\')
			k += put_hex(out + k, b.p[i], 2);
		else
			out[k++] = (char)b.p[i];
	}
	return out;
}

/* Code points that change how their neighbours are shown, or are no characters. */
static bool unprintable(uint32_t c)
{
	static const struct { uint32_t first, last; } bad[] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad },
		{ 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xd800, 0xdfff },
		{ 0xe000, 0xf8ff }, { 0xfdd0, 0xfdef }, { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xffff }, { 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (c >= bad[i].first && c <= bad[i].last)
			return true;
	return (c & 0xfffe) == 0xfffe;
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

char *text_utf16(struct arena *arena, struct bytes b)
{
	size_t n = b.n / 2, k = 0;
	char *out = n < SIZE_MAX / 6 ? arena_alloc(arena, n * 6 + 1) : NULL;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		uint32_t c = le16(b.p + 2 * i), low;

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 1 < n) {
			low = le16(b.p + 2 * i + 2);
			if (low >= 0xdc00 && low < 0xe000) {
				uint32_t pair = 0x10000 + ((c - 0xd800) << 10) +
						(low - 0xdc00);

				if (!unprintable(pair)) {
					k += put_utf8(out + k, pair);
					i++;
					continue;
				}
			}
		}
		k += unprintable(c) ? put_hex(out + k, c, 4)
				    : put_utf8(out + k, c);
	}
	return out;
}

char *tag_text(uint32_t tag, char out[TAG_TEXT_MAX])
{
	uint32_t rest = tag & 0x7fffffff;
	size_t k = 0;

	for (int i = 0; i < 4; i++, rest >>= 8) {
		unsigned c = rest & 0xff;

		if (i && !rest)
			break;
		if (c < 0x20 || c > 0x7e || c == '\\')
			k += put_hex(out + k, c, 2);
		else
			out[k++] = (char)c;
	}
	out[k] = '\0';
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* 0x and exactly eight hex digits: a tag as a DWORD */
static bool tag_parse_hex(const char *s, struct tag_pattern *out)
{
	uint32_t v = 0;

	if (s[0] != '0' || (s[1] != 'x' && s[1] != 'X') || strlen(s) != 10)
		return false;
	for (s += 2; *s; s++) {
		int d = hex_digit(*s);

		if (d < 0)
			return false;
		v = v << 4 | (uint32_t)d;
	}
	out->value = v;
	out->mask = 0x7fffffff;
	return true;
}

/* \xNN, as tag_text() prints it, or one character; 0 at the end, -1 if bad */
static int tag_char(const char **s, const char *end)
{
	const char *p = *s;
	int hi, lo;

	if (p == end)
		return 0;
	if (end - p >= 4 && p[0] == '\\' && p[1] == 'x') {
		hi = hex_digit(p[2]);
		lo = hex_digit(p[3]);
		*s = p + 4;
		return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
	}
	*s = p + 1;
	return (unsigned char)*p;
}

bool tag_parse(const char *s, struct tag_pattern *out)
{
	size_t len = strlen(s);
	const char *end = s + len;
	uint32_t value = 0, mask = 0;
	int i;

	if (tag_parse_hex(s, out))
		return true;
	if (len >= 2 && (s[0] == '\'' || s[0] == '"') && s[len - 1] == s[0]) {
		s++;
		end--;
	}
	if (s == end)
		return false;
	for (i = 0; i < 4; i++) {
		bool blank = s == end, wild = !blank && *s == '?';
		int c;

		if (!blank && *s == '*') {
			s++;
			break;
		}
		c = blank ? ' ' : tag_char(&s, end);
		if (c < 0)
			return false;
		value |= (uint32_t)(wild ? 0 : c) << (8 * i);
		mask |= (wild ? 0u : 0xffu) << (8 * i);
	}
	if (s != end && !(*s == '*' && s + 1 == end))
		return false;
	out->value = value;
	out->mask = mask & 0x7fffffff;
	return true;
}

bool va_parse(const char *s, uint64_t *va)
{
	uint64_t v = 0, base = 16;
	int digits = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		s += 2;
	} else if (s[0] == '0' && (s[1] == 'n' || s[1] == 'N')) {
		s += 2;
		base = 10;
	}
	for (; *s; s++) {
		int d;

		if ((*s == '`' || *s == '_') && digits)
			continue;
		d = hex_digit(*s);
		if (d < 0 || (uint64_t)d >= base || v > (UINT64_MAX - (uint64_t)d) / base)
			return false;
		v = v * base + (uint64_t)d;
		digits++;
	}
	if (!digits)
		return false;
	*va = v;
	return true;
}

char *text_size(uint64_t size_bytes, char out[24])
{
	static const char *const unit[] = { "B", "KB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)size_bytes;
	size_t u = 0;

	while (v >= 1000 && u < 6) {
		v /= 1024;
		u++;
	}
	if (!u)
		snprintf(out, 24, "%" PRIu64 " B", size_bytes);
	else
		snprintf(out, 24, v < 10 ? "%.2f %s" : "%.1f %s", v, unit[u]);
	return out;
}

char *text_count(uint64_t n, char out[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n), k = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = '\0';
	return out;
}

/* Days since 1970-01-01 to year, month, day (proleptic Gregorian, era method). */
static void civil(int64_t days, int *y, int *m, int *d)
{
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

char *text_filetime(uint64_t filetime, char out[32])
{
	const uint64_t year_10000 = 2650467744000000000u;
	uint64_t s = filetime / 10000000;
	int y, m, d;

	if (!filetime || filetime >= year_10000) {
		strcpy(out, "-");
		return out;
	}
	civil((int64_t)(s / 86400) - 134774, &y, &m, &d);
	s %= 86400;
	snprintf(out, 32, "%04u-%02u-%02u %02u:%02u:%02u UTC", (unsigned)y % 10000,
		 (unsigned)m % 100, (unsigned)d % 100, (unsigned)(s / 3600) % 100,
		 (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	return out;
}

char *text_duration(uint64_t ticks, char out[40])
{
	uint64_t s = ticks / 10000000, days = s / 86400;

	s %= 86400;
	if (days)
		snprintf(out, 40, "%" PRIu64 " day%s %d:%02d:%02d", days,
			 days == 1 ? "" : "s", (int)(s / 3600),
			 (int)(s / 60 % 60), (int)(s % 60));
	else
		snprintf(out, 40, "%d:%02d:%02d", (int)(s / 3600),
			 (int)(s / 60 % 60), (int)(s % 60));
	return out;
}
