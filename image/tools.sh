#!/bin/bash
# Makes the chroot with the programs that build the image, once for each change of image/packages/tools.txt.
# shellcheck source=image/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
    local key
    require_root
    require_programs mmdebstrap unshare:util-linux
    key=$(package_list "$repository/image/packages/tools.txt" | sha256sum | cut -c1-16)
    [ ! -e "$tools/.made-$key" ] || return 0
    say "making the tools (a Debian 13 in $tools), about a minute"
    rm -rf "$tools"
    mkdir -p "$cache"
    sources main | mmdebstrap --variant=apt --aptopt='APT::Install-Recommends "false"' \
        --include="$(package_list "$repository/image/packages/tools.txt" | paste -sd,)" \
        "$suite" "$tools" - >"$cache/tools.log" 2>&1 || die "mmdebstrap failed; see $cache/tools.log" "$(tail -n 5 "$cache/tools.log")"
    touch "$tools/.made-$key"
}

main
