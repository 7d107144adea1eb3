#!/bin/bash
# Unpacks the Raspberry Pi's firmware and U-Boot into $cache/firmware-KEY. They are not installed in the root file system:
# their kernel hooks would want to write the boot partition.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=(raspi-firmware u-boot-rpi)

# As dpkg-query tells it of the root file system's: package, version, source, source version.
versions() {
    local package
    for package in "${packages[@]}"; do
        zcat "$1/usr/share/doc/$package/changelog.Debian.gz" |
            sed -nE "1s/^([^ ]+) \\(([^)]+)\\).*/$package\t\2\t\1\t\2/p"
    done
}

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
                --include="$(IFS=, && echo "${packages[*]}")" "$suite" "$out/all.tar" - >"$cache/firmware.log" 2>&1 ||
            die "mmdebstrap failed; see $cache/firmware.log" "$(tail -n 5 "$cache/firmware.log")"
        tar -C "$out" -xf "$out/all.tar" ./usr/lib/raspi-firmware ./usr/lib/u-boot ./usr/share/doc
        rm "$out/all.tar"
        versions "$out" >"$out/packages"
        touch "$out/complete"
    fi
    echo "$out"
}

main
