#!/bin/bash
# Makes the partitions and the disk of them: usage: disk.sh ROOTFS.tar WORK. Nothing is mounted, nothing needs a loop device.
# WORK has overlay.tar and gets root.erofs, kernel.ext4, boot.vfat, disk.img.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=image/layout.env
source "$repository/image/layout.env"

rootfs=$1 work=$2

dated() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

ext4() { # FOLDER FILE MIB LABEL UUID_DIGITS
    rm -f "$2"
    truncate -s "$3M" "$2"
    in_tools mke2fs -q -t ext4 -O "^has_journal,^metadata_csum,^64bit" -m 0 -L "$4" -U "$partition_uuid$5" \
        -E "hash_seed=$hash_seed,lazy_itable_init=0,root_owner=0:0" -d "$1" "$2"
}

device_trees() { # the carrier board's parts merged into the kernel's own trees: Debian's kernel loads no overlays
    mkdir -p "$work/trees"
    in_tools dtc -q -@ -I dts -O dtb -o "$work/evse.dtbo" -i "$repository/image/dt" "$repository/image/dt/evse-cm4-mainline.dts"
    device_tree bcm2711-rpi-cm4-io evse-cm4
    device_tree bcm2711-rpi-4-b evse-pi4
}

device_tree() { # BASE NAME
    tar -xOf "$rootfs" "./usr/lib/linux-image-$kernel/broadcom/$1.dtb" >"$work/base.dtb"
    in_tools fdtoverlay -i "$work/base.dtb" -o "$work/trees/$2.dtb" "$work/evse.dtbo"
}

kernel_slot() {
    mkdir -p "$work/kernel"
    tar -xOf "$rootfs" "./boot/vmlinuz-$kernel" >"$work/kernel/vmlinuz"
    tar -xOf "$rootfs" "./boot/initrd.img-$kernel" >"$work/kernel/initrd.img"
    cp "$work"/trees/*.dtb "$work/kernel/"
    dated "$work/kernel"
    ext4 "$work/kernel" "$work/kernel.ext4" "$kernel_mib" kernel 02
}

root_slot() { # without the kernel, which has a partition of its own
    cp "$rootfs" "$work/root.tar"
    tar --delete -f "$work/root.tar" "./boot/vmlinuz-$kernel" "./boot/initrd.img-$kernel"
    tar --concatenate -f "$work/root.tar" "$work/overlay.tar"
    rm -f "$work/root.erofs"
    in_tools mkfs.erofs --quiet --tar=f -T"$SOURCE_DATE_EPOCH" --all-time -U "${partition_uuid}03" -zlz4hc,9 -C65536 \
        -L root "$work/root.erofs" "$work/root.tar"
    rm "$work/root.tar"
}

boot_partition() {
    local firmware
    firmware=$("$repository/image/firmware.sh")
    mkdir -p "$work/boot"
    cp "$firmware"/usr/lib/raspi-firmware/{start4.elf,fixup4.dat} "$firmware/usr/lib/u-boot/rpi_arm64/u-boot.bin" \
        "$repository/image/boot/config.txt" "$work/boot/"
    cp "$work"/trees/*.dtb "$work/boot/" # U-Boot's own; the kernel's are in its slot
    in_tools mkimage -A arm64 -T script -d "$repository/image/boot/boot.cmd" "$work/boot/boot.scr" >/dev/null
    dated "$work/boot"
    rm -f "$work/boot.vfat"
    truncate -s "${boot_mib}M" "$work/boot.vfat"
    in_tools sh -ec 'mkfs.vfat --invariant -F 32 -n EVSEBOOT "$1/boot.vfat" >/dev/null
        cd "$1/boot"; for file in *; do mcopy -m -i "$1/boot.vfat" "$file" ::; done' boot_partition "$work"
}

data_partition() {
    mkdir -p "$work/data"
    dated "$work/data"
    rm -f "$work/data.ext4"
    truncate -s "${data_mib}M" "$work/data.ext4"
    in_tools mke2fs -q -t ext4 -L data -U "${partition_uuid}07" \
        -E "hash_seed=$hash_seed,lazy_itable_init=0,root_owner=0:0" "$work/data.ext4"
    truncate -s "${bootstate_mib}M" "$work/bootstate.bin"
}

genimage_config() {
    cat <<END
image disk.img {
	hdimage { partition-table-type = "gpt" disk-uuid = "$disk_uuid" align = 1M }
	partition boot { image = "boot.vfat" partition-type-uuid = "F" bootable = true partition-uuid = "${partition_uuid}11" }
	partition kernel_a { image = "kernel.ext4" size = ${kernel_mib}M partition-type-uuid = "L" partition-uuid = "${partition_uuid}12" }
	partition root_a { image = "root.erofs" size = ${root_mib}M partition-type-uuid = "L" partition-uuid = "${partition_uuid}13" }
	partition kernel_b { size = ${kernel_mib}M partition-type-uuid = "L" partition-uuid = "${partition_uuid}14" }
	partition root_b { size = ${root_mib}M partition-type-uuid = "L" partition-uuid = "${partition_uuid}15" }
	partition bootstate { image = "bootstate.bin" partition-type-uuid = "$bootstate_type" partition-uuid = "${partition_uuid}16" }
	partition data { image = "data.ext4" partition-type-uuid = "$data_type" partition-uuid = "${partition_uuid}17" }
}
END
}

disk() {
    genimage_config >"$work/genimage.cfg"
    rm -rf "$work/empty" "$work/genimage.tmp"
    mkdir -p "$work/empty"
    in_tools genimage --config "$work/genimage.cfg" --inputpath "$work" --outputpath "$work" --rootpath "$work/empty" \
        --tmppath "$work/genimage.tmp" >"$work/genimage.log" 2>&1 || die "genimage failed" "$(tail -n 5 "$work/genimage.log")"
}

kernel=$(tar -tf "$rootfs" | sed -n 's,^\./boot/vmlinuz-,,p' | head -n 1)
[ -n "$kernel" ] || die "$rootfs has no kernel"
device_trees
kernel_slot
root_slot
boot_partition
data_partition
disk
