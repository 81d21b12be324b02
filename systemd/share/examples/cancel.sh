#!/bin/bash
# Cancel orders from a shell with nothing but socat: one line in, one line out, per order.
#
#     cancel.sh ACCOUNT INSTRUMENT ORDER_ID...
#
# Prints one line an order (order id, outcome, filled quantity) and exits with 0 only if each of them was canceled. Each
# request is named after its order, so that running this again asks for the same outcome and cancels nothing twice.
set -euo pipefail

socket=${CANCELD_SOCKET:-/run/canceld/canceld.sock}
account=${1:?usage: cancel.sh ACCOUNT INSTRUMENT ORDER_ID...}
instrument=${2:?usage: cancel.sh ACCOUNT INSTRUMENT ORDER_ID...}
shift 2

# member NAME: the text that this member has in the JSON object on standard input, or what it is if it is no text.
member() { sed -E -n "s/.*\"$1\":(\"([^\"]*)\"|([^,}]*)).*/\2\3/p" | head -n 1; }

failed=0
for order in "$@"; do
    params="{\"account\":\"$account\",\"instrument\":\"$instrument\",\"order_id\":\"$order\",\"request_id\":\"sh-$order\"}"
    call="{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"cancel\",\"params\":$params}"
    # -t: how long socat waits for the answer after it has sent the line; past the daemon's own horizon (60 s).
    answer=$(printf '%s\n' "$call" | socat -t 90 - "UNIX-CONNECT:$socket")
    case $answer in
        *'"error":'*)
            printf '%s\trefused\t%s\n' "$order" "$(member reason <<<"$answer")"
            failed=1
            ;;
        *)
            answer=${answer%%,\"corrections\":*} # of a request that was answered before, the latest word stands last
            outcome=$(member outcome <<<"$answer")
            printf '%s\t%s\t%s\n' "$order" "$outcome" "$(member cum_qty <<<"$answer")"
            [[ $outcome == canceled ]] || failed=1
            ;;
    esac
done
exit "$failed"
