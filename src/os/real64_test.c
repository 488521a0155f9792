/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os_open() on real x64 memory against what the machine itself said, as
 * real_test.c does it for x86: from a Windows dump and from an ELF core, and with
 * the way to the object directories cut off.
 */
#include "dumpleak/os/internal.h"
#include "dumpleak/os/objects.h"

#include "../memory/test_truth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct image64 {
	struct source *source;
	struct container *container;
	json_t *truth;
	struct os *os;
};

/* False, with a line, where the dumps are not there. */
static bool image64_open(struct image64 *i, const char *name)
{
	struct dl_err err = { "" };

	memset(i, 0, sizeof *i);
	i->truth = test_truth("x64-core");
	if (!i->truth || !test_dump_open(name, &i->source, &i->container)) {
		json_decref(i->truth);
		return false;
	}
	i->os = malloc(sizeof *i->os);
	assert_non_null(i->os);
	if (os_open(i->container, NULL, i->os, &err))
		fail_msg("%s: %s", name, err.text);
	return true;
}

static void image64_close(struct image64 *i)
{
	os_close(i->os);
	free(i->os);
	container_close(i->container);
	source_close(i->source);
	json_decref(i->truth);
}

static void check_modules(const struct os *os, const json_t *truth)
{
	const json_t *modules = json_object_get(truth, "modules");

	assert_int_equal(os->nr_modules, json_array_size(modules));
	assert_int_equal(os->nr_modules, 46);
	for (size_t i = 0; i < os->nr_modules; i++) {
		const json_t *m = json_array_get(modules, i);
		const struct module *ours = &os->modules[i];

		assert_int_equal(ours->base, test_number(m, "base"));
		assert_int_equal(ours->size_bytes,
				 json_integer_value(json_object_get(m, "size_bytes")));
		assert_string_equal(ours->name, json_string_value(json_object_get(m, "name")));
		assert_true(ours->has_headers);
		assert_true(ours->nr_sections > 3);
		assert_ptr_equal(os_module_at(os, ours->base + ours->size_bytes - 1), ours);
	}
}

static void check_leak_driver(const struct os *os, const json_t *leak)
{
	static const char *const names[] = { "\\Device\\LeakIfs", "\\Device\\LeakIfs2" };
	const json_t *devices = json_object_get(leak, "devices");
	const struct driver *d = os_driver_at(os, test_number(leak, "driver_object"));

	assert_non_null(d);
	assert_string_equal(d->name, json_string_value(json_object_get(leak, "name")));
	assert_string_equal(os->modules[d->module].name, "leakifs.sys");
	assert_int_equal(json_array_size(devices), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *t = json_array_get(devices, i);
		const struct device *ours = os_device_at(os, test_number(t, "va"));

		assert_non_null(ours);
		assert_string_equal(ours->name, names[i]);
		assert_int_equal(ours->extension_va, test_number(t, "extension_va"));
		assert_int_equal(ours->extension_va, ours->va + 0x150);
		assert_true(ours->extension_bytes > 0x38);
		assert_ptr_equal(&os->drivers[ours->driver], d);
	}
}

static void check_events(struct os *os, const json_t *leak)
{
	const json_t *events = json_object_get(leak, "kevents");

	assert_int_equal(json_array_size(events), 3);
	for (size_t i = 0; i < json_array_size(events); i++) {
		uint64_t va = strtoull(json_string_value(json_array_get(events, i)), NULL, 16);

		assert_true(objects_is_event(os, va));
		assert_string_equal(objects_dispatcher_name(os, va), "KEVENT");
		assert_false(objects_is_event(os, va + 8));
	}
}

/* Every stack of devices reads the same from above as from below. */
static void check_stacks(const struct os *os)
{
	size_t attached = 0;

	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i];
		const struct device *above = os_device_at(os, d->attached_va);
		const struct device *below = os_device_at(os, d->attached_to_va);

		assert_true(d->driver >= 0);
		assert_true(!d->attached_va || (above && above->attached_to_va == d->va));
		assert_true(!d->attached_to_va || (below && below->attached_va == d->va));
		attached += above != NULL;
	}
	assert_true(attached > 5);
}

