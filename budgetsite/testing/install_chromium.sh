#!/bin/sh
# Make sure that there is a Chromium for the tests in the browser: look for one, install it when root, or say how.
set -eu

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the tests in the browser …"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends chromium </dev/null >/dev/null
    exit 0
fi

cat >&2 <<'MESSAGE'
The tests in the browser need Chromium, and there is none. Install it and try again:
  Debian, Ubuntu   sudo apt-get install chromium
  Fedora           sudo dnf install chromium
  macOS            brew install --cask chromium
Where it lies elsewhere, name it: CHROMIUM=/path/to/chromium make test
MESSAGE
exit 1
