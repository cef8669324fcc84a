#!/usr/bin/env bash
# Three nodes on loopback, made as one would make them by hand; the one that leads is killed with
# kill -9. Then the same again and again under a load, and what is lost is counted.
#
#   THALWEG=.build/release/thalweg scripts/demo-cluster.sh [--smoke]
#
# Needs a build with the consensus library, as `make demo-cluster` makes it. --smoke: fewer kills.
set -euo pipefail
cd "$(dirname "$0")/.."
thalweg=${THALWEG:?set THALWEG to the thalweg command}
kills=5
[ "${1:-}" = --smoke ] && kills=2
folder=$(mktemp -d)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT

# Prints a command as one would type it, and runs it.
show() {
    printf '\n$ thalweg %s\n' "$*"
    "$thalweg" "$@"
}

# serve NODE OPTIONS…: starts a node in the background and waits until it is ready.
serve() {
    local node=$1
    shift
    printf '\n$ thalweg serve --data d%s %s &\n' "$node" "$*"
    rm -f "$folder/ready$node"
    "$thalweg" serve --data "$folder/d$node" --json-ready "$@" \
        > "$folder/ready$node" 2> "$folder/log$node" &
    pids[node]=$!
    for _ in $(seq 300); do
        [ -s "$folder/ready$node" ] && return
        kill -0 "${pids[node]}" 2>/dev/null || { cat "$folder/log$node" >&2; exit 1; }
        sleep 0.1
    done
    echo "node $node is not ready" >&2
    exit 1
}

# A number of ports that nobody has now: the system does not give these by itself.
base=$((20000 + RANDOM % 10000))
clients() { echo "127.0.0.1:$((base + $1))"; }
nodes() { echo "127.0.0.1:$((base + 10 + $1))"; }

serve 1 --listen "$(clients 1)" --cluster-listen "$(nodes 1)" --cluster-init
serve 2 --listen "$(clients 2)" --cluster-listen "$(nodes 2)" --join "$(clients 1)"
serve 3 --listen "$(clients 3)" --cluster-listen "$(nodes 3)" --join "$(clients 1)"

# Prints the client address of the node that leads, as node $1 knows it, or nothing.
leader() {
    "$thalweg" cluster status --server "$(clients "$1")" | awk '$2 == "leader" { print $3 }'
}
voters() {
    "$thalweg" cluster status --server "$(clients 1)" |
        awk '$2 == "leader" || $2 == "voter" { count++ } END { print count + 0 }'
}
for _ in $(seq 300); do
    [ "$(voters)" -eq 3 ] && break
    sleep 0.1
done
show cluster status --server "$(clients 1)"

first=$(leader 1)
show topic create players --key u64 --schema 'name: string(32), health: i32' --server "$first"
show put players 7 '{"name": "Ada", "health": 100}' --server "$first"

# Whoever leads is killed; its number is that of its port.
number=$((${first##*:} - base))
printf '\n$ kill -9 %s    # node %s, which leads\n' "${pids[number]}" "$number"
kill -9 "${pids[number]}"
wait "${pids[number]}" 2>/dev/null || true
other=$((number % 3 + 1))
next=
for _ in $(seq 300); do
    next=$(leader "$other" || true)
    [ -n "$next" ] && [ "$next" != "$first" ] && break
    sleep 0.1
done
[ -n "$next" ] && [ "$next" != "$first" ] || { echo "nobody leads" >&2; exit 1; }
show cluster status --server "$(clients "$other")"
show get players 7 --server "$(clients "$other")"
show put players 7 '{"health": 80}' --patch --server "$next"
serve "$number"
show get players 7 --server "$next"

printf '\n$ thalweg bench failover --kills %s --strict\n' "$kills"
"$thalweg" bench failover --kills "$kills" --strict
