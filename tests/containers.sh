# SPDX-License-Identifier: Apache-2.0
# One machine in every container: whatever the file is like, info says the same
# of the machine, and of the file what is in it.
. tests/lib.sh

X=$F/c-x64
same="os.build os.build_lab os.arch os.kernel_base os.dtb os.pdb.name os.pdb.guid os.pdb.age bugcheck.code modules unloaded drivers devices"

# u32 FILE OFFSET, u64: a number of the file
u32() { od -An -tu4 -j$(($2)) -N4 "$1" | tr -d ' '; }
u64() { od -An -tu8 -j$(($2)) -N8 "$1" | tr -d ' '; }
size() { wc -c <"$1"; }

# keys KEY...: values of the last run's output, one a line
# shellcheck disable=SC2086
keys() { "$B/jsonq" "$T/out" $* 2>&1; }

run 0 info "$X-dump64.img" --json -
keys $same >"$T/want"
number modules '>' 3
number devices '>' 3
number os.build '>' 3000
all=$((($(size "$X-dump64.img") - 8192) / 4096))
kernel=$((($(size "$X-kernel64-old.img") - $(u32 "$X-kernel64-old.img" 0x200c)) / 4096))
used=$((($(size "$X-ranges9.img") - $(u64 "$X-ranges9.img" 0x2018)) / 4096))

# as CONTAINER FORMAT TYPE PAGES: all of it, plain and compressed
as() {
	for f in "$X-$1.img" "$X-$1.img.gz"; do
		run 0 info "$f" --json - || continue
		expect "format of $f" "$2" "$(json dump.format)"
		[ "$3" = - ] || expect "DumpType of $f" yes "$(json dump.type | grep -q "DumpType $3)" && echo yes)"
		expect "notes on $f" 0 "$(json dump.notes)"
		keys $same >"$T/got"
		if cmp -s "$T/want" "$T/got"; then ok
		else not_ok "$f: not the same machine: $(diff "$T/want" "$T/got" | tr '\n' ' ')"; fi
		# compressed files are not inflated to count pages
		[ "$(json dump.pages_exact)" = true ] || continue
		[ "$4" = - ] || expect "pages of $f" "$4" "$(json dump.pages_present)"
		expect "absent pages of $f" 0 "$(json dump.pages_absent)"
	done
}

as dump64 dump64 1 "$all"
as kernel64-old kernel64 2 "$kernel"
as kernel64 kernel64 2 "$kernel"
as bitmap-full bitmap64 5 "$all"
as bitmap-kernel bitmap64 6 "$kernel"
as automatic bitmap64 7 "$kernel"
as active bitmap64 5 "$used"
as ranges8 ranges64 8 "$kernel"
as ranges9 ranges64 9 "$used"
as rangesA ranges64 10 "$all"
as raw raw - -
as elf elf - -
as elf-vmcoreinfo elf - -
as kdump kdump - -
as kdump-flat kdump - -
as live bitmap64 6 "$kernel"
as windump dump64 1 "$all"

# --- attributes ---------------------------------------------------------------------
run 0 info "$X-live.img" --json - && expect "attribute of a live dump" live "$(json dump.attributes.0)"
run 0 info "$X-active.img" --json - && expect "attribute of an active dump" filtered "$(json dump.attributes.0)"

# --- several files of one image ---------------------------------------------------------
run 0 info "$X-kdump-split1.img" "$X-kdump-split2.img" --json - &&
	keys $same >"$T/got" && expect "the machine of a split kdump" "$(cat "$T/want")" "$(cat "$T/got")"
run 0 info "$X-kdump-split2.img" "$X-kdump-split1.img" --json - &&
	keys $same >"$T/got" && expect "the same, parts the other way round" "$(cat "$T/want")" "$(cat "$T/got")"

# --- minidumps: lists, and no pages ----------------------------------------------------------
run 0 info "$X-dump64.img" --json -
modules=$(json modules) unloaded=$(json unloaded) first=$(json modules.0.base) code=$(json bugcheck.code)
for f in "$X-triage64.img" "$X-triage64.img.gz"; do
	run 0 info "$f" --json - || continue
	expect "format of $f" triage64 "$(json dump.format)"
	expect "pages of $f" 0 "$(json dump.pages_present)"
	expect "modules of $f" "$modules" "$(json modules)"
	expect "first module of $f" "$first" "$(json modules.0.base)"
	expect "unloaded of $f" "$unloaded" "$(json unloaded)"
	expect "bugcheck of $f" "$code" "$(json bugcheck.code)"
