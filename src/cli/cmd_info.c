/* SPDX-License-Identifier: Apache-2.0 */
/* info: container, system, modules, devices; the pool is not looked at. */
#include "output.h"

static enum dl_status write_json(struct session *s, const struct report_input *in)
{
	enum dl_status status;
	FILE *out;

	status = output_json_open(s, &out);
	if (status)
		return status;
	status = info_json(in, s->opts->info_parts, out);
	return output_json_close(s, out, status);
}

enum dl_status cmd_info(struct session *s)
{
	const struct report_input *in;
	enum dl_status found = session_os(s), status = DL_OK;
	struct paper paper;

	if (!s->container || found == DL_NOTDUMP || found == DL_NOMEM)
		return found;
	in = session_input(s);
	if (!in)
		return DL_NOMEM;
	progress_line_clear(&s->line);
	if (s->opts->json) {
		status = write_json(s, in);
	} else {
		paper = output_paper(s->opts);
		info_text(in, s->opts->info_parts, &paper);
		if (paper.failed)
			status = err_set(&s->err, DL_NOMEM, "out of memory");
	}
	return status ? status : found;
}
