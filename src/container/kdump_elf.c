/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF core headers to the ranges that pages lie in. Facts: the System V ABI's
 * ELF specification. Page tables (QEMU's paging=true) make the core hold only
 * what was mapped; p_vaddr then differs from p_paddr.
 */
#include "kdump_layout.h"

#include "source_impl.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	EHDR_BYTES = 64, PHDR_BYTES = 56, SHDR_BYTES = 64,
	CLASS_32 = 1, CLASS_64 = 2, LSB = 1, TYPE_CORE = 4,
	PT_LOAD = 1, PT_NOTE = 4, SHT_NOBITS = 8,
	MAX_SEGMENTS = 4096,    /* libkdumpfile searches them one by one */
	MAX_SECTIONS = 32,
	PA_BITS = 52,
};

struct elf_class {
	struct field phoff, shoff, phentsize, phnum, shentsize, shnum;
	struct field p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
	struct field sh_type, sh_offset, sh_size;
	uint8_t ehdr_bytes, phdr_bytes, shdr_bytes;
};

static const struct elf_class classes[] = {
	[CLASS_32] = {
		.phoff = { 28, 4, 0, 0 }, .shoff = { 32, 4, 0, 0 },
		.phentsize = { 42, 2, 0, 0 }, .phnum = { 44, 2, 0, 0 },
		.shentsize = { 46, 2, 0, 0 }, .shnum = { 48, 2, 0, 0 },
		.p_type = { 0, 4, 0, 0 }, .p_offset = { 4, 4, 0, 0 },
		.p_vaddr = { 8, 4, 0, 0 }, .p_paddr = { 12, 4, 0, 0 },
		.p_filesz = { 16, 4, 0, 0 }, .p_memsz = { 20, 4, 0, 0 },
		.sh_type = { 4, 4, 0, 0 }, .sh_offset = { 16, 4, 0, 0 },
		.sh_size = { 20, 4, 0, 0 },
		.ehdr_bytes = 52, .phdr_bytes = 32, .shdr_bytes = 40,
	},
	[CLASS_64] = {
		.phoff = { 32, 8, 0, 0 }, .shoff = { 40, 8, 0, 0 },
		.phentsize = { 54, 2, 0, 0 }, .phnum = { 56, 2, 0, 0 },
		.shentsize = { 58, 2, 0, 0 }, .shnum = { 60, 2, 0, 0 },
		.p_type = { 0, 4, 0, 0 }, .p_offset = { 8, 8, 0, 0 },
		.p_vaddr = { 16, 8, 0, 0 }, .p_paddr = { 24, 8, 0, 0 },
		.p_filesz = { 32, 8, 0, 0 }, .p_memsz = { 40, 8, 0, 0 },
		.sh_type = { 4, 4, 0, 0 }, .sh_offset = { 24, 8, 0, 0 },
		.sh_size = { 32, 8, 0, 0 },
		.ehdr_bytes = 64, .phdr_bytes = 56, .shdr_bytes = 64,
	},
};

/* e_machine to PE machine: what Windows guests run on. */
static const struct { uint16_t elf, pe; } machines[] = {
	{ 3, 0x14c }, { 62, 0x8664 }, { 183, 0xaa64 },
};

static enum dl_status check_kind(struct kdump_layout *l, struct source *source,
				 const uint8_t *e, struct dl_err *err)
{
	const char *name = source_name(source);
	unsigned type = le16(e + 16), machine = le16(e + 18);

	if (e[5] != LSB)
		return err_set(err, DL_UNSUPPORTED, "%s: big-endian ELF file: no machine "
			       "that runs Windows", name);
	if (e[4] != CLASS_32 && e[4] != CLASS_64)
		return err_set(err, DL_CORRUPT, "%s: EI_CLASS at 0x4 is %u", name, e[4]);
	if (type != TYPE_CORE)
		return err_set(err, DL_UNSUPPORTED, "%s: ELF program or library (e_type %u "
			       "at 0x10), not a memory dump", name, type);
	for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
		if (machines[i].elf == machine)
			l->pe_machine = machines[i].pe;
	if (!l->pe_machine)
		return err_set(err, DL_UNSUPPORTED, "%s: ELF core of machine %u (e_machine "
			       "at 0x12), which does not run Windows", name, machine);
	return DL_OK;
}