done

# --- 32-bit ---------------------------------------------------------------------------------------
run 0 info "$F/hop.dmp" --json -
keys $same >"$T/want"
modules=$(json modules)
for c in kernel32 bitmap32-full bitmap32-kernel; do
	run 0 info "$F/hop-$c.img" --json - || continue
	keys $same >"$T/got"
	expect "the machine in $c" "$(cat "$T/want")" "$(cat "$T/got")"
done
run 0 info "$F/hop-triage32.img" --json - && expect "modules of a 32-bit minidump" "$modules" "$(json modules)"
run 5 info "$F/hop-header32.img" && says "hop-header32.img: .*header"

# --- odd but sound, and odd ----------------------------------------------------------------------------
for s in fixtures/specs/c-*.spec; do
	n=$(basename "$s" .spec)
	wanted=$(sed -n 's/^# *status \([0-9]\).*/\1/p' "$s")
	run "${wanted:-0}" info "$F/$n.dmp" --json - || continue
	b=$(json os.build); case $b in [0-9]*) ok ;; *) not_ok "$n: os.build is $b" ;; esac
	expect "kernel of $n" "$("$B/jsonq" "$F/$n.dmp.json" os.kernel_base)" "$(json os.kernel_base | tr -d '\140')"
	# what was cut off may have held the list
	[ $n = c-truncated ] || expect "modules of $n" "$("$B/jsonq" "$F/$n.dmp.json" modules)" "$(json modules)"
	# "# json KEY VALUE": what the spec expects of info
	sed -n 's/^# *json //p' "$s" | while read -r key value; do echo "$key $value"; done >"$T/wants"
	while read -r key value; do expect "$key of $n" "$value" "$(json "$key")"; done <"$T/wants"
done

# what is not in the dump is absent in each of them, and nowhere zeros
h=wide-x64-19041-holes
run 0 info "$F/$h.dmp" --json -
keys $same >"$T/want"
for c in kernel64 rangesA elf kdump kdump-flat; do
	"$B/gen" "fixtures/specs/$h.spec" -o "$T/one.img" --container $c
	run 0 info "$T/one.img" --json - || continue
	keys $same >"$T/got"
	expect "the machine with holes in $c" "$(cat "$T/want")" "$(cat "$T/got")"
done

# the machine without its bugcheck: live dumps have their own, and without a header
# it takes KDBG to find
machine=$(echo "$same" | sed 's/bugcheck.code//')

# --- every generation in some containers: two each, one after the other, and minidumps ----------
names64="dump64 kernel64-old bitmap-full ranges8 kdump elf kernel64 raw bitmap-kernel ranges9 active rangesA live elf-vmcoreinfo automatic kdump-flat"
names32="kernel32 bitmap32-full kdump bitmap32-kernel elf raw"
i=0
for s in fixtures/specs/wide-*.spec; do
	n=$(basename "$s" .spec)
	got=0
	timeout 60 "$DL" info "$F/$n.dmp" --json - >"$T/out" 2>"$T/err" || got=$?
	wanted=$got
	keys $machine >"$T/want"
	names=$names64 triage=triage64
	case $n in *-x86-*) names=$names32 triage=triage32 ;; esac
	# shellcheck disable=SC2086
	set -- $names
	shift $((i % ($# - 1)))
	i=$((i + 2))
	first="$1 $2"
	# one machine of each kind goes through all of them
	case $n in wide-arm64-22000|wide-x64-19041|wide-x86-9600) first=$names ;; esac
	# shellcheck disable=SC2086
	for c in $first; do
		# flat memory has zeros where nothing is
		case $n.$c in *holes*.raw) continue ;; esac
		# the header of a complete dump holds 42 runs
		"$B/gen" "$s" -o "$T/one.img" --container "$c" 2>"$T/err" || continue
		run "$wanted" info "$T/one.img" --json - || continue
		keys $machine >"$T/got"
		if cmp -s "$T/want" "$T/got"; then ok
		else not_ok "$n in $c: not the same machine: $(diff "$T/want" "$T/got" | tr '\n' ' ')"; fi
	done
	"$B/gen" "$s" -o "$T/one.img" --container $triage
	run 0 info "$T/one.img" --json - && expect "modules of $n in a minidump" \
		"$("$B/jsonq" "$F/$n.dmp.json" modules)" "$(json modules)"
done
rm -f "$T/one.img"

finish "containers"
