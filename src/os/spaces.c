/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What speaks for one address space being the kernel's. A few reads each:
 * nothing here enumerates page tables.
 *
 * Sources: kernel-globals.md sections 1.2, 2 and 6.
 */
#include "dumpleak/os/internal.h"

#include <string.h>

/* In rising weight. */
struct evidence {
	bool self_map, shared_data, modules, kdbg, image;
};

bool list_closes(struct vm *vm, uint64_t va, uint8_t ptr_bytes)
{
	uint64_t next, previous, back, forth;

	return !vm_word(vm, va, ptr_bytes, &next, NULL) &&
	       !vm_word(vm, va + ptr_bytes, ptr_bytes, &previous, NULL) &&
	       !vm_word(vm, next + ptr_bytes, ptr_bytes, &back, NULL) &&
	       !vm_word(vm, previous, ptr_bytes, &forth, NULL) &&
	       back == va && forth == va;
}

bool kernel_image_at(struct vm *vm, const struct space_kind *kind, uint64_t va)
{
	struct image img;

	return image_at(vm, va, &img) && img.machine == kind->machine;
}

/* A sum that puts any weightier piece above all lighter ones together. */
static int weight(struct evidence e)
{
	return e.self_map + 2 * e.shared_data + 4 * e.modules + 8 * e.kdbg + 16 * e.image;
}

int space_weigh(struct vm *vm, const struct space_kind *kind, const struct dump_header *h)
{
	struct evidence e = { .self_map = space_maps_itself(vm) };
	struct shared_data s;
	struct kdbg k;
	uint64_t base;

	e.shared_data = shared_data_read(vm, kind->shared_data_va, &s);
	e.modules = h->modules_va.known &&
		    list_closes(vm, h->modules_va.value & vm->mode->va_mask, kind->ptr_bytes);
	e.kdbg = h->kdbg_va.known &&
		 !kdbg_at(vm, h->kdbg_va.value & vm->mode->va_mask, kind->ptr_bytes, &k, NULL);
	e.image = e.kdbg && kdbg_value(&k, KDBG_KERN_BASE, &base) &&
		  kernel_image_at(vm, kind, base);
	return weight(e);
}

const struct space_kind *space_best(struct phys *phys, uint16_t machine,
				    uint64_t root_pa, const struct dump_header *h)
{
	const struct space_kind *kind, *best = NULL;
	int best_weight = 0;

	for (size_t i = 0; (kind = space_kinds(machine, i)); i++) {
		bool as_told = h->pae.known && !!h->pae.value == (kind->mode == &paging_pae);
		struct vm vm;
		int w;

		vm_init(&vm, phys, kind->mode, root_pa);
		/* of two equals, the one the header names */
		w = space_weigh(&vm, kind, h) * 2;
		if (w && w + as_told > best_weight) {
			best = kind;
			best_weight = w + as_told;
		}
	}
	return best;
}

/*
 * With KVA shadow each process has two roots; a processor that was stopped in
 * user mode shows the one in which of the kernel's half only the entry code is
 * mapped. Such a root looks like one, and leads to nothing.
 */
bool space_is_a_root(struct phys *phys, uint16_t machine, uint64_t root_pa)
{
	const struct space_kind *kind = space_kinds(machine, 0);
	const uint8_t *page;
	size_t valid = 0, empty = 0;

	if (!kind || kind->ptr_bytes != 8 ||
	    phys_page(phys, (root_pa & kind->mode->root_mask) >> PAGE_SHIFT, &page, NULL))
		return false;
	for (size_t off = PAGE_BYTES / 2; off < PAGE_BYTES; off += 8) {
		uint64_t e = le64(page + off);

		empty += !e;
		valid += (e & 1) && !(e & 0x80) && (e & kind->mode->pfn_mask);
	}
	return valid && valid + empty == PAGE_BYTES / 16;
}

/*
 * The block of code and data that starts the other processors of a PC: it lies
 * in the first megabyte and holds the CR3 to begin with.
 */
