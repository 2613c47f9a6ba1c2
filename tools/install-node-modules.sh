#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what the interop tests take from npm, as the lock file pins it. Never run by a test.
set -euo pipefail
cd "$(dirname "$0")/../tests/interop"
if [ -f node_modules/.whimbrel-lock ] && cmp -s package-lock.json node_modules/.whimbrel-lock; then
  exit 0
fi
npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund
cp package-lock.json node_modules/.whimbrel-lock
