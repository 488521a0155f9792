/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A triage minidump to an operating system: what the file lists takes the place
 * of what is otherwise found by following pointers, since the pages for that
 * are not in it. Whatever is readable by VA is read all the same.
 *
 * Sources: dmp-format.md sections 3 and 5; CONTEXT of winnt.h for the places
 * of stack pointers.
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STACK_WORDS = 4096, MAX_LAB_BYTES = 96, MAX_IMAGE_BYTES = 256 << 20 };

/* What a machine's minidumps need to know of it. */
static const struct machine_row {
	uint16_t machine;
	uint8_t ptr_bytes;
	uint64_t system_range_start, shared_data_va;
	struct field context_sp;
} machines[] = {
	{ MACHINE_I386, 4, 0x80000000, 0xffdf0000, { 0xc4, 4, 0, 0 } },
	{ MACHINE_AMD64, 8, 0xffff800000000000, 0xfffff78000000000, { 0x98, 8, 0, 0 } },
	{ MACHINE_ARM64, 8, 0xffff800000000000, 0xfffff78000000000, { 0x100, 8, 0, 0 } },
};

static const struct machine_row *machine_row(const struct dump_header *h)
{
	for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
		if (h->machine.known && h->machine.value == machines[i].machine)
			return &machines[i];
	return NULL;
}

static uint64_t value_or_0(struct known_u64 k)
{
	return k.known ? k.value : 0;
}

/* ---- the kernel ---- */

static void read_header(struct os *os, const struct machine_row *row)
{
	const struct dump_header *h = container_header(os->container);

	vm_init(&os->vm, &os->phys, &paging_none, 0);
	os->vm.root_pa = value_or_0(h->dtb_pa);         /* as stated: leads nowhere here */
	os->dtb_how = h->dtb_pa.known ? "header" : "not stated";
	os->system_range_start = row->system_range_start;
	os->shared_data_va = row->shared_data_va;
	os->build = (uint32_t)value_or_0(h->build);
	os->modules_va = value_or_0(h->modules_va);
	os->processes_va = value_or_0(h->processes_va);
	os->nr_processors = (uint32_t)value_or_0(h->nr_processors);
	os->product = product_name((uint32_t)value_or_0(h->product_type));
	os->bugcheck_code = h->bugcheck_code;
	memcpy(os->bugcheck_parameter, h->bugcheck_parameter, sizeof os->bugcheck_parameter);
	os->system_time = value_or_0(h->system_time);
	os->up_time = value_or_0(h->up_time);
	if (os->system_time && os->up_time && os->up_time < os->system_time)
		os->boot_time = os->system_time - os->up_time;
}

/* Layouts only matter for what is readable besides: none known stops nothing. */
static void pick_layout(struct os *os, const struct machine_row *row)
{
	struct dl_err err = { "" };

	if (layout_pick(row->machine, os->build, &os->layout, &err))
		os_note(os, DL_UNSUPPORTED, "%s: only what the minidump lists is shown",
			err.text);
	os->layout.machine = row->machine;
	os->layout.ptr_bytes = row->ptr_bytes;
}

/* kdbg_at() wants to know the PA as well, which nothing here has. */
static void read_kdbg(struct os *os)
{
	const struct dump_header *h = container_header(os->container);
	uint8_t raw[KDBG_MAX_BYTES] = { 0 };
	size_t n = KDBG_MAX_BYTES;
	uint64_t va = value_or_0(h->kdbg_va);

	os->kdbg_how = "not found";
	/* a block may end where it does, whatever the largest one has */
	while (va && n >= KDBG_MIN_BYTES && vm_read(&os->vm, va, raw, n, NULL))
		n -= 8;
	if (va && n >= KDBG_MIN_BYTES &&
	    kdbg_parse((struct bytes){ raw, n }, os->layout.ptr_bytes, &os->kdbg)) {
		os->kdbg.va = va;
		os->kdbg_how = "header";
	} else if (va) {
		os_note(os, DL_ABSENT, "the KDBG block at VA %#" PRIx64 ", where the header says "
			"it is, is not in this minidump", va);
	}
}

