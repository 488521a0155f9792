/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ELF cores and kdump-compressed files have in common: the ranges needed
 * for opening them, and what of them lies past the end of the file.
 */
#include "kdump_layout.h"

#include "source_impl.h"

#include <inttypes.h>
#include <string.h>

enum dl_status layout_meta(struct kdump_layout *l, struct source *source,
			   uint64_t off, uint64_t n, const char *what,
			   struct dl_err *err)
{
	uint64_t end, sum = n;

	if (!n)
		return DL_OK;
	source_end(source, &end);
	if (off > end || n > end - off)
		return err_set(err, DL_CORRUPT, "%s: %s: 0x%" PRIx64 " bytes at 0x%" PRIx64
			       " are not in the file, which ends at 0x%" PRIx64,
			       source_name(source), what, n, off, end);
	for (size_t i = 0; i < l->nr_meta; i++)
		sum += l->meta[i].n;
	if (sum > LAYOUT_META_BYTES || l->nr_meta == LAYOUT_MAX_META)
		return err_set(err, DL_UNSUPPORTED, "%s: %s: the headers take more than "
			       "%d MB", source_name(source), what,
			       LAYOUT_META_BYTES >> 20);
	l->meta[l->nr_meta++] = (struct file_range){ off, n };
	return DL_OK;
}

enum dl_status layout_read(struct kdump_layout *l, struct container *c,
			   struct source *source, struct dl_err *err)
{
	uint8_t magic[4];
	enum dl_status st = source_read(source, 0, magic, sizeof magic, err);

	if (st)
		return st;
	l->is_elf = memcmp(magic, "\177ELF", sizeof magic) == 0;
	return l->is_elf ? elf_layout_read(l, source, err)
			 : disk_layout_read(l, c, source, err);
}

void layout_deinit(struct kdump_layout *l)
{
	runs_deinit(&l->segments);
}

enum dl_status layout_page(const struct kdump_layout *l, struct source *source,
			   uint64_t pfn, struct file_range *ranges, size_t *n,
			   struct dl_err *err)
{
	enum dl_status st;

	*n = 0;
	st = l->is_elf ? elf_layout_page(l, source, pfn, ranges, n, err)
		       : disk_layout_page(l, source, pfn, ranges, n, err);
	for (size_t i = 0; !st && i < *n; i++)
		if (!source_reaches(source, ranges[i].off + ranges[i].n))
			st = err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " at 0x%" PRIx64
				     " lies past the end of the file",
				     source_name(source), pfn, ranges[i].off);
	return st;
}

uint64_t layout_missing(const struct kdump_layout *l, struct source *source)
{
	uint64_t missing = l->missing_pages, end;

	source_end(source, &end);
	for (size_t i = 0; i < l->segments.n; i++) {
		const struct run *run = &l->segments.v[i];
		uint64_t n = run->last - run->first + 1, cut = 0;

		if (run->target + n > end)
			cut = run->target > end ? n : run->target + n - end;
		missing += (cut + PAGE_BYTES - 1) / PAGE_BYTES;
	}
	return missing;
}

uint64_t layout_position(const struct kdump_layout *l, uint64_t pfn)
{
	const struct run *run;

	if (!l->is_elf)
		return disk_layout_has(l, pfn) ? bitmap_rank(&l->pages, pfn) : UINT64_MAX;
	if (pfn > UINT64_MAX >> PAGE_SHIFT)
		return UINT64_MAX;
	run = runs_find(&l->segments, pfn << PAGE_SHIFT);
	return run ? run->target + ((pfn << PAGE_SHIFT) - run->first) : UINT64_MAX;
}
