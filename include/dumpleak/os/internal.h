/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUMPLEAK_OS_INTERNAL_H
#define DUMPLEAK_OS_INTERNAL_H

/* For the files of src/os/ only: the steps of os_open(), in their order. */

#include "dumpleak/os/os.h"

/* A kind of address space a Windows kernel may live in: a row of find_dtb.c. */
struct space_kind {
	uint16_t machine;
	uint8_t ptr_bytes;
	const struct paging_mode *mode;
	uint64_t shared_data_va;        /* KUSER_SHARED_DATA */
	uint64_t images_first_va, images_last_va;       /* where the kernel may be */
};

/* One root table that may be the kernel's. */
struct space {
	const struct space_kind *kind;
	uint64_t root_pa;
};

enum { SCAN_MAX_SPACES = 1024, SCAN_MAX_KDBGS = 64 };

/* What a scan of physical memory came across. */
struct kernel_scan {
	struct space space[SCAN_MAX_SPACES];
	size_t nr_spaces;
	struct kdbg kdbg[SCAN_MAX_KDBGS];
	size_t nr_kdbgs;
	uint64_t nr_pages, limit_pages;
	const struct kdbg_decoder *decoder;     /* NULL: plain blocks only */
};

/* Asked after each find; true ends the scan. @is_space: else it was a KDBG. */
typedef bool (*scan_found_fn)(void *ctx, bool is_space, size_t index);

/** space_kinds - rows for @machine (0: any), one by one; NULL at the end */
const struct space_kind *space_kinds(uint16_t machine, size_t i);

/** space_weigh - how much speaks for @vm being the kernel's: 0 nothing, 1 little */
int space_weigh(struct vm *vm, const struct space_kind *kind, const struct dump_header *h);

/** space_best - the kind of @root_pa for which most speaks; NULL if nothing does */
const struct space_kind *space_best(struct phys *phys, uint16_t machine,
				    uint64_t root_pa, const struct dump_header *h);

/**
 * space_holds - the kernel that @k speaks of is in this space, with @k's page
 * @k: in/out, .pa in, .va out. @pages_left: what all calls together may cost.
 */
bool space_holds(struct vm *vm, const struct space_kind *kind, struct kdbg *k,
		 size_t *pages_left);

/** space_first_module - @base: out, of the image that the module list has first */
bool space_first_module(struct vm *vm, const struct space_kind *kind,
			uint64_t modules_va, uint64_t *base);

/** space_last_module - the module list's first entry is missing, but its last is there */
bool space_last_module(struct vm *vm, const struct space_kind *kind, uint64_t modules_va);

/** space_is_a_root - the page looks like a root table, of whatever is mapped there */
bool space_is_a_root(struct phys *phys, uint16_t machine, uint64_t root_pa);

/** space_low_stub - CR3 as a PC's start-up code for further processors has it */
bool space_low_stub(struct phys *phys, uint64_t *root_pa);

/** kdbg_at_header - the block where the header says; @how: out, @why: why not */
bool kdbg_at_header(struct vm *vm, const struct space_kind *kind,
		    const struct kdbg_decoder *d, const struct dump_header *h,
		    struct kdbg *out, const char **how, struct dl_err *why);

/** kdbg_in_image - the block in the kernel's image at @base; .known false if none */
bool kdbg_in_image(struct vm *vm, const struct space_kind *kind,
		   const struct kdbg_decoder *d, uint64_t base, struct kdbg *out);

/**
 * kdbg_mend - replace what the KDBG block got wrong of os->modules_va and
 * os->kernel_base, with a note
 * @header_modules_va: the header's module list, 0 unknown
 */
void kdbg_mend(struct os *os, const struct space_kind *kind, uint64_t header_modules_va);

/** kernel_image_at - a PE image of this kind's machine at @va */
bool kernel_image_at(struct vm *vm, const struct space_kind *kind, uint64_t va);

/** space_maps_itself - Windows' window onto the page tables is where it belongs */
bool space_maps_itself(struct vm *vm);

/**
 * kernel_scan_run - look through physical memory, in PFN order, for root tables
 * that map themselves and for KDBG blocks
 * Reports each to @found. DL_OK if that ended the scan, DL_END otherwise.
 */
enum dl_status kernel_scan_run(struct phys *phys, uint16_t machine,
			       struct kernel_scan *scan, scan_found_fn found,
			       void *ctx, const struct progress *progress);

/**
 * kernel_find - address space, KDBG and kernel base: everything from the
 * container header where that holds, by scanning where it does not
 */
