/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_TRIAGE_BUILD_H
#define DUMPLEAK_CONTAINER_TRIAGE_BUILD_H

/*
 * For tests and fuzzing: a small minidump of either width, written field by
 * field at literal offsets, so that nothing of the reader is in it.
 *
 * By VA it holds, besides KDBG and the stack: 0x60 bytes at TB_DATA from two
 * blocks that adjoin (and a third, later one that overlaps both), NtBuildLab,
 * and, 64-bit only, the kernel's PE headers with an RSDS record.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TB_MAX = 0x4000, TB_NR_BLOCKS = 5, TB_STACK_BYTES = 0x100, TB_KDBG_BYTES = 0x380 };

/* Offsets from the end of the dump header, the same in both widths. */
enum {
	TB_MM = 0x080, TB_UNLOADED = 0x100, TB_PRCB = 0x200, TB_PROCESS = 0x240,
	TB_THREAD = 0x280, TB_STACK = 0x300, TB_DRIVERS = 0x500, TB_BROKEN = 0x7c0,
	TB_KDBG = 0x800, TB_BLOCKS = 0xc00, TB_DATA_OFF = 0xd00, TB_PE_OFF = 0xf00,
	TB_VALID = 0x1400, TB_END = 0x1404,
};

struct tb {
	uint8_t *p;
	bool wide;
	size_t base;            /* bytes of the dump header */
	uint64_t kernel, kdbg, stack, data, lab;        /* VAs */
};

