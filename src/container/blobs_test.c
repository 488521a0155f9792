/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secondary data streams behind the last page, sound and malformed.
 */
#include "dmp_testing.h"

enum { AT = 0x4000 };

static void add_blob(uint8_t tag, uint32_t data, uint32_t pre, uint32_t post)
{
	uint8_t *p = im.p + im.n;

	put32(p, 0x20);
	memset(p + 4, tag, 16);
	put32(p + 0x14, data);
	put32(p + 0x18, pre);
	put32(p + 0x1c, post);
	im.n += 0x20 + (size_t)pre + data + post;
}

/* Two pages, then streams of 0x10, 0 and 0x123 bytes. */
static void build(void)
{
	header64(1);
	put32(im.p + 0x88, 1);
	put64(im.p + 0x90, 2);
	put64(im.p + 0x98, 1);
	put64(im.p + 0xa0, 2);
	add_pages(1, 2);
	assert_int_equal(im.n, AT);
	memcpy(im.p + im.n, "DumpBlob", 8);
	put32(im.p + im.n + 8, 0x10);
	put32(im.p + im.n + 0xc, 0xf0004a65);
	im.n += 0x10;
	add_blob(0x11, 0x10, 8, 8);
	add_blob(0x22, 0, 0, 0);
	add_blob(0x33, 0x123, 0, 5);
}

static void test_listed(void **state)
{
	const struct dump_header *h;
	struct container *c;

	(void)state;
	build();
	c = open_image();
	h = container_header(c);
	assert_int_equal(h->nr_blobs, 3);
	assert_int_equal(h->blobs[0].guid[0], 0x11);
	assert_int_equal(h->blobs[0].guid[15], 0x11);
	assert_int_equal(h->blobs[0].off, AT + 0x10 + 0x20 + 8);
	assert_int_equal(h->blobs[0].size_bytes, 0x10);
	assert_int_equal(h->blobs[1].off, AT + 0x50 + 0x20);
	assert_int_equal(h->blobs[1].size_bytes, 0);
	assert_int_equal(h->blobs[2].guid[0], 0x33);
	assert_int_equal(h->blobs[2].size_bytes, 0x123);
	check_count(c, 2, 0);
	assert_int_equal(nr_notes(c), 0);
	close_image(c);
}

static void check(uint32_t off, uint32_t value, size_t want, const char *note)
{
	struct container *c;

	build();
	put32(im.p + off, value);
	c = open_image();
	assert_int_equal(container_header(c)->nr_blobs, want);
	if (note)
		assert_note(c, note);
	assert_int_equal(nr_notes(c), note ? 1 : 0);
	check_count(c, 2, 0);
	close_image(c);
}

static void test_malformed(void **state)
{
	(void)state;
	check(AT, 0, 0, NULL);                          /* something else */
	check(AT + 8, 0, 0, NULL);
	check(AT + 8, UINT32_MAX, 0, NULL);
	check(AT + 0x10, 0, 0, NULL);                   /* the list's end */
	check(AT + 0x10, 0x1f, 0, "HeaderSize at 0x4010 is 0x1f");
	check(AT + 0x50, UINT32_MAX, 1, "HeaderSize at 0x4050 is 0xffffffff");
	check(AT + 0x10 + 0x14, UINT32_MAX, 0, "secondary data at 0x4010: its 0xffffffff bytes");
	check(AT + 0x10 + 0x18, UINT32_MAX, 0, "secondary data at 0x4010");
	check(AT + 0x50 + 0x1c, UINT32_MAX, 2, NULL);   /* padding may be cut */
}

/* Streams of no bytes, as many as the file holds: the list is bounded. */
static void test_many(void **state)
{
	struct container *c;

	(void)state;
	build();
	while (im.n < sizeof im.p - 0x20)
		add_blob(1, 0, 0, 0);
	c = open_image();
	assert_int_equal(container_header(c)->nr_blobs, 256);
	assert_note(c, "more than 256 streams");
	close_image(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
