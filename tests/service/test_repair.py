# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be read: asked for again, counted over restarts, told in the end, replaced later."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch, *args):
    sandbox = scratch.sandbox(*args)
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
    sandbox.post('/memory', phone=ours['pn'], on=False)
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


def same_key(scratch):
    """Two texts under one key: the second is no repeat of the first. It is asked for, once; what is a
    repeat is not."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/same-key', phone=ours['pn'])
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='one')
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='two')['id']
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='three')
    for text in ('one', 'three', 'two'):
        daemon.text(text)
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal((counts['retry-receipts'], counts['phone-retries-answered']), (1, 1), 'asked')
    w.equal(len(of_id(daemon, message_id, 'message.received', 'message.undecryptable')), 1, 'told')
    # an edit leaves no row of its own: twice, it is a repeat all the same
    sandbox.post('/repeat', phone=ours['pn'], count=2)
    sandbox.post('/act', phone=theirs['pn'], to=ours['pn'], kind='edit', id=message_id, text='too')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='four')
    daemon.text('four')
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox)['retry-receipts'], 1, 'repeats are not asked for')
    w.equal(sorted(m['body'] for m in daemon.messages(channel)),
            ['four', 'hello', 'one', 'three', 'too'], 'stored')


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


def request(sandbox, ours, sender, message_id, count, registration=None, **attrs):
    """A retry receipt as it reaches us, without keys."""
    children = [{'tag': 'retry', 'attrs': {'v': '1', 'count': str(count), 'id': message_id,
                                           't': '1700000000'}}]
    if registration is not None:
        children.append({'tag': 'registration', 'hex': '%08x' % registration})
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'receipt', 'attrs': {'id': message_id, 'from': {'jid': sender}, 'type': 'retry',
                                    't': '1700000000', **attrs}, 'children': children})


def refused_requests(scratch):
    """Only devices that the message was for get it again; the others are acknowledged, no more."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    stranger = sandbox.phone('Carl')
    message_id = daemon.send(channel, theirs['pn'], 'for Bert alone')
    daemon.status_of(message_id, 'delivered')
    bert = theirs['lid'] + '@lid'
    before = sandbox.counts()['messages']
    request(sandbox, ours, stranger['lid'] + '@lid', message_id, 1)
    request(sandbox, ours, stranger['lid'] + '@lid', message_id, 1, recipient={'jid': bert})
    request(sandbox, ours, theirs['lid'] + ':77@lid', message_id, 1)
    request(sandbox, ours, bert, message_id, 5)
    request(sandbox, ours, bert, message_id, 0)
    request(sandbox, ours, bert, '3EB0FFFFFFFFFFFFFFFFFF', 1)
    request(sandbox, ours, ours['lid'] + '@lid', message_id, 1)
    request(sandbox, ours, ours['lid'] + ':78@lid', message_id, 1, recipient={'jid': bert})
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox)['messages'], before, 'messages sent')


def limited_answers(scratch):
    """A device that asks again and again gets a message ten times, and no more."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    message_id = daemon.send(channel, theirs['pn'], 'again and again')
    daemon.status_of(message_id, 'delivered')
    for _ in range(14):
        request(sandbox, ours, theirs['lid'] + '@lid', message_id, 1)
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get('retry-answers'), 10, 'answers')
    # over a restart, too
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    request(sandbox, ours, theirs['lid'] + '@lid', message_id, 1)
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get('retry-answers'), 10, 'answers after a restart')


def renewed_sessions(scratch):
    """When keys are fetched for an answer: the second time, while one session stays in use, and for
    another registration; and not more than once in an hour otherwise."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    bert = theirs['lid'] + '@lid'
    fetches = 'iq:encrypt:get:key'

    def ask(text, *steps):
        message_id = daemon.send(channel, theirs['pn'], text)
        daemon.status_of(message_id, 'delivered')
        for count, registration, wanted in steps:
            before = sandbox.counts().get(fetches, 0)
            answers = sandbox.counts().get('retry-answers', 0)
            request(sandbox, ours, bert, message_id, count, registration)
            sandbox.get('/await-count?name=retry-answers&count=%d' % (answers + 1))
            sandbox.wait_idle(ours)
            w.equal(sandbox.counts().get(fetches, 0) - before, wanted,
                    'fetches for %r at %d' % (text, count))

    ask('one', (1, None, 0), (2, None, 1), (3, None, 1), (4, None, 0))
    ask('two', (1, None, 0), (2, None, 0))
    ask('three', (1, 999999, 1))
    clean(sandbox)


