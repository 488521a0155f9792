/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DUMP_HEADER32 to struct dump_header. Field offsets are those that public
 * tools agree on and that the dumps at hand show.
 */
#include "dmp32.h"

#include "dmp_header.h"

#include <inttypes.h>

enum {
	EXCEPTION_OFF = 0x7d0, COMMENT_OFF = 0x820, I386 = 0x14c,
	CONTEXT_OFF = 0x320, CONTEXT_BYTES = 0x2cc, CONTEXT_FLAGS_OFF = 0,
};

static const struct header_row rows[] = {
	{ { 0x008, 4, 0, 0 }, HEADER_OUT(major), false },
	{ { 0x00c, 4, 0, 0 }, HEADER_OUT(build), false },
	{ { 0x010, 4, 0, 0 }, HEADER_OUT(dtb_pa), true },
	{ { 0x014, 4, 0, 0 }, HEADER_OUT(pfn_database_va), true },
	{ { 0x018, 4, 0, 0 }, HEADER_OUT(modules_va), true },
	{ { 0x01c, 4, 0, 0 }, HEADER_OUT(processes_va), true },
	{ { 0x020, 4, 0, 0 }, HEADER_OUT(machine), false },
	{ { 0x024, 4, 0, 0 }, HEADER_OUT(nr_processors), true },
	{ { 0x028, 4, 0, 0 }, HEADER_OUT(bugcheck_code), false },
	{ { 0x02c, 4, 0, 0 }, HEADER_OUT(bugcheck_parameter[0]), false },
	{ { 0x030, 4, 0, 0 }, HEADER_OUT(bugcheck_parameter[1]), false },
	{ { 0x034, 4, 0, 0 }, HEADER_OUT(bugcheck_parameter[2]), false },
	{ { 0x038, 4, 0, 0 }, HEADER_OUT(bugcheck_parameter[3]), false },
	{ { 0x05c, 1, 0, 0 }, HEADER_OUT(pae), false },
	{ { 0x060, 4, 0, 0 }, HEADER_OUT(kdbg_va), true },
	{ { 0x8a0, 4, 0, 0 }, HEADER_OUT(attributes), false },
	{ { 0xf88, 4, 0, 0 }, HEADER_OUT(dump_type), true },
	{ { 0xf94, 4, 0, 0 }, HEADER_OUT(product_type), true },
	{ { 0xf98, 4, 0, 0 }, HEADER_OUT(suite_mask), false },
	{ { 0xfa0, 8, 0, 0 }, HEADER_OUT(required_bytes), true },
	{ { 0xfb8, 8, 0, 0 }, HEADER_OUT(up_time), true },
	{ { 0xfc0, 8, 0, 0 }, HEADER_OUT(system_time), true },
};

static void read_exception(struct dump_header *h, const uint8_t *record)
{
	uint32_t code = le32(record);

	if (!code || code == DMP_FILLER)
		return;
	h->exception = (struct dump_exception){
		.known = true,
		.code = code,
		.flags = le32(record + 4),
		.address_va = le32(record + 0xc),
	};
}

void dmp32_header(struct container *c, const uint8_t *head)
{
	struct dump_header *h = &c->header;

	dmp_header_rows(h, (struct bytes){ head, DMP32_HEADER_BYTES }, rows,
			sizeof rows / sizeof rows[0]);
	read_exception(h, head + EXCEPTION_OFF);
	dmp_header_comment(c, head + COMMENT_OFF);
	dmp_header_context(c, head + CONTEXT_OFF, CONTEXT_BYTES, CONTEXT_FLAGS_OFF);
	if (h->pae.known && h->pae.value > 1) {
		container_note(c, DL_CORRUPT, "%s: PaeEnabled at 0x5c is %" PRIu64
			       ", neither 0 nor 1: taken as unknown",
			       source_name(c->source), h->pae.value);
		h->pae.known = false;
	}
	if (!h->machine.known || h->machine.value != I386)
		container_note(c, DL_CORRUPT, "%s: MachineImageType at 0x20 is 0x%"
			       PRIx32 ", not 0x14c (i386)", source_name(c->source),
			       le32(head + 0x20));
}
