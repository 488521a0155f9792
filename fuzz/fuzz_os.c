/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os_open() on the small machine of the tests, spoilt: the input is a list of
 * words to overwrite, {page, offset, four bytes} of eight bytes each, since
 * noise alone would never get past the search for the kernel. Afterwards every
 * answer by address is asked for once.
 */
#include "../src/os/test_machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void spoil(struct machine *m, const uint8_t *data, size_t size)
{
	for (; size >= 8; data += 8, size -= 8) {
		uint32_t pa = (uint32_t)le16(data) % (RAM_BYTES / PAGE_BYTES) * PAGE_BYTES +
			      le16(data + 2) % (PAGE_BYTES - 3);

		memcpy(m->ram + pa, data + 4, 4);
	}
}

/* Order and indices are promises of os.h, whatever the dump holds. */
static void check(struct os *os)
{
	for (size_t i = 0; i < os->nr_devices; i++) {
		const struct device *d = &os->devices[i];

		if ((i && d->va <= d[-1].va) || os_device_at(os, d->va) != d || !d->name ||
		    d->driver >= (int)os->nr_drivers)
			abort();
		objects_try(os, d->va, FOUND_POOL, NULL);
	}
	for (size_t i = 0; i < os->nr_drivers; i++)
		if (os->drivers[i].module >= (int)os->nr_modules || !os->drivers[i].name)
			abort();
	for (size_t i = 0; i < os->nr_modules; i++)
		os_section_at(&os->modules[i], os->modules[i].base + 0x1000);
	for (uint32_t pa = 0; pa < RAM_BYTES; pa += 0x100) {
		objects_dispatcher_name(os, va_of(pa));
		os_module_at(os, va_of(pa));
	}
	for (int i = 0; i < 16; i++)
		objects_try(os, va_of(object_pa(i)), FOUND_POOL, NULL);
	objects_sort(os);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine m;
	static uint8_t *healthy[2];
	struct dl_err err;
	int pae;

	if (size < 1)
		return 0;
	pae = data[0] & 1;
	if (!healthy[pae]) {
		m.ram = healthy[pae] = malloc(RAM_BYTES);
		machine_build(&m, pae);
	}
	m.ram = malloc(RAM_BYTES);
	memcpy(m.ram, healthy[pae], RAM_BYTES);
	spoil(&m, data + 1, size - 1);
	if (!machine_open(&m, &err))
		check(&m.os);
	machine_close(&m);
	free(m.ram);
	return 0;
}
