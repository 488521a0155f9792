/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_MINE_IMPL_H
#define DUMPLEAK_MINE_IMPL_H

/*
 * For the files of src/mine/ only: the steps of mine_run() and what they hand
 * on, in their order. Memory is bounded whatever the number of blocks:
 * the sample has SAMPLE_WORDS words in all, a column's accumulator about 1 KB
 * and a table of DISTINCT_CAP values where its values are few.
 */

#include "dumpleak/mine/mine.h"
#include "targets_impl.h"

#include <stdlib.h>

enum {
	MAX_WORDS = 128,                /* pointer-sized, mined of one block  */
	MAX_COLUMNS = 2 * MAX_WORDS,    /* each of them may be two fields     */
	MAX_MINED = MAX_WORDS * 8,      /* bytes of one block                 */
	SAMPLE_MAX = 4096,              /* blocks of one class                */
	SAMPLE_MIN = 256,
	SAMPLE_WORDS = 512 * 1024,      /* of all classes                     */
	HEAVY_MAX = 32,                 /* values counted exactly whatever    */
	HEAVY_SLOTS = 64,
	DISTINCT_CAP = 512,             /* further values kept one by one     */
	DISTINCT_SLOTS = 1024,
	SPAN_MAX = 8 << 20,             /* bits of one map of values in a range */
	LEADS_MAX = 8,                  /* owners that one word leads to      */
	PATHS_MAX = 256,                /* kinds of evidence of one class     */
	TRACKED = 8,                    /* owners whose overlap is counted    */
	CONTROL_BLOCKS = 8192,
	HOP_BLOCKS = 65536,             /* of one class, when hops are followed */
	MAX_DEPTH = 2,                  /* other blocks on the way to an owner */
	SLICE_PAGES = 256, SLICE_LOOSE = 256, SLICE_CONTROL = 128,
};

/* ---- a word's looks, by its bits alone ---------------------------------- */

enum word_kind {
	WORD_ZERO, WORD_SMALL, WORD_KERNEL, WORD_TEXT, WORD_FILL, WORD_OTHER,
	NR_WORD_KINDS
};

/* What the words of a column are judged by. */
struct word_rule {
	unsigned width;
	uint64_t kernel_first, kernel_last;     /* of a high half: that of such an address */
	uint64_t time_first, time_last; /* see COLUMN_TIME; 0, 0: clock unknown */
};

/*
 * One column: a pointer-sized word, or on 64-bit machines one half of a word in
 * which two fields stand side by side; see halves.c.
 */
struct slot {
	uint16_t off;                   /* from the user address */
	uint8_t width;
	const struct word_rule *rule;
};

enum word_kind word_kind_of(const struct word_rule *rule, uint64_t v);

/* ---- accumulators: one column of one class ------------------------------ */

/* What the sample says a column needs; read-only while blocks are counted. */
struct plan {
	uint64_t heavy[HEAVY_MAX];
	uint8_t slot[HEAVY_SLOTS];      /* hash of them: index plus 1 */
	unsigned nr_heavy;
	bool table;                     /* keep further values one by one */
	bool self;                      /* look for pointers into the block */
	uint64_t span_first, span;      /* map of seen values; span 0: none */
	uint64_t stride;                /* of the values in it */
	uint64_t sampled_distinct;      /* values in the sample */
};

struct distinct {
	uint64_t value[DISTINCT_SLOTS], count[DISTINCT_SLOTS]; /* count 0: empty */
	size_t nr;
};

struct acc {
	uint64_t last, run;             /* of equal words, not yet counted */
	uint64_t n, self, time;
	uint64_t kinds[NR_WORD_KINDS];
	uint64_t min, max, all_ones, any_ones;
	uint64_t heavy[HEAVY_MAX];
	struct distinct *table;
	uint64_t *seen, outside;        /* bits of the span; words outside it */
	bool overflow;                  /* more values than the table holds   */
	bool nomem;
};

void acc_init(struct acc *a);
void acc_deinit(struct acc *a);

/** acc_word - count one word; inline, since it runs for every word of a leak */
void acc_change(struct acc *a, const struct plan *p, const struct word_rule *rule,
		uint64_t v);
static inline void acc_word(struct acc *a, const struct plan *p,
			    const struct word_rule *rule, uint64_t v)
{
	if (v == a->last)
		a->run++;
	else
		acc_change(a, p, rule, v);
}

/** acc_flush - count the run that is still open; needed before reading @a */
void acc_flush(struct acc *a, const struct plan *p, const struct word_rule *rule);

/** acc_merge - add @from, flushed, to @to, flushed */
void acc_merge(struct acc *to, const struct acc *from, const struct plan *p);

/** acc_finish - after the last merge: add what the heavy values are to the sums */
void acc_finish(struct acc *a, const struct plan *p, const struct word_rule *rule);

/** acc_distinct - how many values; *@exact false: at least */
uint64_t acc_distinct(const struct acc *a, const struct plan *p, bool *exact);

/** acc_span - the first and last of the values that were seen in the span */
bool acc_span(const struct acc *a, const struct plan *p, uint64_t *first,
	      uint64_t *last);

