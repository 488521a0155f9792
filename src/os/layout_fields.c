/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each field of struct os_layout to its name in a kernel's own types. Several
 * rows for one field, one after the other, are names that it had in turn: the
 * first that a kernel has is meant. Without a row are what no PDB tells: the
 * array of unloaded drivers, the bits of InfoMask, the buckets' number.
 */
#include "dumpleak/os/layout.h"

#include <stddef.h>

#define AT(to) (uint16_t)offsetof(struct os_layout, to)
/* a number or a pointer; the start of a structure or an array; sizes */
#define FIELD(to, type, path)  { type, path, AT(to), LAYOUT_FIELD }
#define START(to, type, path)  { type, path, AT(to), LAYOUT_OFFSET }
#define SIZE16(to, type)       { type, NULL, AT(to), LAYOUT_SIZE_U16 }
#define SIZE8(to, type)        { type, NULL, AT(to), LAYOUT_SIZE_U8 }
#define WORDS(to, type)        { type, NULL, AT(to), LAYOUT_WORDS_U8 }

/* 8.1 and older have the user's twin of this type only; it begins alike */
#define LDR "_KLDR_DATA_TABLE_ENTRY"
#define LDR_USER "_LDR_DATA_TABLE_ENTRY"

static const struct layout_field_row rows[] = {
	FIELD(ustr_bytes, "_UNICODE_STRING", "Length"),
	FIELD(ustr_buffer, "_UNICODE_STRING", "Buffer"),

	SIZE16(ldr.bytes, LDR),
	START(ldr.links, LDR, "InLoadOrderLinks"),
	START(ldr.links, LDR_USER, "InLoadOrderLinks"),
	FIELD(ldr.base, LDR, "DllBase"),
	FIELD(ldr.base, LDR_USER, "DllBase"),
	FIELD(ldr.entry, LDR, "EntryPoint"),
	FIELD(ldr.entry, LDR_USER, "EntryPoint"),
	FIELD(ldr.size, LDR, "SizeOfImage"),
	FIELD(ldr.size, LDR_USER, "SizeOfImage"),
	START(ldr.full_name, LDR, "FullDllName"),
	START(ldr.full_name, LDR_USER, "FullDllName"),
	START(ldr.base_name, LDR, "BaseDllName"),
	START(ldr.base_name, LDR_USER, "BaseDllName"),
	FIELD(ldr.timestamp, LDR, "TimeDateStamp"),

	{ "_OBJECT_HEADER", "Body", AT(object.header_bytes), LAYOUT_SIZE_U16 },
	FIELD(object.type, "_OBJECT_HEADER", "Type"),
	FIELD(object.type_index, "_OBJECT_HEADER", "TypeIndex"),
	FIELD(object.name_info_offset, "_OBJECT_HEADER", "NameInfoOffset"),
	FIELD(object.info_mask, "_OBJECT_HEADER", "InfoMask"),
	SIZE8(object.info_bytes[0], "_OBJECT_HEADER_CREATOR_INFO"),
	SIZE8(object.info_bytes[1], "_OBJECT_HEADER_NAME_INFO"),
	SIZE8(object.info_bytes[2], "_OBJECT_HEADER_HANDLE_INFO"),
	SIZE8(object.info_bytes[3], "_OBJECT_HEADER_QUOTA_INFO"),
	SIZE8(object.info_bytes[4], "_OBJECT_HEADER_PROCESS_INFO"),
	SIZE8(object.info_bytes[5], "_OBJECT_HEADER_AUDIT_INFO"),
	SIZE8(object.info_bytes[6], "_OBJECT_HEADER_EXTENDED_INFO"),
	FIELD(object.name_info_directory, "_OBJECT_HEADER_NAME_INFO", "Directory"),
	START(object.name_info_name, "_OBJECT_HEADER_NAME_INFO", "Name"),
	START(object.type_name, "_OBJECT_TYPE", "Name"),
	FIELD(object.type_key, "_OBJECT_TYPE", "Key"),
	FIELD(object.type_number, "_OBJECT_TYPE", "Index"),
	FIELD(object.entry_next, "_OBJECT_DIRECTORY_ENTRY", "ChainLink"),
	FIELD(object.entry_object, "_OBJECT_DIRECTORY_ENTRY", "Object"),

	SIZE16(device.bytes, "_DEVICE_OBJECT"),
	FIELD(device.type, "_DEVICE_OBJECT", "Type"),
	FIELD(device.size, "_DEVICE_OBJECT", "Size"),
	FIELD(device.driver, "_DEVICE_OBJECT", "DriverObject"),
	FIELD(device.next, "_DEVICE_OBJECT", "NextDevice"),
	FIELD(device.attached, "_DEVICE_OBJECT", "AttachedDevice"),
	FIELD(device.extension, "_DEVICE_OBJECT", "DeviceExtension"),
	FIELD(device.device_type, "_DEVICE_OBJECT", "DeviceType"),
	FIELD(device.stack_size, "_DEVICE_OBJECT", "StackSize"),
	FIELD(device.vpb, "_DEVICE_OBJECT", "Vpb"),
	FIELD(device.devobj_extension, "_DEVICE_OBJECT", "DeviceObjectExtension"),
	FIELD(device.ext_type, "_DEVOBJ_EXTENSION", "Type"),
	FIELD(device.ext_device, "_DEVOBJ_EXTENSION", "DeviceObject"),
	FIELD(device.ext_attached_to, "_DEVOBJ_EXTENSION", "AttachedTo"),

	SIZE16(driver.bytes, "_DRIVER_OBJECT"),
	FIELD(driver.type, "_DRIVER_OBJECT", "Type"),
	FIELD(driver.size, "_DRIVER_OBJECT", "Size"),
	FIELD(driver.device, "_DRIVER_OBJECT", "DeviceObject"),
	FIELD(driver.start, "_DRIVER_OBJECT", "DriverStart"),
	FIELD(driver.image_bytes, "_DRIVER_OBJECT", "DriverSize"),
	FIELD(driver.section, "_DRIVER_OBJECT", "DriverSection"),
	FIELD(driver.extension, "_DRIVER_OBJECT", "DriverExtension"),
	START(driver.name, "_DRIVER_OBJECT", "DriverName"),
	START(driver.major_function, "_DRIVER_OBJECT", "MajorFunction"),
	FIELD(driver.ext_driver, "_DRIVER_EXTENSION", "DriverObject"),

	SIZE16(io.file_bytes, "_FILE_OBJECT"),
	SIZE16(io.irp_bytes, "_IRP"),
	SIZE16(io.stack_bytes, "_IO_STACK_LOCATION"),
	FIELD(io.file_device, "_FILE_OBJECT", "DeviceObject"),
	START(io.file_name, "_FILE_OBJECT", "FileName"),
	FIELD(io.irp_size, "_IRP", "Size"),
	FIELD(io.irp_stack_count, "_IRP", "StackCount"),
	FIELD(io.irp_current, "_IRP", "CurrentLocation"),
	FIELD(io.irp_current_stack, "_IRP", "Tail.Overlay.CurrentStackLocation"),
	FIELD(io.irp_thread, "_IRP", "Tail.Overlay.Thread"),
	FIELD(io.irp_system_buffer, "_IRP", "AssociatedIrp.SystemBuffer"),
	FIELD(io.stack_major, "_IO_STACK_LOCATION", "MajorFunction"),
	FIELD(io.stack_device, "_IO_STACK_LOCATION", "DeviceObject"),
	FIELD(io.stack_file, "_IO_STACK_LOCATION", "FileObject"),

	FIELD(process.dtb, "_EPROCESS", "Pcb.DirectoryTableBase"),
	FIELD(process.pid, "_EPROCESS", "UniqueProcessId"),
	START(process.links, "_EPROCESS", "ActiveProcessLinks"),
	START(process.image_name, "_EPROCESS", "ImageFileName"),
	START(process.threads, "_EPROCESS", "ThreadListHead"),
	FIELD(process.user_dtb, "_EPROCESS", "Pcb.UserDirectoryTableBase"),
	FIELD(process.initial_stack, "_ETHREAD", "Tcb.InitialStack"),
	FIELD(process.stack_base, "_ETHREAD", "Tcb.StackBase"),
	FIELD(process.stack_limit, "_ETHREAD", "Tcb.StackLimit"),
	FIELD(process.kernel_stack, "_ETHREAD", "Tcb.KernelStack"),
	START(process.thread_links, "_ETHREAD", "ThreadListEntry"),
	FIELD(process.thread_process, "_ETHREAD", "ThreadsProcess"),
	FIELD(process.thread_process, "_ETHREAD", "Tcb.Process"),
	FIELD(process.thread_id, "_ETHREAD", "Cid.UniqueThread"),
	WORDS(process.process_words, "_KPROCESS"),
	WORDS(process.thread_words, "_KTHREAD"),

	FIELD(dispatcher.type, "_DISPATCHER_HEADER", "Type"),
	FIELD(dispatcher.size, "_DISPATCHER_HEADER", "Size"),
	FIELD(dispatcher.state, "_DISPATCHER_HEADER", "SignalState"),
	FIELD(dispatcher.wait_flink, "_DISPATCHER_HEADER", "WaitListHead.Flink"),
	FIELD(dispatcher.wait_blink, "_DISPATCHER_HEADER", "WaitListHead.Blink"),
	WORDS(dispatcher.event_words, "_KEVENT"),
	WORDS(dispatcher.mutant_words, "_KMUTANT"),
	WORDS(dispatcher.queue_words, "_KQUEUE"),
	WORDS(dispatcher.semaphore_words, "_KSEMAPHORE"),
	WORDS(dispatcher.timer_words, "_KTIMER"),
	FIELD(dispatcher.semaphore_limit, "_KSEMAPHORE", "Limit"),

	FIELD(prcb.current_thread, "_KPRCB", "CurrentThread"),
	FIELD(prcb.number, "_KPRCB", "Number"),
	FIELD(prcb.context, "_KPRCB", "Context"),
	START(prcb.context_frame, "_KPRCB", "ProcessorState.ContextFrame"),
};

const struct layout_field_row *layout_field_rows(size_t *n)
{
	*n = sizeof rows / sizeof rows[0];
	return rows;
}
