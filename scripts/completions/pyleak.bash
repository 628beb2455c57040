# bash completion for pyleak(1)

_pyleak() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    local output_options="--format --output --color --help"
    local watch_options="--threshold --check-interval --caller --ignore --loop --thread --children --no-children
        --agent --duration --max-blocks --action --native --locals --redact --max-reports-per-minute --stats-interval --log-file $output_options"
    local loops="asyncio uvloop node libuv libevent libev glib redis generic"
    local options pids at

    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "attach run dump list doctor report --help --version" -- "$word")
        return
    fi
    if [[ $command == run ]]; then
        # Behind the program's name the completion is the program's own.
        for ((at = 2; at < COMP_CWORD; at++)); do
            case ${COMP_WORDS[at]} in
                --) ((at++)); _command_offset "$at"; return ;;
                -t | -i | -a | -f | -o | -d | -n | --threshold | --check-interval | --caller | --ignore | --loop | \
                    --thread | --duration | --max-blocks | --action | --format | --output | --color | --log-file | \
                    --redact | --max-reports-per-minute | --stats-interval | --agent)
                    ((at++)) ;;
                -*) ;;
                *) _command_offset "$at"; return ;;
            esac
        done
    fi
    case $previous in
        -a | --action) mapfile -t COMPREPLY < <(compgen -W "warn log cancel raise" -- "$word"); return ;;
        -f | --format)
            local formats="text json"
            [[ $command == report ]] && formats+=" folded speedscope chrome"
            mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$word")
            return ;;
        --agent) mapfile -t COMPREPLY < <(compgen -W "auto none" -- "$word"); return ;;
        --color) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$word"); return ;;
        --loop) mapfile -t COMPREPLY < <(compgen -W "$loops" -- "$word"); return ;;
        -o | --output | --log-file | --caller | --ignore) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
        -t | --threshold | -i | --check-interval | -d | --duration | -n | --max-blocks | --thread | --redact | \
            --max-reports-per-minute | --stats-interval)
            return ;;
    esac
    case $command in
        attach | run) options=$watch_options ;;
        dump) options="--loop --thread --native --locals --redact $output_options" ;;
        list | doctor | report) options=$output_options ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    elif [[ $command == run ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    elif [[ $command == report ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        pids=$(cd /proc && printf '%s ' [0-9]*)
        mapfile -t COMPREPLY < <(compgen -W "$pids" -- "$word")
    fi
}
complete -o filenames -F _pyleak pyleak
