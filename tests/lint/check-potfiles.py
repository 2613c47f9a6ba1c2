#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""po/POTFILES names exactly the files that have something to translate."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
MARK = re.compile(r'\b(?:N?_|C_|ngettext)\s*\(\s*"')


def main():
    with open(os.path.join(ROOT, 'po', 'POTFILES'), encoding='utf-8') as lines:
        listed = [line.strip() for line in lines if line.strip() and not line.startswith('#')]
    found = []
    for top in ('daemon', 'gui'):
        for directory, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                path = os.path.join(directory, name)
                if name.endswith('.c'):
                    with open(path, encoding='utf-8') as source:
                        if MARK.search(source.read()):
                            found.append(os.path.relpath(path, ROOT))
                elif name.endswith('.ui'):
                    found.append(os.path.relpath(path, ROOT))
    bad = 0
    for path in sorted(set(found) - set(listed)):
        print('%s has texts to translate, but is not in po/POTFILES' % path)
        bad = 1
    for path in sorted(p for p in set(listed) - set(found) if p.startswith(('daemon/', 'gui/'))):
        print('%s is in po/POTFILES, but has no texts to translate' % path)
        bad = 1
    if listed != sorted(listed):
        print('po/POTFILES is not sorted')
        bad = 1
    return bad


sys.exit(main())
