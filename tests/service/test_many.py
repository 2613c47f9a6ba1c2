# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon that knows more channels than begin to connect in one turn."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

CHANNELS = 40


def start(scratch):
    """All of them are there when the daemon says that it is ready, none is told to rest, and all connect by themselves,
    but for the one that is not to."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    phones = [sandbox.phone('Owner %d' % number) for number in range(CHANNELS)]
    channels = [daemon.pair(phone, 'Channel %d' % number) for number, phone in enumerate(phones)]
    daemon.ok('PUT', '/channels/' + channels[-1], {'autoConnect': False})
    daemon.stop()
    daemon.start()
    listed = {c['id']: c for c in daemon.ok('GET', '/channels')['data']}
    health = w.http('GET', daemon.url + '/health')[1]
    w.equal(sorted(listed), sorted(channels), 'all of them')
    for number, channel in enumerate(channels[:-1]):
        w.check(listed[channel]['status'] in ('connecting', 'connected'), 'number %d: %r' % (number, listed[channel]))
        w.equal(listed[channel]['phone'], phones[number]['pn'], 'whose it is')
    w.equal(health['channels']['total'], CHANNELS, 'health')
    for channel in channels[:-1]:
        daemon.wait_status(channel, 'connected')
    status = daemon.ok('GET', '/channels/%s/status' % channels[-1])
    w.equal(status['status'], 'disconnected', 'autoConnect is off')
    w.equal(w.http('GET', daemon.url + '/health')[1]['channels'], {'total': CHANNELS, 'connected': CHANNELS - 1},
            'health in the end')
    for phone in phones[:-1]:
        sandbox.wait_idle(phone)
    sandbox.check_clean()


w.run([start])
