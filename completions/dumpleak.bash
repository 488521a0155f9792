# SPDX-License-Identifier: Apache-2.0
# bash completion for dumpleak: commands, their options, files.

_dumpleak()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local commands='analyze info tags blocks show verify help' command='' word opts
	local common='--json --symbols --jobs --color --width --quiet --help --version'

	# "--option=value" comes in three words: option, "=", value
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [[ " $commands " == *" $word "* ]]; then
			command=$word
			break
		fi
	done

	case $prev in
	--color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return ;;
	--sort) mapfile -t COMPREPLY < <(compgen -W 'bytes blocks tag diff' -- "$cur"); return ;;
	--pool) mapfile -t COMPREPLY < <(compgen -W 'nonpaged paged session' -- "$cur"); return ;;
	--state) mapfile -t COMPREPLY < <(compgen -W 'in-use free cached' -- "$cur"); return ;;
	--jobs|-j|--width|-w|--tag|-t|--size|-s|--limit|--top|--min-bytes) return ;;
	esac

	if [[ $cur == -* ]]; then
		case $command in
		info) opts='--modules --devices --unloaded' ;;
		tags) opts='--tag --pool --by-size --sort --top --min-bytes --ledger --pooltag' ;;
		blocks) opts='--tag --size --state --pool --all --limit --pooltag' ;;
		analyze|show|verify) opts='--pooltag' ;;
		*) opts='' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$opts $common" -- "$cur")
		return
	fi
	if [[ -z $command || $command == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
		return
	fi
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

complete -F _dumpleak dumpleak
