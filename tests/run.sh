#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All tests from the outside.
set -u
bad=0
for t in truth verify ledger counters verdicts containers badinput badinput64 symbols golden real; do
	[ -e tests/$t.sh ] || continue
	sh tests/$t.sh || bad=1
done
exit $bad
