/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a symbol file. If it is one, every field of every layout is
 * looked up, compared and applied; what was applied must then be what the file
 * says.
 */
#include "dumpleak/os/symbols.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_DIFFERENCES = 8 };

/* Aggregates keep the row's width, and sizes that fit no byte are not taken. */
static void check_field(const struct symbols *s, const struct os_layout *l,
			const struct layout_field_row *row)
{
	struct field ours, theirs;

	if (row->value != LAYOUT_FIELD || !symbols_field(s, row->type, row->path, &theirs))
		return;
	memcpy(&ours, (const uint8_t *)l + row->out, sizeof ours);
	if (!field_has(ours) || ours.shift + ours.bits > ours.width * 8)
		abort();
}

static void compare(const struct symbols *s, uint16_t machine, uint32_t build)
{
	struct symbols_difference d[MAX_DIFFERENCES];
	struct os_layout l;
	size_t nr, before, after;
	const struct layout_field_row *row = layout_field_rows(&nr);

	if (layout_pick(machine, build, &l, NULL))
		abort();
	before = symbols_compare(s, &l, d, MAX_DIFFERENCES);
	for (size_t i = 0; i < before && i < MAX_DIFFERENCES; i++)
		if (d[i].ours == d[i].theirs || d[i].ours < -1 || d[i].theirs < -1)
			abort();
	symbols_apply(s, &l);
	after = symbols_compare(s, &l, d, MAX_DIFFERENCES);
	if (after > before)
		abort();
	for (size_t i = 0; i < after && i < MAX_DIFFERENCES; i++)
		if (d[i].theirs != -1)  /* the file has it, and it was not taken */
			abort();
	for (size_t i = 0; i < nr; i++)
		check_field(s, &l, &row[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct symbols *s;
	struct dl_err err = { "" };
	uint64_t rva;

	if (symbols_open_memory((struct bytes){ data, n }, "fuzz", &s, &err)) {
		if (strncmp(err.text, "fuzz: ", 6) != 0)
			abort();
		return 0;
	}
	if (!symbols_match(s, symbols_pdb(s)))
		abort();
	symbols_rva(s, "PsLoadedModuleList", &rva);
	compare(s, MACHINE_I386, 2600);
	compare(s, MACHINE_AMD64, 7601);
	compare(s, MACHINE_ARM64, 22000);
	symbols_close(s);
	return 0;
}
