# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be read: asked for again, counted over restarts, told in the end, replaced later."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch, failpoints=None):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(ours)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='hello')
    daemon.text('hello')
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, channel


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    return counters['counts']


def of_id(daemon, message_id, *types):
    return [e for e in daemon.events() if e['data'].get('id') == message_id and e['event'] in types]


def once(scratch):
    """The first request has no keys, the second has; the answer is delivered once and not told."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/corrupt', phone=ours['pn'], count=2)
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='twice')['id']
    daemon.text('twice')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal((counts.get('retry-receipts:1'), counts.get('retry-receipts:2')), (1, 1), 'counts')
    w.equal(counts['retry-receipts'], 2, 'retry receipts')
    w.equal(counts['retry-keys'], 1, 'with keys')
    w.equal(len(of_id(daemon, message_id, 'message.received', 'message.undecryptable')), 1, 'told')
    w.equal([m['type'] for m in daemon.messages(channel)], ['text', 'text'], 'stored')


def given_up(scratch):
    """After four requests it is told; a good copy that comes later takes its place and is told too."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/corrupt', phone=ours['pn'], count=5)
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='at last')['id']
    event = daemon.wait_event(lambda e: e['event'] == 'message.undecryptable', 'undecryptable')
    w.equal((event['data']['id'], event['data']['type'], event['data']['from']),
            (message_id, 'undecryptable', theirs['pn']), 'the event')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal([counts.get('retry-receipts:%d' % n) for n in (1, 2, 3, 4, 5)], [1, 1, 1, 1, None],
            'counts')
    w.equal(counts['retry-keys'], 3, 'with keys')
    w.equal(sorted(m['type'] for m in daemon.messages(channel)), ['text', 'undecryptable'],
            'stored')
    # nothing is asked any more, also after a restart, also when it comes broken once more
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    sandbox.post('/corrupt', phone=ours['pn'], count=1)
    sandbox.post('/resend', phone=theirs['pn'], id=message_id)
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox)['retry-receipts'], 4, 'retry receipts')
    # and what can be read is the message
    sandbox.post('/resend', phone=theirs['pn'], id=message_id)
    daemon.text('at last')
    sandbox.wait_idle(ours)
    w.equal(sorted(m['body'] for m in daemon.messages(channel)), ['at last', 'hello'], 'stored')
    w.equal([e['event'] for e in of_id(daemon, message_id, 'message.received',
                                       'message.undecryptable')],
            ['message.undecryptable', 'message.received'], 'told')
    chats = daemon.ok('GET', '/chats?channelId=' + channel)['data']
    w.equal(chats[0]['unread'], 2, 'unread')


def killed(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        daemon.stop()
        daemon.start('%s=kill' % point)
        daemon.wait_status(channel, 'connected')
        sandbox.post('/corrupt', phone=ours['pn'], count=1)
        message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='over')['id']
        daemon.wait_death()
        daemon.start()
        daemon.text('over')
        sandbox.wait_idle(ours)
        counts = clean(sandbox)
        # the first attempt counts if it was committed: the next one brings keys then
        w.check(counts['retry-receipts'] <= 2, 'retry receipts: %r' % counts)
        w.check(point != 'retry.after-commit' or counts.get('retry-receipts:1', 0) == 0,
                'counted before it left: %r' % counts)
        w.equal(len(of_id(daemon, message_id, 'message.received')), 1, 'told')
        stored = [m['body'] for m in daemon.messages(channel)]
        w.equal(sorted(stored), ['hello', 'over'], 'stored')
        sequences = [e['sequence'] for e in daemon.events()]
        w.equal(sequences, list(range(1, len(sequences) + 1)), 'the journal without gap or repeat')
    test.__name__ = 'kill at ' + point
    return test


def silent_sender(scratch):
    """Nobody answers: the journal tells of it when hope is over, once."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.stop()
    daemon.control = True
    daemon.start()
    daemon.wait_status(channel, 'connected')
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'message', 'attrs': {'id': 'LOST', 'from': {'jid': theirs['lid'] + '@lid'},
                                    'type': 'text', 't': '1700000000'},
        'children': [{'tag': 'enc', 'attrs': {'v': '2', 'type': 'msg'}, 'hex': '33' + '00' * 80}]})
    sandbox.get('/await-count?name=retry-receipts&count=1')
    sandbox.wait_idle(ours)
    w.equal(of_id(daemon, 'LOST', 'message.undecryptable'), [], 'told too early')
    daemon.command(advance=121000)
    event = daemon.wait_event(lambda e: e['event'] == 'message.undecryptable', 'undecryptable')
    w.equal(event['data']['id'], 'LOST', 'id')
    sandbox.wait_idle(ours)
    w.equal(len(of_id(daemon, 'LOST', 'message.undecryptable')), 1, 'told')


w.run([once, given_up, silent_sender]
      + [killed(p) for p in ('retry.before-commit', 'retry.after-commit', 'retry.after-receipt')])
