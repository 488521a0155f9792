/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP_H
#define DUMPLEAK_CONTAINER_DMP_H

/*
 * Windows kernel dumps of both widths: they differ in where a field is, not in
 * what is done with it. dmp.c opens them and gives pages; what a DumpType puts
 * behind the header is the business of one dmp_*.c each.
 */

#include "bitmap.h"
#include "runs.h"

#include "dumpleak/container/reader.h"

enum {
	DMP_MAX_HEADER_BYTES = 0x2000,
	DMP_PFN_BITS = 40,              /* PAs have 52 bits at most */
};

/* Where a bitmap header keeps what, from its own start. */
struct bitmap_shape {
	struct field first_page;        /* HeaderSize: file offset of the first page */
	struct field nr_pages, nr_bits, size_of_bitmap;
	uint16_t bits_off;
	const char *words;              /* a remark, where the shape is unusual */
};

/* One width of header. */
struct dmp_width {
	const char *words;              /* "32-bit" */
	const char *complete, *kernel, *bitmap, *ranges; /* dump_header.format; NULL: none */
	char magic[9];
	uint8_t word;                   /* bytes of a PFN or a page count */
	uint8_t max_runs;               /* that the header has room for   */
	uint16_t header_bytes, nr_runs_off, nr_pages_off, runs_off;
	uint16_t dump_type_off, attributes_off;
	const struct bitmap_shape *shapes;
	size_t nr_shapes;
	uint64_t max_bits;              /* of a bitmap */
	void (*header)(struct container *c, const uint8_t *head);
};

struct dmp {
	const struct dmp_width *width;
	uint32_t type;          /* DumpType, or what the content shows       */
	struct runs runs;       /* complete dumps and ranges                 */
	struct bitmap bitmap;   /* bitmap dumps: bits is not NULL then       */
	uint8_t *copied_bits;   /* of the bitmap, where it is not mapped     */
	uint64_t pages_off;     /* of the first page                         */
	uint64_t nr_pages;      /* promised, one claim each                  */
};

/** dmp_open - reader.open() for one width */
enum dl_status dmp_open(struct container *c, const struct dmp_width *width,
			struct dl_err *err);

/** dmp_has_magic - reader.probe() for one width */
enum probe_result dmp_has_magic(struct source *source, const char *magic);

/* The rest of a reader's row. */
void dmp_close(struct container *c);
enum dl_status dmp_page(struct container *c, uint64_t pfn, uint8_t *scratch,
			const uint8_t **page, struct dl_err *err);
enum dl_status dmp_run(struct container *c, uint64_t pfn, uint64_t *first, uint64_t *last);
uint64_t dmp_position(const struct container *c, uint64_t pfn);
uint64_t dmp_file_off(struct container *c, uint64_t pfn);
void dmp_count(struct container *c, uint64_t *present, uint64_t *absent, bool *exact);

/* What lies behind the header; c->state is a struct dmp. */
enum dl_status dmp_open_complete(struct container *c, const uint8_t *head,
				 struct dl_err *err);
enum dl_status dmp_open_bitmap(struct container *c, struct dl_err *err);
enum dl_status dmp_open_ranges(struct container *c, struct dl_err *err);

/** dmp_encrypted - refuse, by name, what cannot be read without a key */
enum dl_status dmp_encrypted(struct container *c, unsigned attributes_off,
			     struct dl_err *err);

#endif
