/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_index DUMP: kilobytes of private memory that opening a dump costs and
 * that its page index keeps. The mapping of the file itself is not counted:
 * it can be dropped at any time.
 */
#include "dumpleak/container/container.h"

#include <stdio.h>

/* RssAnon of this process, in KB; 0 where there is no /proc. */
static unsigned long anonymous_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[128];

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

int main(int argc, char **argv)
{
	unsigned long before = anonymous_kb(), after = before;
	struct source *source = NULL;
	struct container *container = NULL;
	struct dl_err err = { "" };
	uint64_t present, absent;
	bool exact;

	if (argc != 2 || source_open_path(argv[1], NULL, &source, &err) ||
	    container_open(source, &container, &err)) {
		fprintf(stderr, "bench_index: %s\n", argc == 2 ? err.text : "wants a dump");
		return 1;
	}
	container_count(container, &present, &absent, &exact);
	after = anonymous_kb();
	printf("%lu\n", after - before);
	container_close(container);
	source_close(source);
	return 0;
}
