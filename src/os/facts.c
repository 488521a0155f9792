/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel says of its machine: KUSER_SHARED_DATA, clock, processors and
 * bugcheck. The dump's header comes first where it has the value.
 *
 * Sources: kernel-globals.md sections 1, 6 and 7.
 */
#include "dumpleak/os/internal.h"

#include <inttypes.h>

/* KUSER_SHARED_DATA: the same on every machine and build */
enum {
	SHARED_INTERRUPT_TIME = 0x008, SHARED_SYSTEM_TIME = 0x014,
	SHARED_SYSTEM_ROOT = 0x030, SHARED_PRODUCT_TYPE = 0x264,
	SHARED_MAJOR = 0x26c, SHARED_MINOR = 0x270, SHARED_BYTES = 0x3c4,
};

/*
 * What came later, by the version that stands beside it; before, other things or
 * nothing are at its place. PDB types of 7 SP1 (ActiveProcessorCount) and of
 * 10240 (NtBuildNumber) have them first.
 */
struct late_field {
	uint32_t major, minor;
	struct field field;
};

static const struct late_field late_build = { 10, 0, { .off = 0x260, .width = 4 } };
static const struct late_field late_processors = { 6, 1, { .off = 0x3c0, .width = 4 } };

static uint32_t late_get(struct bytes b, const struct late_field *l)
{
	uint32_t major = le32(b.p + SHARED_MAJOR), minor = le32(b.p + SHARED_MINOR);

	if (major < l->major || (major == l->major && minor < l->minor))
		return 0;
	return (uint32_t)field_or(b, l->field, 0);
}

enum { MAX_PROCESSORS = 2048 };         /* of Windows: 1280 on the newest */

/* KSYSTEM_TIME: the upper half twice, so that a torn read shows. */
static uint64_t system_time_at(const uint8_t *p)
{
	return le32(p + 4) == le32(p + 8) ? le64(p) : 0;
}

/* A drive letter in NtSystemRoot and a version of Windows NT. */
bool shared_data_read(struct vm *vm, uint64_t va, struct shared_data *out)
{
	uint8_t b[SHARED_BYTES] = { 0 };
	struct bytes all = { b, sizeof b };
	uint32_t major;

	if (vm_read(vm, va, b, sizeof b, NULL))
		return false;
	major = le32(b + SHARED_MAJOR);
	if (le16(b + SHARED_SYSTEM_ROOT) < 'A' || le16(b + SHARED_SYSTEM_ROOT) > 'z' ||
	    le16(b + SHARED_SYSTEM_ROOT + 2) != ':' || major < 4 || major > 10)
		return false;
	*out = (struct shared_data){
		.interrupt_time = system_time_at(b + SHARED_INTERRUPT_TIME),
		.system_time = system_time_at(b + SHARED_SYSTEM_TIME),
		.build = late_get(all, &late_build) & 0xffff,
		.product = le32(b + SHARED_PRODUCT_TYPE),
		.major = major, .minor = le32(b + SHARED_MINOR),
		.nr_processors = late_get(all, &late_processors),
	};
	return true;
}

static uint64_t or_else(struct known_u64 v, uint64_t other)
{
	return v.known ? v.value : other;
}

static void read_clock(struct os *os, const struct shared_data *s)
{
	const struct dump_header *h = container_header(os->container);

	os->system_time = or_else(h->system_time, 0);
	os->up_time = or_else(h->up_time, 0);
	if (!os->system_time)
		os->system_time = s->system_time;
	if (!os->up_time)
		os->up_time = s->interrupt_time;
	if (os->system_time > os->up_time && os->up_time)
		os->boot_time = os->system_time - os->up_time;
}

/* KiProcessorBlock: a pointer to each processor's KPRCB, then zeroes. */
static uint32_t count_prcbs(struct os *os)
{
	uint64_t va, prcb;
	uint32_t n = 0;

	if (!kdbg_value(&os->kdbg, KDBG_PROCESSOR_BLOCK, &va))
		return 0;
	while (n < MAX_PROCESSORS && ptr_at(os, va + n * os->layout.ptr_bytes, &prcb) &&
	       os_is_kernel_va(os, prcb))
		n++;
	return n;
}

static void read_processors(struct os *os, const struct shared_data *s)
{
	const struct dump_header *h = container_header(os->container);
	uint32_t prcbs = count_prcbs(os);
	uint64_t n = or_else(h->nr_processors, 0), va;

	if (!n && s->nr_processors <= MAX_PROCESSORS)
		n = s->nr_processors;
	if (!n)
		n = prcbs;
	if (!n && (!kernel_export(os, "KeNumberProcessors", &va) ||
		   vm_word(&os->vm, va, 1, &n, NULL)))
		n = 0;
	os->nr_processors = n <= MAX_PROCESSORS ? (uint32_t)n : 0;
	if (prcbs && os->nr_processors && prcbs < os->nr_processors)
		os_note(os, DL_CORRUPT, "%u processors, but KiProcessorBlock names only %u",
			os->nr_processors, prcbs);
}

/* KiBugCheckData: the code and four parameters, zeroes until a crash. */
static void read_bugcheck(struct os *os)
{
	const struct dump_header *h = container_header(os->container);
	uint8_t ptr_bytes = os->layout.ptr_bytes;
	uint64_t va, word;

	os->bugcheck_code = h->bugcheck_code;
	for (size_t i = 0; i < 4; i++)
		os->bugcheck_parameter[i] = h->bugcheck_parameter[i];
	if (os->bugcheck_code.known || !kdbg_value(&os->kdbg, KDBG_BUGCHECK_DATA, &va) ||
	    !ptr_at(os, va, &word) || !word || word > UINT32_MAX)
		return;
	os->bugcheck_code = (struct known_u64){ true, word };
	for (uint64_t i = 0; i < 4; i++)
		if (ptr_at(os, va + (i + 1) * ptr_bytes, &word))
			os->bugcheck_parameter[i] = (struct known_u64){ true, word };
}

void facts_read(struct os *os)
{
	struct shared_data s = { 0 };

	shared_data_read(&os->vm, os->shared_data_va, &s);
	read_clock(os, &s);
	read_processors(os, &s);
	read_bugcheck(os);
}
