# SPDX-License-Identifier: Apache-2.0
# --symbols: a kernel's own types must lead to what the built-in rows lead to, and
# what is not this kernel's must not be used.
. tests/lib.sh
isf=${DUMPLEAK_REAL_ISF:-../shared/isf}

# bare <JSON: without its "symbols" object
# By which way the heaps and tables were found may differ, what they hold may not.
bare() { sed -E -e '/^  "(heap|quota_cookie)": \{$/,/^  \},?$/d' -e '/^ +"big_pages_how": /d' -e '/^  "symbols": \{$/,/^  \},?$/d' -e '/^  "symbols": null,?$/d'; }

# status ARGS...: run whatever comes of it; bytes to $T/out
status() {
	got=0
	timeout 60 "$DL" "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
	echo $got
}

# spoilt FILE: whether its spec left something out that symbols may make up for
spoilt() { grep -qE '^damage|kdbg=no' "fixtures/specs/$(basename "$1" .dmp).spec" 2>/dev/null; }

# --- every generated dump whose kernel has its symbols at hand, with and without -----

# same COMMAND FILE: the last two runs said the same, but of the symbols
same() {
	if spoilt "$2"; then    # notes differ, and more may be found; never less
		for what in modules drivers devices; do
			number "$what" '>=' "$("$B/jsonq" "$T/without.json" "$what")"
		done
		return
	fi
	bare <"$T/without.json" >"$T/without"
	bare <"$T/out" >"$T/with"
	if cmp -s "$T/without" "$T/with"; then ok
	else not_ok "$1 $2 says something else with symbols: $(diff "$T/without" "$T/with" | head -4)"; fi
	if cmp -s "$T/without.err" "$T/err"; then ok
	else not_ok "$1 $2: other messages with symbols: $(head -2 "$T/err")"; fi
}

# both COMMAND FILE SYMBOLS: run it twice; false if they are of another kernel
both() {
	without=$(status "$1" "$2" --json -)
	cp "$T/out" "$T/without.json"
	cp "$T/err" "$T/without.err"
	expect "status of $1 --symbols $2" "$without" "$(status "$1" --symbols "$3" "$2" --json -)"
	[ "$(json os.symbols.matched)" = true ] || return 1
	expect "differences of $2 from $3" 0 "$(json os.symbols.differences)"
	same "$1" "$2"
}

if [ -d "$isf" ]; then
	: >"$T/matched"
	for f in "$F"/*.dmp; do
		[ -e "$f" ] && [ "$(status info "$f" --json -)" = 0 ] || continue
		[ "$(json os.arch)" = x64 ] || continue
		s=$(ls "$isf"/*."$(json os.build)".*-x64.json.xz 2>/dev/null) || continue
		both info "$f" "$s" && both analyze "$f" "$s" && echo "$s" >>"$T/matched"
	done
	for s in "$isf"/*-x64.json.xz; do
		if grep -qF "$s" "$T/matched"; then ok; else not_ok "no generated dump has the kernel of $s"; fi
	done
else
	skip "$isf is not here"
fi

# --- another kernel's, and what is no symbol file -------------------------------------
cat >"$T/other.json" <<'END'
{ "metadata": { "windows": { "pdb": { "GUID": "00112233445566778899AABBCCDDEEFF", "age": 1,
  "database": "ntoskrnl.pdb" } } },
  "base_types": { "pointer": { "size": 4 } }, "enums": {}, "symbols": {},
  "user_types": { "_EPROCESS": { "kind": "struct", "size": 8, "fields": {
    "UniqueProcessId": { "offset": 4, "type": { "kind": "pointer" } } } } } }
END
gzip -kf "$T/other.json"
f=$F/healthy.dmp
run 0 info "$f" --json - && bare <"$T/out" | grep -v '"text"' >"$T/without"
for s in "$T/other.json" "$T/other.json.gz"; do
	run 0 info --symbols "$s" "$f" --json - || continue
	expect "match of $s" false "$(json os.symbols.matched)"
	shows '"text": .*not used'
	# all that is new is the note that says so
	bare <"$T/out" | grep -v '"text"' | diff "$T/without" - | grep '^[<>]' | grep -vE '^> *(\{|\},?|"kind": "[a-z]*",?|"notes": \[)$|^< *"notes": \[\],?$|^> *\],?$' >"$T/diff"
	expect "what else differs with $s" "" "$(head -3 "$T/diff")"
done
head -c 200 "$T/other.json.gz" >"$T/cut.gz"
sed 's/windows/linux/' "$T/other.json" >"$T/linux.json"
printf 'PK\003\004' >"$T/archive.zip"
run 2 info --symbols "$T/cut.gz" "$f" && says 'cut.gz: .*middle'
run 2 info --symbols "$T/linux.json" "$f" && says 'linux.json: .*Linux'
run 2 info --symbols "$T/archive.zip" "$f" && says 'archive.zip: .*zip'
run 2 info --symbols "$f" "$f" && says 'healthy.dmp: .*not JSON'
run 2 info --symbols "$T/none.json" "$f" && says 'none.json'
expect "one line of error" 1 "$(wc -l <"$T/err")"

finish "symbols"
