/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that was found to its build, layout rows and name. Several places
 * speak of the build; they are asked in the order of how rarely they are
 * wrong, and contradictions are noted. What else the kernel says of its
 * machine is in facts.c.
 *
 * Sources: kernel-globals.md sections 1, 1.2, 3 and 6.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What each place says of the build; 0 where it says nothing. */
struct claims {
	uint32_t header, kernel, shared, lab, version;
	uint32_t kdbg_first, kdbg_last;
	uint32_t major, minor;          /* of NT, 0 unknown */
	uint32_t product;               /* NT_PRODUCT_TYPE, 0 unknown */
	bool lab_is_foreign;
};

static void read_shared(struct os *os, struct claims *c)
{
	enum { SHARED_LAST = 0x3c0 };   /* what is read of it ends here */
	const struct dump_header *h = container_header(os->container);
	struct shared_data s;
	uint64_t word;

	if (shared_data_read(&os->vm, os->shared_data_va, &s)) {
		c->major = s.major;
		c->minor = s.minor;
		c->product = s.product;
		c->shared = s.build;
	} else {
		bool there = !vm_word(&os->vm, os->shared_data_va + SHARED_LAST, 4, &word, NULL);

		os_note(os, there ? DL_CORRUPT : DL_ABSENT, "KUSER_SHARED_DATA at VA %#" PRIx64 " %s",
			os->shared_data_va, there ? "holds no version of NT: not used"
						  : "is not in this image");
	}
	if (h->product_type.known)
		c->product = (uint32_t)h->product_type.value;
	os->product = product_name(c->product);
}

/* nt!NtBuildNumber: the build, and above it whether it is a checked one. */
static uint32_t exported_build(struct os *os)
{
	uint64_t va, build;

	if (!kernel_export(os, "NtBuildNumber", &va) || vm_word(&os->vm, va, 4, &build, NULL))
		return 0;
	return (uint32_t)build & 0xffff;
}

/* "3790.srv03_sp2_gdr...": Microsoft's begin with the build and a dot. */
static uint32_t lab_build(const char *lab)
{
	enum { MAX_BUILD = 99999 };
	uint32_t build = 0;

	for (; *lab >= '0' && *lab <= '9'; lab++) {
		build = build * 10 + (uint32_t)(*lab - '0');
		if (build > MAX_BUILD)
			return 0;
	}
	return *lab == '.' ? build : 0;
}

static const char *lab_text(struct os *os)
{
	uint8_t raw[96];
	uint64_t va;
	size_t n = 0;

	if (!kdbg_value(&os->kdbg, KDBG_NT_BUILD_LAB, &va))
		return "";
	while (n < sizeof raw && !vm_read(&os->vm, va + n, raw + n, 1, NULL) && raw[n])
		n++;
	return text_ascii(&os->arena, (struct bytes){ raw, n });
}

static void read_lab(struct os *os, struct claims *c)
{
	const char *lab = lab_text(os);

	os->build_lab = lab ? lab : "";
	c->lab = lab_build(os->build_lab);
	c->lab_is_foreign = os->build_lab[0] && !c->lab;
}

static void read_service_pack(struct os *os)
{
	uint64_t va, csd;
	char text[40] = "";

	if (kdbg_value(&os->kdbg, KDBG_CSD_VERSION, &va) &&
	    !vm_word(&os->vm, va, 4, &csd, NULL) && csd >> 8 > 0 && csd >> 8 < 16)
		snprintf(text, sizeof text, "Service Pack %u", (unsigned)(csd >> 8));
	os->service_pack = arena_strdup(&os->arena, text);
}

/* The first release of that NT version, or the first whose KDBG block is as long. */
static uint32_t version_build(const struct claims *c)
{
	const struct release *r = release_of(c->kdbg_first);

	if (!r || r->major != c->major || r->minor != c->minor)
		r = release_of_version(c->major, c->minor);
	return r ? r->build : 0;
}

