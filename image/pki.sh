#!/bin/bash
# Makes keys for development in $cache/pki, once: a certification authority for ten years and a signing key under it.
# EVSE_NEW_PKI makes them elsewhere. A maker sets EVSE_PKI to a folder of the same shape: ca.cert.pem, and sign.cert.pem and sign.key.pem on the machine that signs.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

pki=$(realpath -m "${EVSE_PKI:-${EVSE_NEW_PKI:-$cache/pki}}")

main() {
    if [ -n "${EVSE_PKI-}" ]; then
        for file in ca.cert.pem sign.cert.pem sign.key.pem; do
            [ -e "$pki/$file" ] || die "EVSE_PKI=$EVSE_PKI has no $file (docs/image.md, Keys)"
        done
    fi
    if [ -e "$pki/ca.cert.pem" ]; then
        echo "$pki"
        return
    fi
    say "making keys for development in $pki: such an image takes any update signed with them"
    (umask 077 && mkdir -p "$pki")
    in_tools sh -ec '
        cd "$1"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=evsed development CA" \
            -addext basicConstraints=critical,CA:TRUE -keyout ca.key.pem -out ca.cert.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=evsed development signing" \
            -keyout sign.key.pem -out sign.csr.pem
        printf "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n" >ext
        openssl x509 -req -in sign.csr.pem -CA ca.cert.pem -CAkey ca.key.pem -CAcreateserial -days 3650 -extfile ext \
            -out sign.cert.pem
        rm sign.csr.pem ext' pki "$pki" >"$cache/pki.log" 2>&1 || die "openssl failed; see $cache/pki.log"
    echo "$pki"
}

main
