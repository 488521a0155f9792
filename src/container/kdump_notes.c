/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of ELF cores and kdump files to header fields: CR3 and the kind of
 * machine from QEMU's CPU notes (facts: QEMU's documentation of QEMUCPUState;
 * libkdumpfile 0.5.1 does not offer CR3), and the DUMP_HEADER that a driver in
 * a Windows guest hands to QEMU, which QEMU keeps as the note VMCOREINFO.
 */
#include "kdump_notes.h"

#include "dmp32.h"
#include "dmp64.h"
#include "source_impl.h"

#include <stdlib.h>
#include <string.h>

enum {
	NOTES_MAX_BYTES = 4 << 20,      /* 4096 CPUs and a header */
	NOTE_HEADER_BYTES = 12,
	STATE_BYTES = 0x1b0,
	CS_FLAGS_OFF = 0xa0, GDT_BASE_OFF = 0x168, CR0_OFF = 0x188, CR3_OFF = 0x1a0,
	CS_LONG = 1 << 21, CR0_PG = 1u << 31,
	I386 = 0x14c, AMD64 = 0x8664,
};

struct found {
	struct bytes header;    /* p is NULL: none */
	uint64_t cr3, machine;  /* 0: unknown      */
};

static uint64_t pad4(uint64_t n)
{
	return (n + 3) & ~(uint64_t)3;
}

/* A GDT above 4 GB, or 64-bit code: x64. 32-bit code may run on x64 as well. */
static uint64_t machine_of(const uint8_t *state)
{
	uint64_t gdt = le64(state + GDT_BASE_OFF);

	if (!(le64(state + CR0_OFF) & CR0_PG))
		return 0;
	if (gdt >> 32 || (le32(state + CS_FLAGS_OFF) & CS_LONG))
		return AMD64;
	return gdt ? I386 : 0;
}

static void take_cpu(struct found *f, struct bytes state)
{
	if (state.n < STATE_BYTES)
		return;
	if (!f->cr3)
		f->cr3 = le64(state.p + CR3_OFF);
	if (f->machine != AMD64 && machine_of(state.p))
		f->machine = machine_of(state.p);
}

static void take_vmcoreinfo(struct found *f, struct bytes desc)
{
	if ((desc.n >= DMP64_HEADER_BYTES && !memcmp(desc.p, "PAGEDU64", 8)) ||
	    (desc.n >= DMP32_HEADER_BYTES && !memcmp(desc.p, "PAGEDUMP", 8)))
		f->header = desc;
}

static void take_note(struct found *f, struct bytes name, struct bytes desc)
{
	if (name.n == 5 && !memcmp(name.p, "QEMU", 5))
		take_cpu(f, desc);
	if (name.n == 11 && !memcmp(name.p, "VMCOREINFO", 11))
		take_vmcoreinfo(f, desc);
}

/* Elf_Nhdr: name size, descriptor size, type; both padded to 4 bytes. */
static void find(struct bytes b, struct found *f)
{
	while (b.n >= NOTE_HEADER_BYTES) {
		uint64_t name_n = le32(b.p), desc_n = le32(b.p + 4);
		uint64_t desc = NOTE_HEADER_BYTES + pad4(name_n);

		if (desc > b.n || desc_n > b.n - desc)
			return;
		take_note(f, (struct bytes){ b.p + NOTE_HEADER_BYTES, (size_t)name_n },
			  (struct bytes){ b.p + desc, (size_t)desc_n });
		desc += pad4(desc_n);
		if (desc > b.n)
			return;
		b.p += desc;
		b.n -= (size_t)desc;
	}
}

/*
 * The guest's driver fills in what it knows at boot. That it was to become a
 * complete dump of some size is not true of this file, and a bugcheck code of
 * 0 means that there was none when it was prepared.
 */
static void take_header(struct container *c, const uint8_t *head)
{
	struct dump_header *h = &c->header;
	const struct known_u64 unknown = { false, 0 };

	if (!memcmp(head, "PAGEDU64", 8))
		dmp64_header(c, head);
	else
		dmp32_header(c, head);
	h->dump_type = h->required_bytes = h->attributes = unknown;
	if (h->bugcheck_code.known && !h->bugcheck_code.value) {
		h->bugcheck_code = unknown;
		for (size_t i = 0; i < 4; i++)
			h->bugcheck_parameter[i] = unknown;
	}
}

bool notes_header(struct container *c, const struct kdump_layout *l, struct source *source)
{
	size_t n = l->notes.n < NOTES_MAX_BYTES ? (size_t)l->notes.n : NOTES_MAX_BYTES;
	struct dump_header *h = &c->header;
	struct found f = { { NULL, 0 }, 0, 0 };
	uint8_t *b = n ? malloc(n) : NULL;

	if (b && source_read(source, l->notes.off, b, n, NULL) == DL_OK)
		find((struct bytes){ b, n }, &f);
	if (f.header.p)
		take_header(c, f.header.p);
	if (!h->machine.known && f.machine)
		h->machine = (struct known_u64){ true, f.machine };
	if (!h->dtb_pa.known && f.cr3)
		h->dtb_pa = (struct known_u64){ true, f.cr3 };
	free(b);
	return f.header.p != NULL;
}
