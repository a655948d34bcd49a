#!/usr/bin/env bash
# Chromium for the tests of the book, where it is missing: Debian's package.
set -euo pipefail
for name in chromium chromium-browser; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
command -v apt-get >/dev/null || {
    echo "install_chromium.sh: Found no chromium and no apt-get; install Chromium by hand." >&2
    exit 2
}
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
echo "Installing chromium"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium >/dev/null
