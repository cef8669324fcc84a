# For other scripts: starts one server on a free loopback port, on data of its own, and ends it by
# its process id when the script ends. Sets $server_address and $server_data.
#
#   THALWEG=.build/release/thalweg; . scripts/server.sh; start_server [serve options…]

thalweg=${THALWEG:?set THALWEG to the thalweg command}
[ -x "$thalweg" ] || { echo "$thalweg is not there: build it first" >&2; exit 1; }
thalweg=$(cd "$(dirname "$thalweg")" && pwd)/$(basename "$thalweg")
server_folder=$(mktemp -d)
server_data=$server_folder/data
server_pid=

start_server() {
    "$thalweg" serve --listen 127.0.0.1:0 --data "$server_data" --json-ready "$@" \
        > "$server_folder/ready" 2> "$server_folder/log" &
    server_pid=$!
    for _ in $(seq 300); do
        [ -s "$server_folder/ready" ] && break
        kill -0 "$server_pid" 2>/dev/null || { cat "$server_folder/log" >&2; exit 1; }
        sleep 0.1
    done
    server_address=$(sed -n 's/.*"listening": *"\([^"]*\)".*/\1/p' "$server_folder/ready")
    [ -n "$server_address" ] || { cat "$server_folder/log" >&2; exit 1; }
}

stop_server() {
    [ -n "$server_pid" ] || return 0
    kill -TERM "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
}

end_server() {
    stop_server
    rm -rf "$server_folder"
}
trap end_server EXIT
