/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_LEDGER_IMPL_H
#define DUMPLEAK_LEDGER_IMPL_H

#include "dumpleak/pool/ledger.h"

/** ledger_explain - the reasons of each row and their sums; false: no memory */
bool ledger_explain(const struct pool *pool, struct ledger *l);

/** ledger_find_signals - tags that are allocated and not freed; false: no memory */
bool ledger_find_signals(struct ledger *l);

#endif
