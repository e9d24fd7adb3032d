#!/bin/sh
# Install what the slow tests need from Debian and is not there: chromium, for the pages in a real browser.
set -eu

if command -v chromium >/dev/null; then
    exit 0
fi

give_up() {
    echo "scripts/debian.sh: $1; install the program 'chromium' yourself and run this again" >&2
    exit 1
}

command -v apt-get >/dev/null || give_up "there is no apt-get here"
root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || give_up "apt-get needs root, or sudo without a password"
    root="sudo -n"
fi

echo "installing chromium (once)"
log=$(mktemp)
if ! { $root apt-get update && $root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    give_up "apt-get could not install chromium"
fi
rm -f "$log"
