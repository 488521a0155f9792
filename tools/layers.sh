#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do includes obey the map? A file of a layer may include headers of its own
# layer and of those before it; some libraries belong to one place only.
set -eu
layers='base container memory os pool mine report cli'
bad=0

rank() {
	n=0
	for l in $layers; do
		n=$((n + 1))
		[ "$l" = "$1" ] && { echo $n; return; }
	done
	echo 0
}

complain() {
	echo "layers: $1" >&2
	bad=1
}

# file:layer pairs of everything that belongs to a layer
for layer in $layers; do
	own=$(rank "$layer")
	for f in src/"$layer"/*.[ch] include/dumpleak/"$layer"/*.h; do
		[ -e "$f" ] || continue
		for inc in $(sed -n 's/^#include "dumpleak\/\([a-z]*\)\/.*/\1/p' "$f" | sort -u); do
			other=$(rank "$inc")
			[ "$other" -ne 0 ] || complain "$f includes unknown layer $inc"
			[ "$other" -le "$own" ] || complain "$f ($layer) includes $inc"
		done
		for inc in $(sed -n 's/^#include "dumpleak\/\([a-z]*\)\/\(internal\|reader\)\.h"/\1/p' "$f" | sort -u); do
			[ "$inc" = "$layer" ] || complain "$f includes the private header of $inc"
		done
	done
done

only() { # $1: pattern of the include, $2: who may, $3: in words
	for f in $(grep -lE "^#include <$1" src/*/*.[ch] include/dumpleak/*/*.h fixtures/gen/*.[ch] 2>/dev/null || true); do
		echo "$f" | grep -qE "$2" || complain "$f includes $3"
	done
}
only 'libkdumpfile/kdumpfile' '^src/container/kdump\.c$' 'libkdumpfile, which is for src/container/kdump.c'
only 'libkdumpfile/addrxlat' '_test\.c$' 'libaddrxlat, which is for tests'
only 'libsmartcols' '^src/report/' 'libsmartcols, which is for src/report'
only 'cmocka' '(_test\.c|test[a-z_]*\.[ch]|testing\.h)$' 'cmocka, which is for tests'

for f in fixtures/gen/*.[ch]; do
	! grep -q '"dumpleak/' "$f" || complain "$f includes a header of ours: the generator must not"
done
[ $bad -eq 0 ] && echo "layers: includes obey the map"
exit $bad
