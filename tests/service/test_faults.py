# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that loses, repeats, garbles and refuses; stanzas that nobody asked for."""
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
    return sandbox, ours, theirs, daemon, channel


def texts(sandbox, phone, count):
    return [m['text'] for m in sandbox.inbox(phone, count)]


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    return counters['counts']


def lost_acks(scratch):
    """The server has our message and its ack is lost with the socket: the very same bytes again."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.send(channel, theirs['pn'], 'before')
    sandbox.inbox(theirs, 1)
    sandbox.wait_idle(ours)
    sandbox.post('/lose-acks', phone=ours['pn'])
    message = daemon.send(channel, theirs['pn'], 'without an ack')
    daemon.status_of(message, 'delivered')
    daemon.send(channel, theirs['pn'], 'after')
    w.equal(texts(sandbox, theirs, 3), ['before', 'without an ack', 'after'], 'inbox')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal(counts.get('repeats'), 1, 'repeats')
    w.equal(counts.get('phone-duplicates'), 2, 'the ratchets of both phones know them')


def refused(scratch):
    """A refusal that is final fails that message alone."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/refuse', phone=ours['pn'], error=463)
    message = daemon.send(channel, theirs['pn'], 'unwanted')
    daemon.status_of(message, 'failed')
    message = daemon.send(channel, theirs['pn'], 'wanted')
    daemon.status_of(message, 'delivered')
    w.equal(texts(sandbox, theirs, 1), ['wanted'], 'inbox')
    clean(sandbox)


def repeats(scratch):
    """What comes twice is stored once and acknowledged."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/repeat', phone=ours['pn'], count=2)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='one')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='two')
    daemon.text('one')
    daemon.text('two')
    sandbox.wait_idle(ours)
    daemon.send(channel, theirs['pn'], 'three')
    sandbox.inbox(theirs, 1)
    w.equal(sorted(m['body'] for m in daemon.messages(channel)), ['one', 'three', 'two'], 'stored')
    w.equal(clean(sandbox).get('retry-receipts', 0), 0, 'retry receipts')


def garbled(scratch):
    """What does not decrypt is asked for again, and what others cannot read is sent again."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='clear')
    daemon.text('clear')
    sandbox.post('/corrupt', phone=ours['pn'])
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='garbled once')
    daemon.text('garbled once')
    sandbox.post('/corrupt', phone=ours['pn'], count=2)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='garbled twice')
    daemon.text('garbled twice')
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get('phone-retries-answered'), 3, 'answers')

    sandbox.post('/corrupt', phone=theirs['pn'], device=0)
    daemon.send(channel, theirs['pn'], 'and ours')
    w.equal(texts(sandbox, theirs, 1), ['and ours'], 'inbox')
    sandbox.post('/corrupt', phone=theirs['pn'], device=0, count=2)
    daemon.send(channel, theirs['pn'], 'and ours, twice')
    w.equal(texts(sandbox, theirs, 2), ['and ours', 'and ours, twice'], 'inbox')
    # our own phone asks as well: for the copy that says to whom it went
    sandbox.post('/corrupt', phone=ours['pn'], device=0)
    daemon.send(channel, theirs['pn'], 'for the own phone')
    own = [m for m in sandbox.inbox(ours, 6) if m['fromMe']]
    w.equal(own[-1]['text'], 'for the own phone', 'own phone')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal(counts.get('retry-answers'), 4, 'our answers')
    w.equal(counts.get('phone-repeats', 0), 0, 'repeats at a phone')


