/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_TEST_MACHINE64_H
#define DUMPLEAK_OS_TEST_MACHINE64_H

/*
 * A small 64-bit machine of any generation, in 1 MB of memory: page tables of
 * four levels, a KDBG block, two modules, an object directory with types, a
 * driver and two devices, a process with a thread. Offsets are literals, so that
 * a wrong layout row cannot agree with itself. The kernel is not searched for:
 * machine64_open() says where it is, and runs the readers.
 */
#include "dumpleak/os/internal.h"
#include "dumpleak/os/objects.h"

#include <stdlib.h>
#include <string.h>

#define VA64 UINT64_C(0xfffff80000000000)       /* VA of PA 0: all of memory is mapped here */
#define NOWHERE UINT64_C(0xfffffa8000000000)    /* a kernel address that nothing is mapped at */

enum {
	RAM64 = 1 << 20,
	PML4 = 0x1000, PDPT = 0x2000, PD = 0x3000, PT = 0x4000,
	KERNEL64 = 0x20000, KERNEL64_BYTES = 0x20000,
	VARS = KERNEL64 + 0x9000,
	MODULES64 = VARS + 0x100, PROCESSES64 = VARS + 0x120, UNLOADED64 = VARS + 0x400,
	DRIVER64 = 0x40000, DRIVER64_BYTES = 0x4000,
	LDR64_0 = 0x50000, LDR64_1 = 0x50100, STRINGS64 = 0x51000,
	TYPES64 = 0x54000,              /* bodies, 0x400 apart  */
	BODIES = 0x58000,               /* bodies, 0x1000 apart */
	ENTRIES64 = 0x68000,            /* one of 0x20 each     */
	PROCESS64 = 0x70000, THREAD64 = 0x72000, STACK64 = 0x74000,
	EVENT64 = 0x7c000,
};

/* Objects, by where their bodies are. */
enum { O_ROOT, O_DRIVER_DIR, O_DEVICE_DIR, O_TYPES_DIR, O_DRIVER, O_DEV1, O_DEV2, NR_BODIES };

enum { T_TYPE, T_DIRECTORY, T_DRIVER, T_DEVICE, T_EVENT, NR_TYPES };

/* What differs between generations, as their own PDBs have it. */
struct generation {
	const char *name;
	uint16_t machine;
	uint32_t build;
	bool numbered, cookie;          /* TypeIndex, and disguised    */
	uint32_t type_name, type_number;        /* in OBJECT_TYPE      */
	uint32_t pid, image, threads;           /* in EPROCESS         */
	uint32_t thread_links, thread_process, thread_id, stack_base;
	uint32_t timestamp;             /* in KLDR_DATA_TABLE_ENTRY, 0: none */
};

enum { GEN_NT52, GEN_NT61, GEN_NT63, GEN_NT10, GEN_NT10_24H2, GEN_NT10_ARM, NR_GENERATIONS };

/* Offsets: public PDBs of 5.2.3790.3959, 7 SP1, 8.1, 19041, 26100; ARM64: a 22000 dump */
static const struct generation generations[NR_GENERATIONS] = {
	[GEN_NT52] = {
		.name = "2003 SP2", .machine = 0x8664, .build = 3790,
		.type_name = 0x78, .type_number = 0x90, .pid = 0xd8, .image = 0x268, .threads = 0x290,
		.thread_links = 0x3d0, .thread_process = 0x3b8, .thread_id = 0x360, .stack_base = 0x240,
	},
	[GEN_NT61] = {
		.name = "7 SP1", .machine = 0x8664, .build = 7601, .numbered = true,
		.type_name = 0x10, .type_number = 0x28, .pid = 0x180, .image = 0x2e0, .threads = 0x308,
		.thread_links = 0x420, .thread_process = 0x210, .thread_id = 0x3b8, .stack_base = 0x278,
	},
	[GEN_NT63] = {
		.name = "8.1", .machine = 0x8664, .build = 9600, .numbered = true,
		.type_name = 0x10, .type_number = 0x28, .pid = 0x2e0, .image = 0x438, .threads = 0x470,
		.thread_links = 0x688, .thread_process = 0x220, .thread_id = 0x628, .stack_base = 0x38,
	},
	[GEN_NT10] = {
		.name = "10 2004", .machine = 0x8664, .build = 19041, .numbered = true, .cookie = true,
		.type_name = 0x10, .type_number = 0x28, .pid = 0x440, .image = 0x5a8, .threads = 0x5e0,
		.thread_links = 0x4e8, .thread_process = 0x220, .thread_id = 0x480, .stack_base = 0x38,
		.timestamp = 0x9c,
	},
	[GEN_NT10_24H2] = {
		.name = "11 24H2", .machine = 0x8664, .build = 26100, .numbered = true, .cookie = true,
		.type_name = 0x10, .type_number = 0x28, .pid = 0x1d0, .image = 0x338, .threads = 0x370,
		.thread_links = 0x578, .thread_process = 0x220, .thread_id = 0x510, .stack_base = 0x38,
		.timestamp = 0x9c,
	},
	[GEN_NT10_ARM] = {
		.name = "11, ARM64", .machine = 0xaa64, .build = 22000, .numbered = true, .cookie = true,
		.type_name = 0x10, .type_number = 0x28, .pid = 0x3f8, .image = 0x560, .threads = 0x598,
		.thread_links = 0x558, .thread_process = 0x240, .thread_id = 0x4f0, .stack_base = 0x38,
		.timestamp = 0x9c,
	},
};

