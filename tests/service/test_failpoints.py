# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at named places of both pipelines and around each commit, then started again: nothing that was
acknowledged is missing, nothing reaches the other side twice."""
import os
import sys
import time
import urllib.error

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

SEND = ['send.before-accept-commit', 'send.before-seal-commit', 'send.after-seal-commit',
        'send.before-write', 'send.after-write', 'send.before-ack-commit']
RECEIVE = ['receive.before-commit', 'receive.after-commit']
STORE = ['store.before-commit', 'store.after-commit']
PAIR = ['pair.before-save', 'pair.after-save', 'pair.after-answer']
CODE = ['code.before-save', 'code.after-save', 'code.after-finish'] + PAIR
LINE = 12
IN_LINE = [('send.before-seal-commit', 'kill:5'), ('send.after-seal-commit', 'kill:5'),
           ('send.before-write', 'kill:5'), ('send.after-write', 'kill:5'),
           ('store.commit-error', 'error:5'), ('store.after-commit', 'kill:5')]
# passages of the store's failpoints while a channel is made and linked
PAIRING_PASSAGES = range(1, 8)
# passages of the store's failpoints: from the login to the end of the conversation
PASSAGES = range(1, 15)


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(ours)
    daemon.send(channel, theirs['pn'], 'hello')
    sandbox.inbox(theirs, 1)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='hello too')
    daemon.text('hello too')
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, channel


def try_send(daemon, channel, to, text):
    """The id if it was accepted, None if the daemon died over it."""
    try:
        return daemon.send(channel, to, text)
    except (urllib.error.URLError, OSError, w.http_client.HTTPException):
        return None


def books_balance(sandbox, daemon, ours, theirs, channel, accepted, arriving):
    """Every accepted text at the phone exactly once, every text of the phone stored exactly once."""
    for text in arriving:
        daemon.text(text)
    for message_id in accepted:
        daemon.status_of(message_id, 'delivered')
    sandbox.wait_idle(ours)
    stored = [m['body'] for m in daemon.messages(channel)]
    for text in arriving:
        w.equal(stored.count(text), 1, 'stored %r' % text)
    at_phone = [m['id'] for m in sandbox.get('/inbox?phone=%s&count=0' % theirs['pn'])['messages']]
    for message_id in accepted:
        w.equal(at_phone.count(message_id), 1, 'at the phone')
    w.equal(len(at_phone), len(set(at_phone)), 'repeats at the phone')
    sequences = [e['sequence'] for e in daemon.events()]
    w.equal(sequences, list(range(1, len(sequences) + 1)), 'the journal without gap or repeat')
    sandbox.check_clean()


def at_send(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        daemon.stop()
        daemon.start('%s=kill' % point)
        daemon.wait_status(channel, 'connected')
        accepted = [try_send(daemon, channel, theirs['pn'], 'over the edge')]
        daemon.wait_death()
        daemon.start()
        daemon.wait_status(channel, 'connected')
        accepted.append(daemon.send(channel, theirs['pn'], 'after'))
        books_balance(sandbox, daemon, ours, theirs, channel, [a for a in accepted if a], [])
    test.__name__ = 'kill at ' + point
    return test


def in_line(point, spec):
    """Many of one chat on their way to disk together: whatever becomes of one, they arrive once and in order."""
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
        daemon.ok('POST', '/channels/%s/disconnect' % channel)
        accepted = [daemon.send(channel, theirs['pn'], 'in line %d' % i) for i in range(LINE)]
        daemon.stop()
        daemon.start('%s=%s' % (point, spec))
        try:
            daemon.ok('POST', '/channels/%s/connect' % channel)
        except (urllib.error.URLError, OSError, w.http_client.HTTPException):
            pass
        if spec.startswith('kill'):
            daemon.wait_death()
            daemon.start()
            daemon.ok('POST', '/channels/%s/connect' % channel)
        books_balance(sandbox, daemon, ours, theirs, channel, accepted, [])
        at_phone = [m['id'] for m in sandbox.get('/inbox?phone=%s&count=0' % theirs['pn'])['messages']]
        w.equal([i for i in at_phone if i in accepted], accepted, 'the order')
    test.__name__ = 'in line: %s, %s' % (point, spec)
    return test


def at_receive(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        daemon.stop()
        daemon.start('%s=kill' % point)
        daemon.wait_status(channel, 'connected')
        sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='over the edge')
        daemon.wait_death()
        daemon.start()
        daemon.wait_status(channel, 'connected')
        sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='after')
        books_balance(sandbox, daemon, ours, theirs, channel, [], ['over the edge', 'after'])
    test.__name__ = 'kill at ' + point
    return test


def around_commits(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        accepted = []
        arriving = []
        for passage in PASSAGES:
            if daemon.program.process.poll() is None:
                daemon.stop()
            try:
                daemon.start('%s=kill:%d' % (point, passage))
            except w.Failure:
                # the first passages may come before it could say that it is ready
                w.equal(daemon.program.process.wait(), -9, 'the end')
                continue
            arriving.append('in %d' % passage)
            sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text=arriving[-1])
            # every text makes several commits: sooner or later this one is the last
            for number in range(PASSAGES.stop):
                accepted.append(try_send(daemon, channel, theirs['pn'],
                                         'out %d.%d' % (passage, number)))
                if accepted[-1] is None:
                    break
            daemon.wait_death()
        w.check(arriving, 'no passage was reached')
        daemon.start()
        daemon.wait_status(channel, 'connected')
        books_balance(sandbox, daemon, ours, theirs, channel, [a for a in accepted if a], arriving)
    test.__name__ = 'kill around each commit: ' + point
    return test


def linked_or_not(sandbox, daemon, channel, ours, theirs):
    """After a death in the middle of pairing: either both sides say that it is linked, or the same
    channel can be linked; and no device is left over that nobody owns."""
    if 'phone' in daemon.ok('GET', '/channels/' + channel)['data']:
        daemon.ok('POST', '/channels/%s/connect' % channel)
        event = daemon.wait_event(lambda e: e['event'] == 'channel.status'
                                  and e['data']['reason'] in ('online', 'unlinked'), 'the end', 0)
    else:
        event = None
    linked = event is not None and event['data']['reason'] == 'online'
    if not linked:
        seen = daemon.events()
        after = seen[-1]['seq'] if seen else 0
        w.check('phone' not in daemon.ok('GET', '/channels/' + channel)['data'], 'half a pairing')
        qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
        sandbox.post('/scan', qr=qr, phone=ours['pn'])
        daemon.wait_event(lambda e: e['event'] == 'channel.status'
                          and e['data']['status'] == 'connected', 'the second try', after)
    sandbox.wait_idle(ours)
    w.equal(len([d for d in sandbox.get('/devices')['devices']
                 if d['phone'] == ours['pn'] and d['device'] != 0]), 1, 'devices at the phone')
    message = daemon.send(channel, theirs['pn'], 'linked')
    daemon.status_of(message, 'delivered')
    sandbox.check_clean()
    return linked


def at_pairing(point, by_code):
    def test(scratch):
        sandbox = scratch.sandbox()
        ours = sandbox.phone('Whim')
        theirs = sandbox.phone('Bert')
        daemon = scratch.daemon(sandbox, failpoints='%s=kill' % point)
        channel = daemon.ok('POST', '/channels', {'name': 'First'})['data']['id']
        if by_code:
            answer = daemon.ok('POST', '/channels/%s/connect-phone' % channel,
                               {'phoneNumber': ours['pn']})
            sandbox.post('/enter-code', phone=ours['pn'], code=answer['pairingCode'])
        else:
            qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
            sandbox.post('/scan', qr=qr, phone=ours['pn'])
        daemon.wait_death()
        daemon.start()
        linked_or_not(sandbox, daemon, channel, ours, theirs)
    test.__name__ = 'kill at %s%s' % (point, ' by code' if by_code else '')
    return test


def around_pairing_commits(point):
    def test(scratch):
        for passage in PAIRING_PASSAGES:
            sandbox = scratch.sandbox()
            ours = sandbox.phone('Whim')
            theirs = sandbox.phone('Bert')
            daemon = scratch.daemon(sandbox, 'daemon%d' % passage)
            channel = daemon.ok('POST', '/channels', {'name': 'First'})['data']['id']
            daemon.stop()
            try:
                daemon.start('%s=kill:%d' % (point, passage))
                qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
                sandbox.post('/scan', qr=qr, phone=ours['pn'])
            except (w.Failure, urllib.error.URLError, OSError, w.http_client.HTTPException):
                pass
            daemon.wait_death()
            daemon.start()
            linked_or_not(sandbox, daemon, channel, ours, theirs)
    test.__name__ = 'kill around each commit of pairing: ' + point
    return test


def refused_pairing_commit(scratch):
    """A disk that refuses while an account is being linked: the phone hears that it failed, and the
    next try is a whole one."""
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.ok('POST', '/channels', {'name': 'First'})['data']['id']
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
    sandbox.get('/await-count?name=iq-answers&count=1')
    daemon.wait_event(lambda e: e['event'] == 'channel.qr', 'the QR')
    daemon.command(arm='store.commit-error', **{'as': 'error'})
    sandbox.post('/scan', qr=qr, phone=ours['pn'])
    sandbox.get('/await-count?name=pairings-refused:500&count=1')
    w.check('phone' not in daemon.ok('GET', '/channels/' + channel)['data'], 'half a pairing')
    daemon.command(advance=2000)
    sandbox.get('/await-count?name=registrations&count=2')
    w.check(not linked_or_not(sandbox, daemon, channel, ours, theirs), 'it was linked')


def states_told(daemon, channel, after):
    return [(e['data']['status'], e['data']['reason']) for e in daemon.events(after)
            if e['event'] == 'channel.status' and e['channelId'] == channel]


def refused_status(scratch):
    """A disk that refuses what is told of the channel itself: the status is right at once, and the journal gets every
    change of it later, once and in order; also when the daemon ends before."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.stop()
    daemon.control = True
    daemon.start()
    daemon.wait_status(channel, 'connected')

    def refuse():
        """Nothing else happens while the channel begins to connect. Returns the end of the journal before it and a message
        that waits, when the refusal is known."""
        sandbox.wait_idle(ours)
        before = daemon.last_seq()
        daemon.ok('POST', '/channels/%s/disconnect' % channel)
        daemon.wait_event(lambda e: e['event'] == 'channel.status'
                          and e['data']['status'] == 'disconnected', 'rest', before)
        while not daemon.command(idle=True)['idle']:
            pass
        sandbox.post('/hold-handshakes', on=True)
        after = daemon.last_seq()
        daemon.command(arm='store.commit-error', **{'as': 'error'})
        daemon.ok('POST', '/channels/%s/connect' % channel)
        w.equal(daemon.ok('GET', '/channels/%s/status' % channel)['status'], 'connecting', 'status')
        while True:
            status, answer = daemon.request('POST', '/messages/text', {
                'channelId': channel, 'to': theirs['pn'], 'body': 'later'})
            if status == 200:
                return after, answer['messageId']
            w.equal((status, answer['error']['type']), (503, 'store_failed'), 'an honest answer')

    after, message = refuse()
    sandbox.post('/hold-handshakes', on=False)
    daemon.status_of(message, 'delivered')
    daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['data']['status'] == 'connected',
                      'told after all', after)
    told = states_told(daemon, channel, after)
    w.equal((told[0], told[-1]), (('connecting', 'requested'), ('connected', 'online')), 'in order')
    w.equal(len(told), len(set(told)), 'once: %r' % told)
    # the same, and the end comes before the disk is asked again
    after, message = refuse()
    program = daemon.program
    daemon.stop()
    w.equal(program.stderr().count('an event could not be stored'), 2, 'refusals')
    daemon.start()
    w.equal(states_told(daemon, channel, after)[0], ('connecting', 'requested'), 'before the end')
    sandbox.post('/hold-handshakes', on=False)
    daemon.status_of(message, 'delivered')
    sequences = [e['sequence'] for e in daemon.events()]
    w.equal(sequences, list(range(1, len(sequences) + 1)), 'the journal without gap')


