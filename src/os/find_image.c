/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped kernel memory to the kernel's image and its module list, for dumps
 * without a KDBG block. The kernel is the image that its own data names: there
 * is a list head in it whose first entry is a module entry for that very
 * image. Where that list is not in the dump, its name in the export directory
 * must do. Holds for every build whose module entries begin alike, so far all.
 *
 * Sources: kernel-globals.md sections 3 and 4.
 */
#include "dumpleak/os/internal.h"

#include <string.h>

enum {
	MAX_IMAGES = 512,
	/* pages looked through for the list, all images together */
	MAX_PAGES = 32 << 20 >> PAGE_SHIFT,
};

struct found_image {
	uint64_t base;
	struct image image;
};

struct image_search {
	struct vm *vm;
	const struct space_kind *kind;
	struct found_image found[MAX_IMAGES];
	size_t nr, pages_left;
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

static void look_at(struct image_search *s, uint64_t va)
{
	struct found_image *f = &s->found[s->nr];

	f->base = va;
	s->nr += image_at(s->vm, va, &f->image) && f->image.machine == s->kind->machine;
}

static enum dl_status look_in_run(void *ctx, const struct vm_run *run)
{
	struct image_search *s = ctx;

	for (uint64_t i = 0; i < run->nr_pages && s->nr < MAX_IMAGES; i++) {
		const uint8_t *page;

		if (!phys_page(s->vm->phys, run->pfn + i, &page, NULL) &&
		    page[0] == 'M' && page[1] == 'Z')
			look_at(s, run->va + (i << PAGE_SHIFT));
	}
	return s->nr < MAX_IMAGES ? DL_OK : DL_END;
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

static bool is_named_kernel(struct image_search *s, const struct found_image *f)
{
	char name[32];

	return image_name(s->vm, f->base, &f->image, name, sizeof name) &&
	       is_kernel_name(name);
}

/* First those that bear the name, which saves looking through the rest. */
static bool choose(struct image_search *s, uint64_t *base, uint64_t *modules_va)
{
	size_t named = s->nr;

	for (size_t i = s->nr; i-- > 0;)
		if (is_named_kernel(s, &s->found[i]))
			named = i;
	*modules_va = 0;
	if (named < s->nr) {
		*base = s->found[named].base;
		if (!list_in_image(s, &s->found[named], modules_va))
			*modules_va = 0;
		return true;
	}
	for (size_t i = 0; i < s->nr; i++) {
		*base = s->found[i].base;
		if (list_in_image(s, &s->found[i], modules_va))
			return true;
	}
	return false;
}

bool kernel_image_find(struct vm *vm, const struct space_kind *kind, uint64_t *base,
		       uint64_t *modules_va)
{
	struct image_search s;
	struct vm_tally tally = { 0 };

	s.vm = vm;
	s.kind = kind;
	s.nr = 0;
	s.pages_left = MAX_PAGES;
	return !vm_runs(vm, vm->mode->kernel_first_va, vm->mode->va_mask, look_in_run, &s,
			&tally, NULL) && choose(&s, base, modules_va);
}
