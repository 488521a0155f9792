/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_CONTAINER_READER_H
#define DUMPLEAK_CONTAINER_READER_H

/*
 * For the files of src/container/ only: a format is one row of the table in
 * container.c and one file that provides these functions.
 */

#include "dumpleak/container/container.h"

/* What probe() says of a source by its first bytes. */
enum probe_result { PROBE_NOT_MINE, PROBE_MINE };

struct container {
	const struct reader *reader;
	struct source *source;
	struct source **others; /* of a set: the files beside it        */
	size_t nr_others;
	struct dump_header header;
	struct arena arena;     /* header strings, runs, notes          */
	void *state;            /* the reader's own                     */
	struct dump_note notes[CONTAINER_MAX_NOTES];
	size_t nr_notes;
};

struct reader {
	const char *name;
	enum probe_result (*probe)(struct source *source);
	enum dl_status (*open)(struct container *c, struct dl_err *err);
	void (*close)(struct container *c);
	enum dl_status (*page)(struct container *c, uint64_t pfn, uint8_t *scratch,
			       const uint8_t **page, struct dl_err *err);
	enum dl_status (*run)(struct container *c, uint64_t pfn, uint64_t *first,
			      uint64_t *last);
	uint64_t (*position)(const struct container *c, uint64_t pfn);
	/* Where in the file the page's bytes are, plain and in one piece, or UINT64_MAX. */
	uint64_t (*file_off)(struct container *c, uint64_t pfn);
	void (*count)(struct container *c, uint64_t *present, uint64_t *absent,
		      bool *exact);
	bool (*is_slow)(const struct container *c);
	/* By VA: minidumps only, NULL otherwise. */
	const struct dump_minidump *(*minidump)(const struct container *c);
	enum dl_status (*va_read)(struct container *c, uint64_t va, void *buf, size_t n,
				  struct dl_err *err);
	enum dl_status (*va_run)(struct container *c, uint64_t va, uint64_t *first,
				 uint64_t *last);
	/* Several files as one image: NULL where the format is never split. */
	enum dl_status (*open_set)(struct container *c, struct source *const *sources,
				   size_t n, struct dl_err *err);
};

/** container_note - remember a finding about the file; drops what exceeds the limit */
void container_note(struct container *c, enum dl_status kind, const char *fmt, ...)
	DL_PRINTF(3, 4);

extern const struct reader triage_reader;  /* minidumps (DumpType 4), before other dumps */
extern const struct reader dmp32_reader;   /* PAGEDUMP: all but minidumps */
extern const struct reader dmp64_reader;   /* PAGEDU64: the same          */
extern const struct reader kdump_reader;   /* ELF and kdump, by libkdumpfile */
extern const struct reader raw_reader;

#endif
