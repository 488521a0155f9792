/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a KDBG block says against what memory shows: where there is no module
 * list, or no image, but another place has one, that is taken, and a note says
 * so. Blocks that other tools wrote or decoded are sometimes wrong in parts.
 *
 * Sources: kernel-globals.md sections 1.2 and 4.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>

static bool is_module_list(struct os *os, const struct space_kind *kind, uint64_t va)
{
	return va && (list_closes(&os->vm, va, kind->ptr_bytes) ||
		      space_last_module(&os->vm, kind, va));
}

static void mend_modules(struct os *os, const struct space_kind *kind, uint64_t other)
{
	if (other == os->modules_va || is_module_list(os, kind, os->modules_va) ||
	    !is_module_list(os, kind, other))
		return;
	os_note(os, DL_CORRUPT, "the KDBG block puts PsLoadedModuleList at VA %#" PRIx64
		", where no list is: taken from VA %#" PRIx64, os->modules_va, other);
	os->modules_va = other;
}

/* The first module is the kernel's, and where it is is an image. */
static void mend_base(struct os *os, const struct space_kind *kind)
{
	uint64_t base;

	if (kernel_image_at(&os->vm, kind, os->kernel_base) ||
	    !space_first_module(&os->vm, kind, os->modules_va, &base) ||
	    base == os->kernel_base)
		return;
	os_note(os, DL_CORRUPT, "the KDBG block says that the kernel is at VA %#" PRIx64
		", where no image is: taken from its module entry", os->kernel_base);
	os->kernel_base = base;
}

void kdbg_mend(struct os *os, const struct space_kind *kind, uint64_t header_modules_va)
{
	uint64_t exported;

	mend_modules(os, kind, header_modules_va);
	mend_base(os, kind);
	if (kernel_export(os, "PsLoadedModuleList", &exported))
		mend_modules(os, kind, exported);
}
