/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kdump-compressed headers ("KDUMP   ", also "DISKDUMP") to the place of every
 * page's descriptor and data: a header block, sub header blocks, two bitmaps,
 * one descriptor of 24 bytes for each bit of the second, the data. Facts:
 * makedumpfile's IMPLEMENTATION document, crash's diskdump header description,
 * and files that QEMU wrote. One of several files (makedumpfile --split) has the
 * whole bitmap, but descriptors only for its own range of PFNs.
 */
#include "kdump_layout.h"

#include "source_impl.h"

#include <inttypes.h>
#include <string.h>

enum {
	ENTRY_BYTES = 24,
	HEADER_BYTES = 0x1d0, SUB_BYTES = 0x68,
	PAGE_ZLIB = 1, PAGE_LZO = 2, PAGE_SNAPPY = 4, PAGE_ZSTD = 0x20,
	MAX_ENTRY_DATA = PAGE_BYTES,    /* libkdumpfile has a buffer of one page */
	VERSION_64BIT_PFNS = 6,
	SCAN_ENTRIES = 512,
};

/* struct timeval in the middle makes two layouts of the header. */
struct disk_class {
	struct field status, block_bytes, sub_blocks, bitmap_blocks, max_pfn, nr_cpus;
	struct field split, start_pfn, end_pfn, start_pfn_64, end_pfn_64, max_pfn_64;
	struct field vmcoreinfo_off, vmcoreinfo_n, note_off, note_n, erase_off, erase_n;
};

static const struct disk_class classes[] = {
	{       /* 64-bit */
		.status = { 0x1a8, 4, 0, 0 }, .block_bytes = { 0x1ac, 4, 0, 0 },
		.sub_blocks = { 0x1b0, 4, 0, 0 }, .bitmap_blocks = { 0x1b4, 4, 0, 0 },
		.max_pfn = { 0x1b8, 4, 0, 0 }, .nr_cpus = { 0x1cc, 4, 0, 0 },
		.split = { 0x0c, 4, 0, 0 }, .start_pfn = { 0x10, 8, 0, 0 },
		.end_pfn = { 0x18, 8, 0, 0 }, .start_pfn_64 = { 0x50, 8, 0, 0 },
		.end_pfn_64 = { 0x58, 8, 0, 0 }, .vmcoreinfo_off = { 0x20, 8, 0, 0 },
		.vmcoreinfo_n = { 0x28, 8, 0, 0 }, .note_off = { 0x30, 8, 0, 0 },
		.note_n = { 0x38, 8, 0, 0 }, .erase_off = { 0x40, 8, 0, 0 },
		.erase_n = { 0x48, 8, 0, 0 }, .max_pfn_64 = { 0x60, 8, 0, 0 },
	}, {    /* 32-bit */
		.status = { 0x19c, 4, 0, 0 }, .block_bytes = { 0x1a0, 4, 0, 0 },
		.sub_blocks = { 0x1a4, 4, 0, 0 }, .bitmap_blocks = { 0x1a8, 4, 0, 0 },
		.max_pfn = { 0x1ac, 4, 0, 0 }, .nr_cpus = { 0x1c0, 4, 0, 0 },
		.split = { 0x08, 4, 0, 0 }, .start_pfn = { 0x0c, 4, 0, 0 },
		.end_pfn = { 0x10, 4, 0, 0 }, .start_pfn_64 = { 0x38, 8, 0, 0 },
		.end_pfn_64 = { 0x40, 8, 0, 0 }, .vmcoreinfo_off = { 0x14, 8, 0, 0 },
		.vmcoreinfo_n = { 0x1c, 4, 0, 0 }, .note_off = { 0x20, 8, 0, 0 },
		.note_n = { 0x28, 4, 0, 0 }, .erase_off = { 0x2c, 8, 0, 0 },
		.erase_n = { 0x34, 4, 0, 0 }, .max_pfn_64 = { 0x48, 8, 0, 0 },
	},
};

static const struct disk_class *class_of(struct bytes h)
{
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (field_or(h, classes[i].block_bytes, 0) == PAGE_BYTES)
			return &classes[i];
	return NULL;
}

static const char *compression(uint64_t status)
{
	if (status & PAGE_ZLIB)
		return "zlib";
	if (status & PAGE_LZO)
		return "lzo";
	if (status & PAGE_SNAPPY)
		return "snappy";
	return status & PAGE_ZSTD ? "zstd" : NULL;
}

