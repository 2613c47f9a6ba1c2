#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""House rules as code: SPDX lines, banned calls, SQL and SQLite only in the store, sizes, marks of
unfinished work."""
import os
import re
import sys

# name -> (pattern, folders of daemon/ where it may stand, what to use instead)
BANNED = {
    'memcpy': (r'\b(memcpy|memmove|bcopy)\s*\(', ('base', 'crypto'), 'WhimReader, WhimWriter, whim_copy()'),
    'g_error': (r'\bg_error\s*\(', (), 'an error: a daemon does not abort on data'),
    'sleep': (r'\b(sleep|usleep|nanosleep|g_usleep)\s*\(', (), 'WhimClock'),
    'sqlite': (r'#include <sqlite3\.h>|\bsqlite3_\w+\s*\(', ('store',), 'the store'),
    'unpack': (r'\bprotobuf_c_message_unpack\s*\(', ('proto',), 'whim_proto_unpack()'),
    'strings': (r'\b(strcpy|strcat|sprintf|gets|strtok)\s*\(', (), 'GString, g_strdup_printf()'),
    'object data': (r'\bg_object_set_data(_full)?\s*\(', (), 'an Op struct'),
}
MARKS = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b|not (yet )?implemented')
FUNCTION = re.compile(r'^[a-z_][A-Za-z0-9_]* \(')
MAX_FILE, MAX_FUNCTION = 1000, 80


def findings(path, layer, text):
    lines = text.split('\n')
    found = []
    if 'SPDX-License-Identifier' not in lines[0]:
        found.append('%s:1: no SPDX line' % path)
    if len(lines) > MAX_FILE + 1:
        found.append('%s: %d lines' % (path, len(lines)))
    start = None
    for number, line in enumerate(lines, 1):
        for name, (pattern, allowed, instead) in BANNED.items():
            if layer is not None and layer not in allowed and re.search(pattern, line):
                found.append('%s:%d: %s: use %s' % (path, number, name, instead))
        if MARKS.search(line):
            found.append('%s:%d: unfinished work' % (path, number))
        if FUNCTION.match(line):
            start = number
        elif line == '}' and start is not None:
            if number - start > MAX_FUNCTION:
                found.append('%s:%d: a function of %d lines' % (path, start, number - start))
            start = None
    return found


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sample = '/* SPDX-License-Identifier: x */\n  memcpy (a, b, 1); /* %s */\n' % ('FIX' + 'ME')
    if len(findings('sample.c', 'wire', sample)) != 2:
        sys.exit('the check does not see what it must')
    wrong = []
    for top in ('daemon', 'dbus', 'tests'):
        for folder, dirs, names in os.walk(os.path.join(root, top)):
            dirs[:] = [d for d in dirs if d not in ('node_modules', '__pycache__')]
            for name in names:
                if not name.endswith(('.c', '.h')):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                parts = path.split(os.sep)
                layer = parts[1] if parts[0] == 'daemon' else None
                with open(os.path.join(root, path), encoding='utf-8') as source:
                    wrong += findings(path, layer, source.read())
    print('\n'.join(wrong))
    sys.exit(1 if wrong else 0)


main()
