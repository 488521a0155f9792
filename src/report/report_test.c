/* SPDX-License-Identifier: Apache-2.0 */
/* A machine made by hand, with one leak, to JSON and to text. */
#include "dumpleak/report/report.h"

#include "dumpleak/base/text.h"
#include "dumpleak/memory/paging.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test_util.h"

enum { TAG_IO = 0x20206f49, TAG_LOST = 0x74736f4c };

/* All that one report points to. */
struct machine {
	struct dump_header header;
	struct dump_note note;
	struct os os;
	struct module module;
	struct driver driver;
	struct device device;
	struct pool *pool;
	struct ledger_row row[2];
	struct ledger ledger;
	struct ledger_signal signal;
	struct pool_class class[2], tag;
	struct classes classes, tags;
	struct column column[2];
	struct suspect suspect;
	struct findings findings;
	struct report_input in;
};

static void make_os(struct machine *m)
{
	m->module = (struct module){ .base = 0xf9c00000, .size_bytes = 0x9000,
		.name = "donifs.sys", .path = "\\SystemRoot\\donifs.sys" };
	m->driver = (struct driver){ .va = 0x81c00000, .name = "\\FileSystem\\DonIfs",
		.image_base = 0xf9c00000, .module = 0 };
	m->device = (struct device){ .va = 0x81c3e008, .name = "\\Device\\DonIfs",
		.extension_va = 0x81c3e0c0 };
	m->os.name = "Windows Server 2003";
	m->os.build_lab = m->os.service_pack = "";
	m->os.build = 3790;
	m->os.kernel_base = 0x804d0000;
	m->os.layout.machine = MACHINE_I386;
	m->os.layout.ptr_bytes = 4;
	m->os.vm.mode = &paging_ia32;
	m->os.vm.root_pa = 0x39000;
	m->os.modules = &m->module;
	m->os.drivers = &m->driver;
	m->os.devices = &m->device;
	m->os.nr_modules = m->os.nr_drivers = m->os.nr_devices = 1;
}

static void make_pool(struct machine *m)
{
	struct pool_totals *t;

	m->pool = calloc(1, sizeof *m->pool);
	assert_non_null(m->pool);
	t = &m->pool->totals[POOL_NONPAGED];
	t->pages = 1000;
	t->bytes = 1000 * PAGE_BYTES;
	t->blocks[BLOCK_IN_USE] = 48000;
	t->blocks[BLOCK_FREE] = 10;
	t->block_bytes[BLOCK_IN_USE] = 4000000;
	t->block_bytes[BLOCK_FREE] = 96000;
	t->largest_free = 0xa00;
	t->limit_bytes = (struct known_u64){ true, 4194304 };
	m->pool->totals[POOL_PAGED].absent_pages = 2;
	m->row[0] = (struct ledger_row){ .tag = TAG_IO, .counted = true, .matches = true,
		.allocs = { 30000, 0 }, .counted_blocks = { 24000, 0 },
		.counted_bytes = { 1536000, 0 }, .walked_blocks = { 24000, 0 },
		.walked_bytes = { 1536000, 0 } };
	m->row[1] = (struct ledger_row){ .tag = TAG_LOST, .counted = true,
		.allocs = { 0, 2 }, .counted_blocks = { 0, 2 }, .counted_bytes = { 0, 8000 },
		.why = { { 0 }, { [REASON_ABSENT] = 7000, [REASON_NONE] = 1000 } } };
	m->ledger = (struct ledger){ .rows = m->row, .nr = 2, .known = true,
		.tags_total = 2, .tags_matched = 1, .bytes_counted = 1544000,
		.bytes_walked = 1536000, .bytes_accounted = 1536000,
		.missing = { { 0 }, { [REASON_ABSENT] = 7000, [REASON_NONE] = 1000 } },
		.signals = &m->signal, .nr_signals = 1 };
	m->signal = (struct ledger_signal){ .tag = TAG_IO, .allocs = 30000, .bytes = 1536000 };
}

