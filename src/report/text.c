/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text, to be read on a terminal and pasted into a bug report:
 * first what was found, then what it rests on.
 */
#include "text.h"

#include <stdio.h>

char *known_size(struct known_u64 v, char out[24])
{
	if (v.known)
		text_size(v.value, out);
	else
		snprintf(out, 24, "unknown");
	return out;
}

void meaning_words(const struct report_input *in, uint32_t tag, char *out, size_t n)
{
	const struct tag_meaning *m = tagnames_find(in->tagnames, tag);

	if (!m)
		snprintf(out, n, "%s", "");
	else
		snprintf(out, n, "%s%s%s", m->driver, *m->driver && *m->text ? ": " : "",
			 m->text);
}

void report_text(const struct report_input *in, struct paper *p)
{
	paper_strong(p, 0, "dumpleak %s: report on %s", DUMPLEAK_VERSION, in->dump.path);
	paper_blank(p);
	text_headline(in, p);
	text_dump(in, p);
	minidump_text(in, p);
	if (in->pool) {
		text_pool(in, p);
		text_reconciliation(in, p);
		text_suspects(in, p);
		text_top(in, p);
	}
	text_coverage(in, p);
}
