#!/bin/bash
# Builds the kernel's simulated devices for tests: usage: kernel-devices.sh OUT
# OUT becomes a folder for `build-image --extra`: the modules, and what sets them up as the carrier board.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

out=$1
here=$repository/image/test
work=$cache/tests/kernel-devices

# The packages' scripts are not wanted, only their files, at the paths that they refer to.
kernel_packages() { # VERSION, as in 6.12.118+deb13-arm64
    local common=${1%-arm64} series
    series=$(cut -d. -f1-2 <<<"$1")
    in_tools sh -ec '
        dpkg --add-architecture arm64
        apt-get update -qq
        cd "$1"
        shift
        apt-get download -qq "$@"
        for package in linux-headers*.deb linux-kbuild*.deb; do dpkg -x "$package" /; done' kernel_packages "$work" \
        "linux-headers-$1:arm64" "linux-headers-$common-common" "linux-kbuild-$common" "linux-source-$series" >"$work/packages.log" 2>&1 ||
        die "the kernel's packages cannot be had" "$(tail -n 3 "$work/packages.log")" "If the archive has a newer kernel by now: scripts/build-image --fresh"
}

kernel_sources() {
    local archive
    archive=$(echo "$work"/linux-source-*.deb)
    in_tools dpkg --fsys-tarfile "$archive" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
        tar -xJ -C "$work" --strip-components=1 --wildcards '*/drivers/gpio/gpio-sim.c' '*/kernel/irq/irq_sim.c' '*/drivers/i2c/i2c-stub.c'
    cp "$here"/kernel/* "$work/"
    # A pull that a claim asks for moves no line that a contact holds.
    sed 's/return gpio_sim_apply_pull(chip, offset, [01]);/return 0;/' "$work/drivers/gpio/gpio-sim.c" >"$work/gpio-sim-main.c"
    cp "$work/drivers/i2c/i2c-stub.c" "$work/"
    # A module can call neither what only the kernel itself sees, nor export what it is linked with.
    sed 's/handle_simple_irq(irq_to_desc(\(.*\)));/generic_handle_irq_safe(\1);/; /^EXPORT_SYMBOL/d' \
        "$work/kernel/irq/irq_sim.c" >"$work/irq_sim.c"
}

modules() { # VERSION
    in_tools make -s -C "/usr/src/linux-headers-$1" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CONFIG_DEBUG_INFO_BTF_MODULES= \
        M="$work" modules >"$work/make.log" 2>&1 ||
        die "the modules cannot be built" "$(tail -n 15 "$work/make.log")"
}

main() {
    local kernel rootfs made
    require_root
    rootfs=$("$repository/image/rootfs.sh")
    kernel=$(tar -tf "$rootfs" | sed -n 's,^\./boot/vmlinuz-,,p' | head -n 1)
    made=$work/.made-$(cat "$here"/kernel/* "${BASH_SOURCE[0]}" - <<<"$kernel" | sha256sum | cut -c1-16)
    if [ ! -e "$made" ]; then
        say "simulated devices for kernel $kernel"
        rm -rf "$work"
        mkdir -p "$work"
        kernel_packages "$kernel"
        kernel_sources
        modules "$kernel"
        touch "$made"
    fi
    mkdir -p "$out/usr/lib/evse-simhw"
    cp "$work"/{evse-simhw,evse-eeprom,gpio-sim,i2c-stub}.ko "$out/usr/lib/evse-simhw/"
    cp -a "$here/kernel-overlay/." "$out/"
}

main
