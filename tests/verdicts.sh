# SPDX-License-Identifier: Apache-2.0
# What analyze says of each generated machine, against what was planted there.
. tests/lib.sh

# suspect NAME TAG DEVICE DRIVER USED: the first suspect and its first owner
suspect() {
	run 0 analyze "$F/$1" --json - || return
	expect "$1 tag" "$2" "$(json suspects.0.tag)"
	expect "$1 device" "$3" "$(json suspects.0.owners.0.device)"
	expect "$1 driver" "$4" "$(json suspects.0.owners.0.driver)"
	[ -z "${5:-}" ] || expect "$1 used bytes" "$5" "$(json suspects.0.used_bytes)"
}

for f in don-2004.dmp don-2004.dmp.gz; do
	suspect $f 'Io  ' '\Device\DonIfs' '\FileSystem\DonIfs' 36
	expect "size with header" 64 "$(json suspects.0.size_bytes)"
	number suspects.0.blocks '>=' 24000
	number suspects.0.owners.0.share '>=' 0.99
	expect "5th DWORD" 16 "$(json suspects.0.columns.4.offset)"
	expect "5th DWORD is a pointer" pointer "$(json suspects.0.columns.4.kind)"
	expect "schema" dumpleak.report/1 "$(json schema)"
done
suspect pae.dmp 'Io  ' '\Device\DonIfs' '\FileSystem\DonIfs' 36

run 0 analyze "$F/healthy.dmp" --json - && expect "a healthy machine" 0 "$(json suspects)"
run 0 analyze "$F/healthy.dmp" && shows "[Nn]o suspect|[Nn]othing"

# one machine in every container
for c in hop.dmp hop.dmp.gz hop-kernel32.img hop-kernel32.img.gz hop-raw.img hop-raw.img.gz \
	hop-elf.img hop-elf.img.gz hop-kdump.img hop-kdump.img.gz hop-kdump-flat.img hop-kdump-flat.img.gz; do
	suspect $c HpTw '\Device\Hop2' '\Driver\Hop' 64
	case $(json suspects.0.owners.0.path) in
	*HpNd*) ok ;;
	*) not_ok "$c: the path does not lead through HpNd: $(json suspects.0.owners.0.path)" ;;
	esac
done
suspect pae-elf.img 'Io  ' '\Device\DonIfs' '\FileSystem\DonIfs' 36

# two owners of one class: both named, with their shares, and not called one's
suspect decoy-two-owners.dmp Ctx1 '\Device\Major' '\Driver\Major'
number suspects.0.owners.0.share '>' 0.69
number suspects.0.owners.0.share '<' 0.71
expect "the second owner" '\Device\Minor' "$(json suspects.0.owners.1.device)"
expect "verdict on two owners" shared "$(json suspects.0.verdict)"

# a device that everything points to does not win
suspect decoy-popular-device.dmp ShyR '\Device\Shy' '\Driver\Shy' 36

# equal evidence: which of the two comes first says nothing, the verdict does
run 0 analyze "$F/tie.dmp" --json -
expect "tie tag" TieR "$(json suspects.0.tag)"
expect "tie owners" '\Device\Left \Device\Right' \
	"$(printf '%s\n' "$(json suspects.0.owners.0.device)" "$(json suspects.0.owners.1.device)" | sort | tr '\n' ' ' | sed 's/ $//')"
expect "verdict on a tie" tie "$(json suspects.0.verdict)"

suspect paged-leak.dmp PgLk null '\Driver\Pager' 32
suspect big.dmp BgLk null '\Driver\Bulky' 36
suspect list.dmp LsLo '\Device\Lister' '\Driver\Lister' 28
# no directory leads to it, so that its bare name is all there is
suspect unlisted.dmp GhsR Ghost '\Driver\Ghost' 20
suspect lying-ranges.dmp "$(sed -n 's/^leak id=[a-z]* tag=\([A-Za-z0-9]*\).*/\1/p' fixtures/specs/lying-ranges.spec)" \
	"$(sed -n 's/^device id=[a-z]* name=\([^ ]*\) .*/\1/p' fixtures/specs/lying-ranges.spec)" \
	"$(sed -n 's/^driver name=\([^ ]*\) .*/\1/p' fixtures/specs/lying-ranges.spec)"
suspect holes.dmp "$(sed -n 's/^leak id=[a-z]* tag=\([A-Za-z0-9]*\).*/\1/p' fixtures/specs/holes.spec)" \
	"$(sed -n 's/^device id=[a-z]* name=\([^ ]*\) .*/\1/p' fixtures/specs/holes.spec)" \
	"$(sed -n 's/^driver name=\([^ ]*\) .*/\1/p' fixtures/specs/holes.spec)"

# 64-bit machines of both allocators: what each leak's owner is, the truth says
for f in "$F"/leak-x64-*.dmp "$F"/leak-arm64-*.dmp; do
	[ -e "$f" ] || continue
	n=$(basename "$f")
	line=$(grep '"kind":"leak".*"leaked":true' "$f.truth" | head -1)
	part() { printf '%s\n' "$line" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | sed 's/\\\\/\\/g'; }
	suspect "$n" "$(part tag)" "$(part owner)" "$(part driver)" "$(part used_bytes)"
	expect "$n size" "$(part size_bytes)" "$(json suspects.0.size_bytes)"
	number suspects.0.blocks '>=' "$(part blocks)"
	number suspects.0.owners.0.share '>=' 0.99
	expect "$n verdict" clear "$(json suspects.0.verdict)"
done

# the same report from any number of threads, byte for byte
for jobs in 1 3; do
	"$DL" analyze "$F/don-2004.dmp" --jobs $jobs --json - >"$T/jobs$jobs" 2>/dev/null
done
if cmp -s "$T/jobs1" "$T/jobs3"; then ok; else not_ok "--jobs 1 and --jobs 3 differ"; fi
finish verdicts