static void make_suspect(struct machine *m)
{
	static const char *const steps[] = { "Ask the vendor.", NULL };
	struct suspect *s = &m->suspect;

	m->class[0] = (struct pool_class){ .tag = TAG_IO, .size_bytes = 0x40,
		.blocks = 24000, .bytes = 1536000 };
	m->tag = m->class[0];
	m->tag.any_size = true;
	m->classes = (struct classes){ m->class, 1 };
	m->tags = (struct classes){ &m->tag, 1 };
	m->column[0] = (struct column){ .offset = 0x10, .width = 4, .kind = COLUMN_POINTER,
		.share = 1, .distinct = 1, .distinct_exact = true,
		.target = "device \\Device\\DonIfs", .words = "always \\Device\\DonIfs" };
	m->column[1] = (struct column){ .offset = 0x24, .width = 4,
		.kind = COLUMN_UNWRITTEN, .share = 1, .distinct = 900 };
	s->class = m->class[0];
	s->candidate = (struct candidate){ .block_share = 0.5, .byte_share = 0.384,
		.kept_share = -1, .why = "many equal blocks" };
	s->user_bytes = 56;
	s->used_bytes = 36;
	s->readable = 24000;
	s->columns = m->column;
	s->nr_columns = 2;
	s->nr_owners = 1;
	s->owners[0] = (struct owner){ .driver = &m->driver, .device = &m->device,
		.module = &m->module, .blocks = 24000, .share = 1, .control_share = 0.001,
		.nr_evidence = 1, .path = "+0x10 -> device object" };
	s->owners[0].evidence[0] = (struct evidence){ "+0x10 -> device object", 24000, 1, 0 };
	s->verdict = VERDICT_CLEAR;
	s->samples[0] = 0x81c3e008;
	s->nr_samples = 1;
	s->next_steps = steps;
	m->findings = (struct findings){ .suspects = s, .nr = 1 };
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->header = (struct dump_header){ .format = "dump32",
		.title = "32-bit complete memory dump (DumpType 1)",
		.bugcheck_code = { true, 0x9f } };
	m->note = (struct dump_note){ "run 3 is cut", DL_ABSENT };
	make_os(m);
	make_pool(m);
	make_suspect(m);
	m->in.dump = (struct report_dump){ .path = "don.dmp", .header = &m->header,
		.pages_present = 65000, .pages_absent = 12, .notes = &m->note, .nr_notes = 1 };
	m->in.os = &m->os;
	m->in.pool = m->pool;
	m->in.ledger = &m->ledger;
	m->in.classes = &m->classes;
	m->in.tags = &m->tags;
	m->in.findings = &m->findings;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	free(m->pool);
	free(m);
	return 0;
}

static json_t *json_of(const struct report_input *in)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	json_t *root;

	assert_non_null(f);
	assert_int_equal(report_json(in, f), DL_OK);
	fclose(f);
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static const struct { const char *path, *text; } texts[] = {
	{ "schema", "dumpleak.report/1" },
	{ "dump/format", "dump32" },
	{ "dump/arch", "x86" },
	{ "dump/file", "don.dmp" },
	{ "dump/files/0", "don.dmp" },
	{ "dump/notes/0/kind", "absent" },
	{ "bugcheck/code", "0x9f" },
	{ "os/name", "Windows Server 2003" },
	{ "os/kernel_base", "0x804d0000" },
	{ "os/dtb", "0x39000" },
	{ "os/modules/0/name", "donifs.sys" },
	{ "classes/0/tag", "Io  " },
	{ "classes/0/pool", "nonpaged" },
	{ "suspects/0/tag", "Io  " },
	{ "suspects/0/owners/0/driver", "\\FileSystem\\DonIfs" },
	{ "suspects/0/owners/0/device", "\\Device\\DonIfs" },
	{ "suspects/0/owners/0/path", "+0x10 -> device object" },
	{ "suspects/0/columns/0/target", "device \\Device\\DonIfs" },
	{ "suspects/0/samples/0", "0x81c3e008" },
	{ "reconciliation/differs/0/tag", "Lost" },
	{ "reconciliation/differs/0/explanation", "absent" },
	{ "reconciliation/counters", "complete" },
	{ "reconciliation/signals/0/tag", "Io  " },
	{ "reconciliation/signals/0/pool", "nonpaged" },
};

