/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory to what may lead to a kernel: root tables (page directories,
 * PAE's directory pointer tables) that map themselves where Windows does, and
 * KDBG blocks, plain or encoded. Each page is looked at once, in PFN order,
 * which compressed dumps need.
 *
 * Sources: page-tables.md section 5 (self-map), kernel-globals.md section 2.
 */
#include "dumpleak/os/internal.h"

#define SHARED64 0xfffff78000000000u
#define IMAGES64_FIRST 0xfffff80000000000u
#define IMAGES64_LAST 0xfffff8ffffffffffu

static const struct space_kind kinds[] = {
	{ MACHINE_I386, 4, &paging_ia32, 0xffdf0000, 0x80000000, 0xffffffff },
	{ MACHINE_I386, 4, &paging_pae, 0xffdf0000, 0x80000000, 0xffffffff },
	{ MACHINE_AMD64, 8, &paging_x64, SHARED64, IMAGES64_FIRST, IMAGES64_LAST },
	{ MACHINE_AMD64, 8, &paging_x64_la57, SHARED64, IMAGES64_FIRST, IMAGES64_LAST },
	/* UNVERIFIED: that ARM64's are where x64's are */
	{ MACHINE_ARM64, 8, &paging_arm64, SHARED64, IMAGES64_FIRST, IMAGES64_LAST },
};

const struct space_kind *space_kinds(uint16_t machine, size_t i)
{
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
		if ((!machine || kinds[k].machine == machine) && !i--)
			return &kinds[k];
	return NULL;
}

/*
 * In the window, the entry for an address lies at a fixed place. So the entry
 * that decides for the window's first address must be the very one that the
 * window shows for it; with a wrong root or mode the two differ.
 */
bool space_maps_itself(struct vm *vm)
{
	const struct paging_mode *m = vm->mode;
	uint64_t window = m->self_first_va;
	uint64_t entry_va = window + (window >> PAGE_SHIFT) * m->entry_bytes;
	struct translation to_entry, to_shown;
	uint64_t first_va, last_va;

	if (m->self_movable)
		return vm_self_map(vm, &first_va, &last_va);
	/* the page itself need not be there: its last-level entry must */
	if (vm_translate(vm, window, &to_entry, NULL) &&
	    to_entry.level + 1u != m->nr_levels)
		return false;
	return !vm_translate(vm, entry_va, &to_shown, NULL) &&
	       to_shown.pa == to_entry.pte_pa;
}

static size_t root_bytes(const struct paging_mode *m)
{
	return ((size_t)1 << m->levels[0].bits) * m->entry_bytes;
}

/*
 * One entry of the kernel's half, whichever, names the root. Few pages get past
 * the first comparison, and all but a few hundred entries of a root are empty.
 */
static bool names_itself_somewhere(const struct paging_mode *m, const uint8_t *root,
				   uint64_t root_pa)
{
	size_t found = 0, empty = 0;

	for (size_t off = PAGE_BYTES / 2; off < PAGE_BYTES; off += 8) {
		uint64_t e = le64(root + off);

		empty += !e;
		found += (e & 1) && (e & m->pfn_mask) == root_pa;
	}
	return found == 1 && empty >= 32;
}

/* A root as long as a page names itself in one entry. */
static bool names_itself(const struct paging_mode *m, const uint8_t *root,
			 uint64_t root_pa)
{
	uint64_t e;

	if (m->self_movable)
		return names_itself_somewhere(m, root, root_pa);
	e = le_word(root + m->self_entry * m->entry_bytes, m->entry_bytes);
	return (e & 1) && (e & m->pfn_mask) == root_pa;
}

/* A shorter one (PAE) has nothing but valid entries, without flags. */
static bool all_valid(const struct paging_mode *m, const uint8_t *root, size_t size_bytes)
{
	const uint64_t caching = 0x18;

	for (size_t off = 0; off < size_bytes; off += m->entry_bytes) {
		uint64_t e = le_word(root + off, m->entry_bytes);

		if ((e & ~m->pfn_mask & ~caching) != 1 || !(e & m->pfn_mask))
			return false;
	}
	return true;
}

static bool verify(struct phys *phys, const struct space *space)
{
	struct vm vm;

	vm_init(&vm, phys, space->kind->mode, space->root_pa);
	return space_maps_itself(&vm);
}

struct scanner {
	struct phys *phys;
	struct kernel_scan *scan;
	scan_found_fn found;
	void *ctx;
	uint16_t machine;
	const struct kdbg_decoder *decoder;     /* NULL: x86 encodes nothing */
	bool done;
};

static void add_space(struct scanner *s, const struct space *space)
{
	struct kernel_scan *scan = s->scan;

	if (scan->nr_spaces == SCAN_MAX_SPACES || !verify(s->phys, space))
		return;
	scan->space[scan->nr_spaces++] = *space;
	s->done |= s->found(s->ctx, true, scan->nr_spaces - 1);
}

/* Offsets in @page where a root of this kind may start, one after the other. */
static size_t next_root(const struct paging_mode *m, const uint8_t *page,
			uint64_t pfn, size_t off)
{
	size_t n = root_bytes(m);

	for (; off < PAGE_BYTES; off += n)
		if (n == PAGE_BYTES ? names_itself(m, page, pfn << PAGE_SHIFT)
				    : (page[off] & 1) && all_valid(m, page + off, n))
			break;
	return off;
}

static void scan_roots(struct scanner *s, const struct space_kind *kind, uint64_t pfn)
{
	const struct paging_mode *m = kind->mode;
	const uint8_t *page;

	/* verifying reads other pages: ask for this one again each time */
	for (size_t off = 0; !s->done && !phys_page(s->phys, pfn, &page, NULL);
	     off += root_bytes(m)) {
		off = next_root(m, page, pfn, off);
		if (off >= PAGE_BYTES)
			break;
		add_space(s, &(struct space){ kind, (pfn << PAGE_SHIFT) + off });
	}
}

static void scan_kdbg(struct scanner *s, uint64_t pfn)
{
	struct kernel_scan *scan = s->scan;
	const uint8_t *page;
	size_t hit = 0;

	/* read as 64-bit: how wide pointers are, the address space will tell */
	while (!s->done && scan->nr_kdbgs < SCAN_MAX_KDBGS &&
	       !phys_page(s->phys, pfn, &page, NULL) &&
	       kdbg_in_page(s->phys, pfn, page, &hit, 8, &scan->kdbg[scan->nr_kdbgs])) {
		scan->nr_kdbgs++;
		s->done |= s->found(s->ctx, false, scan->nr_kdbgs - 1);
	}
}

static void scan_encoded(struct scanner *s, uint64_t pfn)
{
	struct kernel_scan *scan = s->scan;
	const uint8_t *page;
	size_t off = 0;

	while (!s->done && scan->nr_kdbgs < SCAN_MAX_KDBGS &&
	       !phys_page(s->phys, pfn, &page, NULL) &&
	       kdbg_decode_page(s->phys, s->decoder, pfn, page, &off,
				&scan->kdbg[scan->nr_kdbgs])) {
		scan->nr_kdbgs++;
		s->done |= s->found(s->ctx, false, scan->nr_kdbgs - 1);
	}
}

static void scan_page(struct scanner *s, uint64_t pfn)
{
	const struct space_kind *kind;

	scan_kdbg(s, pfn);
	if (!s->done && s->decoder)
		scan_encoded(s, pfn);
	for (size_t i = 0; !s->done && (kind = space_kinds(s->machine, i)); i++)
		scan_roots(s, kind, pfn);
}

enum dl_status kernel_scan_run(struct phys *phys, uint16_t machine,
			       struct kernel_scan *scan, scan_found_fn found,
			       void *ctx, const struct progress *progress)
{
	struct scanner s = {
		.phys = phys, .scan = scan, .found = found, .ctx = ctx, .machine = machine,
		.decoder = machine == MACHINE_I386 ? NULL : scan->decoder,
	};
	uint64_t first, last, pfn = 0, present = 0, absent;
	struct file_extent extent = { 0 };
	bool exact;

	container_count(phys->container, &present, &absent, &exact);
	while (!s.done && !container_run(phys->container, pfn, &first, &last)) {
		for (pfn = pfn > first ? pfn : first; pfn <= last && !s.done; pfn++) {
			if (scan->nr_pages >= scan->limit_pages)
				return DL_END;
			if (scan->nr_pages++ % 4096 == 0)
				progress_step(progress, "searching for the kernel",
					      (size_t)scan->nr_pages, (size_t)present);
			if (!container_is_hole(phys->container, pfn, &extent))
				scan_page(&s, pfn);
		}
	}
	return s.done ? DL_OK : DL_END;
}
