/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word of a block to the thing it points to: devices and their extensions,
 * drivers, images and stacks by a sorted table of intervals, everything else
 * by the catalog of pool blocks.
 */
#include "targets_impl.h"

#include "dumpleak/os/objects.h"

#include <stdlib.h>
#include <string.h>

/* How many intervals may lie over one address: an image in a driver in ... */
enum { NESTING = 4 };

static void add(struct targets_index *x, enum target_kind kind, size_t index,
		uint64_t first, uint64_t size_bytes)
{
	if (!first || !size_bytes || first + (size_bytes - 1) < first)
		return;
	x->list[x->nr++] = (struct interval){
		.first = first, .last = first + (size_bytes - 1),
		.index = (uint32_t)index, .kind = kind,
	};
}

static int by_first(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static void add_objects(struct targets_index *x, const struct os *os)
{
	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i];

		add(x, TARGET_DEVICE, i, d->va, os->layout.device.bytes);
		add(x, TARGET_EXTENSION, i, d->extension_va, d->extension_bytes);
	}
	for (size_t i = 0; i < os->nr_drivers; i++)
		add(x, TARGET_DRIVER, i, os->drivers[i].va, os->layout.driver.bytes);
}

static void add_images(struct targets_index *x, const struct os *os)
{
	for (size_t i = 0; i < os->nr_modules; i++)
		add(x, TARGET_MODULE, i, os->modules[i].base, os->modules[i].size_bytes);
	for (size_t i = 0; i < os->nr_unloaded; i++)
		add(x, TARGET_UNLOADED, i, os->unloaded[i].first_va,
		    os->unloaded[i].end_va - os->unloaded[i].first_va);
	for (size_t i = 0; i < os->nr_threads; i++)
		add(x, TARGET_STACK, i, os->threads[i].stack_first,
		    os->threads[i].stack_end - os->threads[i].stack_first);
}

enum dl_status targets_init(struct targets *t, struct os *os, const struct pool *pool,
			    struct dl_err *err)
{
	size_t nr = 2 * os->nr_devices + os->nr_drivers + os->nr_modules +
		    os->nr_unloaded + os->nr_threads;

	memset(t, 0, sizeof *t);
	t->os = os;
	t->pool = pool;
	t->index = calloc(1, sizeof *t->index);
	if (t->index)
		t->index->list = calloc(nr + 1, sizeof *t->index->list);
	if (!t->index || !t->index->list) {
		targets_deinit(t);
		return err_set(err, DL_NOMEM, "out of memory for the table of targets");
	}
	add_objects(t->index, os);
	add_images(t->index, os);
	qsort(t->index->list, t->index->nr, sizeof *t->index->list, by_first);
	return DL_OK;
}

void targets_deinit(struct targets *t)
{
	if (t->index)
		free(t->index->list);
	free(t->index);
	memset(t, 0, sizeof *t);
}

/* Where several intervals hold @va, the one that begins last says most. */
static const struct interval *interval_at(const struct targets_index *x, uint64_t va)
{
	size_t low = 0, high = x->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->list[mid].first <= va)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i && low - i < NESTING; i--)
		if (x->list[i - 1].last >= va)
			return &x->list[i - 1];
	return NULL;
}

const struct driver *target_driver_of(const struct os *os, const struct module *module)
{
	const struct driver *found = NULL;

	for (size_t i = 0; i < os->nr_drivers; i++) {
		if (os->drivers[i].module != module - os->modules)
			continue;
		if (found)
			return NULL;
		found = &os->drivers[i];
	}
	return found;
}

static void set_device(const struct os *os, struct target *out, size_t i)
{
	out->device = &os->devices[i];
	if (out->device->driver >= 0)
		out->driver = &os->drivers[out->device->driver];
}

static void set_interval(const struct targets *t, const struct interval *v,
			 struct target *out)
{
	const struct os *os = t->os;

	out->kind = v->kind;
	out->offset = out->va - v->first;
	switch (v->kind) {
	case TARGET_DEVICE:
	case TARGET_EXTENSION:
		set_device(os, out, v->index);
		break;
	case TARGET_DRIVER:
		out->driver = &os->drivers[v->index];
		break;
	case TARGET_MODULE:
		out->module = &os->modules[v->index];
		out->section = os_section_at(out->module, out->va);
		out->driver = target_driver_of(os, out->module);
		break;
	case TARGET_UNLOADED:
		out->unloaded = &os->unloaded[v->index];
		break;
	default:
		break;
	}
	if (out->driver && !out->module && out->driver->module >= 0)
		out->module = &os->modules[out->driver->module];
}

void target_locate(const struct targets *t, struct vm *vm, uint64_t va,
		   struct target *out)
{
	const struct interval *v;

	memset(out, 0, sizeof *out);
	out->va = va;
	out->block = SIZE_MAX;
	out->kind = TARGET_NONE;
	if (!os_is_kernel_va(t->os, va))
		return;
	v = interval_at(t->index, va);
	if (v) {
		set_interval(t, v, out);
		return;
	}
	out->kind = TARGET_KERNEL;
	if (!catalog_find(&t->pool->blocks, va, &out->block)) {
		out->block = SIZE_MAX;
		return;
	}
	out->kind = TARGET_BLOCK;
	out->offset = va - pool_user_va(t->pool, out->block);
	if (catalog_state(&t->pool->blocks, out->block) == BLOCK_IN_USE)
		target_object(t, vm, out);
}

/* What the object layer, which has but the main thread's memory, can add. */
static void name_dispatcher(const struct targets *t, struct target *out)
{
	if (out->kind != TARGET_EXTENSION && out->kind != TARGET_BLOCK &&
	    out->kind != TARGET_MODULE)
		return;
	out->what = objects_dispatcher_name(t->os, out->va);
	if (out->what && out->kind != TARGET_MODULE)
		out->kind = TARGET_DISPATCHER;
}

void target_of(const struct targets *t, struct vm *vm, uint64_t va, struct target *out)
{
	struct translation at;

	target_locate(t, vm, va, out);
	if (vm == &t->os->vm)
		name_dispatcher(t, out);
	if (out->kind == TARGET_KERNEL && vm_translate(vm, va, &at, NULL))
		out->kind = TARGET_UNMAPPED;
	/* a device's or file's block is of interest beside the device itself */
	if (out->kind != TARGET_NONE && out->kind != TARGET_UNMAPPED &&
	    out->block == SIZE_MAX && !catalog_find(&t->pool->blocks, va, &out->block))
		out->block = SIZE_MAX;
}

const char *target_kind_name(enum target_kind kind)
{
	static const char *const names[NR_TARGET_KINDS] = {
		[TARGET_NONE] = "none", [TARGET_UNMAPPED] = "unmapped",
		[TARGET_KERNEL] = "kernel", [TARGET_DEVICE] = "device",
		[TARGET_EXTENSION] = "extension", [TARGET_DISPATCHER] = "event",
		[TARGET_DRIVER] = "driver", [TARGET_MODULE] = "module",
		[TARGET_UNLOADED] = "unloaded", [TARGET_FILE] = "file",
		[TARGET_IRP] = "irp", [TARGET_THREAD] = "thread",
		[TARGET_PROCESS] = "process", [TARGET_STACK] = "stack",
		[TARGET_BLOCK] = "block",
	};

	return names[kind];
}
