/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object headers of every 64-bit generation, and what happens where they, the
 * directories or the lists are wrong or not in the dump.
 */
#include "test_machine64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int setup(void **state)
{
	struct machine64 *m = calloc(1, sizeof *m);

	*state = m;
	if (!m)
		return -1;
	m->ram = malloc(RAM64);
	if (!m->ram)
		return -1;
	machine64_build(m, &generations[GEN_NT10]);
	return 0;
}

static int teardown(void **state)
{
	struct machine64 *m = *state;

	machine64_close(m);
	free(m->ram);
	free(m);
	return 0;
}

static struct os *opened(struct machine64 *m)
{
	struct dl_err err = { "" };

	if (machine64_open(m, &err))
		fail_msg("%s: %s", m->g->name, err.text);
	return &m->os;
}

static bool has_note(const struct os *os, const char *words)
{
	for (size_t i = 0; i < os->nr_notes; i++)
		if (strstr(os->notes[i].text, words))
			return true;
	return false;
}

static void check_modules(const struct os *os, const struct generation *g)
{
	assert_int_equal(os->nr_modules, 2);
	assert_int_equal(os->modules[1].base, va64(DRIVER64));
	assert_int_equal(os->modules[1].size_bytes, DRIVER64_BYTES);
	assert_string_equal(os->modules[1].name, "leaky.sys");
	assert_int_equal(os->modules[1].timestamp, g->timestamp ? 0x5d6f1a2b : 0);
	assert_int_equal(os->nr_unloaded, 1);
	assert_string_equal(os->unloaded[0].name, "gone.sys");
	assert_int_equal(os->unloaded[0].end_va - os->unloaded[0].first_va, 0x4000);
}

static void check_objects(const struct os *os)
{
	const struct device *one = os_device_at(os, va64(body64(O_DEV1)));
	const struct device *two = os_device_at(os, va64(body64(O_DEV2)));

	assert_int_equal(os->nr_drivers, 1);
	assert_string_equal(os->drivers[0].name, "\\Driver\\Leaky");
	assert_string_equal(os->modules[os->drivers[0].module].name, "leaky.sys");
	assert_int_equal(os->nr_devices, 2);
	assert_non_null(one);
	assert_non_null(two);
	assert_string_equal(one->name, "\\Device\\Leaky0");
	assert_string_equal(two->name, "");
	assert_int_equal(one->found, FOUND_DIRECTORY);
	assert_int_equal(two->found, FOUND_LINK);
	assert_int_equal(one->attached_va, two->va);
	assert_int_equal(two->attached_to_va, one->va);
	assert_int_equal(one->extension_va, one->va + 0x150);
	assert_int_equal(one->extension_bytes, 0x40);
}

static void check_processes(const struct os *os)
{
	assert_int_equal(os->nr_processes, 1);
	assert_int_equal(os->processes[0].pid, 4);
	assert_string_equal(os->processes[0].image, "System");
	assert_int_equal(os->processes[0].dtb_pa, PML4);
	assert_int_equal(os->processes[0].user_dtb_pa, 0);
	assert_int_equal(os->nr_threads, 1);
	assert_int_equal(os->threads[0].stack_first, va64(STACK64));
	assert_int_equal(os->threads[0].stack_end, va64(STACK64 + 0x6000));
}

static void every_generation(void **state)
{
	struct machine64 *m = *state;

	for (size_t i = 0; i < NR_GENERATIONS; i++) {
		uint64_t directory;

		machine64_build(m, &generations[i]);
		opened(m);
		if (m->os.nr_notes)
			fail_msg("%s: %s", generations[i].name, m->os.notes[0].text);
		check_modules(&m->os, &generations[i]);
		check_objects(&m->os);
		check_processes(&m->os);
		assert_int_equal(m->os.has_type_cookie, generations[i].cookie);
		assert_int_equal(m->os.type_cookie, generations[i].cookie ? m->cookie : 0);
		assert_int_equal(object_kind_of(&m->os, va64(type64(T_EVENT))), OBJECT_OTHER);
		assert_string_equal(object_name(&m->os, va64(type64(T_EVENT)), &directory), "Event");
		assert_int_equal(directory, va64(body64(O_TYPES_DIR)));
		assert_null(object_name(&m->os, va64(body64(O_DEV2)), &directory));
		machine64_close(m);
	}
}

