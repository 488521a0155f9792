/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space to the KDBG block in it: at an address that a header names,
 * or in the kernel's own image; plain or encoded.
 *
 * Sources: kernel-globals.md sections 1.1 and 1.2.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_KERNEL_PAGES = 32 << 20 >> PAGE_SHIFT };

/* One page of the image and the one behind it, zeroes where they are missing. */
struct window {
	uint64_t va;
	bool has_page;
	uint8_t b[2 * PAGE_BYTES];
};

static bool window_read(struct vm *vm, uint64_t va, struct window *w)
{
	w->va = va;
	w->has_page = !vm_read(vm, va, w->b, PAGE_BYTES, NULL);
	if (vm_read(vm, va + PAGE_BYTES, w->b + PAGE_BYTES, PAGE_BYTES, NULL))
		memset(w->b + PAGE_BYTES, 0, PAGE_BYTES);
	return w->has_page;
}

static bool is_of_image(const struct kdbg *k, uint64_t base)
{
	uint64_t said;

	return kdbg_value(k, KDBG_KERN_BASE, &said) && said == base;
}

static bool plain_in(struct vm *vm, const struct space_kind *kind, uint64_t base,
		     const struct window *w, struct kdbg *out)
{
	const size_t off_tag = 0x10;

	for (size_t off = 0; off < PAGE_BYTES; off += 8)
		if (le32(w->b + off + off_tag) == 0x4742444b &&
		    !kdbg_at(vm, w->va + off, kind->ptr_bytes, out, NULL) &&
		    is_of_image(out, base))
			return true;
	return false;
}

static bool encoded_in(struct vm *vm, const struct kdbg_decoder *d, uint64_t base,
		       const struct window *w, struct kdbg *out)
{
	struct bytes b = { w->b, sizeof w->b };
	struct kdbg_code code;

	for (size_t off = 0; kdbg_find_encoded(d, b, PAGE_BYTES, &off, &code); off += 8)
		if (kdbg_decode_at(vm, d, w->va + off, out) && is_of_image(out, base))
			return true;
	return false;
}

bool kdbg_in_image(struct vm *vm, const struct space_kind *kind,
		   const struct kdbg_decoder *d, uint64_t base, struct kdbg *out)
{
	struct window w;
	struct image img;
	uint64_t nr;

	memset(out, 0, sizeof *out);
	if (!image_at(vm, base, &img))
		return false;
	nr = img.size_bytes / PAGE_BYTES;
	for (uint64_t i = 0; i < nr && i < MAX_KERNEL_PAGES; i++)
		if (window_read(vm, base + (i << PAGE_SHIFT), &w) &&
		    (plain_in(vm, kind, base, &w, out) || encoded_in(vm, d, base, &w, out)))
			return true;
	memset(out, 0, sizeof *out);
	return false;
}

/* A block left over from elsewhere: the header's module list is one, its own is not. */
static bool is_stale(struct vm *vm, const struct space_kind *kind,
		     const struct dump_header *h, const struct kdbg *k)
{
	uint64_t said = h->modules_va.value & vm->mode->va_mask, own = 0;

	return h->modules_va.known && kdbg_value(k, KDBG_LOADED_MODULES, &own) && own != said &&
	       list_closes(vm, said, kind->ptr_bytes) && !list_closes(vm, own, kind->ptr_bytes);
}

bool kdbg_at_header(struct vm *vm, const struct space_kind *kind,
		    const struct kdbg_decoder *d, const struct dump_header *h,
		    struct kdbg *out, const char **how, struct dl_err *why)
{
	uint64_t va = h->kdbg_va.value & vm->mode->va_mask;
	uint64_t copy_va = h->bugcheck_parameter[0].value & vm->mode->va_mask;

	if (!h->kdbg_va.known || !va)
		return false;
	*how = "header";
	if (!kdbg_at(vm, va, kind->ptr_bytes, out, why)) {
		if (!is_stale(vm, kind, h, out))
			return true;
		err_set(why, DL_CORRUPT, "the KDBG block at VA %#" PRIx64 " is another kernel's",
			va);
	}
	*how = "decoded";
	if (kind->ptr_bytes == 8 && kdbg_decode_at(vm, d, va, out))
		return true;
	/* a guest's dump driver leaves a plain copy of an encoded block there */
	*how = "bugcheck parameter 1";
	return h->bugcheck_parameter[0].known && copy_va >= kind->mode->kernel_first_va &&
	       !kdbg_at(vm, copy_va, kind->ptr_bytes, out, NULL);
}
