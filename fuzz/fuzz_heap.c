/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small sound segment heap, then bytes of it overwritten as the input says:
 * patches of an offset, a length and that many bytes, or pages that are taken
 * away. Whatever comes of it, blocks rise, lie in mapped memory and do not
 * overlap, and two threads find what one finds.
 */
#include "../src/pool/test_heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void patch(struct test_heap *t, const uint8_t *data, size_t size)
{
	enum { HEAD = 4, UNMAP = 0x80, WIDE = 0x40, LENGTH = 0x3f };

	while (size > HEAD) {
		uint32_t off = (le32(data) & 0xffffff) % TH_BYTES;
		unsigned kind = data[3];
		size_t n = kind & LENGTH;

		data += HEAD;
		size -= HEAD;
		if (kind & UNMAP) {
			th_map(t, off >> PAGE_SHIFT, false);
			continue;
		}
		if (kind & WIDE)        /* where the structures are */
			off = off % 2 ? TH_SEGMENT + off % 0x9000 : off % 0x9000;
		if (n > size)
			n = size;
		if (n > TH_BYTES - off)
			n = TH_BYTES - off;
		memcpy(th_at(t, off), data, n);
		data += n;
		size -= n;
	}
}

static uint64_t check(const struct test_heap *t)
{
	const struct catalog *c = &t->pool.blocks;
	uint64_t end = 0, sum = 0;

	for (size_t i = 0; i < c->nr; i++) {
		uint64_t va = catalog_va(c, i);

		if (va < end)
			abort();
		end = va + catalog_size(c, i);
		sum = sum * 31 + (c->where[i] ^ c->tag[i] ^ (uint64_t)c->size_units[i] << 32);
	}
	for (size_t i = 0; i < t->pool.nr_pages; i++) {
		const struct pool_page *p = &t->pool.pages[i];

		if ((size_t)p->first + p->nr > c->nr || !p->nr)
			abort();
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct test_heap t;
	uint64_t one;

	if (!t.ram && !th_new(&t))
		abort();
	th_fill(&t);
	patch(&t, data, size);
	if (th_scan(&t, 2, 1, NULL)) {
		th_forget(&t);
		return 0;
	}
	one = check(&t);
	if (size % 16 == 0 && (th_scan(&t, 2, 2, NULL) || check(&t) != one))
		abort();
	th_forget(&t);
	return 0;
}
