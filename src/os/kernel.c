/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container to the kernel's address space: root table, paging mode, KDBG
 * and kernel base. The header is tried first and believed only where memory
 * bears it out (spaces.c); then the kernel's image in the header's space; then
 * physical memory is searched (find_dtb.c).
 *
 * Sources: kernel-globals.md sections 1 to 4.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct finder {
	struct os *os;
	const struct dump_header *header;
	uint16_t machine;               /* 0: any */
	const struct space_kind *kind;  /* NULL: none found yet */
	struct kernel_scan *scan;
	struct kdbg_decoder *decoder;
	size_t pages_left;              /* see space_holds() */
	size_t images_tried;            /* in spaces of the scan */
	struct dl_err why;              /* the header's KDBG pointer is not used */
};

enum { MATCH_PAGES = 1 << 22, MAX_IMAGES_TRIED = 4 };

static void use_space(struct finder *f, const struct space_kind *kind, uint64_t root_pa,
		      const char *how)
{
	f->kind = kind;
	f->os->layout.machine = kind->machine;
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

static void note_header_root(struct finder *f, uint64_t root_pa)
{
	if (space_is_a_root(&f->os->phys, f->machine, root_pa))
		os_note(f->os, DL_OK, "the page tables at %#" PRIx64 ", where the header points, "
			"do not lead to the kernel (as those of user mode do not, with KVA "
			"shadow): searched memory instead", root_pa);
	else
		os_note(f->os, DL_CORRUPT, "no page tables at %#" PRIx64
			", where the header puts them: searched memory instead", root_pa);
}

/* The header's root table in the mode of the machine that fits best, if any. */
static void from_header(struct finder *f)
{
	uint64_t root_pa = f->header->dtb_pa.value;
	const struct space_kind *best = NULL;

	if (f->header->dtb_pa.known) {
		best = space_best(&f->os->phys, f->machine, root_pa, f->header);
		if (best)
			use_space(f, best, root_pa, header_how(f->header));
		else
			note_header_root(f, root_pa);
	} else if (space_low_stub(&f->os->phys, &root_pa)) {
		best = space_best(&f->os->phys, f->machine, root_pa, f->header);
		if (best)
			use_space(f, best, root_pa, "start-up code");
	}
}

static void note_pae(struct finder *f)
{
	const struct known_u64 *pae = &f->header->pae;
	bool is_pae = f->kind->mode == &paging_pae;

	if (pae->known && !!pae->value != is_pae)
		os_note(f->os, DL_CORRUPT, "the header says PAE is %s, but the page tables are %s",
			pae->value ? "on" : "off", f->kind->mode->name);
}

/* From here on the space of the scan is the kernel's. */
static void use_found_space(struct finder *f, const struct space *s)
{
	bool from_header = f->kind && !f->os->dtb_scanned;

	if (f->kind && f->os->vm.root_pa == s->root_pa && f->kind == s->kind)
		return;
	if (from_header && s->kind->ptr_bytes == 8)
		note_header_root(f, f->os->vm.root_pa);
	use_space(f, s->kind, s->root_pa, NULL);
}

static void use_kdbg(struct finder *f, const struct kdbg *k, const char *how)
{
	f->os->kdbg = *k;
	f->os->kdbg_how = k->decoded ? "decoded" : how;
}

/* Whether one space and one KDBG of the scan belong together: then use both. */
static bool try_pair(struct finder *f, size_t space, size_t kdbg)
{
	const struct space *s = &f->scan->space[space];
	struct kdbg k = f->scan->kdbg[kdbg];
	struct vm vm;

	vm_init(&vm, &f->os->phys, s->kind->mode, s->root_pa);
	if (!space_holds(&vm, s->kind, &k, &f->pages_left))
		return false;
	use_found_space(f, s);
	use_kdbg(f, &k, "scan");
	return true;
}

static uint64_t header_va(const struct finder *f, struct known_u64 va)
{
	return va.known ? va.value & f->kind->mode->va_mask : 0;
}

/* The kernel's image in @vm, by the header's module list or its looks. */
static bool find_base(struct finder *f, struct vm *vm, const struct space_kind *kind,
		      uint64_t *base, uint64_t *modules_va)
{
	const struct known_u64 *said = &f->header->modules_va;
	uint64_t head = said->known ? said->value & kind->mode->va_mask : 0;

	*modules_va = head;
	if (space_first_module(vm, kind, head, base))
		return true;
	if (!kernel_image_find(vm, kind, base, modules_va))
		return false;
	if (!*modules_va && space_last_module(vm, kind, head))
		*modules_va = head;
	return true;
}

/*
 * A kernel image in this space, with its KDBG block or at least its modules:
 * spares the search through all of memory, which x86 is too small to need.
 */
static bool try_image(struct finder *f, const struct space *s)
{
	uint64_t base, modules_va;
	struct kdbg k;
	struct vm vm;

	if (s->kind->ptr_bytes != 8)
		return false;
	vm_init(&vm, &f->os->phys, s->kind->mode, s->root_pa);
	if (!find_base(f, &vm, s->kind, &base, &modules_va))
		return false;
	if (kdbg_in_image(&vm, s->kind, f->decoder, base, &k)) {
		use_found_space(f, s);
		use_kdbg(f, &k, "scan");
		return true;
	}
	if (!modules_va)
		return false;
	use_found_space(f, s);
	f->os->kernel_base = base;
	f->os->modules_va = modules_va;
	return true;
}

/* A space of the scan in which the header's KDBG, or a kernel image, is found. */
static bool try_space(struct finder *f, const struct space *s)
{
	struct shared_data shared;
	const char *how;
	struct kdbg k;
	struct vm vm;

	vm_init(&vm, &f->os->phys, s->kind->mode, s->root_pa);
	if (s->kind->ptr_bytes != 8 || f->images_tried == MAX_IMAGES_TRIED ||
	    !shared_data_read(&vm, s->kind->shared_data_va, &shared))
		return false;
	f->images_tried++;
	if (kdbg_at_header(&vm, s->kind, f->decoder, f->header, &k, &how, NULL)) {
		use_found_space(f, s);
		use_kdbg(f, &k, how);
		return true;
	}
	return try_image(f, s);
}

static bool found_one(void *ctx, bool is_space, size_t index)
{
	struct finder *f = ctx;
	size_t nr = is_space ? f->scan->nr_kdbgs : f->scan->nr_spaces;

	for (size_t i = 0; i < nr; i++)
		if (is_space ? try_pair(f, index, i) : try_pair(f, i, index))
			return true;
	return is_space && try_space(f, &f->scan->space[index]);
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
	f->scan->decoder = f->decoder;
	if (f->kind)    /* what the header led to is the first candidate */
		f->scan->space[f->scan->nr_spaces++] =
			(struct space){ f->kind, f->os->vm.root_pa };
	st = kernel_scan_run(&f->os->phys, f->machine, f->scan, found_one, f, progress);
	return st == DL_END ? DL_OK : st ? err_set(err, st, "searching for the kernel failed") : st;
}

static bool take_image(struct finder *f)
{
	struct os *os = f->os;
	struct image img;

	if (!image_at(&os->vm, os->kernel_base, &img))
		return false;
	os->kernel_bytes = img.size_bytes;
	image_pdb(&os->vm, os->kernel_base, &img, &os->pdb);
	return true;
}

static void lists_from_kdbg(struct os *os)
{
	kdbg_value(&os->kdbg, KDBG_KERN_BASE, &os->kernel_base);
	kdbg_value(&os->kdbg, KDBG_LOADED_MODULES, &os->modules_va);
	kdbg_value(&os->kdbg, KDBG_ACTIVE_PROCESSES, &os->processes_va);
}

/* No KDBG anywhere: what can still be had without it. */
static bool without_kdbg(struct finder *f)
{
	struct os *os = f->os;

	os->kdbg_how = "not found";
	if (!os->kernel_base &&
	    !find_base(f, &os->vm, f->kind, &os->kernel_base, &os->modules_va))
		return false;
	os->processes_va = header_va(f, f->header->processes_va);
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
	const char *how;
	struct kdbg k;

	if (!f->kind || !kdbg_at_header(&f->os->vm, f->kind, f->decoder, f->header, &k, &how,
					&f->why))
		return false;
	use_kdbg(f, &k, how);
	return true;
}

/* Not where the header's root was wrong: then its pointer may well be right. */
static void note_kdbg_pointer(struct finder *f)
{
	if (f->why.text[0] && !f->os->dtb_scanned && strcmp(f->os->kdbg_how, "decoded") != 0)
		os_note(f->os, DL_CORRUPT, "the header's KDBG pointer is wrong: %s",
			f->why.text);
}

static enum dl_status find(struct finder *f, const struct progress *progress,
			   struct dl_err *err)
{
	struct os *os = f->os;
	enum dl_status st;

	from_header(f);
	if (!kdbg_from_header(f) &&
	    !(f->kind && try_image(f, &(struct space){ f->kind, os->vm.root_pa }))) {
		st = by_scanning(f, progress, err);
		if (st)
			return st;
	}
	if (!os->kdbg.known && !any_space_with_kernel(f))
		return not_found(f, err);
	note_kdbg_pointer(f);
	if (os->kdbg.known) {
		lists_from_kdbg(os);
		kdbg_mend(os, f->kind, header_va(f, f->header->modules_va));
	}
	note_pae(f);
	if (os->kernel_base && !os->kernel_bytes && !take_image(f))
		os_note(os, DL_ABSENT, "the kernel's image headers at VA %#" PRIx64
			" are not in this image", os->kernel_base);
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
		return err_set(err, DL_UNSUPPORTED, "%s kernels are not supported",
			       machine_name(f.machine) ? machine_name(f.machine)
						       : "this machine's");
	f.scan = calloc(1, sizeof *f.scan);
	f.decoder = kdbg_decoder_new();
	st = f.scan && f.decoder ? find(&f, progress, err)
				 : err_set(err, DL_NOMEM, "out of memory");
	kdbg_decoder_free(f.decoder);
	free(f.scan);
	return st;
}
