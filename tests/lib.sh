# SPDX-License-Identifier: Apache-2.0
# For the tests from the outside: run a command, look at what came out.
B=${B:-build}
DL=$B/dumpleak
F=$B/fixtures
T=$B/tmp
passed=0 failed=0 skipped=0
mkdir -p "$T"
export NO_COLOR=1 LC_ALL=C.UTF-8

ok() { passed=$((passed + 1)); }
not_ok() { failed=$((failed + 1)); echo "FAILED: $*"; }
skip() { skipped=$((skipped + 1)); echo "skipped: $*"; }

# expect NAME WANTED GOT
expect() {
	if [ "$2" = "$3" ]; then ok; else not_ok "$1: wanted '$2', got '$3'"; fi
}

# run STATUS ARGS...: run dumpleak; its output is in $T/out and $T/err
run() {
	wanted=$1
	shift
	got=0
	timeout 60 "$DL" "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
	if [ "$got" -ne "$wanted" ]; then
		not_ok "dumpleak $*: status $got, wanted $wanted: $(head -2 "$T/err")"
		return 1
	fi
	ok
}

# says PATTERN: the last run's stderr has it
says() {
	if grep -qE -- "$1" "$T/err"; then ok; else not_ok "stderr does not say '$1': $(head -3 "$T/err")"; fi
}

# shows PATTERN: the last run's stdout has it
shows() {
	if grep -qE -- "$1" "$T/out"; then ok; else not_ok "stdout does not show '$1'"; fi
}

# json PATH: a value of the last run's output
json() { "$B/jsonq" "$T/out" "$1" 2>&1; }

# number PATH OP VALUE
number() {
	v=$(json "$1")
	if awk -v a="$v" -v b="$3" "BEGIN { exit !(a+0 $2 b+0) }" 2>/dev/null; then ok
	else not_ok "$1 is $v, wanted $2 $3"; fi
}

finish() {
	echo "$1: $passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
