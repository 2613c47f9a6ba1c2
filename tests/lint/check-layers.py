#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every #include of a daemon folder must follow an arrow of layers.json; arrows are transitive."""
import json
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z]+)/[^"]+"')


def closure(table, layer, seen=None):
    seen = seen if seen is not None else set()
    for other in table[layer]:
        if other not in seen:
            seen.add(other)
            closure(table, other, seen)
    return seen | {layer, 'base'}


def check_line(table, layer, line):
    """None, or the layer that must not be included."""
    match = INCLUDE.match(line)
    if match and match.group(1) in table and match.group(1) not in closure(table, layer):
        return match.group(1)
    return None


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    with open(os.path.join(here, 'layers.json'), encoding='utf-8') as data:
        table = json.load(data)
    # the check can fail
    if check_line(table, 'wire', '#include "store/whim-store.h"') != 'store' \
            or check_line(table, 'rest', '#include "wire/whim-jid.h"') is not None:
        sys.exit('the check does not see a wrong arrow')
    for layer in table:
        if layer in closure({k: v for k, v in table.items()}, layer) - {layer} - {'base'}:
            sys.exit('layers.json has a circle through ' + layer)
    wrong = []
    for layer in sorted(os.listdir(os.path.join(root, 'daemon'))):
        folder = os.path.join(root, 'daemon', layer)
        if not os.path.isdir(folder):
            continue
        if layer not in table:
            wrong.append('daemon/%s is not in layers.json' % layer)
            continue
        if not os.path.exists(os.path.join(folder, 'README.md')) and layer != 'app':
            wrong.append('daemon/%s has no README.md' % layer)
        for name in sorted(os.listdir(folder)):
            if not name.endswith(('.c', '.h')):
                continue
            with open(os.path.join(folder, name), encoding='utf-8') as lines:
                for number, line in enumerate(lines, 1):
                    other = check_line(table, layer, line)
                    if other:
                        wrong.append('daemon/%s/%s:%d: %s may not use %s'
                                     % (layer, name, number, layer, other))
    print('\n'.join(wrong))
    sys.exit(1 if wrong else 0)


main()
