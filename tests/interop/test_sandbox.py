# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox against a client that we did not write: two unmodified Baileys pair with it, text each
other, reconnect."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def two_strangers(scratch):
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    bert = sandbox.phone('Bert')
    a = scratch.peer(sandbox, 'anna')
    b = scratch.peer(sandbox, 'bert')
    a.pair(anna)
    b.pair(bert)
    to_bert = bert['pn'] + '@s.whatsapp.net'
    to_anna = anna['pn'] + '@s.whatsapp.net'

    a.send(to_bert, 'hello Bert')
    b.text('hello Bert')
    a.text('hello Bert', from_me=True)
    b.send(to_anna, 'hello Anna')
    a.text('hello Anna')
    w.equal([m['text'] for m in sandbox.inbox(bert, 2)], ['hello Bert', 'hello Anna'], 'phone')
    sandbox.wait_idle(anna)
    sandbox.wait_idle(bert)

    # warm: no key is fetched; a session stays pkmsg until that device itself has answered, which
    # Bert's phone does not
    sandbox.post('/reset-counters')
    a.send(to_bert, 'and again')
    b.text('and again')
    sandbox.wait_idle(bert)
    counts = sandbox.counts()
    w.equal(counts.get('iq:encrypt:get:key', 0), 0, 'keys fetched')
    w.equal(counts.get('messages'), 1, 'messages')
    w.equal(counts.get('enc:pkmsg', 0) + counts.get('enc:msg', 0), 3,
            'two devices of Bert and the own phone')
    w.check(counts.get('enc:msg', 0) >= 1, 'the established session sends no msg')

    # offline, and a new process
    b.close()
    a.send(to_bert, 'while you were away')
    b.restart()
    b.reopen(bert)
    b.text('while you were away')
    b.send(to_anna, 'I am back')
    a.text('I am back')
    sandbox.wait_idle(anna)
    sandbox.wait_idle(bert)
    a.check_clean()
    b.check_clean()
    sandbox.check_clean()


def echo_and_phone(scratch):
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    echo = sandbox.phone('Echo', echo=True)
    a = scratch.peer(sandbox, 'anna')
    a.pair(anna)
    a.send(echo['pn'] + '@s.whatsapp.net', 'is anybody there?')
    a.text('is anybody there?')
    # typed on the phone: the companion sees it as its own
    sandbox.post('/send', phone=anna['pn'], to=echo['pn'], text='from the phone')
    a.text('from the phone', from_me=True)
    a.text('from the phone')
    sandbox.wait_idle(anna)
    a.check_clean()
    sandbox.check_clean()


def sliced(scratch):
    """Frames in pieces of a few bytes, glued and cut anywhere."""
    sandbox = scratch.sandbox()
    sandbox.post('/chop', on=True)
    anna = sandbox.phone('Anna')
    a = scratch.peer(sandbox, 'anna')
    a.pair(anna)
    a.check_clean()
    sandbox.check_clean()


def unlinked(scratch):
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    a = scratch.peer(sandbox, 'anna')
    a.pair(anna)
    sandbox.post('/unlink', phone=anna['pn'])
    w.equal(a.event(lambda e: e['event'] == 'close' and e['code'] != 515, 'the end')['code'], 401,
            'close code')


def by_code(scratch):
    """A client that we did not write pairs by phone code with our server and our phone, and texts."""
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    echo = sandbox.phone('Echo', echo=True)
    a = scratch.peer(sandbox, 'anna')
    a.pair_by_code(anna)
    w.equal(sandbox.counts()['code-finishes'], 1, 'bundles that the phone opened')
    a.send(echo['pn'] + '@s.whatsapp.net', 'linked by code')
    a.text('linked by code')
    sandbox.wait_idle(anna)
    a.check_clean()
    sandbox.check_clean()


