#!/usr/bin/env bash
# Installs the programs that the tests talk to, where they are missing: real clients, Postfix at both ends, and
# PostgreSQL.
#
# Only through apt, only as root or with a sudo that asks nothing, and only what is missing; where all is there, the
# network is not touched. Nothing is configured or started. Where a program cannot be had, the tests that need it say
# that they did not run (or fail, where PORTCULLIS_REQUIRE_PEERS is set).
set -eu

missing=()
need() { # need PACKAGE COMMAND...: the package is needed unless one of the commands is there
    local package=$1 command
    shift
    for command in "$@"; do
        [ -n "$(PATH=$PATH:/usr/sbin:/sbin command -v "$command")" ] && return
    done
    missing+=("$package")
}
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

need swaks swaks
need msmtp msmtp
need gsasl gsasl
need slapd slapd
need curl curl
need python3 python3
need openssl openssl
need strace strace
need valgrind valgrind
need sasl2-bin saslpasswd2
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need postgresql postgres
command -v dpkg-query >/dev/null || { echo "install-test-deps: no Debian; install by hand: ${missing[*]:-nothing}"; exit 0; }
installed ca-certificates || missing+=(ca-certificates)
installed libsasl2-modules || missing+=(libsasl2-modules)
installed libnet-ssleay-perl || missing+=(libnet-ssleay-perl) # swaks speaks TLS through it
if [ ! -x /usr/sbin/postfix ]; then
    # Two mail servers exclude each other; the one that this machine relies on is not thrown out for a test.
    if [ -e /usr/sbin/sendmail ] && ! installed msmtp-mta; then
        echo "install-test-deps: this machine has another mail server; tests with Postfix will not run" >&2
    else
        missing+=(postfix)
    fi
fi
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "install-test-deps: missing, and neither root nor sudo to install them: ${missing[*]}" >&2
    exit 0
fi

echo "install-test-deps: installing ${missing[*]}"
# Packages start their services when they are installed, unless this script says 101.
guard=/usr/sbin/policy-rc.d
if [ ! -e $guard ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $guard >/dev/null
    "${as_root[@]}" chmod 755 $guard
    trap '"${as_root[@]}" rm -f $guard' EXIT
fi
# The tests make databases of their own; the package's is not made.
if [ ! -e /etc/postgresql-common ]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
# A Postfix without a configuration has nothing it could start.
if command -v debconf-set-selections >/dev/null; then
    echo 'postfix postfix/main_mailer_type select No configuration' | "${as_root[@]}" debconf-set-selections
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@"; }
install() { apt install --no-install-recommends "${missing[@]}"; }

ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt update
install || { apt update && install; } || {
    echo "install-test-deps: could not install ${missing[*]}; tests that need them will say so" >&2
    exit 0
}
