/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and findings to the few words they take in a sentence or a cell. */
#include "words.h"

#include "dumpleak/report/bugcheck.h"
#include "dumpleak/report/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char *tag_quoted(uint32_t tag, char out[TAG_QUOTED_MAX])
{
	size_t n;

	out[0] = '\'';
	tag_text(tag, out + 1);
	n = strlen(out);
	out[n] = '\'';
	out[n + 1] = '\0';
	return out;
}

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

char *share_text(double share, char out[16])
{
	if (!(share >= 0 && share <= 1e6))
		strcpy(out, "unknown");
	else if (share > 0 && share < 0.0005)
		strcpy(out, "<0.1 %");
	else if (share < 1 && share >= 0.9995)
		strcpy(out, ">99.9 %");
	else
		snprintf(out, 16, "%.1f %%", share * 100);
	return out;
}

char *va_text(const struct os *os, uint64_t va, char out[24])
{
	if (os && os->layout.ptr_bytes == 8)
		snprintf(out, 24, "%08" PRIx32 "`%08" PRIx32, (uint32_t)(va >> 32),
			 (uint32_t)va);
	else
		snprintf(out, 24, "%08" PRIx64, va);
	return out;
}

char *guid_text(const uint8_t guid[16], char out[GUID_TEXT_MAX])
{
	int n = snprintf(out, GUID_TEXT_MAX, "%08" PRIX32 "-%04X-%04X-", le32(guid),
			 (unsigned)le16(guid + 4), (unsigned)le16(guid + 6));

	for (int i = 8; i < 16; i++)
		n += snprintf(out + n, GUID_TEXT_MAX - (size_t)n, "%s%02X",
			      i == 10 ? "-" : "", (unsigned)guid[i]);
	return out;
}

bool place_text(const struct os *os, uint64_t va, char *out, size_t n)
{
	const struct module *m = os_module_at(os, va);

	*out = '\0';
	if (m) {
		snprintf(out, n, "%s+0x%" PRIx64, m->name, va - m->base);
		utf8_trim(out);
		return true;
	}
	for (size_t i = 0; i < os->nr_unloaded; i++) {
		const struct unloaded *u = &os->unloaded[i];

		if (va < u->first_va || va >= u->end_va)
			continue;
		snprintf(out, n, "%s (unloaded)+0x%" PRIx64, u->name ? u->name : "unknown",
			 va - u->first_va);
		utf8_trim(out);
		return true;
	}
	return false;
}

char *symbol_path(const struct pdb_id *pdb, char out[SYMBOL_PATH_MAX])
{
	snprintf(out, SYMBOL_PATH_MAX, "%s/%s%" PRIX32 "/%s", pdb->name, pdb->guid, pdb->age,
		 pdb->name);
	return out;
}

const char *attribute_text(unsigned bit, char out[16])
{
	const char *name = dump_attribute_name((uint32_t)1 << bit);

	if (name)
		return name;
	snprintf(out, 16, "bit-%u", bit);
	return out;
}

bool bugcheck_of(const struct report_input *in, struct bugcheck *out)
{
	const struct dump_header *h = in->dump.header;

	if (h->bugcheck_code.known) {
		out->code = h->bugcheck_code.value;
		out->parameters = h->bugcheck_parameter;
	} else if (in->os && in->os->bugcheck_code.known) {
		out->code = in->os->bugcheck_code.value;
		out->parameters = in->os->bugcheck_parameter;
	} else {
		return false;
	}
	out->name = bugcheck_name(out->code);
	return true;
}

void driver_words(const struct os *os, const struct driver *driver,
		  const struct module *module, char *out, size_t n)
{
	const char *name = driver && *driver->name ? driver->name : NULL;
	char va[24];

	if (!module && driver && driver->module >= 0)
		module = &os->modules[driver->module];
	if (!name && driver && !module)
		snprintf(out, n, "driver object %s", va_text(os, driver->va, va));
	else if (name && module)
		snprintf(out, n, "%s (%s)", name, module->name);
	else
		snprintf(out, n, "%s", name ? name : module ? module->name : "unknown");
	utf8_trim(out);
}

const char *cached_list_name(enum block_state state)
{
	switch (state) {
	case BLOCK_CACHED: return "lookaside";
	case BLOCK_PARKED: return "driver-lookaside";
	case BLOCK_DELAYED: return "delayed";
	default: return NULL;
	}
}

uint64_t blocks_by_how(const struct classes *classes, enum block_how how)
{
	uint64_t n = 0;

	for (size_t i = 0; i < classes->nr; i++)
		n += classes->list[i].by_how[how];
	return n;
}

int64_t ledger_diff(const struct ledger_row *row)
{
	uint64_t found = ledger_found_bytes(row, 0) + ledger_found_bytes(row, 1);

	return (int64_t)(found - row->counted_bytes[0] - row->counted_bytes[1]);
}

static bool blocks_differ(const struct ledger_row *row, int paged)
{
	for (int k = 0; k < 2; k++)
		if ((paged < 0 || paged == k) &&
		    ledger_found_blocks(row, k) != row->counted_blocks[k])
			return true;
	return false;
}

/* Bytes of @row's difference by @reason, in one pool or (-1) in both. */
static uint64_t why_bytes(const struct ledger_row *row, int paged, int reason)
{
	if (paged < 0)
		return row->why[0][reason] + row->why[1][reason];
	return row->why[paged][reason];
}

const char *ledger_words(const struct ledger_row *row)
{
	int best = REASON_NONE;

	if (row->matches)
		return NULL;
	if (!row->counted && !why_bytes(row, -1, REASON_UNCOUNTED))
		return "not counted by the kernel";
	for (int i = REASON_NONE; i-- > 0;)
		if (why_bytes(row, -1, i) > why_bytes(row, -1, best))
			best = i;
	return best == REASON_NONE ? "unexplained" : ledger_reason_name((enum ledger_reason)best);
}

char *why_words(const struct ledger_row *row, int paged, char *out, size_t n)
{
	size_t k = 0;
	char count[32];

	out[0] = '\0';
	for (int i = 0; i < NR_LEDGER_REASONS && k < n; i++) {
		uint64_t bytes = why_bytes(row, paged, i);

		if (!bytes)
			continue;
		k += (size_t)snprintf(out + k, n - k, "%s%s%s %s", k ? ", " : "",
				      i == REASON_NONE ? "" : "up to ", text_count(bytes, count),
				      i == REASON_NONE && !row->counted
				      ? "not counted by the kernel"
				      : ledger_reason_name((enum ledger_reason)i));
	}
	if (!k && !row->matches && blocks_differ(row, paged))
		snprintf(out, n, "bytes agree, blocks do not");
	return out;
}

static uint64_t magnitude(const struct ledger_row *row)
{
	int64_t diff = ledger_diff(row);

	return diff < 0 ? 0 - (uint64_t)diff : (uint64_t)diff;
}

static int by_magnitude(const void *a, const void *b)
{
	const struct ledger_row *x = *(const struct ledger_row *const *)a;
	const struct ledger_row *y = *(const struct ledger_row *const *)b;

	if (magnitude(x) != magnitude(y))
		return magnitude(x) < magnitude(y) ? 1 : -1;
	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

const struct ledger_row **ledger_by_diff(const struct ledger *ledger, size_t *n)
{
	const struct ledger_row **list = calloc(ledger->nr + 1, sizeof *list);

	*n = 0;
	for (size_t i = 0; list && i < ledger->nr; i++)
		if (!ledger->rows[i].matches)
			list[(*n)++] = &ledger->rows[i];
	if (list)
		qsort(list, *n, sizeof *list, by_magnitude);
	return list;
}
