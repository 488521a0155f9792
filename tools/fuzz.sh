#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A short run of every fuzz target from its corpus in the tree; a finding fails.
set -eu
B=${B:-build}
seconds=${SECONDS_EACH:-20}
# the same walk each time, so that a change is judged and not its luck; SEED=0
# with a larger FUZZ_SECONDS is for looking farther
seed=${SEED:-1}
passed=0 failed=0
for f in "$B"/fuzz/fuzz_*; do
	[ -x "$f" ] && [ -f "$f" ] || continue
	n=$(basename "$f")
	work=$B/fuzz/corpus-$n
	mkdir -p "$work"
	seeds=
	[ -d "fuzz/corpus/$n" ] && seeds=fuzz/corpus/$n
	if "$f" -max_total_time="$seconds" -seed="$seed" -timeout=10 -rss_limit_mb=1024 -verbosity=0 -close_fd_mask=3 \
	    -artifact_prefix="$B/fuzz/$n-" "$work" $seeds >"$B/fuzz/$n.log" 2>&1; then
		passed=$((passed + 1))
		echo "fuzz: $n: $seconds s without a finding"
	else
		failed=$((failed + 1))
		echo "fuzz: $n: FAILED, see $B/fuzz/$n.log and $B/fuzz/$n-*"
		tail -20 "$B/fuzz/$n.log"
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