def refused_commit(scratch):
    """A disk that refuses: nothing is accepted or acknowledged, and it heals by itself."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.stop()
    daemon.start('store.commit-error=error:4')
    # what the journal would tell of it may be among the refused
    until = time.monotonic() + w.DEADLINE
    while daemon.ok('GET', '/channels/%s/status' % channel)['status'] != 'connected':
        w.check(time.monotonic() < until, 'it does not connect')
    arriving = ['in %d' % i for i in range(4)]
    accepted = []
    for text in arriving:
        sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text=text)
        status, answer = daemon.request('POST', '/messages/text', {
            'channelId': channel, 'to': theirs['pn'], 'body': 'out ' + text})
        w.check(status in (200, 503), 'an honest answer: %r' % answer)
        if status == 200:
            accepted.append(answer['messageId'])
        else:
            w.equal(answer['error']['type'], 'store_failed', 'type')
    books_balance(sandbox, daemon, ours, theirs, channel, accepted, arriving)


w.run([at_send(p) for p in SEND] + [in_line(p, s) for p, s in IN_LINE] + [at_receive(p) for p in RECEIVE]
      + [around_commits(p) for p in STORE] + [refused_commit, refused_status]
      + [at_pairing(p, False) for p in PAIR] + [at_pairing(p, True) for p in CODE]
      + [around_pairing_commits(p) for p in STORE] + [refused_pairing_commit])
