/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonq FILE PATH...: print the values at paths such as
 * suspects.0.owners.0.device of a JSON file, one a line: strings bare, a
 * missing one as "(none)", arrays and objects as their length.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const json_t *walk(const json_t *o, char *path)
{
	for (char *part = strtok(path, "."); part && o; part = strtok(NULL, ".")) {
		if (json_is_array(o))
			o = json_array_get(o, strtoul(part, NULL, 10));
		else
			o = json_object_get(o, part);
	}
	return o;
}

static void print(const json_t *v)
{
	if (!v || json_is_null(v))
		puts(v ? "null" : "(none)");
	else if (json_is_string(v))
		puts(json_string_value(v));
	else if (json_is_integer(v))
		printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(v));
	else if (json_is_real(v))
		printf("%.4f\n", json_real_value(v));
	else if (json_is_boolean(v))
		puts(json_is_true(v) ? "true" : "false");
	else
		printf("%zu\n", json_is_array(v) ? json_array_size(v) : json_object_size(v));
}

int main(int argc, char **argv)
{
	json_error_t err;
	json_t *root;

	if (argc < 3) {
		fprintf(stderr, "usage: jsonq FILE PATH...\n");
		return 2;
	}
	root = json_load_file(argv[1], 0, &err);
	if (!root) {
		fprintf(stderr, "jsonq: %s: line %d: %s\n", argv[1], err.line, err.text);
		return 1;
	}
	for (int i = 2; i < argc; i++)
		print(walk(root, argv[i]));
	json_decref(root);
	return 0;
}
