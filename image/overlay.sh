#!/bin/bash
# Makes a tar of everything that the image has beyond Debian's packages: usage: overlay.sh ROOTFS.tar WORK VERSION [EXTRA...]
# WORK gets overlay.tar. EXTRA are folders laid over it, such as that of the tests.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=image/layout.env
source "$repository/image/layout.env"

rootfs=$1 work=$2 version=$3
extras=("${@:4}")
root=$work/overlay

debian_files() { # what our own files are made of or added to
    mkdir -p "$work/debian"
    tar -C "$work/debian" -xf "$rootfs" ./usr/lib/os-release ./etc/passwd ./etc/group ./etc/shadow ./etc/gshadow \
        ./usr/lib/python3 ./usr/lib/python3.13 ./usr/lib/systemd/system ./etc/systemd
}

our_files() {
    mkdir -p "$root/usr/lib/udev/rules.d" "$root/usr/share/doc/evsed" "$root/usr/bin" "$root/etc/rauc"
    cp -a "$repository/rootfs-overlay/." "$root/"
    chmod -R u=rwX,go=rX "$root" # whatever the umask of the checkout was
    install -m 644 "$repository"/udev/*.rules "$root/usr/lib/udev/rules.d/"
    install -m 644 "$repository"/docs/*.md "$repository/LICENSE" "$repository/CHANGELOG.md" "$root/usr/share/doc/evsed/"
    cp "$("$repository/image/pki.sh")/ca.cert.pem" "$root/etc/rauc/keyring.pem"
    sed "s/@COMPATIBLE@/$compatible/" "$repository/image/rauc-system.conf" >"$root/etc/rauc/system.conf"
    { cat "$work/debian/usr/lib/os-release" && printf 'IMAGE_ID=%s\nIMAGE_VERSION=%s\n' "$compatible" "$version"; } \
        >"$root/usr/lib/os-release"
    : >"$root/etc/machine-id"
}

environment() {
    "$repository/.venv/bin/python" "$repository/image/venv.py" --lock "$repository/requirements.lock" --python 3.13 \
        --out "$root/usr/lib/evsed/venv" >"$work/venv.log" 2>&1 || die "the environment failed" "$(tail -n 5 "$work/venv.log")"
    for program in "$root"/usr/lib/evsed/venv/bin/evse*; do
        ln -sf "/usr/lib/evsed/venv/bin/${program##*/}" "$root/usr/bin/${program##*/}"
    done
}

# The read-only root cannot keep byte code that is compiled on the device, so that each start would compile anew.
byte_code() {
    in_tools sh -ec '
        for tree in "$1/debian/usr/lib/python3" "$1/debian/usr/lib/python3.13" "$1/overlay/usr/lib/evsed/venv/lib"; do
            place=${tree#"$1"/*/}
            python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$tree" -p "/$place" "$tree" || true
        done' byte_code "$work" >"$work/byte_code.log" 2>&1
    (cd "$work/debian" && find usr/lib/python3 usr/lib/python3.13 -name "*.pyc" -print0 | tar -c --null -T - -f -) |
        tar -C "$root" -xf -
}

users() {
    mkdir -p "$root/etc"
    cp -p "$work"/debian/etc/{passwd,group,shadow,gshadow} "$root/etc/"
    in_tools systemd-sysusers --root="$root" >"$work/users.log" 2>&1 || die "systemd-sysusers failed" "$(cat "$work/users.log")"
    rm -f "$root"/etc/{passwd,group,shadow,gshadow}- "$root/etc/.pwd.lock"
}

units() { # by systemctl itself, with Debian's units and ours in one tree
    local verb unit log=$work/units.log
    mkdir -p "$root/etc/systemd/system" "$root/etc/systemd/system-generators"
    cp -a "$root/usr/lib/systemd/system/." "$work/debian/usr/lib/systemd/system/"
    sed 's/#.*//' "$repository/image/units.txt" | while read -r verb unit; do
        case $verb in
        '') continue ;;
        omit) ln -s /dev/null "$root/etc/systemd/system-generators/$unit" && continue ;;
        esac
        in_tools systemctl --root="$work/debian" "$verb" "$unit" >>"$log" 2>&1 || die "systemctl $verb $unit" "$(tail -n 3 "$log")"
    done
    cp -a "$work/debian/etc/systemd/system/." "$root/etc/systemd/system/"
}

pack() {
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=posix \
        --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' -C "$root" -cf "$work/overlay.tar" .
}

main() {
    rm -rf "$root" "$work/debian"
    mkdir -p "$root"
    debian_files
    our_files
    environment
    byte_code
    users
    units
    for extra in "${extras[@]}"; do cp -a "$extra/." "$root/"; done
    pack
}

main