struct machine64 {
	const struct generation *g;
	uint8_t *ram;
	uint8_t cookie;
	uint32_t strings;               /* next free, PA */
	struct source *source;
	struct container *container;
	const struct symbols *symbols;  /* NULL: none */
	bool no_kdbg;
	struct os os;
	bool open;
};

static inline uint64_t va64(uint32_t pa)
{
	return VA64 + pa;
}

static inline void set(struct machine64 *m, uint32_t pa, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		m->ram[pa + i] = (uint8_t)(v >> (8 * i));
}

static inline void set64(struct machine64 *m, uint32_t pa, uint64_t v) { set(m, pa, v, 8); }

static inline void set_ustr(struct machine64 *m, uint32_t pa, const char *s)
{
	uint32_t n = (uint32_t)strlen(s) * 2;

	set(m, pa, n, 2);
	set(m, pa + 2, n, 2);
	set64(m, pa + 8, va64(m->strings));
	for (uint32_t i = 0; i < n; i += 2)
		set(m, m->strings + i, (uint8_t)s[i / 2], 2);
	m->strings += (n + 7) & ~7u;
}

static inline void set_list(struct machine64 *m, const uint32_t *pa, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		set64(m, pa[i], va64(pa[(i + 1) % nr]));
		set64(m, pa[(i + 1) % nr] + 8, va64(pa[i]));
	}
}

/** absent64 - take the page at @pa out of the address space */
static inline void absent64(struct machine64 *m, uint32_t pa)
{
	set64(m, PT + (pa >> 12) * 8, 0);
}

static inline void tables64(struct machine64 *m)
{
	set64(m, PML4 + 0x1f0 * 8, PDPT | 0x63);
	set64(m, PML4 + 0x1ed * 8, PML4 | 0x63);
	set64(m, PDPT, PD | 0x63);
	set64(m, PD, PT | 0x63);
	for (uint32_t i = 0; i < RAM64 >> 12; i++)
		set64(m, PT + i * 8, i << 12 | 0x63);
}

static inline uint32_t body64(int index)
{
	return BODIES + (uint32_t)index * 0x1000 + 0x100;
}

static inline uint32_t type64(int type)
{
	return TYPES64 + (uint32_t)type * 0x400 + 0x100;
}

/* The number of each type: 2 is always the type of types, others are not in order. */
static inline uint8_t number64(int type)
{
	static const uint8_t numbers[NR_TYPES] = { 2, 3, 0x1d, 0x1c, 0x0d };

	return numbers[type];
}

/* OBJECT_HEADER and, before it, what optional headers there are. */
static inline void header64(struct machine64 *m, uint32_t body, int type, uint64_t directory_va,
			    const char *name)
{
	uint32_t header = body - 0x30, info;
	uint8_t number = number64(type);

	if (m->g->cookie)
		number ^= (uint8_t)(va64(header) >> 8) ^ m->cookie;
	if (m->g->numbered)
		m->ram[header + 0x18] = number;
	else
		set64(m, header + 0x10, va64(type64(type)));
	if (!name)
		return;
	/* a type has CREATOR_INFO between its header and its name; others QUOTA beyond */
	info = header - (type == T_TYPE ? 0x40 : 0x20);
	m->ram[header + (m->g->numbered ? 0x1a : 0x18)] =
		m->g->numbered ? (type == T_TYPE ? 0x03 : 0x0a) : (uint8_t)(header - info);
	set64(m, info, directory_va);
	set_ustr(m, info + 8, name);
}

