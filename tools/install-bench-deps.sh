#!/usr/bin/env bash
# Fetches what the bench compares with: Debian's Postfix, with its smtp-source and smtp-sink, unpacked into a folder
# together with libraries that this machine lacks. Nothing is configured into the system or started.
#
#     tools/install-bench-deps.sh FOLDER
#
# FOLDER/complete tells that all is there; then nothing is fetched. Where nothing can be fetched, an installed Postfix
# serves. What the bench can do without (strace) is only named.
set -eu

root=$1
[ -e "$root/complete" ] && exit 0
have() { [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "$1")" ]; }
have strace || echo "install-bench-deps: no strace here, so syncs per message will not be counted" >&2
have ip || echo "install-bench-deps: no ip here (iproute2), so smtp-source cannot be the load for Portcullis" >&2

instead() {
    rm -rf "$root"
    if [ -x /usr/sbin/postfix ] && [ -x /usr/sbin/smtp-source ]; then
        echo "install-bench-deps: $1; the installed Postfix serves" >&2
        exit 0
    fi
    echo "install-bench-deps: $1, and none is installed" >&2
    exit 1
}
have apt-get && have dpkg || instead "this is no Debian, so its Postfix cannot be fetched"

rm -rf "$root"
packages=$root/packages
mkdir -p "$packages"
chmod 777 "$packages" # apt drops its rights while it downloads
fetch() { (cd "$packages" && apt-get -q download "$@" >/dev/null 2>&1); }
unpack() { for package in "$packages"/*.deb; do dpkg -x "$package" "$root" && rm "$package"; done; }
# Those that the unpacked programs ask for and neither the system nor FOLDER has.
missing() {
    local folders
    folders=$(find "$root" -name '*.so*' -printf '%h:' | tr ':' '\n' | sort -u | tr '\n' ':')
    find "$root/usr/sbin" "$root/usr/lib" -type f -perm -u+x -exec env LD_LIBRARY_PATH="$folders" ldd {} \; 2>/dev/null |
        sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u
}

fetch postfix || { apt-get -q update >/dev/null 2>&1 && fetch postfix; } || instead "Debian's Postfix cannot be fetched"
unpack
if [ -n "$(missing)" ]; then
    # One by one: what is virtual or optional is no package, and what is too much does no harm.
    for library in $(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances postfix | grep '^lib' | grep -v '^libc6' | sort -u); do
        fetch "$library" || true
    done
    unpack
    left=$(missing)
    [ -z "$left" ] || instead "libraries of Debian's Postfix cannot be fetched: $left"
fi
rmdir "$packages"
touch "$root/complete"
