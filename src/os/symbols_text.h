/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_SYMBOLS_TEXT_H
#define DUMPLEAK_OS_SYMBOLS_TEXT_H

#include "dumpleak/base/bytes.h"
#include "dumpleak/base/err.h"

/* Ten times the largest kernel's symbols; a file that inflates beyond is no such file. */
enum { SYMBOLS_TEXT_MAX = 64 << 20 };

/**
 * symbols_file_read - the whole of the file at @path, up to SYMBOLS_TEXT_MAX bytes
 * @out: free() it
 */
enum dl_status symbols_file_read(const char *path, uint8_t **out, size_t *n,
				 struct dl_err *err);

/**
 * symbols_text - @raw as JSON text: inflated if it is xz or gzip, by its first bytes
 * @out: free() it
 */
enum dl_status symbols_text(struct bytes raw, const char *name, char **out, size_t *n,
			    struct dl_err *err);

#endif
