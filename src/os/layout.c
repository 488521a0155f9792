/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of structure layouts. Offsets are facts of public PDBs; the witness of
 * each row names the kernel whose types gave it, and, where so marked, the real
 * memory it was checked on. To add a build: add rows for what changed in it.
 */
#include "dumpleak/os/layout.h"

#include <stddef.h>

#define U8(o)  { .off = (o), .width = 1 }
#define U16(o) { .off = (o), .width = 2 }
#define U32(o) { .off = (o), .width = 4 }
#define P32(o) { .off = (o), .width = 4 }

/* XP SP3 5.1.2600.5512 and 2003 SP2 5.2.3790.3959; seen in NT 5.2 memory */
static const struct ldr_layout ldr_x86 = {
	.bytes = 0x50, .links = P32(0x00), .base = P32(0x18), .size = U32(0x20),
	.full_name = P32(0x24), .base_name = P32(0x2c),
};

/* 2003 SP2: 50 entries, as public documentation of lm shows; UNVERIFIED count */
static const struct unloaded_layout unloaded_x86 = {
	.stride = 0x18, .nr = 50, .name = P32(0x00), .start = P32(0x08),
	.end = P32(0x0c), .time = { .off = 0x10, .width = 8 },
};

/*
 * XP SP3 .. 2003 SP2; seen in NT 5.2 memory. 2003 appended HashValue to
 * OBJECT_DIRECTORY_ENTRY, which nothing here reads.
 */
static const struct object_layout object_x86 = {
	.header_bytes = 0x18, .type = P32(0x08), .name_info_offset = U8(0x0c),
	.name_info_directory = P32(0x00), .name_info_name = P32(0x04),
	.type_name = P32(0x40), .type_key = U32(0xac),
	.nr_buckets = 37, .entry_next = P32(0), .entry_object = P32(4),
};

/* XP SP3 .. 10 19045: documented in the WDK, never changed on x86 */
static const struct device_layout device_x86 = {
	.bytes = 0xb8, .type = U16(0x00), .size = U16(0x02), .driver = P32(0x08),
	.next = P32(0x0c), .attached = P32(0x10), .vpb = P32(0x24),
	.extension = P32(0x28), .device_type = U32(0x2c), .stack_size = U8(0x30),
	.devobj_extension = P32(0xb0),
	.ext_type = U16(0x00), .ext_device = P32(0x04), .ext_attached_to = P32(0x18),
};

static const struct driver_layout driver_x86 = {
	.bytes = 0xa8, .type = U16(0x00), .size = U16(0x02), .device = P32(0x04),
	.start = P32(0x0c), .image_bytes = U32(0x10), .section = P32(0x14),
	.extension = P32(0x18), .name = P32(0x1c), .major_function = P32(0x38),
	.ext_driver = P32(0x00),
};

/* XP SP3 .. 2003 SP2: FILE_OBJECT is 0x70 bytes, 0x80 from Vista on */
static const struct io_layout io_x86_nt5 = {
	.file_bytes = 0x70, .irp_bytes = 0x70, .stack_bytes = 0x24,
	.file_device = P32(0x04), .file_name = P32(0x30),
	.irp_size = U16(0x02), .irp_stack_count = U8(0x22), .irp_current = U8(0x23),
	.irp_current_stack = P32(0x60), .irp_thread = P32(0x50),
	.irp_system_buffer = P32(0x0c),
	.stack_major = U8(0x00), .stack_device = P32(0x14), .stack_file = P32(0x18),
};

/* XP SP3 */
static const struct process_layout process_x86_xp = {
	.dtb = P32(0x18), .pid = P32(0x84), .links = P32(0x88),
	.image_name = { .off = 0x174, .width = 8 }, .threads = P32(0x190),
	.initial_stack = P32(0x18), .stack_limit = P32(0x1c),
	.thread_links = P32(0x22c), .thread_process = P32(0x220),
	.thread_id = P32(0x1f0), .process_words = 0x1b, .thread_words = 0x70,
};

