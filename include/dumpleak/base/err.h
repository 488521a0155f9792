/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_BASE_ERR_H
#define DUMPLEAK_BASE_ERR_H

/*
 * One error convention for the whole program: functions return a status, zero
 * is success, results are the last parameters, and a message, where one is
 * wanted, goes to the caller's struct dl_err.
 */

enum dl_status {
	DL_OK,
	DL_END,         /* an iteration is over; never an error                   */
	DL_ABSENT,      /* sound address, bytes not in this dump: count it, go on */
	DL_CORRUPT,     /* bytes contradict each other, or run past the file      */
	DL_UNSUPPORTED, /* recognised, not handled: name it, never guess          */
	DL_NOTDUMP,     /* nothing here that any reader recognises                */
	DL_NOTFOUND,    /* the image is readable, what was asked is not in it     */
	DL_USAGE,       /* the caller's words are off                             */
	DL_IO,          /* the operating system refused or failed                 */
	DL_NOMEM,
};

/* The caller's; pass NULL in hot loops. Always NUL terminated, one line. */
struct dl_err {
	char text[512];
};

#if defined(__GNUC__)
#define DL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define DL_PRINTF(f, a)
#endif

/**
 * err_set - store a message and return @status, so that a failing function can
 * end with `return err_set(err, DL_CORRUPT, "...");`. @err may be NULL.
 */
enum dl_status err_set(struct dl_err *err, enum dl_status status,
		       const char *fmt, ...) DL_PRINTF(3, 4);

/**
 * err_prefix - put "@fmt: " before the message that a callee stored
 * Returns @status. @err may be NULL. What does not fit is cut at the end.
 */
enum dl_status err_prefix(struct dl_err *err, enum dl_status status,
			  const char *fmt, ...) DL_PRINTF(3, 4);

/** dl_status_name - a word for people and JSON: "ok", "absent", "corrupt", ... */
const char *dl_status_name(enum dl_status status);

#endif
