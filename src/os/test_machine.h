/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_TEST_MACHINE_H
#define DUMPLEAK_OS_TEST_MACHINE_H

/*
 * The smallest NT 5.2 x86 machine that os_open() takes, in 1 MB of memory:
 * page tables of either kind, a kernel image with a KDBG block, two modules,
 * an object directory with a driver and two devices, a process with a thread.
 * Offsets are literals, so that a wrong layout row cannot agree with itself.
 */
#include "dumpleak/os/objects.h"

#include <stdlib.h>
#include <string.h>

#define VA0 0x80000000u         /* VA of PA 0: all of memory is mapped here */

enum {
	RAM_BYTES = 1 << 20,

	/* physical addresses; va_of() gives where they are mapped */
	ROOT = 0x1000, TABLE_LOW = 0x2000, TABLE_HIGH = 0x3000, SHARED = 0x4000,
	PAE_DIRECTORIES = 0x10000,
	KERNEL = 0x20000, KERNEL_BYTES = 0x20000,
	KDBG_AT = KERNEL + 0x8040, VARIABLES = KERNEL + 0x9000,
	MODULES_HEAD = VARIABLES + 0x100, PROCESSES_HEAD = VARIABLES + 0x108,
	LAB = VARIABLES + 0x200,
	DRIVER_IMAGE = 0x40000, DRIVER_BYTES = 0x4000,
	LDR0 = 0x50000, LDR1 = 0x50100, STRINGS = 0x51000,
	TYPES = 0x52000,                /* Type, Directory, Driver, Device: 0x200 each */
	OBJECTS = 0x54000,              /* bodies, 0x400 apart, see object_pa() */
	ENTRIES = 0x58000,
	PROCESS_AT = 0x60000, THREAD_AT = 0x61000, STACK = 0x62000,
	EVENT = 0x6a000,
};

enum { OBJ_ROOT, OBJ_DRIVER_DIR, OBJ_DEVICE_DIR, OBJ_DRIVER, OBJ_DEV1, OBJ_DEV2 };

struct machine {
	uint8_t *ram;
	uint32_t strings;               /* next free, PA */
	struct source *source;
	struct container *container;
	struct os os;
	bool open;
};

static inline uint32_t va_of(uint32_t pa)
{
	return VA0 + pa;
}

static inline void put(struct machine *m, uint32_t pa, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		m->ram[pa + i] = (uint8_t)(v >> (8 * i));
}

static inline void put16(struct machine *m, uint32_t pa, uint32_t v) { put(m, pa, v, 2); }
static inline void put32(struct machine *m, uint32_t pa, uint32_t v) { put(m, pa, v, 4); }

/* A UNICODE_STRING at @pa, its characters behind all earlier ones. */
static inline void put_ustr(struct machine *m, uint32_t pa, const char *s)
{
	uint32_t n = (uint32_t)strlen(s) * 2;

	put16(m, pa, n);
	put16(m, pa + 2, n);
	put32(m, pa + 4, va_of(m->strings));
	for (uint32_t i = 0; i < n; i += 2)
		put16(m, m->strings + i, (uint8_t)s[i / 2]);
	m->strings += (n + 7) & ~7u;
}

/* @head and @nr entries as one circular list. */
static inline void put_list(struct machine *m, const uint32_t *pa, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		put32(m, pa[i], va_of(pa[(i + 1) % nr]));
		put32(m, pa[(i + 1) % nr] + 4, va_of(pa[i]));
	}
}