static void read_lab(struct os *os)
{
	uint8_t raw[MAX_LAB_BYTES] = { 0 };
	const char *lab = NULL;
	uint64_t va;
	size_t n = 0;

	if (!kdbg_value(&os->kdbg, KDBG_NT_BUILD_LAB, &va))
		return;
	while (n < sizeof raw && !vm_read(&os->vm, va + n, raw + n, 1, NULL) && raw[n])
		n++;
	lab = text_ascii(&os->arena, (struct bytes){ raw, n });
	os->build_lab = lab ? lab : "";
}

static void name_it(struct os *os)
{
	const struct dump_header *h = container_header(os->container);
	const struct release *r = release_of(os->build);
	const char *name = release_name(os->build, (uint32_t)value_or_0(h->product_type),
					os->layout.machine);
	char text[200] = "Windows, build unknown";

	/* the header names the kernel's build, which later releases may share */
	if (name && r)
		snprintf(text, sizeof text, "%s%s (NT %u.%u)", name,
			 release_kernel(os->build + 1) == os->build ? " or later" : "",
			 r->major, r->minor);
	else if (os->build)
		snprintf(text, sizeof text, "Windows build %u", os->build);
	os->name = arena_strdup(&os->arena, text);
}

/* ---- lists ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '\\');

	return slash ? slash + 1 : path;
}

static int compare_base(const void *a, const void *b)
{
	const struct module *const *x = a, *const *y = b;

	return (*x)->base < (*y)->base ? -1 : (*x)->base > (*y)->base;
}

static bool is_module(const struct os *os, const struct dump_module *d)
{
	uint64_t top = os->layout.ptr_bytes == 8 ? UINT64_MAX : UINT32_MAX;

	return d->base_va >= os->system_range_start && d->base_va % PAGE_BYTES == 0 &&
	       d->base_va <= top && d->size_bytes && d->size_bytes <= MAX_IMAGE_BYTES &&
	       d->size_bytes - 1 <= top - d->base_va;
}

static enum dl_status read_modules(struct os *os)
{
	const struct dump_minidump *mini = os->minidump;
	size_t bad = 0;

	os->modules = arena_array(&os->arena, mini->nr_modules, sizeof *os->modules);
	os->modules_by_base = arena_array(&os->arena, mini->nr_modules,
					  sizeof *os->modules_by_base);
	if (!os->modules || !os->modules_by_base)
		return DL_NOMEM;
	for (size_t i = 0; i < mini->nr_modules; i++) {
		const struct dump_module *d = &mini->modules[i];
		struct module *m = &os->modules[os->nr_modules];

		if (!is_module(os, d)) {
			bad++;
			continue;
		}
		m->base = d->base_va;
		m->size_bytes = d->size_bytes;
		m->name = base_name(d->name);
		m->path = m->name == d->name ? "" : d->name;
		m->timestamp = d->timestamp;
		image_read(os, m);
		os->modules_by_base[os->nr_modules++] = m;
	}
	qsort(os->modules_by_base, os->nr_modules, sizeof *os->modules_by_base, compare_base);
	if (bad)
		os_note(os, DL_CORRUPT, "%zu of the %zu modules that the minidump lists cannot be: "
			"their base or size is wrong", bad, mini->nr_modules);
	return DL_OK;
}

static enum dl_status read_unloaded(struct os *os)
{
	const struct dump_minidump *mini = os->minidump;

	os->unloaded = arena_array(&os->arena, mini->nr_unloaded, sizeof *os->unloaded);
	if (!os->unloaded)
		return DL_NOMEM;
	for (size_t i = 0; i < mini->nr_unloaded; i++) {
		const struct dump_unloaded *d = &mini->unloaded[i];

		if (d->first_va < os->system_range_start || d->end_va <= d->first_va)
			continue;
		os->unloaded[os->nr_unloaded++] = (struct unloaded){
			.name = d->name, .first_va = d->first_va, .end_va = d->end_va,
		};
	}
	return DL_OK;
}

static bool is_kernel_name(const char *name)
{
	static const char *const names[] = {
		"ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t k = 0;

		while (names[i][k] && (name[k] | 0x20) == (names[i][k] | 0x20))
			k++;
		if (!names[i][k] && !name[k])
			return true;
	}
	return false;
}

/* By KDBG's word or by name; its headers are seldom in a minidump. */
static void find_kernel(struct os *os)
{
	const struct module *kernel = NULL;
	struct image image;
	uint64_t base;

	if (kdbg_value(&os->kdbg, KDBG_KERN_BASE, &base)) {
		os->kernel_base = base;
		kernel = os_module_at(os, base);
	}
	for (size_t i = 0; i < os->nr_modules && !os->kernel_base; i++)
		if (is_kernel_name(os->modules[i].name))
			kernel = &os->modules[i];
	if (kernel) {
		os->kernel_base = kernel->base;
		os->kernel_bytes = kernel->size_bytes;
	}
	if (os->kernel_base && image_at(&os->vm, os->kernel_base, &image)) {
		os->kernel_bytes = image.size_bytes;
		image_pdb(&os->vm, os->kernel_base, &image, &os->pdb);
	}
}