/* One header of a type is damaged: the others outvote it. */
static void wrong_cookie(void **state)
{
	struct machine64 *m = *state;

	m->ram[type64(T_TYPE) - 0x30 + 0x18] ^= 0x55;
	check_objects(opened(m));
	assert_int_equal(m->os.type_cookie, m->cookie);
	assert_true(has_note(&m->os, "1 of 6 object types have a header that does not say so"));
}

/* The row of the build says otherwise than memory: a neighbour's is taken, with a note. */
static void neighbours(void **state)
{
	struct generation g = generations[GEN_NT63];
	struct machine64 *m = *state;

	g.cookie = true;
	machine64_build(m, &g);
	check_objects(opened(m));
	assert_int_equal(m->os.type_cookie, m->cookie);
	assert_true(has_note(&m->os, "disguised by a cookie, unlike in build 9600"));
	machine64_close(m);

	g = generations[GEN_NT10];
	g.cookie = false;
	machine64_build(m, &g);
	check_objects(opened(m));
	assert_false(m->os.has_type_cookie);
	assert_true(has_note(&m->os, "not disguised, unlike in build 19041"));
	machine64_close(m);

	g = generations[GEN_NT61];       /* headers with pointers */
	g.numbered = false;
	machine64_build(m, &g);
	check_objects(opened(m));
	assert_true(has_note(&m->os, "object headers are not those of build 7601"));
	machine64_close(m);

	g = generations[GEN_NT52];       /* and without */
	g.numbered = true;
	g.type_name = 0x10;
	g.type_number = 0x28;
	machine64_build(m, &g);
	check_objects(opened(m));
	assert_true(has_note(&m->os, "object headers are not those of build 3790"));
}

/* No row fits: nothing is said by type, structure still tells drivers and devices. */
static void no_row_fits(void **state)
{
	struct machine64 *m = *state;

	for (int i = 0; i < NR_TYPES; i++)
		m->ram[type64(i) - 0x30 + 0x18] = (uint8_t)(i * 0x21);
	opened(m);
	assert_true(has_note(&m->os, "of build 19041 do not fit what memory shows"));
	check_objects(&m->os);
	assert_int_equal(object_kind_of(&m->os, va64(body64(O_ROOT))), OBJECT_UNKNOWN);
}

/* Without \ObjectTypes one type is left, which proves nothing. */
static void types_absent(void **state)
{
	struct machine64 *m = *state;

	absent64(m, body64(O_TYPES_DIR));
	check_objects(opened(m));
	assert_true(has_note(&m->os, "the table of object types is not in this image"));
	assert_true(has_note(&m->os, "of the object directories"));
	machine64_close(m);

	machine64_build(m, &generations[GEN_NT52]);      /* the types' names are there, needless of a list */
	absent64(m, body64(O_TYPES_DIR));
	check_objects(opened(m));
	machine64_close(m);

	machine64_build(m, &generations[GEN_NT52]);
	absent64(m, TYPES64);           /* nor the types: by structure */
	absent64(m, TYPES64 + 0x1000);
	check_objects(opened(m));
}

/* Without the root, the type of types names \ObjectTypes as its directory. */
static void root_absent(void **state)
{
	struct machine64 *m = *state;

	absent64(m, body64(O_ROOT));
	opened(m);
	assert_int_equal(m->os.nr_devices, 0);
	assert_true(has_note(&m->os, "37 parts of the object directories are not"));
	assert_int_equal(m->os.type_cookie, m->cookie);
	assert_int_equal(object_kind_of(&m->os, va64(body64(O_DRIVER))), OBJECT_DRIVER);
	/* as its pool block would show it */
	assert_int_equal(objects_try(&m->os, va64(body64(O_DEV1)), FOUND_POOL, NULL), DL_OK);
	objects_sort(&m->os);
	assert_int_equal(m->os.nr_devices, 2);
	assert_string_equal(m->os.devices[0].name, "\\Device\\Leaky0");
}

