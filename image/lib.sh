# Shared by the scripts that build the image: where things are, where packages come from, how the tools are run.
# shellcheck shell=bash
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${EVSE_CACHE:-/var/cache/evse-image}
tools=$cache/tools # a Debian 13 of the build machine's own architecture, with the programs that make the image
suite=trixie

# Every time stamp in the image: that of the last commit, unless the caller wants another.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$repository" log -1 --format=%ct 2>/dev/null || echo 1700000000)}
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C.UTF-8

say() { echo "image: $*" >&2; }

die() {
    say "$1"
    shift
    for line in "$@"; do echo "       $line" >&2; done
    exit 1
}

require_root() { [ "$(id -u)" = 0 ] || die "this must run as root (chroot, file owners)" "sudo $0"; }

require_programs() {
    local missing=() name
    for name in "$@"; do
        command -v "${name%%:*}" >/dev/null || missing+=("${name##*:}")
    done
    [ ${#missing[@]} = 0 ] || die "missing: ${missing[*]}" "apt-get install ${missing[*]}"
}

# The first of its kind: others in that file are of other packages.
project_version() { sed -n '/^version = "/{s/^version = "\(.*\)".*/\1/p;q}' "$repository/pyproject.toml"; }

# The archive that this machine's own apt uses, or EVSE_MIRROR and EVSE_SECURITY_MIRROR.
archive() {
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        awk -v want="$1" '($1 ~ /-security$/) == (want == "security") { sub("/$", "", $2); print $2; exit }'
}

# Lines for sources.list; $1 the components.
sources() {
    local mirror security
    mirror=${EVSE_MIRROR:-$(archive main)}
    security=${EVSE_SECURITY_MIRROR:-$(archive security)}
    if [ -z "$mirror" ] || [ -z "$security" ]; then
        die "no Debian archive in this machine's apt configuration" "Set EVSE_MIRROR and EVSE_SECURITY_MIRROR."
    fi
    printf '%s\n' "deb $mirror $suite $1" "deb $mirror $suite-updates $1" "deb $security $suite-security $1"
}

# One package a line; comments are for readers.
package_list() { sed 's/#.*//' "$@" | awk 'NF { print $1 }'; }

# Runs a command among the tools. Repository, cache and a maker's keys have the paths that they have outside; the
# mounts end with it.
# With replace=exec the command takes the place of the script, and so has its pid.
in_tools() {
    local keys=${EVSE_PKI:-${EVSE_NEW_PKI-}}
    ${replace-} unshare --mount --propagation private bash -c '
        set -e
        tools=$1 cache=$2 repository=$3 keys=$4
        shift 4
        mount --bind /dev "$tools/dev"
        mount -t proc proc "$tools/proc"
        for folder in "$cache" "$repository" ${keys:+"$keys"}; do
            mkdir -p "$tools$folder"
            mount --bind "$folder" "$tools$folder"
        done
        exec chroot "$tools" "$@"' in_tools "$tools" "$cache" "$repository" "${keys:+$(realpath "$keys")}" "$@"
}
