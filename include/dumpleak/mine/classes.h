/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_CLASSES_H
#define DUMPLEAK_MINE_CLASSES_H

/*
 * Histograms: blocks in use grouped by tag, size and pool; and the choice of
 * the classes that look like leaks.
 */

#include "dumpleak/pool/ledger.h"
#include "dumpleak/pool/pool.h"

/*
 * Blocks of one tag and size are one class whichever way the allocator keeps
 * them: a leak's first blocks are chunks, the others slots of a bucket.
 */
enum block_form {
	FORM_SMALL,     /* with a POOL_HEADER                      */
	FORM_PAGES,     /* whole pages, without one                */
	FORM_SPECIAL,   /* special pool: at the end of an own page */
};

static inline enum block_form block_form(enum block_how how)
{
	return how == BLOCK_SPECIAL ? FORM_SPECIAL
				    : block_has_header(how) ? FORM_SMALL : FORM_PAGES;
}

struct pool_class {
	uint32_t tag;           /* without the PROTECTED_POOL bit     */
	enum pool_kind pool;
	enum block_how how;     /* most of its blocks                 */
	uint32_t size_bytes;    /* with header, as WinDbg shows it; 0 if @any_size */
	bool any_size;          /* a tag as a whole, see classes_by_tag() */
	uint64_t blocks, bytes; /* in use; parked blocks are not in them */
	uint64_t free_blocks, cached_blocks;
	enum block_form form;
	uint64_t by_how[NR_BLOCK_HOWS]; /* blocks in use */
};

struct classes {
	struct pool_class *list;        /* by bytes, most first; then blocks, tag, size */
	size_t nr;
};

/** classes_make - one class per (tag, size, pool, form); classes_deinit() it */
enum dl_status classes_make(const struct pool *pool, struct classes *out,
			    struct dl_err *err);

/** classes_by_tag - fold a histogram to one class per (tag, pool) */
enum dl_status classes_by_tag(const struct classes *in, struct classes *out,
			      struct dl_err *err);
void classes_deinit(struct classes *classes);

/*
 * Why a class is a candidate. The rules are documented in docs/candidates.md
 * and printed with each suspect.
 */
struct candidate {
	size_t class_index;
	double score;           /* orders the candidates; 0..1                */
	double block_share, byte_share;         /* of its pool, in use        */
	double kept_share;      /* outstanding / allocated since boot; -1 unknown */
	const char *why;        /* one sentence                               */
};

enum { MAX_CANDIDATES = 16 };

/**
 * candidates_choose - rank the classes that may be leaks
 * @out: at most MAX_CANDIDATES, best first. Returns how many. An unremarkable
 * pool has none. Texts go to @arena.
 */
size_t candidates_choose(const struct pool *pool, const struct ledger *ledger,
			 const struct classes *classes, struct arena *arena,
			 struct candidate out[MAX_CANDIDATES]);

#endif
