# SPDX-License-Identifier: Apache-2.0
# fixtures/golden/CASE/{cmd,out,status}: byte-equal or fail. `--rewrite` makes
# them anew; the difference is the review.
. tests/lib.sh

# Paths stand in the outputs, and their length in the line breaks: let them be
# the same in every build directory.
program=$(cd "$(dirname "$DL")" && pwd)/dumpleak
mkdir -p "$T/stage"
ln -sfn "$PWD/fixtures" "$T/stage/fixtures"
ln -sfn "$(cd "$F" && pwd)" "$T/stage/made"

for cmd in fixtures/golden/*/cmd; do
	[ -e "$cmd" ] || continue
	case_dir=$(dirname "$cmd")
	got=0
	# the command's words, with $F for the generated dumps
	words=$(cat "$cmd")
	(F=made; cd "$T/stage"; eval "set -- $words"; exec "$program" "$@") >"$T/golden" 2>"$T/err" </dev/null || got=$?
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
