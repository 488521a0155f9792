/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_JOT_H
#define DUMPLEAK_JOT_H

/*
 * Building JSON without a check after every key: failures (memory) are
 * remembered in struct jot and looked at once, when it is written.
 */

#include "dumpleak/container/container.h"

#include <jansson.h>
#include <stdio.h>

struct jot {
	bool failed;
};

/** jot_object / jot_array - new and empty, added to @parent under @key */
json_t *jot_object(struct jot *j, json_t *parent, const char *key);
json_t *jot_array(struct jot *j, json_t *parent, const char *key);

/** jot_item - a new object at the end of @array */
json_t *jot_item(struct jot *j, json_t *array);

void jot_null(struct jot *j, json_t *o, const char *key);
void jot_bool(struct jot *j, json_t *o, const char *key, bool v);

/** jot_text - @s, or null if it is NULL */
void jot_text(struct jot *j, json_t *o, const char *key, const char *s);

/** jot_word - the same, null if it is empty too */
void jot_word(struct jot *j, json_t *o, const char *key, const char *s);
void jot_tag(struct jot *j, json_t *o, const char *key, uint32_t tag);

/** jot_count - a number; above 2^63 - 1 (damaged counters) as a real */
void jot_count(struct jot *j, json_t *o, const char *key, uint64_t v);
void jot_offset(struct jot *j, json_t *o, const char *key, int64_t v);
void jot_known(struct jot *j, json_t *o, const char *key, struct known_u64 v);

/** jot_real - a share or the like; null if it is below 0 or no number */
void jot_real(struct jot *j, json_t *o, const char *key, double v);

/** jot_va - "0x81c3e008"; jot_va_or_null: null for 0 */
void jot_va(struct jot *j, json_t *o, const char *key, uint64_t va);
void jot_va_or_null(struct jot *j, json_t *o, const char *key, uint64_t va);

/** jot_add_va / jot_add_text - the same, at the end of @array */
void jot_add_va(struct jot *j, json_t *array, uint64_t va);
void jot_add_text(struct jot *j, json_t *array, const char *s);

/** jot_write - print and free @root; DL_NOMEM if anything failed */
enum dl_status jot_write(struct jot *j, json_t *root, FILE *out);

#endif
