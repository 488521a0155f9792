/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DRIVER_OBJECTs and DEVICE_OBJECTs: from the object directories, by the links
 * between them, or offered one by one by whoever found their pool blocks. What
 * is reached by a link is checked like what is offered, since a link in a dump
 * may point anywhere. Builds: see the rows of layout.c.
 *
 * Sources: objects.md sections 2, 4.3 and 6.
 */
#include "dumpleak/os/objects.h"
#include "dumpleak/os/internal.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
	MAX_OBJECTS = 65536,            /* drivers and devices together */
	MAX_BODY = 0x200,
	TYPE_DEVICE = 3, TYPE_DRIVER = 4, TYPE_DEVOBJ_EXTENSION = 13,
	MAX_STACK_SIZE = 100,
};

static bool has_type(struct bytes b, struct field type, uint64_t want)
{
	uint64_t v;

	return field_get(b, type, &v) && v == want;
}

static struct bytes device_at(struct os *os, uint64_t va, uint8_t *buf)
{
	return struct_within(os, va, buf, MAX_BODY, os->layout.device.bytes);
}

static struct bytes driver_at(struct os *os, uint64_t va, uint8_t *buf)
{
	return struct_within(os, va, buf, MAX_BODY, os->layout.driver.bytes);
}

/* Its extension, which may lie on a missing page, points back to it. */
static bool looks_like_driver(struct os *os, uint64_t va, struct bytes b)
{
	const struct driver_layout *l = &os->layout.driver;
	uint64_t extension, back;

	if (!has_type(b, l->type, TYPE_DRIVER) || field_or(b, l->size, 0) < l->bytes)
		return false;
	extension = field_or(b, l->extension, 0);
	return !extension || !ptr_at(os, extension + l->ext_driver.off, &back) || back == va;
}

/*
 * A device points to a driver, and its own extension points back to it. One of
 * the two may lie on a missing page; what is there must fit.
 */
static bool looks_like_device(struct os *os, uint64_t va, struct bytes b)
{
	const struct device_layout *l = &os->layout.device;
	uint64_t size_bytes, extension, driver, own_ext, back, type;
	bool is_driver_there;

	if (!has_type(b, l->type, TYPE_DEVICE) || !field_get(b, l->size, &size_bytes) ||
	    size_bytes < l->bytes || !field_get(b, l->extension, &extension) ||
	    !field_get(b, l->driver, &driver) || !field_get(b, l->devobj_extension, &own_ext))
		return false;
	/*
	 * IoCreateDevice() points DeviceExtension behind the object, but some
	 * drivers put another pointer there: class drivers one to their part
	 * of it, floppy.sys one to its own data. So it proves nothing.
	 */
	if ((extension && !os_is_kernel_va(os, extension)) || !os_is_kernel_va(os, driver) ||
	    !os_is_kernel_va(os, own_ext))
		return false;
	is_driver_there = !vm_word(&os->vm, driver + os->layout.driver.type.off,
				   os->layout.driver.type.width, &type, NULL);
	if (is_driver_there && type != TYPE_DRIVER)
		return false;
	if (!ptr_at(os, own_ext + l->ext_device.off, &back))
		return is_driver_there;
	return back == va &&
	       !vm_word(&os->vm, own_ext + l->ext_type.off, l->ext_type.width, &back, NULL) &&
	       back == TYPE_DEVOBJ_EXTENSION;
}

static enum dl_status room_for_one(struct os_objects *o)
{
	void *p;

	p = vec_grow(o->driver, &o->cap_drivers, o->nr_drivers + 1, sizeof *o->driver);
	if (!p)
		return DL_NOMEM;
	o->driver = p;
	p = vec_grow(o->device, &o->cap_devices, o->nr_devices + 1, sizeof *o->device);
	if (!p)
		return DL_NOMEM;
	o->device = p;
	return DL_OK;
}

/* DL_END: known already (*value says where) or no more are taken. */
static enum dl_status claim(struct os *os, uint64_t va, uint64_t kind, uint64_t index,
			    uint64_t *value)
{
	struct os_objects *o = os->objects;
	enum dl_status st;
	bool is_new;

	if (va_map_get(&o->map, va, value))
		return DL_END;
	*value = UINT64_MAX;
	if (o->nr_drivers + o->nr_devices >= MAX_OBJECTS) {
		if (!o->full)
			os_note(os, DL_CORRUPT, "more than %d drivers and devices: the rest was "
				"left out", (int)MAX_OBJECTS);
		o->full = true;
		return DL_END;
	}
	st = room_for_one(o);
	return st ? st : va_map_add(&o->map, va, kind | index, &is_new);
}

