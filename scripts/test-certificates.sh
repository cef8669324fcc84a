#!/usr/bin/env bash
# Makes the certificates that the tests of TLS show one another: Tests/IntegrationTests/Certificates.
# They are kept there, so that a test needs no openssl. The keys protect nothing: anybody can read
# them.
#
#   scripts/test-certificates.sh
set -euo pipefail
cd "$(dirname "$0")/../Tests/IntegrationTests/Certificates"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# When they are good, whatever a machine's clock says.
from=20200101000000Z
to=21200101000000Z
cat >"$work/ca.conf" <<CONF
[any]
new_certs_dir = $work
database = $work/index
serial = $work/serial
default_md = sha256
policy = names
[names]
commonName = supplied
CONF
: >"$work/index"
echo unique_subject = no >"$work/index.attr"
echo 01 >"$work/serial"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

# sign NAME KEY SUBJECT UNTIL EXTENSIONS…: makes NAME.pem; more options of openssl ca come first.
sign() {
    local name=$1 key=$2 subject=$3 until=$4 extensions=$5
    shift 5
    openssl req -new -key "$key" -subj "/CN=$subject" -out "$work/request"
    printf "$extensions" >"$work/extensions"
    openssl ca -batch -notext -config "$work/ca.conf" -name any -in "$work/request" \
        -extfile "$work/extensions" -startdate $from -enddate "$until" -out "$name.pem" "$@" \
        2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
}

authority() {
    key "$work/$1.key"
    sign "$1" "$work/$1.key" "$2" $to \
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n" \
        -selfsign -keyfile "$work/$1.key"
}

# certificate NAME AUTHORITY UNTIL NAMES: of the key that all of them have.
certificate() {
    sign "$1" key.pem "$1" "$3" \
        "subjectAltName=$4\nextendedKeyUsage=serverAuth,clientAuth\n" \
        -cert "$2.pem" -keyfile "$work/$2.key"
}

rm -f ./*.pem
key key.pem
key other-key.pem
authority authority "Thalweg tests"
authority other-authority "Thalweg tests, others"
here="IP:127.0.0.1,IP:::1,DNS:localhost"
certificate node authority $to "$here"
certificate renewed authority $to "$here"
certificate expired authority 20200201000000Z "$here"
certificate elsewhere authority $to "DNS:elsewhere.test,DNS:*.wild.test,IP:192.0.2.1"
certificate stranger other-authority $to "$here"
