# SPDX-License-Identifier: Apache-2.0
# The kernel's counters beside the walk: of an undamaged machine each byte of
# each tag agrees, or is where the report says; of others no more is explained
# than was taken away.
. tests/lib.sh

unexplained() {
	for pool in nonpaged paged; do
		for side in not_found not_counted; do
			expect "$1: $pool $side" 0 "$(json reconciliation.$pool.$side.unexplained)"
		done
	done
}

for dump in "$F"/pool-*.dmp "$F"/heap-*.dmp; do
	n=$(basename "$dump" .dmp)
	[ -e "$dump" ] || continue
	case $n in
	# what hides lists of cached blocks leaves them in use, and unexplained
	*-holes|*-damage*|*-nostate|*-noheaps|*-nokeys|*-special|*-paged) continue ;;
	esac
	run 0 analyze "$dump" --json - || continue
	expect "$n counters" complete "$(json reconciliation.counters)"
	unexplained "$n"
	case $n in heap-*) expect "$n tags" "$(json reconciliation.tags_total)" \
		"$(json reconciliation.tags_matched)" ;; esac
done

# tags that are no text do not end the kernel's table
run 0 analyze "$F/escapes.dmp" --json - && expect "escapes: tags" \
	"$(json reconciliation.tags_total)" "$(json reconciliation.tags_matched)"
run 0 tags fixtures/don-2004.dmp.gz --ledger -w 80 && expect "columns" 0 \
	"$(awk 'length > 80' "$T/out" | wc -l)"
run 0 tags fixtures/don-2004.dmp.gz --ledger --json - && number rows_left_out '==' 0

# real kernels: balanced to the tag, with the one tag that was never freed named
real=${DUMPLEAK_REAL_DUMPS:-../shared/dumps/nt52}
for image in x86-core.dmp.gz x86-full.dmp.gz x64-core.dmp.gz; do
	if [ ! -e "$real/$image" ]; then
		skip "$real/$image is not here"
		continue
	fi
	run 0 analyze "$real/$image" --json - || continue
	expect "$image tags" "$(json reconciliation.tags_total)" "$(json reconciliation.tags_matched)"
	unexplained "$image"
	expect "$image signals" 1 "$(json reconciliation.signals)"
	expect "$image signal" "LkTw 5000 0" "$(json reconciliation.signals.0.tag) $(json \
		reconciliation.signals.0.allocs) $(json reconciliation.signals.0.frees)"
	run 0 tags "$real/$image" LkTw && shows "^Never freed: 'LkTw' \(nonpaged\): 5,000 allocations, 0 frees"
done
finish ledger
