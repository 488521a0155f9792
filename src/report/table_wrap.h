/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_TABLE_WRAP_H
#define DUMPLEAK_TABLE_WRAP_H

#include <libsmartcols/libsmartcols.h>
#include <stdbool.h>

/**
 * table_break_words - put line ends into the cells of wrapping columns so that
 * @table fits its terminal width; false if memory is exhausted
 */
bool table_break_words(struct libscols_table *table);

#endif
