/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a gzip file, read here and there with tiny limits, so that
 * checkpoints are thinned and chunks inflated again: what is read twice must
 * be the same twice.
 */
#include "dumpleak/container/source.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 8 << 20, READS = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The status and bytes at @off of two sources of the same file must agree. */
static void compare(struct source *a, struct source *b, uint64_t off)
{
	uint8_t x[300] = { 0 }, y[300] = { 0 };
	enum dl_status sa = source_read(a, off, x, sizeof x, NULL);
	enum dl_status sb = source_read(b, off, y, sizeof y, NULL);

	if (sa != sb || (sa == DL_OK && memcmp(x, y, sizeof x) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct source_options tiny = { .cache_bytes = 8 << 10, .window_bytes = 1 };
	struct bytes b = { data, n };
	struct source *s, *whole;
	uint64_t off = 0;

	if (n < 2 || source_open_memory(b, "fuzz", &tiny, &s, NULL))
		return 0;
	if (source_open_memory(b, "fuzz", NULL, &whole, NULL) == DL_OK) {
		for (unsigned i = 0; i < READS; i++) {
			compare(whole, s, off);
			off = (off * 7 + (uint64_t)data[i % n] * 4099) % MAX_BYTES;
		}
		source_close(whole);
	}
	source_damage(s);
	source_held_bytes(s);
	source_close(s);
	return 0;
}
