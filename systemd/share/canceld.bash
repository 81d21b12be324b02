# bash completion for canceld(1). A test holds its words against the program's own.

_canceld()
{
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
    local words venues="okx okx_spread bitget bitget_uta htx bingx"
    COMPREPLY=()

    case $before in
        --config | --tls | verify | export)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --venue)
            mapfile -t COMPREPLY < <(compgen -W "$venues" -- "$current")
            return
            ;;
        --listen)
            mapfile -t COMPREPLY < <(compgen -W "127.0.0.1:0" -- "$current")
            return
            ;;
        --orders | --seed | --seeds | --replay | --jobs | --key | --secret | --passphrase) return ;;
    esac
    if ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 2]} == --tls ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi

    if ((COMP_CWORD == 1)); then
        words="run check demo sim simulate journal client-source --version --help"
    else
        case $command in
            run) words="--config" ;;
            check) words="--config --online" ;;
            demo) words="--venue --orders --seed --faults --json" ;;
            journal) words="verify export --json" ;;
            sim) words="--venue --listen --key --secret --passphrase --tls --seed --faults" ;;
            simulate) words="--seeds --venue --replay --jobs --json" ;;
        esac
        words+=" --help"
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o filenames -F _canceld canceld
