/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine and build to rows of structure layouts. Offsets are facts of public
 * PDBs; the witness of each row, in layout_x86.c, layout_x64.c and
 * layout_arm64.c, names the kernel whose types gave it, and, where so marked,
 * the real memory it was checked on. To add a build: add rows for what changed.
 */
#include "layout_rows.h"

#include <stddef.h>

static const struct machine_rows *const machines[] = { &rows_x86, &rows_x64, &rows_arm64 };

const char *machine_name(uint64_t machine)
{
	switch (machine) {
	case MACHINE_I386: return "x86";
	case MACHINE_AMD64: return "x64";
	case MACHINE_ARM64: return "ARM64";
	case 0x200: return "IA64";
	default: return NULL;
	}
}

static const struct machine_rows *rows_of(uint16_t machine)
{
	for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
		if (machines[i]->machine == machine)
			return machines[i];
	return NULL;
}

/* The newest row that is not newer than @build: there is one from .oldest on. */
static size_t pick_index(const struct layout_row *rows, uint32_t build)
{
	size_t i = 0;

	while (rows[i + 1].layout && rows[i].from_build > build)
		i++;
	return i;
}

static const void *pick(const struct layout_row *rows, uint32_t build, uint32_t *newest)
{
	size_t i = pick_index(rows, build);

	if (rows[i].from_build > *newest)
		*newest = rows[i].from_build;
	return rows[i].layout;
}

enum dl_status layout_pick(uint16_t machine, uint32_t build,
			   struct os_layout *out, struct dl_err *err)
{
	const struct machine_rows *rows = rows_of(machine);
	struct os_layout l = { .machine = machine, .build = build };

	if (!rows)
		return err_set(err, DL_UNSUPPORTED, "%s kernels are not supported",
			       machine_name(machine) ? machine_name(machine) : "this machine's");
	if (build < rows->oldest)
		return err_set(err, DL_UNSUPPORTED, "Windows build %u on %s is not supported: "
			       "builds from %u on are", build, machine_name(machine),
			       rows->oldest);
	l.ptr_bytes = rows->ptr_bytes;
	l.beyond = build > rows->newest;
	l.ustr_bytes = (struct field)U16(0);
	l.ustr_buffer = (struct field){ .off = l.ptr_bytes, .width = l.ptr_bytes };
#define PICK(family) \
	l.family = *(const struct family##_layout *)pick(rows->family, build, &l.newest_row)
	PICK(ldr);
	PICK(unloaded);
	PICK(object);
	PICK(device);
	PICK(driver);
	PICK(io);
	PICK(process);
	PICK(dispatcher);
	PICK(prcb);
#undef PICK
	*out = l;
	return DL_OK;
}

/*
 * Row @k by likelihood: those of the build itself as they stand, then its
 * neighbours, a newer and an older one by turns. NULL: no more.
 */
static const struct process_layout *candidate(const struct layout_row *rows, uint32_t build,
					      size_t k)
{
	size_t first = pick_index(rows, build), end = first, nr, newer, older;

	while (rows[end].layout && rows[end].from_build == rows[first].from_build)
		end++;
	for (nr = end; rows[nr].layout; nr++)
		;
	if (k >= nr)
		return NULL;
	if (k < end - first)
		return rows[first + k].layout;
	k -= end - first;
	newer = (k + 1) / 2;    /* how many of each went before this one */
	older = k / 2;
	if (older >= nr - end)
		newer = k - (nr - end);
	else if (newer >= first)
		older = k - first;
	else if (k % 2 == 1)
		return rows[end + older].layout;
	return newer < first ? rows[first - 1 - newer].layout : rows[end + older].layout;
}

bool layout_next_process(struct os_layout *l)
{
	const struct machine_rows *rows = rows_of(l->machine);
	const struct process_layout *next;

	if (!rows)
		return false;
	next = candidate(rows->process, l->build, l->process_candidate + 1u);
	l->process_candidate = next ? (uint8_t)(l->process_candidate + 1) : 0;
	l->process = next ? *next : *candidate(rows->process, l->build, 0);
	return next;
}
