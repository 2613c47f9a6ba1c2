#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs, on Debian 12, what building needs and what is not there yet; with --tests also what only the tests
# need, a browser among it.
set -euo pipefail

packages=(
  build-essential ccache clang clang-format libclang-rt-14-dev meson ninja-build pkg-config gettext git
  libglib2.0-dev libglib2.0-dev-bin libsoup-3.0-dev libjson-glib-dev libsignal-protocol-c-dev
  libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libsqlite3-dev sqlite3 libqrencode-dev
  libssl-dev libsodium-dev libpng-dev glib-networking zlib1g-dev
  dbus python3 python3-gi gir1.2-soup-3.0 openssl zbar-tools
)
if [ "${1:-}" = --tests ]; then
  packages+=(chromium chromium-driver python3-selenium fonts-dejavu-core systemd zsh)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' \
    || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