static void gather(struct os *os, struct claims *c)
{
	const struct dump_header *h = container_header(os->container);

	read_shared(os, c);
	read_lab(os, c);
	read_service_pack(os);
	c->header = h->build.known ? (uint32_t)h->build.value : 0;
	c->kernel = exported_build(os);
	if (os->kdbg.known)
		release_of_kdbg(os->kdbg.size_bytes, &c->kdbg_first, &c->kdbg_last);
	c->version = version_build(c);
}

/* NT 10.0 is many builds, so a version contradicts only builds of another one. */
static bool of_version(uint32_t build, const struct claims *c)
{
	const struct release *r = release_of(build);

	return !r || (r->major == c->major && r->minor == c->minor);
}

static void note_contradictions(struct os *os, const struct claims *c)
{
	const struct { const char *who; uint32_t build; } said[] = {
		{ "the header", c->header }, { "the kernel's NtBuildNumber", c->kernel },
		{ "KUSER_SHARED_DATA", c->shared }, { "NtBuildLab", c->lab },
		{ "KUSER_SHARED_DATA's version", of_version(os->build, c) ? 0 : c->version },
		{ "the size of the KDBG block",
		  os->build < c->kdbg_first || os->build > c->kdbg_last ? c->kdbg_first : 0 },
	};

	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		if (said[i].build && release_kernel(said[i].build) != release_kernel(os->build))
			os_note(os, DL_CORRUPT, "%s says build %u, taken as build %u",
				said[i].who, said[i].build, os->build);
	if (c->lab_is_foreign)
		os_note(os, DL_OK, "NtBuildLab is \"%s\", which is not Microsoft's: a kernel "
			"compatible with NT %u.%u", os->build_lab, c->major, c->minor);
}

/*
 * What most places say, and of equals what the first does: headers of other
 * writers are sometimes wrong, and alone with it then.
 */
static uint32_t elect_build(const struct claims *c, const uint32_t *said, size_t nr)
{
	uint32_t build = 0;
	size_t most = 0;

	for (size_t i = 0; i < nr; i++) {
		size_t votes = said[i] >= c->kdbg_first && said[i] <= c->kdbg_last;

		for (size_t k = 0; k < nr; k++)
			votes += release_kernel(said[k]) == release_kernel(said[i]);
		if (said[i] && votes > most) {
			most = votes;
			build = said[i];
		}
	}
	return build;
}

/* Headers and NtBuildLab name the kernel's build; the shared data the release's. */
static uint32_t choose_build(const struct claims *c)
{
	const uint32_t said[] = { c->header, c->kernel, c->shared, c->lab };
	uint32_t build = elect_build(c, said, sizeof said / sizeof said[0]);

	if (!build)
		build = c->version ? c->version : c->kdbg_first;
	if (c->shared > build && release_kernel(c->shared) == release_kernel(build))
		build = c->shared;
	return build;
}

static void name_it(struct os *os, const struct claims *c)
{
	const struct release *r = release_of(os->build);
	const char *name = release_name(os->build, c->product, os->layout.machine);
	uint32_t major = r ? r->major : c->major, minor = r ? r->minor : c->minor;
	char text[200];

	if (c->lab_is_foreign)
		snprintf(text, sizeof text, "NT %u.%u compatible (NtBuildLab \"%.100s\")",
			 major, minor, os->build_lab);
	else if (name)
		snprintf(text, sizeof text, "%s (NT %u.%u)", name, major, minor);
	else
		snprintf(text, sizeof text, "Windows build %u (NT %u.%u)", os->build, major,
			 minor);
	os->name = arena_strdup(&os->arena, text);
}

/*
 * A multiple of what the second-lowest table maps, between the lowest kernel VA
 * and the kernel itself. 64-bit Windows before 8.1 states an address below
 * those that the processor has.
 */
