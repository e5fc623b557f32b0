# Sourced by the scripts of this folder: the repository's root, the state folder, messages, locks.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
STATE=${ZONDA_STATE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/zonda}
export ZONDA_STATE=$STATE
mkdir -p "$STATE"

say() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# usage: prints the comment at the top of the calling script.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# locked NAME COMMAND…: runs the command while no other script holds the lock NAME.
locked() {
    local name=$1
    shift
    (
        flock 9
        "$@"
    ) 9>"$STATE/$name.lock"
}

# packages FOLDER…: the names of the packages in these folders and right below them.
packages() {
    local folder manifest
    for folder in "$@"; do
        for manifest in "$ROOT/$folder/Cargo.toml" "$ROOT/$folder"/*/Cargo.toml; do
            [ ! -e "$manifest" ] || sed -n '/^\[package\]/,/^\[/ s/^name *= *"\(.*\)"/\1/p' "$manifest"
        done
    done
}
