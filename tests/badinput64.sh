# SPDX-License-Identifier: Apache-2.0
# Containers of 64-bit dumps whose headers lie, or whose file is cut: refused or
# read as far as they go, with one line that names file, field and offset, within
# bounded time and memory.
. tests/lib.sh

# limits: seconds, and KB of address space (sanitizers need more than that)
SECONDS_MOST=10
KB_MOST=600000
if grep -q __asan_init "$DL"; then KB_MOST=unlimited; fi

# bounded ARGS...: run dumpleak within the limits; status in $got
bounded() {
	got=0
	( ulimit -v $KB_MOST; exec timeout $SECONDS_MOST "$DL" "$@" ) >"$T/out" 2>"$T/err" </dev/null || got=$?
}

# poke FILE OFFSET OCTAL: bytes as printf writes them
poke() {
	# shellcheck disable=SC2059
	printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc 2>/dev/null
}

F4='\377\377\377\377'
F8=$F4$F4
P63='\000\000\000\000\000\000\000\200'
P40='\000\000\000\000\000\001\000\000'
Z4='\000\000\000\000'
ONE4='\001\000\000\000'

# bad CONTAINER OFFSET OCTAL STATUS PATTERN: the file with these bytes, the status,
# and what the one line on stderr says
bad() {
	[ -e "$T/bad-$1" ] || cp "$F/c-x64-$1.img" "$T/bad-$1"
	dd if="$T/bad-$1" of="$T/saved" bs=1 skip=$(($2)) count=16 2>/dev/null
	poke "$T/bad-$1" "$2" "$3"
	bounded info "$T/bad-$1"
	expect "status of $1 with $3 at $2" "$4" "$got"
	expect "lines on stderr for $1 with $3 at $2" 1 "$(wc -l <"$T/err")"
	if grep -qE "^dumpleak: .*bad-$1: .*$5" "$T/err"; then ok
	else not_ok "$1 with $3 at $2: stderr does not say '$5': $(head -2 "$T/err")"; fi
	dd if="$T/saved" of="$T/bad-$1" bs=1 seek=$(($2)) conv=notrunc 2>/dev/null
}

# quiet CONTAINER OFFSET OCTAL: a value that does not matter, or that nothing is
# known about: any documented status, but no crash and no hang
quiet() {
	[ -e "$T/bad-$1" ] || cp "$F/c-x64-$1.img" "$T/bad-$1"
	dd if="$T/bad-$1" of="$T/saved" bs=1 skip=$(($2)) count=16 2>/dev/null
	poke "$T/bad-$1" "$2" "$3"
	bounded info "$T/bad-$1"
	case $got in 0|1|3|4|5) ok ;; *) not_ok "$1 with $3 at $2: status $got: $(head -2 "$T/err")" ;; esac
	dd if="$T/saved" of="$T/bad-$1" bs=1 seek=$(($2)) conv=notrunc 2>/dev/null
}

rm -f "$T"/bad-*

# --- complete dumps: runs -------------------------------------------------------------
bad dump64 0x88 $F4 4 "NumberOfRuns at 0x88 is 4294967295"
bad dump64 0x88 $Z4 4 "NumberOfRuns at 0x88 is 0"
bad dump64 0x88 '\053\000\000\000' 4 "run .* at 0x"
bad dump64 0x90 $F8 4 "NumberOfPages at 0x90 is 18446744073709551615"
bad dump64 0x98 $F8 4 "BasePage of run 0 at 0x98"
bad dump64 0xa0 $F8 4 "PageCount of run 0 at 0xa0 is 0xffffffffffffffff"
bad dump64 0xa0 $P63 4 "PageCount of run 0 at 0xa0 is 0x8000000000000000"
bad dump64 0xf98 '\115\000\000\000' 5 "DumpType 77 at 0xf98"