def garbled_for_good(scratch):
    """In the end we give up: nothing waits for ever, and the next text is read."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/corrupt', phone=ours['pn'], count=20)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='never')
    sandbox.get('/await-count?name=phone-retries-answered&count=1')
    sandbox.wait_idle(ours)
    sandbox.post('/corrupt', phone=ours['pn'], count=0)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='again')
    daemon.text('again')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.check(counts['retry-receipts'] <= 5, 'retry receipts: %d' % counts['retry-receipts'])


def half_closed(scratch):
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/half-close', phone=ours['pn'])
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='over a new socket')
    daemon.text('over a new socket')
    sandbox.wait_idle(ours)
    clean(sandbox)


def unasked(scratch):
    """Stanzas that we do not know are acknowledged; pings are answered; nothing shakes the channel."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    server = {'jid': 's.whatsapp.net'}
    bert = {'jid': theirs['lid'] + '@lid'}

    def send(tag, attrs, children=(), queued=True, **more):
        sandbox.post('/stanza', phone=ours['pn'], queued=queued,
                     node={'tag': tag, 'attrs': attrs, 'children': list(children), **more})

    def leaf(tag, **attrs):
        return {'tag': tag, 'attrs': attrs}

    send('notification', {'id': 'n1', 'from': server, 'type': 'never-heard-of', 't': '1700000000'},
         [leaf('surprise', a='b')])
    send('notification', {'id': 'n2', 'from': 's.whatsapp.net', 'type': 'server_sync',
                          't': '1700000000'}, [leaf('collection', name='regular', version='3')])
    send('notification', {'id': 'n3', 'from': bert, 'type': 'picture', 't': '1700000000'},
         [leaf('set', id='1')])
    send('notification', {'id': 'n4', 'from': {'jid': '120363000000000001@g.us'}, 'type': 'w:gp2',
                          'participant': bert, 't': '1700000000'}, [leaf('subject', subject='x')])
    send('notification', {'id': 'n5', 'from': bert, 'type': 'devices', 't': '1700000000'})
    send('receipt', {'id': 'r1', 'from': bert, 'type': 'enc_rekey_retry', 't': '1700000000'})
    send('receipt', {'id': 'r2', 'from': bert, 'type': 'retry', 't': '1700000000'})
    send('call', {'id': 'c1', 'from': bert, 't': '1700000000'},
         [leaf('offer', **{'call-id': 'X', 'call-creator': theirs['lid'] + '@lid'})])
    send('message', {'id': 'm1', 'from': bert, 'type': 'text', 't': '1700000000'},
         [leaf('unavailable', type='view_once')])
    send('message', {'id': 'm2', 'from': bert, 'type': 'text', 't': '1700000000'}, [leaf('riddle')])
    send('message', {'id': 'm3', 'from': {'jid': '120363000000000002@newsletter'}, 'type': 'text',
                     't': '1700000000'}, [{'tag': 'plaintext', 'hex': '0a026869'}])
    send('message', {'id': 'm4', 'from': {'jid': 'status@broadcast'}, 'participant': bert,
                     'type': 'text', 't': '1700000000'},
         [{'tag': 'enc', 'attrs': {'v': '2', 'type': 'skmsg'}, 'hex': '33' + '00' * 80}])
    send('message', {'id': 'm5', 'from': bert, 'type': 'text', 't': '1700000000'},
         [{'tag': 'enc', 'attrs': {'v': '2', 'type': 'msg'}, 'text': 'x'}])
    for tag in ('success', 'presence', 'chatstate', 'gibberish'):
        send(tag, {'from': bert, 't': '1700000000'}, queued=False)
    send('ib', {'from': server}, [{'tag': 'edge_routing', 'children': [
        {'tag': 'routing_info', 'hex': '080d080a'}]}], queued=False)
    send('ib', {'from': server}, [{'tag': 'dirty', 'attrs': {
        'type': 'groups', 'timestamp': '1700000000'}}], queued=False)
    send('ack', {'id': 'nobody', 'class': 'message', 'from': bert}, queued=False)
    before = sandbox.counts().get('iq-answers', 0)
    send('iq', {'id': 'p1', 'from': server, 'type': 'get', 'xmlns': 'urn:xmpp:ping'}, queued=False)
    send('iq', {'from': 's.whatsapp.net', 'type': 'get', 'xmlns': 'urn:xmpp:ping'}, queued=False)
    sandbox.get('/await-count?name=iq-answers&count=%d' % (before + 1))
    sandbox.wait_idle(ours)

    w.equal(daemon.ok('GET', '/channels/%s/status' % channel)['status'], 'connected', 'status')
    w.equal(sandbox.counts()['logins'], 1, 'logins')
    message = daemon.send(channel, theirs['pn'], 'unshaken')
    daemon.status_of(message, 'delivered')
    clean(sandbox)


w.run([lost_acks, refused, repeats, garbled, garbled_for_good, half_closed, unasked])
