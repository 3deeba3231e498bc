#!/usr/bin/env bash
# Fetches what the bench compares with: Debian's Postfix, with its smtp-source and smtp-sink, unpacked into a folder
# together with libraries that this machine lacks. Nothing is configured into the system or started.
#
#     tools/install-bench-deps.sh FOLDER
#
# FOLDER/complete tells that all is there; then nothing is fetched. Where nothing can be fetched, an installed Postfix
# serves. strace (it counts syncs) and iproute2 (for a network of the bench's own) are installed where they are missing
# and this is root; the bench can do without either, and says what it then leaves out.
set -eu

root=$1
have() { [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "$1")" ]; }

helpers=()
have strace || helpers+=(strace)
have ip || helpers+=(iproute2)
if [ ${#helpers[@]} -gt 0 ]; then
    install() { DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${helpers[@]}" >/dev/null 2>&1; }
    install || { apt-get -q update >/dev/null 2>&1 && install; } ||
        echo "install-bench-deps: could not install ${helpers[*]}" >&2
fi

[ -e "$root/complete" ] && exit 0
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
unpack() { find "$packages" -name '*.deb' -exec dpkg -x {} "$root" \; -delete; }
# Those that the unpacked programs ask for and neither the system nor FOLDER has.
missing() {
    local folders
    folders=$(find "$root" -name '*.so*' -printf '%h:' | tr ':' '\n' | sort -u | tr '\n' ':')
    find "$root/usr/sbin" "$root/usr/lib" -type f -perm -u+x -exec env LD_LIBRARY_PATH="$folders" ldd {} \; 2>/dev/null |
        sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u
}

fetch postfix || { apt-get -q update >/dev/null 2>&1 && fetch postfix; } || instead "Debian's Postfix cannot be fetched"
unpack
# What it needs, what that needs, and so on, as far as something is missing. One by one: some are virtual or optional.
packages_needed=postfix
for _ in 1 2 3 4 5; do
    [ -n "$(missing)" ] || break
    # shellcheck disable=SC2086 # a list of names
    packages_needed=$(apt-cache depends --important $packages_needed |
        sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' | grep -v '^libc6' | sort -u)
    for library in $packages_needed; do fetch "$library" || true; done
    unpack
done
left=$(missing)
[ -z "$left" ] || instead "libraries of Debian's Postfix cannot be fetched: $left"
rmdir "$packages"
touch "$root/complete"
