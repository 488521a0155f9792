/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_FUZZ_IMAGES_H
#define DUMPLEAK_FUZZ_IMAGES_H

/*
 * Small sound dumps of each kind to start from: a fuzzer that had to guess 8 KB
 * of header before anything opens would learn little.
 */

#include <stdint.h>
#include <string.h>

enum { IMAGE_BYTES = 0x8000 };

struct image {
	uint8_t p[IMAGE_BYTES];
	size_t n;
};

static inline void put(uint8_t *p, unsigned width, uint64_t v)
{
	for (unsigned i = 0; i < width; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static inline void header(struct image *im, unsigned wide, uint32_t type)
{
	static const uint8_t filler[4] = { 'P', 'A', 'G', 'E' };

	im->n = wide ? 0x2000 : 0x1000;
	for (size_t i = 0; i < im->n; i++)
		im->p[i] = filler[i % 4];
	memcpy(im->p, wide ? "PAGEDU64" : "PAGEDUMP", 8);
	put(im->p + (wide ? 0x30 : 0x20), 4, wide ? 0x8664 : 0x14c);
	put(im->p + (wide ? 0xf98 : 0xf88), 4, type);
	put(im->p + (wide ? 0x1050 : 0x8a0), 4, 0);
}

/* Two runs of two pages; then a secondary data stream. */
static inline void complete(struct image *im, unsigned wide)
{
	unsigned w = wide ? 8 : 4;
	uint8_t *block = im->p + (wide ? 0x88 : 0x64);

	header(im, wide, 1);
	put(block, 4, 2);
	put(block + w, w, 4);
	put(block + 2 * w, w, 1);
	put(block + 3 * w, w, 2);
	put(block + 4 * w, w, 0x10);
	put(block + 5 * w, w, 2);
	im->n += 4 * 0x1000;
	memcpy(im->p + im->n, "DumpBlob", 8);
	put(im->p + im->n + 8, 4, 0x10);
	put(im->p + im->n + 0x10, 4, 0x20);
	put(im->p + im->n + 0x24, 4, 0x10);
	im->n += 0x50;
}

/* Five pages of 0x47 bits; @old: the shape of NT 5.2. */
static inline void bitmap(struct image *im, unsigned wide, uint32_t type, unsigned old)
{
	unsigned bits_off = !old ? 0x38 : wide ? 0x28 : 0x20;
	uint8_t *p;

	header(im, wide, type);
	p = im->p + im->n;
	memcpy(p, type == 5 ? "FDMPDUMP" : "SDMPDUMP", 8);
	put(p + (old ? 0x0c : 0x20), old ? 4 : 8, im->n + 0x1000);
	put(p + (old ? 0x14 : 0x28), old ? 4 : 8, 5);
	put(p + (old ? 0x10 : 0x30), old ? 4 : 8, 0x47);
	if (old)
		put(p + 0x18, 4, 0x47);
	p[bits_off] = 0x79;
	im->n += 0x1000 + 4 * 0x1000;
}

static inline void ranges(struct image *im, uint32_t type)
{
	header(im, 1, type);
	put(im->p + 0x2000, 4, 0x40);
	memcpy(im->p + 0x2004, "RDMPDUMP", 8);
	put(im->p + 0x2010, 8, 0x3000 - 0x2020);
	put(im->p + 0x2018, 8, 0x3000);
	if (type == 10)
		put(im->p + 0x2020, 4, 2), put(im->p + 0x2028, 8, 4);
	put(im->p + 0x2030, 8, 0x200);
	put(im->p + 0x2038, 8, 2);
	put(im->p + 0x2040, 8, 1);
	put(im->p + 0x2048, 8, 2);
	im->n = 0x7000;
}

/* A CPU's state, and the guest's dump header behind it. */
static inline size_t notes(uint8_t *p)
{
	put(p, 4, 5);
	put(p + 4, 4, 0x1b8);
	memcpy(p + 12, "QEMU", 5);
	put(p + 20 + 0x168, 8, 0xfffff80000001000);
	put(p + 20 + 0x188, 4, 0x80050033);
	put(p + 20 + 0x1a0, 8, 0x1ad000);
	p += 20 + 0x1b8;
	put(p, 4, 11);
	put(p + 4, 4, 0x2000);
	memcpy(p + 12, "VMCOREINFO", 11);
	memcpy(p + 24, "PAGEDU64", 8);
	put(p + 24 + 0x30, 4, 0x8664);
	return 20 + 0x1b8 + 24 + 0x2000;
}

static inline void elf(struct image *im)
{
	uint8_t *p = im->p;

	memcpy(p, "\177ELF\2\1\1", 7);
	put(p + 16, 2, 4);
	put(p + 18, 2, 62);
	put(p + 20, 4, 1);
	put(p + 32, 8, 64);
	put(p + 54, 2, 56);
	put(p + 56, 2, 2);
	put(p + 64, 4, 4);
	put(p + 64 + 8, 8, 0x100);
	put(p + 64 + 32, 8, notes(p + 0x100));
	put(p + 120, 4, 1);
	put(p + 120 + 8, 8, 0x3000);
	put(p + 120 + 24, 8, 0x1000);
	put(p + 120 + 32, 8, 0x4000);
	put(p + 120 + 40, 8, 0x4000);
	im->n = 0x7000;
}

/* PFNs 0, 1 and 0x10, stored as they are; @start below @end: a part of them. */
static inline void kdump(struct image *im, uint64_t start, uint64_t end)
{
	static const uint8_t pfns[] = { 0, 1, 0x10 };
	uint8_t *p = im->p, *entry = p + 0x4000;

	memcpy(p, "KDUMP   ", 8);
	put(p + 8, 4, 6);
	put(p + 0x1ac, 4, 0x1000);
	put(p + 0x1b0, 4, 1);
	put(p + 0x1b4, 4, 2);
	put(p + 0x1b8, 4, 0x20);
	put(p + 0x1cc, 4, 1);
	put(p + 0x100c, 4, start < end);
	put(p + 0x1050, 8, start);
	put(p + 0x1058, 8, end);
	put(p + 0x1060, 8, 0x20);
	for (size_t i = 0; i < sizeof pfns; i++) {
		p[0x2000 + pfns[i] / 8] |= (uint8_t)(1 << pfns[i] % 8);
		p[0x3000 + pfns[i] / 8] |= (uint8_t)(1 << pfns[i] % 8);
		if (start < end && (pfns[i] < start || pfns[i] >= end))
			continue;
		put(entry, 8, 0x5000 + 0x1000 * i);
		put(entry + 8, 4, 0x1000);
		entry += 24;
	}
	im->n = 0x8000;
}

enum { IMAGE_SPLIT = 15, NR_IMAGES };

static inline void image_build(struct image *im, unsigned kind)
{
	memset(im, 0, sizeof *im);
	switch (kind) {
	case 0: complete(im, 0); break;
	case 1: complete(im, 1); break;
	case 2: bitmap(im, 0, 2, 1); break;
	case 3: bitmap(im, 0, 6, 1); break;
	case 4: bitmap(im, 0, 5, 0); break;
	case 5: bitmap(im, 1, 2, 1); break;
	case 6: bitmap(im, 1, 6, 0); break;
	case 7: bitmap(im, 1, 5, 0); break;
	case 8: bitmap(im, 1, 7, 0); break;
	case 9: ranges(im, 8); break;
	case 10: ranges(im, 9); break;
	case 11: ranges(im, 10); break;
	case 12: header(im, 1, 3); break;
	case 13: elf(im); break;
	case 14: kdump(im, 0, 0); break;
	default: kdump(im, 0, 0x10); break;
	}
}

#endif
