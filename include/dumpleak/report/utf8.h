/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_UTF8_H
#define DUMPLEAK_REPORT_UTF8_H

#include "dumpleak/base/arena.h"
#include "dumpleak/base/bytes.h"

/**
 * utf8_printable - what people gave us (file names, pooltag.txt) as printable
 * UTF-8: bytes that are no UTF-8 are taken as Latin-1, what must not be printed
 * is escaped as by text_utf16(). NULL if memory is exhausted.
 */
char *utf8_printable(struct arena *arena, struct bytes b);

#endif
