/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts of 64-bit kernels, 2003 to Windows 11 24H2: first what x64 and ARM64
 * share (the WDK's public structures and those that only pointer size shapes;
 * ARM64 UNVERIFIED but for the one 22000 dump seen), then x64's own.
 *
 * Where a row names no build of its own, the public PDBs of 2003 SP2
 * (5.2.3790.3959), Vista (6000), Vista SP2 (6002), 7 SP1, 8, 8.1, 10240, 10586,
 * 14393, 15063, 16299, 17134, 17763, 18362, 19041, 19045, 22000, 22621, 22631 and
 * 26100.1742 agree on it. Marked isf: a test compares the row field by field
 * with the types of that kernel.
 */
#include "layout_rows.h"

#include <stddef.h>

/*
 * 2003 SP2 .. 8.1; isf has LDR_DATA_TABLE_ENTRY only, whose first part it is.
 * No time stamp: there LoadedImports is.
 */
static const struct ldr_layout ldr_nt5 = {
	.bytes = 0x88, .links = P64(0x00), .base = P64(0x30), .entry = P64(0x38),
	.size = U32(0x40), .full_name = P64(0x48), .base_name = P64(0x58),
};

/* 10240 .. 26100; isf 14393, 17763, 19041, 22000 */
static const struct ldr_layout ldr_10 = {
	.bytes = 0xa0, .links = P64(0x00), .base = P64(0x30), .entry = P64(0x38),
	.size = U32(0x40), .full_name = P64(0x48), .base_name = P64(0x58),
	.timestamp = U32(0x9c),
};

/* in no PDB; as on x86, with wider pointers; UNVERIFIED count */
static const struct unloaded_layout unloaded_all = {
	.stride = 0x28, .nr = 50, .name = P64(0x00), .start = P64(0x10),
	.end = P64(0x18), .time = U64(0x20),
};

/* OBJECT_HEADER with a type pointer, and with an index and a mask */
#define HEADER_NT5 \
	.header_bytes = 0x30, .type = P64(0x10), .name_info_offset = U8(0x18)
#define HEADER_7 \
	.header_bytes = 0x30, .type_index = U8(0x18), .info_mask = U8(0x1a), .name_info = 1
#define NAMES_AND_DIRECTORY \
	.name_info_directory = P64(0x00), .name_info_name = P64(0x08), \
	.nr_buckets = 37, .entry_next = P64(0), .entry_object = P64(8)
/* CREATOR, NAME, HANDLE, QUOTA, PROCESS; from 8 on AUDIT */
#define INFOS_7 0x20, 0x20, 0x10, 0x20, 0x10

/* 2003 SP2, Vista */
static const struct object_layout object_nt5 = {
	HEADER_NT5, NAMES_AND_DIRECTORY,
	.type_name = P64(0x78), .type_key = U32(0x118), .type_number = U8(0x90),
};

/* Vista SP2: OBJECT_TYPE lost its lock at the start. SP1 UNVERIFIED. */
static const struct object_layout object_vista_sp = {
	HEADER_NT5, NAMES_AND_DIRECTORY,
	.type_name = P64(0x10), .type_key = U32(0x120), .type_number = U8(0x28),
};

/* 7 SP1; isf 7601 */
static const struct object_layout object_7 = {
	HEADER_7, NAMES_AND_DIRECTORY, .info_bytes = { INFOS_7 },
	.type_name = P64(0x10), .type_key = U32(0xb8), .type_number = U8(0x28),
};

#define OBJECT_8 \
	HEADER_7, NAMES_AND_DIRECTORY, \
	.type_name = P64(0x10), .type_key = U32(0xc0), .type_number = U8(0x28)

/*
 * 8, 8.1; isf 9600 has AUDIT_INFO and PADDING_INFO, and no third: sources
 * disagree on which of the bits 0x20 and 0x40 is which.
 */
static const struct object_layout object_8 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x10, 0x04 },
};

/* 10240: the same infos; the type index is disguised */
static const struct object_layout object_10 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x10, 0x04 }, .type_cookie = true,
};

/* 10586: HANDLE_REVOCATION_INFO came, PADDING moved on; UNVERIFIED */
static const struct object_layout object_1511 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x10, 0x20, 0x04 }, .type_cookie = true,
};

/* 14393 .. 26100: EXTENDED_INFO in its place; isf 14393, 17763, 19041, 22000 */
static const struct object_layout object_1607 = {
	OBJECT_8, .info_bytes = { INFOS_7, 0x10, 0x10, 0x04 }, .type_cookie = true,
};

