#!/usr/bin/env bash
# Counts the instructions of a write in the engine, by stage: unlike times, they do not depend on
# what else the machine does. Two runs of `bench engine`, one of them with hardly a write, so that
# starting and filling the topic are not counted.
#
#   scripts/instructions.sh [WRITES] [RECORDS]      default 2,000,000 over 10,000
#
# Wants valgrind, and a release build of the command (THALWEG).
set -euo pipefail

writes=${1:-2000000}
records=${2:-10000}
thalweg=${THALWEG:-.build/release/thalweg}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

command -v valgrind >/dev/null || { echo "install valgrind" >&2; exit 1; }
# valgrind cannot read the debugger's notes that Swift writes; names of functions are enough.
strip -g -o "$scratch/thalweg" "$thalweg"

count() { # NAME WRITES
  valgrind --tool=callgrind --callgrind-out-file="$scratch/$1.out" "$scratch/thalweg" \
    bench engine --entities "$records" --writes "$2" --quiet --json "$scratch/$1.json" \
    >"$scratch/$1.log" 2>&1 || { cat "$scratch/$1.log" >&2; exit 1; }
  callgrind_annotate --inclusive=yes --threshold=100 "$scratch/$1.out" >"$scratch/$1.inclusive"
  callgrind_annotate --inclusive=no --threshold=100 "$scratch/$1.out" >"$scratch/$1.own"
  sed -n 's/.*"ops" : \([0-9]*\),.*/\1/p' "$scratch/$1.json"
}

few=$(count few 1)
many=$(count many "$writes")

instructions() { # RUN KIND PATTERN: the sum over all functions of that name
  awk -v pattern="$3" '/^ *[0-9,]+ \(/ && $0 ~ pattern { gsub(",", "", $1); sum += $1 } END { print sum + 0 }' \
    "$scratch/$1.$2"
}

row() { # LABEL KIND PATTERN
  awk -v label="$1" -v many="$(instructions many "$2" "$3")" -v few="$(instructions few "$2" "$3")" \
    -v writes=$((many - few)) 'BEGIN { printf "%-34s %7.1f\n", label, (many - few) / writes }'
}

echo "instructions a write, $((many - few)) writes over $records records"
row "split: frames and their sums" inclusive 'FrameSplitterV4next'
row "merge" inclusive 'PartitionC5merge'
row "  decode" inclusive 'TopicStateV6decode'
row "  prefetch" inclusive 'TopicStateV8prefetch'
row "  one write" inclusive 'TopicStateV8mergeOne'
row "    check of a row" inclusive 'RowLayoutC5check'
row "    patch in place" inclusive 'RowLayoutC12applyInPlace'
row "seal" inclusive 'PartitionC4seal'
row "apply" inclusive 'PartitionC5apply'
row "memcpy and memmove, everywhere" own '(memcpy|memmove)'