/* Each page in turn is missing: what is left is found, and something is said. */
static void any_page_absent(void **state)
{
	struct machine64 *m = *state;

	for (uint32_t pa = KERNEL64; pa < EVENT64; pa += 0x1000) {
		machine64_build(m, &generations[GEN_NT10]);
		absent64(m, pa);
		opened(m);
		assert_true(m->os.nr_drivers <= 1 && m->os.nr_devices <= 2);
		if (pa == LDR64_0)
			assert_true(has_note(&m->os, "part of the module list is not"));
		if (pa == (VARS & ~0xfffu))
			assert_int_equal(m->os.nr_drivers + m->os.nr_unloaded, 0);
		if (pa == (body64(O_DEV1) & ~0xfffu)) {
			assert_int_equal(m->os.nr_devices, 0);
			assert_int_equal(m->os.nr_drivers, 1);
			assert_true(has_note(&m->os, "1 object that drivers and devices lead to is"));
		}
		if (pa == (body64(O_DRIVER) & ~0xfffu)) {
			assert_int_equal(m->os.nr_devices, 2);  /* a directory, and its link */
			assert_int_equal(m->os.devices[0].driver, -1);
		}
		if (pa == (body64(O_DEV2) & ~0xfffu))
			assert_int_equal(m->os.nr_devices, 1);
		if (pa == PROCESS64)
			assert_true(has_note(&m->os, "the list of processes breaks off"));
		if (pa == THREAD64)
			assert_true(has_note(&m->os, "the list of threads breaks off"));
		machine64_close(m);
	}
}

static void loops(void **state)
{
	struct machine64 *m = *state;
	uint32_t one = body64(O_DEV1), two = body64(O_DEV2);

	/* \Device lists the root, and its chain comes back to itself */
	entry64(m, O_DEVICE_DIR, 5, ENTRIES64 + 0x800, body64(O_ROOT));
	set64(m, entry_of(O_DEV1), va64(entry_of(O_DEV1)));
	set64(m, entry_of(NR_BODIES + T_EVENT), va64(entry_of(NR_BODIES + T_EVENT)));
	set64(m, two + 0x10, va64(one));                /* NextDevice     */
	set64(m, two + 0x18, va64(two));                /* AttachedDevice */
	set64(m, one + 0x190 + 0x30, va64(two));        /* AttachedTo     */
	opened(m);
	assert_int_equal(m->os.nr_devices, 2);
	assert_true(has_note(&m->os, "object directory \\Device\\\\ at VA"));
	assert_true(has_note(&m->os, "object directory \\Device: an entry at VA"));
	assert_true(has_note(&m->os, "leads back to itself by NextDevice"));
	assert_true(has_note(&m->os, "leads back to itself by AttachedDevice"));
	assert_true(has_note(&m->os, "leads back to itself by AttachedTo"));
	assert_true(has_note(&m->os, "attached above that has another below"));
}

static void links_into_nothing(void **state)
{
	struct machine64 *m = *state;

	set64(m, body64(O_DEV2) + 0x10, 0x10000);               /* a user address */
	set64(m, body64(O_DEV2) + 0x18, va64(STACK64));         /* no device      */
	set64(m, body64(O_DEV2) + 0x190 + 0x30, NOWHERE);
	opened(m);
	assert_int_equal(m->os.nr_devices, 2);
	assert_true(has_note(&m->os, "has 0x10000 as its next device, which is none"));
	assert_true(has_note(&m->os, "as its device above, which is none"));
	assert_true(has_note(&m->os, "1 object that drivers and devices lead to is not"));
}

