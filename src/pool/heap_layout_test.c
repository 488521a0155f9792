/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the segment heap: which build has which, and every field against the
 * types of real kernels where their files are at hand.
 */
#include "dumpleak/os/layout.h"
#include "dumpleak/os/symbols.h"
#include "dumpleak/pool/heap.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void rows_by_build(void **state)
{
	const struct heap_layout *l;

	(void)state;
	assert_null(heap_layout_pick(MACHINE_AMD64, 17134));
	assert_null(heap_layout_pick(MACHINE_I386, 17763));
	assert_null(heap_layout_pick(0x200, 19041));
	l = heap_layout_pick(MACHINE_AMD64, 17763);
	assert_int_equal(l->state.nodes, 0x3100);
	assert_int_equal(l->state.nr_special, 3);
	l = heap_layout_pick(MACHINE_AMD64, 19045);
	assert_int_equal(l->state.nr_pools, 0x38d0);
	assert_int_equal(l->root.contexts, 0x100);
	l = heap_layout_pick(MACHINE_ARM64, 22631);
	assert_int_equal(l->state.nr_pools, 0x38e0);
	assert_int_equal(l->root.contexts, 0x140);
	assert_true(l->segment.constant == 0xa2e64eada2e64ead);
	l = heap_layout_pick(MACHINE_AMD64, 26200);
	assert_int_equal(l->state.nodes, 0x3940);
	assert_int_equal(l->segment.unit_offset.off, 0x1a);
	assert_int_equal(l->lfh.bitmap, 0x40);
	assert_true(l->segment.constant == 0);
	l = heap_layout_pick(MACHINE_I386, 19041);
	assert_int_equal(l->ptr_bytes, 4);
	assert_int_equal(l->vs.first_chunk, 0x18);
}

static void others_end(void **state)
{
	(void)state;
	assert_ptr_equal(heap_layout_other(MACHINE_AMD64, 0), heap_layout_pick(MACHINE_AMD64, 26100));
	assert_non_null(heap_layout_other(MACHINE_AMD64, 3));
	assert_null(heap_layout_other(MACHINE_AMD64, 4));
	assert_null(heap_layout_other(MACHINE_I386, 1));
}

struct row { const char *type, *path; struct field ours; };

static struct field at(uint32_t off, uint8_t width)
{
	return (struct field){ .off = (uint16_t)off, .width = width };
}

/* Bit fields may be described as part of a narrower word further on. */
static bool same(struct field a, struct field b)
{
	unsigned a_bits = a.bits ? a.bits : a.width * 8u, b_bits = b.bits ? b.bits : b.width * 8u;

	return a.off * 8u + a.shift == b.off * 8u + b.shift && a_bits == b_bits;
}

static void compare_row(const struct symbols *s, const struct row *r, unsigned *seen)
{
	struct field theirs;

	if (!symbols_field(s, r->type, r->path, &theirs))
		fail_msg("%s: %s.%s is not there", symbols_path(s), r->type, r->path);
	if (!same(r->ours, theirs))
		fail_msg("%s: %s.%s is at %#x:%u, %u bits; ours is at %#x:%u, %u bits",
			 symbols_path(s), r->type, r->path, theirs.off, theirs.shift,
			 theirs.bits ? theirs.bits : theirs.width * 8u, r->ours.off,
			 r->ours.shift, r->ours.bits ? r->ours.bits : r->ours.width * 8u);
	++*seen;
}

static void compare_size(const struct symbols *s, const char *type, uint64_t ours)
{
	uint64_t theirs = 0;

	assert_true(symbols_size(s, type, &theirs));
	if (ours != theirs)
		fail_msg("%s: %s has %#llx bytes, not %#llx", symbols_path(s), type,
			 (unsigned long long)theirs, (unsigned long long)ours);
}

static void compare_sizes(const struct symbols *s, const struct heap_layout *l)
{
	compare_size(s, "_EX_POOL_HEAP_MANAGER_STATE", l->state.bytes);
	compare_size(s, "_EX_HEAP_POOL_NODE", l->state.node_bytes);
	compare_size(s, "_RTL_DYNAMIC_LOOKASIDE", l->lookaside.bytes);
	compare_size(s, "_RTL_LOOKASIDE", l->lookaside.bucket_bytes);
	compare_size(s, "_SEGMENT_HEAP", l->root.bytes);
	compare_size(s, "_HEAP_SEG_CONTEXT", l->context.bytes);
	compare_size(s, "_HEAP_PAGE_RANGE_DESCRIPTOR", l->segment.descriptor_bytes);
	compare_size(s, "_HEAP_VS_CHUNK_HEADER", l->vs.header_bytes);
	compare_size(s, "_HEAP_LARGE_ALLOC_DATA", l->large.bytes);
	assert_int_equal(l->state.special, l->state.nodes +
			 (uint32_t)l->state.max_nodes * l->state.node_bytes);
}

