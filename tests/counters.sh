# SPDX-License-Identifier: Apache-2.0
# The kernel's counters of every generation against those the generator kept, and
# every difference between them and the walk with its reason.
. tests/lib.sh

for truth in "$F"/pool-*.dmp.truth; do
	dump=${truth%.truth}
	n=$(basename "$dump" .dmp)
	# what is damaged or absent may hide counters as well
	case $n in *-holes*|*-damage*) continue ;; esac
	run 0 tags --ledger --json "$T/tags" "$dump" || continue
	if "$B/counters" "$truth" "$T/tags" >"$T/diff"; then ok
	else not_ok "$n:"; cat "$T/diff"; fi
done
finish counters