/* A driver that another driver's extension claims is none. */
/* The second device, on the first driver's list, names another driver. */
static void device_of_another_driver(void **state)
{
	enum { OTHER = 0x80000 };
	struct machine64 *m = *state;
	uint32_t driver = body64(O_DRIVER), off = driver & 0xfff;

	memcpy(m->ram + OTHER, m->ram + driver - off, 0x1000);
	set64(m, body64(O_DEV2) + 8, va64(OTHER + off));
	opened(m);
	assert_int_equal(m->os.nr_devices, 2);
	assert_int_equal(os_device_at(&m->os, va64(body64(O_DEV2)))->driver_va, va64(OTHER + off));
	assert_true(has_note(&m->os, "1 device is on a list of devices of another driver"));
}

static void driver_extension_of_another(void **state)
{
	struct machine64 *m = *state;

	set64(m, body64(O_DRIVER) + 0x150, va64(body64(O_DEV1)));
	opened(m);
	assert_int_equal(m->os.nr_drivers, 0);
	assert_true(has_note(&m->os, "\\Driver\\Leaky at VA 0xfffff8000005c100 is listed as a driver"));
}

static void wild_modules(void **state)
{
	struct machine64 *m = *state;

	set64(m, LDR64_1 + 0x30, UINT64_C(0x0001000000000000));         /* not canonical */
	assert_int_equal(opened(m)->nr_modules, 1);
	assert_true(has_note(&m->os, "where the module list leads"));
	machine64_close(m);
	set64(m, LDR64_1 + 0x30, UINT64_C(0xfffffffffffff000));         /* beyond the end */
	assert_int_equal(opened(m)->nr_modules, 1);
	machine64_close(m);
	set64(m, LDR64_1, va64(LDR64_0));
	assert_true(has_note(opened(m), "the module list runs into itself"));
	machine64_close(m);
	machine64_build(m, &generations[GEN_NT10]);
	assert_int_equal(opened(m)->nr_notes, 0);
	machine64_close(m);
	set64(m, LDR64_1 + 0x60, NOWHERE);                      /* BaseDllName.Buffer */
	assert_string_equal(opened(m)->modules[1].name, "leaky.sys");
}

static void unloaded_rows(void **state)
{
	struct machine64 *m = *state;
	uint32_t row = UNLOADED64 + 0x28;

	/* a name that claims more than its buffer, and ranges that cannot be */
	set(m, row, 0xfffe, 2);
	set(m, row + 2, 8, 2);
	set64(m, row + 0x28 + 0x10, NOWHERE);
	set64(m, row + 0x28 + 0x18, NOWHERE - 0x1000);
	set64(m, row + 0x50 + 0x10, 0x1000);
	set64(m, row + 0x50 + 0x18, 0x2000);
	opened(m);
	assert_int_equal(m->os.nr_unloaded, 1);
	assert_string_equal(m->os.unloaded[0].name, "gone");
	assert_true(has_note(&m->os, "2 rows for unloaded drivers hold no range"));
	machine64_close(m);
	set64(m, VARS + 0x20, NOWHERE);
	assert_int_equal(opened(m)->nr_unloaded, 0);
	assert_true(has_note(&m->os, "50 of the 50 rows for unloaded drivers are not"));
	machine64_close(m);
	set64(m, VARS + 0x20, 0x2e31303932313931);              /* text */
	assert_int_equal(opened(m)->nr_unloaded, 0);
	assert_true(has_note(&m->os, "MmUnloadedDrivers is 0x2e31303932313931"));
}

/* Another build's process row fits, or none does. */
static void process_rows(void **state)
{
	struct generation g = generations[GEN_NT10];
	struct machine64 *m = *state;

	g.pid = generations[GEN_NT10_24H2].pid;
	g.image = generations[GEN_NT10_24H2].image;
	g.threads = generations[GEN_NT10_24H2].threads;
	g.thread_links = generations[GEN_NT10_24H2].thread_links;
	g.thread_id = generations[GEN_NT10_24H2].thread_id;
	machine64_build(m, &g);
	check_processes(opened(m));
	assert_true(has_note(&m->os, "not those expected of build 19041"));
	machine64_close(m);

	set64(m, PROCESS64 + g.pid, 6);
	assert_int_equal(opened(m)->nr_processes, 0);
	assert_true(has_note(&m->os, "EPROCESS and ETHREAD of build 19041 do not fit"));
	machine64_close(m);

	/* a build whose row nobody has measured */
	g = generations[GEN_NT10_ARM];
	g.build = 26100;
	machine64_build(m, &g);
	assert_int_equal(opened(m)->nr_processes, 1);           /* 22000's fits */
	machine64_close(m);
	set64(m, PROCESS64 + g.pid, 6);
	assert_int_equal(opened(m)->nr_processes, 0);
	assert_true(has_note(&m->os, "of build 26100 are not known for this processor"));
	machine64_close(m);

	machine64_build(m, &generations[GEN_NT10]);
	set64(m, PROCESS64 + 0x388, PDPT | 0x802);      /* UserDirectoryTableBase */
	assert_int_equal(opened(m)->processes[0].user_dtb_pa, PDPT);
}