/* ---- the stack of the thread that crashed ---- */

static uint64_t stack_pointer(const struct os *os, const struct machine_row *row)
{
	const struct dump_header *h = container_header(os->container);
	struct bytes context = { h->context, h->context ? h->context_bytes : 0 };
	const struct dump_minidump *mini = os->minidump;
	uint64_t sp = field_or(context, row->context_sp, 0);

	sp -= sp % row->ptr_bytes;
	return sp >= mini->stack_va && sp - mini->stack_va < mini->stack_bytes ? sp
									     : mini->stack_va;
}

static enum dl_status read_stack(struct os *os, const struct machine_row *row)
{
	const struct dump_minidump *mini = os->minidump;
	uint64_t va = stack_pointer(os, row), *words;
	uint64_t room = mini->stack_bytes - (va - mini->stack_va);
	size_t n = room / row->ptr_bytes > MAX_STACK_WORDS ? MAX_STACK_WORDS
							   : (size_t)(room / row->ptr_bytes);

	words = arena_array(&os->arena, n, sizeof *words);
	if (!words)
		return DL_NOMEM;
	os->stack_va = va;
	os->stack_words = words;
	while (os->nr_stack_words < n &&
	       !vm_word(&os->vm, va, row->ptr_bytes, &words[os->nr_stack_words], NULL)) {
		os->nr_stack_words++;
		va += row->ptr_bytes;
	}
	return DL_OK;
}

enum dl_status minidump_read(struct os *os, const struct os_options *opts,
			     struct dl_err *err)
{
	const struct dump_header *h = container_header(os->container);
	const struct machine_row *row = machine_row(h);
	enum dl_status st;

	os->minidump = container_minidump(os->container);
	if (!row)
		return err_set(err, DL_UNSUPPORTED, "a minidump of a machine that is not "
			       "supported (MachineImageType %#" PRIx64 ")",
			       value_or_0(h->machine));
	if (opts->symbols)
		os_note(os, DL_OK, "the symbols are not used: the structures that they describe "
			"are not in a minidump");
	read_header(os, row);
	pick_layout(os, row);
	read_kdbg(os);
	read_lab(os);
	name_it(os);
	st = read_modules(os);
	if (!st)
		st = read_unloaded(os);
	if (!st) {
		find_kernel(os);
		st = read_stack(os, row);
	}
	if (!st && !os->name)
		st = DL_NOMEM;
	return st ? err_set(err, st, "out of memory for the minidump's lists") : DL_OK;
}
