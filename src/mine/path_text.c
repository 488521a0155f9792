/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way from a column to an owner in words: "+0x18 -> 'LkNd' +0xc -> device
 * object".
 */
#include "mine_impl.h"

#include "dumpleak/base/text.h"
#include "dumpleak/os/objects.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *mine_text(struct arena *arena, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return arena_strdup(arena, text);
}

static void hops_text(const struct path *p, char *out, size_t n)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned h = 0; h < p->hops && at < n; h++) {
		char tag[TAG_TEXT_MAX];

		at += (size_t)snprintf(out + at, n - at, " -> '%s' +0x%x",
				       tag_text(p->hop_tag[h], tag), p->hop_off[h]);
	}
}

static void ends_text(const struct path *p, char *out, size_t n)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < p->nr_ends && at < n; i++)
		at += (size_t)snprintf(out + at, n - at, "%s+0x%llx", i ? ", " : "",
				       (unsigned long long)p->ends[i]);
	if (p->more_ends && at < n)
		snprintf(out + at, n - at, ", ...");
}

/* "KEVENT", if all places in the extension that were seen are one. */
static const char *dispatcher_at_ends(const struct miner *m, const struct path *p)
{
	const struct os *os = m->t->os;
	const char *name = NULL;

	if (p->owner >= os->nr_devices || p->more_ends)
		return NULL;
	for (unsigned i = 0; i < p->nr_ends; i++) {
		const char *here = objects_dispatcher_name(m->t->os,
				os->devices[p->owner].extension_va + p->ends[i]);

		if (!here || (name && strcmp(name, here)))
			return NULL;
		name = here;
	}
	return name;
}

static const char *extension_end(const struct miner *m, const struct path *p)
{
	const char *what = dispatcher_at_ends(m, p);
	char ends[128];

	ends_text(p, ends, sizeof ends);
	if (p->list)
		return mine_text(m->arena, "list whose head is in the extension (%s)", ends);
	if (!what)
		return mine_text(m->arena, "extension (%s)", ends);
	return mine_text(m->arena, p->nr_ends == 1 ? "%s at extension%s"
						   : "%s in extension (%s)", what, ends);
}

/* An image without driver object is its own owner; else it is the driver's. */
static const char *image_end(const struct miner *m, const struct path *p)
{
	struct owner o = { 0 };

	owner_set_things(m->t->os, p->owner, m->arena, &o);
	return mine_text(m->arena, p->list ? "list whose head is in image %s" : "image %s",
			 o.module && o.module->name ? o.module->name : "");
}

static const char *end_text(const struct miner *m, const struct path *p)
{
	char ends[128];

	switch (p->kind) {
	case TARGET_EXTENSION: return extension_end(m, p);
	case TARGET_DEVICE:
		if (p->nr_ends == 1 && !p->ends[0])
			return "device object";
		ends_text(p, ends, sizeof ends);
		return mine_text(m->arena, "inside the device object (%s)", ends);
	case TARGET_DRIVER: return "driver object";
	case TARGET_MODULE: return image_end(m, p);
	case TARGET_UNLOADED: return "where the unloaded image was";
	case TARGET_FILE: return "file object -> its device";
	case TARGET_IRP: return "IRP -> device of its current stack location";
	default: return target_kind_name(p->kind);
	}
}

const char *path_text(const struct miner *m, const struct mined *c, const struct path *p)
{
	const char *end = end_text(m, p), *text;
	char hops[128];

	hops_text(p, hops, sizeof hops);
	text = mine_text(m->arena, "+0x%x%s -> %s%s", c->slots[p->column].off, hops,
			 end ? end : "", c->looked_at == c->s->readable ? ""
							: " (in a sample)");
	return text ? text : "";
}
