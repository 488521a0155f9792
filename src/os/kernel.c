/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container to the kernel's address space: root table, paging mode, KDBG
 * and kernel base. The header is tried first and believed only where memory
 * bears it out; else physical memory is searched (find_dtb.c). Not here yet:
 * x64 and ARM64, and encoded KDBG blocks.
 *
 * Sources: kernel-globals.md sections 1 to 4.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What speaks for one address space, in rising weight. */
struct evidence {
	bool self_map, shared_data, modules, kdbg, image;
};

struct finder {
	struct os *os;
	const struct dump_header *header;
	uint16_t machine;               /* 0: any */
	const struct space_kind *kind;  /* NULL: none found yet */
	struct kernel_scan *scan;
	size_t pages_left;              /* see matches() */
};

enum { MATCH_PAGES = 1 << 22 };

bool list_closes(struct vm *vm, uint64_t va, uint8_t ptr_bytes)
{
	uint64_t next, previous, back, forth;

	return !vm_word(vm, va, ptr_bytes, &next, NULL) &&
	       !vm_word(vm, va + ptr_bytes, ptr_bytes, &previous, NULL) &&
	       !vm_word(vm, next + ptr_bytes, ptr_bytes, &back, NULL) &&
	       !vm_word(vm, previous, ptr_bytes, &forth, NULL) &&
	       back == va && forth == va;
}

/* KUSER_SHARED_DATA: a drive letter in NtSystemRoot and a version of Windows NT. */
static bool shared_data_at(struct vm *vm, uint64_t va)
{
	uint8_t b[0x274];

	return !vm_read(vm, va, b, sizeof b, NULL) && le16(b + 0x30) >= 'A' &&
	       le16(b + 0x30) <= 'z' && le16(b + 0x32) == ':' &&
	       le32(b + 0x26c) >= 4 && le32(b + 0x26c) <= 10;
}

static bool kernel_image_at(struct vm *vm, const struct space_kind *kind, uint64_t va)
{
	struct image img;

	return image_at(vm, va, &img) && img.machine == kind->machine;
}

static struct evidence weigh(struct vm *vm, const struct space_kind *kind,
			     const struct dump_header *h)
{
	struct evidence e = { .self_map = space_maps_itself(vm) };
	struct kdbg k;
	uint64_t base;

	e.shared_data = shared_data_at(vm, kind->shared_data_va);
	e.modules = h->modules_va.known &&
		    list_closes(vm, h->modules_va.value & vm->mode->va_mask, kind->ptr_bytes);
	e.kdbg = h->kdbg_va.known &&
		 !kdbg_at(vm, h->kdbg_va.value & vm->mode->va_mask, kind->ptr_bytes, &k, NULL);
	e.image = e.kdbg && kdbg_value(&k, KDBG_KERN_BASE, &base) &&
		  kernel_image_at(vm, kind, base);
	return e;
}

/* A sum that puts any weightier piece above all lighter ones together. */
static int weight(struct evidence e)
{
	return e.self_map + 2 * e.shared_data + 4 * e.modules + 8 * e.kdbg + 16 * e.image;
}

static void use_space(struct finder *f, const struct space_kind *kind, uint64_t root_pa,
		      const char *how)
{
	f->kind = kind;
	f->os->shared_data_va = kind->shared_data_va;
	f->os->dtb_scanned = !how;
	f->os->dtb_how = how ? how : "scan";
	vm_init(&f->os->vm, &f->os->phys, kind->mode, root_pa);
}

/* CPU registers stand in ELF and kdump files, a field of its own in Windows'. */
static const char *header_how(const struct dump_header *h)
{
	if (!strcmp(h->format, "elf") || !strcmp(h->format, "kdump"))
		return "CR3 of CPU 0";
	return "header";
}

static void note_pae(struct finder *f)
{
	const struct known_u64 *pae = &f->header->pae;
	bool is_pae = f->kind->mode == &paging_pae;

	if (pae->known && !!pae->value != is_pae)
		os_note(f->os, DL_CORRUPT, "the header says PAE is %s, but the page tables are %s",
			pae->value ? "on" : "off", f->kind->mode->name);
}

