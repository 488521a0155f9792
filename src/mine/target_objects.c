/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool blocks to the I/O and process objects in them. The tag proposes, the
 * object's own fields decide: type and size codes, and pointers that lead to
 * objects known from elsewhere. Source: objects.md sections 1, 5 and 6.
 */
#include "targets_impl.h"

#include <string.h>

enum { TYPE_FILE = 5, TYPE_IRP = 6, IRP_MAX_STACK = 127 };

/* Tags of the objects; the protected bit is removed, the letters are the same. */
enum { TAG_FILE = 0x656c6946, TAG_THREAD = 0x65726854, TAG_PROCESS = 0x636f7250 };
enum { TAG_IRP3 = 0x707249 };   /* "Irp ", "Irps", "Irpl" */

/* The block, what its owner may use of it, and where to read. */
struct inside {
	const struct targets *t;
	struct vm *vm;
	uint64_t user_va, user_bytes;
	struct target *out;
};

static bool read_at(const struct inside *in, uint64_t va, struct field f, uint64_t *value)
{
	return field_has(f) && !vm_word(in->vm, va + f.off, f.width, value, NULL);
}

static void set_device(const struct inside *in, uint64_t device_va)
{
	const struct os *os = in->t->os;

	in->out->device = os_device_at(os, device_va);
	if (in->out->device && in->out->device->driver >= 0)
		in->out->driver = &os->drivers[in->out->device->driver];
}

static bool is_file(const struct inside *in, uint64_t va)
{
	const struct io_layout *l = &in->t->os->layout.io;
	uint64_t code, device;

	if (vm_word(in->vm, va, 4, &code, NULL) ||
	    code != (TYPE_FILE | (uint64_t)l->file_bytes << 16) ||
	    !read_at(in, va, l->file_device, &device))
		return false;
	return os_device_at(in->t->os, device) != NULL;
}

/*
 * The body stands at the block's end, behind object headers of several sizes
 * and before an optional quota pointer; it is found by its own codes.
 */
static void try_file(const struct inside *in)
{
	uint64_t unit = in->t->pool->layout.header.unit_bytes;
	uint64_t body = in->t->os->layout.io.file_bytes, device;

	if (!body || !unit || in->user_bytes < body)
		return;
	for (uint64_t off = 0; off <= in->user_bytes - body; off += unit) {
		uint64_t va = in->user_va + off;

		if (!is_file(in, va))
			continue;
		in->out->kind = TARGET_FILE;
		in->out->offset = in->out->va - va;
		if (read_at(in, va, in->t->os->layout.io.file_device, &device))
			set_device(in, device);
		return;
	}
}

/* The device of the driver that has the IRP now. */
static void irp_device(const struct inside *in, uint64_t nr_stack)
{
	const struct io_layout *l = &in->t->os->layout.io;
	uint64_t current, location, device;

	if (!read_at(in, in->user_va, l->irp_current, &current) ||
	    !current || current > nr_stack)
		return;
	location = in->user_va + l->irp_bytes + (current - 1) * l->stack_bytes;
	if (read_at(in, location, l->stack_device, &device))
		set_device(in, device);
}

static void try_irp(const struct inside *in)
{
	const struct io_layout *l = &in->t->os->layout.io;
	uint64_t type, size_bytes, nr_stack;

	if (vm_word(in->vm, in->user_va, 2, &type, NULL) || type != TYPE_IRP ||
	    !read_at(in, in->user_va, l->irp_size, &size_bytes) ||
	    !read_at(in, in->user_va, l->irp_stack_count, &nr_stack))
		return;
	if (nr_stack > IRP_MAX_STACK || size_bytes > in->user_bytes ||
	    size_bytes < l->irp_bytes + nr_stack * l->stack_bytes)
		return;
	in->out->kind = TARGET_IRP;
	in->out->offset = in->out->va - in->user_va;
	irp_device(in, nr_stack);
}

static bool inside_block(const struct inside *in, uint64_t va)
{
	return va >= in->user_va && va - in->user_va < in->user_bytes;
}

static void try_thread(const struct inside *in)
{
	const struct os *os = in->t->os;

	for (size_t i = 0; i < os->nr_threads; i++) {
		if (!inside_block(in, os->threads[i].va))
			continue;
		in->out->kind = TARGET_THREAD;
		in->out->offset = in->out->va - os->threads[i].va;
		return;
	}
}

static void try_process(const struct inside *in)
{
	const struct os *os = in->t->os;

	for (size_t i = 0; i < os->nr_processes; i++) {
		if (!inside_block(in, os->processes[i].va))
			continue;
		in->out->kind = TARGET_PROCESS;
		in->out->offset = in->out->va - os->processes[i].va;
		return;
	}
}

void target_object(const struct targets *t, struct vm *vm, struct target *out)
{
	uint32_t tag = catalog_tag(&t->pool->blocks, out->block);
	struct inside in = {
		.t = t, .vm = vm, .out = out,
		.user_va = pool_user_va(t->pool, out->block),
		.user_bytes = pool_user_bytes(t->pool, out->block),
	};

	if (tag == TAG_FILE)
		try_file(&in);
	else if ((tag & 0xffffff) == TAG_IRP3)
		try_irp(&in);
	else if (tag == TAG_THREAD)
		try_thread(&in);
	else if (tag == TAG_PROCESS)
		try_process(&in);
}
