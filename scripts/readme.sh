#!/usr/bin/env bash
# Runs the `console` blocks of a document against a fresh server and compares what they print.
#
#   THALWEG=.build/debug/thalweg scripts/readme.sh [FILE]
#
# A line that begins with "$ " is run; the lines below it are what it must print. A word of dots
# ("…") in an expected line stands for anything. Blocks that start a server are not `console`.
set -euo pipefail
cd "$(dirname "$0")/.."
file=${1:-README.md}
. scripts/server.sh
start_server

# The document says `thalweg` and the default address; here it is this command and this server.
thalweg() { THALWEG_SERVER=$server_address "$thalweg" "$@"; }

failures=0
commands=0
check() {
    local actual
    actual=$(eval "$1" 2>&1) || true
    commands=$((commands + 1))
    # shellcheck disable=SC2053
    if [[ $actual != ${2//…/*} ]]; then
        printf '%s: %s\n--- expected\n%s\n--- printed\n%s\n' "$file" "$1" "$2" "$actual" >&2
        failures=$((failures + 1))
    fi
}

# Everything but the dots is literal: pattern characters are escaped.
literal() { printf '%s' "$1" | sed -e 's/[][*?\\]/\\&/g'; }

inside=no command= expected=
finish() { [ -z "$command" ] || check "$command" "$(literal "$expected")"; command= expected=; }
while IFS= read -r line; do
    case $inside:$line in
    no:'```console') inside=yes ;;
    yes:'```') finish; inside=no ;;
    yes:'$ '*) finish; command=${line#'$ '} ;;
    yes:*) expected+=${expected:+$'\n'}$line ;;
    esac
done < "$file"

[ "$commands" -gt 0 ] || { echo "$file has no console blocks" >&2; exit 1; }
[ "$failures" -eq 0 ] || { echo "$failures of $commands commands of $file printed something else" >&2; exit 1; }
echo "$commands commands of $file print what it says"
