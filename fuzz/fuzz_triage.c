/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A minidump of triage_build.h, spoilt: the first byte's lowest bit is its
 * width, the next two where it is cut (0: nowhere), and the rest words to
 * overwrite, {offset, four bytes} of eight bytes each. Input that begins with
 * "PAGE" is taken as a whole file instead. It is opened as a container and as
 * an operating system; all ranges and lists are walked.
 */
#include "dumpleak/os/os.h"

#include "../src/container/triage_build.h"

#include <stdlib.h>

enum { MAX_RANGES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20)
			abort(); /* what leaves a dump is printable */
}

static void walk_ranges(struct container *c)
{
	uint64_t va = 0, first, last, bytes = 0;

	for (size_t i = 0; i < MAX_RANGES && !container_va_run(c, va, &first, &last); i++) {
		uint8_t b[16];

		if (first < va || last < first)
			abort(); /* ranges must rise */
		bytes += last - first + 1;
		if (container_va_read(c, first, b, 1, NULL) ||
		    container_va_read(c, last, b, 1, NULL))
			abort(); /* and hold what they promise */
		container_va_read(c, last - 7, b, sizeof b, NULL);
		va = last + 1;
		if (!va)
			break;
	}
	if (bytes > container_minidump(c)->range_bytes)
		abort();
}

static void walk_lists(const struct dump_minidump *m)
{
	for (size_t i = 0; i < m->nr_modules; i++)
		check_text(m->modules[i].name);
	for (size_t i = 0; i < m->nr_unloaded; i++)
		check_text(m->unloaded[i].name);
	if (m->broken_driver)
		check_text(m->broken_driver);
}

static void walk_os(struct container *c)
{
	struct os *os = malloc(sizeof *os);
	struct dl_err err;

	if (os && !os_open(c, NULL, os, &err)) {
		for (size_t i = 0; i < os->nr_modules; i++) {
			check_text(os->modules[i].name);
			if (!os_module_at(os, os->modules[i].base))
				abort();
		}
		for (size_t i = 0; i < os->nr_stack_words; i++)
			os_module_at(os, os->stack_words[i]);
		check_text(os->build_lab);
		os_close(os);
	}
	free(os);
}

static void use(struct bytes b)
{
	struct source_options opts = { .cache_bytes = 1 << 20, .window_bytes = 1 << 20 };
	struct source *source;
	struct container *c;
	struct dl_err err;
	size_t n;

	if (source_open_memory(b, "fuzz", &opts, &source, &err))
		return;
	if (container_open(source, &c, &err) == DL_OK) {
		if (container_minidump(c)) {
			walk_ranges(c);
			walk_lists(container_minidump(c));
			walk_os(c);
		}
		container_notes(c, &n);
		container_close(c);
	}
	source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t image[TB_MAX];
	size_t n, cut;

	if (size >= 4 && !memcmp(data, "PAGE", 4)) {
		use((struct bytes){ data, size });
		return 0;
	}
	if (size < 3)
		return 0;
	tb_build(image, data[0] & 1, &n);
	cut = le16(data + 1);
	for (size_t i = 3; i + 8 <= size; i += 8)
		memcpy(image + le32(data + i) % (n - 3), data + i + 4, 4);
	use((struct bytes){ image, cut && cut < n ? cut : n });
	return 0;
}
