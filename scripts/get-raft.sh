#!/bin/bash
# Installs the consensus library, C-Raft 0.22.1, as a static archive with its header. Does nothing
# if it is there. On Debian 12 it comes from the backports suite of the archive apt already uses.
set -euo pipefail

wanted=0.22.1
header=/usr/include/raft.h

installed() {
    [ -e "$header" ] || return 1
    dpkg-query -W -f '${Version}' libraft-dev 2>/dev/null | grep -q "^${wanted//./\\.}-"
}

if installed; then exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "get-raft: no apt-get here: install C-Raft $wanted (cowsql/raft) with its static archive" >&2
    exit 1
fi

# Debian 13 has it in main, Debian 12 an older one that is unsafe (it commits entries of old terms).
candidate() { apt-cache madison libraft-dev | cut -d '|' -f 2 | tr -d ' ' | grep "^${wanted//./\\.}-"; }
apt-get update -qq
if ! candidate >/dev/null; then
    address=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1)
    if [ -z "$address" ]; then
        echo "get-raft: no apt source of this machine offers libraft-dev $wanted" >&2
        exit 1
    fi
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    signed=""
    if [ -e "$keyring" ]; then signed="[signed-by=$keyring]"; fi
    echo "deb $signed $address bookworm-backports main" \
        > /etc/apt/sources.list.d/thalweg-backports.list
    apt-get update -qq
fi
version=$(candidate | head -n 1)
apt-get install -y -qq --no-install-recommends "libraft-dev=$version"
installed || { echo "get-raft: libraft-dev $wanted did not install" >&2; exit 1; }
