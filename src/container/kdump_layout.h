/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_KDUMP_LAYOUT_H
#define DUMPLEAK_CONTAINER_KDUMP_LAYOUT_H

/*
 * Where an ELF core or a kdump-compressed file keeps what: enough to check its
 * counts before libkdumpfile trusts them, and to know which bytes of the file
 * a page needs. Decoding pages is libkdumpfile's work.
 */

#include "bitmap.h"
#include "runs.h"

#include "dumpleak/container/reader.h"

/* Bytes of the file. */
struct file_range {
	uint64_t off, n;
};

enum {
	LAYOUT_MAX_META = 64,           /* ranges                              */
	LAYOUT_META_BYTES = 64 << 20,   /* and bytes: a bitmap of 1 TB of RAM  */
	PAGE_RANGES = 8,                /* most pieces of one page             */
};

struct kdump_layout {
	bool is_elf;
	bool has_paging;                /* QEMU's paging=true: most RAM is not there */
	const char *compression;        /* of pages, or NULL                         */
	uint64_t pe_machine;            /* 0: not stated                             */
	uint64_t nr_cpus;               /* 0: not stated                             */
	uint64_t missing_pages;         /* kdump: promised, but cut off the file     */

	struct file_range meta[LAYOUT_MAX_META]; /* all but pages and descriptors */
	size_t nr_meta;
	bool hide_sections;             /* ELF: zero these header fields when staging */
	struct file_range hidden[2];
	struct file_range notes;        /* n is 0 if there are none */

	struct runs segments;           /* ELF: PA to file, in bytes        */
	struct bitmap pages;            /* kdump: which PFNs have an entry  */
	uint64_t entries_off;           /* kdump: of the page descriptors   */
	bool is_split;                  /* kdump: one of several files      */
	uint64_t start_pfn, end_pfn;    /* kdump: it holds these; whole: all */
	uint64_t first_rank, nr_pages;  /* kdump: set bits below, and in it */
};

/**
 * layout_read - check the headers of @source (unflattened) and fill @l
 * Bits live in the container's arena. DL_CORRUPT or DL_UNSUPPORTED with the
 * file's name, the field and its offset.
 */
enum dl_status layout_read(struct kdump_layout *l, struct container *c,
			   struct source *source, struct dl_err *err);
void layout_deinit(struct kdump_layout *l);

/**
 * layout_page - the bytes of the file that reading page @pfn needs
 * @ranges: out, PAGE_RANGES of them, *@n used; none for a page of zeros
 * DL_ABSENT: not promised, or cut off. DL_CORRUPT: a descriptor out of range.
 */
enum dl_status layout_page(const struct kdump_layout *l, struct source *source,
			   uint64_t pfn, struct file_range *ranges, size_t *n,
			   struct dl_err *err);

/**
 * elf_layout_run - the first run of pages at or above @pfn that a cut ELF file
 * still holds, by its segments; false if there is none
 */
bool elf_layout_run(const struct kdump_layout *l, struct source *source, uint64_t pfn,
		    uint64_t *first, uint64_t *last);

/** disk_layout_has - whether the bitmap promises @pfn, and to this part */
bool disk_layout_has(const struct kdump_layout *l, uint64_t pfn);

/** disk_layout_ends - whether neither @pfn nor any page above has a descriptor left */
bool disk_layout_ends(const struct kdump_layout *l, struct source *source, uint64_t pfn);

/**
 * layout_missing - pages that are promised but cut off the file
 * As far as is known: a compressed file's end shows only once it was reached.
 */
uint64_t layout_missing(const struct kdump_layout *l, struct source *source);

/** layout_position - rises with the page's place in the file */
uint64_t layout_position(const struct kdump_layout *l, uint64_t pfn);

/* The two formats; layout_read() and layout_page() choose. */
enum dl_status elf_layout_read(struct kdump_layout *l, struct source *source,
			       struct dl_err *err);
enum dl_status disk_layout_read(struct kdump_layout *l, struct container *c,
				struct source *source, struct dl_err *err);
enum dl_status elf_layout_page(const struct kdump_layout *l, struct source *source,
			       uint64_t pfn, struct file_range *ranges, size_t *n,
			       struct dl_err *err);
enum dl_status disk_layout_page(const struct kdump_layout *l, struct source *source,
				uint64_t pfn, struct file_range *ranges, size_t *n,
				struct dl_err *err);

/**
 * layout_meta - add bytes that libkdumpfile needs for opening the file
 * @what names them for messages: "program headers at e_phoff (0x20)".
 */
enum dl_status layout_meta(struct kdump_layout *l, struct source *source,
			   uint64_t off, uint64_t n, const char *what,
			   struct dl_err *err);

#endif
