#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run-tests.py BUILD [MESON TEST ARGUMENTS]: builds, runs every test, shows what failed, and ends with
the line "N passed, N failed"."""
import json
import os
import subprocess
import sys


def main():
    build, extra = sys.argv[1], sys.argv[2:]
    if subprocess.call(['ninja', '-C', build]) != 0:
        print('0 passed, 1 failed')
        return 1
    code = subprocess.call(['meson', 'test', '-C', build, '--no-rebuild', '--print-errorlogs',
                            '--num-processes', str(os.cpu_count() or 1), *extra])
    passed = failed = skipped = 0
    with open(os.path.join(build, 'meson-logs', 'testlog.json'), encoding='utf-8') as lines:
        for line in lines:
            row = json.loads(line)
            if row['result'] == 'SKIP':
                skipped += 1
            elif row['result'] in ('OK', 'EXPECTEDFAIL'):
                passed += 1
            else:
                failed += 1
                print('failed: %s (%s)' % (row['name'], row['result']))
    if passed + failed == 0:
        failed = 1
    if skipped:
        print('%d skipped' % skipped)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or code != 0 else 0


sys.exit(main())
