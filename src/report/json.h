/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_JSON_H
#define DUMPLEAK_REPORT_JSON_H

/* Parts of the JSON documents, shared by the commands. Keys: docs/schema.md. */

#include "jot.h"

#include "dumpleak/report/report.h"

/** json_head - a new document with schema, tool and dump */
json_t *json_head(struct jot *j, const char *schema, const struct report_input *in);

/* json_dump.c */
void json_bugcheck(struct jot *j, json_t *root, const struct report_input *in);

/* json_info.c */
void json_os(struct jot *j, json_t *root, const struct report_input *in, bool with_modules);
void json_modules(struct jot *j, json_t *parent, const struct os *os);
void json_unloaded(struct jot *j, json_t *parent, const struct os *os);
void json_drivers(struct jot *j, json_t *parent, const struct os *os);
void json_devices(struct jot *j, json_t *parent, const struct os *os);

/* json_minidump.c */
void json_minidump(struct jot *j, json_t *root, const struct report_input *in);

/** json_reason - why the pool was not analysed, null if it was */
void json_reason(struct jot *j, json_t *root, const struct report_input *in);

/* json_pool.c */
void json_pool(struct jot *j, json_t *root, const struct report_input *in);
void json_coverage(struct jot *j, json_t *root, const struct report_input *in);

/* json_ledger.c; the ledger of json_signals() may be NULL */
void json_reconciliation(struct jot *j, json_t *root, const struct report_input *in);
void json_ledger_row(struct jot *j, json_t *o, const struct ledger_row *row);
void json_signals(struct jot *j, json_t *parent, const struct ledger *l);
void json_ledger_state(struct jot *j, json_t *parent, const struct ledger *l);

/** json_class - tag, pool, how, size_bytes, blocks, bytes, ... into @o */
void json_class(struct jot *j, json_t *o, const struct pool_class *c);

/** json_meaning - driver and meaning of a tag into @o */
void json_meaning(struct jot *j, json_t *o, const struct report_input *in, uint32_t tag);

/* json_suspects.c */
void json_suspects(struct jot *j, json_t *root, const struct report_input *in);

#endif
