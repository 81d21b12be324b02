# bash completion for cancelctl(1). A test holds its words against the program's own. Names of accounts are those of the
# running daemon, if it answers within a second.

_cancelctl_accounts()
{
    cancelctl ${1:+--socket "$1"} status --timeout 1 2>/dev/null | awk -F '\t' 'NF > 5 && $1 != "account" { print $1 }'
}

_cancelctl()
{
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="cancel cancel-all cancel-batch orders status history watch top explain" command="" socket="" words index
    COMPREPLY=()

    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${COMP_WORDS[index]} in
            --socket)
                socket=${COMP_WORDS[index + 1]}
                ((index++))
                ;;
            -*) ;;
            *)
                command=${COMP_WORDS[index]}
                break
                ;;
        esac
    done

    case $before in
        --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
        --account) mapfile -t COMPREPLY < <(compgen -W "$(_cancelctl_accounts "$socket")" -- "$current") ;;
        --side) mapfile -t COMPREPLY < <(compgen -W "buy sell" -- "$current") ;;
        --priority) mapfile -t COMPREPLY < <(compgen -W "normal urgent" -- "$current") ;;
        --outcome)
            words="canceled filled rejected in_doubt unknown_order not_sent"
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
            ;;
        --export) mapfile -t COMPREPLY < <(compgen -W "jsonl csv" -- "$current") ;;
        --topic) mapfile -t COMPREPLY < <(compgen -W "outcomes corrections orders sessions" -- "$current") ;;
        --since) mapfile -t COMPREPLY < <(compgen -W "15m 1h 1d" -- "$current") ;;
        --instrument | --product | --order-id | --client-order-id | --request-id | --deadline-ms | --timeout) ;;
        --client-id-prefix | --param | --from-seq | --limit | --count | --interval) ;;
        *)
            case $command in
                "") words="$commands --socket --json --version" ;;
                cancel)
                    words="--account --instrument --product --order-id --client-order-id --request-id --deadline-ms"
                    words+=" --timeout --priority --progress --param"
                    ;;
                cancel-all)
                    words="--account --all-accounts --product --instrument --side --client-id-prefix --dry-run --yes"
                    words+=" --request-id --deadline-ms --priority --timeout"
                    ;;
                cancel-batch) words="--request-id --timeout" ;;
                orders) words="--account --product --instrument --timeout" ;;
                status) words="--timeout" ;;
                history)
                    words="--account --order-id --request-id --outcome --since --from-seq --limit --export --timeout"
                    ;;
                watch) words="--topic --from-seq --count" ;;
                top) words="--interval --once" ;;
                explain) words="--account --timeout" ;;
            esac
            mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$current")
            ;;
    esac
}

complete -o filenames -F _cancelctl cancelctl