static inline void build_type64(struct machine64 *m, int type, const char *name)
{
	header64(m, type64(type), T_TYPE, va64(body64(O_TYPES_DIR)), name);
	set_ustr(m, type64(type) + m->g->type_name, name);
	m->ram[type64(type) + m->g->type_number] = number64(type);
}

/* The entry of the object with body @pa, in front of a bucket's chain. */
static inline void entry64(struct machine64 *m, int directory, uint32_t bucket, uint32_t entry,
			   uint32_t pa)
{
	uint32_t head = body64(directory) + bucket * 8;

	memcpy(m->ram + entry, m->ram + head, 8);
	set64(m, entry + 8, va64(pa));
	set64(m, head, va64(entry));
}

static inline uint32_t entry_of(int index)
{
	return ENTRIES64 + (uint32_t)index * 0x20;
}

static inline void build_device64(struct machine64 *m, int index, uint64_t next)
{
	uint32_t pa = body64(index);

	set(m, pa, 3, 2);
	set(m, pa + 2, 0x150 + 0x40, 2);
	set64(m, pa + 0x08, va64(body64(O_DRIVER)));
	set64(m, pa + 0x10, next);
	set64(m, pa + 0x40, va64(pa + 0x150));
	set(m, pa + 0x48, 0x22, 4);
	set64(m, pa + 0x138, va64(pa + 0x190));
	set(m, pa + 0x190, 13, 2);
	set64(m, pa + 0x190 + 8, va64(pa));
}

static inline void build_driver64(struct machine64 *m)
{
	uint32_t pa = body64(O_DRIVER);

	set(m, pa, 4, 2);
	set(m, pa + 2, 0x150, 2);
	set64(m, pa + 0x08, va64(body64(O_DEV1)));
	set64(m, pa + 0x18, va64(DRIVER64));
	set(m, pa + 0x20, DRIVER64_BYTES, 4);
	set64(m, pa + 0x30, va64(pa + 0x150));
	set_ustr(m, pa + 0x38, "\\Driver\\Leaky");
	set64(m, pa + 0x150, va64(pa));
}

static inline void objects64(struct machine64 *m)
{
	static const char *const types[] = { "Type", "Directory", "Driver", "Device", "Event" };
	const uint64_t root = va64(body64(O_ROOT));

	for (int i = 0; i < NR_TYPES; i++) {
		build_type64(m, i, types[i]);
		entry64(m, O_TYPES_DIR, (uint32_t)i % 3, entry_of(NR_BODIES + i), type64(i));
	}
	header64(m, body64(O_ROOT), T_DIRECTORY, 0, "\\");
	header64(m, body64(O_DRIVER_DIR), T_DIRECTORY, root, "Driver");
	header64(m, body64(O_DEVICE_DIR), T_DIRECTORY, root, "Device");
	header64(m, body64(O_TYPES_DIR), T_DIRECTORY, root, "ObjectTypes");
	header64(m, body64(O_DRIVER), T_DRIVER, va64(body64(O_DRIVER_DIR)), "Leaky");
	header64(m, body64(O_DEV1), T_DEVICE, va64(body64(O_DEVICE_DIR)), "Leaky0");
	header64(m, body64(O_DEV2), T_DEVICE, 0, NULL);
	entry64(m, O_ROOT, 0, entry_of(O_DRIVER_DIR), body64(O_DRIVER_DIR));
	entry64(m, O_ROOT, 0, entry_of(O_DEVICE_DIR), body64(O_DEVICE_DIR));
	entry64(m, O_ROOT, 36, entry_of(O_TYPES_DIR), body64(O_TYPES_DIR));
	entry64(m, O_DRIVER_DIR, 7, entry_of(O_DRIVER), body64(O_DRIVER));
	entry64(m, O_DEVICE_DIR, 3, entry_of(O_DEV1), body64(O_DEV1));
	build_driver64(m);
	build_device64(m, O_DEV1, va64(body64(O_DEV2)));
	build_device64(m, O_DEV2, 0);
	set64(m, body64(O_DEV1) + 0x18, va64(body64(O_DEV2)));
	set64(m, body64(O_DEV2) + 0x190 + 0x30, va64(body64(O_DEV1)));
	set64(m, VARS + 0x10, root);
	set64(m, VARS + 0x18, va64(type64(T_TYPE)));
}

