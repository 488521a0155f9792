/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_BUGCHECK_H
#define DUMPLEAK_REPORT_BUGCHECK_H

#include <stdint.h>

/**
 * bugcheck_name - "DRIVER_POWER_STATE_FAILURE" for 0x9f; NULL if not in our
 * table. Bits 28 and up, which tell of secondary causes, are then left out:
 * 0x1000007e is SYSTEM_THREAD_EXCEPTION_NOT_HANDLED as well.
 */
const char *bugcheck_name(uint64_t code);

#endif
