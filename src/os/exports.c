/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mapped PE image says of itself beyond its headers: exported names and
 * the RSDS record that names its symbol file. Pages may be missing and numbers
 * wrong: every table is bounded by the image.
 *
 * Sources: the PE/COFF specification (export and debug directories).
 */
#include "dumpleak/os/internal.h"

#include "dumpleak/base/text.h"

#include <stdio.h>
#include <string.h>

enum { MAX_EXPORTS = 65536, EXPORT_BYTES = 40, DEBUG_BYTES = 28, MAX_DEBUG = 64 };

/* The @n bytes at @rva, if the image has so many there. */
static bool image_bytes(struct vm *vm, uint64_t base, const struct image *image,
			uint64_t rva, void *buf, size_t n)
{
	return rva <= image->size_bytes && n <= image->size_bytes - rva &&
	       !vm_read(vm, base + rva, buf, n, NULL);
}

static bool image_word(struct vm *vm, uint64_t base, const struct image *image,
		       uint64_t rva, size_t width, uint64_t *out)
{
	uint8_t raw[8] = { 0 };

	if (!image_bytes(vm, base, image, rva, raw, width))
		return false;
	*out = le_word(raw, width);
	return true;
}

/* As strcmp(@name, the string at @rva); false if it cannot be read. */
static bool compare_at(struct vm *vm, uint64_t base, const struct image *image,
		       uint64_t rva, const char *name, int *order)
{
	size_t n = strlen(name) + 1;

	for (size_t i = 0; i < n; i++) {
		uint64_t c;

		if (!image_word(vm, base, image, rva + i, 1, &c))
			return false;
		*order = (unsigned char)name[i] - (int)c;
		if (*order)
			return true;
	}
	return true;
}

/* Names are sorted, so that a loader can do the same. */
static bool find_name(struct vm *vm, uint64_t base, const struct image *image,
		      const uint8_t *directory, const char *name, uint64_t *index)
{
	uint64_t names = le32(directory + 32), low = 0, high = le32(directory + 24);

	if (high > MAX_EXPORTS)
		return false;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2, rva;
		int order;

		if (!image_word(vm, base, image, names + mid * 4, 4, &rva) ||
		    !compare_at(vm, base, image, rva, name, &order))
			return false;
		*index = mid;
		if (!order)
			return true;
		if (order > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool image_export(struct vm *vm, uint64_t base, const struct image *image,
		  const char *name, uint64_t *va)
{
	uint8_t directory[EXPORT_BYTES];
	uint64_t index, ordinal, rva;

	if (!image->export_rva ||
	    !image_bytes(vm, base, image, image->export_rva, directory, sizeof directory) ||
	    !find_name(vm, base, image, directory, name, &index) ||
	    !image_word(vm, base, image, (uint64_t)le32(directory + 36) + index * 2, 2,
			&ordinal) ||
	    ordinal >= le32(directory + 20) ||
	    !image_word(vm, base, image, (uint64_t)le32(directory + 28) + ordinal * 4, 4,
			&rva) ||
	    !rva || rva >= image->size_bytes)
		return false;
	*va = base + rva;
	return true;
}

bool kernel_export(struct os *os, const char *name, uint64_t *va)
{
	struct image img;

	return os->kernel_base && image_at(&os->vm, os->kernel_base, &img) &&
	       image_export(&os->vm, os->kernel_base, &img, name, va);
}

/* The last part of a path, as far as it is plain ASCII. */
static void base_name(const uint8_t *path, size_t n, char *out, size_t size_bytes)
{
	size_t first = 0, len = 0;

	for (size_t i = 0; i < n && path[i]; i++)
		if (path[i] == '\\' || path[i] == '/')
			first = i + 1;
	for (size_t i = first; i < n && path[i] && len + 1 < size_bytes; i++)
		out[len++] = path[i] > 0x20 && path[i] < 0x7f ? (char)path[i] : '?';
	out[len] = '\0';
}

/* "RSDS", a GUID, the age and a path that ends in a NUL */
static bool parse_rsds(const uint8_t *b, size_t n, struct pdb_id *out)
{
	enum { PATH = 24 };

	if (n <= PATH || memcmp(b, "RSDS", 4))
		return false;
	snprintf(out->guid, sizeof out->guid,
		 "%08X%04X%04X%02X%02X%02X%02X%02X%02X%02X%02X", (unsigned)le32(b + 4),
		 (unsigned)le16(b + 8), (unsigned)le16(b + 10), b[12], b[13], b[14], b[15],
		 b[16], b[17], b[18], b[19]);
	out->age = le32(b + 20);
	base_name(b + PATH, n - PATH, out->name, sizeof out->name);
	out->known = out->name[0];
	return out->known;
}

bool image_pdb(struct vm *vm, uint64_t base, const struct image *image, struct pdb_id *out)
{
	const uint32_t codeview = 2;
	uint8_t entry[DEBUG_BYTES], raw[24 + 260];
	uint32_t nr = image->debug_bytes / DEBUG_BYTES;

	memset(out, 0, sizeof *out);
	for (uint32_t i = 0; image->debug_rva && i < nr && i < MAX_DEBUG; i++) {
		uint64_t rva = (uint64_t)image->debug_rva + i * DEBUG_BYTES;
		size_t n = sizeof raw;

		if (!image_bytes(vm, base, image, rva, entry, sizeof entry))
			return false;
		if (le32(entry + 12) != codeview)
			continue;
		if (le32(entry + 16) < n)
			n = le32(entry + 16);
		if (image_bytes(vm, base, image, le32(entry + 20), raw, n) &&
		    parse_rsds(raw, n, out))
			return true;
	}
	return false;
}
