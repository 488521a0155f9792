/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DUMP_HEADER32 to struct dump_header. Field offsets are those that public
 * tools agree on and that the dumps at hand show; whatever nobody filled in
 * still holds the pattern "PAGE" and is unknown.
 */
#include "dmp32.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stddef.h>

enum { COMMENT_OFF = 0x820, COMMENT_BYTES = 0x80, EXCEPTION_OFF = 0x7d0, I386 = 0x14c };

struct header_row {
	struct field field;
	size_t out;             /* offset of a struct known_u64 in dump_header */
	bool zero_is_unknown;   /* addresses and times: nobody filled them in  */
};

#define OUT(member) offsetof(struct dump_header, member)

static const struct header_row rows[] = {
	{ { 0x008, 4, 0, 0 }, OUT(major), false },
	{ { 0x00c, 4, 0, 0 }, OUT(build), false },
	{ { 0x010, 4, 0, 0 }, OUT(dtb_pa), true },
	{ { 0x014, 4, 0, 0 }, OUT(pfn_database_va), true },
	{ { 0x018, 4, 0, 0 }, OUT(modules_va), true },
	{ { 0x01c, 4, 0, 0 }, OUT(processes_va), true },
	{ { 0x020, 4, 0, 0 }, OUT(machine), false },
	{ { 0x024, 4, 0, 0 }, OUT(nr_processors), true },
	{ { 0x028, 4, 0, 0 }, OUT(bugcheck_code), false },
	{ { 0x02c, 4, 0, 0 }, OUT(bugcheck_parameter[0]), false },
	{ { 0x030, 4, 0, 0 }, OUT(bugcheck_parameter[1]), false },
	{ { 0x034, 4, 0, 0 }, OUT(bugcheck_parameter[2]), false },
	{ { 0x038, 4, 0, 0 }, OUT(bugcheck_parameter[3]), false },
	{ { 0x05c, 1, 0, 0 }, OUT(pae), false },
	{ { 0x060, 4, 0, 0 }, OUT(kdbg_va), true },
	{ { 0xf94, 4, 0, 0 }, OUT(product_type), true },
	{ { 0xf98, 4, 0, 0 }, OUT(suite_mask), false },
	{ { 0xfa0, 8, 0, 0 }, OUT(required_bytes), true },
	{ { 0xfb8, 8, 0, 0 }, OUT(up_time), true },
	{ { 0xfc0, 8, 0, 0 }, OUT(system_time), true },
};

/* "PAGE" over and over; a single byte may be any of its letters. */
static bool is_filler(uint64_t v, unsigned width)
{
	switch (width) {
	case 1: return v == 'P';
	case 8: return v == ((uint64_t)DMP32_FILLER << 32 | DMP32_FILLER);
	default: return v == DMP32_FILLER;
	}
}

static void read_rows(struct dump_header *h, struct bytes head)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct header_row *row = &rows[i];
		struct known_u64 *out = (struct known_u64 *)(void *)((char *)h + row->out);
		uint64_t v;

		if (!field_get(head, row->field, &v) ||
		    is_filler(v, row->field.width) || (row->zero_is_unknown && !v))
			continue;
		*out = (struct known_u64){ true, v };
	}
}

static void read_exception(struct dump_header *h, const uint8_t *record)
{
	uint32_t code = le32(record);

	if (!code || is_filler(code, 4))
		return;
	h->exception = (struct dump_exception){
		.known = true,
		.code = code,
		.flags = le32(record + 4),
		.address_va = le32(record + 0xc),
	};
}

static void read_comment(struct container *c, const uint8_t *text)
{
	struct bytes b = { text, COMMENT_BYTES };

	if (text[0] && le32(text) != DMP32_FILLER)
		c->header.comment = text_ascii(&c->arena, b);
}

void dmp32_header(struct container *c, const uint8_t *head)
{
	struct dump_header *h = &c->header;

	read_rows(h, (struct bytes){ head, DMP32_HEADER_BYTES });
	read_exception(h, head + EXCEPTION_OFF);
	read_comment(c, head + COMMENT_OFF);
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
