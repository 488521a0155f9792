/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secondary data streams: "DumpBlob" behind the primary data, then headers of
 * 0x20 bytes with a GUID as tag, each followed by its data. Layout as measured
 * on minidumps of x64 and ARM64 machines.
 */
#include "blobs.h"

#include "source_impl.h"

#include <inttypes.h>
#include <string.h>

enum {
	FILE_BYTES = 0x10, FILE_SIZE_OFF = 8,
	BLOB_BYTES = 0x20, TAG_OFF = 4, DATA_OFF = 0x14, PRE_OFF = 0x18, POST_OFF = 0x1c,
	MAX_HEADER_BYTES = 0x1000,
	MAX_BLOBS = 256,
};

/* The stream at @off; false where the list ends. *@next: where another may be. */
static bool read_blob(struct container *c, uint64_t off, struct dump_blob *blob,
		      uint64_t *next)
{
	const char *name = source_name(c->source);
	uint8_t b[BLOB_BYTES];
	uint64_t size;

	if (source_read(c->source, off, b, sizeof b, NULL))
		return false;
	size = le32(b);
	if (size < BLOB_BYTES || size > MAX_HEADER_BYTES) {
		if (size) /* zeros: padding up to the end */
			container_note(c, DL_CORRUPT, "%s: secondary data: HeaderSize at 0x%"
				       PRIx64 " is 0x%" PRIx64 ": what follows is left out",
				       name, off, size);
		return false;
	}
	memcpy(blob->guid, b + TAG_OFF, sizeof blob->guid);
	blob->size_bytes = le32(b + DATA_OFF);
	blob->off = off + size + le32(b + PRE_OFF);
	*next = blob->off + blob->size_bytes + le32(b + POST_OFF);
	if (source_reaches(c->source, blob->off + blob->size_bytes))
		return true;
	container_note(c, DL_ABSENT, "%s: secondary data at 0x%" PRIx64 ": its 0x%" PRIx64
		       " bytes at 0x%" PRIx64 " do not end inside the file", name, off,
		       blob->size_bytes, blob->off);
	return false;
}

void blobs_read(struct container *c, uint64_t off)
{
	uint8_t b[FILE_BYTES];
	struct dump_blob *list, blob = { { 0 }, 0, 0 };
	size_t n = 0;

	if (source_read(c->source, off, b, sizeof b, NULL) || memcmp(b, "DumpBlob", 8) ||
	    le32(b + FILE_SIZE_OFF) < FILE_BYTES || le32(b + FILE_SIZE_OFF) > MAX_HEADER_BYTES)
		return;
	list = arena_array(&c->arena, MAX_BLOBS, sizeof *list);
	off += le32(b + FILE_SIZE_OFF);
	while (list && n < MAX_BLOBS && read_blob(c, off, &blob, &off))
		list[n++] = blob;
	if (n == MAX_BLOBS && read_blob(c, off, &blob, &off))
		container_note(c, DL_OK, "%s: secondary data: more than %d streams, the rest "
			       "is not listed", source_name(c->source), MAX_BLOBS);
	c->header.blobs = n ? list : NULL;
	c->header.nr_blobs = n;
}
