/* SPDX-License-Identifier: Apache-2.0 */
#include "dumpleak/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum dl_status err_set(struct dl_err *err, enum dl_status status,
		       const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return status;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return status;
}

enum dl_status err_prefix(struct dl_err *err, enum dl_status status,
			  const char *fmt, ...)
{
	struct dl_err inner;
	va_list ap;
	size_t n;

	if (!err)
		return status;
	inner = *err;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof err->text - n, ": %s", inner.text);
	return status;
}

const char *dl_status_name(enum dl_status status)
{
	static const char *const names[] = {
		[DL_OK] = "ok",
		[DL_END] = "end",
		[DL_ABSENT] = "absent",
		[DL_CORRUPT] = "corrupt",
		[DL_UNSUPPORTED] = "unsupported",
		[DL_NOTDUMP] = "not-a-dump",
		[DL_NOTFOUND] = "not-found",
		[DL_USAGE] = "usage",
		[DL_IO] = "io-error",
		[DL_NOMEM] = "out-of-memory",
	};

	if ((size_t)status >= sizeof names / sizeof names[0])
		return "unknown";
	return names[status];
}
