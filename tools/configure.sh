#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# configure.sh DIRECTORY [MESON OPTIONS]: configures a build folder once, with ccache if it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$1
shift
[ -f "$directory/build.ninja" ] && exit 0
if command -v ccache >/dev/null; then
  export CC="ccache ${CC:-gcc}"
fi
meson setup "$directory" "$@" >"/tmp/whimbrel-configure.$$" 2>&1 || {
  cat "/tmp/whimbrel-configure.$$" >&2
  rm -f "/tmp/whimbrel-configure.$$"
  exit 1
}
rm -f "/tmp/whimbrel-configure.$$"
