# SPDX-License-Identifier: Apache-2.0
# Input that is broken: one clear line on stderr that names the file and what is
# wrong, the documented status, bounded time; what is readable is still shown.
. tests/lib.sh

small=$F/hop.dmp

# one_line: exactly one line on stderr, naming the file
one_line() {
	expect "lines on stderr for $1" 1 "$(wc -l <"$T/err")"
	says "^dumpleak: .*$1"
}

# --- what is no dump at all -------------------------------------------------------
head -c 100000 /dev/zero | tr '\0' 'x' >"$T/text.dmp"
run 3 analyze "$T/text.dmp" && one_line text.dmp
head -c 5000 /dev/urandom >"$T/random"
run 3 info "$T/random" && one_line random
: >"$T/empty.dmp"
run 3 analyze "$T/empty.dmp" && one_line empty.dmp && says empty
head -c 3000000 /dev/zero >"$T/zero.raw"
run 3 analyze "$T/zero.raw" && one_line zero.raw
head -c 8000000 /dev/zero | gzip -c >"$T/zero.gz"
run 3 analyze "$T/zero.gz" && one_line zero.gz
printf 'PAGE' >"$T/four.dmp"
run 3 info "$T/four.dmp" && one_line four.dmp
printf 'PAGEDUMP' >"$T/eight.dmp"
run 4 info "$T/eight.dmp" && one_line eight.dmp

# --- what cannot be opened ----------------------------------------------------------
run 4 analyze "$T/no-such-file" && one_line no-such-file
mkdir -p "$T/dir.dmp"
run 3 analyze "$T/dir.dmp" && one_line dir.dmp && says directory
rm -f "$T/fifo.dmp"
mkfifo "$T/fifo.dmp"
run 3 analyze "$T/fifo.dmp" && one_line fifo.dmp && says FIFO
cp "$small" "$T/secret.dmp"
chmod 000 "$T/secret.dmp"
if [ "$(id -u)" -ne 0 ]; then
	run 4 analyze "$T/secret.dmp" && says "[Pp]ermission"
elif command -v setpriv >/dev/null; then
	got=0
	# a copy of the program where another user may run it
	d=$(mktemp -d) && chmod 755 "$d" && cp "$DL" "$d/" && cp "$T/secret.dmp" "$d/" && chmod 000 "$d/secret.dmp"
	setpriv --reuid=65534 --regid=65534 --clear-groups "$d/dumpleak" info "$d/secret.dmp" 2>"$T/err" >/dev/null || got=$?
	expect "status without permission" 4 "$got"
	says "[Pp]ermission denied"
	rm -rf "$d"
else
	skip "no permission: running as root, without setpriv"
fi
rm -f "$T/secret.dmp"

# --- cut anywhere -----------------------------------------------------------------------
size=$(wc -c <"$small")
for keep in 9 100 2000 4095 4096 4097 8192 100000 $((size / 4)) $((size / 2)) $((size - 4096)) $((size - 1)); do
	head -c "$keep" "$small" >"$T/cut.dmp"
	got=0
	timeout 20 "$DL" analyze "$T/cut.dmp" >"$T/out" 2>"$T/err" || got=$?
	expect "status of a dump cut to $keep bytes" 4 "$got"
	one_line cut.dmp
done
# the last page alone is missing: nearly everything is there, and coverage says so
head -c $((size - 4096)) "$small" >"$T/cut.dmp"
run 4 analyze "$T/cut.dmp" --json - && expect "pages absent" 1 "$(json dump.pages_absent)"
expect "owner in a cut dump" "$("$B/jsonq" "$T/out" suspects.0.owners.0.device)" '\Device\Hop2'
run 4 analyze "$F/truncated.dmp" && says truncated.dmp

# --- gzip ----------------------------------------------------------------------------------
gz=$F/hop.dmp.gz
gzsize=$(wc -c <"$gz")
for keep in 5 20 1000 $((gzsize / 2)) $((gzsize - 9)) $((gzsize - 1)); do
	head -c "$keep" "$gz" >"$T/cut.dmp.gz"
	got=0
	timeout 20 "$DL" analyze "$T/cut.dmp.gz" >"$T/out" 2>"$T/err" || got=$?
	expect "status of a gzip cut to $keep bytes" 4 "$got"
	one_line cut.dmp.gz
done
cp "$gz" "$T/flip.dmp.gz"
printf '\377\377\377\377\377\377\377\377' | dd of="$T/flip.dmp.gz" bs=1 seek=$((gzsize / 2)) conv=notrunc 2>/dev/null
run 4 analyze "$T/flip.dmp.gz" && says "flip.dmp.gz"

# --- headers that lie -------------------------------------------------------------------------
run 4 analyze "$F/runs-past.dmp" --json - && one_line runs-past.dmp && says "1048576 of the"
number dump.pages_absent '>' 0
run 4 analyze "$F/runs-overlap.dmp" && says "overlap"
got=0
timeout 5 "$DL" analyze "$F/runs-count.dmp" >"$T/out" 2>"$T/err" || got=$?
expect "status for 2^32-1 runs" 4 "$got"
says "runs-count.dmp.*NumberOfRuns"