/* Globals by name, as RVAs of the image; a quotation mark is written ' here. */
static void by_symbols(void **state)
{
	static const char text[] = "{ 'metadata': { 'format': '6.1.0', 'windows': { 'pdb': {"
		"'GUID': '00112233445566778899aabbccddeeff', 'age': 1, 'database': 'nt.pdb',"
		"'machine_type': 34404 } } }, 'base_types': {"
		"'pointer': { 'kind': 'int', 'size': 8, 'signed': false, 'endian': 'little' } },"
		"'enums': {}, 'user_types': { '_EPROCESS': { 'kind': 'struct', 'size': 256,"
		"'fields': {} } },"
		"'symbols': { 'ObpRootDirectoryObject': { 'address': 36880 },"
		"'ObHeaderCookie': { 'address': 36928 }, 'ObTypeIndexTable': { 'address': 38912 } } }";
	struct machine64 *m = *state;
	char json[sizeof text];
	struct symbols *symbols;
	struct dl_err err = { "" };

	for (size_t i = 0; i < sizeof text; i++)
		json[i] = text[i] == '\'' ? '"' : text[i];
	if (symbols_open_memory((struct bytes){ (const uint8_t *)json, sizeof text - 1 }, "nt.json",
				&symbols, &err))
		fail_msg("%s", err.text);
	m->symbols = symbols;
	m->ram[VARS + 0x40] = m->cookie;
	assert_int_equal(opened(m)->nr_notes, 0);
	machine64_close(m);
	m->ram[VARS + 0x40] ^= 1;
	check_objects(opened(m));
	assert_true(has_note(&m->os, "ObHeaderCookie is 0xa6 by the symbols, but object headers tell 0xa7"));
	machine64_close(m);

	m->no_kdbg = true;
	check_objects(opened(m));
	machine64_close(m);

	for (int i = 0; i < NR_TYPES; i++)
		set64(m, VARS + 0x800 + number64(i) * 8u, va64(type64(i)));
	absent64(m, body64(O_TYPES_DIR));
	check_objects(opened(m));
	assert_int_equal(m->os.type_cookie, m->cookie);
	assert_int_equal(object_kind_of(&m->os, va64(body64(O_DEV2))), OBJECT_DEVICE);
	machine64_close(m);
	m->symbols = NULL;
	symbols_close(symbols);
}

/* What a break in the list cuts off comes from its other end. */
static void process_list_breaks(void **state)
{
	enum { SECOND = 0x80000, THIRD = 0x90000, LINKS = 0x448 };
	const uint32_t list[] = { PROCESSES64, PROCESS64 + LINKS, SECOND + LINKS, THIRD + LINKS };
	struct machine64 *m = *state;

	for (uint32_t pa = SECOND; pa <= THIRD; pa += THIRD - SECOND) {
		memcpy(m->ram + pa, m->ram + PROCESS64, 0x1000);
		set64(m, pa + 0x440, pa >> 8);
		set_list(m, (const uint32_t[]){ pa + 0x5e0 }, 1);
	}
	set_list(m, list, 4);
	assert_int_equal(opened(m)->nr_processes, 3);
	machine64_close(m);
	set64(m, PROCESS64 + LINKS, NOWHERE);
	assert_int_equal(opened(m)->nr_processes, 3);
	assert_true(has_note(&m->os, "the list of processes breaks off"));
	machine64_close(m);
	set64(m, PROCESS64 + LINKS, va64(PROCESS64 + LINKS));
	assert_int_equal(opened(m)->nr_processes, 3);
	assert_true(has_note(&m->os, "the list of processes runs into itself"));
}

