# SPDX-License-Identifier: Apache-2.0
# verify: each structure that the generator damaged is named, and nothing else;
# machines without damage, and real ones, have none.
. tests/lib.sh

# Where the pool was damaged; the rest of what a spec breaks is not pool. Pages
# are named by their address, structures of a heap by the 16 bytes.
planted() {
	sed -n 's/^{"kind":"damage","va":"\(0x[0-9a-f]*\)","what":"\([^"]*\)".*/\1 \2/p' "$1" |
		grep -vE ' (modules|processes|directory|device|pagetable)-loop| kdbg| ranges| names| unloaded| build| wrong-cookie| drop| lose' |
		cut -d ' ' -f 1 | place_of "$2" | sort -u
}

# named KEY CASE: the same of what the last run found
named() {
	sed -n "s/.*\"$1\": \"\(0x[0-9a-f]*\)\".*/\1/p" "$T/out" | place_of "$2" | sort -u
}

place_of() {
	case $1 in
	heap-*) sed 's/.$//' ;;
	*) cat ;;
	esac
}

for truth in "$F"/*.truth; do
	[ -e "$truth" ] || continue
	dump=${truth%.truth}
	n=$(basename "$dump")
	n=${n%%.*}
	case $n in
	*-full*|c-*|*-header32|*-triage32) continue ;;
	# cut, or not where the headers say: its pages are mixed up
	runs-*|truncated) continue ;;
	# a page table leads to another a second time: that is no pool, but said
	pagetable-loop)
		run 4 verify "$dump" --json - && expect "$n others" 1 \
			"$(grep -c '"what": "page tables that are reached' "$T/out")"
		continue ;;
	heap-*) key=bad_va ;;
	*) key=page_va ;;
	esac
	planted "$truth" "$n" >"$T/planted"
	wanted=4
	[ -s "$T/planted" ] || wanted=0
	run $wanted verify "$dump" --json - || continue
	named $key "$n" >"$T/named"
	if cmp -s "$T/planted" "$T/named"; then ok
	else not_ok "$n: planted and named differ:"; diff "$T/planted" "$T/named" | head; fi
	expect "$n contradictions" "$(wc -l <"$T/planted")" "$(json contradictions)"
done

# what is said of one page, in both forms
run 4 verify "$F/corrupt-page.dmp" -w 80
says "6 contradictions in the pool"
shows "^6 contradictions\.$"
shows "^Pool page at 81061000 \(nonpaged\): BlockSize is 0\.$"
shows "^  Block before    810617c8 'WldR', 0x60 bytes, in use$"
shows "^  First bad       81061828$"
shows "^ {4}0c 00 00 02 4d 6d 20 20 "
shows "BlockSize 0x0 "
shows "^  Block after     810618a8 'MmSb', 0x18 bytes, free"
expect "columns" 0 "$(awk 'length > 80' "$T/out" | wc -l)"
run 4 verify "$F/corrupt-page.dmp" --json -
expect "code" block-size-zero "$(json faults.0.code)"
expect "found" 0c0000024d6d2020000000000a000000 "$(json faults.0.found)"
expect "before" WldR "$(json faults.0.before.tag)"
expect "after" 0x810618a8 "$(json faults.0.after.va)"
run 4 verify "$F/corrupt-page.dmp" --json "$T/one" --jobs 1
run 4 verify "$F/corrupt-page.dmp" --json "$T/two" --jobs 2
if cmp -s "$T/one" "$T/two"; then ok; else not_ok "verify differs by --jobs"; fi
run 0 verify "$F/healthy.dmp" -w 80
shows "^Nothing contradicts itself\.$"
shows "^  Checked         [0-9,]+ pool pages, "
run 1 verify "$F/hop-triage32.img" && says "holds no pool"

real=${DUMPLEAK_REAL_DUMPS:-../shared/dumps/nt52}
for image in x86-core.dmp.gz x86-full.dmp.gz x64-core.dmp.gz; do
	if [ ! -e "$real/$image" ]; then
		skip "$real/$image is not here"
		continue
	fi
	run 0 verify "$real/$image" --json - || continue
	expect "$image contradictions" 0 "$(json contradictions)"
	number checked.blocks '>' 50000
	number checked.free_links '>' 5000
done
finish verify
