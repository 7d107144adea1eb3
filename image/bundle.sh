#!/bin/bash
# Signs an update of the two slots' images: usage: bundle.sh WORK OUT.raucb VERSION. EVSE_PKI, COMPATIBLE for tests.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=image/layout.env
source "$repository/image/layout.env"

work=$1 out=$2 version=$3

content=$(mktemp -d "$cache/bundle.XXXXXX")
trap 'rm -rf "$content"' EXIT
cp --reflink=auto "$work/root.erofs" "$content/root.img"
cp --reflink=auto "$work/kernel.ext4" "$content/kernel.img"
cat >"$content/manifest.raucm" <<END
[update]
compatible=${COMPATIBLE:-$compatible}
version=$version

[bundle]
format=verity

[image.kernel]
filename=kernel.img

[image.rootfs]
filename=root.img
END
pki=$("$repository/image/pki.sh")
rm -f "$out"
in_tools rauc bundle --cert="$pki/sign.cert.pem" --key="$pki/sign.key.pem" "$content" "$out" >"$cache/bundle.log" 2>&1 ||
    die "rauc bundle failed" "$(tail -n 5 "$cache/bundle.log")"
