/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_read DUMP: reads once, with one thread, every page of kernel memory that
 * the page tables of an x64 dump map: on the bench's machines nearly all of it
 * is pool. Prints seconds and bytes. What any walk of the pool is measured by.
 */
#include "dumpleak/memory/vm.h"

#include <stdio.h>
#include <time.h>

struct sum {
	struct vm *vm;
	uint64_t bytes, sum;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum dl_status read_run(void *ctx, const struct vm_run *run)
{
	struct sum *s = ctx;
	const uint8_t *page;

	for (uint64_t i = 0; i < run->nr_pages; i++) {
		if (phys_page(s->vm->phys, run->pfn + i, &page, NULL))
			continue;
		for (size_t off = 0; off < PAGE_BYTES; off += 8)
			s->sum += le64(page + off);
		s->bytes += PAGE_BYTES;
	}
	return DL_OK;
}

static int run(struct container *container)
{
	const struct dump_header *h = container_header(container);
	struct vm_tally tally = { { 0 }, 0, 0, 0, 0, 0 };
	struct phys phys;
	struct vm vm;
	struct sum s = { &vm, 0, 0 };
	double t = now();

	phys_init(&phys, container);
	vm_init(&vm, &phys, &paging_x64, h->dtb_pa.value);
	if (vm_runs(&vm, vm.mode->kernel_first_va, vm.mode->va_mask, read_run, &s, &tally, NULL))
		return 1;
	t = now() - t;
	/* the sum is printed so that nothing can be left out as unused */
	printf("%.6f %llu %llx\n", t, (unsigned long long)s.bytes, (unsigned long long)s.sum);
	phys_deinit(&phys);
	return 0;
}

int main(int argc, char **argv)
{
	struct source *source = NULL;
	struct container *container = NULL;
	struct dl_err err = { "" };
	int status = 1;

	if (argc == 2 && !source_open_path(argv[1], NULL, &source, &err) &&
	    !container_open(source, &container, &err))
		status = run(container);
	else
		fprintf(stderr, "bench_read: %s\n", argc == 2 ? err.text : "wants a dump");
	container_close(container);
	if (source)
		source_close(source);
	return status;
}