static inline void processes64(struct machine64 *m)
{
	const struct generation *g = m->g;
	const uint32_t processes[] = { PROCESSES64, PROCESS64 + g->pid + 8 };
	const uint32_t threads[] = { PROCESS64 + g->threads, THREAD64 + g->thread_links };

	m->ram[PROCESS64] = 3;
	set_list(m, (const uint32_t[]){ PROCESS64 + 8 }, 1);
	set64(m, PROCESS64 + 0x28, PML4 | 2);           /* with an address space's number */
	set64(m, PROCESS64 + g->pid, 4);
	memcpy(m->ram + PROCESS64 + g->image, "System", 7);
	m->ram[THREAD64] = 6;
	set_list(m, (const uint32_t[]){ THREAD64 + 8 }, 1);
	set64(m, THREAD64 + 0x28, va64(STACK64 + 0x5e00));
	set64(m, THREAD64 + 0x30, va64(STACK64));
	set64(m, THREAD64 + g->stack_base, va64(STACK64 + 0x6000));
	set64(m, THREAD64 + g->thread_process, va64(PROCESS64));
	set64(m, THREAD64 + g->thread_id, 8);
	set_list(m, processes, 2);
	set_list(m, threads, 2);
}

static inline void module64(struct machine64 *m, uint32_t ldr, uint32_t base, uint32_t size_bytes,
			    const char *name)
{
	set64(m, ldr + 0x30, va64(base));
	set(m, ldr + 0x40, size_bytes, 4);
	set_ustr(m, ldr + 0x48, name);
	set_ustr(m, ldr + 0x58, name);
	if (m->g->timestamp)
		set(m, ldr + m->g->timestamp, 0x5d6f1a2b, 4);
}

static inline void modules64(struct machine64 *m)
{
	const uint32_t list[] = { MODULES64, LDR64_0, LDR64_1 };

	module64(m, LDR64_0, KERNEL64, KERNEL64_BYTES, "ntoskrnl.exe");
	module64(m, LDR64_1, DRIVER64, DRIVER64_BYTES, "leaky.sys");
	set_list(m, list, 3);
	set64(m, VARS + 0x20, va64(UNLOADED64));
	set_ustr(m, UNLOADED64 + 0x28, "gone.sys");
	set64(m, UNLOADED64 + 0x28 + 0x10, NOWHERE);
	set64(m, UNLOADED64 + 0x28 + 0x18, NOWHERE + 0x4000);
}

static inline void machine64_build(struct machine64 *m, const struct generation *g)
{
	memset(m->ram, 0, RAM64);
	m->g = g;
	m->cookie = 0xa7;
	m->strings = STRINGS64;
	tables64(m);
	modules64(m);
	objects64(m);
	processes64(m);
}

static inline void kdbg64(struct machine64 *m)
{
	static const struct { uint32_t field, variable; } fields[] = {
		{ 0x098, VARS + 0x10 }, { 0x0a0, VARS + 0x18 }, { 0x220, VARS + 0x20 },
	};
	struct kdbg *k = &m->os.kdbg;

	*k = (struct kdbg){ .known = true, .size_bytes = 0x380, .ptr_bytes = 8 };
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		for (size_t b = 0; b < 8; b++)
			k->raw[fields[i].field + b] =
				(uint8_t)(va64(fields[i].variable) >> (8 * b));
}

/* What finding and identifying the kernel would have led to. */
static inline enum dl_status machine64_open(struct machine64 *m, struct dl_err *err)
{
	struct os *os = &m->os;
	enum dl_status st;

	memset(os, 0, sizeof *os);
	st = source_open_memory((struct bytes){ m->ram, RAM64 }, "ram", NULL, &m->source, err);
	if (!st)
		st = container_open_raw(m->source, 0, &m->container, err);
	if (st)
		return st;
	m->open = true;
	os->container = m->container;
	phys_init(&os->phys, m->container);
	arena_init(&os->arena);
	vm_init(&os->vm, &os->phys, &paging_x64, PML4);
	if (!m->no_kdbg)
		kdbg64(m);
	os->symbols = m->symbols;
	os->build = m->g->build;
	os->kernel_base = va64(KERNEL64);
	os->kernel_bytes = KERNEL64_BYTES;
	os->system_range_start = UINT64_C(0xffff800000000000);
	os->modules_va = va64(MODULES64);
	os->processes_va = va64(PROCESSES64);
	st = layout_pick(m->g->machine, m->g->build, &os->layout, err);
	if (!st)
		st = modules_read(os, err);
	if (!st)
		st = objects_read(os, err);
	return st ? st : processes_read(os, err);
}

static inline void machine64_close(struct machine64 *m)
{
	if (m->open)
		os_close(&m->os);
	container_close(m->container);
	source_close(m->source);
	m->open = false;
	m->container = NULL;
	m->source = NULL;
}

#endif
