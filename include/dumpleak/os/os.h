/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_OS_H
#define DUMPLEAK_OS_OS_H

/*
 * The Windows kernel in an image: where it is, what it is, its modules and
 * I/O objects. Nothing here needs symbols; what could not be found is said in
 * the notes.
 */

#include "dumpleak/base/arena.h"
#include "dumpleak/base/jobs.h"
#include "dumpleak/container/container.h"
#include "dumpleak/memory/vm.h"
#include "dumpleak/os/kdbg.h"
#include "dumpleak/os/layout.h"
#include "dumpleak/os/pdb.h"
#include "dumpleak/os/symbols.h"

struct section {
	char name[33];          /* printable */
	uint32_t rva, size_bytes;
	bool writable, executable;
};

struct module {
	uint64_t base;
	uint64_t size_bytes;
	const char *name, *path;        /* printable UTF-8 */
	uint32_t timestamp;             /* of the PE header, 0 unknown  */
	uint16_t version[4];            /* VS_FIXEDFILEINFO             */
	bool has_headers, has_version;
	const struct section *sections;
	size_t nr_sections;
};

struct unloaded {
	const char *name;
	uint64_t first_va, end_va;      /* end_va is exclusive, as stored */
	uint64_t time;                  /* FILETIME                       */
};

/* How an object was found; the best of several ways. */
enum found_by {
	FOUND_DIRECTORY,        /* an object directory lists it    */
	FOUND_LINK,             /* another object points to it     */
	FOUND_POOL,             /* only its pool block shows it    */
};

struct driver {
	uint64_t va;
	const char *name;       /* "\Driver\Disk"; "" if unreadable */
	uint64_t image_base;
	uint64_t image_bytes;
	int module;             /* index, -1 if its image is in no module */
	enum found_by found;
};

struct device {
	uint64_t va;
	const char *name;       /* "\Device\Harddisk0\DR0"; "" if it has none */
	int driver;             /* index, -1 unknown                       */
	uint64_t driver_va;
	uint64_t attached_va;   /* the device attached above, 0 if none    */
	uint64_t attached_to_va;/* the device below, 0 if none             */
	uint64_t extension_va;  /* 0 if it has none                        */
	uint32_t extension_bytes;
	uint32_t size_bytes;    /* object and driver's extension           */
	uint32_t device_type;
	enum found_by found;
};

struct process {
	uint64_t va, pid;
	uint64_t dtb_pa;        /* its root table, 0 unknown                   */
	uint64_t user_dtb_pa;   /* the one used in user mode (KVA shadow), or 0 */
	const char *image;
};

struct thread {
	uint64_t va, id, process_va;
	uint64_t stack_first, stack_end;        /* end exclusive */
};

/* One remark on what was not found, is contradictory, or was worked around. */
struct os_note {
	const char *text;
	enum dl_status kind;
};

enum { OS_MAX_NOTES = 64, OS_NOTES_ALIKE = 4 };

struct os {
	struct container *container;
	struct phys phys;               /* the main thread's */
	struct vm vm;
	struct arena arena;
	struct os_layout layout;
	struct kdbg kdbg;

	const char *name;               /* "Windows Server 2003 (NT 5.2)"  */
	const char *product;            /* "workstation", "server", "domain controller"; "" */
	const char *build_lab;          /* NtBuildLab, "" if unreadable    */
	const char *service_pack;       /* "" if unknown                   */
	uint32_t build;
	uint64_t kernel_base, kernel_bytes;
	uint64_t system_range_start;
	uint64_t shared_data_va;        /* KUSER_SHARED_DATA                  */
	uint64_t modules_va, processes_va;      /* list heads, 0 unknown      */
	const char *dtb_how, *kdbg_how; /* "header", "scan", "decoded", ... */
	struct pdb_id pdb;              /* of the kernel's image              */
	uint32_t nr_processors;         /* 0 unknown                          */
	/* KiBugCheckData; the header's where it has one */
	struct known_u64 bugcheck_code, bugcheck_parameter[4];
	bool dtb_scanned;               /* found without the header's help */
	uint64_t system_time, up_time;  /* 0 unknown; FILETIME and 100 ns  */
	uint64_t boot_time;             /* FILETIME, 0 unknown             */
	uint8_t type_cookie;            /* nt!ObHeaderCookie               */
	bool has_type_cookie;

	const struct dump_minidump *minidump;   /* NULL: has pages of memory */
	/* words of the crashing thread's stack, from its stack pointer up: minidumps */
	uint64_t stack_va;
	const uint64_t *stack_words;
	size_t nr_stack_words;

	/* --symbols, borrowed; NULL: none, or they are another kernel's */
	const struct symbols *symbols;
	const struct symbols_difference *differences;   /* from the built-in rows */
	size_t nr_differences;

	struct module *modules;         /* in list order      */
	size_t nr_modules;
	const struct module **modules_by_base;
	struct unloaded *unloaded;
	size_t nr_unloaded;
	struct driver *drivers;         /* by address         */
	size_t nr_drivers;
	struct device *devices;         /* by address         */
	size_t nr_devices;
	struct process *processes;      /* in list order      */
	size_t nr_processes;
	struct thread *threads;         /* by stack_first     */
	size_t nr_threads;

	struct os_note notes[OS_MAX_NOTES];
	size_t nr_notes;
	struct os_alike *alike;         /* private to os.c      */
	struct os_objects *objects;     /* private to src/os/ */
};

/**
 * os_open - find the kernel in @container and read what it says of itself
 * @os: out, valid on DL_OK; os_close() it then. It borrows @container.
 * DL_NOTFOUND: no Windows kernel in this image (with what was tried).
 * DL_UNSUPPORTED: a kernel, of a kind not supported, by name.
 */
enum dl_status os_open(struct container *container, const struct progress *progress,
		       struct os *os, struct dl_err *err);

struct os_options {
	const struct symbols *symbols;          /* NULL: none */
	const struct progress *progress;
};

/** os_open_with - os_open() with options; @opts->symbols must outlive @os */
enum dl_status os_open_with(struct container *container, const struct os_options *opts,
			    struct os *os, struct dl_err *err);

void os_close(struct os *os);

/**
 * os_note - add a remark
 * Of one @fmt the first OS_NOTES_ALIKE are kept; the last of these ends in "and
 * 12 more like this" for the others. Drops what exceeds OS_MAX_NOTES.
 */
void os_note(struct os *os, enum dl_status kind, const char *fmt, ...) DL_PRINTF(3, 4);

/** os_module_at - the module whose image holds @va, or NULL */
const struct module *os_module_at(const struct os *os, uint64_t va);

/** os_section_at - the section of @m that holds @va; NULL between sections */
const struct section *os_section_at(const struct module *m, uint64_t va);

/** os_device_at / os_driver_at - by the object's address; NULL if none */
const struct device *os_device_at(const struct os *os, uint64_t va);
const struct driver *os_driver_at(const struct os *os, uint64_t va);

/** os_ustr - the UNICODE_STRING at @va as printable text; NULL if unreadable */
const char *os_ustr(struct os *os, uint64_t va);

/** os_is_kernel_va - whether @va can be a kernel address at all */
static inline bool os_is_kernel_va(const struct os *os, uint64_t va)
{
	return va >= os->system_range_start && va <= os->vm.mode->va_mask;
}

#endif
