/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sampled 64-bit words to columns: one each, or two where 32-bit fields stand
 * side by side (an address and a port, a counter and padding). What makes it
 * two is that a half is orderly on its own; what makes it one is that the whole
 * is an address, a time, text, or a number whose high half says nothing.
 */
#include "mine_impl.h"

#include <string.h>

enum {
	FEW_VALUES = 8,
	OUTLIERS = 200,         /* one in so many at each end does not count */
	DENSE = 64,             /* a sequence fills at least one in so many  */
	PROBES = 64,            /* addresses that are looked up              */
	USER_LAST_HIGH = 0x7fff,
};

/* One half of the sampled words, by value. */
struct half {
	uint32_t *sorted;
	size_t n, distinct;
	size_t most;            /* blocks with one value that is not 0 */
	bool few, orderly, random;
};

/* The words of one column while it is judged. */
struct pairs {
	const struct miner *m;
	const struct mined *c;
	const uint64_t *words;
	size_t n, set;          /* sampled words; those that are not 0 */
	size_t kernel;
	struct half low, high;
	uint64_t *sorted;       /* the words, by low half first */
	uint64_t *apart;        /* words that begin in the middle of one */
};

static bool nearly(size_t part, size_t all, unsigned percent)
{
	return part * 100 >= all * percent;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int by_low(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	x = x << 32 | x >> 32;
	y = y << 32 | y >> 32;
	return (x > y) - (x < y);
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Do the @blocks numbers of the class fill their range? */
static bool is_dense(const struct half *h, uint64_t blocks)
{
	size_t first = h->n / OUTLIERS, last = h->n - 1 - h->n / OUTLIERS;
	uint64_t stride = 0, values = nearly(h->distinct, h->n, 95) ? blocks : h->distinct;

	for (size_t i = first + 1; i <= last && stride != 1; i++)
		stride = gcd(h->sorted[i] - h->sorted[first], stride);
	return stride && h->distinct > FEW_VALUES &&
	       (h->sorted[last] - h->sorted[first]) / stride / DENSE <= values;
}

/* The blocks that have one of the most frequent values, and all values. */
static size_t count_few(struct half *h)
{
	size_t most[FEW_VALUES] = { 0 }, sum = 0, j;

	for (size_t i = 0; i < h->n; i = j) {
		size_t n, k;

		for (j = i + 1; j < h->n && h->sorted[j] == h->sorted[i]; j++)
			;
		h->distinct++;
		n = j - i;
		if (h->sorted[i] && n > h->most)
			h->most = n;
		for (k = FEW_VALUES; k && most[k - 1] < n; k--)
			if (k < FEW_VALUES)
				most[k] = most[k - 1];
		if (k < FEW_VALUES)
			most[k] = n;
	}
	for (size_t k = 0; k < FEW_VALUES; k++)
		sum += most[k];
	return sum;
}

/* A hash or the like: as many of each size. */
static bool is_random(const struct half *h)
{
	size_t found[16] = { 0 };

	for (size_t i = 0; i < h->n; i++)
		found[h->sorted[i] >> 28]++;
	for (int i = 0; i < 16; i++)
		if (found[i] * 32 < h->n)
			return false;
	return true;
}

/*
 * Mostly zero says nothing, unless the rest is mostly one value: memory that
 * nobody wrote is so, too.
 */
static void half_judge(struct half *h, uint64_t blocks)
{
	size_t zero = 0, small;

	qsort(h->sorted, h->n, sizeof *h->sorted, by_value);
	while (zero < h->n && !h->sorted[zero])
		zero++;
	small = zero;
	h->few = nearly(count_few(h), h->n, 98) && h->distinct * 4 <= h->n;
	while (small < h->n && h->sorted[small] < 0x10000)
		small++;
	h->random = is_random(h);
	h->orderly = (!nearly(zero, h->n, 80) || h->most * 2 >= h->n - zero) &&
		     !nearly(zero, h->n, 99) &&
		     (h->few || nearly(small, h->n, 99) || is_dense(h, blocks));
}

static bool is_kernel(const struct pairs *p, uint64_t v)
{
	return word_kind_of(p->m->rule, v) == WORD_KERNEL;
}

/* Is memory mapped where most of the words point? */
static bool are_mapped(const struct pairs *p)
{
	struct vm *vm = &p->m->workers[0].vm;
	size_t step = p->kernel > PROBES ? p->kernel / PROBES : 1, seen = 0, tried = 0, good = 0;
	struct translation at;

	for (size_t k = 0; k < p->n; k++) {
		if (!is_kernel(p, p->words[k]) || seen++ % step)
			continue;
		tried++;
		good += !vm_translate(vm, p->words[k], &at, NULL);
	}
	return tried && nearly(good, tried, 80);
}

/* The words with each value of the low half mostly have one high half. */
static bool low_tells_high(const struct pairs *p)
{
	size_t fit = 0, j;

	for (size_t i = 0; i < p->n; i = j) {
		uint32_t low = (uint32_t)p->sorted[i];
		size_t most = 0, run = 0;

		for (j = i; j < p->n && (uint32_t)p->sorted[j] == low; j++) {
			run = j > i && p->sorted[j] == p->sorted[j - 1] ? run + 1 : 1;
			most = run > most ? run : most;
		}
		fit += most;
	}
	return nearly(fit, p->n, 98);
}

/* Do the low halves of addresses lie among those of all other words? */
static bool lows_are_alike(const struct pairs *p)
{
	uint32_t first = UINT32_MAX, last = 0;
	size_t inside = 0, others = 0;

	for (size_t k = 0; k < p->n; k++) {
		uint32_t low = (uint32_t)p->words[k];

		if (!p->words[k] || is_kernel(p, p->words[k]))
			continue;
		first = low < first ? low : first;
		last = low > last ? low : last;
		others++;
	}
	for (size_t k = 0; k < p->n; k++) {
		uint32_t low = (uint32_t)p->words[k];

		inside += is_kernel(p, p->words[k]) && low >= first && low <= last;
	}
	return others && nearly(others, p->n, 1) && nearly(inside, p->kernel, 90);
}

/* A whole: its high half says nothing by itself. */
static bool is_number(const struct pairs *p)
{
	size_t zero = 0, sign = 0;

	for (size_t k = 0; k < p->n; k++) {
		uint32_t high = (uint32_t)(p->words[k] >> 32);

		zero += !high;
		sign += high == UINT32_MAX && (uint32_t)p->words[k] >> 31;
	}
	return nearly(zero, p->n, 99) || nearly(zero + sign, p->n, 99);
}

static bool is_time_or_text(const struct pairs *p)
{
	const struct word_rule *rule = p->m->rule;
	size_t time = 0, text = 0, fill = 0;

	for (size_t k = 0; k < p->n; k++) {
		enum word_kind kind = word_kind_of(rule, p->words[k]);

		time += p->words[k] >= rule->time_first && p->words[k] < rule->time_last;
		text += kind == WORD_TEXT;
		fill += kind == WORD_FILL;
	}
	return nearly(time, p->set, 95) || nearly(text, p->set, 90) || nearly(fill, p->set, 95);
}

/* Addresses of user mode: aligned, and of no order. */
static bool is_user(const struct pairs *p)
{
	size_t user = 0;

	for (size_t k = 0; k < p->n; k++) {
		uint64_t high = p->words[k] >> 32;

		user += high && high <= USER_LAST_HIGH && p->words[k] % 8 == 0;
	}
	return !p->low.orderly && nearly(user, p->set, 95);
}

/* What needs no look at the halves. */
static bool is_plainly_one(const struct pairs *p)
{
	return !p->set || is_number(p) || is_time_or_text(p) ||
	       (nearly(p->kernel, p->set, 95) && are_mapped(p));
}

/* Of others, with both halves judged. */
static bool holds_two(const struct pairs *p)
{
	const struct half *high = &p->high;
	uint32_t middle = high->sorted[p->n / 2];
	bool low;

	if (is_user(p) ||
	    (nearly(p->kernel, p->set, 95) && high->distinct < 3 && middle != UINT32_MAX))
		return false;
	low = p->low.orderly || (p->low.random && !high->random);
	if (!nearly(p->kernel, p->n, 1) || !p->kernel)
		return low || high->orderly;
	/* addresses among others: of a union, or what is left in padding */
	return low && (p->low.few ? !low_tells_high(p) : lows_are_alike(p));
}

static void pairs_count(struct pairs *p, const uint64_t *words)
{
	p->words = words;
	p->set = p->kernel = 0;
	for (size_t k = 0; k < p->n; k++) {
		p->set += words[k] != 0;
		p->kernel += is_kernel(p, words[k]);
	}
}

static void pairs_sort(struct pairs *p)
{
	p->low.n = p->high.n = p->n;
	p->low.distinct = p->high.distinct = 0;
	p->low.most = p->high.most = 0;
	for (size_t k = 0; k < p->n; k++) {
		p->low.sorted[k] = (uint32_t)p->words[k];
		p->high.sorted[k] = (uint32_t)(p->words[k] >> 32);
	}
	memcpy(p->sorted, p->words, p->n * sizeof *p->sorted);
	qsort(p->sorted, p->n, sizeof *p->sorted, by_low);
	half_judge(&p->low, p->c->s->class.blocks);
	half_judge(&p->high, p->c->s->class.blocks);
}

/* What the sampled block @k has at @slot. */
static uint64_t word_at(const struct mined *c, struct slot slot, size_t k)
{
	const uint64_t *w = &c->sample_words[slot.off / 8 * c->cap_sample + k];
	uint64_t v = slot.off % 8 ? *w >> 32 : *w;

	if (slot.width == 4)
		return (uint32_t)v;
	return slot.off % 8 ? v | w[c->cap_sample] << 32 : v;
}

/* In a packed structure: addresses that begin in the middle of a word. */
static bool is_address(struct pairs *p, unsigned off)
{
	struct slot slot = { .off = (uint16_t)off, .width = 8 };

	if (off + 8 > p->c->mined_bytes)
		return false;
	for (size_t k = 0; k < p->n; k++)
		p->apart[k] = word_at(p->c, slot, k);
	pairs_count(p, p->apart);
	return nearly(p->kernel, p->n, 50) && nearly(p->kernel, p->set, 95) && are_mapped(p);
}

static unsigned add(const struct miner *m, struct slot *slots, unsigned nr, unsigned off,
		    uint8_t width)
{
	slots[nr] = (struct slot){ (uint16_t)off, width, m->rule };
	if (width == 4)
		slots[nr].rule = off % 8 ? &m->high : &m->low;
	return nr + 1;
}

static bool is_one(struct pairs *p, unsigned off)
{
	pairs_count(p, &p->c->sample_words[off / 8 * p->c->cap_sample]);
	if (!is_plainly_one(p)) {
		pairs_sort(p);
		if (holds_two(p))
			return false;
	}
	return !is_address(p, off + 4);
}

/* From one column to the next; returns how many there are. */
static unsigned divide(struct pairs *p, struct slot slots[MAX_COLUMNS])
{
	unsigned nr = 0, off = 0, end = (p->c->s->user_bytes + 3) / 4 * 4;

	if (end > p->c->mined_bytes)
		end = p->c->mined_bytes;
	while (off < end) {
		bool whole = off + 8 <= end &&
			     (off % 8 ? is_address(p, off) : is_one(p, off));

		nr = add(p->m, slots, nr, off, whole ? 8 : 4);
		off += whole ? 8 : 4;
	}
	return nr;
}

/* The sampled words in the order of the new columns. */
static bool rearrange(struct mined *c, const struct slot *slots, unsigned nr)
{
	size_t cap = c->cap_sample;
	uint64_t *words = calloc(cap * nr + 1, sizeof *words);

	if (!words)
		return false;
	for (unsigned col = 0; col < nr; col++)
		for (size_t k = 0; k < c->nr_sample; k++)
			words[col * cap + k] = word_at(c, slots[col], k);
	free(c->sample_words);
	c->sample_words = words;
	memcpy(c->slots, slots, nr * sizeof *slots);
	c->nr_columns = nr;
	c->halves = true;
	return true;
}

bool halves_split(struct miner *m, struct mined *c)
{
	size_t n = c->nr_sample;
	struct slot slots[MAX_COLUMNS];
	uint64_t *room;
	unsigned nr;

	if (m->rule->width != 8 || !n || !c->nr_words)
		return true;
	room = malloc(3 * n * sizeof *room);
	if (!room)
		return false;
	nr = divide(&(struct pairs){
			.m = m, .c = c, .n = n, .sorted = room, .apart = room + n,
			.low.sorted = (uint32_t *)(room + 2 * n),
			.high.sorted = (uint32_t *)(room + 2 * n) + n }, slots);
	free(room);
	return (nr == c->nr_words && slots[nr - 1].width == 8) || rearrange(c, slots, nr);
}