static enum dl_status add_load(struct kdump_layout *l, struct source *source,
			       const struct elf_class *k, struct bytes ph,
			       uint64_t ph_off, struct dl_err *err)
{
	uint64_t off = field_or(ph, k->p_offset, 0), pa = field_or(ph, k->p_paddr, 0);
	uint64_t file_n = field_or(ph, k->p_filesz, 0), mem_n = field_or(ph, k->p_memsz, 0);
	uint64_t va = field_or(ph, k->p_vaddr, 0);
	const uint64_t max = (uint64_t)1 << PA_BITS;

	if (pa > max || mem_n > max - pa || file_n > mem_n || off > INT64_MAX - file_n)
		return err_set(err, DL_CORRUPT, "%s: program header at 0x%" PRIx64 ": segment "
			       "of 0x%" PRIx64 " bytes (0x%" PRIx64 " in the file) at PA 0x%"
			       PRIx64 " is impossible", source_name(source), ph_off, mem_n,
			       file_n, pa);
	if (va && va != pa)
		l->has_paging = true;
	if (!file_n)
		return DL_OK;
	if (!runs_add(&l->segments, pa, pa + file_n - 1, off))
		return err_set(err, DL_NOMEM, "out of memory");
	return DL_OK;
}

static enum dl_status add_segment(struct kdump_layout *l, struct source *source,
				  const struct elf_class *k, uint64_t ph_off,
				  struct dl_err *err)
{
	uint8_t b[PHDR_BYTES];
	struct bytes ph = { b, k->phdr_bytes };
	enum dl_status st = source_read(source, ph_off, b, ph.n, err);
	uint64_t off, n;

	if (st)
		return st;
	switch (field_or(ph, k->p_type, 0)) {
	case PT_LOAD:
		return add_load(l, source, k, ph, ph_off, err);
	case PT_NOTE:
		off = field_or(ph, k->p_offset, 0);
		n = field_or(ph, k->p_filesz, 0);
		if (!l->notes.n)
			l->notes = (struct file_range){ off, n };
		return layout_meta(l, source, off, n, "PT_NOTE segment", err);
	default:
		return DL_OK;
	}
}

static enum dl_status add_segments(struct kdump_layout *l, struct source *source,
				   const struct elf_class *k, struct bytes e,
				   struct dl_err *err)
{
	uint64_t off = field_or(e, k->phoff, 0), n = field_or(e, k->phnum, 0);
	uint64_t each = field_or(e, k->phentsize, 0);
	enum dl_status st;

	if (each < k->phdr_bytes)
		return err_set(err, DL_CORRUPT, "%s: e_phentsize at 0x%x is %" PRIu64
			       ", smaller than a program header", source_name(source),
			       k->phentsize.off, each);
	if (!n || n > MAX_SEGMENTS)
		return err_set(err, n ? DL_UNSUPPORTED : DL_CORRUPT, "%s: e_phnum at 0x%x "
			       "is %" PRIu64 ", not 1 to %d", source_name(source),
			       k->phnum.off, n, MAX_SEGMENTS);
	st = layout_meta(l, source, off, n * each, "program headers", err);
	for (uint64_t i = 0; !st && i < n; i++)
		st = add_segment(l, source, k, off + i * each, err);
	if (!st && !l->segments.n)
		st = err_set(err, DL_CORRUPT, "%s: none of the %" PRIu64 " program headers "
			     "at 0x%" PRIx64 " holds memory", source_name(source), n, off);
	return st;
}

/* Whether every section lies in the file. */
static bool sections_are_sound(struct source *source, const struct elf_class *k,
			       struct bytes e)
{
	uint64_t off = field_or(e, k->shoff, 0), n = field_or(e, k->shnum, 0);
	uint64_t each = field_or(e, k->shentsize, 0), at, size;
	uint8_t b[SHDR_BYTES];
	struct bytes sh = { b, k->shdr_bytes };

	if (!n) /* at some offset: section 0 would hold their number */
		return !off;
	if (n > MAX_SECTIONS || each < k->shdr_bytes || off > INT64_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (source_read(source, off + i * each, b, sh.n, NULL))
			return false;
		at = field_or(sh, k->sh_offset, 0);
		size = field_or(sh, k->sh_size, 0);
		if (field_or(sh, k->sh_type, 0) != SHT_NOBITS &&
		    (at > INT64_MAX || size > INT64_MAX ||
		     !source_reaches(source, at + size)))
			return false;
	}
	return true;
}