enum dl_status kernel_find(struct os *os, const struct progress *progress,
			   struct dl_err *err);

/* What KUSER_SHARED_DATA says; times 0 if torn, what a build lacks is 0. */
struct shared_data {
	uint64_t interrupt_time, system_time;
	uint32_t build, product, major, minor, nr_processors;
};

/** shared_data_read - false if @va does not look like KUSER_SHARED_DATA */
bool shared_data_read(struct vm *vm, uint64_t va, struct shared_data *out);

/** facts_read - clock, processors and bugcheck of a kernel whose build is known */
void facts_read(struct os *os);

/**
 * kernel_identify - build, layout rows, name and clock of the kernel found
 * @symbols: of --symbols, NULL if there are none
 */
enum dl_status kernel_identify(struct os *os, const struct symbols *symbols,
			       struct dl_err *err);

/**
 * symbols_use - take layouts and globals from @symbols, if they are this kernel's
 * Wants the built-in rows picked. Sets os->symbols and os->differences, or notes
 * why not.
 */
void symbols_use(struct os *os, const struct symbols *symbols);

/** minidump_read - instead of all the other steps: what a minidump lists */
enum dl_status minidump_read(struct os *os, const struct os_options *opts,
			     struct dl_err *err);

/* NT_PRODUCT_TYPE */
enum { PRODUCT_WORKSTATION = 1, PRODUCT_CONTROLLER = 2, PRODUCT_SERVER = 3 };

/* A release of Windows, as sold. */
struct release {
	uint32_t build, major, minor;   /* of NT */
	const char *workstation, *server, *either;
};

/** release_of - the row of exactly @build, or NULL */
const struct release *release_of(uint32_t build);

/** release_of_version - the oldest release of NT @major.@minor, or NULL */
const struct release *release_of_version(uint32_t major, uint32_t minor);

/**
 * release_name - "Windows 10 22H2"; NULL for a build without a row
 * @product: NT_PRODUCT_TYPE, 0 unknown. @machine: of a PE header.
 */
const char *release_name(uint32_t build, uint32_t product, uint16_t machine);

/** product_name - "workstation", "domain controller", "server"; "" unknown */
const char *product_name(uint32_t product);

/**
 * release_kernel - the build whose kernel @build runs
 * 19042 to 19045 are 19041 with features switched on, and so forth: places in
 * one dump may name either.
 */
uint32_t release_kernel(uint32_t build);

/** release_of_kdbg - the builds whose KDBG block has this size; false if none is known */
bool release_of_kdbg(uint32_t size_bytes, uint32_t *first, uint32_t *last);

/** modules_read - PsLoadedModuleList and MmUnloadedDrivers, with PE headers */
enum dl_status modules_read(struct os *os, struct dl_err *err);

/* What the headers of a mapped PE image say, checked against their bounds. */
struct image {
	uint16_t machine;
	uint32_t timestamp, size_bytes;
	uint32_t sections_rva;
	uint16_t nr_sections;
	uint32_t export_rva, resource_rva, resource_bytes;      /* 0: none */
	uint32_t debug_rva, debug_bytes;
};

/** image_at - the PE image that is mapped at @va; false if there is none */
bool image_at(struct vm *vm, uint64_t va, struct image *out);

/** image_name - its export directory's own name ("ntoskrnl.exe"); false if unknown */
bool image_name(struct vm *vm, uint64_t va, const struct image *image,
		char *name, size_t size_bytes);

/** image_export - the address of an exported symbol; false if unknown */
bool image_export(struct vm *vm, uint64_t base, const struct image *image,
		  const char *name, uint64_t *va);

/** kernel_export - the same of the kernel's image */
bool kernel_export(struct os *os, const char *name, uint64_t *va);

/** image_pdb - which symbol file belongs to it; false if that is not in memory */
bool image_pdb(struct vm *vm, uint64_t base, const struct image *image, struct pdb_id *out);

/** image_read - PE sections, time stamp and version of one loaded image */
void image_read(struct os *os, struct module *m);

/**
 * kernel_image_find - search mapped kernel memory for the kernel's own image
 * @modules_va: out, its PsLoadedModuleList, 0 if that was not found
 */
bool kernel_image_find(struct vm *vm, const struct space_kind *kind, uint64_t *base,
		       uint64_t *modules_va);

/** processes_read - processes, threads and their kernel stacks */
enum dl_status processes_read(struct os *os, struct dl_err *err);