/* 2003 SP2 .. 26100: documented in the WDK, never changed; isf all */
static const struct device_layout device_all = {
	.bytes = 0x150, .type = U16(0x00), .size = U16(0x02), .driver = P64(0x08),
	.next = P64(0x10), .attached = P64(0x18), .vpb = P64(0x38),
	.extension = P64(0x40), .device_type = U32(0x48), .stack_size = U8(0x4c),
	.devobj_extension = P64(0x138),
	.ext_type = U16(0x00), .ext_device = P64(0x08), .ext_attached_to = P64(0x30),
};

static const struct driver_layout driver_all = {
	.bytes = 0x150, .type = U16(0x00), .size = U16(0x02), .device = P64(0x08),
	.start = P64(0x18), .image_bytes = U32(0x20), .section = P64(0x28),
	.extension = P64(0x30), .name = P64(0x38), .major_function = P64(0x70),
	.ext_driver = P64(0x00),
};

#define IO_ALL \
	.irp_bytes = 0xd0, .stack_bytes = 0x48, \
	.file_device = P64(0x08), .file_name = P64(0x58), \
	.irp_size = U16(0x02), .irp_stack_count = U8(0x42), .irp_current = U8(0x43), \
	.irp_current_stack = P64(0xb8), .irp_thread = P64(0x98), \
	.irp_system_buffer = P64(0x18), \
	.stack_major = U8(0x00), .stack_device = P64(0x28), .stack_file = P64(0x30)

/* FILE_OBJECT: 2003 SP2; then Vista .. 26100, isf all */
static const struct io_layout io_nt5 = { .file_bytes = 0xb8, IO_ALL };
static const struct io_layout io_vista = { .file_bytes = 0xd8, IO_ALL };

/* sizes: isf all */
static const struct dispatcher_layout dispatcher_nt5 = {
	.type = U8(0), .size = U8(2), .state = U32(4), .wait_flink = P64(8),
	.wait_blink = P64(16), .event_words = 6, .mutant_words = 14, .queue_words = 16,
	.semaphore_words = 8, .timer_words = 16, .semaphore_limit = U32(24),
};
/* from 7 on the size byte of a timer holds its hand (isf: DISPATCHER_HEADER.Hand) */
static const struct dispatcher_layout dispatcher_7 = {
	.type = U8(0), .size = U8(2), .state = U32(4), .wait_flink = P64(8),
	.wait_blink = P64(16), .event_words = 6, .mutant_words = 14, .queue_words = 16,
	.semaphore_words = 8, .semaphore_limit = U32(24),
};

const struct layout_row ldr_rows_64[] = {
	{ BUILD_10, &ldr_10 }, { BUILD_2003, &ldr_nt5 }, { 0 },
};
const struct layout_row unloaded_rows_64[] = { { BUILD_2003, &unloaded_all }, { 0 } };
const struct layout_row object_rows_64[] = {
	{ BUILD_1607, &object_1607 }, { BUILD_1511, &object_1511 }, { BUILD_10, &object_10 },
	{ BUILD_8, &object_8 }, { BUILD_7, &object_7 }, { BUILD_VISTA_SP1, &object_vista_sp },
	{ BUILD_2003, &object_nt5 }, { 0 },
};
const struct layout_row device_rows_64[] = { { BUILD_2003, &device_all }, { 0 } };
const struct layout_row driver_rows_64[] = { { BUILD_2003, &driver_all }, { 0 } };
const struct layout_row io_rows_64[] = {
	{ BUILD_VISTA, &io_vista }, { BUILD_2003, &io_nt5 }, { 0 },
};
const struct layout_row dispatcher_rows_64[] = {
	{ BUILD_7, &dispatcher_7 }, { BUILD_2003, &dispatcher_nt5 }, { 0 },
};

/* --- x64 only -------------------------------------------------------------- */

#define PROCESS(pid_, image_, threads_) \
	.dtb = P64(0x28), .pid = P64(pid_), .links = P64((pid_) + 8), \
	.image_name = U64(image_), .threads = P64(threads_)
#define STACKS(base_, kernel_) \
	.initial_stack = P64(0x28), .stack_limit = P64(0x30), .stack_base = P64(base_), \
	.kernel_stack = P64(kernel_)
