/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walker against libaddrxlat, which was written by others for another
 * system: random addresses of real page tables must come out the same. That
 * library knows nothing of transition entries, so those are left out.
 */
#include "dumpleak/memory/vm.h"

#include "test_dumps.h"

#include <libkdumpfile/addrxlat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put_page(const addrxlat_buffer_t *buf)
{
	free(buf->priv);
}

static addrxlat_status get_page(const addrxlat_cb_t *cb, addrxlat_buffer_t *buf)
{
	const uint8_t *page;
	uint8_t *copy;

	if (phys_page(cb->priv, buf->addr.addr >> PAGE_SHIFT, &page, NULL))
		return ADDRXLAT_ERR_NODATA;
	/* the library keeps pages longer than phys_page() promises */
	copy = malloc(PAGE_BYTES);
	assert_non_null(copy);
	memcpy(copy, page, PAGE_BYTES);
	buf->addr.addr &= ~(addrxlat_addr_t)(PAGE_BYTES - 1);
	buf->ptr = buf->priv = copy;
	buf->size = PAGE_BYTES;
	buf->byte_order = ADDRXLAT_LITTLE_ENDIAN;
	buf->put_page = put_page;
	return ADDRXLAT_OK;
}

static unsigned long read_caps(const addrxlat_cb_t *cb)
{
	(void)cb;
	return ADDRXLAT_CAPS(ADDRXLAT_MACHPHYSADDR);
}

static const struct {
	const struct paging_mode *mode;
	addrxlat_paging_form_t form;
} forms[] = {
	{ &paging_ia32, { ADDRXLAT_PTE_IA32, 3, { 12, 10, 10 } } },
	{ &paging_pae, { ADDRXLAT_PTE_IA32_PAE, 4, { 12, 9, 9, 2 } } },
	{ &paging_x64, { ADDRXLAT_PTE_X86_64, 5, { 12, 9, 9, 9, 9 } } },
	{ &paging_x64_la57, { ADDRXLAT_PTE_X86_64, 6, { 12, 9, 9, 9, 9, 9 } } },
	{ &paging_arm64, { ADDRXLAT_PTE_AARCH64, 5, { 12, 9, 9, 9, 9 } } },
};

static addrxlat_meth_t method_of(const struct vm *vm)
{
	addrxlat_meth_t m = { .kind = ADDRXLAT_PGT, .target_as = ADDRXLAT_MACHPHYSADDR };

	m.param.pgt.root = (addrxlat_fulladdr_t){ vm->root_pa, ADDRXLAT_MACHPHYSADDR };
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (forms[i].mode == vm->mode)
			m.param.pgt.pf = forms[i].form;
	return m;
}

struct oracle {
	addrxlat_ctx_t *ctx;
	addrxlat_meth_t meth;
	struct phys phys;
};

static void oracle_init(struct oracle *o, const struct vm *vm)
{
	addrxlat_cb_t *cb;

	phys_init(&o->phys, vm->phys->container);
	o->meth = method_of(vm);
	o->ctx = addrxlat_ctx_new();
	assert_non_null(o->ctx);
	cb = addrxlat_ctx_add_cb(o->ctx);
	assert_non_null(cb);
	cb->priv = &o->phys;
	cb->get_page = get_page;
	cb->read_caps = read_caps;
}

static void oracle_deinit(struct oracle *o)
{
	addrxlat_ctx_decref(o->ctx);
	phys_deinit(&o->phys);
}

static bool oracle_pa(struct oracle *o, uint64_t va, uint64_t *pa)
{
	addrxlat_step_t step = { .ctx = o->ctx, .meth = &o->meth, .base.addr = va };

	addrxlat_ctx_clear_err(o->ctx);
	if (addrxlat_walk(&step))
		return false;
	*pa = step.base.addr;
	return true;
}

/* xorshift64: the same addresses in every run */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

struct score {
	size_t mapped, absent, transition;
};

static void compare_one(struct vm *vm, struct oracle *o, uint64_t va, struct score *n)
{
	struct translation t;
	bool ours = !vm_translate(vm, va, &t, NULL), theirs;
	uint64_t pa = 0;

	if (ours && t.kind != PTE_VALID) {
		n->transition++;
		return;
	}
	/* on Arm that library leaves it to its caller to pick TTBR0 or TTBR1 */
	if (vm->mode == &paging_arm64 && !vm_is_canonical(vm->mode, va))
		assert_false(ours);
	theirs = oracle_pa(o, va, &pa) &&
		 (vm->mode != &paging_arm64 || vm_is_canonical(vm->mode, va));
	if (ours != theirs || (ours && t.pa != pa))
		fail_msg("VA %#llx: ours %d %#llx, libaddrxlat's %d %#llx",
			 (unsigned long long)va, ours, (unsigned long long)(ours ? t.pa : 0),
			 theirs, (unsigned long long)pa);
	n->mapped += ours;
	n->absent += !ours;
}

/* An address whose upper bits are right, most of the time. */
static uint64_t random_va(const struct paging_mode *m, uint64_t *seed)
{
	uint64_t va = next_random(seed);

	if (m->va_mask != UINT64_MAX)
		return va & m->va_mask;
	if (va & 15)    /* but let one in sixteen be no address at all */
		va = va >> 4 & 1 ? va | UINT64_MAX << (m->va_bits - 1)
				 : va & UINT64_MAX >> (64 - m->va_bits + 1);
	return va;
}

