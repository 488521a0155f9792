/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_WORDS_H
#define DUMPLEAK_WORDS_H

/* Small texts that both renderers, or several sections, share. */

#include "dumpleak/report/report.h"

/**
 * ledger_words - what most of the difference between the kernel's counters and
 * the blocks found is ascribed to: "cached", "paged out", "absent", "damaged",
 * ..., "unexplained"; NULL if they agree
 */
const char *ledger_words(const struct ledger_row *row);

/**
 * why_words - all of it, in one pool (0, 1) or both (-1): "up to 5,912 paged
 * out, 96 not explained"; "" if they agree
 */
enum { WHY_MAX = 320 };
char *why_words(const struct ledger_row *row, int paged, char *out, size_t n);

/**
 * cached_list_name - "lookaside", "driver-lookaside", "delayed": where a block that
 * nobody uses is kept; NULL: it is in use, or free
 */
const char *cached_list_name(enum block_state state);

/** blocks_by_how - blocks in use of one kind */
uint64_t blocks_by_how(const struct classes *classes, enum block_how how);

/** ledger_diff - found less counted bytes, over both pools */
int64_t ledger_diff(const struct ledger_row *row);

/** ledger_by_diff - the differing rows, largest difference first; free() it */
const struct ledger_row **ledger_by_diff(const struct ledger *ledger, size_t *n);

/** tag_quoted - "'Io  '" */
enum { TAG_QUOTED_MAX = TAG_TEXT_MAX + 2 };
char *tag_quoted(uint32_t tag, char out[TAG_QUOTED_MAX]);

/** share_text - "61.3 %", "<0.1 %", "unknown" for what is no share */
char *share_text(double share, char out[16]);

/** plural - "s", or "" for one */
const char *plural(uint64_t n);

static inline double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : -1;
}

/** va_text - an address in the width of the machine: "81c3e008" */
char *va_text(const struct os *os, uint64_t va, char out[24]);

/** guid_text - 16 bytes as stored to "270A33FD-3DA6-460D-BA89-3C1BAE21E39B" */
enum { GUID_TEXT_MAX = 37 };
char *guid_text(const uint8_t guid[16], char out[GUID_TEXT_MAX]);

/** symbol_path - "ntkrnlmp.pdb/GUIDage/ntkrnlmp.pdb", as symbol servers store it */
enum { SYMBOL_PATH_MAX = 176 };
char *symbol_path(const struct pdb_id *pdb, char out[SYMBOL_PATH_MAX]);

/** attribute_text - one bit's name; "bit-11" where it has none */
const char *attribute_text(unsigned bit, char out[16]);

/** bugcheck_of - the header's bugcheck, or else what the kernel kept; false: none */
struct bugcheck {
	uint64_t code;
	const char *name;                       /* NULL: not in our table */
	const struct known_u64 *parameters;     /* four                   */
};
bool bugcheck_of(const struct report_input *in, struct bugcheck *out);

/** driver_words - "\Driver\Disk (disk.sys)"; never empty */
void driver_words(const struct os *os, const struct driver *driver,
		  const struct module *module, char *out, size_t n);

#endif
