/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_MINE_H
#define DUMPLEAK_MINE_MINE_H

/*
 * Contents of a class of blocks, column by column, and whose they are.
 * A column is one pointer-sized word at one offset of every block of the
 * class. Offsets count from the address the owner was given (behind the
 * header), as the owner's structure definition would.
 */

#include "dumpleak/mine/classes.h"
#include "dumpleak/mine/targets.h"

enum column_kind {
	COLUMN_UNREADABLE,      /* no block's page was readable               */
	COLUMN_ZERO,            /* always 0                                   */
	COLUMN_CONSTANT,        /* always one value, not 0                    */
	COLUMN_FEW,             /* few values account for nearly all          */
	COLUMN_COUNTER,         /* distinct values, dense in a range: a sequence */
	COLUMN_SMALL,           /* small integers                             */
	COLUMN_FLAGS,           /* few bits ever set                          */
	COLUMN_POINTER,         /* kernel pointers to one kind of thing; see target */
	COLUMN_LIST,            /* LIST_ENTRY whose partner links back        */
	COLUMN_SELF,            /* points into its own block                  */
	COLUMN_TEXT,            /* ASCII or UTF-16                            */
	COLUMN_TIME,            /* (low half of) FILETIMEs near the dump's time */
	COLUMN_MIXED,           /* none of these: several kinds, see values   */
	COLUMN_UNWRITTEN,       /* noise: looks never written by the owner    */
	NR_COLUMN_KINDS
};

enum { COLUMN_TOP = 8 };

struct column_value {
	uint64_t value;
	uint64_t blocks;        /* that hold it: exact      */
	struct target target;
};

struct column {
	uint32_t offset;        /* bytes, from the user address            */
	uint8_t width;          /* bytes                                   */
	enum column_kind kind;
	double share;           /* of readable blocks that fit the kind    */
	uint64_t distinct;      /* values seen                             */
	bool distinct_exact;    /* false: at least so many                 */
	struct column_value top[COLUMN_TOP];    /* most frequent first     */
	unsigned nr_top;
	uint64_t min, max;      /* as unsigned numbers                     */
	const char *target;     /* for JSON and people: "device \Device\DonIfs",
	                           "event in \Device\DonIfs extension", "block LkNd",
	                           "module donifs.sys .text"; NULL if no pointers */
	const char *words;      /* the whole description for people        */
};

/* One distinct piece of evidence that leads from blocks to an owner. */
struct evidence {
	const char *path;       /* "+0x10 -> device object", "+0x4 -> event at extension+0x8",
	                           "+0x18 -> LkNd +0xc -> device object"   */
	uint64_t blocks;        /* of the class that have it               */
	double share;
	double control_share;   /* the same owner, any path, in control blocks */
};

enum { MAX_EVIDENCE = 6, MAX_OWNERS = 8 };

enum verdict {
	VERDICT_NONE,           /* no owner found                          */
	VERDICT_THIN,           /* little evidence: few blocks, or no lead over the control */
	VERDICT_TIE,            /* another owner has the same evidence     */
	VERDICT_SHARED,         /* several owners, each with its own share of the blocks */
	VERDICT_CLEAR,
};

struct owner {
	const struct driver *driver;    /* may be NULL if only a device or module is known */
	const struct device *device;    /* NULL: the driver as a whole     */
	const struct module *module;    /* its image, where known          */
	uint64_t blocks;                /* that lead there by any path: exact union */
	double share;
	double control_share;           /* of blocks of other classes      */
	double score;                   /* 0..1; how it ranks              */
	struct evidence evidence[MAX_EVIDENCE];         /* strongest first */
	unsigned nr_evidence;
	const char *path;               /* evidence[0].path                */
	const struct unloaded *unloaded;/* an image that is gone; else NULL */
	const char *name;               /* of the device, driver or image   */
};

struct suspect {
	struct pool_class class;
	struct candidate candidate;
	uint64_t readable;              /* blocks whose contents could be read */
	uint32_t user_bytes;            /* block without header            */
	uint32_t used_bytes;            /* up to the end of the last written column */
	struct column *columns;
	size_t nr_columns;
	size_t columns_cut;             /* words behind the mined part of large blocks */
	struct owner owners[MAX_OWNERS];
	unsigned nr_owners;
	enum verdict verdict;
	const char *verdict_words;      /* one or two sentences with reasons */
	uint64_t control_blocks;        /* blocks of other classes compared with */
	uint64_t samples[8];            /* user addresses, spread over the class */
	unsigned nr_samples;
	const char *const *next_steps;  /* what to do next, NULL-terminated */
	uint64_t looked_at;             /* blocks that the owners' shares are of: all
	                                   readable ones, or an even sample        */
	uint64_t listed;                /* linked into lists that end in a head: who
	                                   has the head can still reach them       */
};

struct findings {
	struct suspect *suspects;       /* in the order of the candidates  */
	size_t nr;
	struct arena arena;
};

struct mine_options {
	unsigned jobs;                  /* threads; 0: all processors      */
	const struct progress *progress;
	const struct candidate *chosen; /* mine these instead of choosing; NULL: */
	size_t nr_chosen;               /* candidates_choose() does, at most     */
	                                /* MAX_CANDIDATES of them                */
};

/**
 * mine_run - mine all candidates
 * Reads every block of every candidate; blocks on absent pages are left out
 * and counted. The same result for any number of jobs. findings_deinit() it.
 */
enum dl_status mine_run(const struct targets *targets, const struct ledger *ledger,
			const struct classes *classes,
			const struct mine_options *opts, struct findings *out,
			struct dl_err *err);
void findings_deinit(struct findings *f);

const char *column_kind_name(enum column_kind kind);    /* JSON's words */
const char *verdict_name(enum verdict verdict);

#endif
