/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The links between devices, once all are known: NextDevice leads from one
 * device of a driver to the next, AttachedDevice up a stack and AttachedTo down
 * again. None of them may come back to where it was, and what is attached above
 * a device must have it below. Whoever follows these links later still has to
 * count: all this does is say so.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum link { NEXT, ABOVE, BELOW };

static size_t follow(struct os *os, size_t i, enum link link)
{
	const struct device *d = &os->devices[i], *to;
	uint64_t va = link == ABOVE ? d->attached_va : d->attached_to_va;

	if (link == NEXT && !ptr_at(os, d->va + os->layout.device.next.off, &va))
		return SIZE_MAX;
	to = va ? os_device_at(os, va) : NULL;
	return to ? (size_t)(to - os->devices) : SIZE_MAX;
}

/* Each device has at most one link of a kind: a walk that meets itself is a circle. */
static void find_circles(struct os *os, enum link link, size_t *met)
{
	static const char *const names[] = { "NextDevice", "AttachedDevice", "AttachedTo" };

	for (size_t i = 0; i < os->nr_devices; i++)
		met[i] = 0;
	for (size_t i = 0; i < os->nr_devices; i++) {
		size_t at = i;

		while (at != SIZE_MAX && !met[at]) {
			met[at] = i + 1;
			at = follow(os, at, link);
		}
		if (at != SIZE_MAX && met[at] == i + 1)
			os_note(os, DL_CORRUPT, "the device at VA %#" PRIx64 " leads back to itself "
				"by %s", os->devices[at].va, names[link]);
	}
}

/* Only where both sides are known: an extension may be on a missing page. */
static void compare_sides(struct os *os)
{
	size_t nr = 0;
	uint64_t first_va = 0;

	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i];
		const struct device *above = d->attached_va ? os_device_at(os, d->attached_va)
							    : NULL;

		if (!above || !above->attached_to_va || above->attached_to_va == d->va)
			continue;
		if (!nr++)
			first_va = d->va;
	}
	if (nr)
		os_note(os, DL_CORRUPT, "%zu device%s something attached above that has another "
			"below, first at VA %#" PRIx64, nr, nr == 1 ? " has" : "s have", first_va);
}

/* A driver's list: its first device, from there by NextDevice. */
static void compare_drivers(struct os *os)
{
	size_t nr = 0;
	uint64_t first_va = 0, va;

	for (size_t i = 0; i < os->nr_drivers + os->nr_devices; i++) {
		bool of_driver = i < os->nr_drivers;
		uint64_t driver_va = of_driver ? os->drivers[i].va
					       : os->devices[i - os->nr_drivers].driver_va;
		const struct device *d;

		va = of_driver ? driver_va + os->layout.driver.device.off
			       : os->devices[i - os->nr_drivers].va + os->layout.device.next.off;
		d = ptr_at(os, va, &va) && va ? os_device_at(os, va) : NULL;
		if (d && d->driver_va != driver_va && !nr++)
			first_va = d->va;
	}
	if (nr)
		os_note(os, DL_CORRUPT, "%zu device%s on a list of devices of another driver than "
			"stated, first at VA %#" PRIx64, nr, nr == 1 ? " is" : "s are", first_va);
}

enum dl_status device_links_check(struct os *os)
{
	size_t *met = os->nr_devices ? calloc(os->nr_devices, sizeof *met) : NULL;

	if (!os->nr_devices)
		return DL_OK;
	if (!met)
		return DL_NOMEM;
	find_circles(os, NEXT, met);
	find_circles(os, ABOVE, met);
	find_circles(os, BELOW, met);
	compare_sides(os);
	compare_drivers(os);
	free(met);
	return DL_OK;
}
