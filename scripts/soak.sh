#!/usr/bin/env bash
# Loads one server with writers and readers for SECONDS, restarts it half-way, and verifies its data.
#
#   THALWEG=.build/release/thalweg scripts/soak.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/server.sh
half=$(( ${1:-600} / 2 ))
[ "$half" -ge 1 ] || half=1

for part in 1 2; do
    start_server
    "$thalweg" bench write --server "$server_address" --server-pid "$server_pid" --workers 9 \
        --entities 100000 --rate 100000 --duration "${half}s" --json "$server_folder/report.json"
    grep -q '"errors" : 0' "$server_folder/report.json" || { echo "the load had errors" >&2; exit 1; }
    "$thalweg" status --server "$server_address"
    stop_server
    "$thalweg" verify --data "$server_data"
    echo "part $part of 2 is through"
done