static void read_system_range(struct os *os)
{
	const struct paging_mode *m = os->vm.mode;
	uint64_t step = (uint64_t)1 << m->levels[m->nr_levels - 2].shift, start;

	os->system_range_start = m->kernel_first_va;
	if (!kdbg_variable(&os->vm, &os->kdbg, KDBG_SYSTEM_RANGE_START, &start) ||
	    (m->va_bits < 64 && start >> 48 == 0xffff && !vm_is_canonical(m, start)))
		return;
	if (start >= m->kernel_first_va && start % step == 0 && start <= os->kernel_base)
		os->system_range_start = start;
	else
		os_note(os, DL_CORRUPT, "MmSystemRangeStart is %#" PRIx64 ", which cannot be: "
			"taken as %#" PRIx64, start, m->kernel_first_va);
}

/*
 * A scan takes the first page directory that fits, which may be that of a
 * process long gone. The System process's own is always complete.
 */
static void use_system_process(struct os *os)
{
	const struct process_layout *l = &os->layout.process;
	uint64_t entry, root;
	struct vm vm;

	if (!os->processes_va || !list_closes(&os->vm, os->processes_va, os->layout.ptr_bytes) ||
	    !ptr_at(os, os->processes_va, &entry) ||
	    vm_word(&os->vm, entry - l->links.off + l->dtb.off, l->dtb.width, &root, NULL))
		return;
	vm_init(&vm, &os->phys, os->vm.mode, root);
	vm_set_software(&vm, os->build, os->vm.invalid_pte_mask);
	if (space_maps_itself(&vm) && list_closes(&vm, os->processes_va, os->layout.ptr_bytes))
		os->vm = vm;
}

/* Without a KDBG block: the list's head stands before the System process, which is always the first. */
static void processes_from_export(struct os *os)
{
	const struct process_layout *l = &os->layout.process;
	uint64_t va, system, head;

	if (!os->processes_va && kernel_export(os, "PsInitialSystemProcess", &va) &&
	    ptr_at(os, va, &system) &&
	    ptr_at(os, system + l->links.off + os->layout.ptr_bytes, &head) &&
	    list_closes(&os->vm, head, os->layout.ptr_bytes))
		os->processes_va = head;
}

static void note_without_kdbg(struct os *os)
{
	if (!os->kdbg.known)
		os_note(os, DL_ABSENT, "no KDBG block in this image: %s%sunloaded drivers and "
			"the kernel's pool variables were not read",
			os->modules_va ? "" : "modules, ", os->processes_va ? "" : "processes, ");
}

static void note_beyond(struct os *os)
{
	/* features switched on, but the same kernel */
	if (release_kernel(os->build) <= os->layout.newest_row)
		os->layout.beyond = false;
	if (os->layout.beyond)
		os_note(os, DL_UNSUPPORTED, "build %u is newer than any layout known: the rows "
			"of build %u are used", os->build, os->layout.newest_row);
}

enum dl_status kernel_identify(struct os *os, const struct symbols *symbols,
			       struct dl_err *err)
{
	uint16_t machine = os->layout.machine;
	struct claims c = { 0 };
	enum dl_status st;

	gather(os, &c);
	os->build = choose_build(&c);
	if (!os->build)
		return err_set(err, DL_UNSUPPORTED, "a Windows kernel at VA %#" PRIx64
			       " (NT %u.%u), but no place in this image tells its build",
			       os->kernel_base, c.major, c.minor);
	st = layout_pick(machine, os->build, &os->layout, err);
	if (st)
		return st;
	note_beyond(os);
	vm_set_software(&os->vm, os->build, 0);
	if (symbols)
		symbols_use(os, symbols);
	if (!os->build_lab[0])
		read_lab(os, &c);       /* a symbol file may know where it is */
	processes_from_export(os);
	if (os->dtb_scanned)
		use_system_process(os);
	note_contradictions(os, &c);
	name_it(os, &c);
	read_system_range(os);
	facts_read(os);
	note_without_kdbg(os);
	return os->name && os->service_pack ? DL_OK : err_set(err, DL_NOMEM, "out of memory");
}