#define STACKS_8 STACKS(0x38, 0x58)
#define THREAD(links_, process_, id_) \
	.thread_links = P64(links_), .thread_process = P64(process_), .thread_id = P64(id_)

/* 2003 SP2 */
static const struct process_layout process_2003 = {
	PROCESS(0xd8, 0x268, 0x290), STACKS(0x240, 0x38), THREAD(0x3d0, 0x3b8, 0x360),
	.process_words = 0x2e, .thread_words = 0xc2,
};
/* Measured in NT 5.2 compatible memory: KPROCESS is 8 bytes shorter than in 2003's PDB */
static const struct process_layout process_2003_compatible = {
	PROCESS(0xd0, 0x260, 0x288), STACKS(0x258, 0x38), THREAD(0x3f0, 0x3d8, 0x380),
	.process_words = 0x2c,
};
/* Vista, Vista SP2 */
static const struct process_layout process_vista = {
	PROCESS(0xe0, 0x238, 0x260), STACKS(0x250, 0x38), THREAD(0x3f0, 0x1f8, 0x388),
	.process_words = 0x30, .thread_words = 0xcc,
};
/* 7 SP1: from here on the size byte of a thread holds flags */
static const struct process_layout process_7 = {
	PROCESS(0x180, 0x2e0, 0x308), STACKS(0x278, 0x38), THREAD(0x420, 0x210, 0x3b8),
	.process_words = 0x58,
};
/* isf 7601.24540: updates of 2018 made KTHREAD 8 bytes longer and shadowed page tables */
static const struct process_layout process_7_shadow = {
	PROCESS(0x180, 0x2e0, 0x308), STACKS(0x278, 0x38), THREAD(0x428, 0x210, 0x3c0),
	.user_dtb = P64(0x110), .process_words = 0x58,
};
static const struct process_layout process_8 = {
	PROCESS(0x2e0, 0x438, 0x470), STACKS_8, THREAD(0x400, 0x220, 0x3a0),
	.process_words = 0xb2,
};
/* isf 9600.19913. user_dtb here and below: only in kernels updated since 2018. */
static const struct process_layout process_81 = {
	PROCESS(0x2e0, 0x438, 0x470), STACKS_8, THREAD(0x688, 0x220, 0x628),
	.user_dtb = P64(0x270), .process_words = 0xb2,
};
static const struct process_layout process_10 = {
	PROCESS(0x2e8, 0x448, 0x480), STACKS_8, THREAD(0x690, 0x220, 0x630),
	.process_words = 0xb6,
};
static const struct process_layout process_1511 = {
	PROCESS(0x2e8, 0x450, 0x488), STACKS_8, THREAD(0x690, 0x220, 0x630),
	.process_words = 0xb6,
};
/* isf 14393.4583 */
static const struct process_layout process_1607 = {
	PROCESS(0x2e8, 0x450, 0x488), STACKS_8, THREAD(0x698, 0x220, 0x638),
	.user_dtb = P64(0x2c0), .process_words = 0xb6,
};
static const struct process_layout process_1703 = {
	PROCESS(0x2e0, 0x450, 0x488), STACKS_8, THREAD(0x6a0, 0x220, 0x640),
	.process_words = 0xb6,
};
/* 16299 */
static const struct process_layout process_1709 = {
	PROCESS(0x2e0, 0x450, 0x488), STACKS_8, THREAD(0x6a8, 0x220, 0x640),
	.process_words = 0xb6,
};
/* 17134, 17763; isf 17763.379. user_dtb of 17134: same KPROCESS size; UNVERIFIED */
static const struct process_layout process_1803 = {
	PROCESS(0x2e0, 0x450, 0x488), STACKS_8, THREAD(0x6a8, 0x220, 0x640),
	.user_dtb = P64(0x278), .process_words = 0xb6,
};
/* 18362; user_dtb UNVERIFIED */
static const struct process_layout process_1903 = {
	PROCESS(0x2e8, 0x450, 0x488), STACKS_8, THREAD(0x6b8, 0x220, 0x650),
	.user_dtb = P64(0x280), .process_words = 0xb8,
};
/* 19041 .. 19045; isf 19041.329; from here on the size byte of a process is 0 */
static const struct process_layout process_2004 = {
	PROCESS(0x440, 0x5a8, 0x5e0), STACKS_8, THREAD(0x4e8, 0x220, 0x480),
	.user_dtb = P64(0x388),
};
/* 22000 .. 22631; isf 22000.318 */
static const struct process_layout process_11 = {
	PROCESS(0x440, 0x5a8, 0x5e0), STACKS_8, THREAD(0x538, 0x220, 0x4d0),
	.user_dtb = P64(0x388),
};
/* 26100.1742; user_dtb UNVERIFIED */
static const struct process_layout process_24h2 = {
	PROCESS(0x1d0, 0x338, 0x370), STACKS_8, THREAD(0x578, 0x220, 0x510),
	.user_dtb = P64(0x158),
};

