/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets to words for people: "\Device\DonIfs extension+0x8 (KEVENT)".
 */
#include "targets_impl.h"

#include "dumpleak/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 512 };

/* A name, or where the nameless thing is. */
static const char *name_or_va(const char *name, uint64_t va, char out[32])
{
	if (name && *name)
		return name;
	snprintf(out, 32, "0x%" PRIx64, va);
	return out;
}

static const char *device_name(const struct device *d, char out[32])
{
	return d ? name_or_va(d->name, d->va, out) : "an unknown device";
}

static const char *plus(uint64_t offset, char out[24])
{
	out[0] = '\0';
	if (offset > INT64_MAX)         /* before the start: a block's header */
		snprintf(out, 24, "-0x%" PRIx64, 0 - offset);
	else if (offset)
		snprintf(out, 24, "+0x%" PRIx64, offset);
	return out;
}

static void block_text(const struct targets *t, const struct target *x, char *out)
{
	const struct catalog *c = &t->pool->blocks;
	char tag[TAG_TEXT_MAX], off[24];
	enum block_state state = catalog_state(c, x->block);

	snprintf(out, TEXT_MAX, "%s block '%s'%s%s%s%s",
		 state == BLOCK_IN_USE ? "pool" : block_state_name(state),
		 tag_text(catalog_tag(c, x->block), tag), plus(x->offset, off),
		 x->what ? " (" : "", x->what ? x->what : "", x->what ? ")" : "");
}

static void module_text(const struct target *x, char *out)
{
	char off[24];

	snprintf(out, TEXT_MAX, "%s %s%s%s", x->module->name ? x->module->name : "",
		 x->section ? x->section->name : "", x->section ? " " : "",
		 plus(x->offset, off));
}

static void extension_text(const struct target *x, char *out)
{
	char va[32], off[24];

	snprintf(out, TEXT_MAX, "%s extension%s%s%s%s", device_name(x->device, va),
		 plus(x->offset, off), x->what ? " (" : "", x->what ? x->what : "",
		 x->what ? ")" : "");
}

static void object_text(const struct target *x, const char *what, char *out)
{
	char va[32], off[24];

	snprintf(out, TEXT_MAX, "%s%s%s%s", what, plus(x->offset, off),
		 x->device ? " of " : "", x->device ? device_name(x->device, va) : "");
}

static void describe(const struct targets *t, const struct target *x, char *out)
{
	char va[32], off[24];

	switch (x->kind) {
	case TARGET_DEVICE:
		snprintf(out, TEXT_MAX, "%s%s", device_name(x->device, va),
			 plus(x->offset, off));
		break;
	case TARGET_DISPATCHER:
		if (!x->device) {
			block_text(t, x, out);
			break;
		}
		extension_text(x, out);
		break;
	case TARGET_EXTENSION: extension_text(x, out); break;
	case TARGET_DRIVER:
		snprintf(out, TEXT_MAX, "%s%s",
			 name_or_va(x->driver->name, x->driver->va, va), plus(x->offset, off));
		break;
	case TARGET_MODULE: module_text(x, out); break;
	case TARGET_UNLOADED:
		snprintf(out, TEXT_MAX, "unloaded %s%s",
			 x->unloaded->name ? x->unloaded->name : "", plus(x->offset, off));
		break;
	case TARGET_FILE: object_text(x, "FILE_OBJECT", out); break;
	case TARGET_IRP: object_text(x, "IRP", out); break;
	case TARGET_THREAD: object_text(x, "ETHREAD", out); break;
	case TARGET_PROCESS: object_text(x, "EPROCESS", out); break;
	case TARGET_STACK: snprintf(out, TEXT_MAX, "a thread's kernel stack"); break;
	case TARGET_BLOCK: block_text(t, x, out); break;
	case TARGET_KERNEL: snprintf(out, TEXT_MAX, "kernel memory"); break;
	case TARGET_UNMAPPED: snprintf(out, TEXT_MAX, "nothing mapped"); break;
	default: snprintf(out, TEXT_MAX, "no kernel address"); break;
	}
}

const char *target_text(const struct targets *t, const struct target *target,
			struct arena *arena)
{
	char out[TEXT_MAX];
	const char *text;

	describe(t, target, out);
	text = arena_strdup(arena, out);
	return text ? text : "";
}
