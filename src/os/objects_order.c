/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers and devices as gathered by objects.c, brought into the order by
 * address in which they are looked up, each with what it belongs to: a device
 * with its driver, a driver with its module.
 */
#include "dumpleak/os/objects.h"
#include "dumpleak/os/internal.h"

#include <stdlib.h>

enum { NR_MAJOR = 28 };

static int module_index(const struct os *os, uint64_t va)
{
	const struct module *m = va ? os_module_at(os, va) : NULL;

	return m ? (int)(m - os->modules) : -1;
}

/*
 * By its image, else by a function it registered. The kernel's own functions
 * fill the slots a driver does not set, so they count only where nothing else
 * does: then the driver is part of the kernel (\Driver\PnpManager).
 */
static int module_of_driver(struct os *os, const struct driver *d)
{
	size_t width = os->layout.ptr_bytes;
	int module = module_index(os, d->image_base), kernel = -1;

	for (size_t i = 0; module < 0 && i < NR_MAJOR; i++) {
		uint64_t fn;

		if (!ptr_at(os, d->va + os->layout.driver.major_function.off + i * width, &fn))
			continue;
		if (fn - os->kernel_base >= os->kernel_bytes)
			module = module_index(os, fn);
		else
			kernel = module_index(os, fn);
	}
	return module >= 0 ? module : d->image_base ? -1 : kernel;
}

static int compare_drivers(const void *a, const void *b)
{
	const struct driver *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

static int compare_devices(const void *a, const void *b)
{
	const struct device *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

/* The map goes by index: what was moved is entered anew. */
static void renumber(struct os_objects *o)
{
	bool is_new;

	/* as many keys as before: the table is large enough, adding cannot fail */
	va_map_clear(&o->map);
	for (size_t i = 0; i < o->nr_drivers; i++)
		va_map_add(&o->map, o->driver[i].va, OBJECT_IS_DRIVER | i, &is_new);
	for (size_t i = 0; i < o->nr_devices; i++)
		va_map_add(&o->map, o->device[i].va, i, &is_new);
}

void objects_sort(struct os *os)
{
	struct os_objects *o = os->objects;

	if (o->nr_drivers)
		qsort(o->driver, o->nr_drivers, sizeof *o->driver, compare_drivers);
	if (o->nr_devices)
		qsort(o->device, o->nr_devices, sizeof *o->device, compare_devices);
	renumber(o);
	os->drivers = o->driver;
	os->nr_drivers = o->nr_drivers;
	os->devices = o->device;
	os->nr_devices = o->nr_devices;
	for (size_t i = 0; i < o->nr_drivers; i++)
		o->driver[i].module = module_of_driver(os, &o->driver[i]);
	for (size_t i = 0; i < o->nr_devices; i++) {
		const struct driver *d = os_driver_at(os, o->device[i].driver_va);

		o->device[i].driver = d ? (int)(d - o->driver) : -1;
	}
}
