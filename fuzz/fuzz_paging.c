/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables out of nothing but noise: the input is physical memory. Its first
 * bytes choose the mode, the root and an address; then one walk, reads at the
 * edges, and the enumeration of all that is mapped.
 */
#include "dumpleak/memory/vm.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs must rise, lie in the range, and be cut to it. */
struct check {
	uint64_t first, last, next;
	size_t nr;
};

static enum dl_status check_run(void *ctx, const struct vm_run *run)
{
	enum { ENOUGH = 4096 };
	struct check *c = ctx;
	uint64_t last = run->va + (run->nr_pages << PAGE_SHIFT) - 1;

	if (!run->nr_pages || run->va < c->next || run->va < c->first || last > c->last)
		abort();
	c->next = last + 1;
	return ++c->nr < ENOUGH ? DL_OK : DL_END;
}

/* All of the range; a table reached twice must not be walked twice. */
static void check_whole(struct vm *vm, uint64_t first, uint64_t last)
{
	struct check c = { first & ~(uint64_t)(PAGE_BYTES - 1), last | (PAGE_BYTES - 1), 0, 0 };
	struct vm_tally tally = { 0 };

	if (vm_runs(vm, first, last, check_run, &c, &tally, NULL))
		abort();
}

static void read_edges(struct vm *vm, uint64_t va)
{
	uint8_t buf[64];
	uint64_t v;

	vm_read(vm, va, buf, sizeof buf, NULL);
	vm_read(vm, vm->mode->va_mask - 8, buf, sizeof buf, NULL);
	vm_word(vm, va | (PAGE_BYTES - 2), 8, &v, NULL);
}

static void walk(struct container *container, const uint8_t *head)
{
	static const struct paging_mode *const modes[] = {
		&paging_ia32, &paging_pae, &paging_x64, &paging_x64_la57, &paging_arm64,
	};
	const struct paging_mode *mode = modes[head[0] % 5];
	uint64_t va = le64(head + 4), other = le32(head + 8), first, last;
	struct translation t;
	struct phys phys;
	struct vm vm;

	phys_init(&phys, container);
	vm_init(&vm, &phys, mode, (uint64_t)le32(head + 12) % 0x20000);
	vm_set_software(&vm, head[1] & 1 ? 19041 : 6000, head[1] & 2 ? (uint64_t)1 << 45 : 0);
	vm.prototype_base_va = head[1] & 4 ? 0xe1000000 : 0;
	va &= mode->va_mask;
	other = head[1] & 8 ? mode->va_mask : other;
	vm_self_map(&vm, &first, &last);
	if (!vm_translate(&vm, va, &t, NULL) && (t.page_bytes & (t.page_bytes - 1)))
		abort();
	read_edges(&vm, va);
	check_whole(&vm, va < other ? va : other, va < other ? other : va);
	phys_deinit(&phys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 16 };
	struct source *source;
	struct container *container;

	if (size < HEAD + PAGE_BYTES)
		return 0;
	if (source_open_memory((struct bytes){ data + HEAD, size - HEAD }, "fuzz", NULL, &source,
			       NULL))
		return 0;
	if (!container_open_raw(source, 0, &container, NULL)) {
		walk(container, data);
		container_close(container);
	}
	source_close(source);
	return 0;
}
