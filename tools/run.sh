#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# run.sh DIRECTORY [--sandbox] [--once]: builds, then starts the daemon in the terminal. With the
# sandbox it talks to a WhatsApp of our own on loopback, and nobody's phone is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$1
shift
sandbox=no
arguments=()
for argument in "$@"; do
  case $argument in
    --sandbox) sandbox=yes ;;
    *) arguments+=("$argument") ;;
  esac
done

tools/configure.sh "$directory"
ninja -C "$directory" --quiet >&2
if [ $sandbox = no ]; then
  exec "$directory/daemon/cli/whimbrel" run "${arguments[@]}"
fi

data="$PWD/$directory/sandbox-data"
rm -rf "$data" # another sandbox knows none of its accounts
coproc PROGRAM { exec "$directory/daemon/sandbox/whimbrel-sandbox"; }
pid=$PROGRAM_PID
trap 'kill "$pid" 2>/dev/null || true' EXIT
read -r ready <&"${PROGRAM[0]}"
field() {
  /usr/bin/python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"
}
control=$(field control)
WHIMBREL_WA_URL=$(field url)
WHIMBREL_WA_NOISE_ROOT=$(field noiseRoot)
export WHIMBREL_WA_URL WHIMBREL_WA_NOISE_ROOT
export WHIMBREL_DATA_DIR="$data"
echo "The sandbox's control is at $control"
"$directory/daemon/cli/whimbrel" run --sandbox "$control" "${arguments[@]}"