static const struct { const char *path; json_int_t value; } numbers[] = {
	{ "dump/build", 3790 },
	{ "dump/pages_present", 65000 },
	{ "dump/pages_absent", 12 },
	{ "pool/nonpaged/bytes", 4096000 },
	{ "pool/nonpaged/blocks", 48000 },
	{ "pool/nonpaged/free_bytes", 96000 },
	{ "pool/nonpaged/largest_free", 0xa00 },
	{ "pool/paged/bytes", 0 },
	{ "reconciliation/tags_matched", 1 },
	{ "reconciliation/tags_total", 2 },
	{ "reconciliation/bytes_accounted", 1536000 },
	{ "reconciliation/bytes_counted", 1544000 },
	{ "reconciliation/differs/0/paged/difference_bytes", -8000 },
	{ "reconciliation/differs/0/paged/explained/absent", 7000 },
	{ "reconciliation/differs/0/paged/explained/unexplained", 1000 },
	{ "reconciliation/paged/not_found/absent", 7000 },
	{ "reconciliation/paged/not_counted/absent", 0 },
	{ "reconciliation/signals/0/allocs", 30000 },
	{ "reconciliation/signals/0/frees", 0 },
	{ "classes/0/size_bytes", 0x40 },
	{ "classes/0/blocks", 24000 },
	{ "classes/0/bytes", 1536000 },
	{ "suspects/0/used_bytes", 36 },
	{ "suspects/0/columns/0/offset", 0x10 },
	{ "suspects/0/columns/0/distinct", 1 },
};

static void test_json(void **state)
{
	struct machine *m = *state;
	json_t *root = json_of(&m->in);

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_string_equal(json_string_value(at(root, texts[i].path)),
				    texts[i].text);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		assert_int_equal(json_integer_value(at(root, numbers[i].path)),
				 numbers[i].value);
	assert_true(json_is_null(at(root, "os/kdbg")));
	assert_true(json_is_null(at(root, "reason")));
	assert_true(json_is_null(at(root, "minidump")));
	assert_true(json_is_null(at(root, "os/symbols")));
	assert_true(json_is_null(at(root, "os/pdb")));
	assert_int_equal(json_array_size(at(root, "dump/attributes")), 0);
	assert_true(json_is_false(at(root, "dump/attributes_known")));
	assert_true(json_is_null(at(root, "dump/dump_type")));
	assert_true(json_is_null(at(root, "os/uptime_s")));
	assert_true(json_is_null(at(root, "pool/paged/limit_bytes")));
	assert_true(json_is_null(at(root, "suspects/0/candidate/kept_share")));
	assert_float_equal(json_real_value(at(root, "suspects/0/owners/0/share")), 1, 1e-9);
	json_decref(root);
}

/* Nothing but a container: every top-level key is there, and null. */
static void test_json_without_kernel(void **state)
{
	struct machine *m = *state;
	struct report_input in = { .dump = m->in.dump, .os_reason = "no kernel" };
	json_t *root = json_of(&in);

	assert_true(json_is_null(at(root, "os")));
	assert_true(json_is_null(at(root, "pool")));
	assert_true(json_is_null(at(root, "reconciliation")));
	assert_true(json_is_null(at(root, "suspects")));
	assert_true(json_is_null(at(root, "classes")));
	assert_string_equal(json_string_value(at(root, "coverage/os_missing")), "no kernel");
	assert_string_equal(json_string_value(at(root, "reason")), "no kernel");
	json_decref(root);
}

static char *text_of(const struct report_input *in, unsigned width, bool colour)
{
	char *text = NULL;
	size_t n = 0;
	struct paper p = { .width = width, .colour = colour };

	p.out = open_memstream(&text, &n);
	assert_non_null(p.out);
	report_text(in, &p);
	fclose(p.out);
	assert_false(p.failed);
	return text;
}

static void test_text(void **state)
{
	struct machine *m = *state;
	char *text = text_of(&m->in, 200, false);

	assert_non_null(strstr(text, "24,000 blocks of 0x40 bytes tagged 'Io  ' (50.0 % of "
			       "the blocks in use"));
	assert_non_null(strstr(text, "\\Device\\DonIfs of \\FileSystem\\DonIfs (donifs.sys)"));
	assert_non_null(strstr(text, "0x9F DRIVER_POWER_STATE_FAILURE"));
	assert_non_null(strstr(text, "36 of 56 bytes"));
	assert_non_null(strstr(text, "up to 7,000 absent, 1,000 not explained"));
	assert_non_null(strstr(text, "Never freed: 'Io  ' (nonpaged): 30,000 allocations, "
			       "0 frees, 1.46 MB outstanding"));
	assert_non_null(strstr(text, "at its limit"));
	assert_non_null(strstr(text, "Absent          run 3 is cut"));
	assert_non_null(strstr(text, "unknown"));
	assert_null(strstr(text, "\033"));
	free(text);
	text = text_of(&m->in, 80, false);
	assert_true(widest(text) <= 80);
	free(text);
	text = text_of(&m->in, 80, true);
	assert_non_null(strstr(text, "\033[1m"));
	free(text);
}

