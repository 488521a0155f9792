/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os_open() on real memory against what the machine itself said: a driver, the
 * kernel debugger and the emulator wrote the truth files beside the images.
 * Each image also as raw memory, with a wrong header, and without its KDBG.
 */
#include "dumpleak/os/objects.h"

#include "../memory/test_truth.h"

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static bool has_note(const struct os *os, const char *words)
{
	for (size_t i = 0; i < os->nr_notes; i++)
		if (strstr(os->notes[i].text, words))
			return true;
	return false;
}

static void check_modules(const struct os *os, const json_t *truth)
{
	const json_t *modules = json_object_get(truth, "modules");

	assert_int_equal(os->nr_modules, json_array_size(modules));
	for (size_t i = 0; i < os->nr_modules; i++) {
		const json_t *m = json_array_get(modules, i);
		const struct module *ours = &os->modules[i];

		assert_int_equal(ours->base, test_number(m, "base"));
		assert_int_equal(ours->size_bytes,
				 json_integer_value(json_object_get(m, "size_bytes")));
		assert_string_equal(ours->name, json_string_value(json_object_get(m, "name")));
		assert_true(ours->has_headers);
		assert_true(ours->nr_sections > 3);
		assert_ptr_equal(os_module_at(os, ours->base), ours);
		assert_ptr_equal(os_module_at(os, ours->base + ours->size_bytes - 1), ours);
		assert_ptr_not_equal(os_module_at(os, ours->base - 1), ours);
	}
}

static void check_driver(struct os *os, const json_t *leak)
{
	const struct driver *d = os_driver_at(os, test_number(leak, "driver_object"));
	const json_t *devices = json_object_get(leak, "devices");
	const json_t *callbacks = json_object_get(leak, "callbacks");
	static const char *const names[] = { "\\Device\\LeakIfs", "\\Device\\LeakIfs2" };

	assert_non_null(d);
	assert_string_equal(d->name, json_string_value(json_object_get(leak, "name")));
	assert_int_equal(d->found, FOUND_DIRECTORY);
	assert_string_equal(os->modules[d->module].name, "leakifs.sys");
	for (size_t i = 0; i < json_array_size(callbacks); i++) {
		uint64_t va = strtoull(json_string_value(json_array_get(callbacks, i)), NULL, 16);
		const struct section *s = os_section_at(&os->modules[d->module], va);

		assert_ptr_equal(os_module_at(os, va), &os->modules[d->module]);
		assert_non_null(s);
		assert_true(s->executable);
	}
	assert_int_equal(json_array_size(devices), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *t = json_array_get(devices, i);
		const struct device *ours = os_device_at(os, test_number(t, "va"));

		assert_non_null(ours);
		assert_string_equal(ours->name, names[i]);
		assert_int_equal(ours->extension_va, test_number(t, "extension_va"));
		assert_true(ours->extension_bytes > 0x38);
		assert_ptr_equal(&os->drivers[ours->driver], d);
	}
}

static void check_events(struct os *os, const json_t *leak)
{
	const json_t *events = json_object_get(leak, "kevents");

	assert_true(json_array_size(events) > 0);
	for (size_t i = 0; i < json_array_size(events); i++) {
		uint64_t va = strtoull(json_string_value(json_array_get(events, i)), NULL, 16);

		assert_true(objects_is_event(os, va));
		assert_string_equal(objects_dispatcher_name(os, va), "KEVENT");
		assert_false(objects_is_event(os, va + 4));
	}
}

static const struct device *device_named(const struct os *os, const char *name)
{
	for (size_t i = 0; i < os->nr_devices; i++)
		if (!strcmp(os->devices[i].name, name))
			return &os->devices[i];
	return NULL;
}

