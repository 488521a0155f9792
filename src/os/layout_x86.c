/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts of 32-bit kernels, XP to Windows 10 22H2. Where a row names no build
 * of its own, the public PDBs of XP SP3 (5.1.2600.5512), 2003 SP2 (3790.3959),
 * Vista (6000), Vista SP2 (6002), 7 SP1 (7601), 8 (9200), 8.1 (9600), 10240,
 * 14393, 16299, 17763, 18362, 19041 and 19045 agree on it. Builds between two of
 * these take the older one's row.
 */
#include "layout_rows.h"

#include <stddef.h>

/*
 * XP SP3 and 2003 SP2; seen in NT 5.2 memory. Before 10 no PDB has the type: its
 * first part is LDR_DATA_TABLE_ENTRY's, and there is no time stamp in it.
 */
static const struct ldr_layout ldr_nt5 = {
	.bytes = 0x50, .links = P32(0x00), .base = P32(0x18), .entry = P32(0x1c),
	.size = U32(0x20), .full_name = P32(0x24), .base_name = P32(0x2c),
};

/* 10240 .. 19045 */
static const struct ldr_layout ldr_10 = {
	.bytes = 0x5c, .links = P32(0x00), .base = P32(0x18), .entry = P32(0x1c),
	.size = U32(0x20), .full_name = P32(0x24), .base_name = P32(0x2c),
	.timestamp = U32(0x58),
};

/* 2003 SP2: 50 entries, as public documentation of lm shows; UNVERIFIED count */
static const struct unloaded_layout unloaded_all = {
	.stride = 0x18, .nr = 50, .name = P32(0x00), .start = P32(0x08),
	.end = P32(0x0c), .time = U64(0x10),
};

/* OBJECT_HEADER with a type pointer, and with an index and a mask */
#define HEADER_NT5 \
	.header_bytes = 0x18, .type = P32(0x08), .name_info_offset = U8(0x0c)
#define HEADER_7 \
	.header_bytes = 0x18, .type_index = U8(0x0c), .info_mask = U8(0x0e), .name_info = 1
#define NAMES_AND_DIRECTORY \
	.name_info_directory = P32(0x00), .name_info_name = P32(0x04), \
	.nr_buckets = 37, .entry_next = P32(0), .entry_object = P32(4)
/* CREATOR, NAME, HANDLE, QUOTA, PROCESS; from 8 on AUDIT */
#define INFOS_7 0x10, 0x10, 0x08, 0x10, 0x08

/*
 * XP SP3, 2003 SP2, Vista; seen in NT 5.2 memory. 2003 appended HashValue to
 * OBJECT_DIRECTORY_ENTRY, which nothing here reads.
 */
static const struct object_layout object_nt5 = {
	HEADER_NT5, NAMES_AND_DIRECTORY,
	.type_name = P32(0x40), .type_key = U32(0xac), .type_number = U8(0x4c),
};

/* Vista SP2: OBJECT_TYPE lost its lock at the start. SP1 UNVERIFIED. */
static const struct object_layout object_vista_sp = {
	HEADER_NT5, NAMES_AND_DIRECTORY,
	.type_name = P32(0x08), .type_key = U32(0xb4), .type_number = U8(0x14),
};

/* 7 SP1 */
static const struct object_layout object_7 = {
	HEADER_7, NAMES_AND_DIRECTORY, .info_bytes = { INFOS_7 },
	.type_name = P32(0x08), .type_key = U32(0x7c), .type_number = U8(0x14),
};

#define OBJECT_8 \
	HEADER_7, NAMES_AND_DIRECTORY, \
	.type_name = P32(0x08), .type_key = U32(0x84), .type_number = U8(0x14)

/* 8, 8.1: sources disagree on which of the bits 0x20 and 0x40 is AUDIT */
static const struct object_layout object_8 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x08, 0x04 },
};

/* 10240: the same infos; the type index is disguised */
static const struct object_layout object_10 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x08, 0x04 }, .type_cookie = true,
};

/* 10586: HANDLE_REVOCATION_INFO came, PADDING moved on; UNVERIFIED */
static const struct object_layout object_1511 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x08, 0x10, 0x04 }, .type_cookie = true,
};

/* 14393 .. 19045: EXTENDED_INFO in its place */
static const struct object_layout object_1607 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x08, 0x08, 0x04 }, .type_cookie = true,
};