static inline void tb_word(uint8_t *p, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

static inline void tb32(struct tb *b, size_t off, uint64_t v)
{
	tb_word(b->p + b->base + off, v, 4);
}

static inline void tb64(struct tb *b, size_t off, uint64_t v)
{
	tb_word(b->p + b->base + off, v, 8);
}

/* In the dump header: at @off32 or @off64 as wide as a pointer is. */
static inline void tb_head(struct tb *b, size_t off32, size_t off64, uint64_t v)
{
	tb_word(b->p + (b->wide ? off64 : off32), v, b->wide ? 8 : 4);
}

static inline void tb_head32(struct tb *b, size_t off32, size_t off64, uint32_t v)
{
	tb_word(b->p + (b->wide ? off64 : off32), v, 4);
}

static inline void tb_header(struct tb *b)
{
	for (size_t i = 0; i < b->base; i += 4)
		tb_word(b->p + i, 0x45474150, 4);
	memcpy(b->p, b->wide ? "PAGEDU64" : "PAGEDUMP", 8);
	tb_head32(b, 0x08, 0x08, 0xf);
	tb_head32(b, 0x0c, 0x0c, b->wide ? 22000 : 2600);
	tb_head(b, 0x10, 0x10, 0x1ad000);
	tb_head(b, 0x18, 0x20, b->kernel + 0x8800);
	tb_head32(b, 0x20, 0x30, b->wide ? 0x8664 : 0x14c);
	tb_head32(b, 0x24, 0x34, 2);
	tb_head32(b, 0x28, 0x38, 0xd1);
	for (unsigned i = 0; i < 4; i++)
		tb_head(b, 0x2c + 4 * i, 0x40 + 8 * i, b->data + i);
	tb_head(b, 0x60, 0x80, b->kdbg);
	tb_head32(b, 0xf88, 0xf98, 4);
	tb_head32(b, 0xf94, 0x1040, 1);
	tb_head32(b, 0x8a0, 0x1050, 8);
	tb_word(b->p + (b->wide ? 0xfa8 : 0xfc0), 132539328000000000, 8);
	tb_word(b->p + (b->wide ? 0x1030 : 0xfb8), 36000000000, 8);
	/* CONTEXT: flags and stack pointer, 0x20 above the lowest word kept */
	memset(b->p + (b->wide ? 0x348 : 0x320), 0, b->wide ? 0x4d0 : 0x2cc);
	tb_head32(b, 0x320, 0x348 + 0x30, b->wide ? 0x10001f : 0x1001f);
	tb_head(b, 0x320 + 0xc4, 0x348 + 0x98, b->stack + 0x20);
}

static inline void tb_triage(struct tb *b, unsigned nr_drivers, size_t strings)
{
	const uint32_t at = (uint32_t)b->base;

	tb32(b, 0x00, 0x200);
	tb32(b, 0x04, at + TB_END);
	tb32(b, 0x08, at + TB_VALID);
	tb32(b, 0x14, at + TB_MM);
	tb32(b, 0x18, at + TB_UNLOADED);
	tb32(b, 0x1c, at + TB_PRCB);
	tb32(b, 0x20, at + TB_PROCESS);
	tb32(b, 0x24, at + TB_THREAD);
	tb32(b, 0x28, at + TB_STACK);
	tb32(b, 0x2c, TB_STACK_BYTES);
	tb32(b, 0x30, at + TB_DRIVERS);
	tb32(b, 0x34, nr_drivers);
	tb32(b, 0x38, at + strings);
	tb32(b, 0x40, at + TB_BROKEN);
	tb32(b, 0x44, 0x41);
	tb_word(b->p + b->base + 0x48, b->stack, b->wide ? 8 : 4);
	tb32(b, b->wide ? 0x70 : 0x58, at + TB_KDBG);
	tb32(b, b->wide ? 0x74 : 0x5c, TB_KDBG_BYTES);
	tb32(b, b->wide ? 0x78 : 0x60, at + TB_BLOCKS);
	tb32(b, b->wide ? 0x7c : 0x64, TB_NR_BLOCKS);
	memcpy(b->p + b->base + TB_VALID, "TRGD", 4);
}

/* A count of characters, UTF-16, NUL; returns where the next one goes. */
static inline size_t tb_string(struct tb *b, size_t off, const char *s)
{
	size_t n = strlen(s);

	tb32(b, off, n);
	for (size_t i = 0; i < n; i++)
		tb_word(b->p + b->base + off + 4 + 2 * i, (uint8_t)s[i], 2);
	return (off + 4 + 2 * n + 2 + 7) / 8 * 8;
}

static inline size_t tb_driver(struct tb *b, unsigned i, size_t name_off, const char *name,
			       uint64_t va, uint32_t size)
{
	size_t row = TB_DRIVERS + i * (b->wide ? 0x90 : 0x54);
	uint32_t at = (uint32_t)b->base;

	tb32(b, row, at + name_off);
	tb_word(b->p + b->base + row + (b->wide ? 0x38 : 0x1c), va, b->wide ? 8 : 4);
	tb32(b, row + (b->wide ? 0x48 : 0x24), size);
	tb32(b, row + (b->wide ? 0x80 : 0x44), 0xc0ffee);
	tb32(b, row + (b->wide ? 0x88 : 0x48), 0x41107d0d + i);
	return tb_string(b, name_off, name);
}

static inline void tb_unloaded(struct tb *b)
{
	size_t row = TB_UNLOADED + (b->wide ? 8 : 4);
	const char *name = "dump_storpor";

	tb32(b, TB_UNLOADED, 1);
	tb_word(b->p + b->base + row, 24, 2);
	tb_word(b->p + b->base + row + 2, 24, 2);
	for (size_t i = 0; i < 12; i++)
		tb_word(b->p + b->base + row + (b->wide ? 0x10 : 8) + 2 * i, (uint8_t)name[i], 2);
	tb_word(b->p + b->base + row + (b->wide ? 0x28 : 0x20), b->kernel + 0x900000,
		b->wide ? 8 : 4);
	tb_word(b->p + b->base + row + (b->wide ? 0x30 : 0x24), b->kernel + 0x910000,
		b->wide ? 8 : 4);
}

/* Mm's counters are 1000, 1001, ... */
static inline void tb_mm(struct tb *b)
{
	tb32(b, TB_MM, 1);
	tb32(b, TB_MM + 4, b->wide ? 0x50 : 0x34);
	for (unsigned i = 0; i < 7; i++)
		tb_word(b->p + b->base + TB_MM + 0x18 + i * (b->wide ? 8u : 4u), 1000 + i, 4);
}

static inline void tb_kdbg(struct tb *b)
{
	memcpy(b->p + b->base + TB_KDBG + 0x10, "KDBG", 4);
	tb32(b, TB_KDBG + 0x14, TB_KDBG_BYTES);
	tb64(b, TB_KDBG + 0x18, b->kernel);
	tb64(b, TB_KDBG + 0x208, b->lab);
}

static inline void tb_block(struct tb *b, unsigned i, uint64_t va, size_t off, size_t n)
{
	size_t row = TB_BLOCKS + i * (b->wide ? 0x10 : 0xc);

	tb_word(b->p + b->base + row, va, b->wide ? 8 : 4);
	tb32(b, row + (b->wide ? 8 : 4), b->base + off);
	tb32(b, row + (b->wide ? 0xc : 8), n);
}

/* PE headers with a debug directory at RVA 0x300 and its RSDS record at 0x320. */
static inline void tb_pe(struct tb *b)
{
	uint8_t *pe = b->p + b->base + TB_PE_OFF;

	memcpy(pe, "MZ", 2);
	tb_word(pe + 0x3c, 0x80, 4);
	memcpy(pe + 0x80, "PE\0\0", 4);
	tb_word(pe + 0x84, 0x8664, 2);
	tb_word(pe + 0x88, 0x41107d0d, 4);
	tb_word(pe + 0x94, 0xf0, 2);
	tb_word(pe + 0x98, 0x20b, 2);
	tb_word(pe + 0x98 + 56, 0x800000, 4);
	tb_word(pe + 0x98 + 108, 16, 4);
	tb_word(pe + 0x98 + 112 + 48, 0x300, 4);
	tb_word(pe + 0x98 + 116 + 48, 28, 4);
	tb_word(pe + 0x300 + 12, 2, 4);
	tb_word(pe + 0x300 + 16, 24 + 13, 4);
	tb_word(pe + 0x300 + 20, 0x320, 4);
	memcpy(pe + 0x320, "RSDS", 4);
	for (uint8_t i = 0; i < 16; i++)
		pe[0x324 + i] = i;
	tb_word(pe + 0x334, 1, 4);
	memcpy(pe + 0x338, "ntkrnlmp.pdb", 13);
}

static inline void tb_memory(struct tb *b)
{
	uint8_t *p = b->p + b->base + TB_DATA_OFF;

	memset(p, 'a', 0x40);
	memset(p + 0x40, 'x', 0x20);
	memset(p + 0x80, 'b', 0x20);
	memcpy(p + 0xc0, b->wide ? "22000.1.amd64fre.co" : "2600.xpsp.040803-21", 20);
	tb_block(b, 0, b->data, TB_DATA_OFF, 0x40);
	tb_block(b, 1, b->data + 0x40, TB_DATA_OFF + 0x80, 0x20);
	tb_block(b, 2, b->data + 0x30, TB_DATA_OFF + 0x40, 0x20);
	tb_block(b, 3, b->lab, TB_DATA_OFF + 0xc0, 20);
	if (b->wide) {
		tb_pe(b);
		tb_block(b, 4, b->kernel, TB_PE_OFF, 0x400);
	}
	for (size_t i = 0; i < TB_STACK_BYTES; i += b->wide ? 8 : 4)
		tb_word(b->p + b->base + TB_STACK + i, b->kernel + 0x1000 + i, b->wide ? 8 : 4);
}

/** tb_build - a minidump at @p, which has TB_MAX bytes; returns its VAs */
static inline struct tb tb_build(uint8_t *p, bool wide, size_t *n)
{
	struct tb b = { p, wide, wide ? 0x2000 : 0x1000, 0x804d7000, 0x80545ae0, 0xf8abc000,
			0x81aa0100, 0x8054f040 };
	size_t strings = TB_DRIVERS + 3 * (wide ? 0x90 : 0x54), next = strings;

	if (wide) {
		b.kernel = 0xfffff80012400000;
		b.kdbg = b.kernel + 0x5b20;
		b.lab = b.kernel + 0x7040;
		b.stack = 0xffffa704eeb6bc80;
		b.data = 0xffffc10112340100;
	}
	memset(p, 0, TB_MAX);
	tb_header(&b);
	tb_triage(&b, 3, strings);
	tb_unloaded(&b);
	tb_mm(&b);
	tb_kdbg(&b);
	tb_memory(&b);
	next = tb_driver(&b, 0, next, "\\SystemRoot\\system32\\ntoskrnl.exe", b.kernel, 0x800000);
	next = tb_driver(&b, 1, next, "hal.dll", b.kernel - 0x100000, 0x20000);
	tb_driver(&b, 2, next, "evil\x1b.sys", b.kernel + 0xa00000, 0x9000);
	tb_string(&b, TB_BROKEN, "myfault.sys");
	*n = b.base + TB_END;
	return b;
}

#endif
