# SPDX-License-Identifier: Apache-2.0
# fixtures/golden/CASE/{cmd,out,status}: byte-equal or fail. `--rewrite` makes
# them anew; the difference is the review.
. tests/lib.sh

for cmd in fixtures/golden/*/cmd; do
	[ -e "$cmd" ] || continue
	case_dir=$(dirname "$cmd")
	got=0
	# the command's words, with $F for the generated dumps
	(eval "set -- $(cat "$cmd")"; exec "$DL" "$@") >"$T/out" 2>"$T/err" </dev/null || got=$?
	sed "s|$F/||g" "$T/out" >"$T/golden"
	if [ "${1:-}" = --rewrite ]; then
		cp "$T/golden" "$case_dir/out"
		echo $got >"$case_dir/status"
		continue
	fi
	expect "$case_dir status" "$(cat "$case_dir/status")" "$got"
	if cmp -s "$T/golden" "$case_dir/out"; then ok
	else not_ok "$case_dir:"; diff "$case_dir/out" "$T/golden" | head -20; fi
done
finish golden
