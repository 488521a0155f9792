/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CLI_OUTPUT_H
#define DUMPLEAK_CLI_OUTPUT_H

#include "session.h"

/** output_paper - stdout as paper: the terminal's width, colour if it is wanted */
struct paper output_paper(const struct options *opts);

/** output_check - DL_USAGE if --json would overwrite a dump, or one is named twice */
enum dl_status output_check(struct session *s);

/** output_text - text goes to stdout: there is no JSON, or it goes elsewhere */
bool output_text(const struct options *opts);

/**
 * output_json_open - where --json goes: stdout, or the named file
 * Open it when all is ready to be written, so that a failure leaves an older
 * file alone.
 */
enum dl_status output_json_open(struct session *s, FILE **out);

/** output_json_close - close it; @status, or DL_IO if it could not be written */
enum dl_status output_json_close(struct session *s, FILE *out, enum dl_status status);

/**
 * output_finish - flush stdout
 * @message: out, what went wrong; NULL if nothing did, or nobody reads any more
 */
enum dl_status output_finish(const char **message);

#endif
