/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_CONTAINER_H
#define DUMPLEAK_CONTAINER_CONTAINER_H

/*
 * A container gives physical pages by page frame number (PFN), whatever the
 * file format, and what the file's header says of the machine. All pages are
 * 4096 bytes. Safe for several threads once open.
 */

#include "dumpleak/base/arena.h"
#include "dumpleak/base/bytes.h"
#include "dumpleak/base/err.h"
#include "dumpleak/container/source.h"

#include <stdbool.h>
#include <stdint.h>

enum { PAGE_BYTES = 4096, PAGE_SHIFT = 12 };

/* A header value that may be missing: dumps fill unused fields with "PAGE". */
struct known_u64 {
	bool known;
	uint64_t value;
};

struct dump_exception {
	bool known;
	uint32_t code, flags;
	uint64_t address_va;
};

/* Bits of DUMP_FILE_ATTRIBUTES; names as in dump_attribute_name(). */
enum dump_attribute {
	ATTRIBUTE_HIBER_CRASH = 1 << 0, ATTRIBUTE_POWER_OFF = 1 << 1,
	ATTRIBUTE_NO_SPACE = 1 << 2, ATTRIBUTE_KERNEL_TRIAGE = 1 << 3,
	ATTRIBUTE_LIVE = 1 << 4, ATTRIBUTE_OFFLINE = 1 << 5, ATTRIBUTE_FILTERED = 1 << 6,
	ATTRIBUTE_EARLY_BOOT = 1 << 7, ATTRIBUTE_ENCRYPTED = 1 << 8,
	ATTRIBUTE_DECRYPTED = 1 << 9,
};

/** dump_attribute_name - "live", "filtered", ... of one bit; NULL if it has no name */
const char *dump_attribute_name(uint32_t bit);

/* One secondary data stream behind the primary data ("DumpBlob"). */
struct dump_blob {
	uint8_t guid[16];       /* its tag, bytes as stored */
	uint64_t off, size_bytes;
};

/* What the header states, unverified. Strings are printable already. */
struct dump_header {
	/* JSON's dump.format: "dump32", "kernel32", "triage32", "dump64", "kernel64",
	 * "bitmap64", "ranges64", "triage64", "elf", "kdump", "raw" */
	const char *format;
	const char *title;      /* for people: "32-bit complete memory dump (DumpType 1)"          */
	const char *compression; /* "gzip" or NULL, and the like                                    */
	const char *comment;    /* NULL if none                                                   */
	struct known_u64 machine;       /* PE machine: 0x14c, 0x8664, 0xaa64  */
	struct known_u64 major, build;  /* MajorVersion 0xF free, 0xC checked */
	struct known_u64 dtb_pa;        /* DirectoryTableBase or a CPU's CR3  */
	struct known_u64 kdbg_va, pfn_database_va;
	struct known_u64 modules_va;    /* PsLoadedModuleList    */
	struct known_u64 processes_va;  /* PsActiveProcessHead   */
	struct known_u64 pae;           /* 0 or 1                */
	struct known_u64 nr_processors;
	struct known_u64 bugcheck_code, bugcheck_parameter[4];
	struct known_u64 system_time, up_time; /* FILETIME; 100 ns units */
	struct known_u64 product_type, suite_mask;
	struct known_u64 required_bytes;       /* RequiredDumpSpace      */
	struct known_u64 dump_type;            /* DumpType               */
	struct known_u64 attributes;           /* enum dump_attribute    */
	struct dump_exception exception;
	const uint8_t *context;                /* CONTEXT as stored, NULL: none */
	size_t context_bytes;
	const struct dump_blob *blobs;         /* secondary data streams */
	size_t nr_blobs;
};

/* An entry of a minidump's driver list. */
struct dump_module {
	const char *name;               /* base name or full path, as stored */
	uint64_t base_va, size_bytes;
	uint32_t timestamp, checksum;
};

struct dump_unloaded {
	const char *name;               /* at most 12 characters are kept */
	uint64_t first_va, end_va;
};

/* A structure copied into the file without its VA; size_bytes 0: not there. */
struct dump_copy {
	uint64_t off, size_bytes;
};

/* What a minidump (DumpType 4) holds: ranges of VA, and lists of its own. */
struct dump_minidump {
	const struct dump_module *modules;
	size_t nr_modules;
	const struct dump_unloaded *unloaded;
	size_t nr_unloaded;
	const char *broken_driver;      /* NULL: none named */
	uint32_t service_pack_build, options;
	uint64_t stack_va, stack_bytes; /* of the crashing thread, readable by VA */
	struct dump_copy prcb, process, thread, data_page;
	size_t nr_blocks;               /* data blocks in the file's table   */
	size_t nr_ranges;               /* of VA, the implied ones included */
	uint64_t range_bytes;           /* in all, without overlaps */
	/* TRIAGE's copy of Mm counters, in pages */
	bool has_mm;
	uint64_t max_nonpaged_pages, nonpaged_pages, max_paged_pages, paged_pages;
	uint64_t committed_pages, peak_committed_pages, commit_limit_pages;
	uint32_t special_pool_tag, verify_level;
};

