/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bugcheck codes to their names: those that are common, or that pool trouble
 * leads to. Names as in Microsoft's public bugcheck reference.
 */
#include "dumpleak/report/bugcheck.h"

#include <stddef.h>

static const struct { uint32_t code; const char *name; } names[] = {
	{ 0x01, "APC_INDEX_MISMATCH" },
	{ 0x0a, "IRQL_NOT_LESS_OR_EQUAL" },
	{ 0x19, "BAD_POOL_HEADER" },
	{ 0x1a, "MEMORY_MANAGEMENT" },
	{ 0x1e, "KMODE_EXCEPTION_NOT_HANDLED" },
	{ 0x23, "FAT_FILE_SYSTEM" },
	{ 0x24, "NTFS_FILE_SYSTEM" },
	{ 0x27, "RDR_FILE_SYSTEM" },
	{ 0x2d, "SCSI_DISK_DRIVER_INTERNAL" },
	{ 0x2e, "DATA_BUS_ERROR" },
	{ 0x3b, "SYSTEM_SERVICE_EXCEPTION" },
	{ 0x3f, "NO_MORE_SYSTEM_PTES" },
	{ 0x41, "MUST_SUCCEED_POOL_EMPTY" },
	{ 0x44, "MULTIPLE_IRP_COMPLETE_REQUESTS" },
	{ 0x4a, "IRQL_GT_ZERO_AT_SYSTEM_SERVICE" },
	{ 0x4d, "NO_PAGES_AVAILABLE" },
	{ 0x4e, "PFN_LIST_CORRUPT" },
	{ 0x50, "PAGE_FAULT_IN_NONPAGED_AREA" },
	{ 0x51, "REGISTRY_ERROR" },
	{ 0x76, "PROCESS_HAS_LOCKED_PAGES" },
	{ 0x77, "KERNEL_STACK_INPAGE_ERROR" },
	{ 0x7a, "KERNEL_DATA_INPAGE_ERROR" },
	{ 0x7b, "INACCESSIBLE_BOOT_DEVICE" },
	{ 0x7e, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED" },
	{ 0x7f, "UNEXPECTED_KERNEL_MODE_TRAP" },
	{ 0x80, "NMI_HARDWARE_FAILURE" },
	{ 0x8e, "KERNEL_MODE_EXCEPTION_NOT_HANDLED" },
	{ 0x9c, "MACHINE_CHECK_EXCEPTION" },
	{ 0x9f, "DRIVER_POWER_STATE_FAILURE" },
	{ 0xbe, "ATTEMPTED_WRITE_TO_READONLY_MEMORY" },
	{ 0xc1, "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION" },
	{ 0xc2, "BAD_POOL_CALLER" },
	{ 0xc4, "DRIVER_VERIFIER_DETECTED_VIOLATION" },
	{ 0xc5, "DRIVER_CORRUPTED_EXPOOL" },
	{ 0xc9, "DRIVER_VERIFIER_IOMANAGER_VIOLATION" },
	{ 0xce, "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS" },
	{ 0xd1, "DRIVER_IRQL_NOT_LESS_OR_EQUAL" },
	{ 0xd8, "DRIVER_USED_EXCESSIVE_PTES" },
	{ 0xda, "SYSTEM_PTE_MISUSE" },
	{ 0xe2, "MANUALLY_INITIATED_CRASH" },
	{ 0xea, "THREAD_STUCK_IN_DEVICE_DRIVER" },
	{ 0xef, "CRITICAL_PROCESS_DIED" },
	{ 0xf4, "CRITICAL_OBJECT_TERMINATION" },
	{ 0xf7, "DRIVER_OVERRAN_STACK_BUFFER" },
	{ 0xfc, "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY" },
	{ 0x101, "CLOCK_WATCHDOG_TIMEOUT" },
	{ 0x109, "CRITICAL_STRUCTURE_CORRUPTION" },
	{ 0x116, "VIDEO_TDR_FAILURE" },
	{ 0x124, "WHEA_UNCORRECTABLE_ERROR" },
	{ 0x133, "DPC_WATCHDOG_VIOLATION" },
	{ 0x139, "KERNEL_SECURITY_CHECK_FAILURE" },
	{ 0x13a, "KERNEL_MODE_HEAP_CORRUPTION" },
};

const char *bugcheck_name(uint64_t code)
{
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].code == (code & 0x0fffffff))
			return names[i].name;
	return NULL;
}