/* Both sides of every border between entries of the two upper levels. */
static void compare_borders(struct vm *vm, struct oracle *o, struct score *n)
{
	const struct paging_mode *m = vm->mode;
	const struct paging_level *top = &m->levels[0], *next = &m->levels[1];

	for (uint64_t i = 0; i < (uint64_t)1 << top->bits; i++)
		for (uint64_t k = 0; k < (uint64_t)1 << next->bits; k++) {
			uint64_t va = i << top->shift | k << next->shift;

			if (m->va_mask == UINT64_MAX && i >> (top->bits - 1))
				va |= UINT64_MAX << m->va_bits;
			compare_one(vm, o, va, n);
			compare_one(vm, o, va + (((uint64_t)1 << next->shift) - 1), n);
		}
}

static void compare(struct vm *vm, struct score *n)
{
	enum { ROUNDS = 200000 };
	struct oracle o;
	uint64_t seed = 0x123456789abcdef;

	oracle_init(&o, vm);
	for (size_t i = 0; i < ROUNDS; i++)
		compare_one(vm, &o, random_va(vm->mode, &seed), n);
	compare_borders(vm, &o, n);
	oracle_deinit(&o);
}

/* What is mapped, and the pages beside it: random addresses rarely meet it. */
struct neighbours {
	struct vm *vm;
	struct oracle *o;
	struct score *n;
};

static enum dl_status compare_run(void *ctx, const struct vm_run *run)
{
	struct neighbours *x = ctx;

	for (uint64_t i = 0; i <= run->nr_pages; i++)
		compare_one(x->vm, x->o, run->va - PAGE_BYTES + (i << PAGE_SHIFT) + 0x7ff, x->n);
	return DL_OK;
}

static void compare_mapped(struct vm *vm, struct score *n)
{
	struct vm_tally tally = { 0 };
	struct oracle o;
	struct neighbours x = { vm, &o, n };

	oracle_init(&o, vm);
	assert_int_equal(vm_runs(vm, vm->mode->kernel_first_va, vm->mode->va_mask, compare_run,
				 &x, &tally, NULL), DL_OK);
	oracle_deinit(&o);
}

static void real_image(const char *name)
{
	struct source *source;
	struct container *container;
	const struct dump_header *h;
	const struct paging_mode *mode = &paging_ia32;
	struct score n = { 0 };
	struct phys phys;
	struct vm vm;

	if (!test_dump_open(name, &source, &container))
		return;
	h = container_header(container);
	assert_true(h->dtb_pa.known);
	phys_init(&phys, container);
	if (h->machine.known && h->machine.value == 0x8664)
		mode = &paging_x64;
	else if (h->pae.known && h->pae.value)
		mode = &paging_pae;
	vm_init(&vm, &phys, mode, h->dtb_pa.value);
	compare(&vm, &n);
	compare_mapped(&vm, &n);
	printf("%s: %zu mapped, %zu absent, %zu in transition\n", name, n.mapped, n.absent,
	       n.transition);
	assert_true(n.mapped > 1000);
	assert_true(n.absent > 1000);
	phys_deinit(&phys);
	container_close(container);
	source_close(source);
}

static void real_images(void **state)
{
	static const char *const names[] = {
		"x86-core.dmp.gz", "x86-core.kernel.dmp.gz", "x86-core.elf.gz",
		"x86-core.kdump", "x86-full.dmp.gz", "x86-full.kernel.dmp.gz",
		"x86-full.kdump", "x64-core.dmp.gz", "x64-core.elf.gz",
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		real_image(names[i]);
}

/*
 * Random tables serve as well for comparing where no image is at hand. Entries
 * are valid, large or not, or empty, and lead anywhere in memory.
 */
static uint64_t random_entry(const struct paging_mode *mode, uint64_t at, uint64_t nr_pages,
			     uint64_t *seed)
{
	uint64_t r = next_random(seed), pa = (r >> 32) % nr_pages << PAGE_SHIFT;
	bool large = at < 16 * PAGE_BYTES && !(r & 0x700);

	if (mode == &paging_pae && at < 32)     /* directory pointers */
		return r & 3 ? pa | 1 : 0;
	if (!(r & 3))
		return 0;
	if (mode == &paging_arm64)
		return pa | 0x0060000000000700 | (large ? 1 : 3);
	return pa | 0x63 | (large ? 0x80 : 0);
}

static void random_tables(const struct paging_mode *mode, uint64_t seed)
{
	enum { PAGES = 256 };
	uint8_t *ram = calloc(PAGES, PAGE_BYTES);
	struct source *source;
	struct container *container;
	struct score n = { 0 };
	struct phys phys;
	struct vm vm;

	assert_non_null(ram);
	for (size_t i = 0; i < (size_t)PAGES * PAGE_BYTES; i += mode->entry_bytes) {
		uint64_t entry = random_entry(mode, i, PAGES, &seed);

		for (size_t k = 0; k < mode->entry_bytes; k++)
			ram[i + k] = (uint8_t)(entry >> (8 * k));
	}
	assert_int_equal(source_open_memory((struct bytes){ ram, PAGES * PAGE_BYTES }, "ram",
					    NULL, &source, NULL), DL_OK);
	assert_int_equal(container_open_raw(source, 0, &container, NULL), DL_OK);
	phys_init(&phys, container);
	vm_init(&vm, &phys, mode, 0);
	compare(&vm, &n);
	printf("%s: %zu mapped, %zu absent\n", mode->name, n.mapped, n.absent);
	assert_true(n.mapped > 1000);
	assert_true(n.absent > 1000);
	phys_deinit(&phys);
	container_close(container);
	source_close(source);
	free(ram);
}

static void random_tables_agree(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
			random_tables(forms[i].mode, seed * 0x9e3779b97f4a7c15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_images),
		cmocka_unit_test(random_tables_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
