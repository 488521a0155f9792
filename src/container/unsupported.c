/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First bytes to the name of a format that dumpleak knows of but does not
 * read, so that nobody has to guess why. Magic numbers are those that the
 * formats' own documentation or file(1) state.
 */
#include "readers.h"

#include <string.h>

enum { HEAD_BYTES = 0x1000 };

struct magic {
	uint8_t n;
	const char *bytes;      /* at the file's start */
	const char *text;       /* after "FILE: " */
};

static const struct magic magics[] = {
	{ 4, "MDMP", "user-mode minidump of one process: holds no kernel memory" },
	{ 4, "hibr", "Windows hibernation file: not supported" },
	{ 4, "HIBR", "Windows hibernation file: not supported" },
	{ 4, "wake", "Windows hibernation file (already resumed from): not supported" },
	{ 4, "WAKE", "Windows hibernation file (already resumed from): not supported" },
	{ 4, "RSTR", "Windows hibernation file (being resumed from): not supported" },
	{ 4, "\xd0\xbe\xd2\xbe", "VMware suspended state (.vmss): open the .vmem file "
	  "beside it as raw memory, or convert it with vmss2core" },
	{ 4, "\xd1\xba\xd1\xba", "VMware snapshot state (.vmsn): open the .vmem file "
	  "beside it as raw memory, or convert it with vmss2core" },
	{ 4, "\xd2\xbe\xd2\xbe", "VMware suspended state (.vmss): open the .vmem file "
	  "beside it as raw memory, or convert it with vmss2core" },
	{ 4, "\xd3\xbe\xd3\xbe", "VMware suspended state (.vmss): open the .vmem file "
	  "beside it as raw memory, or convert it with vmss2core" },
	{ 4, "EMiL", "LiME memory image: not supported" },
	{ 4, "QEVM", "QEMU saved state (savevm): take a memory dump with "
	  "dump-guest-memory instead" },
	{ 4, "Libv", "libvirt saved domain: take a memory dump with virsh dump "
	  "--memory-only instead" },
	{ 4, "QFI\xfb", "QEMU disk image (qcow2), not a memory dump" },
	{ 4, "KDMV", "disk image (VMDK), not a memory dump" },
	{ 8, "vhdxfile", "disk image (VHDX), not a memory dump" },
	{ 9, "LinuxGues", "Xen saved domain: not supported" },
	{ 12, "\x7f" "UnderLin2V2", "VirtualBox saved state: take a memory dump with "
	  "VBoxManage debugvm dumpvmcore instead" },
	{ 2, "MZ", "Windows program or driver (PE file), not a memory dump" },
	{ 6, "\xfd" "7zXZ\0", "compressed with xz: unpack it first" },
	{ 4, "\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first" },
	{ 4, "\x04\x22\x4d\x18", "compressed with LZ4: unpack it first" },
	{ 6, "7z\xbc\xaf\x27\x1c", "7z archive: unpack it first" },
	{ 4, "PK\x03\x04", "zip archive: unpack it first" },
	{ 6, "Rar!\x1a\x07", "rar archive: unpack it first" },
	{ 3, "BZh", "compressed with bzip2: unpack it first" },
	{ 4, "MSCF", "cabinet archive: unpack it first" },
};

static size_t read_head(struct source *source, uint8_t *head)
{
	size_t n = HEAD_BYTES;

	/* short files are rare; halving finds enough of them for any magic */
	for (; n >= 1; n /= 2)
		if (source_read(source, 0, head, n, NULL) == DL_OK)
			return n;
	return 0;
}

enum dl_status unsupported_format(struct source *source, struct dl_err *err)
{
	uint8_t head[HEAD_BYTES] = { 0 };
	size_t n = read_head(source, head);

	if (n >= 8 && !memcmp(head, "PAGE", 4))
		return err_set(err, DL_CORRUPT, "%s: ValidDump at 0x4 is neither DUMP "
			       "nor DU64: a dump that was never finished, or a page "
			       "file", source_name(source));
	for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
		const struct magic *m = &magics[i];

		if (n >= m->n && !memcmp(head, m->bytes, m->n))
			return err_set(err, DL_UNSUPPORTED, "%s: %s",
				       source_name(source), m->text);
	}
	return DL_NOTDUMP;
}