# --- bitmaps: HeaderSize, Pages, BitmapSize --------------------------------------------
for c in bitmap-full bitmap-kernel live active automatic kernel64; do
	bad $c 0x2000 $Z4 4 "signature at 0x2000"
	bad $c 0x2020 $F8 4 "HeaderSize at 0x2020 is 0xffffffffffffffff"
	bad $c 0x2020 $P63 4 "HeaderSize at 0x2020 is 0x8000000000000000"
	bad $c 0x2020 $Z4$Z4 4 "HeaderSize at 0x2020 is 0x0"
	bad $c 0x2020 '\071\040\000\000' 4 "HeaderSize at 0x2020 is 0x2039"
	bad $c 0x2020 $P40 4 "pages that its header promises are missing"
	bad $c 0x2028 $F8 4 "Pages at 0x2028 is 18446744073709551615"
	bad $c 0x2030 $F8 4 "BitmapSize at 0x2030 is 0xffffffffffffffff"
	bad $c 0x2030 $P63 4 "BitmapSize at 0x2030 is 0x8000000000000000"
	bad $c 0x2030 '\000\000\000\000\020\000\000\000' 4 "BitmapSize at 0x2030"
done
bad kernel64-old 0x200c $F4 4 "HeaderSize at 0x200c is 0xffffffff"
bad kernel64-old 0x200c $ONE4 4 "HeaderSize at 0x200c is 0x1"
bad kernel64-old 0x2010 $F4 4 "BitmapSize at 0x2010 is 0xffffffff"
bad kernel64-old 0x2014 $F4 4 "Pages at 0x2014 is 4294967295"
bad kernel64-old 0x2018 $F4 4 "SizeOfBitMap at 0x2018 is 0xffffffff"

# --- ranges written by debuggers ---------------------------------------------------------
for c in ranges8 ranges9 rangesA; do
	bad $c 0x2004 $Z4 4 "0x200"
	bad $c 0x2010 $F8 4 "MetadataSize at 0x2010 is 0xffffffffffffffff"
	bad $c 0x2018 $F8 4 "FirstPageOffset at 0x2018 is 0xffffffffffffffff"
	bad $c 0x2018 $P40 4 "FirstPageOffset at 0x2018 is 0x10000000000"
	bad $c 0x2030 $F8 4 "range at 0x2030"
	bad $c 0x2038 $F8 4 "range at 0x2030"
	bad $c 0x2038 $P63 4 "range at 0x2030"
done
bad rangesA 0x2028 $F8 4 "TotalNumberOfPages at 0x2028 is 18446744073709551615"
quiet rangesA 0x2020 $F4
quiet ranges8 0x2020 $F8

# --- minidumps: counts and offsets ----------------------------------------------------------
bad triage64 0x2004 $F4 4 "SizeOfDump at 0x2004 is 0xffffffff"
bad triage64 0x2008 $F4 4 "no TRGD at ValidOffset"
bad triage64 0x2034 $F4 4 "DriverCount|drivers"
bad triage64 0x2030 $F4 4 "DriverCount"
bad triage64 0x207c $F4 4 "DataBlocksCount|ranges of memory"
bad triage64 0x2078 $F4 4 "DataBlocksCount"
bad triage64 0x2028 $F4 4 "ranges of memory reach past the end"
bad triage64 0x202c $F4 4 "ranges of memory reach past the end"
bad triage64 0x2074 $F4 4 "ranges of memory reach past the end"
bad triage64 0x2018 $F4 4 "UnloadedDriversOffset is 0xffffffff"
bad triage64 0x2014 $F4 4 "MmOffset is 0xffffffff"
bad triage64 0x2040 $F4 4 "BrokenDriverOffset is 0xffffffff"
off=$((0x2000))
while [ $off -lt $((0x2080)) ]; do
	quiet triage64 $off $F4
	quiet triage64 $off '\000\000\000\200'
	quiet triage64 $off $Z4
	off=$((off + 4))
done
# each field of the header, one after the other
off=8
while [ $off -lt $((0x98)) ]; do
	quiet dump64 $off $F8
	quiet live $off $F8
	off=$((off + 8))
done