/* One finding about the file itself: "run 3 ends past the file, at 0x...". */
struct dump_note {
	const char *text;
	enum dl_status kind;    /* DL_ABSENT: cut; DL_CORRUPT: contradiction; DL_IO; DL_OK: a remark */
};

enum { CONTAINER_MAX_NOTES = 32 };

struct container;

/**
 * container_open - recognise the format of @source and read its header
 * Asks each reader of the probe table; raw memory is not among them, since
 * everything could be raw: see container_open_raw(). DL_NOTDUMP if no reader
 * takes it, DL_UNSUPPORTED for a format that is known by name but not read,
 * DL_CORRUPT for a header that cannot be used. The container borrows @source.
 */
enum dl_status container_open(struct source *source, struct container **out,
			      struct dl_err *err);

/**
 * container_open_raw - @source as physical memory, byte for byte from PA 0
 * Always succeeds on sources of at least one page; whether it holds a kernel
 * is for the layers above to find out. @limit_pages bounds a compressed
 * source's inflation (0: whole file).
 */
enum dl_status container_open_raw(struct source *source, uint64_t limit_pages,
				  struct container **out, struct dl_err *err);

/**
 * container_open_set - one image whose parts are several files
 * @sources: @n of them, in any order that the format allows (split kdump
 * files, which libkdumpfile opens as a set). One source is container_open().
 * DL_UNSUPPORTED, by name, for formats that are never split.
 */
enum dl_status container_open_set(struct source *const *sources, size_t n,
				  struct container **out, struct dl_err *err);

void container_close(struct container *container);

const struct dump_header *container_header(const struct container *container);

/**
 * container_page - the page @pfn
 * @scratch: PAGE_BYTES, the caller's, used where the page cannot be borrowed
 * @page: out, @scratch or a pointer into the file, valid until the container is
 *        closed; set only on DL_OK
 * DL_ABSENT: not in this dump (or cut off). DL_CORRUPT: its bytes are damaged.
 */
enum dl_status container_page(struct container *container, uint64_t pfn,
			      uint8_t *scratch, const uint8_t **page,
			      struct dl_err *err);

/**
 * container_run - the first run of present pages at or above @pfn
 * @first, @last: out, inclusive. DL_END above the last one. Present as the
 * header states, cut to the file where its end is known.
 */
enum dl_status container_run(struct container *container, uint64_t pfn,
			     uint64_t *first, uint64_t *last);

/**
 * container_position - a number that rises with the page's place in the file
 * Reading pages in this order is cheapest. UINT64_MAX if the page is absent.
 */
uint64_t container_position(const struct container *container, uint64_t pfn);

/**
 * container_is_hole - page @pfn lies in a hole of its file: zeros, without reading
 * @extent: zeroed at first, the caller's; holds the last answer for the next page
 * False wherever that is not known.
 */
bool container_is_hole(struct container *container, uint64_t pfn,
		       struct file_extent *extent);

/** container_is_slow - out-of-order access costs much (compressed): see above */
bool container_is_slow(const struct container *container);

/**
 * container_count - pages present, and pages that the header promises but the
 * file does not hold. For compressed sources as far as is known; @exact says
 * whether the file was seen to its end.
 */
void container_count(struct container *container, uint64_t *present,
		     uint64_t *absent, bool *exact);

/**
 * container_minidump - what a minidump lists, NULL for every other kind
 * Minidumps have no physical pages: container_run() is DL_END at once.
 */
const struct dump_minidump *container_minidump(const struct container *container);

/**
 * container_va_read - @n bytes at @va of a minidump, all of them or an error
 * They may come from several adjoining ranges. DL_ABSENT where no range has
 * them, and for containers that are read by PFN.
 */
enum dl_status container_va_read(struct container *container, uint64_t va, void *buf,
				 size_t n, struct dl_err *err);

/** container_va_run - the first run of bytes at or above @va; DL_END above the last */
enum dl_status container_va_run(struct container *container, uint64_t va,
				uint64_t *first, uint64_t *last);

/**
 * container_notes - what contradicts itself or is cut; *@n of them, borrowed
 * until the next container call. Includes what source_damage() says by now, so
 * ask again after reading pages.
 */
const struct dump_note *container_notes(struct container *container, size_t *n);

#endif