def killed_answer(point):
    def test(scratch):
        # drops repeats, as the real server does
        sandbox, ours, theirs, daemon, channel = setup(scratch, '--dedup')
        daemon.stop()
        daemon.start('%s=kill' % point)
        daemon.wait_status(channel, 'connected')
        sandbox.post('/corrupt', phone=theirs['pn'], device=0)
        message_id = daemon.send(channel, theirs['pn'], 'read me')
        daemon.wait_death()
        daemon.start()
        daemon.status_of(message_id, 'delivered')
        sandbox.wait_idle(ours)
        # whether the answer left is not known: it may come twice, under one id, as clients expect
        inbox = [(m['id'], m['text']) for m in sandbox.inbox(theirs, 1)]
        w.equal(set(inbox), {(message_id, 'read me')}, 'inbox')
        w.check(len(inbox) <= (2 if point == 'answer.after-write' else 1), 'inbox: %r' % inbox)
        clean(sandbox)
    test.__name__ = 'kill at ' + point
    return test


def identity_events(daemon):
    return [e for e in daemon.events() if e['event'] == 'contact.updated'
            and e['data'].get('change') == 'security_code']


def other_phone(scratch):
    """Bert has another phone, and the server says so: sessions are made anew, it is told once."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.send(channel, theirs['pn'], 'to the old one')
    sandbox.inbox(theirs, 1)
    sandbox.post('/reinstall', phone=theirs['pn'])
    event = daemon.wait_event(lambda e: e['event'] == 'contact.updated', 'the other identity')
    w.equal((event['data']['id'], event['data']['lid'], event['data']['change']),
            (theirs['pn'] + '@s.whatsapp.net', theirs['lid'] + '@lid', 'security_code'), 'event')
    sandbox.wait_idle(ours)
    message = daemon.send(channel, theirs['pn'], 'to the new one')
    daemon.status_of(message, 'delivered')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='from the new one')
    daemon.text('from the new one')
    sandbox.wait_idle(ours)
    w.equal(len(identity_events(daemon)), 1, 'told')
    w.equal(clean(sandbox).get('retry-receipts', 0), 0, 'retry receipts')
    w.equal(sandbox.counts().get('phone-retries', 0), 0, 'retry receipts of the phone')


def other_phone_unannounced(scratch):
    """The first we see of it is a message; the notification that follows destroys nothing."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/reinstall', phone=theirs['pn'], quiet=True)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='guess who')
    daemon.text('guess who')
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'notification', 'attrs': {'id': 'i1', 'from': {'jid': theirs['lid'] + '@lid'},
                                         'type': 'encrypt', 't': '1700000000'},
        'children': [{'tag': 'identity'}]})
    sandbox.wait_idle(ours)
    message = daemon.send(channel, theirs['pn'], 'I know')
    daemon.status_of(message, 'delivered')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='good')
    daemon.text('good')
    sandbox.wait_idle(ours)
    w.equal(len(identity_events(daemon)), 1, 'told')
    counts = clean(sandbox)
    w.equal(counts.get('retry-receipts', 0), 0, 'retry receipts')
    w.equal(counts.get('phone-retries', 0), 0, 'retry receipts of the phone')