static enum dl_status add_split(struct kdump_layout *l, struct source *source,
				const struct disk_class *k, unsigned version,
				struct bytes sub, struct dl_err *err)
{
	bool wide = version >= VERSION_64BIT_PFNS;

	l->end_pfn = UINT64_MAX;
	l->is_split = version >= 2 && field_or(sub, k->split, 0);
	if (!l->is_split)
		return DL_OK;
	l->start_pfn = field_or(sub, wide ? k->start_pfn_64 : k->start_pfn, 0);
	l->end_pfn = field_or(sub, wide ? k->end_pfn_64 : k->end_pfn, 0);
	if (l->start_pfn <= l->end_pfn)
		return DL_OK;
	return err_set(err, DL_CORRUPT, "%s: sub header at 0x1000: start_pfn 0x%" PRIx64
		       " lies behind end_pfn 0x%" PRIx64, source_name(source),
		       l->start_pfn, l->end_pfn);
}

static enum dl_status add_sub_header(struct kdump_layout *l, struct source *source,
				     const struct disk_class *k, unsigned version,
				     uint64_t *max_pfn, struct dl_err *err)
{
	uint8_t b[SUB_BYTES];
	struct bytes sub = { b, sizeof b };
	enum dl_status st = source_read(source, PAGE_BYTES, b, sizeof b, err);

	if (st)
		return st;
	st = add_split(l, source, k, version, sub, err);
	if (!st && version >= 3)
		st = layout_meta(l, source, field_or(sub, k->vmcoreinfo_off, 0),
				 field_or(sub, k->vmcoreinfo_n, 0), "vmcoreinfo", err);
	if (!st && version >= 4) {
		l->notes.off = field_or(sub, k->note_off, 0);
		l->notes.n = field_or(sub, k->note_n, 0);
		st = layout_meta(l, source, l->notes.off, l->notes.n, "notes", err);
	}
	if (!st && version >= 5)
		st = layout_meta(l, source, field_or(sub, k->erase_off, 0),
				 field_or(sub, k->erase_n, 0), "eraseinfo", err);
	if (version >= VERSION_64BIT_PFNS)
		*max_pfn = field_or(sub, k->max_pfn_64, *max_pfn);
	return st;
}

/* The second half of the blocks, unless the PFNs need all of them. */
static enum dl_status add_bitmap(struct kdump_layout *l, struct container *c,
				 struct source *source, uint64_t off, uint64_t n,
				 uint64_t max_pfn, struct dl_err *err)
{
	enum dl_status st = layout_meta(l, source, off, n, "bitmaps", err);
	uint8_t *bits;

	if (st)
		return st;
	if (max_pfn > n * 8)
		return err_set(err, DL_CORRUPT, "%s: max_mapnr 0x%" PRIx64 " is more than the "
			       "bitmaps' 0x%" PRIx64 " bits", source_name(source), max_pfn,
			       n * 8);
	if (max_pfn <= n * 4) {
		off += n / 2;
		n /= 2;
	}
	n = n < (max_pfn + 7) / 8 ? n : (max_pfn + 7) / 8;
	bits = arena_alloc(&c->arena, (size_t)n);
	if (!bits)
		return err_set(err, DL_NOMEM, "out of memory");
	st = source_read(source, off, bits, (size_t)n, err);
	if (!st && !bitmap_init(&l->pages, &c->arena, bits, max_pfn))
		st = err_set(err, DL_NOMEM, "out of memory");
	l->first_rank = bitmap_rank(&l->pages, l->start_pfn);
	l->nr_pages = bitmap_rank(&l->pages, l->end_pfn) - l->first_rank;
	return st;
}

static enum dl_status check_entry(struct source *source, uint64_t pfn, uint64_t at,
				  const uint8_t *entry, struct file_range *data,
				  struct dl_err *err)
{
	uint64_t off = le64(entry);
	uint32_t n = le32(entry + 8), flags = le32(entry + 12);
	bool packed = flags & (PAGE_ZLIB | PAGE_LZO | PAGE_SNAPPY | PAGE_ZSTD);

	*data = (struct file_range){ off, n };
	if (!n || n > MAX_ENTRY_DATA || (!packed && n != PAGE_BYTES) || off > INT64_MAX)
		return err_set(err, DL_CORRUPT, "%s: page descriptor of PFN 0x%" PRIx64
			       " at 0x%" PRIx64 ": %" PRIu32 " bytes at 0x%" PRIx64
			       ", flags 0x%" PRIx32 ", are no page", source_name(source),
			       pfn, at, n, off, flags);
	return DL_OK;
}

