/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pool blocks tagged as device or driver objects to entries of the os layer:
 * the way to objects that no directory lists, such as those of a rootkit or of
 * a driver that is being unloaded.
 */
#include "dumpleak/os/objects.h"
#include "dumpleak/pool/pool.h"

enum {
	TAG_DEVI = 0x69766544, TAG_DRIV = 0x76697244,
	/* object header and optional headers before the body, at most */
	MAX_BEFORE_BODY = 0x100,
};

/* Try each place in the block at which the object's body can start. */
static enum dl_status try_block(struct os *os, const struct pool *pool, size_t i,
				unsigned type, struct dl_err *err)
{
	uint64_t va = pool_user_va(pool, i), n = pool_user_bytes(pool, i);
	unsigned unit = pool->layout.header.unit_bytes;
	uint64_t off = os->layout.object.header_bytes;

	for (; off + 4 <= n && off <= MAX_BEFORE_BODY; off += unit) {
		uint64_t word;
		enum dl_status st;

		/* Type and Size: cheap to look at before the real test */
		if (vm_word(&os->vm, va + off, 4, &word, NULL))
			return DL_OK;
		if ((word & 0xffff) != type)
			continue;
		st = objects_try(os, va + off, FOUND_POOL, err);
		if (st != DL_NOTFOUND)
			return st;
	}
	return DL_OK;
}

enum dl_status pool_objects(struct os *os, const struct pool *pool, struct dl_err *err)
{
	enum { IO_TYPE_DEVICE = 3, IO_TYPE_DRIVER = 4 };
	const struct catalog *c = &pool->blocks;

	for (size_t i = 0; i < c->nr; i++) {
		uint32_t tag = catalog_tag(c, i);
		enum dl_status st;

		if ((tag != TAG_DEVI && tag != TAG_DRIV) ||
		    catalog_state(c, i) != BLOCK_IN_USE)
			continue;
		st = try_block(os, pool, i,
			       tag == TAG_DEVI ? IO_TYPE_DEVICE : IO_TYPE_DRIVER, err);
		if (st)
			return st;
	}
	objects_sort(os);
	return DL_OK;
}
