/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A suspect to what an engineer would do next: look at a block, let the kernel
 * debugger and the verifier confirm, and ask the vendor the right question.
 */
#include "mine_impl.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_STEPS = 8 };

struct steps {
	const char *list[MAX_STEPS + 1];
	unsigned nr;
};

static void add(struct steps *s, const char *text)
{
	if (text && s->nr < MAX_STEPS)
		s->list[s->nr++] = text;
}

/* The image's file name, which the verifier wants; NULL if it is not known. */
static const char *image_of(const struct owner *o)
{
	return o->module && o->module->name && *o->module->name ? o->module->name : NULL;
}

static void add_debugger(struct miner *m, const struct suspect *s, struct steps *out)
{
	char tag[TAG_TEXT_MAX];

	tag_text(s->class.tag, tag);
	if (s->nr_samples)
		add(out, mine_text(m->arena, "dumpleak show FILE 0x%" PRIx64
				   "   (one of the blocks, word by word)", s->samples[0]));
	add(out, mine_text(m->arena, "WinDbg: !poolfind \"%s\" %d, then dps on a block", tag,
			   s->class.pool == POOL_NONPAGED ? 0 : 1));
}

static void add_owner(struct miner *m, const struct owner *o, struct steps *out)
{
	if (o->device)
		add(out, mine_text(m->arena, "WinDbg: !devobj 0x%" PRIx64 " and !devstack 0x%"
				   PRIx64 "   (%s)", o->device->va, o->device->va, o->name));
	if (o->driver)
		add(out, mine_text(m->arena, "WinDbg: !drvobj 0x%" PRIx64 " 3   (%s)",
				   o->driver->va, o->driver->name));
	if (image_of(o))
		add(out, mine_text(m->arena, "verifier /standard /driver %s   (pool tracking: "
				   "its leak is reported when it unloads)", image_of(o)));
	if (o->unloaded)
		add(out, mine_text(m->arena, "The image is gone: reproduce with verifier "
				   "/standard /driver %s, which stops the machine (0xC4) when "
				   "it unloads with pool still held", o->unloaded->name));
}

static void add_question(struct miner *m, const struct suspect *s, struct steps *out)
{
	const struct owner *o = &s->owners[0];
	char tag[TAG_TEXT_MAX], blocks[32];
	const char *who = image_of(o) ? image_of(o) : o->name;

	add(out, mine_text(m->arena, "Ask the vendor of %s: which structure of %u bytes (%u of "
			   "them written), tag '%s', leads to %s at offset 0x%x, and which path returns "
			   "without freeing it? %s are outstanding", who, s->user_bytes,
			   s->used_bytes, tag_text(s->class.tag, tag), o->name,
			   (unsigned)strtoul(o->path[0] == '+' ? o->path + 1 : "0", NULL, 16),
			   text_count(s->class.blocks, blocks)));
}

static void add_open(struct miner *m, const struct suspect *s, struct steps *out)
{
	char tag[TAG_TEXT_MAX];

	tag_text(s->class.tag, tag);
	add(out, mine_text(m->arena, "Search the drivers on disk for the tag: findstr /m /l "
			   "\"%s\" %%windir%%\\system32\\drivers\\*.sys", tag));
	if (s->verdict == VERDICT_NONE && s->readable)
		add(out, "A second dump, hours later: what grew in between, and beside what");
}

void next_steps(struct miner *m, struct mined *c)
{
	struct suspect *s = c->s;
	struct steps steps = { .nr = 0 };
	const char **list;
	unsigned named = s->verdict == VERDICT_TIE || s->verdict == VERDICT_SHARED ? 2 : 1;

	add_debugger(m, s, &steps);
	for (unsigned i = 0; i < named && i < s->nr_owners; i++)
		add_owner(m, &s->owners[i], &steps);
	if (s->verdict == VERDICT_CLEAR)
		add_question(m, s, &steps);
	else
		add_open(m, s, &steps);
	list = arena_array(m->arena, steps.nr + 1, sizeof *list);
	if (list)
		memcpy(list, steps.list, steps.nr * sizeof *list);
	s->next_steps = list;
}
