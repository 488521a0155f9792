/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of the object directories where neither KDBG nor symbols tell it:
 * some variable of the kernel points to it. So every pointer in the kernel's
 * writable sections is tried; the root is the object named "\" that lies in no
 * directory, and that the objects listed in it name as theirs.
 */
#include "dumpleak/os/internal.h"

#include <string.h>

enum {
	MAX_SEARCH_PAGES = (64 << 20) / PAGE_BYTES,
	ENOUGH_ENTRIES = 64,
};

/* One object listed in it that says so itself. */
static bool lists_its_own(struct os *os, uint64_t root)
{
	const struct object_layout *l = &os->layout.object;
	size_t width = os->layout.ptr_bytes, nr = 0;

	for (size_t i = 0; i < l->nr_buckets && nr < ENOUGH_ENTRIES; i++) {
		uint64_t entry, body, directory;

		if (!ptr_at(os, root + i * width, &entry) || !entry)
			continue;
		nr++;
		if (ptr_at(os, entry + l->entry_object.off, &body) &&
		    object_name(os, body, &directory) && directory == root)
			return true;
	}
	return false;
}

static bool is_root(struct os *os, uint64_t va)
{
	uint64_t directory;
	const char *name;

	/* what the pool gives is aligned to two pointers, and so are bodies */
	if (!os_is_kernel_va(os, va) || va % (2u * os->layout.ptr_bytes) ||
	    va - os->kernel_base < os->kernel_bytes)
		return false;
	name = object_name(os, va, &directory);
	return name && !directory && !strcmp(name, "\\") && lists_its_own(os, va);
}

static bool search_page(struct os *os, uint64_t page_va, uint64_t *root)
{
	uint8_t page[PAGE_BYTES];
	size_t width = os->layout.ptr_bytes;

	if (vm_read(&os->vm, page_va, page, sizeof page, NULL))
		return false;
	for (size_t off = 0; off < sizeof page; off += width) {
		*root = le_word(page + off, width);
		if (is_root(os, *root))
			return true;
	}
	return false;
}

bool root_directory_search(struct os *os, uint64_t *root)
{
	const struct module *kernel = os_module_at(os, os->kernel_base);
	struct module unlisted = { .base = os->kernel_base, .size_bytes = os->kernel_bytes };
	size_t nr_pages = 0;

	if (!kernel) {  /* its module entry may be missing */
		image_read(os, &unlisted);
		kernel = &unlisted;
	}
	for (size_t i = 0; i < kernel->nr_sections; i++) {
		const struct section *s = &kernel->sections[i];
		uint64_t va = (kernel->base + s->rva) & ~(uint64_t)(PAGE_BYTES - 1);

		if (!s->writable)
			continue;
		for (; va < kernel->base + s->rva + s->size_bytes; va += PAGE_BYTES)
			if (nr_pages++ < MAX_SEARCH_PAGES && search_page(os, va, root))
				return true;
	}
	return false;
}