/* XP SP3 .. 19045: documented in the WDK, never changed on x86 */
static const struct device_layout device_all = {
	.bytes = 0xb8, .type = U16(0x00), .size = U16(0x02), .driver = P32(0x08),
	.next = P32(0x0c), .attached = P32(0x10), .vpb = P32(0x24),
	.extension = P32(0x28), .device_type = U32(0x2c), .stack_size = U8(0x30),
	.devobj_extension = P32(0xb0),
	.ext_type = U16(0x00), .ext_device = P32(0x04), .ext_attached_to = P32(0x18),
};

static const struct driver_layout driver_all = {
	.bytes = 0xa8, .type = U16(0x00), .size = U16(0x02), .device = P32(0x04),
	.start = P32(0x0c), .image_bytes = U32(0x10), .section = P32(0x14),
	.extension = P32(0x18), .name = P32(0x1c), .major_function = P32(0x38),
	.ext_driver = P32(0x00),
};

#define IO_ALL \
	.irp_bytes = 0x70, .stack_bytes = 0x24, \
	.file_device = P32(0x04), .file_name = P32(0x30), \
	.irp_size = U16(0x02), .irp_stack_count = U8(0x22), .irp_current = U8(0x23), \
	.irp_current_stack = P32(0x60), .irp_thread = P32(0x50), \
	.irp_system_buffer = P32(0x0c), \
	.stack_major = U8(0x00), .stack_device = P32(0x14), .stack_file = P32(0x18)

/* FILE_OBJECT: XP SP3, 2003 SP2; then Vista .. 19045 */
static const struct io_layout io_nt5 = { .file_bytes = 0x70, IO_ALL };
static const struct io_layout io_vista = { .file_bytes = 0x80, IO_ALL };

/* where the thread keeps its stacks: before Vista, Vista and 7, 8 and later */
#define STACKS_NT5(base_, kernel_) \
	.initial_stack = P32(0x18), .stack_limit = P32(0x1c), .stack_base = P32(base_), \
	.kernel_stack = P32(kernel_)
#define STACKS_VISTA(base_) \
	.initial_stack = P32(0x28), .stack_limit = P32(0x2c), .stack_base = P32(base_), \
	.kernel_stack = P32(0x30)
#define STACKS_8 \
	.initial_stack = P32(0x20), .stack_limit = P32(0x24), .stack_base = P32(0x28), \
	.kernel_stack = P32(0x48)
#define PROCESS(pid_, image_, threads_) \
	.dtb = P32(0x18), .pid = P32(pid_), .links = P32((pid_) + 4), \
	.image_name = U64(image_), .threads = P32(threads_)
#define THREAD(links_, process_, id_) \
	.thread_links = P32(links_), .thread_process = P32(process_), .thread_id = P32(id_)

/* XP SP3; 2003 SP2: process list and stacks seen in NT 5.2 memory */
static const struct process_layout process_xp = {
	PROCESS(0x84, 0x174, 0x190), STACKS_NT5(0x168, 0x28), THREAD(0x22c, 0x220, 0x1f0),
	.process_words = 0x1b, .thread_words = 0x70,
};
static const struct process_layout process_2003 = {
	PROCESS(0x94, 0x164, 0x180), STACKS_NT5(0x158, 0x20), THREAD(0x224, 0x218, 0x1e8),
	.process_words = 0x1e, .thread_words = 0x6e,
};
/* Vista, Vista SP2 */
static const struct process_layout process_vista = {
	PROCESS(0x9c, 0x14c, 0x168), STACKS_VISTA(0x174), THREAD(0x248, 0x144, 0x210),
	.process_words = 0x20, .thread_words = 0x78,
};
/* 7 SP1: from here on the size byte of a thread holds flags */
static const struct process_layout process_7 = {
	PROCESS(0xb4, 0x16c, 0x188), STACKS_VISTA(0x190), THREAD(0x268, 0x150, 0x230),
	.process_words = 0x26,
};
static const struct process_layout process_8 = {
	PROCESS(0xb4, 0x170, 0x194), STACKS_8, THREAD(0x24c, 0x150, 0x218),
	.process_words = 0x28,
};
static const struct process_layout process_81 = {
	PROCESS(0xb4, 0x170, 0x194), STACKS_8, THREAD(0x39c, 0x150, 0x368),
	.process_words = 0x28,
};
static const struct process_layout process_10 = {
	PROCESS(0xb4, 0x170, 0x194), STACKS_8, THREAD(0x3ac, 0x150, 0x378),
	.process_words = 0x2a,
};
static const struct process_layout process_1607 = {
	PROCESS(0xb4, 0x174, 0x198), STACKS_8, THREAD(0x3ac, 0x150, 0x378),
	.process_words = 0x2a,
};
/* 16299, 17763 */
static const struct process_layout process_1709 = {
	PROCESS(0xb4, 0x17c, 0x1a0), STACKS_8, THREAD(0x3b4, 0x150, 0x380),
	.process_words = 0x2c,
};
static const struct process_layout process_1903 = {
	PROCESS(0xb4, 0x17c, 0x1a0), STACKS_8, THREAD(0x3bc, 0x150, 0x388),
	.process_words = 0x2c,
};
/* 19041, 19045: from here on the size byte of a process is 0 */
static const struct process_layout process_2004 = {
	PROCESS(0xe4, 0x1ac, 0x1d0), STACKS_8, THREAD(0x2e4, 0x150, 0x2b0),
};

