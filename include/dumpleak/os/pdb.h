/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_PDB_H
#define DUMPLEAK_OS_PDB_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which symbol file belongs to an image: the RSDS record of its debug
 * directory (CV_INFO_PDB70, documented with the PE format).
 */
struct pdb_id {
	bool known;
	char name[64];          /* base name, printable: "ntkrnlmp.pdb"           */
	char guid[33];          /* 32 upper-case digits, as symbol servers use it */
	uint32_t age;
};

#endif
