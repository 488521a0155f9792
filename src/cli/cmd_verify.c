/* SPDX-License-Identifier: Apache-2.0 */
/* verify: what of the pool contradicts itself; damaged if anything does. */
#include "output.h"

#include <inttypes.h>

static enum dl_status print(struct session *s, const struct pool_check *check)
{
	const struct report_input *in = session_input(s);
	enum dl_status status;
	struct paper paper;
	FILE *out;

	if (!in)
		return err_set(&s->err, DL_NOMEM, "out of memory");
	progress_line_clear(&s->line);
	if (!s->opts->json) {
		paper = output_paper(s->opts);
		if (in->pool)
			verify_text(in, check, &paper);
		else
			minidump_text(in, &paper);
		return paper.failed ? err_set(&s->err, DL_NOMEM, "out of memory") : DL_OK;
	}
	status = output_json_open(s, &out);
	if (status)
		return status;
	status = verify_json(in, check, out);
	return output_json_close(s, out, status);
}

enum dl_status cmd_verify(struct session *s)
{
	struct pool_check check = { 0 };
	enum dl_status status = session_tagnames(s), printed;

	if (!status)
		status = session_pool(s);
	/* what it has instead */
	if (status == DL_NOTFOUND && session_is_minidump(s) && s->has_os)
		return print(s, &check) == DL_OK ? status : DL_NOMEM;
	if (status)
		return status;
	pool_verify(&s->pool, &check);
	printed = print(s, &check);
	if (printed || !check.contradictions)
		return printed;
	return err_set(&s->err, DL_CORRUPT, "%" PRIu64 " contradiction%s in the pool",
		       check.contradictions, check.contradictions == 1 ? "" : "s");
}
