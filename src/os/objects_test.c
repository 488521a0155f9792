/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object directories and device links that lead in circles, into nothing and
 * to what they are not; and dispatcher objects, told by their shape alone.
 */
#include "test_setup.h"

static void directory_in_itself(void **state)
{
	struct machine *m = *state;

	/* the entry for \Device leads to the root, and \Driver hangs in it too */
	put32(m, ENTRIES + OBJ_DEVICE_DIR * 0x10 + 4, va_of(object_pa(OBJ_ROOT)));
	assert_int_equal(opened(m)->nr_drivers, 1);
	assert_int_equal(m->os.nr_devices, 2);  /* by the driver's link */
}

static void chain_in_circles(void **state)
{
	struct machine *m = *state;
	uint32_t entry = ENTRIES + OBJ_DEV1 * 0x10;

	put32(m, entry, va_of(entry));
	assert_int_equal(opened(m)->nr_devices, 2);
	assert_true(has_note(&m->os, "object directory \\Device: an entry at VA"));
}

static void chain_into_nothing(void **state)
{
	struct machine *m = *state;

	put32(m, ENTRIES + OBJ_DEV1 * 0x10, 0x90000000);
	assert_int_equal(opened(m)->nr_devices, 2);
	assert_true(has_note(&m->os, "1 part of the object directories is not"));
}

static void no_root(void **state)
{
	struct machine *m = *state;

	put32(m, VARIABLES + 0x10, 0x90000000);
	assert_int_equal(opened(m)->nr_devices, 0);
	put32(m, VARIABLES + 0x10, 0);
	machine_close(m);
	opened(m);
	assert_true(has_note(&m->os, "root of the object directories"));
}

/* Type names on a missing page: kinds follow from what the objects are. */
static void types_without_names(void **state)
{
	struct machine *m = *state;

	for (uint32_t i = 0; i < 4; i++)
		put32(m, TYPES + i * 0x200 + 0x44, 0x90000000);
	assert_int_equal(opened(m)->nr_drivers, 1);
	assert_int_equal(m->os.nr_devices, 2);
	assert_string_equal(m->os.devices[0].name, "\\Device\\Leaky0");
}

static void listed_but_none(void **state)
{
	static const struct { uint32_t off, value; size_t devices; } rows[] = {
		{ 0x00, 0x00f80004, 0 },        /* type            */
		{ 0x00, 0x00200003, 0 },        /* size            */
		{ 0x08, 0x00001000, 0 },        /* driver          */
		{ 0x08, VA0 + OBJECTS, 0 },     /* no driver there */
		{ 0x28, 0x00001000, 0 },        /* user extension  */
		{ 0xfc, VA0 + OBJECTS, 0 },     /* points elsewhere*/
		{ 0xf8, 0x00000000, 0 },        /* extension's type*/
		{ 0x28, VA0 + STACK, 1 },       /* as floppy.sys does */
	};
	struct machine *m = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct device *d;

		machine_build(m, false);
		put32(m, object_pa(OBJ_DEV1) + rows[i].off, rows[i].value);
		opened(m);
		d = os_device_at(&m->os, va_of(object_pa(OBJ_DEV1)));
		assert_int_equal(d != NULL, rows[i].devices);
		assert_int_equal(has_note(&m->os, "is listed as a device, but is none"), !d);
		if (d)
			assert_int_equal(d->extension_bytes, 0);
		machine_close(m);
	}
}

static void device_links_in_circles(void **state)
{
	struct machine *m = *state;
	uint32_t one = object_pa(OBJ_DEV1), two = object_pa(OBJ_DEV2);

	put32(m, two + 0x0c, va_of(one));       /* NextDevice     */
	put32(m, two + 0x10, va_of(two));       /* AttachedDevice */
	put32(m, one + 0xf8 + 0x18, va_of(one));/* AttachedTo     */
	assert_int_equal(opened(m)->nr_devices, 2);
}

static void driver_of_the_kernel(void **state)
{
	struct machine *m = *state;

	/* no image of its own, all functions in the kernel */
	put32(m, object_pa(OBJ_DRIVER) + 0x0c, 0);
	for (uint32_t i = 0; i < 28; i++)
		put32(m, object_pa(OBJ_DRIVER) + 0x38 + 4 * i, va_of(KERNEL + 0x1234));
	assert_string_equal(opened(m)->modules[m->os.drivers[0].module].name, "ntoskrnl.exe");
	machine_close(m);
	/* one function elsewhere decides */
	put32(m, object_pa(OBJ_DRIVER) + 0x38 + 4 * 27, va_of(DRIVER_IMAGE + 0x1000));
	assert_string_equal(opened(m)->modules[m->os.drivers[0].module].name, "leaky.sys");
	machine_close(m);
	/* an image that no module is */
	put32(m, object_pa(OBJ_DRIVER) + 0x0c, 0xf8000000);
	put32(m, object_pa(OBJ_DRIVER) + 0x38 + 4 * 27, 0);
	assert_int_equal(opened(m)->drivers[0].module, -1);
}

