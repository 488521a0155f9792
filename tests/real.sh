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
	x86-full.dmp.gz x86-full.kdump x86-full.kernel.dmp.gz; do
	stem=${image%%.*}
	if [ ! -e "$real/$image" ]; then
		skip "$real/$image is not here"
		continue
	fi
	truth "$stem"
	run 0 analyze "$real/$image" --json - || continue
	expect "$image modules" "$("$B/jsonq" "$T/truth.json" modules)" "$(json os.modules)"
	expect "$image kernel" "$("$B/jsonq" "$T/truth.json" kdbg.KernBase.variable)" "$(json os.kernel_base)"
	expect "$image tag" 'Io  ' "$(json suspects.0.tag)"
	expect "$image blocks" 64 "$(json suspects.0.size_bytes)"
	number suspects.0.blocks '>=' 60000
	expect "$image used" 36 "$(json suspects.0.used_bytes)"
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
for image in minidump/19041-x64-4a-notmyfault.dmp written/19041-x64.elf.gz nt52/x64-core.dmp.gz; do
	[ -e "$real/../$image" ] || { skip "$image is not here"; continue; }
	run 5 analyze "$real/../$image" && expect "one line for $image" 1 "$(wc -l <"$T/err")"
done
finish "real memory"