static const struct dispatcher_layout dispatcher_nt5 = {
	.type = U8(0), .size = U8(2), .state = U32(4), .wait_flink = P32(8),
	.wait_blink = P32(12), .event_words = 4, .mutant_words = 8, .queue_words = 10,
	.semaphore_words = 5, .timer_words = 10, .semaphore_limit = U32(16),
};
/* from 7 on the size byte of a timer holds its hand */
static const struct dispatcher_layout dispatcher_7 = {
	.type = U8(0), .size = U8(2), .state = U32(4), .wait_flink = P32(8),
	.wait_blink = P32(12), .event_words = 4, .mutant_words = 8, .queue_words = 10,
	.semaphore_words = 5, .semaphore_limit = U32(16),
};

/* the CONTEXT is the first of KPROCESSOR_STATE here */
static const struct prcb_layout prcb_nt5 = {
	.current_thread = P32(0x04), .number = U8(0x10), .context_frame = P32(0x1c),
};
static const struct prcb_layout prcb_7 = {
	.current_thread = P32(0x04), .number = U32(0x3cc), .context_frame = P32(0x18),
};

static const struct layout_row ldr_rows[] = {
	{ BUILD_10, &ldr_10 }, { BUILD_XP, &ldr_nt5 }, { 0 },
};
static const struct layout_row unloaded_rows[] = { { BUILD_XP, &unloaded_all }, { 0 } };
static const struct layout_row object_rows[] = {
	{ BUILD_1607, &object_1607 }, { BUILD_1511, &object_1511 }, { BUILD_10, &object_10 },
	{ BUILD_8, &object_8 }, { BUILD_7, &object_7 }, { BUILD_VISTA_SP1, &object_vista_sp },
	{ BUILD_XP, &object_nt5 }, { 0 },
};
static const struct layout_row device_rows[] = { { BUILD_XP, &device_all }, { 0 } };
static const struct layout_row driver_rows[] = { { BUILD_XP, &driver_all }, { 0 } };
static const struct layout_row io_rows[] = {
	{ BUILD_VISTA, &io_vista }, { BUILD_XP, &io_nt5 }, { 0 },
};
static const struct layout_row process_rows[] = {
	{ BUILD_2004, &process_2004 }, { BUILD_1903, &process_1903 },
	{ BUILD_1709, &process_1709 }, { BUILD_1607, &process_1607 },
	{ BUILD_10, &process_10 }, { BUILD_81, &process_81 }, { BUILD_8, &process_8 },
	{ BUILD_7, &process_7 }, { BUILD_VISTA, &process_vista },
	{ BUILD_2003, &process_2003 }, { BUILD_XP, &process_xp }, { 0 },
};
static const struct layout_row dispatcher_rows[] = {
	{ BUILD_7, &dispatcher_7 }, { BUILD_XP, &dispatcher_nt5 }, { 0 },
};
static const struct layout_row prcb_rows[] = {
	{ BUILD_7, &prcb_7 }, { BUILD_XP, &prcb_nt5 }, { 0 },
};

const struct machine_rows rows_x86 = {
	.machine = MACHINE_I386, .ptr_bytes = 4,
	.oldest = BUILD_XP, .newest = 19045,
	.ldr = ldr_rows, .unloaded = unloaded_rows, .object = object_rows,
	.device = device_rows, .driver = driver_rows, .io = io_rows,
	.process = process_rows, .dispatcher = dispatcher_rows, .prcb = prcb_rows,
};