static void test_text_without_suspects(void **state)
{
	struct machine *m = *state;
	char *text;

	m->findings.nr = 0;
	text = text_of(&m->in, 80, false);
	assert_non_null(strstr(text, "No suspects"));
	free(text);
	m->in.os = NULL;
	m->in.pool = NULL;
	m->in.os_reason = "no Windows kernel found";
	text = text_of(&m->in, 80, false);
	assert_non_null(strstr(text, "Nothing analysed: no Windows kernel found"));
	free(text);
}

/* Tags with quotes and control characters still make one JSON object a line. */
static void test_block_lines(void **state)
{
	struct machine *m = *state;
	struct block b = { .va = 0x81c3e000, .size_bytes = 0x40, .tag = 0x01225c7f,
		.state = BLOCK_PARKED, .how = BLOCK_PAGE, .pool = POOL_PAGED };
	struct catalog *c = &m->pool->blocks;
	char line[BLOCK_LINE_MAX];
	json_t *o;
	size_t n;

	m->pool->layout.header.header_bytes = 8;
	catalog_init(c);
	assert_int_equal(catalog_reserve(c, 2), DL_OK);
	catalog_put(c, 0, &b);
	b.how = BLOCK_BIG;
	b.va = 0x81c40000;
	b.size_bytes = 0x3000;
	catalog_put(c, 1, &b);
	c->nr = 2;
	n = block_json(m->pool, 0, line);
	assert_true(n < BLOCK_LINE_MAX && line[n - 1] == '\n');
	o = json_loadb(line, n, 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(at(o, "va")), "0x81c3e008");
	assert_string_equal(json_string_value(at(o, "header_va")), "0x81c3e000");
	assert_string_equal(json_string_value(at(o, "tag")), "\\x7f\\x5c\"\\x01");
	assert_string_equal(json_string_value(at(o, "state")), "cached");
	assert_string_equal(json_string_value(at(o, "how")), "page");
	json_decref(o);
	n = block_json(m->pool, 1, line);
	o = json_loadb(line, n, 0, NULL);
	assert_non_null(o);
	assert_true(json_is_null(at(o, "header_va")));
	assert_string_equal(json_string_value(at(o, "va")), "0x81c40000");
	assert_int_equal(json_integer_value(at(o, "size_bytes")), 0x3000);
	json_decref(o);
	block_line(m->pool, 1, line);
	assert_memory_equal(line, "81c40000    0x3000  ", 20);
	catalog_deinit(c);
}

/* How and where a block is kept, for each way there is. */
static const struct {
	enum block_how how;
	enum block_state state;
	const char *how_text, *state_text, *list, *shown;
	bool header;
} kept[] = {
	{ BLOCK_PAGE, BLOCK_IN_USE, "page", "in-use", NULL, "in-use", true },
	{ BLOCK_BIG, BLOCK_IN_USE, "big", "in-use", NULL, "in-use", false },
	{ BLOCK_VS, BLOCK_DELAYED, "vs", "cached", "delayed", "delayed", true },
	{ BLOCK_LFH, BLOCK_CACHED, "lfh", "cached", "lookaside", "cached", true },
	{ BLOCK_RANGE, BLOCK_PARKED, "range", "cached", "driver-lookaside", "parked", false },
	{ BLOCK_CARVED, BLOCK_FREE, "carved", "free", NULL, "free", true },
	{ BLOCK_SPECIAL, BLOCK_IN_USE, "special", "in-use", NULL, "in-use", false },
};

static void test_block_kinds(void **state)
{
	struct machine *m = *state;
	struct catalog *c = &m->pool->blocks;
	enum { N = sizeof kept / sizeof kept[0] };

	m->pool->layout.header.header_bytes = 16;
	catalog_init(c);
	assert_int_equal(catalog_reserve(c, N), DL_OK);
	for (size_t i = 0; i < N; i++) {
		struct block b = { .va = 0xffffba0000001000 + i * 0x1000, .size_bytes = 0x40,
			.tag = TAG_IO, .state = kept[i].state, .how = kept[i].how };

		catalog_put(c, i, &b);
	}
	c->nr = N;
	for (size_t i = 0; i < N; i++) {
		char line[BLOCK_LINE_MAX];
		size_t n = block_json(m->pool, i, line);
		json_t *o = json_loadb(line, n, 0, NULL);
		const char *list = json_string_value(json_object_get(o, "list"));

		assert_non_null(o);
		assert_string_equal(json_string_value(at(o, "how")), kept[i].how_text);
		assert_string_equal(json_string_value(at(o, "state")), kept[i].state_text);
		assert_int_equal(json_is_string(at(o, "header_va")), kept[i].header);
		assert_true(kept[i].list ? list && !strcmp(list, kept[i].list) : !list);
		json_decref(o);
		n = block_line(m->pool, i, line);
		line[n] = '\0';
		assert_non_null(strstr(line, kept[i].shown));
		assert_true(n <= 81);
	}
	catalog_deinit(c);
}

