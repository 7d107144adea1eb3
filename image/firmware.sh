#!/bin/bash
# Unpacks the Raspberry Pi's firmware and U-Boot into $cache/firmware-KEY. They are not installed in the root file system:
# their kernel hooks would want to write the boot partition.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=raspi-firmware,u-boot-rpi

main() {
    local out
    require_root
    out=$cache/firmware-$(sha256sum <"${BASH_SOURCE[0]}" | cut -c1-16)
    if [ ! -e "$out/complete" ]; then
        say "fetching firmware and U-Boot"
        rm -rf "$out"
        mkdir -p "$out"
        sources 'main non-free-firmware' |
            mmdebstrap --arch=arm64 --variant=extract --aptopt='APT::Install-Recommends "false"' \
                --include=$packages "$suite" "$out/all.tar" - >"$cache/firmware.log" 2>&1 ||
            die "mmdebstrap failed; see $cache/firmware.log" "$(tail -n 5 "$cache/firmware.log")"
        tar -C "$out" -xf "$out/all.tar" ./usr/lib/raspi-firmware ./usr/lib/u-boot ./usr/share/doc
        tar -xOf "$out/all.tar" ./var/lib/dpkg/status >"$out/status" 2>/dev/null || true
        rm "$out/all.tar"
        touch "$out/complete"
    fi
    echo "$out"
}

main
