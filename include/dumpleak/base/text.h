/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_BASE_TEXT_H
#define DUMPLEAK_BASE_TEXT_H

/*
 * Text to and from people. Every string that comes out of a dump passes
 * through here before anything prints it: what leaves these functions is
 * printable UTF-8 without control or formatting characters.
 */

#include "dumpleak/base/arena.h"
#include "dumpleak/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * text_ascii - bytes from a dump as printable ASCII
 * Stops at the first NUL. Everything outside 0x20..0x7E, and the backslash,
 * becomes \xNN. Returns a string in @arena, NULL if memory is exhausted.
 */
char *text_ascii(struct arena *arena, struct bytes b);

/**
 * text_utf16 - UTF-16LE from a dump as printable UTF-8
 * Stops at the first NUL. Control characters, format characters (bidi
 * overrides and the like), surrogates without partner and noncharacters
 * become \uNNNN; backslashes stay, since names are full of them.
 * Returns a string in @arena, NULL if memory is exhausted.
 */
char *text_utf16(struct arena *arena, struct bytes b);

/* Longest text of a tag: four characters as \xNN, and NUL. */
enum { TAG_TEXT_MAX = 17 };

/**
 * tag_text - a pool tag as people write it: "Io  "
 * The PROTECTED_POOL bit (31) is dropped; unprintable bytes become \xNN, NUL
 * too unless nothing but NULs follows it.
 */
char *tag_text(uint32_t tag, char out[TAG_TEXT_MAX]);

/* A tag as WinDbg users type it, '?' for one character and '*' for the rest. */
struct tag_pattern {
	uint32_t value;
	uint32_t mask;  /* bits of the tag that must match */
};

/**
 * tag_parse - "Io", "'Io  '", "Irp?", "Mm*" or "0x20206f49" to a pattern
 * Short tags are filled with blanks, as the pool tools do. Returns false if
 * @s is no tag. The PROTECTED_POOL bit is never part of the pattern.
 */
bool tag_parse(const char *s, struct tag_pattern *out);

static inline bool tag_matches(struct tag_pattern p, uint32_t tag)
{
	return ((tag ^ p.value) & p.mask & 0x7fffffff) == 0;
}

/**
 * va_parse - an address as WinDbg prints or accepts it
 * "0x81c3e008", "81c3e008", "fffffa80`01234567", "0n2176049160".
 */
bool va_parse(const char *s, uint64_t *va);

/** text_size - "156.3 MB", "36 B": three or four figures, powers of 1024 */
char *text_size(uint64_t size_bytes, char out[24]);

/** text_count - 2,442,801 */
char *text_count(uint64_t n, char out[32]);

/**
 * text_filetime - 100 ns units since 1601 as "2004-03-17 10:11:12 UTC"; "-" if
 * it is 0 or beyond the year 9999.
 */
char *text_filetime(uint64_t filetime, char out[32]);

/** text_duration - 100 ns units as "12 days 3:04:05" */
char *text_duration(uint64_t ticks, char out[40]);

#endif