/* Every stack of devices must read the same from above as from below. */
static void check_stacks(const struct os *os)
{
	const struct device *video = device_named(os, "\\Device\\Video0");
	size_t attached = 0;

	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i], *above, *below;

		assert_true(d->driver >= 0);
		above = d->attached_va ? os_device_at(os, d->attached_va) : NULL;
		below = d->attached_to_va ? os_device_at(os, d->attached_to_va) : NULL;
		assert_true(!d->attached_va || (above && above->attached_to_va == d->va));
		assert_true(!d->attached_to_va || (below && below->attached_va == d->va));
		attached += above != NULL;
	}
	assert_true(attached > 5);
	assert_non_null(video);
	assert_non_null(os_device_at(os, video->attached_to_va));
}

static void check_processes(struct os *os)
{
	assert_true(os->nr_processes >= 2);
	assert_string_equal(os->processes[0].image, "System");
	assert_int_equal(os->processes[0].pid, 4);
	assert_true(os->nr_threads > 20);
	for (size_t i = 0; i < os->nr_threads; i++) {
		const struct thread *t = &os->threads[i];

		assert_true(t->stack_end > t->stack_first);
		assert_true(i == 0 || t->stack_first >= t[-1].stack_end);
		assert_string_equal(objects_dispatcher_name(os, t->va), "KTHREAD");
		assert_string_equal(objects_dispatcher_name(os, t->process_va), "KPROCESS");
	}
}

static bool is_64bit(const json_t *truth)
{
	return test_number(truth, "kdbg_va") > UINT32_MAX;
}

static void check_root(const struct os *os, const json_t *truth)
{
	bool is_x64 = is_64bit(truth);

	assert_int_equal(os->vm.root_pa, test_number(truth, "cr3"));
	assert_ptr_equal(os->vm.mode, is_x64 ? &paging_x64 : &paging_ia32);
	assert_int_equal(os->kernel_base, is_x64 ? 0xfffff80000400000 : 0x80400000);
	assert_int_equal(os->build, 3790);
	assert_int_equal(os->system_range_start, is_x64 ? 0xffff800000000000 : 0x80000000);
	assert_true(os->system_time && os->up_time);
	assert_int_equal(os->boot_time, os->system_time - os->up_time);
}

static void check_all(struct os *os, const json_t *truth)
{
	const json_t *leak = json_object_get(truth, "leak_driver");

	check_root(os, truth);
	assert_int_equal(os->kdbg.va, test_number(truth, "kdbg_va"));
	assert_int_equal(os->nr_processors, 1);
	assert_non_null(strstr(os->name, "NT 5.2 compatible"));
	check_modules(os, truth);
	check_driver(os, leak);
	check_events(os, leak);
	check_stacks(os);
	assert_true(has_note(os, "which is not Microsoft's"));
	if (is_64bit(truth))    /* the processes are not laid out as any Windows' */
		return;
	check_processes(os);
	/* all there is to remark is that this is not Microsoft's kernel */
	assert_int_equal(os->nr_notes, 1);
}

static void check_container(struct container *container, const json_t *truth,
			    const char *dtb_how, const char *kdbg_how)
{
	struct dl_err err = { "" };
	struct os *os = malloc(sizeof *os);

	assert_non_null(os);
	if (os_open(container, NULL, os, &err))
		fail_msg("%s", err.text);
	check_all(os, truth);
	assert_string_equal(os->dtb_how, dtb_how);
	assert_string_equal(os->kdbg_how, kdbg_how);
	os_close(os);
	free(os);
}

