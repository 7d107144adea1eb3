#!/bin/bash
# Makes the root file system's tar from Debian packages: $cache/rootfs-KEY.tar and its list of versions beside it.
# KEY is of the package list and of this script; a tar that is there is taken as it is. --fresh makes it anew.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

list=$repository/image/packages/rootfs.txt
# One time stamp for every such tar, the day of Debian 13: it is kept over many commits, and what is in it does not hang on them.
export SOURCE_DATE_EPOCH=1754697600
# What must not run on the build machine for each package, but once at the end or on the device.
diverted=(/usr/bin/py3compile /usr/sbin/update-initramfs /usr/bin/ssh-keygen)
initramfs_modules=(erofs ext4 overlay virtio_blk virtio_pci virtio_mmio sdhci-iproc mmc_block bcm2835_wdt i6300esb phy_generic)

key() { cat "$list" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16; }

make_tar() {
    local out=$1 hooks=$cache/rootfs-hooks
    mkdir -p "$hooks"
    cat >"$hooks/essential" <<END
#!/bin/sh
set -e
mkdir -p "\$1/etc/initramfs-tools/conf.d" "\$1/etc/ssh"
printf 'MODULES=list\nCOMPRESS=zstd\n' >"\$1/etc/initramfs-tools/conf.d/evse"
printf '%s\n' ${initramfs_modules[*]} >"\$1/etc/initramfs-tools/modules"
for file in ${diverted[*]}; do
    chroot "\$1" dpkg-divert --quiet --local --rename --divert "\$file.distrib" --add "\$file"
    ln -s /bin/true "\$1\$file"
done
END
    cat >"$hooks/customize" <<END
#!/bin/sh
set -e
for file in ${diverted[*]}; do
    rm "\$1\$file"
    chroot "\$1" dpkg-divert --quiet --local --rename --remove "\$file"
done
chroot "\$1" update-initramfs -c -k all
chroot "\$1" dpkg-query -W -f '\${binary:Package}\t\${Version}\t\${source:Package}\t\${source:Version}\n' >"$out.packages"
rm -rf "\$1"/etc/ssh/ssh_host_* "\$1"/var/lib/apt/lists/* "\$1"/var/cache/apt/* "\$1"/var/log/* \\
    "\$1"/var/lib/dbus/machine-id "\$1"/etc/hostname "\$1"/etc/resolv.conf "\$1"/usr/share/locale/* "\$1"/var/lib/systemd/random-seed
: >"\$1/etc/machine-id"
mkdir -p "\$1/data" "\$1/boot/firmware"
END
    chmod +x "$hooks"/*
    # Work in memory where there is enough of it: thousands of small files with fsync.
    sources 'main contrib non-free-firmware' |
        TMPDIR=${EVSE_BUILD_DIR:-/dev/shm} nice mmdebstrap --arch=arm64 --variant=minbase --format=tar \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
            --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
            --dpkgopt='path-exclude=/usr/lib/linux-image-*/*' --dpkgopt='path-include=/usr/lib/linux-image-*/broadcom/bcm2711*' \
            --dpkgopt='force-unsafe-io' --aptopt='APT::Install-Recommends "false"' \
            --aptopt='Acquire::Retries "3"' \
            --essential-hook="$hooks/essential" --customize-hook="$hooks/customize" \
            --include="$(package_list "$list" | paste -sd,)" \
            "$suite" "$out.new" - >"$cache/rootfs.log" 2>&1 ||
        die "mmdebstrap failed; see $cache/rootfs.log" "$(tail -n 5 "$cache/rootfs.log")"
    mv "$out.new" "$out"
}

main() {
    local out
    require_root
    require_programs mmdebstrap qemu-aarch64-static:qemu-user-static arch-test update-binfmts:binfmt-support
    arch-test arm64 >/dev/null || die "this machine cannot run arm64 programs" \
        "apt-get install qemu-user-static binfmt-support; mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"
    out=$cache/rootfs-$(key).tar
    mkdir -p "$cache"
    if [ ! -e "$out" ] || [ "${1-}" = --fresh ]; then
        say "making the root file system from Debian packages: ten minutes and more, it is emulated"
        make_tar "$out"
    fi
    echo "$out"
}

main "$@"
