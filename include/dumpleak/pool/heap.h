/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_POOL_HEAP_H
#define DUMPLEAK_POOL_HEAP_H

/*
 * The segment heap's structures by machine and build; rows in
 * src/pool/heap_layout.c, each with its witness.
 */

#include "dumpleak/base/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct heap_state_layout {      /* EX_POOL_HEAP_MANAGER_STATE */
	uint32_t bytes, globals, nr_pools;      /* offsets; too large for struct field */
	uint32_t nodes, node_bytes, special;
	uint8_t max_nodes, nr_special;
};

enum { HEAPS_PER_NODE = 4 };    /* nonpaged, nonpaged NX, paged, prototype PTEs */

struct heap_lookaside_layout {  /* RTL_DYNAMIC_LOOKASIDE, two in each EX_HEAP_POOL_NODE */
	uint16_t first, bytes;          /* in the node */
	uint16_t buckets, bucket_bytes, nr_buckets;
	struct field next, depth;       /* of a bucket's SLIST_HEADER */
	uint8_t next_low_bits;          /* that are no part of the pointer */
};

struct heap_root_layout {       /* SEGMENT_HEAP */
	uint16_t bytes;
	struct field signature;         /* 0xDDEEDDEE */
	struct field large_root, large_min;
	uint16_t contexts, vs;          /* SegContexts[2], VsContext */
};

struct heap_context_layout {    /* HEAP_SEG_CONTEXT */
	uint16_t bytes;
	struct field mask, unit_shift, first_descriptor, heap;
	struct field list_flink, list_blink, nr_segments;
};

struct heap_segment_layout {    /* HEAP_PAGE_SEGMENT, HEAP_PAGE_RANGE_DESCRIPTOR */
	struct field flink, blink, signature;
	uint64_t constant;              /* in the signature */
	uint16_t descriptor_bytes, nr_descriptors;
	struct field tree_signature;    /* 0xCCDDCCDD in the first one of a range in use */
	struct field flags, unit_size, unit_offset;
	struct field unused_bytes, extra_present;
};

struct heap_vs_layout {         /* HEAP_VS_SUBSEGMENT, HEAP_VS_CHUNK_HEADER */
	uint16_t delay_free;            /* SLIST_HEADER, in HEAP_VS_CONTEXT */
	/* or in each slot: where the context's map of them is, in units from it */
	struct field slot_map, slot_mask, slot_context;
	uint8_t slot_unit_shift, slot_entry_bytes;
	uint16_t slot_delay_free;
	struct field size, signature;
	struct field signature_late;    /* where late 26100 has it; width 0: does not */
	uint16_t first_chunk;
	uint8_t header_bytes, unit_bytes, word_bytes;
	struct field chunk_size, chunk_prev, chunk_allocated, chunk_zero;       /* of the plain word */
};

struct heap_lfh_layout {        /* HEAP_LFH_SUBSEGMENT */
	struct field nr_blocks, nr_free, offsets;
	uint16_t bitmap;
};

struct heap_large_layout {      /* HEAP_LARGE_ALLOC_DATA */
	uint16_t bytes;
	struct field left, right, va, pages;
};

struct heap_layout {
	uint8_t ptr_bytes;
	struct field heap_key, lfh_key;         /* RTLP_HP_HEAP_GLOBALS */
	struct heap_state_layout state;
	struct heap_lookaside_layout lookaside;
	struct heap_root_layout root;
	struct heap_context_layout context;
	struct heap_segment_layout segment;
	struct heap_vs_layout vs;
	struct heap_lfh_layout lfh;
	struct heap_large_layout large;
};

/** heap_layout_pick - the row for @machine and @build; NULL: no segment heap there */
const struct heap_layout *heap_layout_pick(uint16_t machine, uint32_t build);

/**
 * heap_layout_other - the @i-th row of this machine, for kernels that are not as
 * their build number says; NULL at the end
 */
const struct heap_layout *heap_layout_other(uint16_t machine, size_t i);

#endif