static inline void build_tables(struct machine *m, bool pae)
{
	uint32_t w = pae ? 8 : 4;

	for (uint32_t i = 0; i < RAM_BYTES / PAGE_BYTES; i++)
		put(m, TABLE_LOW + i * w, i << 12 | 0x63, w);
	put(m, TABLE_HIGH + 0x1f0 * w, SHARED | 0x63, w);
	if (!pae) {
		put32(m, ROOT + 0x200 * 4, TABLE_LOW | 0x63);
		put32(m, ROOT + 0x300 * 4, ROOT | 0x63);
		put32(m, ROOT + 0x3ff * 4, TABLE_HIGH | 0x63);
		return;
	}
	for (uint32_t i = 0; i < 4; i++) {
		put(m, ROOT + 0x60 + i * 8, (PAE_DIRECTORIES + i * 0x1000) | 1, 8);
		put(m, PAE_DIRECTORIES + 0x3000 + i * 8,
		    (PAE_DIRECTORIES + i * 0x1000) | 0x63, 8);
	}
	put(m, PAE_DIRECTORIES + 0x2000, TABLE_LOW | 0x63, 8);
	put(m, PAE_DIRECTORIES + 0x3000 + 0x1fe * 8, TABLE_HIGH | 0x63, 8);
}

/* PE32 headers with one code and one data section, and a version resource. */
static inline void build_image(struct machine *m, uint32_t pa, uint32_t size_bytes)
{
	uint32_t pe = pa + 0x80, opt = pe + 0x18, section = opt + 0xe0, rsrc = pa + 0x2000;

	memcpy(m->ram + pa, "MZ", 2);
	put32(m, pa + 0x3c, 0x80);
	memcpy(m->ram + pe, "PE\0\0", 4);
	put16(m, pe + 4, 0x14c);
	put16(m, pe + 6, 2);
	put32(m, pe + 8, 0x41107b90);
	put16(m, pe + 20, 0xe0);
	put16(m, opt, 0x10b);
	put32(m, opt + 56, size_bytes);
	put32(m, opt + 92, 16);
	put32(m, opt + 96 + 16, 0x2000);                /* resources */
	put32(m, opt + 96 + 20, 0x200);
	memcpy(m->ram + section, ".text", 5);
	put32(m, section + 8, 0x800);
	put32(m, section + 12, 0x1000);
	put32(m, section + 36, 0x60000020);
	memcpy(m->ram + section + 40, ".data", 5);
	put32(m, section + 40 + 8, size_bytes - 0x3000);
	put32(m, section + 40 + 12, 0x3000);
	put32(m, section + 40 + 36, 0xc0000040);
	for (uint32_t level = 0; level < 3; level++) {
		uint32_t dir = rsrc + level * 0x18;

		put16(m, dir + 14, 1);
		put32(m, dir + 16, level ? 1 : 16);
		put32(m, dir + 20, level < 2 ? 0x80000018 + level * 0x18 : 0x48);
	}
	put32(m, rsrc + 0x48, 0x2060);
	put32(m, rsrc + 0x4c, 0x60);
	put32(m, rsrc + 0x60 + 0x28, 0xfeef04bd);
	put32(m, rsrc + 0x60 + 0x30, 0x00050002);       /* 5.2.3790.1830 */
	put32(m, rsrc + 0x60 + 0x34, 3790u << 16 | 1830);
}

static inline void build_kdbg(struct machine *m)
{
	static const struct { uint32_t off, variable, value; } fields[] = {
		{ 0x098, VARIABLES + 0x10, VA0 + OBJECTS },
		{ 0x1d0, VARIABLES + 0x14, VA0 },
		{ 0x220, VARIABLES + 0x18, VA0 + VARIABLES + 0x300 },
		{ 0x268, VARIABLES + 0x1c, 0x100 },
	};

	memcpy(m->ram + KDBG_AT + 0x10, "KDBG", 4);
	put32(m, KDBG_AT + 0x14, 0x318);
	put32(m, KDBG_AT + 0x18, va_of(KERNEL));
	put32(m, KDBG_AT + 0x48, va_of(MODULES_HEAD));
	put32(m, KDBG_AT + 0x50, va_of(PROCESSES_HEAD));
	put32(m, KDBG_AT + 0x208, va_of(LAB));
	memcpy(m->ram + LAB, "3790.srv03_sp1_rtm.050324-1447", 31);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		put32(m, KDBG_AT + fields[i].off, va_of(fields[i].variable));
		put32(m, fields[i].variable, fields[i].value);
	}
	/* one unloaded driver, in the third row */
	put_ustr(m, VARIABLES + 0x300 + 0x30, "gone.sys");
	put32(m, VARIABLES + 0x300 + 0x38, 0xf8000000);
	put32(m, VARIABLES + 0x300 + 0x3c, 0xf8004000);
}

