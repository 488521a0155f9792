/* SPDX-License-Identifier: Apache-2.0 */
#include "source_impl.h"
enum dl_status source_gzip_open(struct source *raw, const struct source_options *opts,
				struct source **out, struct dl_err *err)
{
	(void)opts; (void)out;
	return err_set(err, DL_UNSUPPORTED, "%s: gzip is not read yet", source_name(raw));
}
