/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of mapped PE images to sections, time stamp and file version. Any
 * page may be missing and any number wrong: what cannot be read stays unknown.
 *
 * Sources: the PE/COFF specification; VS_FIXEDFILEINFO of winver.h.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <stdio.h>
#include <string.h>

enum {
	PE_OFF_MAX = 0x1000 - 0x18,     /* the headers start in the first page   */
	MAX_SECTIONS = 96,              /* what the Windows loader accepts       */
	MAX_IMAGE_BYTES = 256 << 20,
	MAGIC_PE32 = 0x10b, MAGIC_PE32_PLUS = 0x20b,
	SECTION_BYTES = 40,
};

/* Offsets in the optional header that depend on its magic. */
static size_t directories_off(uint16_t magic)
{
	return magic == MAGIC_PE32_PLUS ? 112 : 96;
}

static void read_directories(struct image *img, struct bytes opt)
{
	size_t at = directories_off(le16(opt.p));
	struct bytes nr = bytes_at(opt, at - 4, 4);
	struct bytes export = bytes_at(opt, at, 8), resource = bytes_at(opt, at + 16, 8);
	struct bytes debug = bytes_at(opt, at + 48, 8);

	if (nr.p && export.p && le32(nr.p) > 0)
		img->export_rva = le32(export.p);
	if (nr.p && resource.p && le32(nr.p) > 2) {
		img->resource_rva = le32(resource.p);
		img->resource_bytes = le32(resource.p + 4);
	}
	if (nr.p && debug.p && le32(nr.p) > 6) {
		img->debug_rva = le32(debug.p);
		img->debug_bytes = le32(debug.p + 4);
	}
}

bool image_at(struct vm *vm, uint64_t va, struct image *out)
{
	uint8_t dos[0x40], pe[0x18 + 0xf0];
	struct bytes opt = { pe + 0x18, 0 };
	struct image img = { 0 };
	uint32_t pe_off;

	if (vm_read(vm, va, dos, sizeof dos, NULL) || dos[0] != 'M' || dos[1] != 'Z')
		return false;
	pe_off = le32(dos + 0x3c);
	if (pe_off > PE_OFF_MAX || vm_read(vm, va + pe_off, pe, sizeof pe, NULL) ||
	    memcmp(pe, "PE\0\0", 4))
		return false;
	img.machine = le16(pe + 4);
	img.nr_sections = le16(pe + 6);
	img.timestamp = le32(pe + 8);
	opt.n = le16(pe + 20);
	img.sections_rva = pe_off + 0x18 + (uint32_t)opt.n;
	if (opt.n > sizeof pe - 0x18)
		opt.n = sizeof pe - 0x18;
	if (opt.n < 60 || (le16(opt.p) != MAGIC_PE32 && le16(opt.p) != MAGIC_PE32_PLUS))
		return false;
	img.size_bytes = le32(opt.p + 56);
	if (!img.size_bytes || img.size_bytes > MAX_IMAGE_BYTES)
		return false;
	read_directories(&img, opt);
	*out = img;
	return true;
}

bool image_name(struct vm *vm, uint64_t va, const struct image *image,
		char *name, size_t size_bytes)
{
	uint64_t rva;
	size_t i;

	if (!image->export_rva || image->export_rva > image->size_bytes ||
	    vm_word(vm, va + image->export_rva + 12, 4, &rva, NULL) || !rva ||
	    rva > image->size_bytes)
		return false;
	for (i = 0; i + 1 < size_bytes; i++) {
		uint64_t c;

		if (vm_word(vm, va + rva + i, 1, &c, NULL) || c >= 0x7f)
			return false;
		if (c < 0x20)
			break;
		name[i] = (char)c;
	}
	name[i] = '\0';
	return i > 0;
}

static bool section_read(struct os *os, const struct module *m, const uint8_t *raw,
			 struct section *s)
{
	const uint32_t execute = 0x20000000, write = 0x80000000;
	uint32_t virtual_bytes = le32(raw + 8), file_bytes = le32(raw + 16);
	uint32_t flags = le32(raw + 36);
	const char *name = text_ascii(&os->arena, (struct bytes){ raw, 8 });

