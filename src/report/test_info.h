/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_REPORT_TEST_INFO_H
#define DUMPLEAK_REPORT_TEST_INFO_H

/*
 * A 64-bit system made by hand, for the tests of `info`; it may have symbols, or
 * be a minidump. Include it behind cmocka.h.
 */

#include "dumpleak/memory/paging.h"
#include "dumpleak/report/report.h"

#include "test_util.h"

#define K 0xfffff80123400000u
#define D 0xfffffa8014a30000u

struct machine {
	struct dump_header header;
	struct dump_blob blob;
	struct os os;
	struct module module[2];
	const struct module *by_base[2];
	struct unloaded unloaded;
	struct driver driver[2];
	struct device device[4];
	struct symbols_difference difference[2];
	struct pdb_id symbols_pdb;
	struct report_symbols symbols;
	struct dump_minidump minidump;
	uint64_t stack[4];
	const char *paths[2];
	struct report_input in;
};

static void make_header(struct machine *m)
{
	m->blob = (struct dump_blob){ .guid = { 0xfd, 0x33, 0x0a, 0x27, 0xa6, 0x3d, 0x0d, 0x46,
		0xba, 0x89, 0x3c, 0x1b, 0xae, 0x21, 0xe3, 0x9b }, .off = 0x5000,
		.size_bytes = 0xfb8 };
	m->header = (struct dump_header){ .format = "bitmap64",
		.title = "64-bit kernel bitmap dump (DumpType 5)",
		.machine = { true, MACHINE_AMD64 }, .dump_type = { true, 5 },
		.attributes = { true, ATTRIBUTE_LIVE | ATTRIBUTE_FILTERED | 1 << 11 },
		.blobs = &m->blob, .nr_blobs = 1,
		.exception = { true, 0x80000003, 0, K + 0x1234 } };
}

static void make_modules(struct machine *m)
{
	m->module[0] = (struct module){ .base = K, .size_bytes = 0x1046000,
		.name = "ntoskrnl.exe", .path = "\\SystemRoot\\system32\\ntoskrnl.exe",
		.timestamp = 0x5dee2b07, .version = { 10, 0, 19041, 1682 },
		.has_version = true };
	m->module[1] = (struct module){ .base = K + 0x2000000, .size_bytes = 0x9000,
		.name = "leak.sys", .path = "\\??\\C:\\Program Files\\Leak\\leak.sys" };
	m->by_base[0] = &m->module[0];
	m->by_base[1] = &m->module[1];
	m->unloaded = (struct unloaded){ .name = "old.sys", .first_va = K + 0x3000000,
		.end_va = K + 0x3010000, .time = 132583559020000000 };
	m->os.modules = m->module;
	m->os.modules_by_base = m->by_base;
	m->os.nr_modules = 2;
	m->os.unloaded = &m->unloaded;
	m->os.nr_unloaded = 1;
}

static void make_devices(struct machine *m)
{
	m->driver[0] = (struct driver){ .va = D, .name = "\\Driver\\Disk", .image_base = K,
		.module = 0 };
	m->driver[1] = (struct driver){ .va = D + 0x1000, .name = "\\Driver\\Leak",
		.image_base = K + 0x2000000, .module = 1, .found = FOUND_LINK };
	m->device[0] = (struct device){ .va = D + 0x2000, .name = "\\Device\\DR0",
		.driver_va = D, .attached_va = D + 0x3000, .extension_va = D + 0x2150 };
	m->device[1] = (struct device){ .va = D + 0x3000, .name = "", .driver = 1,
		.driver_va = D + 0x1000, .attached_va = D + 0x4000,
		.attached_to_va = D + 0x2000, .found = FOUND_LINK };
	m->device[2] = (struct device){ .va = D + 0x4000, .name = "\\Device\\Top",
		.driver = 1, .driver_va = D + 0x1000, .attached_to_va = D + 0x3000,
		.attached_va = 0x1234 };
	m->device[3] = (struct device){ .va = D + 0x5000, .name = "", .driver = -1,
		.driver_va = D + 0x9000, .found = FOUND_POOL };
	m->os.drivers = m->driver;
	m->os.nr_drivers = 2;
	m->os.devices = m->device;
	m->os.nr_devices = 4;
}

static void make_os(struct machine *m)
{
	struct os *os = &m->os;

	os->name = "Windows 10 2004 (NT 10.0)";
	os->build_lab = "19041.1.amd64fre.vb_release.191206-1406";
	os->service_pack = "";
	os->product = "workstation";
	os->build = 19041;
	os->kernel_base = K;
	os->layout.machine = MACHINE_AMD64;
	os->layout.ptr_bytes = 8;
	os->vm.mode = &paging_x64;
	os->vm.root_pa = 0x1ad000;
	os->dtb_how = "header";
	os->kdbg.known = true;
	os->kdbg.va = K + 0xc00b20;
	os->kdbg_how = "decoded";
	os->pdb = (struct pdb_id){ true, "ntkrnlmp.pdb", "BBED7C2955FBE4522AAA23F4B8677AD9", 26 };
	os->nr_processors = 16;
	os->bugcheck_code = (struct known_u64){ true, 0x1000007e };
	os->bugcheck_parameter[0] = (struct known_u64){ true, 0xffffffffc0000005 };
	os->system_time = 132583559020000000;
	os->up_time = 37000000;
	os->boot_time = os->system_time - os->up_time;
}

static void make_symbols(struct machine *m)
{
	m->difference[0] = (struct symbols_difference){ "_DEVICE_OBJECT", "DriverObject", 8, 16 };
	m->difference[1] = (struct symbols_difference){ "_DRIVER_OBJECT", NULL, -1, 0x150 };
	m->symbols_pdb = m->os.pdb;
	m->symbols = (struct report_symbols){ "nt.json.xz", &m->symbols_pdb };
	m->in.symbols = &m->symbols;
	m->os.symbols = (const struct symbols *)m;     /* only asked whether it is there */
	m->os.differences = m->difference;
	m->os.nr_differences = 2;
}

static void make_minidump(struct machine *m)
{
	m->minidump = (struct dump_minidump){ .nr_modules = 2, .nr_unloaded = 1,
		.broken_driver = "leak.sys", .service_pack_build = 1682,
		.stack_va = D, .stack_bytes = 0x100, .prcb = { 0x2000, 0xaf00 },
		.nr_ranges = 1831, .range_bytes = 1100000, .has_mm = true,
		.nonpaged_pages = 16102, .max_nonpaged_pages = 4000000,
		.paged_pages = 25856, .max_paged_pages = 8000000,
		.committed_pages = 490841, .special_pool_tag = 0x206b614c };
	m->stack[0] = K + 0x3f71a0;
	m->stack[1] = 42;
	m->stack[2] = K + 0x3000010;
	m->stack[3] = D;
	m->os.stack_va = D + 0x40;
	m->os.stack_words = m->stack;
	m->os.nr_stack_words = 4;
	m->header.format = "triage64";
	m->header.nr_blobs = 0;
	m->os.minidump = m->in.dump.minidump = &m->minidump;
	m->os.vm.mode = &paging_none;
	m->os.nr_devices = m->os.nr_drivers = 0;
	m->in.pool_reason = "a minidump holds no pool";
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	assert_non_null(m);
	make_header(m);
	make_modules(m);
	make_devices(m);
	make_os(m);
	m->paths[0] = "a.dmp";
	m->paths[1] = "b.dmp";
	m->in.dump = (struct report_dump){ .path = "a.dmp", .header = &m->header,
		.pages_present = 1000, .pages_absent = 7 };
	m->in.os = &m->os;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

#endif
