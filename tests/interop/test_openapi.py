# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract is clean under a linter that we did not write."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

# Two addresses cannot fail but by the daemon's own fault, so they document no error of the caller.
FAULTLESS = ['#/paths/~1health/get/responses', '#/paths/~1docs/get/responses']


def lint(document):
    done = subprocess.run([w.NODE, os.path.join(w.INTEROP, 'lint-openapi.mjs')],
                          input=json.dumps(document).encode(), stdout=subprocess.PIPE, check=True,
                          timeout=w.DEADLINE)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    w.equal(lines[-1], {'done': True}, 'the linter came to its end')
    return [p for p in lines[:-1] if not (p['rule'] == 'operation-4xx-response'
                                          and p['where'] in FAULTLESS)]


def clean(scratch):
    daemon = scratch.daemon(scratch.sandbox())
    document = daemon.ok('GET', '/openapi.json')
    w.equal(lint(document), [], 'problems')
    # a proof of the proof
    del document['paths']['/channels/{channelId}']['get']['responses']
    document['paths']['/chats']['get']['operationId'] = 'channelsList'
    document['components']['schemas']['Chat']['type'] = 'thing'
    rules = {p['rule'] for p in lint(document)}
    w.check({'operation-operationId-unique', 'struct'} <= rules, 'the linter sees what is wrong: %r' % rules)


w.require_node_modules()
w.run([clean])