	s->rva = le32(raw + 12);
	s->size_bytes = virtual_bytes ? virtual_bytes : file_bytes;
	s->writable = flags & write;
	s->executable = flags & execute;
	snprintf(s->name, sizeof s->name, "%s", name ? name : "");
	return s->rva < m->size_bytes && s->size_bytes <= m->size_bytes - s->rva;
}

/* The section table may run onto a page that is missing: keep what is there. */
static void sections_read(struct os *os, struct module *m, const struct image *img)
{
	size_t nr = img->nr_sections < MAX_SECTIONS ? img->nr_sections : MAX_SECTIONS;
	struct section *s = arena_array(&os->arena, nr, sizeof *s);
	size_t kept = 0;

	for (size_t i = 0; s && i < nr; i++) {
		uint8_t raw[SECTION_BYTES];

		if (vm_read(&os->vm, m->base + img->sections_rva + i * SECTION_BYTES,
			    raw, sizeof raw, NULL))
			break;
		kept += section_read(os, m, raw, &s[kept]);
	}
	m->sections = s;
	m->nr_sections = kept;
}

/* The resource section of one image; offsets in it are from its start. */
struct resources {
	struct os *os;
	uint64_t va;
	uint32_t size_bytes;
};

static bool resource_word(const struct resources *r, uint64_t off, size_t width,
			  uint64_t *out)
{
	return off + width <= r->size_bytes &&
	       !vm_word(&r->os->vm, r->va + off, width, out, NULL);
}

/* In the directory at @dir, the entry for @id (any if 0): where it leads to. */
static bool resource_entry(const struct resources *r, uint64_t dir, uint32_t id,
			   uint64_t *to)
{
	enum { MAX_ENTRIES = 256 };
	uint64_t named, ids, key;

	if (!resource_word(r, dir + 12, 2, &named) || !resource_word(r, dir + 14, 2, &ids))
		return false;
	for (uint64_t i = 0; i < named + ids && i < MAX_ENTRIES; i++) {
		uint64_t at = dir + 16 + i * 8;

		if (!resource_word(r, at, 4, &key) || !resource_word(r, at + 4, 4, to))
			return false;
		if (!id || key == id)
			return true;
	}
	return false;
}

/* Type, name, language: three levels down to the data of RT_VERSION. */
static bool version_data(const struct resources *r, uint64_t *rva, uint64_t *size_bytes)
{
	const uint64_t directory = 0x80000000;
	const uint32_t rt_version = 16;
	uint64_t at = 0;

	for (int level = 0; level < 3; level++) {
		if (!resource_entry(r, at & ~directory, level ? 0 : rt_version, &at))
			return false;
		if (!(at & directory))
			break;
	}
	return !(at & directory) && resource_word(r, at, 4, rva) &&
	       resource_word(r, at + 4, 4, size_bytes);
}

/* VS_FIXEDFILEINFO follows a key string and padding: look for its signature. */
static void version_read(struct os *os, struct module *m, const struct image *img)
{
	enum { SIGNATURE_WITHIN = 0x40, FIXED_BYTES = 16 };
	const uint32_t signature = 0xfeef04bd;
	struct resources r = { os, m->base + img->resource_rva, img->resource_bytes };
	uint64_t rva, size_bytes;

	if (!img->resource_rva || img->resource_rva > m->size_bytes ||
	    img->resource_bytes > m->size_bytes - img->resource_rva ||
	    !version_data(&r, &rva, &size_bytes) || rva > m->size_bytes)
		return;
	for (unsigned off = 0; off <= SIGNATURE_WITHIN && off + FIXED_BYTES <= size_bytes;
	     off += 4) {
		uint8_t b[FIXED_BYTES];

		if (vm_read(&os->vm, m->base + rva + off, b, sizeof b, NULL))
			return;
		if (le32(b) != signature)
			continue;
		m->version[0] = le16(b + 10);
		m->version[1] = le16(b + 8);
		m->version[2] = le16(b + 14);
		m->version[3] = le16(b + 12);
		m->has_version = true;
		return;
	}
}

void image_read(struct os *os, struct module *m)
{
	struct image img;

	if (!image_at(&os->vm, m->base, &img) || img.machine != os->layout.machine)
		return;
	m->has_headers = true;
	m->timestamp = img.timestamp;
	sections_read(os, m, &img);
	version_read(os, m, &img);
}
