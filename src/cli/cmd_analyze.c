/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyze: the whole pipeline to the report. What fails on the way does not
 * keep back what was found before it.
 */
#include "output.h"

static enum dl_status write_json(struct session *s, const struct report_input *in,
				 enum dl_status found)
{
	enum dl_status status;
	FILE *out;

	status = output_json_open(s, &out);
	if (status)
		return status;
	status = report_json(in, out);
	status = output_json_close(s, out, status);
	return status ? status : found;
}

/* Whether the report is worth printing although a step ended with @status. */
static bool is_reportable(const struct session *s, enum dl_status status)
{
	return s->container && status != DL_NOMEM && status != DL_NOTDUMP;
}

enum dl_status cmd_analyze(struct session *s)
{
	const struct report_input *in;
	enum dl_status status, found;
	struct paper paper;
	uint64_t size_bytes;

	status = session_tagnames(s);
	if (status)
		return status;
	found = session_findings(s);
	if (!is_reportable(s, found))
		return found;
	/* to the end of a compressed file, so that damage there is noticed */
	for (unsigned i = 0; i < s->nr_sources; i++)
		source_size(s->source[i], &size_bytes, NULL);
	in = session_input(s);
	if (!in)
		return DL_NOMEM;
	progress_line_clear(&s->line);
	if (output_text(s->opts)) {
		paper = output_paper(s->opts);
		report_text(in, &paper);
		if (paper.failed)
			return err_set(&s->err, DL_NOMEM, "out of memory");
	}
	return s->opts->json ? write_json(s, in, found) : found;
}