static const struct layout_row process_rows[] = {
	{ BUILD_11_24H2, &process_24h2 }, { BUILD_11, &process_11 },
	{ BUILD_2004, &process_2004 }, { BUILD_1903, &process_1903 },
	{ BUILD_1803, &process_1803 }, { BUILD_1709, &process_1709 },
	{ BUILD_1703, &process_1703 }, { BUILD_1607, &process_1607 },
	{ BUILD_1511, &process_1511 }, { BUILD_10, &process_10 },
	{ BUILD_81, &process_81 }, { BUILD_8, &process_8 },
	{ BUILD_7_SP1, &process_7_shadow }, { BUILD_7_SP1, &process_7 },
	{ BUILD_7, &process_7 }, { BUILD_VISTA, &process_vista },
	{ BUILD_2003, &process_2003 }, { BUILD_2003, &process_2003_compatible }, { 0 },
};

/*
 * Number is a byte before 7. The pointer to a CONTEXT moves with servicing:
 * known where isf shows it; elsewhere KDBG's OffsetPrcbContext tells.
 */
#define PRCB_7 .current_thread = P64(0x08), .number = U32(0x24)

static const struct prcb_layout prcb_nt5 = {    /* frame UNVERIFIED */
	.current_thread = P64(0x08), .number = U8(0x04), .context_frame = P64(0x120),
};
static const struct prcb_layout prcb_7 = {      /* isf 7601 */
	PRCB_7, .context = P64(0x53e0), .context_frame = P64(0x120),
};
static const struct prcb_layout prcb_8 = { PRCB_7, .context_frame = P64(0x120) };
static const struct prcb_layout prcb_81 = {     /* isf 9600 */
	PRCB_7, .context = P64(0x6180), .context_frame = P64(0x120),
};
static const struct prcb_layout prcb_1607 = {   /* isf 14393 */
	PRCB_7, .context = P64(0x6300), .context_frame = P64(0x120),
};
/* 15063: KPROCESSOR_STATE moved to 0x100; where in it the CONTEXT is, UNVERIFIED */
static const struct prcb_layout prcb_1703 = { PRCB_7 };
static const struct prcb_layout prcb_1809 = {   /* isf 17763 */
	PRCB_7, .context = P64(0x62c0), .context_frame = P64(0x1f0),
};
static const struct prcb_layout prcb_1903 = { PRCB_7, .context_frame = P64(0x1f0) };
static const struct prcb_layout prcb_2004 = {   /* isf 19041, and KDBG of two dumps */
	PRCB_7, .context = P64(0x85c0), .context_frame = P64(0x1f0),
};
static const struct prcb_layout prcb_11 = {     /* isf 22000 */
	PRCB_7, .context = P64(0x89c0), .context_frame = P64(0x1f0),
};

static const struct layout_row prcb_rows[] = {
	{ BUILD_11_22H2, &prcb_1903 }, { BUILD_11, &prcb_11 }, { BUILD_2022, &prcb_1903 },
	{ BUILD_2004, &prcb_2004 }, { BUILD_1903, &prcb_1903 }, { BUILD_1809, &prcb_1809 },
	{ BUILD_1703, &prcb_1703 }, { BUILD_1607, &prcb_1607 }, { BUILD_10, &prcb_8 },
	{ BUILD_81, &prcb_81 }, { BUILD_8, &prcb_8 }, { BUILD_7, &prcb_7 },
	{ BUILD_2003, &prcb_nt5 }, { 0 },
};

const struct machine_rows rows_x64 = {
	.machine = MACHINE_AMD64, .ptr_bytes = 8,
	.oldest = BUILD_2003, .newest = BUILD_11_24H2,
	.ldr = ldr_rows_64, .unloaded = unloaded_rows_64, .object = object_rows_64,
	.device = device_rows_64, .driver = driver_rows_64, .io = io_rows_64,
	.process = process_rows, .dispatcher = dispatcher_rows_64, .prcb = prcb_rows,
};
