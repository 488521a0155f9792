/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts of ARM64 kernels, Windows 10 and 11. Structures of the WDK and those
 * that only pointer size shapes are x64's (UNVERIFIED but for modules, drivers
 * and pool of one 22000 dump). The kernel's own differ: measured in that dump,
 * whose EPROCESS, ETHREAD, KPRCB and KDBG are all there.
 */
#include "layout_rows.h"

#include <stddef.h>

#define STACKS \
	.initial_stack = P64(0x28), .stack_limit = P64(0x30), .stack_base = P64(0x38), \
	.kernel_stack = P64(0x58)

/*
 * 22000, measured: EPROCESS of System (id 4, name, list links), a thread of it
 * with process, id and list links, stacks as KDBG has them. 22621 and 22631 did
 * not move these fields on x64: UNVERIFIED here.
 */
static const struct process_layout process_11 = {
	.dtb = P64(0x28), .pid = P64(0x3f8), .links = P64(0x400), .image_name = U64(0x560),
	.threads = P64(0x598), STACKS, .thread_links = P64(0x558),
	.thread_process = P64(0x240), .thread_id = P64(0x4f0),
};

/* Other builds: no witness for what stands behind KPROCESS and KTHREAD's stacks. */
static const struct process_layout process_10 = { .dtb = P64(0x28), STACKS };

/* 22000, measured, with KDBG's offsets */
static const struct prcb_layout prcb_11 = {
	.current_thread = P64(0x08), .number = U32(0x24), .context = P64(0x8a0),
	.context_frame = P64(0x360),
};
/* Other builds: the first words as in 22000 and on x64; UNVERIFIED */
static const struct prcb_layout prcb_10 = { .current_thread = P64(0x08), .number = U32(0x24) };

static const struct layout_row process_rows[] = {
	{ BUILD_11_24H2, &process_10 }, { BUILD_11, &process_11 }, { BUILD_10, &process_10 },
	{ 0 },
};
static const struct layout_row prcb_rows[] = {
	{ BUILD_11_22H2, &prcb_10 }, { BUILD_11, &prcb_11 }, { BUILD_10, &prcb_10 }, { 0 },
};

const struct machine_rows rows_arm64 = {
	.machine = MACHINE_ARM64, .ptr_bytes = 8,
	.oldest = BUILD_10, .newest = BUILD_11_24H2,
	.ldr = ldr_rows_64, .unloaded = unloaded_rows_64, .object = object_rows_64,
	.device = device_rows_64, .driver = driver_rows_64, .io = io_rows_64,
	.process = process_rows, .dispatcher = dispatcher_rows_64, .prcb = prcb_rows,
};