/* ---- one class while it is mined ---------------------------------------- */

/* One way from a column to an owner. */
struct path {
	uint32_t owner;
	uint16_t column;
	uint8_t kind;                   /* enum target_kind at its end        */
	uint8_t hops;
	bool list;                      /* the end is the head of the list    */
	uint32_t hop_tag[MAX_DEPTH];
	uint16_t hop_off[MAX_DEPTH];    /* of the word read in each hop       */
	uint64_t ends[4];               /* offsets at the end that were seen  */
	unsigned nr_ends;
	bool more_ends;
	uint64_t blocks;                /* exact, of those looked at          */
};

/* What the pointers of one column lead to, whoever owns it. */
enum { GROUPS_MAX = 192 };
struct group {
	uint16_t column;
	uint8_t kind;                   /* enum target_kind; extension for events in one */
	const void *thing;              /* device, driver, section, unloaded, ...        */
	const struct module *module;
	uint32_t tag;                   /* of a block */
	uint64_t blocks;                /* exact      */
};

/* The lists that the blocks of one class are linked into. */
enum { CHAINS_MAX = 250 };
struct lists {
	bool is_list;
	unsigned column;
	uint8_t *chain;                 /* per catalog index, from @first: number, 0 none */
	size_t first, nr;
	struct {
		uint64_t head_va, blocks;
		uint32_t owner;         /* of the head */
		uint16_t path;
		uint8_t kind;           /* enum target_kind of the head       */
	} chains[CHAINS_MAX + 2];
	unsigned nr_chains;
	uint64_t visited, linked;       /* blocks seen; whose neighbour points back */
	uint64_t cut_blocks;            /* in parts that missing memory cut off */
	bool complete;                  /* every block was visited            */
};

struct mined {
	struct suspect *s;
	uint32_t tag, size_units;
	enum pool_kind pool;
	enum block_form form;
	unsigned nr_words, nr_columns;
	unsigned mined_bytes;           /* of each block                      */
	unsigned align;                 /* its data begin at a multiple of that; 0: at once */
	bool halves;                    /* some columns are half a word       */
	struct slot slots[MAX_COLUMNS];
	uint64_t seen;                  /* blocks that were met               */

	uint32_t *sample;               /* catalog indices                    */
	uint64_t *sample_words;         /* [column * nr_sample + k]           */
	size_t nr_sample, cap_sample;

	struct plan *plans;
	struct acc *accs;               /* merged                             */
	bool any_self;
	bool unwritten[MAX_COLUMNS], pointers[MAX_COLUMNS];
	double stale_share;             /* of blocks, where nothing was written */
	struct lists lists;

	struct group groups[GROUPS_MAX];
	size_t nr_groups;
	struct path paths[PATHS_MAX];
	size_t nr_paths;
	uint8_t pointer_columns[MAX_COLUMNS];
	unsigned nr_pointers;
	bool follow;                    /* in the sweep that is running       */
	unsigned depth;                 /* hops that are followed             */
	unsigned page_step;             /* every how many-th page was looked at */
	uint32_t tracked[TRACKED];      /* owner ids                          */
	unsigned nr_tracked;
	uint64_t looked_at;             /* blocks                             */
	uint64_t *unions;               /* per owner id: blocks leading there */
	uint64_t combos[1 << TRACKED];  /* blocks by set of tracked owners    */
	uint32_t ranked[MAX_OWNERS + 1];   /* owner ids of s->owners             */
	uint64_t *control;              /* per owner id, of control_blocks    */
};

/* Blocks of no candidate, in use: an even sample. */
enum { OTHERS_MAX = 2 * CONTROL_BLOCKS };
struct others {
	uint32_t block[OTHERS_MAX];
	size_t nr, step, seen;
};

struct worker {
	struct phys phys;
	struct vm vm;
	struct resolver *resolver;
};

struct miner {
	const struct targets *t;
	const struct mine_options *opts;
	const struct word_rule *rule;   /* of a whole word                    */
	struct word_rule low, high;     /* of its halves                      */
	struct arena *arena;
	struct mined *mined;
	size_t nr;
	uint8_t lookup[256];            /* hash of tag and size: index plus 1 */
	uint32_t *order;                /* of pages, by place in the file; or NULL */
	uint32_t *loose;                /* catalog indices of candidates' blocks that
	                                   are on no page of small blocks     */
	size_t nr_loose, cap_loose;
	struct others others[NR_POOL_KINDS];
	struct worker *workers;
	unsigned nr_workers;
	bool counted;                   /* all blocks, not only the sample    */
};

/* ---- sweep.c: every block of every candidate ----------------------------- */

enum dl_status sweep_init(struct miner *m, struct dl_err *err);
void sweep_deinit(struct miner *m);

/** sweep_census - one look at every block: the samples, loose blocks, others */
enum dl_status sweep_census(struct miner *m);

static inline size_t sweep_hash(uint32_t tag, uint32_t size_units)
{
	return ((tag & 0x7fffffff) * 0x9e3779b1u ^ size_units * 0x85ebca6bu) >> 24;
}

