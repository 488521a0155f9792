/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks: addresses of the blocks that fit, one a line. Lines go straight to
 * the stream: there may be millions.
 */
#include "output.h"

#include <inttypes.h>
#include <string.h>

enum { CHECK_EVERY = 4096 };

static bool fits(const struct options *o, const struct catalog *c, size_t i)
{
	const char *state = block_state_name(catalog_state(c, i));

	if (o->has_tag && !tag_matches(o->tag, catalog_tag(c, i)))
		return false;
	if (o->has_size && catalog_size(c, i) != o->size_bytes)
		return false;
	if (o->has_pool && catalog_pool(c, i) != o->pool)
		return false;
	if (o->has_state)
		return !strcmp(state, o->state);
	return o->all || catalog_state(c, i) == BLOCK_IN_USE;
}

static uint64_t write_blocks(const struct session *s, FILE *out)
{
	const struct options *o = s->opts;
	const struct pool *pool = &s->pool;
	char line[BLOCK_LINE_MAX];
	uint64_t n = 0;

	for (size_t i = 0; i < pool->blocks.nr; i++) {
		size_t len;

		if (!fits(o, &pool->blocks, i))
			continue;
		if (!n && !o->json)
			fputs(block_line_head(pool), out);
		len = o->json ? block_json(pool, i, line) : block_line(pool, i, line);
		fwrite(line, 1, len, out);
		n++;
		if (n == o->limit || (n % CHECK_EVERY == 0 && ferror(out)))
			break;
	}
	return n;
}

static enum dl_status no_block(struct session *s)
{
	const struct options *o = s->opts;
	char size[40] = "";

	if (o->has_size)
		snprintf(size, sizeof size, " of 0x%" PRIx64 " bytes", o->size_bytes);
	return err_set(&s->err, DL_NOTFOUND, "no block%s%s%s%s%s%s%s%s", size,
		       o->has_tag ? " tagged " : "", o->has_tag ? o->tag_words : "",
		       o->has_pool ? " in pool " : "",
		       o->has_pool ? pool_kind_name(o->pool) : "",
		       o->all ? "" : " is ", o->all ? "" : o->has_state ? o->state : "in use",
		       o->all ? " is there" : "");
}

static enum dl_status choose(struct session *s)
{
	const struct options *o = s->opts;

	if (!o->has_tag && !o->has_size && !o->has_state && !o->has_pool && !o->all)
		return err_set(&s->err, DL_USAGE, "blocks: say which: --tag, --size, "
			       "--state, --pool or --all");
	return DL_OK;
}

/* Lines of JSON are blocks, and there are none: only people are told more. */
static enum dl_status no_pool(struct session *s, enum dl_status status)
{
	const struct report_input *in;
	struct paper paper;

	if (status != DL_NOTFOUND || !session_is_minidump(s) || s->opts->json)
		return status;
	in = session_input(s);
	if (!in)
		return err_set(&s->err, DL_NOMEM, "out of memory");
	progress_line_clear(&s->line);
	paper = output_paper(s->opts);
	minidump_text(in, &paper);
	return paper.failed ? err_set(&s->err, DL_NOMEM, "out of memory") : status;
}

enum dl_status cmd_blocks(struct session *s)
{
	enum dl_status status = choose(s);
	uint64_t n;
	FILE *out = stdout;

	if (status)
		return status;
	status = session_pool(s);
	if (status)
		return no_pool(s, status);
	if (s->opts->json)
		status = output_json_open(s, &out);
	if (status)
		return status;
	progress_line_clear(&s->line);
	n = write_blocks(s, out);
	status = output_json_close(s, out, DL_OK);
	if (!status && !n)
		status = no_block(s);
	return status;
}
