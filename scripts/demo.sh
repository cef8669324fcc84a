#!/usr/bin/env bash
# Runs a server on temporary data, a short session and a short load, and prints what came out.
#
#   THALWEG=.build/release/thalweg scripts/demo.sh [--smoke]
#
# Needs the program engine and the example modules: make modules.
# --smoke: small enough for an unoptimised build, and fails unless the load was taken without error.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh
smoke=no
[ "${1:-}" = --smoke ] && smoke=yes

start_server
echo "a server listens on $server_address (process $server_pid, data in $server_data)"

# Prints a command as one would type it, and runs it.
show() {
    local word
    printf '\n$ thalweg'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9._:/-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$thalweg" "$@" --server "$server_address"
}

show topic create players --key u64 --schema 'name: string(32), x: f32, health: i32'
show put players 7 '{"name": "Ada", "x": 1.5, "health": 100}'
show put players 7 '{"health": 80}' --patch
show get players 7

# A game rule in a topic: a piece steps to a neighbouring square that is free.
show topic create board --key u64 --schema 'x: i32, y: i32, name: string(32)' --writes every
show program deploy board Programs/.build/programs/Moves.wasm
show put board 7 '{"x": 3, "y": 3, "name": "Ada"}'
show put board 7 '{"y": 4}' --patch
if show put board 7 '{"y": 40}' --patch 2>&1; then
    echo "an impossible move was taken" >&2
    exit 1
fi
show get board 7

load=(bench write --server "$server_address" --server-pid "$server_pid")
if [ $smoke = yes ]; then
    load+=(--workers 2 --entities 500 --duration 1s --quiet)
else
    load+=(--workers 9 --entities 10000 --duration 5s --sink)
    if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
        load+=(--redis spawn)
    else
        printf '\nredis is not installed, so it is not compared (apt-get install redis-server)\n'
    fi
fi
printf '\n$ thalweg %s\n' "${load[*]}"
"$thalweg" "${load[@]}" --json "$server_folder/report.json"
if [ $smoke = yes ]; then
    grep -q '"errors" : 0' "$server_folder/report.json" || { echo "the load had errors" >&2; exit 1; }
fi

stop_server
printf '\n$ thalweg verify --data %s\n' "$server_data"
"$thalweg" verify --data "$server_data"
cat <<TEXT

The server was stopped and its data removed. To run your own and talk to it:

  $thalweg serve --data ./thalweg-data
  $thalweg topic list
TEXT
