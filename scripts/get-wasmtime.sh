#!/bin/sh
# Fetches the library that runs programs, pinned by its hash, from the Python package index.
#
#   sh scripts/get-wasmtime.sh [DIRECTORY]     default: .wasmtime beside this repository's sources
#
# Needs nothing but python3 with pip; on Debian it installs them if they are missing and it may.
# Running it again is cheap: a library whose hash is right is kept. THALWEG_WASMTIME tells the server
# of another place.
set -eu

version=50.0.1
case $(uname -m) in
x86_64)
  platform=manylinux1_x86_64 folder=linux-x86_64
  wheel=cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4
  library=3127ca42fe7cdd3f0a43a358e79177dcfedd46c1746329826403b9d854de6178
  ;;
aarch64)
  platform=manylinux2014_aarch64 folder=linux-aarch64
  wheel=675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1
  library=4777b787fcc6651c98130ccc7c8ce9160faba5f3b34918886785a43094026fc9
  ;;
*)
  echo "get-wasmtime: no engine for $(uname -m): programs cannot run here" >&2
  exit 1
  ;;
esac

destination=${1:-$(dirname "$0")/../.wasmtime}
file=$destination/libwasmtime-$version.so

right() { [ -f "$1" ] && echo "$library  $1" | sha256sum --check --status; }

if right "$file"; then
  echo "$file is there"
  exit 0
fi

if ! python3 -m pip --version > /dev/null 2>&1 || [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends python3-pip ca-certificates
  else
    echo "get-wasmtime: needs pip: sudo apt-get install python3-pip ca-certificates" >&2
    exit 1
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "wasmtime==$version --hash=sha256:$wheel" > "$work/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
  --only-binary=:all: --platform "$platform" --python-version 3.11 --implementation py --abi none \
  --dest "$work" --requirement "$work/requirements.txt"
python3 -m zipfile -e "$work"/wasmtime-*.whl "$work/wheel"
right "$work/wheel/wasmtime/$folder/_libwasmtime.so" || {
  echo "get-wasmtime: the library in the package is not the expected one" >&2
  exit 1
}

# Renamed into place: a server that starts meanwhile sees all of it or nothing.
mkdir -p "$destination"
install -m 644 "$work"/wheel/wasmtime-*.dist-info/licenses/LICENSE "$destination/libwasmtime.LICENSE"
install -m 644 "$work/wheel/wasmtime/$folder/_libwasmtime.so" "$file.new"
mv "$file.new" "$file"
ln -sf "libwasmtime-$version.so" "$destination/libwasmtime.so"
echo "installed $file"
