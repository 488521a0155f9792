/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped kernel memory to the kernel's image and its module list. The kernel
 * is the image that its own data names: there is a list head in it whose first
 * entry is a module entry for that very image. Its name in the export directory
 * says so sooner, where that page is in the dump. Large pages come first: 64-bit
 * kernels lie in them, except on small machines. Holds for every build whose
 * module entries begin alike, so far all.
 *
 * Sources: kernel-globals.md sections 3 and 4.
 */
#include "dumpleak/os/internal.h"

#include <string.h>

enum {
	MAX_IMAGES = 512,
	/* pages looked through for the list, all images together */
	MAX_PAGES = 32 << 20 >> PAGE_SHIFT,
	/* mapped pages looked at: tables may claim any number of 1 GB pages */
	MAX_LOOKS = 1 << 22,
};

struct found_image {
	uint64_t base;
	struct image image;
};

struct image_search {
	struct vm *vm;
	const struct space_kind *kind;
	struct found_image found[MAX_IMAGES];
	size_t nr, pages_left, looks_left;
	bool only_large, named; /* named: the last one found bears the kernel's name */
};

static bool is_kernel_name(const char *name)
{
	static const char *const names[] = {
		"ntoskrnl.exe", "ntkrnlpa.exe", "ntkrnlmp.exe", "ntkrpamp.exe",
		"ntkrla57.exe",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void look_at(struct image_search *s, uint64_t va)
{
	struct found_image *f = &s->found[s->nr];
	char name[32];

	f->base = va;
	if (!image_at(s->vm, va, &f->image) || f->image.machine != s->kind->machine)
		return;
	s->nr++;
	s->named = image_name(s->vm, va, &f->image, name, sizeof name) && is_kernel_name(name);
}

static enum dl_status look_in_run(void *ctx, const struct vm_run *run)
{
	struct image_search *s = ctx;

	if (s->only_large && !run->large)
		return DL_OK;
	for (uint64_t i = 0; i < run->nr_pages && s->nr < MAX_IMAGES && !s->named; i++) {
		const uint8_t *page;

		if (!s->looks_left)
			return DL_END;
		s->looks_left--;
		if (!phys_page(s->vm->phys, run->pfn + i, &page, NULL) &&
		    page[0] == 'M' && page[1] == 'Z')
			look_at(s, run->va + (i << PAGE_SHIFT));
	}
	return s->named || s->nr == MAX_IMAGES ? DL_END : DL_OK;
}

/*
 * @va is a list head, and its first entry @entry a module entry for @f. Base
 * and size must both fit: a KDBG block, which is on a list too, has the base
 * at the same place.
 */
static bool is_module_list(struct vm *vm, uint8_t ptr_bytes, uint64_t va, uint64_t entry,
			   const struct found_image *f)
{
	uint64_t base, size_bytes;

	return entry >= vm->mode->kernel_first_va && entry != va &&
	       !vm_word(vm, entry + 6u * ptr_bytes, ptr_bytes, &base, NULL) &&
	       base == f->base &&
	       !vm_word(vm, entry + 8u * ptr_bytes, 4, &size_bytes, NULL) &&
	       (size_bytes ^ f->image.size_bytes) < PAGE_BYTES &&
	       list_closes(vm, va, ptr_bytes);
}

static bool list_in_page(struct image_search *s, uint64_t va, const struct found_image *f,
			 uint64_t *head_va)
{
	uint8_t page[PAGE_BYTES], ptr_bytes = s->kind->ptr_bytes;

	if (vm_read(s->vm, va, page, sizeof page, NULL))
		return false;
	for (size_t off = 0; off < sizeof page; off += ptr_bytes) {
		*head_va = va + off;
		if (is_module_list(s->vm, ptr_bytes, *head_va, le_word(page + off, ptr_bytes),
				   f))
			return true;
	}
	return false;
}

static bool list_in_image(struct image_search *s, const struct found_image *f,
			  uint64_t *head_va)
{
	for (uint64_t rva = 0; rva < f->image.size_bytes && s->pages_left; rva += PAGE_BYTES) {
		s->pages_left--;
		if (list_in_page(s, f->base + rva, f, head_va))
			return true;
	}
	return false;
}

/* PsLoadedModuleList is exported; older kernels' is found by its looks. */
static bool module_list_of(struct image_search *s, const struct found_image *f,
			   uint64_t *modules_va)
{
	uint8_t ptr_bytes = s->kind->ptr_bytes;
	uint64_t entry;

	if (image_export(s->vm, f->base, &f->image, "PsLoadedModuleList", modules_va) &&
	    !vm_word(s->vm, *modules_va, ptr_bytes, &entry, NULL) &&
	    (is_module_list(s->vm, ptr_bytes, *modules_va, entry, f) ||
	     space_last_module(s->vm, s->kind, *modules_va)))
		return true;
	return list_in_image(s, f, modules_va);
}

static bool choose(struct image_search *s, uint64_t *base, uint64_t *modules_va)
{
	if (s->named) {
		*base = s->found[s->nr - 1].base;
		if (!module_list_of(s, &s->found[s->nr - 1], modules_va))
			*modules_va = 0;
		return true;
	}
	for (size_t i = 0; i < s->nr; i++) {
		*base = s->found[i].base;
		if (list_in_image(s, &s->found[i], modules_va))
			return true;
	}
	*base = *modules_va = 0;
	return false;
}

static bool search(struct image_search *s, bool only_large)
{
	struct vm_tally tally = { 0 };

	s->only_large = only_large;
	s->looks_left = MAX_LOOKS;
	s->nr = 0;
	return !vm_runs(s->vm, s->kind->images_first_va, s->kind->images_last_va, look_in_run,
			s, &tally, NULL);
}

bool kernel_image_find(struct vm *vm, const struct space_kind *kind, uint64_t *base,
		       uint64_t *modules_va)
{
	struct image_search s;

	s.vm = vm;
	s.kind = kind;
	s.named = false;
	s.pages_left = MAX_PAGES;
	return search(&s, true) && (s.named || search(&s, false)) &&
	       choose(&s, base, modules_va);
}
