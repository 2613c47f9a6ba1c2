#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The whole tree is as clang-format 14 prints it.
set -u
cd "$(dirname "$0")/../.."
printf 'int   main(void){return 0;}\n' | clang-format --dry-run -Werror >/dev/null 2>&1 && {
  echo "clang-format does not complain about anything"
  exit 1
}
find daemon dbus tests -name node_modules -prune -o \( -name '*.c' -o -name '*.h' \) -print0 \
  | xargs -0 clang-format --dry-run -Werror 2>&1 | head -n 40
exit "${PIPESTATUS[1]}"
