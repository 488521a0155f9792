/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_TEXT_H
#define DUMPLEAK_REPORT_TEXT_H

/* Sections of the text report, one function each. */

#include "words.h"

#include "dumpleak/report/report.h"

enum { TOP_ROWS = 15, SMALL_TEXT = 256 };

/* text_dump.c */
void text_dump(const struct report_input *in, struct paper *p);

/* text_devices.c */
void text_devices(const struct os *os, struct paper *p);

/* text_pool.c */
void text_pool(const struct report_input *in, struct paper *p);

/* text_ledger.c */
void text_reconciliation(const struct report_input *in, struct paper *p);
void text_ledger(const struct report_input *in, const struct tags_view *view,
		 struct paper *p);
/** text_signals - tags that are not freed; with @view, only those in it */
void text_signals(const struct report_input *in, const struct tags_view *view,
		  struct paper *p);

/* text_classes.c */
void text_top(const struct report_input *in, struct paper *p);

/* text_suspects.c */
void text_headline(const struct report_input *in, struct paper *p);
void text_suspects(const struct report_input *in, struct paper *p);

/* text_coverage.c */
void text_coverage(const struct report_input *in, struct paper *p);

/** known_size - "156.3 MB", or "unknown" */
char *known_size(struct known_u64 v, char out[24]);

/** meaning_words - "nt: I/O request packets", or "" */
void meaning_words(const struct report_input *in, uint32_t tag, char *out, size_t n);

#endif