struct mined *sweep_class_at(const struct miner *m, size_t i, size_t hash);

/** sweep_class_of - which candidate block @i belongs to, in use; NULL if none */
static inline struct mined *sweep_class_of(const struct miner *m, size_t i)
{
	const struct catalog *c = &m->t->pool->blocks;
	size_t h = sweep_hash(c->tag[i], c->size_units[i]);

	return m->lookup[h] ? sweep_class_at(m, i, h) : NULL;
}

/* @user: its bytes behind the header, or NULL if its page is not readable. */
typedef void (*sweep_fn)(void *ctx, unsigned worker, struct mined *c, size_t i,
			 const uint8_t *user);

/**
 * sweep_run - call @fn for every block of every candidate
 * @what: for the progress display. @step_of: every how many-th page counts for
 * a class, NULL: all of them; 0: none.
 */
enum dl_status sweep_run(struct miner *m, const char *what,
			 unsigned (*step_of)(const struct mined *), sweep_fn fn,
			 void *ctx, struct dl_err *err);

/* ---- the steps ----------------------------------------------------------- */

/** sample_take - evenly spread blocks of each class, and the plans they suggest */
enum dl_status sample_take(struct miner *m, struct dl_err *err);

/** mined_align - where the data of a block begin, whose header ends at @va */
static inline uint64_t mined_align(unsigned align, uint64_t va)
{
	return align ? (va + align - 1) & ~(uint64_t)(align - 1) : va;
}

/** mined_va - the address that the owner of block @i of the class was given */
static inline uint64_t mined_va(const struct miner *m, const struct mined *c, size_t i)
{
	return mined_align(c->align, pool_user_va(m->t->pool, i));
}

/** frame_find - c->align and what the allocator keeps of each block, by the sample */
void frame_find(struct miner *m, struct mined *c);

/** frame_resize - @user_bytes of each block are the owner's */
void frame_resize(const struct miner *m, struct mined *c, uint32_t user_bytes);

/**
 * unused_trim - leave out what the heap notes at the end of its blocks
 * That says how many bytes at the end nobody asked for: s->user_bytes is what
 * was asked for, then.
 */
void unused_trim(struct miner *m, struct mined *c);

/**
 * halves_split - two columns for each word that holds two fields, by the sample
 * Puts the sampled words in the order of the columns; false without memory.
 */
bool halves_split(struct miner *m, struct mined *c);

/** columns_guess - columns_sort_out() by the sample alone: what to follow */
enum dl_status columns_guess(struct miner *m, struct mined *c);

/** columns_count - fill the accumulators from all blocks; @also gets them, too */
enum dl_status columns_count(struct miner *m, sweep_fn also, void *ctx,
			     struct dl_err *err);

/** lists_find - is there a LIST_ENTRY, and whose lists are they */
enum dl_status lists_find(struct miner *m, struct mined *c, struct dl_err *err);

/** columns_sort_out - tell written columns from stale ones, and find pointers */
void columns_sort_out(struct miner *m, struct mined *c);

/** owners_find - follow the pointers, of these blocks and of control blocks */
enum dl_status owners_find(struct miner *m, struct dl_err *err);

/** owners_rank - fill s->owners and the verdict */
void owners_rank(struct miner *m, struct mined *c);
void verdict_judge(struct miner *m, struct mined *c);

/** columns_describe - kinds, shares, top values and words; DL_NOMEM or DL_OK */
enum dl_status columns_describe(struct miner *m, struct mined *c);

/** column_words - the column for people; needs everything else of it */
const char *column_words(struct miner *m, struct mined *c, unsigned col);

/** next_steps - what to do with this suspect */
void next_steps(struct miner *m, struct mined *c);

/* ---- owners are numbered: devices, drivers, images, unloaded images -------- */

static inline uint32_t owner_ids(const struct os *os)
{
	return (uint32_t)(os->nr_devices + os->nr_drivers + os->nr_modules +
			  os->nr_unloaded);
}

enum { NO_OWNER = UINT32_MAX };

/** owner_of_target - whose thing that is; NO_OWNER if nobody's in particular */
uint32_t owner_of_target(const struct targets *t, const struct target *target);

/** owner_parent - a device's driver; NO_OWNER for all others */
uint32_t owner_parent(const struct os *os, uint32_t id);

/** owner_set_things - o->device, driver, module or unloaded, and its name */
void owner_set_things(const struct os *os, uint32_t id, struct arena *arena,
		      struct owner *o);

/** path_text - "+0x18 -> LkNd +0xc -> device object", in @arena */
const char *path_text(const struct miner *m, const struct mined *c, const struct path *p);

/** path_weight - how much a way says about who owns the block, 0..1 */
double path_weight(const struct miner *m, const struct path *p);

/** group_of - what @target counts as in the columns' description */
void group_of(const struct miner *m, const struct target *target, unsigned column,
	      struct group *g);
unsigned group_find(const struct mined *c, const struct group *g);
enum { NO_GROUP = 0xff };

/** mine_text - printf into the arena; NULL without memory */
const char *mine_text(struct arena *arena, const char *fmt, ...) DL_PRINTF(2, 3);

#endif
