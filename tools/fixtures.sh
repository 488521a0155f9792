#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generate dumps and their truths from fixtures/specs: `small` all that tests
# use, `full` the case of 2,442,801 blocks as well (512 MB, and the same pool in
# a machine of eight times the memory).
set -eu
B=${B:-build}
out=$B/fixtures
mkdir -p "$out"

make_one() { # spec name, suffix, more options
	spec=$1 to=$2
	shift 2
	# the truth of a machine with arch= is what `info --json` says; with a pool
	# it is the blocks, and the other is written beside it
	truth=truth
	if grep -q '^machine .*arch=' "fixtures/specs/$spec.spec" &&
	   ! grep -Eq '^(population|leak) ' "fixtures/specs/$spec.spec"; then truth=json; fi
	"$B/gen" "fixtures/specs/$spec.spec" -o "$out/$to" -t "$out/$to.$truth" "$@"
}

small() {
	for s in fixtures/specs/*.spec; do
		n=$(basename "$s" .spec)
		case $n in *-full*) continue ;; esac
		make_one "$n" "$n.dmp"
	done
	# the same machines in every other container, plain and compressed
	for c in kernel32 raw elf kdump kdump-flat bitmap32-full bitmap32-kernel triage32 header32; do
		make_one hop "hop-$c.img" --container "$c"
		make_one hop "hop-$c.img.gz" --container "$c" --gzip
	done
	for c in $("$B/gen" --containers | grep -v 32); do
		make_one c-x64 "c-x64-$c.img" --container "$c"
		make_one c-x64 "c-x64-$c.img.gz" --container "$c" --gzip
	done
	# each generation in a kernel dump, an ELF core and flat memory as well
	for s in fixtures/specs/wide-*-[0-9][0-9]*.spec; do
		n=$(basename "$s" .spec)
		case $n in wide-x86-*) k=bitmap32-kernel ;; *) k=bitmap-kernel ;; esac
		case $n in
		wide-*-*-pae|wide-*-*-la57) ;;
		wide-*-*-*) continue ;;
		esac
		for c in $k elf raw; do
			make_one "$n" "$n-$c.img" --container "$c"
		done
	done
	make_one pae pae-elf.img --container elf
	make_one hop hop.dmp.gz --gzip
	# the thread's case as it is bundled, without its truth's blocks
	cp fixtures/don-2004.dmp.gz "$out/"
	make_one don-2004 don-2004.dmp
}

case ${1:-small} in
small) small ;;
full)
	for n in don-2004-full don-2004-full-8x; do
		[ -e "$out/$n.dmp" ] || make_one "$n" "$n.dmp" --truth-summary
	done
	ls -l "$out"/don-2004-full*.dmp ;;
esac