/* The header's root table in every mode of the machine; the best one, if any. */
static void from_header(struct finder *f)
{
	const struct space_kind *kind, *best = NULL;
	struct vm vm;
	int best_weight = 0;

	for (size_t i = 0; f->header->dtb_pa.known &&
			   (kind = space_kinds(f->machine, i)); i++) {
		bool as_told = f->header->pae.known &&
			       !!f->header->pae.value == (kind->mode == &paging_pae);
		int w;

		vm_init(&vm, &f->os->phys, kind->mode, f->header->dtb_pa.value);
		/* of two equals, the one the header names */
		w = weight(weigh(&vm, kind, f->header)) * 2;
		if (w && w + as_told > best_weight) {
			best = kind;
			best_weight = w + as_told;
		}
	}
	if (best)
		use_space(f, best, f->header->dtb_pa.value, header_how(f->header));
	else if (f->header->dtb_pa.known)
		os_note(f->os, DL_CORRUPT, "no page tables at %#" PRIx64
			", where the header puts them: searched memory instead",
			f->header->dtb_pa.value);
}

/*
 * KernBase of @k is an image in this space, and that image holds @k's page.
 * @pages_left bounds what all pairs together may cost.
 */
static bool matches(struct vm *vm, const struct space_kind *kind, struct kdbg *k,
		    size_t *pages_left)
{
	uint64_t base, offset = k->pa & (PAGE_BYTES - 1);
	struct image img;

	k->ptr_bytes = kind->ptr_bytes;
	if (!kdbg_value(k, KDBG_KERN_BASE, &base) || base < kind->mode->kernel_first_va ||
	    !image_at(vm, base, &img) || img.machine != kind->machine)
		return false;
	for (uint64_t va = base; va < base + img.size_bytes && *pages_left; va += PAGE_BYTES) {
		struct translation t;

		--*pages_left;
		if (vm_translate(vm, va, &t, NULL) || t.pa != k->pa - offset)
			continue;
		k->va = va + offset;
		return true;
	}
	return false;
}

/* Whether one space and one KDBG of the scan belong together: then use both. */
static bool try_pair(struct finder *f, size_t space, size_t kdbg)
{
	const struct space *s = &f->scan->space[space];
	struct kdbg k = f->scan->kdbg[kdbg];
	struct vm vm;

	vm_init(&vm, &f->os->phys, s->kind->mode, s->root_pa);
	if (!matches(&vm, s->kind, &k, &f->pages_left))
		return false;
	f->os->kdbg = k;
	f->os->kdbg_how = "scan";
	if (!f->kind || f->os->vm.root_pa != vm.root_pa)
		use_space(f, s->kind, s->root_pa, NULL);
	return true;
}

static bool found_one(void *ctx, bool is_space, size_t index)
{
	struct finder *f = ctx;
	size_t nr = is_space ? f->scan->nr_kdbgs : f->scan->nr_spaces;

	for (size_t i = 0; i < nr; i++)
		if (is_space ? try_pair(f, index, i) : try_pair(f, i, index))
			return true;
	return false;
}

/* Without a header a compressed file must be inflated to be searched. */
static uint64_t scan_limit(const struct finder *f)
{
	const uint64_t headerless_pages = (128 << 20) / PAGE_BYTES;

	return !f->header->dtb_pa.known && container_is_slow(f->os->container)
		       ? headerless_pages : UINT64_MAX;
}

static enum dl_status by_scanning(struct finder *f, const struct progress *progress,
				  struct dl_err *err)
{
	enum dl_status st;

	f->scan->limit_pages = scan_limit(f);
	if (f->kind)    /* what the header led to is the first candidate */
		f->scan->space[f->scan->nr_spaces++] =
			(struct space){ f->kind, f->os->vm.root_pa };
	st = kernel_scan_run(&f->os->phys, f->machine, f->scan, found_one, f, progress);
	return st == DL_END ? DL_OK : st ? err_set(err, st, "searching for the kernel failed") : st;
}

static bool take_base(struct finder *f)
{
	struct image img;

	if (!image_at(&f->os->vm, f->os->kernel_base, &img))
		return false;
	f->os->kernel_bytes = img.size_bytes;
	return true;
}

static void lists_from_kdbg(struct os *os)
{
	kdbg_value(&os->kdbg, KDBG_KERN_BASE, &os->kernel_base);
	kdbg_value(&os->kdbg, KDBG_LOADED_MODULES, &os->modules_va);
	kdbg_value(&os->kdbg, KDBG_ACTIVE_PROCESSES, &os->processes_va);
}

/* Before the build is known: DllBase stands after three list entries always. */
static bool base_of_first_module(struct finder *f)
{
	uint8_t ptr_bytes = f->kind->ptr_bytes;
	uint64_t entry, base;

	if (!f->os->modules_va || !list_closes(&f->os->vm, f->os->modules_va, ptr_bytes) ||
	    vm_word(&f->os->vm, f->os->modules_va, ptr_bytes, &entry, NULL) ||
	    vm_word(&f->os->vm, entry + 6u * ptr_bytes, ptr_bytes, &base, NULL) ||
	    !kernel_image_at(&f->os->vm, f->kind, base))
		return false;
	f->os->kernel_base = base;
	return true;
}

