/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A column of pointers to words: "one of 3 KEVENTs in \Device\DonIfs's
 * extension (+0x8 41.0 %, ...)", "pointer to pool block 'LkNd' (100.0 %)".
 */
#include "line.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <string.h>

static const char *device_name(const struct device *d)
{
	return !d ? "an unknown device" : *d->name ? d->name : "a device without name";
}

/* "device \Device\DonIfs", as JSON has it. */
static const char *group_text(struct miner *m, const struct group *g)
{
	char tag[TAG_TEXT_MAX];

	switch (g->kind) {
	case TARGET_DEVICE: return mine_text(m->arena, "device %s", device_name(g->thing));
	case TARGET_EXTENSION:
		return mine_text(m->arena, "extension of %s", device_name(g->thing));
	case TARGET_FILE:
		return g->thing ? mine_text(m->arena, "file of %s", device_name(g->thing))
				: "file";
	case TARGET_IRP:
		return g->thing ? mine_text(m->arena, "irp at %s", device_name(g->thing))
				: "irp";
	case TARGET_DRIVER:
		return mine_text(m->arena, "driver %s",
				 ((const struct driver *)g->thing)->name);
	case TARGET_MODULE:
		return mine_text(m->arena, "module %s%s%s", g->module->name,
				 g->thing ? " " : "",
				 g->thing ? ((const struct section *)g->thing)->name : "");
	case TARGET_UNLOADED:
		return mine_text(m->arena, "unloaded %s",
				 ((const struct unloaded *)g->thing)->name);
	case TARGET_BLOCK: return mine_text(m->arena, "block %s", tag_text(g->tag, tag));
	default: return target_kind_name(g->kind);
	}
}

/* The leading values that a hundredth of the blocks hold, strangers apart. */
unsigned leading_values(const struct mined *c, unsigned n, const struct column *col)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < col->nr_top; i++) {
		if (share_of(col->top[i].blocks, c->accs[n].n) < 0.01)
			break;
		sum += col->top[i].blocks;
	}
	return share_of(sum, c->accs[n].n) >= 0.99 ? i : 0;
}

/* They are the same kind of dispatcher object in one extension. */
static const char *dispatcher_of(const struct mined *c, unsigned n,
				 const struct column *col, const struct group *g)
{
	unsigned nr = leading_values(c, n, col);
	const char *what = NULL;

	if (g->kind != TARGET_EXTENSION)
		return NULL;
	for (unsigned i = 0; i < nr; i++) {
		const struct target *t = &col->top[i].target;

		if (!t->what || t->device != g->thing || (what && strcmp(what, t->what)))
			return NULL;
		what = t->what;
	}
	return what;
}

static void events_words(const struct mined *c, unsigned n, const struct column *col,
			 const char *what, struct line *l)
{
	const char *name = device_name(col->top[0].target.device);
	unsigned nr = leading_values(c, n, col);

	if (nr == 1) {
		line_add(l, "pointer to the %s at %s's extension+0x%" PRIx64 " (%.1f %%)",
			 what, name, col->top[0].target.offset, col->share * 100);
		return;
	}
	line_add(l, "one of %u %ss in %s's extension (", nr, what, name);
	for (unsigned i = 0; i < nr; i++)
		line_add(l, "%s+0x%" PRIx64 " %.1f %%", i ? ", " : "",
			 col->top[i].target.offset,
			 percent(col->top[i].blocks, c->accs[n].n));
	line_add(l, ")");
}

static const char *kind_words(const struct group *g)
{
	switch (g->kind) {
	case TARGET_DEVICE: return "DEVICE_OBJECT";
	case TARGET_EXTENSION: return "a place in the extension of";
	case TARGET_DRIVER: return "DRIVER_OBJECT";
	case TARGET_MODULE: return "image";
	case TARGET_UNLOADED: return "where the unloaded image was:";
	case TARGET_FILE: return "FILE_OBJECT";
	case TARGET_IRP: return "IRP";
	case TARGET_BLOCK: return "pool block";
	case TARGET_THREAD: return "ETHREAD";
	case TARGET_PROCESS: return "EPROCESS";
	case TARGET_STACK: return "kernel stack";
	default: return "kernel memory";
	}
}

/* The thing's own name, without its kind. */
static const char *thing_words(struct miner *m, const struct group *g)
{
	char tag[TAG_TEXT_MAX];

	switch (g->kind) {
	case TARGET_DEVICE:
	case TARGET_EXTENSION: return device_name(g->thing);
	case TARGET_FILE:
	case TARGET_IRP:
		return g->thing ? mine_text(m->arena, "of %s", device_name(g->thing)) : "";
	case TARGET_DRIVER: return ((const struct driver *)g->thing)->name;
	case TARGET_UNLOADED: return ((const struct unloaded *)g->thing)->name;
	case TARGET_MODULE:
		return mine_text(m->arena, "%s%s%s", g->module->name, g->thing ? " " : "",
				 g->thing ? ((const struct section *)g->thing)->name : "");
	case TARGET_BLOCK: return mine_text(m->arena, "'%s'", tag_text(g->tag, tag));
	default: return "";
	}
}

/* The most frequent group not yet named, of @kind if that is set. */
static const struct group *next_group(const struct mined *c, unsigned n, int kind,
				      const bool *named)
{
	const struct group *best = NULL;

	for (size_t i = 0; i < c->nr_groups; i++) {
		const struct group *g = &c->groups[i];

		if (g->column != n || named[i] || (kind >= 0 && g->kind != kind) || !g->blocks)
			continue;
		if (!best || g->blocks > best->blocks)
			best = g;
	}
	return best;
}

void places_words(struct miner *m, const struct mined *c, unsigned n, int kind,
		  struct line *l)
{
	bool named[GROUPS_MAX] = { false };
	const struct group *g;
	unsigned k;

	for (k = 0; k < 4 && (g = next_group(c, n, kind, named)); k++) {
		const char *thing = thing_words(m, g);

		named[g - c->groups] = true;
		line_add(l, "%s%s%s%s (%.1f %%)", k ? ", " : "", k && kind >= 0 ? "" : kind_words(g),
			 (k && kind >= 0) || !thing || !*thing ? "" : " ", thing ? thing : "",
			 percent(g->blocks, c->accs[n].n));
	}
	if (next_group(c, n, kind, named))
		line_add(l, ", ...");
}

void pointer_words(struct miner *m, const struct mined *c, unsigned n,
		   struct column *col, struct line *l)
{
	bool named[GROUPS_MAX] = { false };
	const struct group *g = next_group(c, n, -1, named);
	const char *what = g ? dispatcher_of(c, n, col, g) : NULL;

	if (!g)
		return;
	col->target = what ? mine_text(m->arena, "event in %s extension", device_name(g->thing))
			   : group_text(m, g);
	if (what) {
		events_words(c, n, col, what, l);
		return;
	}
	line_add(l, "pointer to ");
	places_words(m, c, n, g->kind, l);
	if (share_of(c->accs[n].kinds[WORD_ZERO], c->accs[n].n) >= 0.001)
		line_add(l, ", else 0 (%.1f %%)",
			 percent(c->accs[n].kinds[WORD_ZERO], c->accs[n].n));
}