bool space_low_stub(struct phys *phys, uint64_t *root_pa)
{
	enum { FIRST_PFN = 1, LAST_PFN = 0xff, OFF_ENTRY = 0x70, OFF_CR3 = 0xa0 };

	for (uint64_t pfn = FIRST_PFN; pfn <= LAST_PFN; pfn++) {
		const uint8_t *page;

		if (phys_page(phys, pfn, &page, NULL) ||
		    (le64(page) & 0xffffffffffff00ff) != 0x00000001000600e9 ||
		    (le64(page + OFF_ENTRY) & 0xfffff80000000003) != 0xfffff80000000000 ||
		    (le64(page + OFF_CR3) & 0xffffff0000000fff))
			continue;
		*root_pa = le64(page + OFF_CR3);
		return true;
	}
	return false;
}

/*
 * What @k calls the kernel's base is that, in this space: there is an image,
 * or, should its headers be missing, the first module has that base.
 */
static bool kernel_extent(struct vm *vm, const struct space_kind *kind,
			  const struct kdbg *k, uint64_t *base, uint64_t *size_bytes)
{
	const uint64_t max_bytes = 256 << 20;
	uint8_t ptr_bytes = kind->ptr_bytes;
	uint64_t head, entry, first;
	struct image img;

	if (!kdbg_value(k, KDBG_KERN_BASE, base) || *base < kind->mode->kernel_first_va)
		return false;
	if (image_at(vm, *base, &img)) {
		*size_bytes = img.size_bytes;
		return img.machine == kind->machine;
	}
	return kdbg_value(k, KDBG_LOADED_MODULES, &head) && list_closes(vm, head, ptr_bytes) &&
	       !vm_word(vm, head, ptr_bytes, &entry, NULL) &&
	       !vm_word(vm, entry + 6u * ptr_bytes, ptr_bytes, &first, NULL) &&
	       first == *base && !vm_word(vm, entry + 8u * ptr_bytes, 4, size_bytes, NULL) &&
	       *size_bytes && *size_bytes <= max_bytes;
}

bool space_holds(struct vm *vm, const struct space_kind *kind, struct kdbg *k,
		 size_t *pages_left)
{
	uint64_t base, size_bytes, offset = k->pa & (PAGE_BYTES - 1);

	k->ptr_bytes = kind->ptr_bytes;
	if (!kernel_extent(vm, kind, k, &base, &size_bytes))
		return false;
	for (uint64_t va = base; va < base + size_bytes && *pages_left; va += PAGE_BYTES) {
		struct translation t;

		--*pages_left;
		if (vm_translate(vm, va, &t, NULL) || t.pa != k->pa - offset)
			continue;
		k->va = va + offset;
		return true;
	}
	return false;
}

/* Before the build is known: DllBase stands after three list entries always. */
bool space_first_module(struct vm *vm, const struct space_kind *kind,
			uint64_t modules_va, uint64_t *base)
{
	uint8_t ptr_bytes = kind->ptr_bytes;
	uint64_t entry;

	return modules_va && list_closes(vm, modules_va, ptr_bytes) &&
	       !vm_word(vm, modules_va, ptr_bytes, &entry, NULL) &&
	       !vm_word(vm, entry + 6u * ptr_bytes, ptr_bytes, base, NULL) &&
	       kernel_image_at(vm, kind, *base);
}

/*
 * Where the first entry is not in the image, the list is known by its other
 * end: a module entry that leads back to the head.
 */
bool space_last_module(struct vm *vm, const struct space_kind *kind, uint64_t modules_va)
{
	const uint64_t max_bytes = 256 << 20;
	uint8_t ptr_bytes = kind->ptr_bytes;
	uint64_t first, last, back, base, size_bytes, there;

	return modules_va && !vm_word(vm, modules_va, ptr_bytes, &first, NULL) &&
	       first >= kind->mode->kernel_first_va && first != modules_va &&
	       vm_word(vm, first, ptr_bytes, &there, NULL) &&
	       !vm_word(vm, modules_va + ptr_bytes, ptr_bytes, &last, NULL) &&
	       !vm_word(vm, last, ptr_bytes, &back, NULL) && back == modules_va &&
	       !vm_word(vm, last + 6u * ptr_bytes, ptr_bytes, &base, NULL) &&
	       base >= kind->mode->kernel_first_va && base % PAGE_BYTES == 0 &&
	       !vm_word(vm, last + 8u * ptr_bytes, 4, &size_bytes, NULL) &&
	       size_bytes && size_bytes <= max_bytes;
}
