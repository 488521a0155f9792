/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show: the block that holds an address, and what its words are; the memory
 * there, where the pool is not in the dump or not known.
 */
#include "output.h"

#include <inttypes.h>
#include <string.h>

/* More words than that do not help; of large blocks the part at the address. */
enum { MAX_SHOWN = 1024, SHOWN_BEFORE = 32, MEMORY_WORDS = 64 };

static enum dl_status parse_address(struct session *s, uint64_t *va)
{
	if (!va_parse(s->opts->word, va))
		return err_set(&s->err, DL_USAGE, "show: \"%s\" is no address",
			       s->opts->word);
	return DL_OK;
}

/* WinDbg prints 32-bit kernel addresses sign-extended as well. */
static uint64_t to_machine(const struct os *os, uint64_t va)
{
	return os->layout.ptr_bytes == 4 && va >> 32 == UINT32_MAX ? (uint32_t)va : va;
}

static enum dl_status no_block(struct session *s, uint64_t va)
{
	struct target target;
	const char *text;

	if (session_targets(s))
		return DL_NOMEM;
	target_of(&s->targets, &s->os.vm, va, &target);
	text = target_text(&s->targets, &target, &s->arena);
	return err_set(&s->err, DL_NOTFOUND, "0x%" PRIx64 " is in no pool block, but: %s", va,
		       text ? text : "unknown");
}

static void read_word(struct session *s, struct shown_word *w)
{
	unsigned width = s->os.layout.ptr_bytes;

	w->text = "";
	w->readable = !vm_word(&s->os.vm, w->va, width, &w->value, NULL);
	if (!w->readable)
		return;
	target_of(&s->targets, &s->os.vm, w->value, &w->target);
	if (w->target.kind == TARGET_NONE || w->target.kind == TARGET_UNMAPPED)
		return;
	w->text = target_text(&s->targets, &w->target, &s->arena);
	if (!w->text)
		w->text = "";
}

static enum dl_status read_words(struct session *s, struct show_view *view)
{
	unsigned width = s->os.layout.ptr_bytes;
	uint64_t user = pool_user_va(&s->pool, view->index);
	size_t total = (size_t)(pool_user_bytes(&s->pool, view->index) / width), first = 0;
	size_t at = view->asked_va > user ? (size_t)((view->asked_va - user) / width) : 0;
	struct shown_word *words;

	view->nr_words = total < MAX_SHOWN ? total : MAX_SHOWN;
	if (at >= MAX_SHOWN)
		first = at - SHOWN_BEFORE;
	if (first > total - view->nr_words)
		first = total - view->nr_words;
	view->words_cut = total - view->nr_words;
	words = arena_array(&s->arena, view->nr_words + 1, sizeof *words);
	if (!words)
		return err_set(&s->err, DL_NOMEM, "out of memory");
	for (size_t i = 0; i < view->nr_words; i++) {
		words[i].va = user + (first + i) * width;
		read_word(s, &words[i]);
	}
	view->words = words;
	return DL_OK;
}

static const struct pool_class *class_of(const struct session *s, size_t i)
{
	struct block b = catalog_get(&s->pool.blocks, i);

	for (size_t k = 0; k < s->classes.nr; k++) {
		const struct pool_class *c = &s->classes.list[k];

		if (c->tag == (b.tag & 0x7fffffff) && c->pool == b.pool &&
		    c->form == block_form(b.how) && c->size_bytes == b.size_bytes)
			return c;
	}
	return NULL;
}

static const struct process *process_at(const struct os *os, uint64_t va)
{
	for (size_t i = 0; va && i < os->nr_processes; i++)
		if (os->processes[i].va == va)
			return &os->processes[i];
	return NULL;
}

static enum dl_status make_view(struct session *s, struct show_view *view)
{
	const struct catalog *c = &s->pool.blocks;

	view->asked_va = to_machine(&s->os, view->asked_va);
	if (!catalog_find(c, view->asked_va, &view->index))
		return no_block(s, view->asked_va);
	view->has_block = true;
	view->klass = class_of(s, view->index);
	view->charged_va = pool_charged_process(&s->os, &s->pool, view->index);
	view->charged = process_at(&s->os, view->charged_va);
	view->header_readable = block_has_header(catalog_how(c, view->index)) &&
		!vm_read(&s->os.vm, catalog_va(c, view->index), view->header,
			 s->pool.layout.header.header_bytes, NULL);
	return read_words(s, view);
}

static void read_memory_word(struct session *s, struct shown_word *w)
{
	char place[PLACE_MAX];

	w->text = "";
	if (!place_text(&s->os, w->value, place, sizeof place))
		return;
	w->target.kind = os_module_at(&s->os, w->value) ? TARGET_MODULE : TARGET_UNLOADED;
	w->text = arena_strdup(&s->arena, place);
	if (!w->text)
		w->text = "";
}

/* As WinDbg's dps: words from the address on, as far as they are in the dump. */
static enum dl_status make_memory_view(struct session *s, struct show_view *view)
{
	unsigned width = s->os.layout.ptr_bytes;
	struct shown_word *words = arena_array(&s->arena, MEMORY_WORDS, sizeof *words);

	if (!words)
		return err_set(&s->err, DL_NOMEM, "out of memory");
	view->asked_va = to_machine(&s->os, view->asked_va);
	view->words = words;
	for (; view->nr_words < MEMORY_WORDS; view->nr_words++) {
		struct shown_word *w = &words[view->nr_words];

		w->va = view->asked_va + view->nr_words * width;
		w->readable = w->va >= view->asked_va &&
			!vm_word(&s->os.vm, w->va, width, &w->value, NULL);
		if (!w->readable)
			break;
		read_memory_word(s, w);
	}
	if (view->nr_words)
		return DL_OK;
	return err_set(&s->err, DL_NOTFOUND, "0x%" PRIx64 " is not in this dump",
		       view->asked_va);
}

static enum dl_status print(struct session *s, const struct show_view *view)
{
	const struct report_input *in = session_input(s);
	enum dl_status status;
	struct paper paper;
	FILE *out;

	if (!in)
		return err_set(&s->err, DL_NOMEM, "out of memory");
	progress_line_clear(&s->line);
	if (!s->opts->json) {
		paper = output_paper(s->opts);
		show_text(in, view, &paper);
		return paper.failed ? err_set(&s->err, DL_NOMEM, "out of memory") : DL_OK;
	}
	status = output_json_open(s, &out);
	if (status)
		return status;
	status = show_json(in, view, out);
	return output_json_close(s, out, status);
}

/* Blocks are not to be had: what stands at the address is. */
static enum dl_status show_memory(struct session *s, struct show_view *view,
				  enum dl_status why)
{
	struct dl_err err = s->err;
	enum dl_status status = make_memory_view(s, view);

	if (!status)
		status = print(s, view);
	if (status || session_is_minidump(s))
		return status;
	s->err = err;
	return why;
}

enum dl_status cmd_show(struct session *s)
{
	struct show_view view = { 0 };
	enum dl_status status = parse_address(s, &view.asked_va);

	if (!status)
		status = session_tagnames(s);
	if (!status)
		status = session_classes(s);
	if (status && s->has_os && !s->has_pool &&
	    (session_is_minidump(s) || status == DL_UNSUPPORTED))
		return show_memory(s, &view, status);
	if (!status)
		status = session_targets(s);
	if (!status)
		status = make_view(s, &view);
	return status ? status : print(s, &view);
}
