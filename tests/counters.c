/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters TRUTH.jsonl TAGS.json: are the kernel's counters that `dumpleak tags
 * --ledger --json` printed those that the generator kept, for every tag and pool,
 * and does it explain every difference between them and what was found?
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

struct tally { unsigned tags, wrong, missing, unexplained; };

static json_int_t number(const json_t *o, const char *pool, const char *what)
{
	char key[40];

	snprintf(key, sizeof key, "%s_%s", pool, what);
	return json_integer_value(json_object_get(o, key));
}

static const json_t *ledger_of(const json_t *report, const char *tag)
{
	const json_t *tags = json_object_get(report, "tags"), *row;
	size_t i;

	json_array_foreach(tags, i, row) {
		const char *t = json_string_value(json_object_get(row, "tag"));

		if (t && !strcmp(t, tag) && json_is_object(json_object_get(row, "ledger")))
			return json_object_get(row, "ledger");
	}
	return NULL;
}

static void compare(const json_t *truth, const json_t *ledger, const char *pool, struct tally *t)
{
	const json_t *mine = json_object_get(ledger, pool);
	const char *tag = json_string_value(json_object_get(truth, "tag"));
	json_int_t left;

	if (json_integer_value(json_object_get(mine, "allocs")) != number(truth, pool, "allocs") ||
	    json_integer_value(json_object_get(mine, "frees")) != number(truth, pool, "frees") ||
	    json_integer_value(json_object_get(mine, "counted_bytes")) != number(truth, pool, "bytes")) {
		t->wrong++;
		printf("  %s, %s: other counters than the kernel's\n", tag, pool);
	}
	left = json_integer_value(json_object_get(json_object_get(mine, "explained"), "unexplained"));
	if (left) {
		t->unexplained++;
		printf("  %s, %s: %" JSON_INTEGER_FORMAT " bytes not explained\n", tag, pool, left);
	}
}

static void one_line(const char *line, const json_t *report, struct tally *t)
{
	json_t *o = json_loads(line, JSON_ALLOW_NUL, NULL);
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *tag = json_string_value(json_object_get(o, "tag"));
	const json_t *ledger;

	if (kind && tag && !strcmp(kind, "tracker")) {
		t->tags++;
		ledger = ledger_of(report, tag);
		t->missing += !ledger;
		if (ledger) {
			compare(o, ledger, "nonpaged", t);
			compare(o, ledger, "paged", t);
		} else {
			printf("  %s: not in the ledger\n", tag);
		}
	}
	json_decref(o);
}

int main(int argc, char **argv)
{
	static char line[1 << 16];
	struct tally t = { 0 };
	json_t *report;
	FILE *f;

	if (argc != 3 || !(f = fopen(argv[1], "r"))) {
		fprintf(stderr, "usage: counters TRUTH TAGS\n");
		return 2;
	}
	report = json_load_file(argv[2], 0, NULL);
	while (fgets(line, sizeof line, f))
		if (strstr(line, "\"tracker\""))
			one_line(line, report, &t);
	fclose(f);
	json_decref(report);
	printf("  %u tags: %u missing, %u wrong, %u not explained\n", t.tags, t.missing, t.wrong,
	       t.unexplained);
	return t.tags && !t.missing && !t.wrong && !t.unexplained ? 0 : 1;
}
