/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules, objects and processes of the small 64-bit machine of the tests, of
 * any generation, spoilt: the input is the generation and a list of words to
 * overwrite, {page, offset, eight bytes} of twelve bytes each. What os.h
 * promises must hold afterwards whatever memory says.
 */
#include "../src/os/test_machine64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void spoil(struct machine64 *m, const uint8_t *data, size_t size)
{
	for (; size >= 12; data += 12, size -= 12) {
		uint32_t pa = (uint32_t)le16(data) % (RAM64 / PAGE_BYTES) * PAGE_BYTES +
			      le16(data + 2) % (PAGE_BYTES - 7);

		memcpy(m->ram + pa, data + 4, 8);
	}
}

static void check(struct os *os)
{
	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i];

		if ((i && d->va <= d[-1].va) || os_device_at(os, d->va) != d || !d->name ||
		    d->driver >= (int)os->nr_drivers)
			abort();
	}
	for (size_t i = 0; i < os->nr_drivers; i++)
		if (os->drivers[i].module >= (int)os->nr_modules || !os->drivers[i].name)
			abort();
	for (size_t i = 0; i < os->nr_processes; i++)
		if (!os->processes[i].image || os->processes[i].pid % 4)
			abort();
	for (size_t i = 0; i < os->nr_threads; i++)
		if (os->threads[i].stack_end <= os->threads[i].stack_first)
			abort();
	for (uint32_t pa = 0; pa < RAM64; pa += 0x100)
		objects_dispatcher_name(os, va64(pa));
	for (int i = 0; i < NR_BODIES; i++)
		objects_try(os, va64(body64(i)), FOUND_POOL, NULL);
	objects_sort(os);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine64 m;
	struct dl_err err;

	if (size < 1)
		return 0;
	m.ram = malloc(RAM64);
	if (!m.ram)
		return 0;
	machine64_build(&m, &generations[data[0] % NR_GENERATIONS]);
	spoil(&m, data + 1, size - 1);
	if (!machine64_open(&m, &err))
		check(&m.os);
	machine64_close(&m);
	free(m.ram);
	return 0;
}
