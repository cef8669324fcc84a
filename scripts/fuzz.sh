#!/bin/sh
# Builds each fuzz target with the address sanitizer and runs it for SECONDS (default 60).
#
#   scripts/fuzz.sh [SECONDS] [TARGET…]      targets: FrameFuzz WriteFuzz CommandFuzz TextFuzz
#
# Seeds are in Fuzz/corpus; what a run finds new stays in .build/fuzz. A crash leaves its input
# there too and makes this script fail.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- FrameFuzz WriteFuzz CommandFuzz TextFuzz
out=${FUZZ_BUILD:-.build/fuzz}
mkdir -p "$out/module"

flags="-O -package-name thalweg -sanitize=fuzzer,address -parse-as-library -swift-version 6
    -enable-upcoming-feature ExistentialAny
    -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility
    -I $out -Xcc -fmodule-map-file=$out/module/module.modulemap"

cat > "$out/module/module.modulemap" <<MAP
module CThalwegShims { header "$PWD/Sources/CThalwegShims/include/thalweg_shims.h" export * }
MAP
clang -O2 -g -fsanitize=address -I Sources/CThalwegShims/include \
    -c Sources/CThalwegShims/crc32c.c -o "$out/crc32c.o"

module() {
    find "Sources/$1" -name '*.swift' | sort | xargs swiftc $flags -wmo -module-name "$1" \
        -emit-module -emit-module-path "$out/$1.swiftmodule" -emit-object -o "$out/$1.o"
}
module ThalwegModel
module ThalwegWire
module ThalwegText

for target in "$@"; do
    case $target in
    FrameFuzz) corpus=frames ;;
    WriteFuzz) corpus=writes ;;
    CommandFuzz) corpus=commands ;;
    TextFuzz) corpus=texts ;;
    *) echo "no target $target" >&2; exit 2 ;;
    esac
    swiftc $flags -module-name "$target" "Fuzz/$target.swift" \
        "$out/ThalwegText.o" "$out/ThalwegWire.o" "$out/ThalwegModel.o" "$out/crc32c.o" -o "$out/$target"
    mkdir -p "$out/$target.found"
    "$out/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$out/" "$out/$target.found" "Fuzz/corpus/$corpus"
done
