/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_TRIAGE_H
#define DUMPLEAK_CONTAINER_TRIAGE_H

/* What the files that read triage minidumps (DumpType 4) share. */

#include "runs.h"

#include "dumpleak/container/reader.h"

/* TRIAGE_DUMP; all but sizes, counts and VAs are offsets in the file, 0: not there. */
struct triage_fields {
	uint64_t service_pack, size_bytes, valid, mm, unloaded, prcb, process, thread;
	uint64_t stack, stack_bytes, stack_va;
	uint64_t drivers, nr_drivers, strings, broken, options;
	uint64_t page, page_bytes, page_va;
	uint64_t kdbg, kdbg_bytes;
	uint64_t blocks, nr_blocks;
};

enum { TRIAGE_MM_FIELDS = 9 };

/* Where things are, by width; rows are in triage_layout.c. */
struct triage_layout {
	const char *format, *title;
	uint8_t ptr_bytes;
	uint16_t header_bytes;          /* TRIAGE_DUMP follows the dump header */
	uint16_t triage_bytes;
	uint16_t block_bytes;
	struct field block_va, block_off, block_size;
	uint16_t driver_bytes, driver_min_bytes;        /* usual; up to the last field */
	struct field driver_name, driver_base, driver_size, driver_checksum, driver_time;
	uint16_t unloaded_first, unloaded_bytes, unloaded_text;
	struct field unloaded_length, unloaded_start, unloaded_end;
	uint16_t mm_bytes;
	struct field mm[TRIAGE_MM_FIELDS];      /* see mm_out in triage_lists.c */
};

struct triage {
	const struct triage_layout *layout;
	struct triage_fields at;
	uint64_t end;                   /* of the file, as far as a minidump can go */
	bool cut;                       /* the file ends before SizeOfDump          */
	struct runs ranges;             /* VA to file, in bytes                     */
	struct dump_minidump mini;
};

/** triage_layout_of - the rows of one width */
const struct triage_layout *triage_layout_of(bool is64);

/** triage_fields_read - @b, TRIAGE_DUMP's bytes, to @out; filler counts as 0 */
void triage_fields_read(const struct triage_layout *l, struct bytes b,
			struct triage_fields *out);

/** triage_name - what TRIAGE_DUMP calls the field @member (an offset in triage_fields) */
const char *triage_name(size_t member);
#define TRIAGE_NAME(member) triage_name(offsetof(struct triage_fields, member))

/** triage_holds - whether the file has the @n bytes at @off, behind the headers */
bool triage_holds(const struct triage *t, uint64_t off, uint64_t n);

/**
 * triage_fit - how many of @nr rows of @row_bytes at @off are read
 * As many as the file holds, at most @limit; what is left out is noted.
 */
size_t triage_fit(struct container *c, uint64_t off, uint64_t nr, uint64_t row_bytes,
		  size_t limit, const char *what);

/** triage_ranges - data blocks and what is readable by VA besides; DL_NOMEM or DL_OK */
enum dl_status triage_ranges(struct container *c, struct dl_err *err);

/** triage_lists - drivers, unloaded drivers, Mm's counters and copies to t->mini */
enum dl_status triage_lists(struct container *c, struct dl_err *err);

#endif