/* Name and image of a driver, from its own words. */
static void fill_driver(struct os *os, struct driver *d, struct bytes b)
{
	const struct driver_layout *l = &os->layout.driver;
	const char *name = os_ustr(os, d->va + l->name.off);

	if (name && name[0])
		d->name = name;
	d->image_base = field_or(b, l->start, 0);
	d->image_bytes = field_or(b, l->image_bytes, 0);
}

static enum dl_status add_driver(struct os *os, uint64_t va, enum found_by how,
				 const char *path)
{
	struct os_objects *o = os->objects;
	uint8_t buf[MAX_BODY];
	struct bytes b = driver_at(os, va, buf);
	uint64_t at;
	enum dl_status st;

	if (!looks_like_driver(os, va, b))
		return DL_NOTFOUND;
	st = claim(os, va, OBJECT_IS_DRIVER, o->nr_drivers, &at);
	if (st == DL_END && at != UINT64_MAX && at & OBJECT_IS_DRIVER &&
	    how < o->driver[at & ~OBJECT_IS_DRIVER].found)
		o->driver[at & ~OBJECT_IS_DRIVER].found = how;
	if (st)
		return st == DL_END ? DL_OK : st;
	o->driver[o->nr_drivers] = (struct driver){
		.va = va, .name = path, .module = -1, .found = how,
	};
	fill_driver(os, &o->driver[o->nr_drivers], b);
	o->nr_drivers++;
	return DL_OK;
}

static void fill_device(struct os *os, struct device *d, struct bytes b)
{
	const struct device_layout *l = &os->layout.device;
	uint64_t own_ext = field_or(b, l->devobj_extension, 0), below;

	d->driver = -1;
	d->driver_va = field_or(b, l->driver, 0);
	d->attached_va = field_or(b, l->attached, 0);
	d->extension_va = field_or(b, l->extension, 0);
	d->size_bytes = (uint32_t)field_or(b, l->size, 0);
	d->device_type = (uint32_t)field_or(b, l->device_type, 0);
	if (d->extension_va >= d->va && d->extension_va - d->va < d->size_bytes)
		d->extension_bytes = d->size_bytes - (uint32_t)(d->extension_va - d->va);
	if (own_ext && ptr_at(os, own_ext + l->ext_attached_to.off, &below))
		d->attached_to_va = below;
}

static enum dl_status add_device(struct os *os, uint64_t va, enum found_by how,
				 const char *path)
{
	struct os_objects *o = os->objects;
	uint8_t buf[MAX_BODY];
	struct bytes b = device_at(os, va, buf);
	uint64_t at;
	enum dl_status st;

	if (!looks_like_device(os, va, b))
		return DL_NOTFOUND;
	st = claim(os, va, 0, o->nr_devices, &at);
	if (st == DL_END && !(at & OBJECT_IS_DRIVER) && how < o->device[at].found) {
		o->device[at].found = how;
		if (path)
			o->device[at].name = path;
	}
	if (st)
		return st == DL_END ? DL_OK : st;
	if (!path)
		path = object_kind_of(os, va) == OBJECT_DEVICE ? object_path(os, va) : "";
	o->device[o->nr_devices] = (struct device){ .va = va, .name = path, .found = how };
	fill_device(os, &o->device[o->nr_devices], b);
	o->nr_devices++;
	return DL_OK;
}

/* What is not there is remembered; true says the caller need not complain. */
static bool is_absent(struct os *os, uint64_t va)
{
	struct os_objects *o = os->objects;
	uint8_t buf[MAX_BODY];
	bool is_new;

	/* the larger of the two is a device on x86, and they are equal on x64 */
	if (device_at(os, va, buf).p || !os_is_kernel_va(os, va))
		return false;
	if (!o->absent.used)
		o->absent_va = va;
	/* without memory it is counted short, no more */
	va_map_add(&o->absent, va, 0, &is_new);
	return true;
}

/* A link that leads nowhere is no error: the rest of the object stands. */
static enum dl_status by_link(struct os *os, enum dl_status st, uint64_t from_va,
			      const char *link, uint64_t to_va)
{
	if (st != DL_NOTFOUND)
		return st;
	if (!is_absent(os, to_va))
		os_note(os, DL_CORRUPT, "the object at VA %#" PRIx64 " has %#" PRIx64 " as its %s, "
			"which is none", from_va, to_va, link);
	return DL_OK;
}