/*
 * libkdumpfile looks at sections for Xen's sake, and fails if it cannot read
 * them. QEMU's say nothing, but lie behind the memory, where a cut file has
 * none and a compressed one would be inflated as a whole: so they are hidden,
 * except in a plain file that has them all.
 */
static void judge_sections(struct kdump_layout *l, struct source *source,
			   const struct elf_class *k, struct bytes e)
{
	l->hide_sections = source_fd(source) < 0 || !sections_are_sound(source, k, e);
	l->hidden[0] = (struct file_range){ k->shoff.off, k->shoff.width };
	l->hidden[1] = (struct file_range){ k->shnum.off, k->shnum.width };
}

enum dl_status elf_layout_read(struct kdump_layout *l, struct source *source,
			       struct dl_err *err)
{
	uint8_t b[EHDR_BYTES] = { 0 };
	struct bytes e = { b, sizeof b };
	const struct elf_class *k;
	enum dl_status st = source_read(source, 0, b, 52, err);

	if (!st)
		st = check_kind(l, source, b, err);
	if (st == DL_ABSENT)
		return err_prefix(err, DL_CORRUPT, "%s: cut inside the ELF header",
				  source_name(source));
	if (st)
		return st;
	k = &classes[b[4]];
	st = layout_meta(l, source, 0, k->ehdr_bytes, "ELF header", err);
	if (!st)
		st = source_read(source, 0, b, k->ehdr_bytes, err);
	if (!st)
		st = add_segments(l, source, k, e, err);
	if (!st)
		judge_sections(l, source, k, e);
	if (!st && !runs_sort(&l->segments, 1, RUNS_FIRST_WINS, NULL))
		st = err_set(err, DL_NOMEM, "out of memory");
	return st;
}

enum dl_status elf_layout_page(const struct kdump_layout *l, struct source *source,
			       uint64_t pfn, struct file_range *ranges, size_t *n,
			       struct dl_err *err)
{
	uint64_t pa = pfn << PAGE_SHIFT, last = pa + PAGE_BYTES - 1;
	const struct run *run, *end = l->segments.v + l->segments.n;

	if (pfn >> (PA_BITS - PAGE_SHIFT))
		return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " is not in this dump",
			       source_name(source), pfn);
	run = runs_next(&l->segments, pa);
	for (; run && run < end && run->first <= last; run++) {
		uint64_t from = run->first > pa ? run->first : pa;
		uint64_t to = run->last < last ? run->last : last;

		if (*n == PAGE_RANGES)
			return err_set(err, DL_CORRUPT, "%s: page 0x%" PRIx64 " is made of "
				       "more than %d segments", source_name(source), pfn,
				       PAGE_RANGES);
		ranges[(*n)++] = (struct file_range){ run->target + (from - run->first),
						      to - from + 1 };
	}
	/* libkdumpfile gives zeros for a page that ends where a segment begins */
	if (*n == 0)
		return err_set(err, DL_ABSENT, "%s: page 0x%" PRIx64 " is not in this dump",
			       source_name(source), pfn);
	return DL_OK;
}

bool elf_layout_run(const struct kdump_layout *l, struct source *source, uint64_t pfn,
		    uint64_t *first, uint64_t *last)
{
	const struct run *run, *stop = l->segments.v + l->segments.n;
	uint64_t end;

	if (pfn >> (PA_BITS - PAGE_SHIFT))
		return false;
	source_end(source, &end);
	run = runs_next(&l->segments, pfn << PAGE_SHIFT);
	for (; run && run < stop; run++) {
		uint64_t n = run->last - run->first + 1, have = 0, pages;

		if (run->target < end)
			have = end - run->target < n ? end - run->target : n;
		/* of a segment that is cut only whole pages count */
		pages = have < n ? (run->first + have) >> PAGE_SHIFT
				 : (run->last >> PAGE_SHIFT) + 1;
		*first = run->first >> PAGE_SHIFT;
		if (*first < pfn)
			*first = pfn;
		if (!have || pages <= *first)
			continue;
		*last = pages - 1;
		return true;
	}
	return false;
}
