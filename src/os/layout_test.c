/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of layouts: whole in themselves, picked by build, and, where symbol
 * files of real kernels are at hand, equal to these field by field.
 */
#include "dumpleak/os/symbols.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint32_t builds[] = {
	2600, 3790, 6000, 6001, 6002, 7600, 7601, 9200, 9600, 10240, 10586, 14393, 15063,
	16299, 17134, 17763, 18362, 18363, 19041, 19045, 20348, 22000, 22621, 22631, 26100,
	26200, 30000,
};
static const uint16_t machines[] = { MACHINE_I386, MACHINE_AMD64, MACHINE_ARM64 };

enum { NR_BUILDS = sizeof builds / sizeof builds[0] };

static struct os_layout picked(uint16_t machine, uint32_t build)
{
	struct dl_err err = { "" };
	struct os_layout l;

	if (layout_pick(machine, build, &l, &err))
		fail_msg("%s", err.text);
	assert_int_equal(l.machine, machine);
	assert_int_equal(l.build, build);
	return l;
}

static bool is_known(uint16_t machine, uint32_t build)
{
	struct os_layout l;

	return !layout_pick(machine, build, &l, NULL);
}

static void boundaries(void **state)
{
	static const struct { uint16_t machine; uint32_t build; bool known, beyond; } rows[] = {
		{ MACHINE_I386, 1381, false, false }, { MACHINE_I386, 2195, false, false },
		{ MACHINE_I386, 2600, true, false }, { MACHINE_I386, 19045, true, false },
		{ MACHINE_I386, 19046, true, true },
		{ MACHINE_AMD64, 2600, false, false }, { MACHINE_AMD64, 3790, true, false },
		{ MACHINE_AMD64, 26100, true, false }, { MACHINE_AMD64, 30000, true, true },
		{ MACHINE_AMD64, UINT32_MAX, true, true },
		{ MACHINE_ARM64, 9600, false, false }, { MACHINE_ARM64, 10240, true, false },
		{ MACHINE_ARM64, 26100, true, false }, { MACHINE_ARM64, 26101, true, true },
		{ 0x200, 3790, false, false }, { 0x1c0, 9600, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct dl_err err = { "" };
		struct os_layout l;
		enum dl_status st = layout_pick(rows[i].machine, rows[i].build, &l, &err);

		assert_int_equal(st, rows[i].known ? DL_OK : DL_UNSUPPORTED);
		if (st)
			assert_true(err.text[0]);
		else
			assert_int_equal(l.beyond, rows[i].beyond);
	}
}

/* What changed in a build is there in it, and not in the one before. */
static void rows_by_build(void **state)
{
	static const struct { uint16_t machine; uint32_t build, pid, key, file_bytes; } rows[] = {
		{ MACHINE_I386, 2600, 0x84, 0xac, 0x70 }, { MACHINE_I386, 3790, 0x94, 0xac, 0x70 },
		{ MACHINE_I386, 6000, 0x9c, 0xac, 0x80 }, { MACHINE_I386, 6002, 0x9c, 0xb4, 0x80 },
		{ MACHINE_I386, 7601, 0xb4, 0x7c, 0x80 }, { MACHINE_I386, 9200, 0xb4, 0x84, 0x80 },
		{ MACHINE_I386, 18363, 0xb4, 0x84, 0x80 }, { MACHINE_I386, 19041, 0xe4, 0x84, 0x80 },
		{ MACHINE_AMD64, 3790, 0xd8, 0x118, 0xb8 }, { MACHINE_AMD64, 6000, 0xe0, 0x118, 0xd8 },
		{ MACHINE_AMD64, 6002, 0xe0, 0x120, 0xd8 }, { MACHINE_AMD64, 7600, 0x180, 0xb8, 0xd8 },
		{ MACHINE_AMD64, 9599, 0x2e0, 0xc0, 0xd8 }, { MACHINE_AMD64, 14393, 0x2e8, 0xc0, 0xd8 },
		{ MACHINE_AMD64, 15063, 0x2e0, 0xc0, 0xd8 }, { MACHINE_AMD64, 18362, 0x2e8, 0xc0, 0xd8 },
		{ MACHINE_AMD64, 19041, 0x440, 0xc0, 0xd8 }, { MACHINE_AMD64, 22631, 0x440, 0xc0, 0xd8 },
		{ MACHINE_AMD64, 26100, 0x1d0, 0xc0, 0xd8 }, { MACHINE_AMD64, 30000, 0x1d0, 0xc0, 0xd8 },
		{ MACHINE_ARM64, 22000, 0x3f8, 0xc0, 0xd8 }, { MACHINE_ARM64, 22631, 0x3f8, 0xc0, 0xd8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct os_layout l = picked(rows[i].machine, rows[i].build);

		assert_int_equal(l.process.pid.off, rows[i].pid);
		assert_int_equal(l.object.type_key.off, rows[i].key);
		assert_int_equal(l.io.file_bytes, rows[i].file_bytes);
		assert_true(l.newest_row <= rows[i].build);
	}
	assert_int_equal(picked(MACHINE_I386, 10240).ldr.timestamp.off, 0x58);
	assert_false(field_has(picked(MACHINE_I386, 9600).ldr.timestamp));
	assert_int_equal(picked(MACHINE_AMD64, 10240).ldr.timestamp.off, 0x9c);
	assert_int_equal(picked(MACHINE_AMD64, 30000).newest_row, 26100);
	/* no witness: none, rather than a guess */
	assert_false(field_has(picked(MACHINE_ARM64, 26100).process.pid));
}

static void inside(struct field f, size_t bytes)
{
	assert_true(f.off + (size_t)f.width <= bytes);
}

/* OBJECT_HEADERs are of one kind or the other, never of both. */
static void check_object(const struct os_layout *l)
{
	const struct object_layout *o = &l->object;
	bool has_index = l->build >= 7600;

	assert_int_equal(field_has(o->type), !has_index);
	assert_int_equal(field_has(o->name_info_offset), !has_index);
	assert_int_equal(field_has(o->type_index), has_index);
	assert_int_equal(field_has(o->info_mask), has_index);
	assert_int_equal(o->type_cookie, l->build >= 10240);
	assert_int_equal(o->header_bytes, l->ptr_bytes == 4 ? 0x18 : 0x30);
	assert_int_equal(o->nr_buckets, 37);
	inside(o->type_index, o->header_bytes);
	inside(o->info_mask, o->header_bytes);
	if (has_index) {
		assert_int_equal(o->name_info, 1);
		assert_int_equal(o->info_bytes[o->name_info], 4u * l->ptr_bytes);
		inside(o->name_info_name, o->info_bytes[o->name_info] - l->ptr_bytes);
	}
	for (int i = 0; i < NR_OBJECT_INFOS; i++)
		assert_int_equal(o->info_bytes[i] % 4, 0);
}

static void check_objects_of_drivers(const struct os_layout *l)
{
	inside(l->device.devobj_extension, l->device.bytes);
	inside(l->driver.major_function, l->driver.bytes - 27u * l->ptr_bytes);
	/* the name is a UNICODE_STRING */
	inside(l->driver.name, l->driver.bytes - l->ptr_bytes);
	inside(l->io.irp_current_stack, l->io.irp_bytes);
	inside(l->io.file_name, l->io.file_bytes - l->ptr_bytes);
	inside(l->io.stack_file, l->io.stack_bytes);
	inside(l->ldr.base_name, l->ldr.bytes - l->ptr_bytes);
	inside(l->ldr.timestamp, l->ldr.bytes);
	inside(l->unloaded.time, l->unloaded.stride);
	assert_int_equal(l->dispatcher.event_words, l->ptr_bytes == 4 ? 4 : 6);
	assert_int_equal(l->dispatcher.wait_blink.off, l->dispatcher.wait_flink.off + l->ptr_bytes);
}

static void check_process(const struct os_layout *l)
{
	const struct process_layout *p = &l->process;

	assert_int_equal(p->dtb.off, l->ptr_bytes == 4 ? 0x18 : 0x28);
	assert_true(field_has(p->initial_stack) && field_has(p->stack_limit));
	assert_true(field_has(p->stack_base) && field_has(p->kernel_stack));
	assert_int_equal(field_has(p->pid), field_has(p->thread_id));
	if (!field_has(p->pid))
		return;
	assert_int_equal(p->links.off, p->pid.off + l->ptr_bytes);
	assert_int_equal(p->pid.width, l->ptr_bytes);
	assert_int_equal(p->threads.off % l->ptr_bytes, 0);
	assert_int_equal(p->thread_id.off % l->ptr_bytes, 0);
	assert_true(p->thread_id.off < p->thread_links.off);
}

static void whole_in_themselves(void **state)
{
	size_t seen = 0;

	(void)state;
	for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
		for (size_t b = 0; b < NR_BUILDS; b++) {
			struct os_layout l;

			if (!is_known(machines[m], builds[b]))
				continue;
			l = picked(machines[m], builds[b]);
			assert_int_equal(l.ptr_bytes, machines[m] == MACHINE_I386 ? 4 : 8);
			check_object(&l);
			check_objects_of_drivers(&l);
			assert_true(field_has(l.prcb.current_thread));
			do
				check_process(&l);
			while (layout_next_process(&l));
			seen++;
		}
	}
	assert_int_equal(seen, 27 + 26 + 18);
}

/* Each row comes up, those of the build itself first, and then the first again. */
static void candidates(void **state)
{
	enum { MAX = 64 };
	static const struct { uint16_t machine; uint32_t build; size_t nr; } rows[] = {
		{ MACHINE_I386, 2600, 11 }, { MACHINE_I386, 3790, 11 }, { MACHINE_I386, 30000, 11 },
		{ MACHINE_I386, 7601, 11 }, { MACHINE_AMD64, 3790, 18 }, { MACHINE_AMD64, 7601, 18 },
		{ MACHINE_AMD64, 17763, 18 }, { MACHINE_AMD64, 26100, 18 }, { MACHINE_ARM64, 22000, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct os_layout l = picked(rows[i].machine, rows[i].build), first = l;
		uint32_t seen[MAX], fresh = 0;
		size_t n = 0;

		do {
			uint32_t key = (uint32_t)l.process.pid.off << 16 | l.process.thread_links.off;
			size_t k = 0;

			assert_true(n < MAX);
			while (k < n && seen[k] != key)
				k++;
			fresh += k == n;
			seen[n++] = key;
		} while (layout_next_process(&l));
		assert_int_equal(n, rows[i].nr);
		assert_true(fresh + 3 >= n);    /* a few differ in other fields only */
		assert_memory_equal(&l.process, &first.process, sizeof l.process);
		assert_int_equal(l.process_candidate, 0);
	}
}

static void candidates_by_likelihood(void **state)
{
	struct os_layout l = picked(MACHINE_AMD64, 7601);

	(void)state;
	assert_int_equal(l.process.thread_links.off, 0x428);
	assert_true(layout_next_process(&l));
	assert_int_equal(l.process.thread_links.off, 0x420);    /* the same build, not updated */
	l = picked(MACHINE_AMD64, 20348);
	assert_int_equal(l.process.thread_links.off, 0x4e8);
	assert_true(layout_next_process(&l));
	assert_int_equal(l.process.thread_links.off, 0x538);    /* 22000's   */
	assert_true(layout_next_process(&l));
	assert_int_equal(l.process.thread_links.off, 0x6b8);    /* 18362's   */
}

/* --- real kernels --------------------------------------------------------------- */

static uint32_t build_of(const char *name)
{
	unsigned major = 0, minor = 0, build = 0;
	const char *dash = strchr(name, '-');

	return dash && sscanf(dash, "-%u.%u.%u.", &major, &minor, &build) == 3 ? build : 0;
}

/* Offsets and sizes; then the widths of numbers and pointers, which no difference names. */
static void compare(const struct symbols *s, const struct os_layout *l)
{
	struct symbols_difference d[16];
	size_t n = symbols_compare(s, l, d, 16), nr_rows, seen = 0;
	const struct layout_field_row *row = layout_field_rows(&nr_rows);
	uint64_t rva;

	for (size_t i = 0; i < n && i < 16; i++)
		print_error("build %u: %s.%s is at %#llx, not %#llx\n", l->build, d[i].type,
			    d[i].path ? d[i].path : "(size)", (long long)d[i].theirs,
			    (long long)d[i].ours);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < nr_rows; i++) {
		struct field ours, theirs;

		if (row[i].value != LAYOUT_FIELD ||
		    !symbols_field(s, row[i].type, row[i].path, &theirs))
			continue;
		memcpy(&ours, (const char *)l + row[i].out, sizeof ours);
		if (ours.width != theirs.width)
			fail_msg("build %u: %s.%s has %u bytes, not %u", l->build, row[i].type,
				 row[i].path, theirs.width, ours.width);
		seen++;
	}
	assert_true(seen > 60);
	assert_int_equal(l->object.type_cookie, symbols_rva(s, "ObHeaderCookie", &rva));
}

/* Of rows for one build any may be the file's; the first has to be. */
static void check_isf(const char *dir, const char *name)
{
	struct dl_err err = { "" };
	struct symbols *s;
	struct os_layout l = picked(MACHINE_AMD64, build_of(name)), other = l;
	char path[1024];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (symbols_open(path, &s, &err))
		fail_msg("%s", err.text);
	compare(s, &l);
	symbols_apply(s, &other);
	assert_memory_equal(&other, &l, sizeof l);
	/* an older build's rows, mended by the file, are right as well */
	other = picked(MACHINE_AMD64, 3790);
	assert_true(symbols_compare(s, &other, NULL, 0) > 5);
	symbols_apply(s, &other);
	assert_int_equal(other.process.pid.off, l.process.pid.off);
	assert_int_equal(other.process.thread_process.off, l.process.thread_process.off);
	assert_int_equal(other.object.info_mask.off, l.object.info_mask.off);
	assert_int_equal(other.io.file_bytes, l.io.file_bytes);
	symbols_close(s);
}

static void real_kernels(void **state)
{
	const char *dir = getenv("DUMPLEAK_REAL_ISF");
	struct dirent *entry;
	unsigned seen = 0;
	DIR *d;

	(void)state;
	dir = dir ? dir : "../shared/isf";
	d = opendir(dir);
	if (!d) {
		printf("skipped: %s is not here\n", dir);
		return;
	}
	while ((entry = readdir(d))) {
		if (!build_of(entry->d_name))
			continue;
		check_isf(dir, entry->d_name);
		seen++;
	}
	closedir(d);
	assert_true(seen > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boundaries), cmocka_unit_test(rows_by_build),
		cmocka_unit_test(whole_in_themselves), cmocka_unit_test(candidates),
		cmocka_unit_test(candidates_by_likelihood), cmocka_unit_test(real_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
