/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_WORDS_H
#define DUMPLEAK_WORDS_H

/* Small texts that both renderers, or several sections, share. */

#include "dumpleak/report/report.h"

/**
 * ledger_words - why the kernel's counters and the blocks found differ:
 * "cached", "paged out", "absent", "damaged", "unexplained"; NULL if they agree
 */
const char *ledger_words(const struct report_input *in, const struct ledger_row *row);

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

/** driver_words - "\Driver\Disk (disk.sys)"; never empty */
void driver_words(const struct os *os, const struct driver *driver,
		  const struct module *module, char *out, size_t n);

#endif
