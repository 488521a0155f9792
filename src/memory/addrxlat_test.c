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
#include <string.h>

#include <cmocka.h>

static void put_nothing(const addrxlat_buffer_t *buf)
{
	(void)buf;
}

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

static addrxlat_meth_t method_of(const struct vm *vm)
{
	addrxlat_meth_t m = { .kind = ADDRXLAT_PGT, .target_as = ADDRXLAT_MACHPHYSADDR };
	const addrxlat_paging_form_t ia32 = { ADDRXLAT_PTE_IA32, 3, { 12, 10, 10 } };
	const addrxlat_paging_form_t pae = { ADDRXLAT_PTE_IA32_PAE, 4, { 12, 9, 9, 2 } };

	m.param.pgt.root = (addrxlat_fulladdr_t){ vm->root_pa, ADDRXLAT_MACHPHYSADDR };
	m.param.pgt.pf = vm->mode == &paging_pae ? pae : ia32;
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

	if (ours && t.kind == PTE_TRANSITION) {
		n->transition++;
		return;
	}
	theirs = oracle_pa(o, va, &pa);
	if (ours != theirs || (ours && t.pa != pa))
		fail_msg("VA %#llx: ours %d %#llx, libaddrxlat's %d %#llx",
			 (unsigned long long)va, ours, (unsigned long long)(ours ? t.pa : 0),
			 theirs, (unsigned long long)pa);
	n->mapped += ours;
	n->absent += !ours;
}

static void compare(struct vm *vm, struct score *n)
{
	enum { ROUNDS = 200000 };
	struct oracle o;
	uint64_t seed = 0x123456789abcdef;

	oracle_init(&o, vm);
	for (size_t i = 0; i < ROUNDS; i++)
		compare_one(vm, &o, (next_random(&seed) & 0xffffffff) |
				     (i % 2 ? 0x80000000 : 0), n);
	/* the borders of every page directory entry */
	for (uint64_t va = 0; va < 0x100000000; va += 0x200000) {
		compare_one(vm, &o, va, n);
		compare_one(vm, &o, va + 0x1fffff, n);
	}
	oracle_deinit(&o);
}

static void real_image(const char *name)
{
	struct source *source;
	struct container *container;
	const struct dump_header *h;
	struct score n = { 0 };
	struct phys phys;
	struct vm vm;

	if (!test_dump_open(name, &source, &container))
		return;
	h = container_header(container);
	assert_true(h->dtb_pa.known);
	phys_init(&phys, container);
	vm_init(&vm, &phys, h->pae.known && h->pae.value ? &paging_pae : &paging_ia32,
		h->dtb_pa.value);
	compare(&vm, &n);
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
		"x86-full.kdump",
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		real_image(names[i]);
}

/*
 * No PAE image is at hand: random tables serve as well for comparing. Entries
 * are valid, large or not, or empty, and lead anywhere in memory.
 */
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
		uint64_t r = next_random(&seed);
		uint64_t large = i < 16 * PAGE_BYTES && !(r & 0x700) ? 0x80 : 0;
		uint64_t entry = (r >> 32) % PAGES << PAGE_SHIFT | 0x63 | large;

		if (!(r & 3))
			entry = 0;
		else if (i < 32)        /* PAE's directory pointers */
			entry = (entry & ~(uint64_t)0xfff) | 1;
		for (size_t k = 0; k < mode->entry_bytes; k++)
			ram[i + k] = (uint8_t)(entry >> (8 * k));
	}
	assert_int_equal(source_open_memory((struct bytes){ ram, PAGES * PAGE_BYTES }, "ram",
					    NULL, &source, NULL), DL_OK);
	assert_int_equal(container_open_raw(source, 0, &container, NULL), DL_OK);
	phys_init(&phys, container);
	vm_init(&vm, &phys, mode, 0);
	compare(&vm, &n);
	assert_true(n.mapped > 1000);
	phys_deinit(&phys);
	container_close(container);
	source_close(source);
	free(ram);
}

static void random_tables_agree(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		random_tables(&paging_ia32, seed * 0x9e3779b97f4a7c15);
		random_tables(&paging_pae, seed * 0x9e3779b97f4a7c15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_images),
		cmocka_unit_test(random_tables_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