/* Zeros where pages were not saved are no contradiction. */
static void zeros(void **state)
{
	enum { SECOND = 0x80000, LINKS = 0x448 };
	struct machine64 *m = *state;

	memset(m->ram + SECOND, 0, 0x1000);
	set_list(m, (const uint32_t[]){ PROCESSES64, PROCESS64 + LINKS, SECOND + LINKS }, 3);
	assert_int_equal(opened(m)->nr_processes, 1);
	assert_true(has_note(&m->os, "1 of the processes and threads on the lists are not in"));
	assert_false(has_note(&m->os, "do not"));
	machine64_close(m);
	/* of the first one some is there */
	memset(m->ram + PROCESS64 + 0x5a8, 0, 16);
	memset(m->ram + 0x90000, 0, 0x1000);
	set_list(m, (const uint32_t[]){ PROCESSES64, PROCESS64 + LINKS, SECOND + LINKS,
		 0x90000 + LINKS }, 4);
	assert_int_equal(opened(m)->nr_processes, 0);
	assert_true(has_note(&m->os, "3 of the processes and threads on the lists are not in"));
	assert_false(has_note(&m->os, "do not"));
	machine64_close(m);
	machine64_build(m, &generations[GEN_NT10]);
	set_list(m, (const uint32_t[]){ PROCESSES64, PROCESS64 + LINKS, SECOND + LINKS }, 3);
	set64(m, SECOND + LINKS, 0);
	opened(m);
	assert_true(has_note(&m->os, "the list of processes breaks off at VA 0xfffff80000080448: its "
				     "link is zero"));
	machine64_close(m);
	set64(m, LDR64_1, 0);
	opened(m);
	assert_int_equal(m->os.nr_modules, 2);
	assert_true(has_note(&m->os, "the entry at VA 0xfffff80000050100, whose links are zeros"));
	machine64_close(m);
	set64(m, MODULES64, 0);
	set64(m, MODULES64 + 8, 0);
	opened(m);
	assert_int_equal(m->os.nr_modules, 0);
	assert_true(has_note(&m->os, "its head at VA 0xfffff80000029100 is zeros"));
}

static void events(void **state)
{
	struct machine64 *m = *state;
	struct os *os;

	set_list(m, (const uint32_t[]){ EVENT64 + 8 }, 1);
	os = opened(m);
	set(m, EVENT64, 0x00060001, 4);
	assert_true(objects_is_event(os, va64(EVENT64)));
	assert_string_equal(objects_dispatcher_name(os, va64(EVENT64)), "KEVENT");
	assert_false(objects_is_event(os, va64(EVENT64) + 4));
	assert_false(objects_is_event(os, EVENT64));
	assert_false(objects_is_event(os, UINT64_MAX - 7));
	set(m, EVENT64, 0x00040001, 4);                 /* x86's size */
	assert_false(objects_is_event(os, va64(EVENT64)));
	set(m, EVENT64, 0x000e0002, 4);
	assert_string_equal(objects_dispatcher_name(os, va64(EVENT64)), "KMUTANT");
	assert_string_equal(objects_dispatcher_name(os, va64(THREAD64)), "KTHREAD");
	assert_string_equal(objects_dispatcher_name(os, va64(PROCESS64)), "KPROCESS");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_generation), TEST(wrong_cookie), TEST(neighbours), TEST(no_row_fits),
		TEST(types_absent), TEST(root_absent), TEST(any_page_absent), TEST(loops), TEST(links_into_nothing),
		TEST(device_of_another_driver),
		TEST(driver_extension_of_another), TEST(wild_modules), TEST(unloaded_rows),
		TEST(process_rows), TEST(process_list_breaks), TEST(zeros), TEST(by_symbols), TEST(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
