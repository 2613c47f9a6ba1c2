#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the token tables and their hash from tokens.txt."""
import sys

SLOTS = 4096


def fnv(data):
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def main(source, target):
    single = {}
    double = {}
    with open(source, encoding='utf-8') as lines:
        for line in lines:
            parts = line.rstrip('\n').split(' ')
            if parts[0] == 'single':
                single[int(parts[1])] = parts[2]
            elif parts[0] == 'double':
                double[(int(parts[1]), int(parts[2]))] = parts[3]
            elif not line.startswith('#') and line.strip():
                sys.exit('a line that is no token: ' + line)
    if len(single) != 235 or len(double) != 1024:
        sys.exit('%d single and %d double tokens' % (len(single), len(double)))
    slots = [0] * SLOTS
    longest = 0
    for code, text in ([(i, t) for i, t in single.items()]
                       + [(256 * (d + 1) + i, t) for (d, i), t in double.items()]):
        data = text.encode()
        longest = max(longest, len(data))
        at = fnv(data) % SLOTS
        while slots[at]:
            at = (at + 1) % SLOTS
        slots[at] = code
    with open(target, 'w', encoding='utf-8') as out:
        out.write('#include "wire/whim-tokens-private.h"\n\n')
        out.write('const WhimToken whim_tokens_single[256] = {\n')
        for i in sorted(single):
            out.write('  [%d] = { "%s", %d },\n' % (i, single[i], len(single[i].encode())))
        out.write('};\n\nconst WhimToken whim_tokens_double[4][256] = {\n')
        for (d, i) in sorted(double):
            out.write('  [%d][%d] = { "%s", %d },\n' % (d, i, double[(d, i)], len(double[(d, i)])))
        out.write('};\n\nconst guint16 whim_token_slots[WHIM_TOKEN_SLOTS] = {\n  ')
        out.write(', '.join(str(s) for s in slots))
        out.write('\n};\n\nconst gsize whim_token_longest = %d;\n' % longest)


main(sys.argv[1], sys.argv[2])