/* 2003 SP2; process list and stacks seen in NT 5.2 memory */
static const struct process_layout process_x86_2003 = {
	.dtb = P32(0x18), .pid = P32(0x94), .links = P32(0x98),
	.image_name = { .off = 0x164, .width = 8 }, .threads = P32(0x180),
	.initial_stack = P32(0x18), .stack_limit = P32(0x1c),
	.thread_links = P32(0x224), .thread_process = P32(0x218),
	.thread_id = P32(0x1e8), .process_words = 0x1e, .thread_words = 0x6e,
};

static const struct dispatcher_layout dispatcher_x86 = {
	.type = U8(0), .size = U8(2), .state = U32(4), .wait_flink = P32(8),
	.wait_blink = P32(12), .event_words = 4, .mutant_words = 8, .queue_words = 10,
	.semaphore_words = 5, .timer_words = 10, .semaphore_limit = U32(16),
};

/* One row: from this build on. Newest first within a machine. */
struct row {
	uint16_t machine;
	uint32_t from_build;
	const void *layout;
};

static const struct row ldr_rows[] = { { MACHINE_I386, BUILD_XP, &ldr_x86 }, { 0 } };
static const struct row unloaded_rows[] = { { MACHINE_I386, BUILD_XP, &unloaded_x86 }, { 0 } };
static const struct row object_rows[] = { { MACHINE_I386, BUILD_XP, &object_x86 }, { 0 } };
static const struct row device_rows[] = { { MACHINE_I386, BUILD_XP, &device_x86 }, { 0 } };
static const struct row driver_rows[] = { { MACHINE_I386, BUILD_XP, &driver_x86 }, { 0 } };
static const struct row io_rows[] = { { MACHINE_I386, BUILD_XP, &io_x86_nt5 }, { 0 } };
static const struct row process_rows[] = {
	{ MACHINE_I386, BUILD_2003, &process_x86_2003 },
	{ MACHINE_I386, BUILD_XP, &process_x86_xp },
	{ 0 },
};
static const struct row dispatcher_rows[] = { { MACHINE_I386, BUILD_XP, &dispatcher_x86 }, { 0 } };

/* The newest build that the rows of a machine speak for. */
static const struct { uint16_t machine; uint32_t oldest, newest; uint8_t ptr_bytes; } known[] = {
	{ MACHINE_I386, BUILD_XP, BUILD_2003, 4 },
};

static const void *pick(const struct row *rows, uint16_t machine, uint32_t build,
			uint32_t *newest)
{
	for (; rows->layout; rows++) {
		if (rows->machine != machine || rows->from_build > build)
			continue;
		if (rows->from_build > *newest)
			*newest = rows->from_build;
		return rows->layout;
	}
	return NULL;
}

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

static enum dl_status check_known(uint16_t machine, uint32_t build,
				  struct os_layout *out, struct dl_err *err)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (known[i].machine != machine)
			continue;
		if (build < known[i].oldest || build > known[i].newest)
			return err_set(err, DL_UNSUPPORTED,
				       "Windows build %u on %s is not supported yet: "
				       "builds %u to %u are (NT 5.1 and 5.2)", build,
				       machine_name(machine), known[i].oldest,
				       known[i].newest);
		out->ptr_bytes = known[i].ptr_bytes;
		return DL_OK;
	}
	return err_set(err, DL_UNSUPPORTED, "%s kernels are not supported yet",
		       machine_name(machine) ? machine_name(machine) : "this machine's");
}

enum dl_status layout_pick(uint16_t machine, uint32_t build,
			   struct os_layout *out, struct dl_err *err)
{
	struct os_layout l = { .machine = machine, .build = build };
	enum dl_status st = check_known(machine, build, &l, err);

	if (st)
		return st;
	l.ustr_bytes = (struct field)U16(0);
	l.ustr_buffer = (struct field){ .off = l.ptr_bytes, .width = l.ptr_bytes };
#define PICK(family) \
	l.family = *(const struct family##_layout *)pick(family##_rows, machine, \
							 build, &l.newest_row)
	PICK(ldr);
	PICK(unloaded);
	PICK(object);
	PICK(device);
	PICK(driver);
	PICK(io);
	PICK(process);
	PICK(dispatcher);
#undef PICK
	*out = l;
	return DL_OK;
}

bool layout_next_process(struct os_layout *l)
{
	(void)l;
	return false;
}

const struct layout_field_row *layout_field_rows(size_t *n)
{
	*n = 0;
	return NULL;
}