# an ELF core whose first segment claims 2^48 bytes (p_filesz, p_memsz; QEMU puts
# the program headers at 0xc0)
cp "$F/hop-elf.img" "$T/huge.elf"
for at in 280 288; do
	printf '\000\000\000\000\000\000\001\000' | dd of="$T/huge.elf" bs=1 seek=$at conv=notrunc 2>/dev/null
done
got=0
timeout 10 "$DL" analyze "$T/huge.elf" >"$T/out" 2>"$T/err" || got=$?
expect "status of a segment of 2^48 bytes" 4 "$got"
one_line huge.elf

# --- loops and wild pointers in memory: the dump is sound, the machine was not ---------------------
for n in pagetable-loop modules-loop wild-kdbg broken-kdbg lost-header corrupt-page lying-ranges zero-ranges; do
	got=0
	timeout 10 "$DL" analyze "$F/$n.dmp" --json - >"$T/out" 2>"$T/err" || got=$?
	expect "status of $n" 0 "$got"
	number pool.nonpaged.blocks '>' 1000
done
run 0 analyze "$F/pagetable-loop.dmp" && shows "loop"
run 0 analyze "$F/modules-loop.dmp" && shows "loop|repeat"
run 0 analyze "$F/wild-kdbg.dmp" && shows "KDBG"
run 0 analyze "$F/corrupt-page.dmp" && shows "BlockSize is 0"

# --- strings that attack -----------------------------------------------------------------------------
esc=$(printf '\033')
for args in "analyze $F/escapes.dmp" "info $F/escapes.dmp" "tags $F/escapes.dmp" \
	"analyze $F/escapes.dmp --json -" "info $F/escapes.dmp --json -" "blocks $F/escapes.dmp --all --json"; do
	# shellcheck disable=SC2086
	run 0 $args || continue
	if LC_ALL=C grep -q "$esc" "$T/out" || LC_ALL=C tr -d '\n\t -~\200-\377' <"$T/out" | grep -q .; then
		not_ok "control characters in the output of dumpleak $args"
	else ok; fi
done

# --- words that are off ---------------------------------------------------------------------------------
for args in "" "frobnicate x" "analyze" "analyze $small --no-such" "blocks $small --size nonsense --tag Io" \
	"blocks $small" "show $small" "show $small 0xzz" "tags $small --sort=colour" "analyze $small --jobs 0x"; do
	# shellcheck disable=SC2086
	run 2 $args && expect "one line for usage error '$args'" yes "$([ "$(wc -l <"$T/err")" -le 2 ] && echo yes)"
done

# --- files that do not go together, or would be lost -------------------------------------------------------
run 2 info "$small" "$small" && one_line hop.dmp && says "same file"
run 4 info "$small" "$T/no-such-file" && one_line no-such-file
run 5 info "$small" "$F/pae.dmp" && one_line hop.dmp && says "pae.dmp|never split|one file"
run 2 info "$small" --json "$small" && says "the dump itself"
cp "$small" "$T/other.dmp"
run 2 analyze --json "$T/other.dmp" "$small" && one_line other.dmp && says "is a dump"
if cmp -s "$small" "$T/other.dmp"; then ok; else not_ok "a dump behind --json was overwritten"; fi
run 2 analyze "$small" --symbols "$T/no-such.json" && one_line no-such.json
echo '{"metadata":' >"$T/cut.json"
run 2 info "$small" --symbols="$T/cut.json" && one_line cut.json
run 2 info "$small" --symbols="$small" && one_line hop.dmp

# --- known, and not supported: by name -----------------------------------------------------------------------
{ printf 'PAGEDU64\017\000\000\000\145\112\000\000'; head -c 20000 /dev/zero; } >"$T/x64.dmp"
run 4 analyze "$T/x64.dmp" && one_line x64.dmp && says "NumberOfRuns"
{ printf 'MDMP'; head -c 20000 /dev/zero; } >"$T/user.dmp"
run 5 analyze "$T/user.dmp" && one_line user.dmp && says "minidump"

# --- what is not in it --------------------------------------------------------------------------------------------
run 1 blocks "$small" --tag Zzzz && says "Zzzz"
run 1 show "$small" 0x80000004
run 1 tags "$small" Zzz?

# --- a file that shrinks while it is read --------------------------------------------------------------------------
if command -v truncate >/dev/null; then
	cp "$F/pae.dmp" "$T/shrink.dmp"
	cat "$T/shrink.dmp" >/dev/null
	( for _ in 1 2 3 4 5 6 7 8; do :; done; truncate -s 1000000 "$T/shrink.dmp" ) &
	got=0
	timeout 20 "$DL" analyze "$T/shrink.dmp" >"$T/out" 2>"$T/err" || got=$?
	wait
	case $got in 0|4) ok ;; *) not_ok "a file that shrinks: status $got" ;; esac
fi

# --- output that cannot be written ------------------------------------------------------------------------------------
if [ -w /dev/full ]; then
	got=0
	"$DL" analyze "$small" >/dev/full 2>"$T/err" || got=$?
	expect "status when the disk is full" 4 "$got"
	says "[Nn]o space"
fi
got=0
{ "$DL" blocks "$small" --all --json 2>"$T/err"; echo $? >"$T/status"; } | head -1 >/dev/null
expect "silence when the reader is gone" "" "$(cat "$T/err")"

finish "bad input"