/* A machine with a segment heap: how it was found, and who agreed on its keys. */
static void make_heap(struct machine *m)
{
	m->pool->heap = (struct pool_heap){ .how = "pool state", .state_va = 0x82345678,
		.heap_key_known = true, .heap_key_votes = 118, .heap_key_voters = 120,
		.lfh_key_voters = 40, .heaps = 4, .segments = 120, .vs_subsegments = 3000,
		.lfh_subsegments = 40, .large = 2, .carved_subsegments = 40,
		.absent_subsegments = 3 };
	m->pool->layout.header.quota_cookie = true;
	m->pool->quota = (struct pool_quota){ .cookie_known = true, .votes = 9, .voters = 10 };
	m->pool->totals[POOL_NONPAGED].blocks[BLOCK_DELAYED] = 17;
	m->class[0].by_how[BLOCK_VS] = 23000;
	m->class[0].by_how[BLOCK_CARVED] = 1000;
}

static void test_heap(void **state)
{
	struct machine *m = *state;
	json_t *root;
	char *text;

	root = json_of(&m->in);
	assert_true(json_is_null(at(root, "pool/heap")));
	json_decref(root);
	make_heap(m);
	root = json_of(&m->in);
	assert_string_equal(json_string_value(at(root, "pool/heap/how")), "pool state");
	assert_true(json_is_true(at(root, "pool/heap/heap_key/known")));
	assert_int_equal(json_integer_value(at(root, "pool/heap/heap_key/votes")), 118);
	assert_int_equal(json_integer_value(at(root, "pool/heap/heap_key/voters")), 120);
	assert_true(json_is_false(at(root, "pool/heap/lfh_key/known")));
	assert_int_equal(json_integer_value(at(root, "pool/heap/carved_subsegments")), 40);
	assert_int_equal(json_integer_value(at(root, "pool/blocks_by_how/vs")), 23000);
	assert_int_equal(json_integer_value(at(root, "pool/nonpaged/blocks_by_state/delayed")), 17);
	assert_int_equal(json_integer_value(at(root, "pool/quota_cookie/votes")), 9);
	json_decref(root);
	text = text_of(&m->in, 200, false);
	assert_non_null(strstr(text, "4 heaps, found by pool state at 82345678"));
	assert_non_null(strstr(text, "Heap key        known; 118 of 120 agree on it"));
	assert_non_null(strstr(text, "LFH key         not found"));
	assert_non_null(strstr(text, "Quota cookie    known; 9 of 10 agree on it"));
	assert_non_null(strstr(text, "40 damaged or not to be decoded"));
	assert_non_null(strstr(text, "23,000 VS chunks, 1,000 carved by their headers"));
	assert_non_null(strstr(text, "Delayed: 17 freed blocks"));
	assert_null(strstr(text, "Free lists"));
	free(text);
	text = text_of(&m->in, 80, false);
	assert_true(widest(text) <= 80);
	free(text);
}

/* Counters that are not all there, or not at all, are said to be so. */
static void test_counters_absent(void **state)
{
	struct machine *m = *state;
	json_t *root;
	char *text;

	m->ledger.rows_absent = 31;
	text = text_of(&m->in, 200, false);
	assert_non_null(strstr(text, "only partly there: 31 rows of PoolTrackTable are not"));
	free(text);
	root = json_of(&m->in);
	assert_string_equal(json_string_value(at(root, "reconciliation/counters")), "partial");
	json_decref(root);
	m->ledger.known = false;
	text = text_of(&m->in, 200, false);
	assert_non_null(strstr(text, "per-tag counters were not found"));
	free(text);
	root = json_of(&m->in);
	assert_string_equal(json_string_value(at(root, "reconciliation/counters")), "absent");
	assert_true(json_is_null(at(root, "reconciliation/bytes_counted")));
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_without_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_without_suspects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_block_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_block_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_heap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters_absent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