static void check_processes(struct os *os)
{
	assert_int_equal(os->nr_processes, 2);
	assert_string_equal(os->processes[0].image, "System");
	assert_int_equal(os->processes[0].pid, 4);
	assert_int_equal(os->processes[0].dtb_pa, os->vm.root_pa);
	assert_true(os->nr_threads > 20);
	for (size_t i = 0; i < os->nr_threads; i++) {
		const struct thread *t = &os->threads[i];

		assert_true(t->stack_end > t->stack_first);
		assert_true(i == 0 || t->stack_first >= t[-1].stack_end);
		assert_string_equal(objects_dispatcher_name(os, t->va), "KTHREAD");
		assert_string_equal(objects_dispatcher_name(os, t->process_va), "KPROCESS");
	}
}

static bool has_contradiction(const struct os *os)
{
	for (size_t i = 0; i < os->nr_notes; i++)
		/* this kernel cuts the stack limit of its boot thread to 32 bits */
		if (os->notes[i].kind != DL_OK &&
		    !strstr(os->notes[i].text, "1 processes or threads on the lists do not look"))
			return true;
	return false;
}

static void real_images(void **state)
{
	static const char *const names[] = { "x64-core.dmp.gz", "x64-core.elf.gz" };

	(void)state;
	for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
		struct image64 i;
		const json_t *leak;

		if (!image64_open(&i, names[n]))
			continue;
		leak = json_object_get(i.truth, "leak_driver");
		assert_int_equal(i.os->vm.root_pa, test_number(i.truth, "cr3"));
		assert_int_equal(i.os->kdbg.va, test_number(i.truth, "kdbg_va"));
		assert_int_equal(i.os->build, 3790);
		check_modules(i.os, i.truth);
		check_leak_driver(i.os, leak);
		check_events(i.os, leak);
		check_stacks(i.os);
		check_processes(i.os);
		assert_false(has_contradiction(i.os));
		image64_close(&i);
	}
}

static void forget_objects(struct os *os)
{
	objects_deinit(os);
	os->nr_devices = os->nr_drivers = 0;
}

/* Without the directories, as pool blocks would bring them up one by one. */
static void by_structure(void **state)
{
	struct image64 i;
	struct device *before;
	size_t nr, nr_drivers;
	uint64_t kernel_base;

	(void)state;
	if (!image64_open(&i, "x64-core.dmp.gz"))
		return;
	nr = i.os->nr_devices;
	nr_drivers = i.os->nr_drivers;
	before = malloc(nr * sizeof *before);
	assert_non_null(before);
	memcpy(before, i.os->devices, nr * sizeof *before);
	/* no KDBG: some variable of the kernel's still points to the root directory */
	forget_objects(i.os);
	i.os->kdbg.known = false;
	assert_int_equal(objects_read(i.os, NULL), DL_OK);
	assert_int_equal(i.os->nr_devices, nr);
	assert_int_equal(i.os->nr_drivers, nr_drivers);
	/* and no kernel to search: nothing leads there */
	forget_objects(i.os);
	kernel_base = i.os->kernel_base;
	i.os->kernel_base = 0;
	assert_int_equal(objects_read(i.os, NULL), DL_OK);
	i.os->kernel_base = kernel_base;
	assert_int_equal(i.os->nr_devices + i.os->nr_drivers, 0);
	for (size_t d = 0; d < nr; d++) {
		assert_int_equal(objects_try(i.os, before[d].va, FOUND_POOL, NULL), DL_OK);
		assert_int_equal(objects_try(i.os, before[d].va + 0x10, FOUND_POOL, NULL),
				 DL_NOTFOUND);
	}
	objects_sort(i.os);
	assert_int_equal(i.os->nr_devices, nr);
	/* a driver without a device is listed, and nothing else leads to it */
	assert_in_range(i.os->nr_drivers, nr_drivers / 2, nr_drivers);
	check_leak_driver(i.os, json_object_get(i.truth, "leak_driver"));
	check_stacks(i.os);
	free(before);
	image64_close(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_images),
		cmocka_unit_test(by_structure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
