#!/bin/sh
# Install what the slow tests need from Debian and is not there: chromium, for the pages in a real browser, and PostgreSQL,
# of which the tests start a server of their own.
set -eu

missing=""
command -v chromium >/dev/null || missing="$missing chromium"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
if [ -z "$missing" ]; then
    exit 0
fi

give_up() {
    echo "scripts/debian.sh: $1; install$missing yourself and run this again" >&2
    exit 1
}

command -v apt-get >/dev/null || give_up "there is no apt-get here"
root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || give_up "apt-get needs root, or sudo without a password"
    root="sudo -n"
fi

echo "installing$missing (once)"
log=$(mktemp)
if ! { $root apt-get update && $root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    give_up "apt-get could not install$missing"
fi
rm -f "$log"
