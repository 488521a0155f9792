/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine and build to the rows of its pool structures: layout_x86.c,
 * layout_x64.c, and heap_layout.c for the segment heap.
 */
#include "dumpleak/pool/layout.h"
#include "dumpleak/os/layout.h"
#include "dumpleak/pool/heap.h"

#include <stddef.h>

static const struct pool_row *rows_of(uint16_t machine, size_t *nr)
{
	*nr = 0;
	switch (machine) {
	case MACHINE_I386: return pool_rows_x86(nr);
	case MACHINE_AMD64:
	case MACHINE_ARM64: return pool_rows_x64(nr);
	default: return NULL;
	}
}

static void layout_fill(const struct pool_row *r, uint16_t machine,
			const struct heap_layout *heap, struct pool_layout *out)
{
	*out = (struct pool_layout){
		.allocator = r->allocator, .heap = heap,
		.header = *r->header, .descriptor = *r->descriptor,
		.tracker = *r->tracker, .big = *r->big,
		.lookaside = *r->lookaside, .free_run = *r->free_run,
	};
	/* the one structure that ARM64 does not share with x64 is KPRCB */
	if (machine == MACHINE_ARM64) {
		out->lookaside.nr_system = 0;
		out->lookaside.nr_pool = 0;
	}
}

enum dl_status pool_layout_pick(uint16_t machine, uint32_t build,
				struct pool_layout *out, struct dl_err *err)
{
	const char *name = machine_name(machine);
	size_t nr;
	const struct pool_row *rows = rows_of(machine, &nr);

	for (size_t i = 0; i < nr; i++) {
		const struct pool_row *r = &rows[i];
		const struct heap_layout *heap = r->allocator == ALLOCATOR_CLASSIC
						 ? NULL : heap_layout_pick(machine, build);

		if (r->from_build > build || r->end_build <= build)
			continue;
		if (r->allocator == ALLOCATOR_HEAP && !heap)
			break;
		layout_fill(r, machine, heap, out);
		return DL_OK;
	}
	return err_set(err, DL_UNSUPPORTED, "the pool of %s build %u is not supported: its "
		       "layouts are not known yet", name ? name : "this machine's", build);
}