static inline void build_module(struct machine *m, uint32_t ldr, uint32_t base,
				uint32_t size_bytes, const char *name, const char *path)
{
	put32(m, ldr + 0x18, va_of(base));
	put32(m, ldr + 0x20, size_bytes);
	put_ustr(m, ldr + 0x24, path);
	put_ustr(m, ldr + 0x2c, name);
}

static inline uint32_t object_pa(int index)
{
	return OBJECTS + (uint32_t)index * 0x400;
}

/* The header before a body, with its type and, further before, its name. */
static inline void build_object(struct machine *m, int index, int type, int directory,
				const char *name)
{
	uint32_t header = object_pa(index) - 0x18;

	put32(m, header + 0x08, va_of(TYPES + (uint32_t)type * 0x200));
	m->ram[header + 0x0c] = 0x10;
	put32(m, header - 0x10, directory < 0 ? 0 : va_of(object_pa(directory)));
	put_ustr(m, header - 0x0c, name);
}

static inline void build_entry(struct machine *m, int directory, uint32_t bucket, int index)
{
	uint32_t entry = ENTRIES + (uint32_t)index * 0x10;

	put32(m, entry, 0);
	put32(m, entry + 4, va_of(object_pa(index)));
	put32(m, object_pa(directory) + bucket * 4, va_of(entry));
}

static inline void build_device(struct machine *m, int index, uint32_t next)
{
	uint32_t pa = object_pa(index);

	put16(m, pa, 3);
	put16(m, pa + 2, 0xb8 + 0x40);
	put32(m, pa + 0x08, va_of(object_pa(OBJ_DRIVER)));
	put32(m, pa + 0x0c, next);
	put32(m, pa + 0x28, va_of(pa + 0xb8));
	put32(m, pa + 0x2c, 0x22);
	put32(m, pa + 0xb0, va_of(pa + 0xf8));
	put16(m, pa + 0xf8, 13);
	put32(m, pa + 0xf8 + 4, va_of(pa));
}

static inline void build_objects(struct machine *m)
{
	static const char *const types[] = { "Type", "Directory", "Driver", "Device" };
	uint32_t driver = object_pa(OBJ_DRIVER);

	for (uint32_t i = 0; i < 4; i++)
		put_ustr(m, TYPES + i * 0x200 + 0x40, types[i]);
	build_object(m, OBJ_ROOT, 1, -1, "\\");
	build_object(m, OBJ_DRIVER_DIR, 1, OBJ_ROOT, "Driver");
	build_object(m, OBJ_DEVICE_DIR, 1, OBJ_ROOT, "Device");
	build_object(m, OBJ_DRIVER, 2, OBJ_DRIVER_DIR, "Leaky");
	build_object(m, OBJ_DEV1, 3, OBJ_DEVICE_DIR, "Leaky0");
	build_entry(m, OBJ_ROOT, 0, OBJ_DRIVER_DIR);
	build_entry(m, OBJ_ROOT, 36, OBJ_DEVICE_DIR);
	build_entry(m, OBJ_DRIVER_DIR, 7, OBJ_DRIVER);
	build_entry(m, OBJ_DEVICE_DIR, 3, OBJ_DEV1);
	put16(m, driver, 4);
	put16(m, driver + 2, 0xa8);
	put32(m, driver + 0x04, va_of(object_pa(OBJ_DEV1)));
	put32(m, driver + 0x0c, va_of(DRIVER_IMAGE));
	put32(m, driver + 0x10, DRIVER_BYTES);
	put_ustr(m, driver + 0x1c, "\\Driver\\Leaky");
	build_device(m, OBJ_DEV1, va_of(object_pa(OBJ_DEV2)));
	build_device(m, OBJ_DEV2, 0);                   /* no name, in no directory */
	put32(m, object_pa(OBJ_DEV1) + 0x10, va_of(object_pa(OBJ_DEV2)));
	put32(m, object_pa(OBJ_DEV2) + 0xf8 + 0x18, va_of(object_pa(OBJ_DEV1)));
}

