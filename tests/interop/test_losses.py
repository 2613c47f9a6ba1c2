# SPDX-License-Identifier: GPL-3.0-or-later
"""How Baileys loses sessions by itself, and that the clients of tests/soak/kill are kept from it. Once the first
two fail because nothing is lost, that is not needed any more."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def tell(what, *args):
    done = subprocess.run([w.NODE, os.path.join(w.INTEROP, 'losses.mjs'), *args], check=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=w.DEADLINE)
    return json.loads(done.stdout)[what]


def reading_while_sending(scratch):
    """What it read while a text of its own was leaving, it forgets: it reads that once more."""
    w.equal(tell('readWhileSending'), {'text': 'crossing', 'readBeforeItLeft': True, 'readsAgain': True,
                                       'arrives': 'on its way'}, 'as it is')


def both_begin(scratch):
    """Reading in one session spoils the other, in which it goes on to write."""
    w.equal(tell('bothBegin'), ['first', 'also first', 'second', None], 'as it is')


def mended(scratch):
    w.equal(tell('readWhileSending', 'mended'), {'text': 'crossing', 'readBeforeItLeft': False,
                                                 'readsAgain': False, 'arrives': 'on its way'}, 'one lock')
    w.equal(tell('bothBegin', 'mended'), ['first', 'also first', 'second', 'answer'], 'tried first')


w.require_node_modules()
w.run([reading_while_sending, both_begin, mended])
