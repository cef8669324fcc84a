#!/usr/bin/env bash
# Builds the modules of the example programs: Programs/.build/programs/*.wasm. What is up to date is
# not built again. With --modules-only the native tests of the kit and the examples are left out.
set -euo pipefail
cd "$(dirname "$0")/../Programs"
swift=${SWIFT:-swift}
jobs=${JOBS:-$(nproc)}

# One example is in WebAssembly's text format.
if ! command -v wat2wasm > /dev/null && [ "$(id -u)" = 0 ]; then
    apt-get install -y -qq --no-install-recommends wabt > /dev/null \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends wabt > /dev/null; }
fi

if [ "${1:-}" != --modules-only ]; then
    "$swift" test -j "$jobs" --disable-xctest
fi
"$swift" package build-program