static void compare(const struct symbols *s, const struct heap_layout *l)
{
	const uint32_t delay = l->root.vs + l->vs.delay_free;
	const struct row rows[] = {
		{ "_EX_POOL_HEAP_MANAGER_STATE", "NumberOfPools", at(l->state.nr_pools, 4) },
		{ "_EX_POOL_HEAP_MANAGER_STATE", "PoolNode", at(l->state.nodes, 8) },
		{ "_EX_HEAP_POOL_NODE", "Heaps", at(0, 8) },
		{ "_EX_HEAP_POOL_NODE", "Lookasides", at(l->lookaside.first, 8) },
		{ "_RTL_DYNAMIC_LOOKASIDE", "Buckets", at(l->lookaside.buckets, 8) },
		{ "_RTLP_HP_HEAP_GLOBALS", "HeapKey", l->heap_key },
		{ "_RTLP_HP_HEAP_GLOBALS", "LfhKey", l->lfh_key },
		{ "_SEGMENT_HEAP", "Signature", l->root.signature },
		{ "_SEGMENT_HEAP", "LargeAllocMetadata.Root", l->root.large_root },
		{ "_SEGMENT_HEAP", "LargeAllocMetadata.Min", l->root.large_min },
		{ "_SEGMENT_HEAP", "SegContexts", at(l->root.contexts, 8) },
		{ "_SEGMENT_HEAP", "VsContext", at(l->root.vs, 8) },
		{ "_SEGMENT_HEAP", "VsContext.DelayFreeContext", at(delay, 8) },
		{ "_HEAP_SEG_CONTEXT", "SegmentMask", l->context.mask },
		{ "_HEAP_SEG_CONTEXT", "UnitShift", l->context.unit_shift },
		{ "_HEAP_SEG_CONTEXT", "FirstDescriptorIndex", l->context.first_descriptor },
		{ "_HEAP_SEG_CONTEXT", "Heap", l->context.heap },
		{ "_HEAP_SEG_CONTEXT", "SegmentListHead.Flink", l->context.list_flink },
		{ "_HEAP_SEG_CONTEXT", "SegmentListHead.Blink", l->context.list_blink },
		{ "_HEAP_SEG_CONTEXT", "SegmentCount", l->context.nr_segments },
		{ "_HEAP_PAGE_SEGMENT", "ListEntry.Flink", l->segment.flink },
		{ "_HEAP_PAGE_SEGMENT", "ListEntry.Blink", l->segment.blink },
		{ "_HEAP_PAGE_SEGMENT", "Signature", l->segment.signature },
		{ "_HEAP_PAGE_RANGE_DESCRIPTOR", "TreeSignature", l->segment.tree_signature },
		{ "_HEAP_PAGE_RANGE_DESCRIPTOR", "UnusedBytes", l->segment.unused_bytes },
		{ "_HEAP_PAGE_RANGE_DESCRIPTOR", "ExtraPresent", l->segment.extra_present },
		{ "_HEAP_PAGE_RANGE_DESCRIPTOR", "RangeFlags", l->segment.flags },
		{ "_HEAP_PAGE_RANGE_DESCRIPTOR", "UnitSize", l->segment.unit_size },
		{ "_HEAP_PAGE_RANGE_DESCRIPTOR", "UnitOffset", l->segment.unit_offset },
		{ "_HEAP_VS_SUBSEGMENT", "Size", l->vs.size },
		{ "_HEAP_VS_SUBSEGMENT", "Signature", l->vs.signature },
		{ "_HEAP_VS_CHUNK_HEADER_SIZE", "UnsafeSize", l->vs.chunk_size },
		{ "_HEAP_VS_CHUNK_HEADER_SIZE", "UnsafePrevSize", l->vs.chunk_prev },
		{ "_HEAP_VS_CHUNK_HEADER_SIZE", "Allocated", l->vs.chunk_allocated },
		{ "_HEAP_LFH_SUBSEGMENT", "BlockCount", l->lfh.nr_blocks },
		{ "_HEAP_LFH_SUBSEGMENT", "FreeCount", l->lfh.nr_free },
		{ "_HEAP_LFH_SUBSEGMENT", "BlockOffsets.EncodedData", l->lfh.offsets },
		{ "_HEAP_LFH_SUBSEGMENT", "BlockBitmap", at(l->lfh.bitmap, 8) },
		{ "_HEAP_LARGE_ALLOC_DATA", "TreeNode.Left", l->large.left },
		{ "_HEAP_LARGE_ALLOC_DATA", "TreeNode.Right", l->large.right },
		{ "_HEAP_LARGE_ALLOC_DATA", "VirtualAddress", l->large.va },
		{ "_HEAP_LARGE_ALLOC_DATA", "AllocatedPages", l->large.pages },
	};
	unsigned seen = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		compare_row(s, &rows[i], &seen);
	assert_int_equal(seen, sizeof rows / sizeof rows[0]);
	compare_sizes(s, l);
}

/* The build in ntkrnlmp-10.0.19041.329-x64.json.xz; 0: another kind of file. */
static uint32_t build_of(const char *name)
{
	const char *p = strstr(name, "-10.0.");

	return p && strstr(name, "-x64.json") ? (uint32_t)strtoul(p + 6, NULL, 10) : 0;
}

static void real_kernels(void **state)
{
	const char *dir = getenv("DUMPLEAK_REAL_ISF");
	struct dirent *entry;
	unsigned seen = 0;
	DIR *d;

	(void)state;
	dir = dir ? dir : "../shared/isf";
	d = opendir(dir);
	if (!d) {
		printf("skipped: %s is not here\n", dir);
		return;
	}
	while ((entry = readdir(d))) {
		const struct heap_layout *l = heap_layout_pick(MACHINE_AMD64,
							       build_of(entry->d_name));
		struct dl_err err = { "" };
		struct symbols *s = NULL;
		char path[1024];

		if (!build_of(entry->d_name) || !l)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (symbols_open(path, &s, &err))
			fail_msg("%s", err.text);
		compare(s, l);
		symbols_close(s);
		seen++;
	}
	closedir(d);
	assert_true(seen > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_by_build), cmocka_unit_test(others_end),
		cmocka_unit_test(real_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