/* A structure's bytes, copied; p is NULL if it is not all in memory. */
struct bytes struct_at(struct os *os, uint64_t va, void *buf, size_t n);

/* The same where @n comes from a symbol file: none if it exceeds @buf's @room. */
static inline struct bytes struct_within(struct os *os, uint64_t va, void *buf, size_t room,
					 size_t n)
{
	return n <= room ? struct_at(os, va, buf, n) : (struct bytes){ NULL, 0 };
}

/** os_symbol_va - a kernel global by its name; false without symbols, or without it */
bool os_symbol_va(struct os *os, const char *name, uint64_t *va);

/** ptr_at - the pointer at @va; false if it is not in memory */
bool ptr_at(struct os *os, uint64_t va, uint64_t *out);

/** list_closes - a LIST_ENTRY at @va whose neighbours point back to it */
bool list_closes(struct vm *vm, uint64_t va, uint8_t ptr_bytes);

/*
 * VAs already met, with a number each: what keeps walks finite and lookups
 * cheap. Zeroed is empty.
 */
struct va_map {
	struct va_slot *slot;
	size_t cap, used;
};

/**
 * va_map_add - remember @va with @value
 * @is_new: out, false if it was there; its value stays. DL_NOMEM or DL_OK.
 */
enum dl_status va_map_add(struct va_map *map, uint64_t va, uint64_t value, bool *is_new);
bool va_map_get(const struct va_map *map, uint64_t va, uint64_t *value);
/** va_map_clear - empty, with the room it had */
void va_map_clear(struct va_map *map);
void va_map_deinit(struct va_map *map);

/* The kinds of objects by the number of their type: Windows 7 and later. */
struct object_types {
	bool known;
	bool distrusted;        /* the layout row does not fit: say nothing */
	uint8_t kind[256];      /* enum object_kind */
};

/*
 * Drivers and devices while they are gathered; os->drivers and os->devices
 * point into these arrays. Kept until os_close(), for objects_try().
 */
#define OBJECT_IS_DRIVER ((uint64_t)1 << 32)

struct os_objects {
	struct driver *driver;
	size_t nr_drivers, cap_drivers;
	struct device *device;
	size_t nr_devices, cap_devices;
	struct va_map map;              /* VA to index, or'ed with OBJECT_IS_DRIVER */
	size_t drivers_done, devices_done;      /* whose links were followed  */
	bool full;
	struct object_types types;
	uint64_t root_va;               /* of the directories, 0 unknown */
	struct va_map absent;           /* listed or linked, but not in the dump */
	uint64_t absent_va;             /* the first of them                     */
};

enum object_kind {
	OBJECT_OTHER,
	OBJECT_UNKNOWN,         /* its header or its type's name is not in the dump */
	OBJECT_DIRECTORY, OBJECT_DRIVER, OBJECT_DEVICE,
};

/** object_kind_of - by the name of the type of the object with this body */
enum object_kind object_kind_of(struct os *os, uint64_t body_va);

/**
 * object_types_read - how this kernel's object headers are to be read
 * @root_va: body of the root directory. What does not fit is noted.
 */
void object_types_read(struct os *os, uint64_t root_va);

/** object_type_key - what is the same for all objects of a type; false if absent */
bool object_type_key(struct os *os, uint64_t body_va, uint64_t *key);

/** object_header_there - whether the header of the object at @body_va is in the dump */
bool object_header_there(struct os *os, uint64_t body_va);

/** object_name - NAME_INFO's name and directory; NULL if it has none */
const char *object_name(struct os *os, uint64_t body_va, uint64_t *directory_va);

/** object_path - the full name, by climbing the directories; "" if it has none */
const char *object_path(struct os *os, uint64_t body_va);

/* One driver or device that a directory lists, or may list if OBJECT_UNKNOWN. */
typedef enum dl_status (*directory_fn)(struct os *os, enum object_kind kind,
				       uint64_t body_va, const char *path,
				       struct dl_err *err);

/** root_directory_search - the root directory by what the kernel's variables point to */
bool root_directory_search(struct os *os, uint64_t *root);

/** directory_walk - all drivers and devices below the root directory */
enum dl_status directory_walk(struct os *os, directory_fn fn, struct dl_err *err);

/** device_links_check - note stacks and lists of devices that contradict themselves */
enum dl_status device_links_check(struct os *os);

/** objects_deinit - what objects_read() and objects_try() allocated */
void objects_deinit(struct os *os);

#endif