static inline void build_process(struct machine *m)
{
	const uint32_t processes[] = { PROCESSES_HEAD, PROCESS_AT + 0x98 };
	const uint32_t threads[] = { PROCESS_AT + 0x180, THREAD_AT + 0x224 };

	put_list(m, processes, 2);
	put_list(m, threads, 2);
	m->ram[PROCESS_AT] = 3;
	m->ram[PROCESS_AT + 2] = 0x1e;
	put_list(m, (const uint32_t[]){ PROCESS_AT + 8 }, 1);
	put32(m, PROCESS_AT + 0x94, 4);
	memcpy(m->ram + PROCESS_AT + 0x164, "System", 7);
	m->ram[THREAD_AT] = 6;
	m->ram[THREAD_AT + 2] = 0x6e;
	put_list(m, (const uint32_t[]){ THREAD_AT + 8 }, 1);
	put32(m, THREAD_AT + 0x18, va_of(STACK + 0x3000));
	put32(m, THREAD_AT + 0x1c, va_of(STACK));
	put32(m, THREAD_AT + 0x1e8, 8);
	put32(m, THREAD_AT + 0x218, va_of(PROCESS_AT));
}

static inline void build_shared(struct machine *m)
{
	put32(m, SHARED + 0x08, 600000000);             /* InterruptTime: a minute */
	put32(m, SHARED + 0x14, 0x93910000);
	put32(m, SHARED + 0x18, 0x01c4b56e);
	put32(m, SHARED + 0x1c, 0x01c4b56e);
	put16(m, SHARED + 0x30, 'C');
	put16(m, SHARED + 0x32, ':');
	put32(m, SHARED + 0x264, 3);
	put32(m, SHARED + 0x26c, 5);
	put32(m, SHARED + 0x270, 2);
}

static inline void machine_build(struct machine *m, bool pae)
{
	const uint32_t modules[] = { MODULES_HEAD, LDR0, LDR1 };

	memset(m->ram, 0, RAM_BYTES);
	m->strings = STRINGS;
	build_tables(m, pae);
	put32(m, PROCESS_AT + 0x18, pae ? ROOT + 0x60 : ROOT);
	build_shared(m);
	build_image(m, KERNEL, KERNEL_BYTES);
	build_image(m, DRIVER_IMAGE, DRIVER_BYTES);
	build_kdbg(m);
	put_list(m, modules, 3);
	build_module(m, LDR0, KERNEL, KERNEL_BYTES, "ntoskrnl.exe",
		     "\\WINDOWS\\system32\\ntoskrnl.exe");
	build_module(m, LDR1, DRIVER_IMAGE, DRIVER_BYTES, "leaky.sys",
		     "\\SystemRoot\\leaky.sys");
	build_objects(m);
	build_process(m);
}

static inline enum dl_status machine_open(struct machine *m, struct dl_err *err)
{
	enum dl_status st;

	st = source_open_memory((struct bytes){ m->ram, RAM_BYTES }, "ram", NULL,
				&m->source, err);
	if (!st)
		st = container_open_raw(m->source, 0, &m->container, err);
	if (!st)
		st = os_open(m->container, NULL, &m->os, err);
	m->open = !st;
	return st;
}

static inline void machine_close(struct machine *m)
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
