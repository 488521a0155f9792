/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and reading KDDEBUGGER_DATA64 in clear; kdbg_decode.c has the form that
 * 64-bit Windows 8 and later keep in live memory.
 */
#include "dumpleak/os/kdbg.h"

#include <inttypes.h>
#include <string.h>

enum { OFF_TAG = 0x10, OFF_SIZE = 0x14 };

static const uint8_t owner_tag[4] = { 'K', 'D', 'B', 'G' };

static uint64_t cut(const struct kdbg *k, uint64_t v)
{
	return k->ptr_bytes == 4 ? v & 0xffffffff : v;
}

bool kdbg_value(const struct kdbg *kdbg, enum kdbg_field field, uint64_t *out)
{
	uint64_t v;

	if (!kdbg->known || (uint64_t)field + 8 > kdbg->size_bytes)
		return false;
	v = cut(kdbg, le64(kdbg->raw + field));
	if (!v)
		return false;
	*out = v;
	return true;
}

bool kdbg_variable(struct vm *vm, const struct kdbg *kdbg, enum kdbg_field field,
		   uint64_t *out)
{
	uint64_t va;

	return kdbg_value(kdbg, field, &va) &&
	       !vm_word(vm, va, kdbg->ptr_bytes, out, NULL);
}

bool kdbg_parse(struct bytes b, uint8_t ptr_bytes, struct kdbg *out)
{
	struct kdbg k = { .known = true, .ptr_bytes = ptr_bytes };
	uint64_t base;

	if (b.n < KDBG_MIN_BYTES || memcmp(b.p + OFF_TAG, owner_tag, 4))
		return false;
	k.size_bytes = le32(b.p + OFF_SIZE);
	if (k.size_bytes < KDBG_MIN_BYTES || k.size_bytes > KDBG_MAX_BYTES ||
	    k.size_bytes % 8 || k.size_bytes > b.n)
		return false;
	memcpy(k.raw, b.p, k.size_bytes);
	if (!kdbg_value(&k, KDBG_KERN_BASE, &base) || base & (PAGE_BYTES - 1))
		return false;
	*out = k;
	return true;
}

enum dl_status kdbg_at(struct vm *vm, uint64_t va, uint8_t ptr_bytes,
		       struct kdbg *out, struct dl_err *err)
{
	uint8_t raw[KDBG_MAX_BYTES];
	struct translation t;
	size_t n = KDBG_MIN_BYTES;
	enum dl_status st = vm_read(vm, va, raw, n, err);

	if (!st)
		st = vm_translate(vm, va, &t, err);
	if (st)
		return err_prefix(err, st, "KDBG at VA %#" PRIx64, va);
	if (le32(raw + OFF_SIZE) <= KDBG_MAX_BYTES && le32(raw + OFF_SIZE) > n) {
		n = le32(raw + OFF_SIZE);
		st = vm_read(vm, va, raw, n, err);
		if (st)
			return err_prefix(err, st, "KDBG at VA %#" PRIx64, va);
	}
	if (!kdbg_parse((struct bytes){ raw, n }, ptr_bytes, out))
		return err_set(err, DL_CORRUPT,
			       "no KDBG block at VA %#" PRIx64 " (tag, size or kernel base is wrong)",
			       va);
	out->va = va;
	out->pa = t.pa;
	return DL_OK;
}

/* A block at this place, which may run into the physically next page. */
static bool at_pa(struct phys *phys, uint64_t pa, uint8_t ptr_bytes,
		  struct kdbg *out)
{
	uint8_t raw[KDBG_MAX_BYTES];
	size_t n = KDBG_MAX_BYTES;
	uint64_t room = PAGE_BYTES - (pa & (PAGE_BYTES - 1));

	if (phys_read(phys, pa, raw, n, NULL)) {
		n = room < n ? (size_t)room : n;
		if (phys_read(phys, pa, raw, n, NULL))
			return false;
	}
	if (!kdbg_parse((struct bytes){ raw, n }, ptr_bytes, out))
		return false;
	out->pa = pa;
	return true;
}

/* First hit in one page at or after @from; PAGE_BYTES if none. */
static size_t find_in_page(const uint8_t *page, size_t from)
{
	const uint8_t *p = page + from, *end = page + PAGE_BYTES;

	/* The block is 8-byte aligned at least; so is its tag. */
	for (; p < end && (p = memchr(p, 'K', (size_t)(end - p))); p++)
		if ((p - page) % 8 == 0 && !memcmp(p, owner_tag, sizeof owner_tag))
			return (size_t)(p - page);
	return PAGE_BYTES;
}

bool kdbg_in_page(struct phys *phys, uint64_t pfn, const uint8_t *page,
		  size_t *hit, uint8_t ptr_bytes, struct kdbg *out)
{
	uint64_t base = pfn << PAGE_SHIFT;
	/* Checking a hit reads other pages: @page may turn over in the cache. */
	uint8_t copy[PAGE_BYTES];
	bool copied = false;

	while ((*hit = find_in_page(page, *hit)) < PAGE_BYTES) {
		uint64_t tag_pa = base + *hit;

		if (!copied) {
			page = memcpy(copy, page, PAGE_BYTES);
			copied = true;
		}
		*hit += 8;
		if (tag_pa >= OFF_TAG && at_pa(phys, tag_pa - OFF_TAG, ptr_bytes, out))
			return true;
	}
	return false;
}

static bool scan_page(struct phys *phys, uint64_t pfn, uint64_t *pa,
		      uint8_t ptr_bytes, struct kdbg *out)
{
	uint64_t base = pfn << PAGE_SHIFT;
	size_t hit = *pa > base ? (size_t)(*pa - base) : 0;
	const uint8_t *page;

	if (hit >= PAGE_BYTES || phys_page(phys, pfn, &page, NULL) ||
	    !kdbg_in_page(phys, pfn, page, &hit, ptr_bytes, out))
		return false;
	*pa = base + hit;
	return true;
}

enum dl_status kdbg_scan(struct phys *phys, uint64_t limit_pages, uint64_t *pa,
			 uint8_t ptr_bytes, struct kdbg *out)
{
	uint64_t pfn = *pa >> PAGE_SHIFT, first, last, seen = 0;

	while (!container_run(phys->container, pfn, &first, &last)) {
		if (pfn < first)
			pfn = first;
		for (; pfn <= last; pfn++) {
			if (seen++ >= limit_pages)
				return DL_END;
			if (scan_page(phys, pfn, pa, ptr_bytes, out))
				return DL_OK;
		}
	}
	return DL_END;
}
