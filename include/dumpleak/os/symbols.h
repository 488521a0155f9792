/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_SYMBOLS_H
#define DUMPLEAK_OS_SYMBOLS_H

/*
 * A kernel's structures and symbols from a Volatility 3 ISF file (JSON, plain
 * or compressed with xz or gzip). Format: the ISF schema that Volatility 3
 * documents (metadata, base_types, user_types, enums, symbols).
 */

#include "dumpleak/base/err.h"
#include "dumpleak/os/layout.h"
#include "dumpleak/os/pdb.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

/**
 * symbols_open - read @path; close with symbols_close()
 * DL_IO: cannot be read; DL_CORRUPT: damaged, or no ISF (naming what is missing);
 * DL_UNSUPPORTED: an ISF of something that is no Windows kernel. What a file may
 * inflate to is bounded.
 */
enum dl_status symbols_open(const char *path, struct symbols **out, struct dl_err *err);

/** symbols_open_memory - the same of bytes in memory; @name for messages */
enum dl_status symbols_open_memory(struct bytes b, const char *name, struct symbols **out,
				   struct dl_err *err);

void symbols_close(struct symbols *symbols);

/** symbols_path - the file's name, for messages */
const char *symbols_path(const struct symbols *symbols);

/** symbols_pdb - the PDB it was made from */
const struct pdb_id *symbols_pdb(const struct symbols *symbols);

/** symbols_match - whether they were made for the kernel whose PDB is @kernel */
bool symbols_match(const struct symbols *symbols, const struct pdb_id *kernel);

/** symbols_rva - where a global is, from the image's base; false if not in the file */
bool symbols_rva(const struct symbols *symbols, const char *name, uint64_t *rva);

/**
 * symbols_field - a field by its type's name and dotted path; anonymous unions
 * and structures on the way are entered without being named
 * @out: its offset, width and, for bit fields, shift and bits. Of arrays and
 * structures the width is that of a pointer.
 */
bool symbols_field(const struct symbols *symbols, const char *type, const char *path,
		   struct field *out);

/** symbols_size - sizeof(@type); false if the file has no such type */
bool symbols_size(const struct symbols *symbols, const char *type, uint64_t *size_bytes);

/* One place where a built-in row and the file differ. */
struct symbols_difference {
	const char *type, *path;        /* path NULL: the size; static strings */
	int64_t ours, theirs;           /* -1: has none */
};

/**
 * symbols_compare - every field of @layout against the file
 * @out: room for @max; returns how many differ, which may be more.
 */
size_t symbols_compare(const struct symbols *symbols, const struct os_layout *layout,
		       struct symbols_difference *out, size_t max);

/** symbols_apply - take from the file every field of @layout that it has */
void symbols_apply(const struct symbols *symbols, struct os_layout *layout);

#endif
