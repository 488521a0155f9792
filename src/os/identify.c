/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that was found to its build, layout rows, name and clock. Several
 * places speak of the build; they are asked in the order of how rarely they
 * are wrong, and contradictions are noted. Names no Windows after 5.2 yet.
 *
 * Sources: kernel-globals.md sections 1, 1.2 and 6.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* KUSER_SHARED_DATA: the same on every machine and build */
enum {
	SHARED_INTERRUPT_TIME = 0x008, SHARED_SYSTEM_TIME = 0x014,
	SHARED_PRODUCT_TYPE = 0x264, SHARED_PRODUCT_IS_VALID = 0x268,
	SHARED_MAJOR = 0x26c, SHARED_MINOR = 0x270, SHARED_BYTES = 0x274,
};

/* What each place says of the build; 0 where it says nothing. */
struct claims {
	uint32_t header, lab, kdbg_size, version;
	uint32_t major, minor;          /* of NT, 0 unknown */
	uint32_t product;               /* 1 workstation, 2 and 3 server, 0 unknown */
	bool lab_is_foreign;
};

/* KSYSTEM_TIME: the upper half twice, so that a torn read shows. */
static uint64_t system_time_at(struct bytes shared, size_t off)
{
	const uint8_t *p = shared.p + off;

	return le32(p + 4) == le32(p + 8) ? le64(p) : 0;
}

static void read_clock(struct os *os, struct bytes shared)
{
	const struct dump_header *h = container_header(os->container);

	os->system_time = h->system_time.known ? h->system_time.value : 0;
	os->up_time = h->up_time.known ? h->up_time.value : 0;
	if (!shared.p)
		return;
	if (!os->system_time)
		os->system_time = system_time_at(shared, SHARED_SYSTEM_TIME);
	if (!os->up_time)
		os->up_time = system_time_at(shared, SHARED_INTERRUPT_TIME);
}

static void read_shared(struct os *os, struct claims *c)
{
	const struct dump_header *h = container_header(os->container);
	uint8_t buf[SHARED_BYTES];
	struct bytes b = struct_at(os, os->shared_data_va, buf, sizeof buf);
	uint32_t major = b.p ? le32(b.p + SHARED_MAJOR) : 0;

	if (major >= 4 && major <= 10) {
		c->major = major;
		c->minor = le32(b.p + SHARED_MINOR);
		c->product = le32(b.p + SHARED_PRODUCT_TYPE);
	} else {
		os_note(os, DL_ABSENT, "KUSER_SHARED_DATA at VA %#" PRIx64 " is not in this image",
			os->shared_data_va);
		b.p = NULL;
	}
	if (h->product_type.known)
		c->product = (uint32_t)h->product_type.value;
	read_clock(os, b);
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

/* The KDBG grew with most releases. */
static uint32_t kdbg_build(const struct kdbg *k)
{
	static const struct { uint32_t size_bytes, build; } sizes[] = {
		{ 0x290, BUILD_XP }, { 0x318, BUILD_2003 },
	};

	for (size_t i = 0; k->known && i < sizeof sizes / sizeof sizes[0]; i++)
		if (k->size_bytes == sizes[i].size_bytes)
			return sizes[i].build;
	return 0;
}

static const struct release {
	uint32_t major, minor;
	uint32_t build;
	uint32_t product;       /* 0: any */
	const char *name;
} releases[] = {
	{ 5, 1, BUILD_XP, 0, "Windows XP" },
	{ 5, 2, BUILD_2003, 2, "Windows Server 2003, domain controller" },
	{ 5, 2, BUILD_2003, 3, "Windows Server 2003" },
	{ 5, 2, BUILD_2003, 0, "Windows 2003" },
};

static uint32_t version_build(const struct claims *c)
{
	for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
		if (releases[i].major == c->major && releases[i].minor == c->minor)
			return releases[i].build;
	return 0;
}

static const struct release *release_of(uint32_t build, uint32_t product)
{
	for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
		if (releases[i].build == build &&
		    (!releases[i].product || releases[i].product == product))
			return &releases[i];
	return NULL;
}

static void gather(struct os *os, struct claims *c)
{
	const struct dump_header *h = container_header(os->container);

	read_shared(os, c);
	read_lab(os, c);
	read_service_pack(os);
	c->header = h->build.known ? (uint32_t)h->build.value : 0;
	c->kdbg_size = kdbg_build(&os->kdbg);
	c->version = version_build(c);
}

static void note_contradictions(struct os *os, const struct claims *c, uint32_t build)
{
	const struct { const char *who; uint32_t build; } said[] = {
		{ "the header", c->header }, { "NtBuildLab", c->lab },
		{ "KUSER_SHARED_DATA's version", c->version },
		{ "the size of the KDBG block", c->kdbg_size },
	};

	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		if (said[i].build && said[i].build != build)
			os_note(os, DL_CORRUPT, "%s says build %u, taken as build %u",
				said[i].who, said[i].build, build);
	if (c->lab_is_foreign)
		os_note(os, DL_OK, "NtBuildLab is \"%s\", which is not Microsoft's: a kernel "
			"compatible with NT %u.%u", os->build_lab, c->major, c->minor);
}

static uint32_t first_of(const struct claims *c)
{
	return c->header ? c->header : c->lab ? c->lab : c->version ? c->version : c->kdbg_size;
}

static void name_it(struct os *os, const struct claims *c)
{
	const struct release *r = release_of(os->build, c->product);
	uint32_t major = r ? r->major : c->major, minor = r ? r->minor : c->minor;
	char text[200];

	if (c->lab_is_foreign)
		snprintf(text, sizeof text, "NT %u.%u compatible (NtBuildLab \"%.100s\")",
			 major, minor, os->build_lab);
	else if (r)
		snprintf(text, sizeof text, "%s (NT %u.%u)", r->name, major, minor);
	else
		snprintf(text, sizeof text, "Windows build %u (NT %u.%u)", os->build, major,
			 minor);
	os->name = arena_strdup(&os->arena, text);
}

/* A multiple of what one root entry maps, between 2 GB and the kernel itself. */
static void read_system_range(struct os *os)
{
	const struct paging_mode *m = os->vm.mode;
	uint64_t step = (uint64_t)1 << m->levels[m->nr_levels - 2].shift, start;

	os->system_range_start = m->kernel_first_va;
	if (!kdbg_variable(&os->vm, &os->kdbg, KDBG_SYSTEM_RANGE_START, &start))
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
	if (space_maps_itself(&vm) && list_closes(&vm, os->processes_va, os->layout.ptr_bytes))
		os->vm = vm;
}

enum dl_status kernel_identify(struct os *os, struct dl_err *err)
{
	uint16_t machine = os->layout.machine;
	struct claims c = { 0 };
	enum dl_status st;

	gather(os, &c);
	os->build = first_of(&c);
	if (!os->build)
		return err_set(err, DL_UNSUPPORTED, "a Windows kernel at VA %#" PRIx64
			       " (NT %u.%u), but no place in this image tells its build",
			       os->kernel_base, c.major, c.minor);
	st = layout_pick(machine, os->build, &os->layout, err);
	if (st)
		return st;
	if (os->dtb_scanned)
		use_system_process(os);
	note_contradictions(os, &c, os->build);
	name_it(os, &c);
	read_system_range(os);
	return os->name && os->service_pack ? DL_OK : err_set(err, DL_NOMEM, "out of memory");
}
