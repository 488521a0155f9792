#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ratios, measured in one run: the whole analysis of 2,442,801 leaked blocks
# against reading the same file once, and the same pool in eight times the RAM;
# page tables of 16 GB against libaddrxlat; what dumps of 64 and 256 GB cost.
set -eu
B=${B:-build}
F=$B/fixtures
small=$F/don-2004-full.dmp
large=$F/don-2004-full-8x.dmp
runs=${RUNS:-5}
B=$B sh tools/fixtures.sh full >/dev/null
for n in sparse-16g sparse-64g sparse-256g bench-classic-1m bench-classic-10m \
	bench-heap-1m bench-heap-10m; do
	[ -e "$F/$n.dmp" ] || "$B/gen" "fixtures/specs/$n-full.spec" -o "$F/$n.dmp"
done

now() { date +%s.%N; }

# best SECONDS of several runs of a command, after one to warm the cache
best() {
	"$@" >/dev/null
	i=0 least=
	while [ $i -lt "$runs" ]; do
		t0=$(now)
		"$@" >/dev/null
		t1=$(now)
		least=$(awk -v a="$t0" -v b="$t1" -v m="$least" 'BEGIN { d = b - a; print (m == "" || d < m) ? d : m }')
		i=$((i + 1))
	done
	echo "$least"
}

# peak private memory: what the process holds besides the mapped file
peak() {
	"$@" >/dev/null &
	pid=$!
	most=0
	while kill -0 $pid 2>/dev/null; do
		kb=$(awk '/^RssAnon/ { print $2 }' /proc/$pid/status 2>/dev/null || echo 0)
		[ "${kb:-0}" -gt $most ] && most=$kb
	done
	wait $pid
	echo $most
}

blocks=$("$B/dumpleak" tags "$small" --json - | awk -F: '/"blocks"/ { gsub(/[ ,]/, "", $2); n += $2 } END { print n }')
cat_s=$(best cat "$small")
one_s=$(best "$B/dumpleak" analyze "$small" --jobs 1)
all_s=$(best "$B/dumpleak" analyze "$small")
large_s=$(best "$B/dumpleak" analyze "$large")
info_s=$(best "$B/dumpleak" info "$large")
anon_kb=0
for _ in 1 2 3; do
	kb=$(peak "$B/dumpleak" analyze "$small")
	[ "$kb" -gt "$anon_kb" ] && anon_kb=$kb
done

awk -v n="$blocks" -v c="$cat_s" -v one="$one_s" -v a="$all_s" -v l="$large_s" -v i="$info_s" -v kb="$anon_kb" 'BEGIN {
	printf "blocks in use                          %d\n", n
	printf "reading the 512 MB file once (cat)     %.3f s\n", c
	printf "analyze                                %.3f s   %.2f x reading   %.1f million blocks/s\n", a, a / c, n / a / 1e6
	printf "analyze --jobs 1                       %.3f s   %.2f x reading\n", one, one / c
	printf "analyze, same pool in 4 GB             %.3f s   %.2f x the time in 512 MB\n", l, l / a
	printf "info on the 4 GB dump                  %.3f s\n", i
	printf "peak memory beyond the mapping         %.1f MB   %.1f bytes a block\n", kb / 1024, kb * 1024 / n
}'

info64_s=$(best "$B/dumpleak" info "$F/sparse-64g.dmp")
info256_s=$(best "$B/dumpleak" info "$F/sparse-256g.dmp")
index_kb=$("$B/bench_index" "$F/sparse-256g.dmp")
"$B/bench_paging" "$F/sparse-16g.dmp" >/dev/null
paging=$("$B/bench_paging" "$F/sparse-16g.dmp")
awk -v a="$info64_s" -v b="$info256_s" -v kb="$index_kb" -v p="$paging" 'BEGIN {
	split(p, f, " ")
	printf "info on a 64 GB complete dump          %.3f s\n", a
	printf "info on a 256 GB bitmap dump           %.3f s   page index %.1f MB\n", b, kb / 1024
	printf "listing what 16 GB of x64 map          %.1f million pages/s   (%d pages)\n", f[1] / f[2] / 1e6, f[1]
	printf "random translations                    %.1f million/s   %.2f x libaddrxlat\n", f[3] / 1e6, f[3] / f[4]
}'

# walk ALLOCATOR: a million and ten million blocks, listed and counted (tags)
walk() {
	for n in 1m 10m; do
		f=$F/bench-$1-$n.dmp
		"$B/bench_read" "$f" >/dev/null
		echo "$(RUNS=3 best "$B/dumpleak" tags "$f" --jobs 1)" "$(best "$B/dumpleak" tags "$f")" \
			"$(peak "$B/dumpleak" tags "$f")" "$("$B/bench_read" "$f")" \
			"$("$B/dumpleak" tags "$f" --json - | awk -F: '/"(blocks|free_blocks|cached_blocks)":/ { gsub(/[ ,]/, "", $2); n += $2 } END { print n }')"
	done | awk -v a="$1" '{ one[NR] = $1; all[NR] = $2; kb[NR] = $3; r[NR] = $4; gb[NR] = $5; n[NR] = $7 }
	END {
		for (i = 1; i <= 2; i++)
			printf "%-8s %8d blocks               %.3f s   %.1f million blocks/s   %.2f GB/s   %.2f x reading (one thread: %.2f x)   %.1f bytes a block\n", a, n[i], all[i], n[i] / all[i] / 1e6, gb[i] / all[i] / 1e9, all[i] / r[i], one[i] / r[i], kb[i] * 1024 / n[i]
		printf "%-8s ten times the blocks          %.2f x the time; 10^8 at that slope %.0f s\n", a, all[2] / all[1] / (n[2] / n[1]) * 10, all[2] * (1e8 / n[2])
	}'
}
walk classic
walk heap
