# SPDX-License-Identifier: Apache-2.0
# analyze on real memory: the leaking driver's device must be the first owner of
# the first suspect, in every container that the image exists in.
. tests/lib.sh
real=${DUMPLEAK_REAL_DUMPS:-../shared/dumps/nt52}

# truth STEM: unpack its truth, and say what the driver is
truth() {
	gzip -dc "$real/$1.truth.json.gz" >"$T/truth.json"
}

for image in x86-core.dmp.gz x86-core.elf.gz x86-core.kdump x86-core.kernel.dmp.gz \
	x86-full.dmp.gz x86-full.kdump x86-full.kernel.dmp.gz x64-core.dmp.gz x64-core.elf.gz; do
	stem=${image%%.*}
	case $stem in x64-*) slot=8 ;; *) slot=4 ;; esac        # a word of the driver's blocks
	if [ ! -e "$real/$image" ]; then
		skip "$real/$image is not here"
		continue
	fi
	truth "$stem"
	run 0 analyze "$real/$image" --json - || continue
	expect "$image modules" "$("$B/jsonq" "$T/truth.json" modules)" "$(json os.modules)"
	expect "$image kernel" "$("$B/jsonq" "$T/truth.json" kdbg.KernBase.variable)" "$(json os.kernel_base)"
	expect "$image tag" 'Io  ' "$(json suspects.0.tag)"
	expect "$image blocks" $((16 * slot)) "$(json suspects.0.size_bytes)"
	number suspects.0.blocks '>=' 60000
	expect "$image used" $((9 * slot)) "$(json suspects.0.used_bytes)"
	expect "$image device" '\Device\LeakIfs' "$(json suspects.0.owners.0.device)"
	expect "$image driver" '\Driver\LeakIfs' "$(json suspects.0.owners.0.driver)"
	number suspects.0.owners.0.share '>=' 0.999
	expect "$image second suspect" '\Device\LeakIfs2' "$(json suspects.1.owners.0.device)"
	expect "$image tags that agree" "$(json reconciliation.tags_total)" "$(json reconciliation.tags_matched)"
	expect "$image bytes" "$(json reconciliation.bytes_counted)" "$(json reconciliation.bytes_accounted)"
	run 0 info "$real/$image" --json - || continue
	# the extension's address as the driver itself printed it
	ext=$("$B/jsonq" "$T/truth.json" leak_driver.devices.0.extension_va)
	if grep -qi "$ext" "$T/out"; then ok; else not_ok "$image: no device with extension $ext"; fi
done

other=$real/../written/plain-guest.kdump-zlib-flattened.gz
if [ -e "$other" ]; then
	got=0
	timeout 60 "$DL" analyze "$other" >"$T/out" 2>"$T/err" || got=$?
	case $got in 1|5) ok ;; *) not_ok "a guest that is not Windows: status $got" ;; esac
	expect "one line for a guest that is not Windows" 1 "$(wc -l <"$T/err")"
else
	skip "$other is not here"
fi
# a few pages of a segment heap and nothing that leads to it
image=written/19041-x64.elf.gz
if [ -e "$real/../$image" ]; then
	run 0 analyze "$real/../$image" --json - && expect "suspects of $image" 0 "$(json suspects)"
	run 0 analyze "$real/../$image" && shows "^THE SYSTEM" && shows "[Nn]o suspect"
else
	skip "$image is not here"
fi

# minidumps: what they hold, no pool, memory by VA
minis=$real/../minidump
# mini FILE FORMAT ARCH BUILD BUGCHECK MODULES UNLOADED
mini() {
	[ -e "$minis/$1" ] || { skip "$1 is not here"; return; }
	run 0 info "$minis/$1" --json - || return
	expect "$1 format" "$2" "$(json dump.format)"
	expect "$1 arch" "$3" "$(json os.arch)"
	expect "$1 build" "$4" "$(json os.build)"
	expect "$1 bugcheck" "$5" "$(json bugcheck.name)"
	expect "$1 modules" "$6" "$(json modules)"
	expect "$1 unloaded" "$7" "$(json unloaded)"
	expect "$1 kernel" "$(json modules.0.base)" "$(json os.kernel_base)"
	number minidump.range_bytes '>' 10000
	number minidump.stack.words '>' 100
	va=$(json minidump.stack.words.0.va) value=$(json minidump.stack.words.0.value)
	run 0 show "$minis/$1" "$va" --json - && expect "$1 show" "$value" "$(json words.0.value)"
	run 1 show "$minis/$1" 0x10 && expect "one line for $1" 1 "$(wc -l <"$T/err")"
	run 0 info "$minis/$1" -w 80 && shows "STACK OF THE THREAD"
	expect "$1 columns" 0 "$(grep -v / "$T/out" | awk 'length > 80' | wc -l)"
	for command in analyze tags "blocks --all"; do
		# shellcheck disable=SC2086
		run 1 $command "$minis/$1" && shows "WHAT THE MINIDUMP HOLDS" && says "holds no pool"
		expect "one line for $command $1" 1 "$(wc -l <"$T/err")"
	done
	run 1 analyze "$minis/$1" --json - && expect "$1 pool" null "$(json pool)"
	case $(json reason) in *"holds no pool"*) ok ;; *) not_ok "$1: reason is $(json reason)" ;; esac
}
mini 19041-x64-1000007e.dmp triage64 x64 19041 SYSTEM_THREAD_EXCEPTION_NOT_HANDLED 151 4
mini 19041-x64-4a-notmyfault.dmp triage64 x64 19041 IRQL_GT_ZERO_AT_SYSTEM_SERVICE 156 9
mini 22000-arm64-1c8.dmp triage64 ARM64 22000 MANUALLY_INITIATED_POWER_BUTTON_HOLD 245 11
finish "real memory"