def hosted(scratch):
    sandbox = scratch.sandbox()
    sandbox.post('/pairing', hosted=True)
    anna = sandbox.phone('Anna')
    a = scratch.peer(sandbox, 'anna')
    a.pair(anna)
    a.check_clean()
    sandbox.check_clean()


def hosted_device(scratch):
    """Baileys writes to a device that the service hosts, and reads what it writes: the addresses are the right ones."""
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    shop = sandbox.phone('Shop')
    speaker = sandbox.post('/hosted', phone=shop['pn'])['phone']
    a = scratch.peer(sandbox, 'anna')
    a.pair(anna)
    a.send(shop['pn'] + '@s.whatsapp.net', 'to both of you')
    for phone in (shop['pn'], speaker):
        inbox = sandbox.get('/inbox?phone=%s&count=1&timeout=%d' % (phone, w.DEADLINE))['messages']
        w.equal([(m['text'], m['fromMe']) for m in inbox], [('to both of you', False)], phone)
    sandbox.post('/send', phone=speaker, to=anna['pn'], text='how may we help')
    event = a.text('how may we help')
    w.check(event['chat'].split('@')[1] in ('s.whatsapp.net', 'lid'), 'filed with the person: %r' % event)
    a.send(shop['pn'] + '@s.whatsapp.net', 'in the same session')
    inbox = sandbox.get('/inbox?phone=%s&count=2&timeout=%d' % (speaker, w.DEADLINE))['messages']
    w.equal(inbox[-1]['text'], 'in the same session', 'goes on')
    sandbox.wait_idle(anna)
    w.equal(sandbox.counts().get('misaddressed', 0), 0, 'misaddressed')
    a.check_clean()
    sandbox.check_clean()


def retries(scratch):
    """What does not decrypt is asked for again and comes: phone to Baileys, Baileys to phone, and
    Baileys to Baileys."""
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    bert = sandbox.phone('Bert')
    a = scratch.peer(sandbox, 'anna')
    b = scratch.peer(sandbox, 'bert')
    a.pair(anna)
    b.pair(bert)
    to_bert = bert['pn'] + '@s.whatsapp.net'
    a.send(to_bert, 'first')
    b.text('first')

    sandbox.post('/corrupt', phone=anna['pn'])
    sandbox.post('/send', phone=bert['pn'], to=anna['pn'], text='from phone to Baileys')
    a.text('from phone to Baileys')
    sandbox.post('/corrupt', phone=bert['pn'], device=0)
    a.send(to_bert, 'from Baileys to phone')
    b.text('from Baileys to phone')
    w.equal([m['text'] for m in sandbox.inbox(bert, 2)], ['first', 'from Baileys to phone'],
            'inbox')
    sandbox.post('/corrupt', phone=bert['pn'])
    a.send(to_bert, 'from Baileys to Baileys')
    b.text('from Baileys to Baileys')
    sandbox.wait_idle(anna)
    sandbox.wait_idle(bert)
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    w.equal(counters['counts']['corrupted'], 3, 'corrupted')


def repeats(scratch):
    """The server repeats itself; what comes twice is shown once."""
    sandbox = scratch.sandbox()
    anna = sandbox.phone('Anna')
    bert = sandbox.phone('Bert')
    a = scratch.peer(sandbox, 'anna')
    a.pair(anna)
    sandbox.post('/repeat', phone=anna['pn'])
    sandbox.post('/send', phone=bert['pn'], to=anna['pn'], text='only once')
    a.text('only once')
    sandbox.post('/send', phone=bert['pn'], to=anna['pn'], text='and one more')
    a.text('and one more')
    w.check(not [e for e in a.pending if e['event'] == 'message' and e['text'] == 'only once'],
            'it is shown twice')
    w.equal(sandbox.get('/counters')['violations'], [], 'violations')


w.require_node_modules()
w.run([two_strangers, echo_and_phone, sliced, unlinked, by_code, hosted, hosted_device, retries, repeats])
