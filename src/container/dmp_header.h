/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_DMP_HEADER_H
#define DUMPLEAK_CONTAINER_DMP_HEADER_H

/* What the two widths of dump headers have in common: fields by table. */

#include "dumpleak/container/reader.h"

#include <stddef.h>

enum { DMP_FILLER = 0x45474150 };       /* "PAGE": what nobody has written to */

struct header_row {
	struct field field;
	size_t out;             /* offset of a struct known_u64 in dump_header */
	bool zero_is_unknown;   /* addresses and times: nobody filled them in  */
};

#define HEADER_OUT(member) offsetof(struct dump_header, member)

/** dmp_is_filler - whether a field of @width bytes still holds "PAGE" over and over */
bool dmp_is_filler(uint64_t v, unsigned width);

/** dmp_header_rows - fill the fields of @h that @rows name and somebody wrote */
void dmp_header_rows(struct dump_header *h, struct bytes head,
		     const struct header_row *rows, size_t nr_rows);

/** dmp_header_comment - the comment of 128 bytes at @text, if there is one */
void dmp_header_comment(struct container *c, const uint8_t *text);

/**
 * dmp_header_context - keep a CONTEXT of @n bytes, if somebody wrote it
 * @flags_off: of its ContextFlags, which are neither 0 nor filler then
 */
void dmp_header_context(struct container *c, const uint8_t *context, size_t n,
			size_t flags_off);

#endif
