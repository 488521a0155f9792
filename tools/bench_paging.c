/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_paging DUMP: how fast page tables are read, as a line of numbers:
 *   pages listed, their seconds, translations a second by us, the same by
 *   libaddrxlat (both with page tables from the same mapped file)
 * Random addresses are pages that are mapped, so that all levels are walked.
 */
#include "dumpleak/memory/vm.h"

#include <libkdumpfile/addrxlat.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRANSLATIONS = 1 << 20, MAX_RUNS = 1 << 20 };

struct runs {
	struct vm_run *run;
	size_t nr;
	uint64_t pages;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum dl_status count(void *ctx, const struct vm_run *run)
{
	struct runs *r = ctx;

	r->pages += run->nr_pages;
	if (r->nr < MAX_RUNS)
		r->run[r->nr++] = *run;
	return DL_OK;
}

static void put_nothing(const addrxlat_buffer_t *buf)
{
	(void)buf;
}

/* Pages of a mapped file stay where they are. */
static addrxlat_status get_page(const addrxlat_cb_t *cb, addrxlat_buffer_t *buf)
{
	const uint8_t *page;

	if (phys_page(cb->priv, buf->addr.addr >> PAGE_SHIFT, &page, NULL))
		return ADDRXLAT_ERR_NODATA;
	buf->addr.addr &= ~(addrxlat_addr_t)(PAGE_BYTES - 1);
	buf->ptr = page;
	buf->size = PAGE_BYTES;
	buf->byte_order = ADDRXLAT_LITTLE_ENDIAN;
	buf->put_page = put_nothing;
	return ADDRXLAT_OK;
}

static unsigned long read_caps(const addrxlat_cb_t *cb)
{
	(void)cb;
	return ADDRXLAT_CAPS(ADDRXLAT_MACHPHYSADDR);
}

/* xorshift64: the same addresses for both */
static uint64_t pick(const struct runs *r, uint64_t *seed)
{
	const struct vm_run *run;

	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	run = &r->run[(*seed >> 20) % r->nr];
	return run->va + ((*seed & 0xfffff) % run->nr_pages << PAGE_SHIFT);
}

static double ours(struct vm *vm, const struct runs *r, uint64_t *sum)
{
	uint64_t seed = 88172645463325252;
	double t = now();

	for (int i = 0; i < TRANSLATIONS; i++) {
		struct translation tr;

		if (!vm_translate(vm, pick(r, &seed), &tr, NULL))
			*sum += tr.pa;
	}
	return TRANSLATIONS / (now() - t);
}

static double theirs(struct vm *vm, const struct runs *r, uint64_t *sum)
{
	addrxlat_meth_t meth = { .kind = ADDRXLAT_PGT, .target_as = ADDRXLAT_MACHPHYSADDR };
	const addrxlat_paging_form_t form = { ADDRXLAT_PTE_X86_64, 5, { 12, 9, 9, 9, 9 } };
	addrxlat_ctx_t *ctx = addrxlat_ctx_new();
	addrxlat_cb_t *cb = ctx ? addrxlat_ctx_add_cb(ctx) : NULL;
	uint64_t seed = 88172645463325252;
	double t;

	if (!cb)
		return 0;
	cb->priv = vm->phys;
	cb->get_page = get_page;
	cb->read_caps = read_caps;
	meth.param.pgt.root = (addrxlat_fulladdr_t){ vm->root_pa, ADDRXLAT_MACHPHYSADDR };
	meth.param.pgt.pf = form;
	t = now();
	for (int i = 0; i < TRANSLATIONS; i++) {
		addrxlat_step_t step = { .ctx = ctx, .meth = &meth, .base.addr = pick(r, &seed) };

		if (addrxlat_walk(&step) == ADDRXLAT_OK)
			*sum += step.base.addr;
	}
	t = TRANSLATIONS / (now() - t);
	addrxlat_ctx_decref(ctx);
	return t;
}

static int run(struct container *container)
{
	struct runs r = { calloc(MAX_RUNS, sizeof *r.run), 0, 0 };
	const struct dump_header *h = container_header(container);
	struct vm_tally tally = { { 0 }, 0, 0, 0, 0, 0 };
	uint64_t a = 0, b = 0;
	double t, us, them;
	struct phys phys;
	struct vm vm;

	phys_init(&phys, container);
	vm_init(&vm, &phys, &paging_x64, h->dtb_pa.value);
	t = now();
	if (!r.run || vm_runs(&vm, vm.mode->kernel_first_va, vm.mode->va_mask, count, &r,
			      &tally, NULL) || !r.nr)
		return 1;
	t = now() - t;
	us = ours(&vm, &r, &a);
	them = theirs(&vm, &r, &b);
	printf("%llu %.6f %.0f %.0f\n", (unsigned long long)r.pages, t, us, them);
	phys_deinit(&phys);
	free(r.run);
	return a != b;  /* the same addresses must have come out */
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
		fprintf(stderr, "bench_paging: %s\n", argc == 2 ? err.text : "wants a dump");
	container_close(container);
	if (source)
		source_close(source);
	return status;
}
