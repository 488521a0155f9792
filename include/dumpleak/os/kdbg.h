/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_KDBG_H
#define DUMPLEAK_OS_KDBG_H

/*
 * KDDEBUGGER_DATA64, the kernel's own table of contents for debuggers. One
 * 64-bit layout on every machine; its Size tells which fields exist.
 * Sources: wdbgexts.h field order, kernel-globals.md section 1.
 */

#include "dumpleak/base/bytes.h"
#include "dumpleak/memory/vm.h"

enum { KDBG_MAX_BYTES = 0x3a8, KDBG_MIN_BYTES = 0x208 };

/* Byte offsets of the fields used here. Most hold the address of a variable. */
enum kdbg_field {
	KDBG_KERN_BASE = 0x018,         /* a value */
	KDBG_LOADED_MODULES = 0x048,    /* a list head's address */
	KDBG_ACTIVE_PROCESSES = 0x050,  /* a list head's address */
	KDBG_PAGED_POOL_DESCRIPTOR = 0x068,     /* array of pointers */
	KDBG_NR_PAGED_POOLS = 0x070,
	KDBG_BUGCHECK_DATA = 0x088,             /* an array's address */
	KDBG_ROOT_DIRECTORY = 0x098,
	KDBG_TYPE_TYPE = 0x0a0,
	KDBG_SYSTEM_CACHE_START = 0x0a8,
	KDBG_SYSTEM_CACHE_END = 0x0b0,
	KDBG_PFN_DATABASE = 0x0c0,
	KDBG_HIGHEST_PHYSICAL_PAGE = 0x0f0,
	KDBG_PHYSICAL_PAGES = 0x0f8,
	KDBG_MAX_NONPAGED_BYTES = 0x100,
	KDBG_NONPAGED_SYSTEM_START = 0x108,
	KDBG_NONPAGED_START = 0x110,
	KDBG_NONPAGED_END = 0x118,
	KDBG_PAGED_START = 0x120,
	KDBG_PAGED_END = 0x128,
	KDBG_PAGED_BYTES = 0x140,
	KDBG_POOL_TRACK_TABLE = 0x1b8,
	KDBG_NONPAGED_POOL_DESCRIPTOR = 0x1c0,
	KDBG_SYSTEM_RANGE_START = 0x1d0,
	KDBG_NT_BUILD_LAB = 0x208,
	KDBG_PROCESSOR_BLOCK = 0x218,           /* array of pointers */
	KDBG_UNLOADED_DRIVERS = 0x220,
	KDBG_LAST_UNLOADED = 0x228,
	KDBG_ALLOCATED_NONPAGED = 0x250,
	KDBG_CSD_VERSION = 0x268,
};

struct kdbg {
	bool known;
	uint64_t va, pa;        /* va 0: found by scan, its VA not known   */
	uint32_t size_bytes;
	uint8_t ptr_bytes;      /* values are cut to this                  */
	bool decoded;           /* was encoded in memory, see kdbg_decode.c */
	uint8_t raw[KDBG_MAX_BYTES];
};

/**
 * kdbg_parse - check @b for a KDBG block and copy it
 * Wants the owner tag, a size between KDBG_MIN_BYTES and KDBG_MAX_BYTES that @b
 * holds, and a page-aligned KernBase. Returns false otherwise.
 */
bool kdbg_parse(struct bytes b, uint8_t ptr_bytes, struct kdbg *out);

/** kdbg_at - read and check the block at @va */
enum dl_status kdbg_at(struct vm *vm, uint64_t va, uint8_t ptr_bytes,
		       struct kdbg *out, struct dl_err *err);

/**
 * kdbg_scan - the next block in physical memory at or above *@pa
 * @pa: in/out, where to begin; out, where to go on. @limit_pages: pages to look
 * at, at most. DL_END if there is none. Blocks that cross into a page that is
 * not physically next are not found here.
 */
enum dl_status kdbg_scan(struct phys *phys, uint64_t limit_pages, uint64_t *pa,
			 uint8_t ptr_bytes, struct kdbg *out);

/**
 * kdbg_in_page - the next block whose tag lies in @page
 * @hit: in/out, bytes from the page's start: where to begin; where to go on.
 * @page is the page @pfn, borrowed; returns false if there is no further one.
 */
bool kdbg_in_page(struct phys *phys, uint64_t pfn, const uint8_t *page,
		  size_t *hit, uint8_t ptr_bytes, struct kdbg *out);

/* What undoes the encoding of one block. */
struct kdbg_code {
	uint64_t key;
	uint32_t size_bytes;    /* of the block */
	uint8_t turn;           /* bits rotated */
};

/* What encoded blocks are known by; NULL if memory is exhausted. */
struct kdbg_decoder *kdbg_decoder_new(void);
void kdbg_decoder_free(struct kdbg_decoder *d);

/**
 * kdbg_find_encoded - where in @b an encoded block may begin
 * @off: in/out, multiple of 8, below @end_off; begin one further to go on.
 * Looks at the block's first 0x140 bytes; kdbg_decode() tells whether it is one.
 */
bool kdbg_find_encoded(const struct kdbg_decoder *d, struct bytes b, size_t end_off,
		       size_t *off, struct kdbg_code *code);

/** kdbg_decode - the block at the start of @b; false if it is none */
bool kdbg_decode(struct bytes b, const struct kdbg_code *code, struct kdbg *out);

/** kdbg_decode_at - the encoded block at @va */
bool kdbg_decode_at(struct vm *vm, const struct kdbg_decoder *d, uint64_t va,
		    struct kdbg *out);

/** kdbg_decode_page - the next encoded block that begins in page @pfn, as kdbg_in_page() */
bool kdbg_decode_page(struct phys *phys, const struct kdbg_decoder *d, uint64_t pfn,
		      const uint8_t *page, size_t *off, struct kdbg *out);

/** kdbg_value - the field itself; false if absent in this block or 0 */
bool kdbg_value(const struct kdbg *kdbg, enum kdbg_field field, uint64_t *out);

/** kdbg_variable - follow the field: the pointer-sized variable it points to */
bool kdbg_variable(struct vm *vm, const struct kdbg *kdbg, enum kdbg_field field,
		   uint64_t *out);

#endif