# --- what cannot be read, by name ---------------------------------------------------------------
run 5 info "$F/c-x64-header-only.img" && says "c-x64-header-only.img: .*header"
run 5 analyze "$F/c-x64-encrypted.img" && says "c-x64-encrypted.img: .*encrypted"
head -c 8192 "$F/c-x64-triage64.img" >"$T/stub.dmp"
run 4 info "$T/stub.dmp" && says "stub.dmp: .*0x2000"

# --- cut anywhere -----------------------------------------------------------------------------------
# cuts CONTAINER SIZES...: from the largest to the smallest, of one copy
cuts() {
	c=$1
	shift
	cp "$F/c-x64-$c.img" "$T/cut-$c"
	for keep in $(printf '%s\n' "$@" | sort -rn); do
		[ "$keep" -lt "$(wc -c <"$T/cut-$c")" ] || continue
		truncate -s "$keep" "$T/cut-$c"
		bounded info "$T/cut-$c"
		case $got in
		4) ok ;;
		3) if [ "$keep" -lt 64 ]; then ok; else not_ok "$c cut to $keep bytes: status 3"; fi ;;
		*) not_ok "$c cut to $keep bytes: status $got" ;;
		esac
		expect "lines on stderr for $c cut to $keep bytes" 1 "$(wc -l <"$T/err")"
		says "^dumpleak: .*cut-$c"
	done
	rm -f "$T/cut-$c"
}
if command -v truncate >/dev/null; then
	powers=
	n=1
	while [ $n -lt 200000000 ]; do
		powers="$powers $n"
		n=$((n * 2))
	done
	for c in dump64 bitmap-full bitmap-kernel kernel64-old ranges8 rangesA triage64 windump; do
		size=$(wc -c <"$F/c-x64-$c.img")
		# shellcheck disable=SC2086
		cuts $c $powers 4095 8191 8193 8223 8224 8248 8256 8257 12287 12289 16385 \
			$((size / 3)) $((size / 2)) $((size - 4097)) $((size - 4096)) $((size - 1))
	done
	for c in elf kdump; do
		size=$(wc -c <"$F/c-x64-$c.img")
		# shellcheck disable=SC2086
		cuts $c $powers $((size / 3)) $((size - 4097))
	done
else
	skip "no truncate: 64-bit dumps are not cut"
fi

# the last page alone is missing: nearly everything is there
run 0 info "$F/c-x64-bitmap-kernel.img" --json -
modules=$(json modules)
size=$(wc -c <"$F/c-x64-bitmap-kernel.img")
head -c $((size - 1)) "$F/c-x64-bitmap-kernel.img" >"$T/cut.dmp"
run 4 info "$T/cut.dmp" --json - && expect "pages absent of a bitmap dump without its last byte" 1 "$(json dump.pages_absent)"
expect "modules in it" "$modules" "$(json modules)"

# 64 GB without a kernel: holes need not be read
if truncate -s 64G "$T/bad-sparse" 2>/dev/null; then
	SECONDS_MOST=5
	bounded info "$T/bad-sparse"
	expect "status of 64 GB of nothing" 3 $got
	head -c 8192 "$F/c-x64-dump64.img" | dd of="$T/bad-sparse" conv=notrunc 2>/dev/null
	# one run of 2^24 - 1 pages, and no page tables known
	poke "$T/bad-sparse" 0x10 '\000\000\000\000\000\000\000\000'
	poke "$T/bad-sparse" 0x80 '\000\000\000\000\000\000\000\000'
	poke "$T/bad-sparse" 0x88 '\001\000\000\000'
	poke "$T/bad-sparse" 0x90 '\377\377\377\000\000\000\000\000'
	poke "$T/bad-sparse" 0x98 '\001\000\000\000\000\000\000\000\377\377\377\000\000\000\000\000'
	bounded info "$T/bad-sparse"
	[ $got -ne 124 ] && ok || not_ok "64 GB dump of holes: not done in $SECONDS_MOST seconds"
	shows "no Windows kernel found: 167772"
	SECONDS_MOST=10
else
	skip "no sparse files"
fi

rm -f "$T"/bad-* "$T/saved" "$T/cut.dmp"
finish "bad input, 64-bit"
