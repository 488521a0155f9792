/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped kernel memory to the kernel's image and its module list, for dumps
 * without a KDBG block. The image is known by the name in its export directory
 * or, where that page is missing, by sections that only the kernel has.
 * Kernels of any build so far have one of these names.
 *
 * Sources: kernel-globals.md section 3.
 */
#include "dumpleak/os/internal.h"

#include <string.h>

struct image_search {
	struct vm *vm;          /* another than the one that enumerates */
	uint16_t machine;
	uint64_t named, likely; /* bases, 0: none */
};

static bool is_kernel_name(const char *name)
{
	static const char *const names[] = {
		"ntoskrnl.exe", "ntkrnlpa.exe", "ntkrnlmp.exe", "ntkrpamp.exe",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static bool has_kernel_section(struct vm *vm, uint64_t base, const struct image *img)
{
	static const char names[][8] = { "POOLCODE", "POOLMI\0", "PAGEKD\0", "ALMOSTRO" };
	uint8_t raw[8];

	for (uint64_t i = 0; i < img->nr_sections && i < 96; i++) {
		if (vm_read(vm, base + img->sections_rva + i * 40, raw, sizeof raw, NULL))
			return false;
		for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
			if (!memcmp(raw, names[k], sizeof raw))
				return true;
	}
	return false;
}

static void look_at(struct image_search *s, uint64_t va)
{
	struct image img;
	char name[32];

	if (!image_at(s->vm, va, &img) || img.machine != s->machine)
		return;
	if (image_name(s->vm, va, &img, name, sizeof name)) {
		if (is_kernel_name(name))
			s->named = va;
	} else if (!s->likely && has_kernel_section(s->vm, va, &img)) {
		s->likely = va;
	}
}

static enum dl_status look_in_run(void *ctx, const struct vm_run *run)
{
	struct image_search *s = ctx;

	for (uint64_t i = 0; i < run->nr_pages && !s->named; i++) {
		const uint8_t *page;

		if (!phys_page(s->vm->phys, run->pfn + i, &page, NULL) &&
		    page[0] == 'M' && page[1] == 'Z')
			look_at(s, run->va + (i << PAGE_SHIFT));
	}
	return s->named ? DL_END : DL_OK;
}

bool kernel_image_find(struct vm *vm, uint16_t machine, uint64_t *base)
{
	struct image_search s = { .vm = vm, .machine = machine };
	struct vm_tally tally = { 0 };

	if (vm_runs(vm, vm->mode->kernel_first_va, vm->mode->va_mask, look_in_run, &s,
		    &tally, NULL) || (!s.named && !s.likely))
		return false;
	*base = s.named ? s.named : s.likely;
	return true;
}

/* @va is a list head whose first entry is a module entry of the kernel. */
static bool is_module_list(struct os *os, uint64_t va, uint64_t entry, uint8_t ptr_bytes)
{
	uint64_t base;

	return entry >= os->vm.mode->kernel_first_va && entry != va &&
	       !vm_word(&os->vm, entry + 6u * ptr_bytes, ptr_bytes, &base, NULL) &&
	       base == os->kernel_base && list_closes(&os->vm, va, ptr_bytes);
}

bool module_list_find(struct os *os, uint8_t ptr_bytes, uint64_t *head_va)
{
	uint64_t end = os->kernel_base + os->kernel_bytes;

	for (uint64_t va = os->kernel_base; va < end; va += PAGE_BYTES) {
		uint8_t page[PAGE_BYTES];

		if (vm_read(&os->vm, va, page, sizeof page, NULL))
			continue;
		for (size_t off = 0; off < sizeof page; off += ptr_bytes)
			if (is_module_list(os, va + off, le_word(page + off, ptr_bytes),
					   ptr_bytes)) {
				*head_va = va + off;
				return true;
			}
	}
	return false;
}
