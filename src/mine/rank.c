/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts per owner to a ranked list with evidence. A driver and its device are
 * one line: the device where one explains nearly all, the driver where only
 * its object or its code does.
 */
#include "mine_impl.h"

#include <math.h>
#include <string.h>

static const double MIN_SHARE = 0.01;   /* of the blocks, to be named at all    */
static const double EXPLAINS = 0.9;     /* of a driver's blocks, by its devices */

/* Up to which of these numbers the owner is a device, a driver, an image. */
static uint32_t first_driver(const struct os *os)
{
	return (uint32_t)os->nr_devices;
}

static uint32_t first_module(const struct os *os)
{
	return first_driver(os) + (uint32_t)os->nr_drivers;
}

static uint32_t first_unloaded(const struct os *os)
{
	return first_module(os) + (uint32_t)os->nr_modules;
}

static const char *name_or(const char *name, uint64_t va, const char *what,
			   struct arena *arena)
{
	const char *text = name && *name ? name
				: mine_text(arena, "%s 0x%llx", what, (unsigned long long)va);

	return text ? text : what;
}

static void set_driver(const struct os *os, const struct driver *driver, struct owner *o)
{
	o->driver = driver;
	if (driver->module >= 0)
		o->module = &os->modules[driver->module];
}

void owner_set_things(const struct os *os, uint32_t id, struct arena *arena,
		      struct owner *o)
{
	if (id < first_driver(os)) {
		o->device = &os->devices[id];
		if (o->device->driver >= 0)
			set_driver(os, &os->drivers[o->device->driver], o);
		o->name = name_or(o->device->name, o->device->va, "device", arena);
	} else if (id < first_module(os)) {
		set_driver(os, &os->drivers[id - first_driver(os)], o);
		o->name = name_or(o->driver->name, o->driver->va, "driver", arena);
	} else if (id < first_unloaded(os)) {
		o->module = &os->modules[id - first_module(os)];
		o->name = name_or(o->module->name, o->module->base, "image", arena);
	} else {
		o->unloaded = &os->unloaded[id - first_unloaded(os)];
		o->name = name_or(o->unloaded->name, o->unloaded->first_va,
				  "unloaded image", arena);
	}
}

/* Does the way end at this owner, or at a device of this driver? */
static bool leads_to(const struct os *os, const struct path *p, uint32_t id)
{
	return p->owner == id || owner_parent(os, p->owner) == id;
}

static bool is_kernel(const struct miner *m, const struct path *p)
{
	const struct os *os = m->t->os;

	return p->owner >= first_module(os) && p->owner < first_unloaded(os) &&
	       os->modules[p->owner - first_module(os)].base == os->kernel_base;
}

/*
 * What is inside an extension belongs to its driver. The device object itself
 * may be the next lower device that is being called; code may be a library;
 * files and IRPs pass through many hands. See objects.md section 6.
 */
double path_weight(const struct miner *m, const struct path *p)
{
	double weight;

	switch (p->kind) {
	case TARGET_EXTENSION: weight = p->list ? 0.95 : 0.9; break;
	case TARGET_DEVICE:
	case TARGET_DRIVER: weight = 0.7; break;
	case TARGET_UNLOADED: weight = 0.6; break;
	case TARGET_MODULE: weight = is_kernel(m, p) ? 0.2 : 0.6; break;
	default: weight = 0.5; break;
	}
	return weight * pow(0.85, p->hops);
}

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

/* Independent columns add up; of one column only the strongest way counts. */
static double confidence(const struct miner *m, const struct mined *c, uint32_t id)
{
	double doubt = 1;

	for (unsigned col = 0; col < c->nr_columns; col++) {
		double best = 0;

		for (size_t i = 0; i < c->nr_paths; i++) {
			const struct path *p = &c->paths[i];
			double w;

			if (p->column != col || !leads_to(m->t->os, p, id))
				continue;
			w = path_weight(m, p) * share_of(p->blocks, c->looked_at);
			best = w > best ? w : best;
		}
		doubt *= 1 - best;
	}
	return 1 - doubt;
}