static enum dl_status follow_driver(struct os *os, size_t index)
{
	uint64_t va = os->objects->driver[index].va, first;

	if (!ptr_at(os, va + os->layout.driver.device.off, &first) || !first)
		return DL_OK;
	return by_link(os, add_device(os, first, FOUND_LINK, NULL), va, "first device", first);
}

static enum dl_status follow_device(struct os *os, size_t index)
{
	static const char *const names[] = { "next device", "device above", "device below" };
	struct device d = os->objects->device[index];   /* a copy: the array may move */
	uint64_t to[3] = { 0, d.attached_va, d.attached_to_va };
	enum dl_status st = by_link(os, add_driver(os, d.driver_va, FOUND_LINK, ""), d.va,
				    "driver", d.driver_va);

	ptr_at(os, d.va + os->layout.device.next.off, &to[0]);
	for (size_t i = 0; !st && i < 3; i++)
		if (to[i])
			st = by_link(os, add_device(os, to[i], FOUND_LINK, NULL), d.va, names[i],
				     to[i]);
	return st;
}

/* Until nothing new comes up. Each object is followed once. */
static enum dl_status follow_links(struct os *os)
{
	struct os_objects *o = os->objects;
	enum dl_status st = DL_OK;

	while (!st && (o->drivers_done < o->nr_drivers || o->devices_done < o->nr_devices)) {
		if (o->drivers_done < o->nr_drivers)
			st = follow_driver(os, o->drivers_done++);
		else
			st = follow_device(os, o->devices_done++);
	}
	return st;
}

static enum dl_status listed(struct os *os, enum object_kind kind, uint64_t body_va,
			     const char *path, struct dl_err *err)
{
	enum dl_status st = DL_NOTFOUND;

	if (kind != OBJECT_DRIVER)
		st = add_device(os, body_va, FOUND_DIRECTORY, path);
	if (kind != OBJECT_DEVICE && st == DL_NOTFOUND)
		st = add_driver(os, body_va, FOUND_DIRECTORY, path);
	if (st && st != DL_NOTFOUND)
		return err_set(err, st, "out of memory for drivers and devices");
	if (st && kind != OBJECT_UNKNOWN && !is_absent(os, body_va))
		os_note(os, DL_CORRUPT, "%s at VA %#" PRIx64 " is listed as a %s, but is none",
			path, body_va, kind == OBJECT_DRIVER ? "driver" : "device");
	return DL_OK;
}

enum dl_status objects_try(struct os *os, uint64_t va, enum found_by how,
			   struct dl_err *err)
{
	enum dl_status st = add_device(os, va, how, NULL);

	if (st == DL_NOTFOUND)
		st = add_driver(os, va, how, "");
	if (st == DL_NOTFOUND)
		return err_set(err, st, "neither a driver nor a device at VA %#" PRIx64, va);
	if (!st)
		st = follow_links(os);
	return st ? err_set(err, st, "out of memory for drivers and devices") : DL_OK;
}

static void note_absent(struct os *os)
{
	const struct os_objects *o = os->objects;

	if (o->absent.used)
		os_note(os, DL_ABSENT, "%zu object%s that drivers and devices lead to %s not in this "
			"image, first at VA %#" PRIx64, o->absent.used,
			o->absent.used == 1 ? "" : "s", o->absent.used == 1 ? "is" : "are",
			o->absent_va);
}

enum dl_status objects_read(struct os *os, struct dl_err *err)
{
	enum dl_status st;

	os->objects = calloc(1, sizeof *os->objects);
	if (!os->objects)
		return err_set(err, DL_NOMEM, "out of memory for drivers and devices");
	st = directory_walk(os, listed, err);
	if (!st)
		st = follow_links(os);
	if (!st) {
		objects_sort(os);
		note_absent(os);
		st = device_links_check(os);
	}
	return st ? err_set(err, st, "out of memory for drivers and devices") : DL_OK;
}

void objects_deinit(struct os *os)
{
	if (!os->objects)
		return;
	va_map_deinit(&os->objects->map);
	va_map_deinit(&os->objects->absent);
	free(os->objects->driver);
	free(os->objects->device);
	free(os->objects);
	os->objects = NULL;
}
