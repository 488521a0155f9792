/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_UTF8_H
#define DUMPLEAK_REPORT_UTF8_H

#include "dumpleak/base/arena.h"
#include "dumpleak/base/bytes.h"

#include <stddef.h>

/**
 * utf8_printable - what people gave us (file names, pooltag.txt) as printable
 * UTF-8: bytes that are no UTF-8 are taken as Latin-1, what must not be printed
 * is escaped as by text_utf16(). NULL if memory is exhausted.
 */
char *utf8_printable(struct arena *arena, struct bytes b);

/**
 * utf8_columns - columns that @n bytes of UTF-8 take on a terminal: two for the
 * wide characters of East Asia, one for all others. Of a cut character none.
 */
size_t utf8_columns(const char *s, size_t n);

/** utf8_trim - drop what is left of a last character that a buffer's end cut */
void utf8_trim(char *s);

#endif
