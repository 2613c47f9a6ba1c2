# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed in mid-sentence with unmodified Baileys at the other end: every text arrives, readable, once."""
import os
import sys
import urllib.error

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch):
    # drops repeats as the real server does
    sandbox = scratch.sandbox('--dedup')
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox)
    peer = scratch.peer(sandbox, 'bert')
    peer.pair(theirs)
    channel = daemon.pair(ours)
    daemon.send(channel, theirs['pn'], 'hello')
    peer.text('hello')
    peer.send(ours['pn'] + '@s.whatsapp.net', 'hello too')
    daemon.text('hello too')
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, peer, channel


def finish(sandbox, ours, theirs, daemon, peer, channel, text):
    daemon.wait_status(channel, 'connected')
    daemon.send(channel, theirs['pn'], 'after')
    peer.text('after')
    sandbox.wait_idle(theirs)
    sandbox.wait_idle(ours)
    again = [e for e in peer.pending if e['event'] == 'message' and e['text'] == text
             and not e['fromMe']]
    w.equal(again, [], 'repeats at the peer')
    peer.check_clean()
    sandbox.check_clean()


def at_send(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
        daemon.stop()
        daemon.start('%s=kill' % point)
        daemon.wait_status(channel, 'connected')
        try:
            daemon.send(channel, theirs['pn'], 'over the edge')
        except (urllib.error.URLError, OSError, w.http_client.HTTPException):
            pass  # killed before it could answer; the text was committed, all the same
        daemon.wait_death()
        daemon.start()
        peer.text('over the edge')
        finish(sandbox, ours, theirs, daemon, peer, channel, 'over the edge')
    test.__name__ = 'kill at ' + point
    return test


def at_receive(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
        daemon.stop()
        daemon.start('%s=kill' % point)
        daemon.wait_status(channel, 'connected')
        peer.send(ours['pn'] + '@s.whatsapp.net', 'over the edge')
        daemon.wait_death()
        daemon.start()
        daemon.text('over the edge')
        finish(sandbox, ours, theirs, daemon, peer, channel, 'over the edge')
        stored = [m['body'] for m in daemon.messages(channel)]
        w.equal(stored.count('over the edge'), 1, 'stored')
    test.__name__ = 'kill at ' + point
    return test


w.require_node_modules()
w.run([at_send(p) for p in ('send.before-seal-commit', 'send.after-seal-commit',
                            'send.before-write', 'send.after-write', 'send.before-ack-commit')]
      + [at_receive(p) for p in ('receive.before-commit', 'receive.after-commit')])
