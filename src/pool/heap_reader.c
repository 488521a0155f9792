/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a heap as one thread reads it: page by page, in place.
 */
#include "heap_work.h"

#include <string.h>

void heap_reader_init(struct heap_reader *r, const struct os *os)
{
	memset(r, 0, sizeof *r);
	phys_init(&r->phys, os->container);
	r->vm = os->vm;
	r->vm.phys = &r->phys;
	r->page_va = 1;
}

void heap_reader_deinit(struct heap_reader *r)
{
	phys_deinit(&r->phys);
}

static enum heap_page_state why_not(struct heap_reader *r, uint64_t va)
{
	struct translation t = { .kind = PTE_NONE };

	if (!vm_translate(&r->vm, va, &t, NULL))
		return HEAP_PAGE_ABSENT;
	if (t.kind == PTE_NONE || t.kind == PTE_DEMAND_ZERO)
		return HEAP_PAGE_NONE;
	return t.kind == PTE_PAGEFILE ? HEAP_PAGE_OUT : HEAP_PAGE_ABSENT;
}

const uint8_t *heap_page(struct heap_reader *r, uint64_t va)
{
	va &= ~(uint64_t)(PAGE_BYTES - 1);
	if (r->page_va == va)
		return r->page;
	r->page_va = va;
	r->state = HEAP_PAGE_THERE;
	if (vm_page(&r->vm, va, &r->page, NULL)) {
		r->page = NULL;
		r->state = why_not(r, va);
	}
	return r->page;
}

bool heap_copy(struct heap_reader *r, uint64_t va, void *buf, size_t n)
{
	uint8_t *to = buf;

	while (n) {
		size_t off = va & (PAGE_BYTES - 1);
		size_t part = PAGE_BYTES - off < n ? PAGE_BYTES - off : n;
		const uint8_t *page = heap_page(r, va);

		if (!page)
			return false;
		memcpy(to, page + off, part);
		to += part;
		va += part;
		n -= part;
	}
	return true;
}

bool heap_word(struct heap_run *h, uint64_t va, struct field f, uint64_t *out)
{
	uint8_t raw[8] = { 0 };
	struct field there = f;

	if (!field_has(f) || !heap_copy(&h->reader, va + f.off, raw, f.width))
		return false;
	there.off = 0;
	return field_get((struct bytes){ raw, sizeof raw }, there, out);
}
