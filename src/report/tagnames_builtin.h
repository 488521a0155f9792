/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_TAGNAMES_BUILTIN_H
#define DUMPLEAK_TAGNAMES_BUILTIN_H

#include "dumpleak/report/tagnames.h"

extern const struct tag_meaning tagnames_builtin[];
extern const size_t tagnames_nr_builtin;

#endif