static uint64_t header_va(const struct finder *f, struct known_u64 va)
{
	return va.known ? va.value & f->kind->mode->va_mask : 0;
}

/* No KDBG anywhere: what can still be had without it. */
static bool without_kdbg(struct finder *f)
{
	struct os *os = f->os;

	os->kdbg_how = "not found";
	os->modules_va = header_va(f, f->header->modules_va);
	os->processes_va = header_va(f, f->header->processes_va);
	if (!base_of_first_module(f) &&
	    !kernel_image_find(&os->vm, f->kind, &os->kernel_base, &os->modules_va))
		return false;
	os_note(os, DL_ABSENT, "no KDBG block in this image: %s%sobject directories, unloaded "
		"drivers and the kernel's pool variables were not read",
		os->modules_va ? "" : "modules, ", os->processes_va ? "" : "processes, ");
	return true;
}

/* Spaces that came up in the scan, for an image without any KDBG. */
static bool any_space_with_kernel(struct finder *f)
{
	enum { ENOUGH = 4 };

	if (f->kind && without_kdbg(f))
		return true;
	for (size_t i = 0; i < f->scan->nr_spaces && i < ENOUGH; i++) {
		use_space(f, f->scan->space[i].kind, f->scan->space[i].root_pa, NULL);
		if (without_kdbg(f))
			return true;
	}
	return false;
}

static enum dl_status not_found(const struct finder *f, struct dl_err *err)
{
	const struct kernel_scan *s = f->scan;

	return err_set(err, DL_NOTFOUND,
		       "no Windows kernel found: %" PRIu64 " page%s looked at%s, %zu "
		       "self-mapping page director%s, %zu KDBG block%s%s",
		       s->nr_pages, s->nr_pages == 1 ? "" : "s",
		       s->nr_pages >= s->limit_pages ? " (the first 128 MB)" : "",
		       s->nr_spaces, s->nr_spaces == 1 ? "y" : "ies", s->nr_kdbgs,
		       s->nr_kdbgs == 1 ? "" : "s",
		       s->nr_spaces && s->nr_kdbgs ? "; no two belong together" : "");
}

/* The header's KDBG in the header's space, if both hold. */
static bool kdbg_from_header(struct finder *f)
{
	struct dl_err why = { "" };
	uint64_t va = f->kind ? header_va(f, f->header->kdbg_va) : 0;

	if (!va)
		return false;
	if (!kdbg_at(&f->os->vm, va, f->kind->ptr_bytes, &f->os->kdbg, &why)) {
		f->os->kdbg_how = "header";
		return true;
	}
	os_note(f->os, DL_CORRUPT, "the header's KDBG pointer is wrong: %s", why.text);
	return false;
}

static enum dl_status find(struct finder *f, const struct progress *progress,
			   struct dl_err *err)
{
	enum dl_status st;

	from_header(f);
	if (!kdbg_from_header(f)) {
		st = by_scanning(f, progress, err);
		if (st)
			return st;
	}
	if (!f->os->kdbg.known && !any_space_with_kernel(f))
		return not_found(f, err);
	if (f->os->kdbg.known)
		lists_from_kdbg(f->os);
	note_pae(f);
	if (f->os->kernel_base && !f->os->kernel_bytes && !take_base(f))
		os_note(f->os, DL_ABSENT, "the kernel's image headers at VA %#" PRIx64
			" are not in this image", f->os->kernel_base);
	return DL_OK;
}

enum dl_status kernel_find(struct os *os, const struct progress *progress,
			   struct dl_err *err)
{
	struct finder f = {
		.os = os, .header = container_header(os->container),
		.pages_left = MATCH_PAGES,
	};
	enum dl_status st;

	if (f.header->machine.known)
		f.machine = (uint16_t)f.header->machine.value;
	if (!space_kinds(f.machine, 0))
		return err_set(err, DL_UNSUPPORTED, "%s kernels are not supported yet",
			       machine_name(f.machine) ? machine_name(f.machine)
						       : "this machine's");
	f.scan = calloc(1, sizeof *f.scan);
	if (!f.scan)
		return err_set(err, DL_NOMEM, "out of memory");
	st = find(&f, progress, err);
	if (!st)
		os->layout.machine = f.kind->machine;
	free(f.scan);
	return st;
}
