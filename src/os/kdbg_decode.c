/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KDBG blocks as 64-bit Windows 8 and later keep them in live memory, to plain
 * ones, without symbols or keys. The kernel encodes each 64-bit word e of the
 * block with two random words N and W and an address A:
 *
 *	plain = bswap(rol(e ^ N, N mod 64) ^ A) ^ W
 *
 * Rotation and byte swap distribute over XOR, so that this is
 * bswap(rol(e, r)) ^ K with one r and one K for the whole block. Then the XOR of
 * two encoded words is that of the plain ones, byte-swapped and rotated: two
 * words that are known (the tag with the size, and MmPageSize) give r, and one
 * of them K. 640 values to compare with find a block anywhere.
 *
 * Sources: kernel-globals.md section 1.1 for the encoding.
 */
#include "dumpleak/os/kdbg.h"

#include <stdlib.h>
#include <string.h>

enum {
	OFF_TAG = 0x10, OFF_PAGE_SIZE = 0x138,
	FIRST_SIZE = 0x360,             /* Windows 8's */
	KNOWN_SLOTS = 2048,             /* of 640: a chain is short */
};

static uint64_t rol64(uint64_t v, unsigned n)
{
	return v << (n & 63) | v >> (-n & 63);
}

static uint64_t bswap64(uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	return be64(b);
}

/* The word at OFF_TAG of a block of this size. */
static uint64_t tag_word(uint64_t size_bytes)
{
	const uint32_t kdbg = 0x4742444b;

	return size_bytes << 32 | kdbg;
}

struct kdbg_decoder {
	struct { uint64_t sum; uint32_t size_bytes; uint8_t turn; } known[KNOWN_SLOTS];
	uint8_t maybe[1 << 13];         /* a bit for each 16-bit hash of a sum */
};

static unsigned hash16(uint64_t sum)
{
	return (unsigned)(sum * 0x9e3779b97f4a7c15u >> 48);
}

static size_t slot_of(const struct kdbg_decoder *d, uint64_t sum)
{
	size_t i = hash16(sum) % KNOWN_SLOTS;

	while (d->known[i].sum && d->known[i].sum != sum)
		i = (i + 1) % KNOWN_SLOTS;
	return i;
}

struct kdbg_decoder *kdbg_decoder_new(void)
{
	struct kdbg_decoder *d = calloc(1, sizeof *d);

	for (uint32_t size = FIRST_SIZE; d && size <= KDBG_MAX_BYTES; size += 8)
		for (unsigned turn = 0; turn < 64; turn++) {
			/* rol(sum, turn) is what the byte swap then turns into plain */
			uint64_t sum = rol64(bswap64(tag_word(size) ^ PAGE_BYTES), 64 - turn);
			size_t i = slot_of(d, sum);

			d->known[i].sum = sum;
			d->known[i].size_bytes = size;
			d->known[i].turn = (uint8_t)turn;
			d->maybe[hash16(sum) / 8] |= (uint8_t)(1u << hash16(sum) % 8);
		}
	return d;
}

void kdbg_decoder_free(struct kdbg_decoder *d)
{
	free(d);
}

static bool may_be(const struct kdbg_decoder *d, uint64_t sum)
{
	return d->maybe[hash16(sum) / 8] >> hash16(sum) % 8 & 1;
}

bool kdbg_find_encoded(const struct kdbg_decoder *d, struct bytes b, size_t end_off,
		       size_t *off, struct kdbg_code *code)
{
	for (; *off < end_off && b.n >= OFF_PAGE_SIZE + 8 &&
	       *off <= b.n - (OFF_PAGE_SIZE + 8); *off += 8) {
		uint64_t tag = le64(b.p + *off + OFF_TAG);
		uint64_t sum = tag ^ le64(b.p + *off + OFF_PAGE_SIZE);
		size_t i;

		if (!may_be(d, sum))
			continue;
		i = slot_of(d, sum);
		if (!d->known[i].sum)
			continue;
		code->size_bytes = d->known[i].size_bytes;
		code->turn = d->known[i].turn;
		code->key = tag_word(code->size_bytes) ^ bswap64(rol64(tag, code->turn));
		return true;
	}
	return false;
}

/* An address in the image at @base, as far as images are long. */
static bool is_in_image(const struct kdbg *k, enum kdbg_field field, uint64_t base)
{
	const uint64_t max_image_bytes = 256 << 20;
	uint64_t va;

	return kdbg_value(k, field, &va) && va >= base && va - base < max_image_bytes;
}

bool kdbg_decode(struct bytes b, const struct kdbg_code *code, struct kdbg *out)
{
	uint8_t raw[KDBG_MAX_BYTES] = { 0 };
	uint64_t base;

	if (b.n < code->size_bytes || code->size_bytes > sizeof raw)
		return false;
	for (size_t off = 0; off < code->size_bytes; off += 8) {
		uint64_t v = bswap64(rol64(le64(b.p + off), code->turn)) ^ code->key;

		for (size_t i = 0; i < 8; i++)
			raw[off + i] = (uint8_t)(v >> (8 * i));
	}
	if (!kdbg_parse((struct bytes){ raw, code->size_bytes }, 8, out) ||
	    !kdbg_value(out, KDBG_KERN_BASE, &base) || base >> 56 != 0xff ||
	    !is_in_image(out, KDBG_LOADED_MODULES, base) ||
	    !is_in_image(out, KDBG_ACTIVE_PROCESSES, base))
		return false;
	out->decoded = true;
	return true;
}

bool kdbg_decode_at(struct vm *vm, const struct kdbg_decoder *d, uint64_t va,
		    struct kdbg *out)
{
	uint8_t raw[KDBG_MAX_BYTES] = { 0 };
	struct bytes b = { raw, sizeof raw };
	struct kdbg_code code;
	struct translation t;
	size_t off = 0;

	if (vm_read(vm, va, raw, FIRST_SIZE, NULL) ||
	    !kdbg_find_encoded(d, b, 8, &off, &code) ||
	    vm_read(vm, va, raw, code.size_bytes, NULL) || vm_translate(vm, va, &t, NULL) ||
	    !kdbg_decode(b, &code, out))
		return false;
	out->va = va;
	out->pa = t.pa;
	return true;
}

bool kdbg_decode_page(struct phys *phys, const struct kdbg_decoder *d, uint64_t pfn,
		      const uint8_t *page, size_t *off, struct kdbg *out)
{
	uint64_t base = pfn << PAGE_SHIFT;
	struct kdbg_code code;

	/* a block whose known words lie in two pages is found in the image only */
	for (; kdbg_find_encoded(d, (struct bytes){ page, PAGE_BYTES }, PAGE_BYTES, off, &code);
	     *off += 8) {
		uint8_t raw[KDBG_MAX_BYTES] = { 0 };

		/* may read another page: ask for @page again */
		if (phys_read(phys, base + *off, raw, code.size_bytes, NULL) ||
		    !kdbg_decode((struct bytes){ raw, code.size_bytes }, &code, out)) {
			if (phys_page(phys, pfn, &page, NULL))
				return false;
			continue;
		}
		out->pa = base + *off;
		*off += 8;
		return true;
	}
	return false;
}
