/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of the kernel image in which its variables can be: writable
 * sections where the PE headers tell, the whole image where they do not.
 */
#include "dumpleak/pool/internal.h"

static bool may_hold_variables(const struct module *m, uint64_t va)
{
	if (!m || !m->nr_sections)
		return true;
	for (size_t i = 0; i < m->nr_sections; i++) {
		const struct section *s = &m->sections[i];

		/* a page may belong to two sections of a packed image */
		if (s->writable && va + PAGE_BYTES > m->base + s->rva &&
		    va < m->base + s->rva + s->size_bytes)
			return true;
	}
	return false;
}

enum dl_status kdata_pages(struct os *os, kdata_fn fn, void *ctx)
{
	const struct module *m = os_module_at(os, os->kernel_base);
	uint64_t nr = (os->kernel_bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t va = os->kernel_base + (i << PAGE_SHIFT);
		uint8_t copy[PAGE_BYTES];       /* @fn may read other pages */
		enum dl_status st;

		if (!may_hold_variables(m, va) ||
		    vm_read(&os->vm, va, copy, sizeof copy, NULL))
			continue;
		st = fn(ctx, va, copy);
		if (st)
			return st;
	}
	return DL_OK;
}

enum dl_status kdata_row(struct os *os, uint64_t va, void *buf, size_t n)
{
	struct translation t;

	if (!vm_read(&os->vm, va, buf, n, NULL))
		return DL_OK;
	/* a row may cross into the page that is missing */
	if (!vm_translate(&os->vm, va, &t, NULL) &&
	    !vm_translate(&os->vm, va + n - 1, &t, NULL))
		return DL_ABSENT;
	return DL_END;
}

bool kdata_symbol(const struct os *os, const char *name, uint64_t *va)
{
	uint64_t rva;

	if (!os->symbols || !symbols_rva(os->symbols, name, &rva) || rva >= os->kernel_bytes)
		return false;
	*va = os->kernel_base + rva;
	return true;
}

bool kdata_pointer(struct os *os, const char *name, uint64_t *value)
{
	uint64_t va;

	return kdata_symbol(os, name, &va) &&
	       !vm_word(&os->vm, va, os->layout.ptr_bytes, value, NULL);
}
