# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosted accounts: the service itself has a device of theirs, number 99, under addresses of its own."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Shop')
    daemon = scratch.daemon(sandbox, control=True)
    return sandbox, ours, theirs, daemon


def host(sandbox, phone):
    return sandbox.post('/hosted', phone=phone['pn'])['phone']


def texts(sandbox, speaker, count):
    inbox = sandbox.get('/inbox?phone=%s&count=%d&timeout=%d' % (speaker, count, w.DEADLINE))
    return [(m['text'], m['fromMe']) for m in inbox['messages']]


def chat_ids(daemon, channel):
    return [c['id'] for c in daemon.ok('GET', '/chats?channelId=' + channel)['data']]


def clean(sandbox):
    sandbox.check_clean()
    counts = sandbox.counts()
    w.equal((counts.get('misaddressed', 0), counts.get('stray-acks', 0)), (0, 0), 'strays')


def conversation(scratch):
    """It reads what we write, and what it writes is filed in the same chat."""
    sandbox, ours, theirs, daemon = setup(scratch)
    shop = host(sandbox, theirs)
    channel = daemon.pair(ours)
    first = daemon.send(channel, theirs['pn'], 'to both of you')
    w.equal(texts(sandbox, theirs['pn'], 1), [('to both of you', False)], 'the phone')
    w.equal(texts(sandbox, shop, 1), [('to both of you', False)], 'the hosted device')
    daemon.status_of(first, 'delivered')
    sandbox.post('/send', phone=shop, to=ours['pn'], text='how may we help')
    event = daemon.text('how may we help')
    w.equal((event['data']['chatId'], event['data']['from']),
            (theirs['pn'] + '@s.whatsapp.net', theirs['pn']), 'whose it is')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='and from the phone')
    daemon.text('and from the phone')
    daemon.send(channel, theirs['pn'], 'in the same session')
    w.equal(texts(sandbox, shop, 3)[-1], ('in the same session', False), 'goes on')
    w.equal(chat_ids(daemon, channel), [theirs['pn'] + '@s.whatsapp.net'], 'one chat')
    w.equal(len(daemon.messages(channel)), 4, 'messages')
    sandbox.wait_idle(ours)
    clean(sandbox)
    # receipts of both devices are told apart
    rows = daemon.ok('GET', '/messages/%s?channelId=%s' % (first, channel))['data']['timeline']
    w.equal(sorted(r['who'] for r in rows if r['what'] == 'delivered'),
            sorted([theirs['lid'] + '@lid', theirs['lid'] + ':99@hosted.lid']), 'who got it')
    w.equal(sandbox.counts().get('iq:encrypt:get:key'), 1, 'keys were fetched once')


def retries(scratch):
    """What it cannot read it gets again, and so do we."""
    sandbox, ours, theirs, daemon = setup(scratch)
    shop = host(sandbox, theirs)
    channel = daemon.pair(ours)
    daemon.send(channel, theirs['pn'], 'first')
    texts(sandbox, shop, 1)
    sandbox.post('/corrupt', phone=theirs['pn'], device=99)
    daemon.send(channel, theirs['pn'], 'is asked for')
    w.equal(texts(sandbox, shop, 2)[-1], ('is asked for', False), 'came again')
    sandbox.post('/corrupt', phone=ours['pn'])
    sandbox.post('/send', phone=shop, to=ours['pn'], text='we ask for it')
    event = daemon.text('we ask for it')
    w.equal(event['data']['chatId'], theirs['pn'] + '@s.whatsapp.net', 'chat')
    sandbox.wait_idle(ours)
    counts = sandbox.counts()
    w.equal((counts.get('phone-retries'), counts.get('phone-retries-answered')), (1, 1), 'retries')
    w.equal(sandbox.get('/counters')['violations'], [], 'violations')


def comes_and_goes(scratch):
    """A notification adds it, another takes it away, and with it its session."""
    sandbox, ours, theirs, daemon = setup(scratch)
    channel = daemon.pair(ours)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'before'), 'delivered')
    sandbox.wait_idle(ours)
    shop = host(sandbox, theirs)
    sandbox.wait_idle(ours)
    daemon.send(channel, theirs['pn'], 'with it')
    w.equal(texts(sandbox, shop, 1), [('with it', False)], 'added')
    w.equal(sandbox.counts()['iq:usync:get:usync'], 2, 'the notification was enough')
    sandbox.post('/unlink', phone=theirs['pn'], device=99)
    sandbox.wait_idle(ours)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'without it'), 'delivered')
    # another one under the same number has other keys
    shop = host(sandbox, theirs)
    sandbox.wait_idle(ours)
    daemon.send(channel, theirs['pn'], 'with another')
    w.equal(texts(sandbox, shop, 1), [('with another', False)], 'again')
    sandbox.wait_idle(ours)
    clean(sandbox)


def own(scratch):
    """Our own account is a hosted one, paired by QR and by code: its device 99 sees what we send, and what it sends is
    ours."""
    sandbox, ours, theirs, daemon = setup(scratch)
    speaker = host(sandbox, ours)
    channel = daemon.pair(ours)
    for n, way in enumerate(('by QR', 'by code')):
        daemon.send(channel, theirs['pn'], 'ours ' + way)
        w.equal(texts(sandbox, speaker, n + 1)[-1], ('ours ' + way, True), 'seen by our own')
        sandbox.post('/send', phone=speaker, to=theirs['pn'], text='hosted ' + way)
        event = daemon.wait_event(lambda e: e['event'] == 'message.sent'
                                  and e['data'].get('body') == 'hosted ' + way, 'sent by our own')
        w.equal((event['data']['chatId'], event['data']['fromMe']),
                (theirs['pn'] + '@s.whatsapp.net', True), 'whose it is')
        if n == 0:
            sandbox.wait_idle(ours)
            daemon.ok('POST', '/channels/%s/logout' % channel)
            code = daemon.ok('POST', '/channels/%s/connect-phone' % channel,
                             {'phone': ours['pn']})['pairingCode']
            sandbox.post('/enter-code', phone=ours['pn'], code=code)
            daemon.wait_status(channel, 'connected')
    w.equal(chat_ids(daemon, channel), [theirs['pn'] + '@s.whatsapp.net'], 'one chat')
    sandbox.wait_idle(ours)
    clean(sandbox)


w.run([conversation, retries, comes_and_goes, own])
