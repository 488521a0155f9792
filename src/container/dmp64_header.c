/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DUMP_HEADER64 to struct dump_header. Field offsets are those that public
 * tools agree on and that dumps of x64 and ARM64 machines show.
 */
#include "dmp64.h"

#include "dmp_header.h"

#include <inttypes.h>

enum { EXCEPTION_OFF = 0xf00, COMMENT_OFF = 0xfb0, CONTEXT_OFF = 0x348 };

static const struct header_row rows[] = {
	{ { 0x0008, 4, 0, 0 }, HEADER_OUT(major), false },
	{ { 0x000c, 4, 0, 0 }, HEADER_OUT(build), false },
	{ { 0x0010, 8, 0, 0 }, HEADER_OUT(dtb_pa), true },
	{ { 0x0018, 8, 0, 0 }, HEADER_OUT(pfn_database_va), true },
	{ { 0x0020, 8, 0, 0 }, HEADER_OUT(modules_va), true },
	{ { 0x0028, 8, 0, 0 }, HEADER_OUT(processes_va), true },
	{ { 0x0030, 4, 0, 0 }, HEADER_OUT(machine), false },
	{ { 0x0034, 4, 0, 0 }, HEADER_OUT(nr_processors), true },
	{ { 0x0038, 4, 0, 0 }, HEADER_OUT(bugcheck_code), false },
	{ { 0x0040, 8, 0, 0 }, HEADER_OUT(bugcheck_parameter[0]), false },
	{ { 0x0048, 8, 0, 0 }, HEADER_OUT(bugcheck_parameter[1]), false },
	{ { 0x0050, 8, 0, 0 }, HEADER_OUT(bugcheck_parameter[2]), false },
	{ { 0x0058, 8, 0, 0 }, HEADER_OUT(bugcheck_parameter[3]), false },
	{ { 0x0080, 8, 0, 0 }, HEADER_OUT(kdbg_va), true },
	{ { 0x0f98, 4, 0, 0 }, HEADER_OUT(dump_type), true },
	{ { 0x0fa0, 8, 0, 0 }, HEADER_OUT(required_bytes), true },
	{ { 0x0fa8, 8, 0, 0 }, HEADER_OUT(system_time), true },
	{ { 0x1030, 8, 0, 0 }, HEADER_OUT(up_time), true },
	{ { 0x1040, 4, 0, 0 }, HEADER_OUT(product_type), true },
	{ { 0x1044, 4, 0, 0 }, HEADER_OUT(suite_mask), false },
	{ { 0x1050, 4, 0, 0 }, HEADER_OUT(attributes), false },
};

/* CONTEXT by PE machine: its size, and where it says which parts are valid. */
static const struct {
	uint16_t machine, bytes, flags_off;
} contexts[] = {
	{ 0x8664, 0x4d0, 0x30 },
	{ 0xaa64, 0x390, 0x00 },
};

static void read_context(struct container *c, const uint8_t *context)
{
	for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++)
		if (c->header.machine.known && c->header.machine.value == contexts[i].machine)
			dmp_header_context(c, context, contexts[i].bytes,
					   contexts[i].flags_off);
}

static void read_exception(struct dump_header *h, const uint8_t *record)
{
	uint32_t code = le32(record);

	if (!code || code == DMP_FILLER)
		return;
	h->exception = (struct dump_exception){
		.known = true,
		.code = code,
		.flags = le32(record + 4),
		.address_va = le64(record + 0x10),
	};
}

void dmp64_header(struct container *c, const uint8_t head[DMP64_HEADER_BYTES])
{
	struct dump_header *h = &c->header;

	dmp_header_rows(h, (struct bytes){ head, DMP64_HEADER_BYTES }, rows,
			sizeof rows / sizeof rows[0]);
	read_exception(h, head + EXCEPTION_OFF);
	dmp_header_comment(c, head + COMMENT_OFF);
	read_context(c, head + CONTEXT_OFF);
	if (!h->machine.known || (h->machine.value != 0x8664 && h->machine.value != 0xaa64))
		container_note(c, DL_CORRUPT, "%s: MachineImageType at 0x30 is 0x%"
			       PRIx32 ", neither 0x8664 (x64) nor 0xaa64 (ARM64)",
			       source_name(c->source), le32(head + 0x30));
}