def other_phone_silent(scratch):
    """Nobody told us, and we write first: the other side asks, and gets it under its new keys."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.send(channel, theirs['pn'], 'to the old one')
    sandbox.inbox(theirs, 1)
    sandbox.wait_idle(ours)
    sandbox.post('/reinstall', phone=theirs['pn'], quiet=True)
    message = daemon.send(channel, theirs['pn'], 'are you there?')
    daemon.status_of(message, 'delivered')
    sandbox.wait_idle(ours)
    w.equal(len(identity_events(daemon)), 1, 'told')
    w.check(1 <= clean(sandbox)['phone-retries'] <= 2, 'retry receipts of the phone')


def lost_prekey(scratch):
    """A first message names a one-time prekey that we do not have: keys go along at once."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    carl = sandbox.phone('Carl')
    sandbox.post('/stale-prekeys', phone=ours['pn'])
    sandbox.post('/send', phone=carl['pn'], to=ours['pn'], text='first contact')
    daemon.text('first contact')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal((counts['retry-receipts'], counts['retry-keys']), (1, 1), 'retry receipts')
    message = daemon.send(channel, carl['pn'], 'welcome')
    daemon.status_of(message, 'delivered')


def at_once(scratch):
    """Both sides start a session at the same moment: both texts are read, and all that follow."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    carl = sandbox.phone('Carl')
    sandbox.post('/hold', phone=ours['pn'])
    sandbox.post('/hold', phone=carl['pn'], device=0)
    sandbox.post('/send', phone=carl['pn'], to=ours['pn'], text='hello from Carl')
    message = daemon.send(channel, carl['pn'], 'hello to Carl')
    daemon.status_of(message, 'sent')
    sandbox.post('/hold', phone=carl['pn'], device=0, on=False)
    sandbox.post('/hold', phone=ours['pn'], on=False)
    daemon.text('hello from Carl')
    daemon.status_of(message, 'delivered')
    for number in range(3):
        message = daemon.send(channel, carl['pn'], 'to %d' % number)
        daemon.status_of(message, 'delivered')
        sandbox.post('/send', phone=carl['pn'], to=ours['pn'], text='from %d' % number)
        daemon.text('from %d' % number)
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal(counts.get('retry-receipts', 0) + counts.get('phone-retries', 0), 0, 'retry receipts')


def out_of_order(scratch):
    """Later ones first, in both directions."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.send(channel, theirs['pn'], 'start')
    sandbox.inbox(theirs, 1)
    sandbox.post('/hold', phone=ours['pn'])
    sandbox.post('/hold', phone=theirs['pn'], device=0)
    for number in range(6):
        sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='in %d' % number)
        daemon.status_of(daemon.send(channel, theirs['pn'], 'out %d' % number), 'sent')
    sandbox.post('/repeat', phone=ours['pn'], count=3)
    sandbox.post('/hold', phone=ours['pn'], on=False, reverse=True)
    sandbox.post('/hold', phone=theirs['pn'], device=0, on=False, reverse=True)
    for number in range(6):
        daemon.text('in %d' % number)
    sandbox.wait_idle(ours)
    inbox = [m['text'] for m in sandbox.inbox(theirs, 7) if not m['fromMe']]
    w.equal(sorted(inbox), sorted(['start'] + ['out %d' % n for n in range(6)]), 'inbox')
    stored = [m['body'] for m in daemon.messages(channel) if not m['fromMe']]
    w.equal(sorted(stored), sorted(['hello'] + ['in %d' % n for n in range(6)]), 'stored')
    counts = clean(sandbox)
    w.equal(counts.get('retry-receipts', 0) + counts.get('phone-retries', 0), 0, 'retry receipts')


w.run([once, same_key, given_up, silent_sender, refused_requests, limited_answers, renewed_sessions,
       other_phone, other_phone_unannounced, other_phone_silent, lost_prekey, at_once, out_of_order]
      + [killed(p) for p in ('retry.before-commit', 'retry.after-commit', 'retry.after-receipt')]
      + [killed_answer(p) for p in ('answer.before-commit', 'answer.after-commit',
                                    'answer.after-write')])
