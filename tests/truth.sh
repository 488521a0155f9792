# SPDX-License-Identifier: Apache-2.0
# Every generated dump: the blocks that were found against the blocks there are.
. tests/lib.sh

# What a damaged machine may lack, by spec: missing= for headers that were
# overwritten, hidden= for cached blocks behind a page that is not there.
allowed() {
	case $1 in
	corrupt-page) echo missing=5 ;;
	broken-kdbg) echo hidden=400 ;;
	holes) echo hidden=200 ;;
	gaps) echo hidden=20 ;;
	# subsegments whose first page is absent; lists that are cut
	heap-*-holes) echo missing=600 hidden=120 carved=3000 guessed=300 ;;
	heap-*-paged) echo missing=200 hidden=60 carved=1000 guessed=150 ;;
	heap-*-damaged) echo hidden=40 carved=60 ;;
	heap-*-nostate|heap-*-noheaps) echo hidden=500 ;;
	pool-*-holes) echo hidden=200 ;;
	pool-*-damage) echo hidden=20 ;;
	*) echo hidden=8 ;;
	esac
}

status_of() {
	case $1 in
	holes|gaps) echo 0 ;;
	runs-count|runs-past) echo 4 ;;
	*) echo 0 ;;
	esac
}

for truth in "$F"/*.truth; do
	dump=${truth%.truth}
	n=$(basename "$dump")
	n=${n%%.*}
	case $n in
	*-full*) continue ;;
	# machines without pool blocks, and their containers: see containers.sh
	c-*|wide-*) continue ;;
	# these containers hold no pages at all
	*-header32|*-triage32) continue ;;
	# the run list lies, or the page tables were cut off: no equality to ask for
	runs-overlap|truncated) continue ;;
	esac
	run "$(status_of "$n")" blocks "$dump" --all --json || continue
	# shellcheck disable=SC2046
	if "$B/truth" "$truth" "$T/out" $(allowed "$n") >"$T/diff"; then ok
	else not_ok "$(basename "$dump"):"; cat "$T/diff"; fi
done
finish truth
