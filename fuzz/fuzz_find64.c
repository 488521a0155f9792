/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a 64-bit kernel: the machine of the tests, spoilt. The input is what
 * machine to take, then words to overwrite: {place, offset, eight bytes} of 12
 * bytes each, in the pages that finding reads.
 */
#include "../src/os/test_space64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ALL_BYTES = S64_HEADER_BYTES + S64_RAM_BYTES };

/* From the file's start: the header, then pages of memory. */
static const uint32_t places[] = {
	0, 0, S64_ROOT, S64_ROOT, S64_TABLES, S64_TABLES + 0x1000, S64_TABLES + 0x2000,
	S64_TABLES + 0x3000, S64_SHARED, S64_DATA, S64_DATA + 0x1000, S64_KERNEL,
	S64_KERNEL + 0x100000, S64_KERNEL + 0x101000, S64_KERNEL + S64_VARIABLES,
	S64_KERNEL + S64_LISTS, S64_KERNEL + S64_EXPORTS, S64_KERNEL + S64_DEBUG,
};

static void spoil(struct space64 *s, const uint8_t *data, size_t size)
{
	for (; size >= 12; data += 12, size -= 12) {
		size_t place = le16(data) % (sizeof places / sizeof places[0]);
		size_t off = le16(data + 2) % (PAGE_BYTES - 7);

		memcpy((place ? s->ram : s->file) + places[place] + off, data + 4, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *healthy[6], *file;
	struct space64 s = { 0 };
	struct dl_err err = { "" };
	unsigned which;

	if (size < 2)
		return 0;
	which = data[0] % 6;
	if (!file)
		file = malloc(ALL_BYTES);
	if (!healthy[which]) {
		s.file = healthy[which] = malloc(ALL_BYTES);
		s64_build(&s, (enum space64_kind)(which % 3));
		if (which >= 3)
			s64_encode(&s, 0x9e3779b97f4a7c15, 0xd1342543de82ef95, S64_KERNEL_VA + 8);
	}
	memcpy(file, healthy[which], ALL_BYTES);
	s.file = file;
	s.ram = file + S64_HEADER_BYTES;
	spoil(&s, data + 2, size - 2);
	if (!s64_open(&s, !(data[1] & 7), &err) &&
	    (!s.os.name || !s.os.dtb_how || !s.os.kdbg_how || s.os.nr_notes > OS_MAX_NOTES ||
	     (s.os.pdb.known && strlen(s.os.pdb.guid) != 32)))
		abort();
	s64_close(&s);
	return 0;
}
