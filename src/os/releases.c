/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build numbers to the names that Windows is sold under, and to what else a
 * build implies. Nothing is laid out by these rows: that is layout.c.
 *
 * Sources: Microsoft's release information pages; kernel-globals.md section 1
 * for the sizes of the KDBG block.
 */
#include "dumpleak/os/internal.h"

#define BOTH(w, s) w, s, w " or " s
#define CLIENT(w) w, w, w
#define SERVER(s) s, s, s

static const struct release releases[] = {
	{ 2195, 5, 0, BOTH("Windows 2000 Professional", "Windows 2000 Server") },
	{ 2600, 5, 1, CLIENT("Windows XP") },
	{ 3790, 5, 2, BOTH("Windows XP x64", "Windows Server 2003") },
	{ 6000, 6, 0, CLIENT("Windows Vista") },
	{ 6001, 6, 0, BOTH("Windows Vista SP1", "Windows Server 2008") },
	{ 6002, 6, 0, BOTH("Windows Vista SP2", "Windows Server 2008 SP2") },
	{ 6003, 6, 0, BOTH("Windows Vista SP2", "Windows Server 2008 SP2") },
	{ 7600, 6, 1, BOTH("Windows 7", "Windows Server 2008 R2") },
	{ 7601, 6, 1, BOTH("Windows 7 SP1", "Windows Server 2008 R2 SP1") },
	{ 9200, 6, 2, BOTH("Windows 8", "Windows Server 2012") },
	{ 9600, 6, 3, BOTH("Windows 8.1", "Windows Server 2012 R2") },
	{ 10240, 10, 0, CLIENT("Windows 10 1507") },
	{ 10586, 10, 0, CLIENT("Windows 10 1511") },
	{ 14393, 10, 0, BOTH("Windows 10 1607", "Windows Server 2016") },
	{ 15063, 10, 0, CLIENT("Windows 10 1703") },
	{ 16299, 10, 0, BOTH("Windows 10 1709", "Windows Server 1709") },
	{ 17134, 10, 0, BOTH("Windows 10 1803", "Windows Server 1803") },
	{ 17763, 10, 0, BOTH("Windows 10 1809", "Windows Server 2019") },
	{ 18362, 10, 0, BOTH("Windows 10 1903", "Windows Server 1903") },
	{ 18363, 10, 0, BOTH("Windows 10 1909", "Windows Server 1909") },
	{ 19041, 10, 0, BOTH("Windows 10 2004", "Windows Server 2004") },
	{ 19042, 10, 0, BOTH("Windows 10 20H2", "Windows Server 20H2") },
	{ 19043, 10, 0, CLIENT("Windows 10 21H1") },
	{ 19044, 10, 0, CLIENT("Windows 10 21H2") },
	{ 19045, 10, 0, CLIENT("Windows 10 22H2") },
	{ 20348, 10, 0, SERVER("Windows Server 2022") },
	{ 20349, 10, 0, SERVER("Azure Stack HCI 22H2") },
	{ 22000, 10, 0, CLIENT("Windows 11 21H2") },
	{ 22621, 10, 0, CLIENT("Windows 11 22H2") },
	{ 22631, 10, 0, CLIENT("Windows 11 23H2") },
	{ 25398, 10, 0, SERVER("Windows Server 23H2") },
	{ 26100, 10, 0, BOTH("Windows 11 24H2", "Windows Server 2025") },
	{ 26200, 10, 0, CLIENT("Windows 11 25H2") },
};

const struct release *release_of(uint32_t build)
{
	for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
		if (releases[i].build == build)
			return &releases[i];
	return NULL;
}

const struct release *release_of_version(uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
		if (releases[i].major == major && releases[i].minor == minor)
			return &releases[i];
	return NULL;
}

const char *release_name(uint32_t build, uint32_t product, uint16_t machine)
{
	const struct release *r = release_of(build);

	if (!r)
		return NULL;
	/* there was no XP of this build but for x64 */
	if (product == PRODUCT_CONTROLLER || product == PRODUCT_SERVER ||
	    (build == BUILD_2003 && machine == MACHINE_I386))
		return r->server;
	return product == PRODUCT_WORKSTATION ? r->workstation : r->either;
}

const char *product_name(uint32_t product)
{
	switch (product) {
	case PRODUCT_WORKSTATION: return "workstation";
	case PRODUCT_CONTROLLER: return "domain controller";
	case PRODUCT_SERVER: return "server";
	default: return "";
	}
}

uint32_t release_kernel(uint32_t build)
{
	/* first and last build that run the same kernel, by enablement packages */
	static const struct { uint32_t first, last; } families[] = {
		{ 6002, 6003 }, { 18362, 18363 }, { 19041, 19045 }, { 20348, 20349 },
		{ 22621, 22631 }, { 26100, 26200 },
	};

	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
		if (build >= families[i].first && build <= families[i].last)
			return families[i].first;
	return build;
}

/* The block grew with some releases; where that was not seen, rows overlap. */
bool release_of_kdbg(uint32_t size_bytes, uint32_t *first, uint32_t *last)
{
	static const struct { uint32_t size_bytes, first, last; } sizes[] = {
		{ 0x208, 2195, 2195 }, { 0x290, 2600, 2600 }, { 0x318, 3790, 3790 },
		{ 0x328, 6000, 6000 }, { 0x330, 6001, 6003 }, { 0x340, 7600, 7601 },
		{ 0x360, 9200, 9600 }, { 0x368, 10240, 17134 }, { 0x380, 17763, 25398 },
		{ 0x3a0, 22621, UINT32_MAX }, { 0x3a8, 26100, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		if (sizes[i].size_bytes == size_bytes) {
			*first = sizes[i].first;
			*last = sizes[i].last;
			return true;
		}
	return false;
}