static void real_images(void **state)
{
	static const struct { const char *stem, *suffix, *dtb_how, *kdbg_how; } rows[] = {
		{ "x86-core", "dmp.gz", "header", "header" },
		{ "x86-core", "kernel.dmp.gz", "header", "header" },
		{ "x86-core", "elf.gz", "CR3 of CPU 0", "scan" },
		{ "x86-core", "kdump", "CR3 of CPU 0", "scan" },
		{ "x86-full", "dmp.gz", "header", "header" },
		{ "x86-full", "kernel.dmp.gz", "header", "header" },
		{ "x86-full", "kdump", "CR3 of CPU 0", "scan" },
		{ "x64-core", "dmp.gz", "header", "header" },
		{ "x64-core", "elf.gz", "CR3 of CPU 0", "scan" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct source *source;
		struct container *container;
		char name[64];
		json_t *truth = test_truth(rows[i].stem);

		snprintf(name, sizeof name, "%s.%s", rows[i].stem, rows[i].suffix);
		if (truth && test_dump_open(name, &source, &container)) {
			check_container(container, truth, rows[i].dtb_how, rows[i].kdbg_how);
			container_close(container);
			source_close(source);
		}
		json_decref(truth);
	}
}

/* A whole dump in memory, to be spoilt. */
static uint8_t *inflate_whole(const char *name, size_t *n)
{
	struct source *source;
	struct container *container;
	uint64_t size_bytes;
	uint8_t *b;

	if (!test_dump_open(name, &source, &container))
		return NULL;
	assert_int_equal(source_size(source, &size_bytes, NULL), DL_OK);
	b = malloc((size_t)size_bytes);
	assert_non_null(b);
	assert_int_equal(source_read(source, 0, b, (size_t)size_bytes, NULL), DL_OK);
	container_close(container);
	source_close(source);
	*n = (size_t)size_bytes;
	return b;
}

/* The pages of @container as a flat image from PA 0, up to its last low page. */
static uint8_t *flatten(struct container *container, size_t *n)
{
	const uint64_t end_pfn = 0x10000;       /* 256 MB; firmware lies far above */
	uint8_t *ram = calloc(end_pfn, PAGE_BYTES), scratch[PAGE_BYTES];

	assert_non_null(ram);
	*n = 0;
	for (uint64_t pfn = 0; pfn < end_pfn; pfn++) {
		const uint8_t *page;

		if (container_page(container, pfn, scratch, &page, NULL))
			continue;
		memcpy(ram + pfn * PAGE_BYTES, page, PAGE_BYTES);
		*n = (size_t)(pfn + 1) * PAGE_BYTES;
	}
	return ram;
}

static void spoil_kdbgs(uint8_t *b, size_t n)
{
	for (size_t i = 0; i + 4 <= n; i += 8)
		if (!memcmp(b + i, "KDBG", 4))
			b[i] = 'X';
}

static struct os *open_memory(const uint8_t *b, size_t n, bool raw, struct source **source,
			      struct container **container)
{
	struct dl_err err = { "" };
	struct os *os = malloc(sizeof *os);

	assert_non_null(os);
	assert_int_equal(source_open_memory((struct bytes){ b, n }, "spoilt", NULL, source,
					    NULL), DL_OK);
	assert_int_equal(raw ? container_open_raw(*source, 0, container, NULL)
			     : container_open(*source, container, NULL), DL_OK);
	if (os_open(*container, NULL, os, &err))
		fail_msg("%s", err.text);
	return os;
}

static void close_memory(struct os *os, struct source *source, struct container *container)
{
	os_close(os);
	free(os);
	container_close(container);
	source_close(source);
}

static void raw_memory_of(const char *stem)
{
	json_t *truth = test_truth(stem);
	struct source *source;
	struct container *container;
	struct os *os;
	uint8_t *ram;
	char name[64];
	size_t n;

	snprintf(name, sizeof name, "%s.dmp.gz", stem);
	if (!truth || !test_dump_open(name, &source, &container))
		return;
	ram = flatten(container, &n);
	container_close(container);
	source_close(source);

	os = open_memory(ram, n, true, &source, &container);
	check_all(os, truth);
	assert_string_equal(os->dtb_how, "scan");
	close_memory(os, source, container);

	spoil_kdbgs(ram, n);
	os = open_memory(ram, n, true, &source, &container);
	check_root(os, truth);
	check_modules(os, truth);
	assert_string_equal(os->kdbg_how, "not found");
	assert_true(has_note(os, "no KDBG block in this image"));
	assert_true(has_note(os, "found by searching the kernel's data"));
	check_driver(os, json_object_get(truth, "leak_driver"));
	check_stacks(os);
	close_memory(os, source, container);
	free(ram);
	json_decref(truth);
}

static void raw_memory(void **state)
{
	(void)state;
	raw_memory_of("x86-full");
	raw_memory_of("x64-core");
}

static void put64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* As newer kernels keep it; keys and formula: see kdbg_decode.c. */
static void encode_kdbg(uint8_t *b, size_t size_bytes, uint64_t never, uint64_t always,
			uint64_t flag_va)
{
	unsigned turn = never & 63;

	for (size_t off = 0; off < size_bytes; off += 8) {
		uint8_t swapped[8];
		uint64_t v;

		put64(swapped, le64(b + off) ^ always);
		v = be64(swapped) ^ (flag_va | 0xffff000000000000);
		put64(b + off, (turn ? v >> turn | v << (64 - turn) : v) ^ never);
	}
}

/*
 * Real memory, with the block as a newer kernel would have it: longer than its
 * own was, since no kernel that encodes has one as short.
 */
static void encoded_kdbg(void **state)
{
	const size_t block_off = 0x5a4ce0 - 0x400000, size_bytes = 0x360;
	json_t *truth = test_truth("x64-core");
	struct source *source;
	struct container *container;
	struct translation t;
	struct os *os;
	uint8_t *ram;
	size_t n;

	(void)state;
	if (!truth || !test_dump_open("x64-core.dmp.gz", &source, &container))
		return;
	ram = flatten(container, &n);
	container_close(container);
	source_close(source);
	os = open_memory(ram, n, true, &source, &container);
	assert_int_equal(vm_translate(&os->vm, os->kernel_base + block_off, &t, NULL), DL_OK);
	close_memory(os, source, container);

	put64(ram + t.pa + 0x10, (uint64_t)size_bytes << 32 | 0x4742444b);
	put64(ram + t.pa + 0x138, 0x1000);
	encode_kdbg(ram + t.pa, size_bytes, 0xd6e8feb86659fd93, 0x9e3779b97f4a7c15,
		    0xfffff800005a7001);
	os = open_memory(ram, n, true, &source, &container);
	check_root(os, truth);
	check_modules(os, truth);
	check_driver(os, json_object_get(truth, "leak_driver"));
	assert_string_equal(os->kdbg_how, "decoded");
	assert_int_equal(os->kdbg.va, test_number(truth, "kdbg_va"));
	close_memory(os, source, container);
	free(ram);
	json_decref(truth);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void wrong_headers(void **state)
{
	static const struct { size_t off; uint32_t value; const char *note; } rows[] = {
		{ 0x10, 0x00123000, "no page tables at 0x123000" },
		{ 0x60, 0x8badf00d, "KDBG pointer is wrong" },
		{ 0x5c, 1, "the page tables are ia32" },
		{ 0x0c, 2600, "says build 3790, taken as build 2600" },
	};
	json_t *truth = test_truth("x86-full");
	size_t n;
	uint8_t *dump = inflate_whole("x86-full.dmp.gz", &n);

	(void)state;
	for (size_t i = 0; dump && truth && i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t before = le32(dump + rows[i].off);
		struct source *source;
		struct container *container;
		struct os *os;

		put32(dump + rows[i].off, rows[i].value);
		os = open_memory(dump, n, false, &source, &container);
		assert_true(has_note(os, rows[i].note));
		assert_int_equal(os->vm.root_pa, test_number(truth, "cr3"));
		assert_int_equal(os->kdbg.va, test_number(truth, "kdbg_va"));
		check_modules(os, truth);
		check_driver(os, json_object_get(truth, "leak_driver"));
		close_memory(os, source, container);
		put32(dump + rows[i].off, before);
	}
	free(dump);
	json_decref(truth);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_images),
		cmocka_unit_test(raw_memory),
		cmocka_unit_test(encoded_kdbg),
		cmocka_unit_test(wrong_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