/* What is left of a share when that of any other block is taken off, 0..1. */
static double lift_of(double share, double control)
{
	return share > control ? 1 - control / share : 0;
}

/* Driver ids whose devices explain nearly all of their blocks are not listed. */
static bool devices_explain(const struct miner *m, const struct mined *c, uint32_t id)
{
	const struct os *os = m->t->os;
	uint64_t sum = 0;

	for (uint32_t d = 0; d < os->nr_devices; d++)
		if (owner_parent(os, d) == id)
			sum += c->unions[d];
	return (double)sum >= EXPLAINS * (double)c->unions[id];
}

static bool is_listed(const struct miner *m, const struct mined *c, uint32_t id)
{
	const struct os *os = m->t->os;
	uint32_t parent = owner_parent(os, id);

	if (share_of(c->unions[id], c->looked_at) < MIN_SHARE)
		return false;
	if (id >= first_driver(os) && id < first_module(os))
		return !devices_explain(m, c, id);
	return parent == NO_OWNER || devices_explain(m, c, parent);
}

static void add_evidence(struct miner *m, const struct mined *c, const struct path *p,
			 struct owner *o)
{
	o->evidence[o->nr_evidence++] = (struct evidence){
		.path = path_text(m, c, p), .blocks = p->blocks,
		.share = share_of(p->blocks, c->looked_at),
		.control_share = o->control_share,
	};
}

/* Strongest first: the ways by weight times share. */
static void gather_evidence(struct miner *m, const struct mined *c, uint32_t id,
			    struct owner *o)
{
	bool used[PATHS_MAX] = { false };

	while (o->nr_evidence < MAX_EVIDENCE) {
		double best = 0;
		size_t at = 0;

		for (size_t i = 0; i < c->nr_paths; i++) {
			double w = path_weight(m, &c->paths[i]) *
				   share_of(c->paths[i].blocks, c->looked_at);

			if (used[i] || w <= best || !leads_to(m->t->os, &c->paths[i], id) ||
			    share_of(c->paths[i].blocks, c->looked_at) < MIN_SHARE)
				continue;
			best = w;
			at = i;
		}
		if (best <= 0)
			break;
		used[at] = true;
		add_evidence(m, c, &c->paths[at], o);
	}
	o->path = o->nr_evidence ? o->evidence[0].path : "";
}

/* By score, then share, then number: the order is one for any threads. */
static void rank_in(struct mined *c, uint32_t id, const struct owner *new)
{
	struct suspect *s = c->s;
	unsigned i = s->nr_owners;

	while (i && (s->owners[i - 1].score < new->score ||
		     (s->owners[i - 1].score <= new->score &&
		      s->owners[i - 1].share < new->share)))
		i--;
	if (i == MAX_OWNERS)
		return;
	if (s->nr_owners == MAX_OWNERS)
		s->nr_owners--;
	memmove(&s->owners[i + 1], &s->owners[i], (s->nr_owners - i) * sizeof *new);
	memmove(&c->ranked[i + 1], &c->ranked[i], (s->nr_owners - i) * sizeof id);
	s->owners[i] = *new;
	c->ranked[i] = id;
	s->nr_owners++;
}

void owners_rank(struct miner *m, struct mined *c)
{
	const struct os *os = m->t->os;
	struct suspect *s = c->s;

	s->looked_at = c->looked_at;
	for (uint32_t id = 0; id < owner_ids(os); id++) {
		struct owner o = { 0 };

		if (!is_listed(m, c, id))
			continue;
		o.share = share_of(c->unions[id], c->looked_at);
		o.blocks = c->looked_at == s->readable ? c->unions[id]
				: (uint64_t)(o.share * (double)s->readable + 0.5);
		o.control_share = share_of(c->control[id], s->control_blocks);
		o.score = confidence(m, c, id) * lift_of(o.share, o.control_share);
		rank_in(c, id, &o);
	}
	for (unsigned i = 0; i < s->nr_owners; i++) {
		owner_set_things(os, c->ranked[i], m->arena, &s->owners[i]);
		gather_evidence(m, c, c->ranked[i], &s->owners[i]);
	}
}