static void escaped_device_name(void **state)
{
	struct machine *m = *state;

	put_ustr(m, object_pa(OBJ_DEV1) - 0x18 - 0x0c, "a\x1b[2J\xad");
	assert_string_equal(opened(m)->devices[0].name, "\\Device\\a\\u001b[2J\\u00ad");
}

static void dispatcher_kinds(void **state)
{
	static const struct { uint32_t head, state, more; const char *name; } rows[] = {
		{ 0x00040000, 0, 0, "KEVENT" }, { 0x00040001, 1, 0, "KEVENT" },
		{ 0x0104ff00, 0, 0, "KEVENT" },         /* bytes 1 and 3 say nothing */
		{ 0x00040000, 2, 0, NULL }, { 0x00060000, 0, 0, NULL },
		{ 0x00080002, 1, 0, "KMUTANT" }, { 0x00080002, 0xffffffff, 0, "KMUTANT" },
		{ 0x00080002, 2, 0, NULL },
		{ 0x000a0004, 3, 0, "KQUEUE" },
		{ 0x00050005, 1, 2, "KSEMAPHORE" }, { 0x00050005, 3, 2, NULL },
		{ 0x00050005, 0, 0, NULL },
		{ 0x000a0008, 0, 0, "KTIMER" }, { 0x000a0009, 1, 0, "KTIMER" },
		{ 0x000a000a, 0, 0, NULL },
		{ 0x006e0006, 0, 0, NULL },             /* a thread of no process */
		{ 0x001e0003, 0, 0, "KPROCESS" },
	};
	struct machine *m = *state;
	struct os *os;

	put32(m, EVENT + 8, va_of(EVENT + 8));
	put32(m, EVENT + 12, va_of(EVENT + 8));
	os = opened(m);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *name;

		put32(m, EVENT, rows[i].head);
		put32(m, EVENT + 4, rows[i].state);
		put32(m, EVENT + 16, rows[i].more);
		name = objects_dispatcher_name(os, va_of(EVENT));
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
		else
			assert_null(name);
		assert_int_equal(objects_is_event(os, va_of(EVENT)),
				 rows[i].name && !strcmp(rows[i].name, "KEVENT"));
	}
	assert_string_equal(objects_dispatcher_name(os, va_of(THREAD_AT)), "KTHREAD");
}

static void event_with_waiters(void **state)
{
	struct machine *m = *state;
	const uint32_t list[] = { EVENT + 8, 0x6b000 };
	struct os *os;

	put32(m, EVENT, 0x00040001);
	put_list(m, list, 2);
	os = opened(m);
	assert_true(objects_is_event(os, va_of(EVENT)));
	put32(m, 0x6b000 + 4, 0);               /* the waiter does not point back */
	assert_false(objects_is_event(os, va_of(EVENT)));
	assert_false(objects_is_event(os, va_of(EVENT) + 1));
	assert_false(objects_is_event(os, EVENT));      /* a user address */
	assert_false(objects_is_event(os, 0xfffffffc));
}

/* Every device of a chain as long as memory allows is taken, once, and fast. */
static void many_devices(void **state)
{
	enum { FIRST = 0x80000, NR = 1000, APART = 0x140 };
	struct machine *m = *state;

	for (uint32_t i = 0; i < NR; i++) {
		uint32_t pa = FIRST + i * APART;

		memcpy(m->ram + pa, m->ram + object_pa(OBJ_DEV2), 0x130);
		put32(m, pa + 0x0c, va_of(i + 1 < NR ? pa + APART : FIRST));
		put32(m, pa + 0x10, 0);
		put32(m, pa + 0x28, 0);
		put32(m, pa + 0xb0, va_of(pa + 0xf8));
		put32(m, pa + 0xf8 + 4, va_of(pa));
	}
	put32(m, object_pa(OBJ_DEV2) + 0x0c, va_of(FIRST));
	assert_int_equal(opened(m)->nr_devices, NR + 2);
	for (size_t i = 1; i < m->os.nr_devices; i++)
		assert_true(m->os.devices[i - 1].va < m->os.devices[i].va);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directory_in_itself), TEST(chain_in_circles), TEST(chain_into_nothing),
		TEST(no_root), TEST(types_without_names), TEST(listed_but_none),
		TEST(device_links_in_circles), TEST(driver_of_the_kernel),
		TEST(escaped_device_name), TEST(dispatcher_kinds), TEST(event_with_waiters),
		TEST(many_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
