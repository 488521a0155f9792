/* SPDX-License-Identifier: Apache-2.0 */
/*
 * truth TRUTH.jsonl BLOCKS.jsonl [missing=N] [hidden=N] [carved=N]
 * [guessed=N]: do the blocks that `dumpleak blocks --all --json` printed equal what
 * the generator wrote?
 *
 * Every resident block must be there with the same size, tag, pool, state and
 * way, and no other. Two things cannot be known from a dump and are allowed: a
 * block that is not resident may be reported, since its big-page row is; and a
 * cached block whose list leads through a page that is not resident may look
 * in use. With missing=N, that many blocks may be absent (damaged pages); blocks
 * that the truth calls lost, whose headers were overwritten, may be absent or
 * other than they were. With carved=N, that many may be known by their headers
 * alone, since what they lie in is absent or broken; with guessed=N, that many of
 * them may be taken for blocks in use that are none any more.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

struct block {
	unsigned long long va;
	long long size_bytes;
	char tag[20], pool[12], state[12], how[8];
	bool resident, lost;
};

struct list {
	struct block *b;
	size_t nr, cap;
};

static void copy(char *to, size_t n, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(to, n, "%s", s ? s : "?");
}

static void add(struct list *l, const json_t *o)
{
	const json_t *resident = json_object_get(o, "resident");
	const char *va = json_string_value(json_object_get(o, "va"));
	struct block b = { .resident = !json_is_false(resident) };

	b.lost = json_is_true(json_object_get(o, "lost"));
	b.va = strtoull(va ? va : "0", NULL, 16);
	b.size_bytes = json_integer_value(json_object_get(o, "size_bytes"));
	copy(b.tag, sizeof b.tag, o, "tag");
	copy(b.pool, sizeof b.pool, o, "pool");
	copy(b.state, sizeof b.state, o, "state");
	copy(b.how, sizeof b.how, o, "how");
	if (l->nr == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 4096;
		l->b = realloc(l->b, l->cap * sizeof *l->b);
		if (!l->b)
			exit(2);
	}
	l->b[l->nr++] = b;
}

/* A free chunk that is all header ends where the next block begins. */
static int by_va(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	if (x->va != y->va)
		return x->va < y->va ? -1 : 1;
	return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

/* Whether the next block of the list, at the same address, fits better. */
static bool next_fits(const struct list *l, size_t i, const struct block *other)
{
	return i + 1 < l->nr && l->b[i + 1].va == other->va && l->b[i].size_bytes != other->size_bytes &&
	       l->b[i + 1].size_bytes == other->size_bytes;
}

static void load(const char *path, bool truth, struct list *l)
{
	static char line[1 << 16];
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof line, f)) {
		json_t *o = json_loads(line, JSON_ALLOW_NUL, NULL);
		const char *kind = json_string_value(json_object_get(o, "kind"));

		if (!o) {
			fprintf(stderr, "%s: not JSON: %.60s\n", path, line);
			exit(2);
		}
		if (!truth || (kind && !strcmp(kind, "block")))
			add(l, o);
		json_decref(o);
	}
	fclose(f);
	if (l->nr)
		qsort(l->b, l->nr, sizeof *l->b, by_va);
}

/* The printed form of a tag differs where it is unprintable: compare the rest. */
static bool same_tag(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if (*a == '\\' || *b == '\\' || (unsigned char)*a < 0x20)
			return true;
		if (*a != *b)
			return false;
	}
	/* NULs at the end are left out by one side */
	return strspn(a, " ") == strlen(a) || !*b;
}

static bool is_carved(const struct block *t, const struct block *g)
{
	return strcmp(t->how, g->how) && !strcmp(g->how, "carved");
}

static bool is_guessed(const struct block *t, const struct block *g)
{
	return is_carved(t, g) && !strcmp(t->state, "free") && !strcmp(g->state, "in-use") &&
	       t->size_bytes == g->size_bytes;
}

static bool same_but_how(const struct block *t, const struct block *g)
{
	return t->size_bytes == g->size_bytes && !strcmp(t->pool, g->pool) &&
	       same_tag(t->tag, g->tag) && !strcmp(t->state, g->state);
}

static bool same(const struct block *t, const struct block *g)
{
	return same_but_how(t, g) && (!strcmp(t->how, g->how) || is_carved(t, g));
}

static void tell(const char *what, const struct block *b)
{
	printf("  %s: %#llx %lld '%s' %s %s %s\n", what, b->va, b->size_bytes, b->tag,
	       b->pool, b->state, b->how);
}

int main(int argc, char **argv)
{
	struct list truth = { 0 }, got = { 0 };
	size_t t = 0, g = 0, missing = 0, invented = 0, differ = 0, hidden = 0, told = 0;
	size_t may_miss = 0, may_hide = 0, may_carve = 0, carved = 0,
	       may_guess = 0, guessed = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: truth TRUTH BLOCKS [missing=N] [hidden=N] [carved=N] [guessed=N]\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], "missing=", 8))
			may_miss = strtoul(argv[i] + 8, NULL, 10);
		if (!strncmp(argv[i], "hidden=", 7))
			may_hide = strtoul(argv[i] + 7, NULL, 10);
		if (!strncmp(argv[i], "carved=", 7))
			may_carve = strtoul(argv[i] + 7, NULL, 10);
		if (!strncmp(argv[i], "guessed=", 8))
			may_guess = strtoul(argv[i] + 8, NULL, 10);
	}
	load(argv[1], true, &truth);
	load(argv[2], false, &got);
	while (t < truth.nr || g < got.nr) {
		const struct block *x = t < truth.nr ? &truth.b[t] : NULL;
		const struct block *y = g < got.nr ? &got.b[g] : NULL;

		if (x && (!y || x->va < y->va || (x->va == y->va && next_fits(&truth, t, y)))) {
			if (x->resident && !x->lost) {
				missing++;
				if (told++ < 5)
					tell("missing", x);
			}
			t++;
		} else if (y && (!x || y->va < x->va || next_fits(&got, g, x))) {
			invented++;
			if (told++ < 5)
				tell("invented", y);
			g++;
		} else if (x && y) {
			bool is_hidden = !strcmp(x->state, "cached") &&
					 !strcmp(y->state, "in-use");

			carved += !x->lost && is_carved(x, y);
			if (!x->lost && is_guessed(x, y)) {
				guessed++;
			} else if (!x->lost && !same(x, y)) {
				hidden += is_hidden;
				differ += !is_hidden;
				if (!is_hidden && told++ < 5) {
					tell("truth", x);
					tell("found", y);
				}
			}
			t++;
			g++;
		}
	}
	printf("  %zu blocks in truth, %zu found: %zu missing, %zu invented, %zu differ, "
	       "%zu cached ones not told apart, %zu carved (%zu of them free)\n", truth.nr, got.nr, missing, invented,
	       differ, hidden, carved, guessed);
	free(truth.b);
	free(got.b);
	return truth.nr && missing <= may_miss && !invented && !differ && hidden <= may_hide &&
	       carved <= may_carve && guessed <= may_guess ? 0 : 1;
}