/*
 * Pages whose descriptor or data is cut off. Writers share one block of zeros
 * among descriptors, so the last descriptor says nothing of the others.
 */
static void count_missing(struct kdump_layout *l, struct source *source)
{
	uint8_t b[SCAN_ENTRIES * ENTRY_BYTES];
	uint64_t left = l->nr_pages, off = l->entries_off;
	struct file_range data;

	while (left) {
		uint64_t n = left < SCAN_ENTRIES ? left : SCAN_ENTRIES;

		if (source_read(source, off, b, (size_t)n * ENTRY_BYTES, NULL)) {
			if (n == 1) {
				l->missing_pages += left;
				return;
			}
			n = 1; /* up to the very last one */
			if (source_read(source, off, b, ENTRY_BYTES, NULL)) {
				l->missing_pages += left;
				return;
			}
		}
		for (uint64_t i = 0; i < n; i++)
			if (check_entry(source, 0, 0, b + i * ENTRY_BYTES, &data, NULL) == DL_OK &&
			    !source_reaches(source, data.off + data.n))
				l->missing_pages++;
		left -= n;
		off += n * ENTRY_BYTES;
	}
}

enum dl_status disk_layout_read(struct kdump_layout *l, struct container *c,
				struct source *source, struct dl_err *err)
{
	uint8_t b[HEADER_BYTES];
	struct bytes h = { b, sizeof b };
	const char *name = source_name(source);
	const struct disk_class *k;
	uint64_t sub_blocks, bitmap_blocks, max_pfn, bitmap_off;
	enum dl_status st = source_read(source, 0, b, sizeof b, err);

	if (st)
		return err_prefix(err, st == DL_ABSENT ? DL_CORRUPT : st,
				  "%s: cannot read the kdump header", name);
	if (memcmp(b, "KDUMP   ", 8) && memcmp(b, "DISKDUMP", 8))
		return err_set(err, DL_UNSUPPORTED, "%s: flattened file that is no "
			       "kdump-compressed dump", name);
	k = class_of(h);
	if (!k)
		return err_set(err, DL_UNSUPPORTED, "%s: kdump whose block_size is not 4096: "
			       "no machine that runs Windows", name);
	sub_blocks = field_or(h, k->sub_blocks, 0);
	bitmap_blocks = field_or(h, k->bitmap_blocks, 0);
	max_pfn = field_or(h, k->max_pfn, 0);
	bitmap_off = (1 + sub_blocks) * PAGE_BYTES;
	l->compression = compression(field_or(h, k->status, 0));
	l->nr_cpus = field_or(h, k->nr_cpus, 0);
	st = layout_meta(l, source, 0, bitmap_off, "header blocks", err);
	if (!st)
		st = add_sub_header(l, source, k, le32(b + 8), &max_pfn, err);
	if (!st)
		st = add_bitmap(l, c, source, bitmap_off, bitmap_blocks * PAGE_BYTES,
				max_pfn, err);
	l->entries_off = bitmap_off + bitmap_blocks * PAGE_BYTES;
	if (!st)
		count_missing(l, source);
	return st;
}

bool disk_layout_has(const struct kdump_layout *l, uint64_t pfn)
{
	return pfn >= l->start_pfn && pfn < l->end_pfn && bitmap_has(&l->pages, pfn);
}

enum dl_status disk_layout_page(const struct kdump_layout *l, struct source *source,
				uint64_t pfn, struct file_range *ranges, size_t *n,
				struct dl_err *err)
{
	uint64_t rank = bitmap_rank(&l->pages, pfn) - l->first_rank;
	uint64_t off = l->entries_off + rank * ENTRY_BYTES;
	uint8_t entry[ENTRY_BYTES];
	enum dl_status st;

	if (!disk_layout_has(l, pfn))
		return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " is not in this dump",
			       source_name(source), pfn);
	st = source_read(source, off, entry, sizeof entry, err);
	if (st)
		return st;
	ranges[0] = (struct file_range){ off, sizeof entry };
	*n = 2;
	return check_entry(source, pfn, off, entry, &ranges[1], err);
}

bool disk_layout_ends(const struct kdump_layout *l, struct source *source, uint64_t pfn)
{
	uint64_t rank = bitmap_rank(&l->pages, pfn) - l->first_rank, end;

	source_end(source, &end);
	return l->entries_off >= end || rank >= (end - l->entries_off) / ENTRY_BYTES;
}
