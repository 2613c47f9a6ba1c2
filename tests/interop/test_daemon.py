# SPDX-License-Identifier: GPL-3.0-or-later
"""Our daemon against a client that we did not write: unmodified Baileys as another account, and as a
second companion on our own."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox)
    peer = scratch.peer(sandbox, 'bert')
    peer.pair(theirs)
    channel = daemon.pair(ours)
    return sandbox, ours, theirs, daemon, peer, channel


def finish(sandbox, phones, *peers):
    for phone in phones:
        sandbox.wait_idle(phone)
    for peer in peers:
        peer.check_clean()
    sandbox.check_clean()


def both_ways(scratch):
    """First contact and an established session, with the frames counted."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    # our own device list is asked for at login, once
    sandbox.get('/await-count?name=iq:usync:get:usync&count=1')

    sandbox.post('/reset-counters')
    message = daemon.send(channel, '+' + theirs['pn'], 'hello Bert')
    w.equal(peer.text('hello Bert')['pushName'], 'Whim', 'push name')
    daemon.status_of(message, 'delivered')
    counts = sandbox.counts()
    w.equal(counts.get('messages'), 1, 'messages at first contact')
    w.equal(counts.get('iq:usync:get:usync'), 1, 'usync at first contact')
    w.equal(counts.get('iq:encrypt:get:key'), 1, 'key fetches at first contact')
    w.equal(counts.get('enc:pkmsg', 0), 2, 'a pkmsg for each device of Bert')
    w.equal(counts.get('enc:msg', 0), 1, 'a msg for our phone, which wrote to us first')

    peer.send(ours['pn'] + '@s.whatsapp.net', 'hello Whim')
    event = daemon.text('hello Whim')
    w.equal(event['data']['from'], theirs['pn'], 'from')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='from the phone of Bert')
    daemon.text('from the phone of Bert')
    finish(sandbox, [ours, theirs])

    # warm: one message, msg only, nothing asked
    sandbox.post('/reset-counters')
    message = daemon.send(channel, theirs['pn'], 'and again')
    peer.text('and again')
    daemon.status_of(message, 'delivered')
    counts = sandbox.counts()
    w.equal(counts.get('messages'), 1, 'messages when warm')
    w.equal(counts.get('enc:pkmsg', 0), 0, 'pkmsg when warm')
    w.equal(counts.get('enc:msg'), 3, 'two devices of Bert and our phone')
    w.equal(counts.get('iq:usync:get:usync', 0), 0, 'usync when warm')
    w.equal(counts.get('iq:encrypt:get:key', 0), 0, 'key fetches when warm')

    w.equal(sorted(m['body'] for m in daemon.messages(channel)),
            ['and again', 'from the phone of Bert', 'hello Bert', 'hello Whim'], 'stored')
    chats = daemon.ok('GET', '/chats?channelId=' + channel)['data']
    w.equal([c['id'] for c in chats], [theirs['pn'] + '@s.whatsapp.net'], 'chats')
    finish(sandbox, [ours, theirs], peer)


def both_by_code(scratch):
    """Both sides pair by phone code, then talk."""
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox)
    peer = scratch.peer(sandbox, 'bert')
    peer.pair_by_code(theirs)
    channel = daemon.ok('POST', '/channels', {'name': 'First'})['data']['id']
    answer = daemon.ok('POST', '/channels/%s/connect-phone' % channel,
                       {'phoneNumber': '+' + ours['pn']})
    sandbox.post('/enter-code', phone=ours['pn'], code=answer['pairingCode'])
    daemon.wait_status(channel, 'connected')
    sandbox.wait_idle(ours)
    daemon.send(channel, theirs['pn'], 'hello Bert')
    peer.text('hello Bert')
    peer.send(ours['pn'] + '@s.whatsapp.net', 'hello Whim')
    daemon.text('hello Whim')
    finish(sandbox, [ours, theirs], peer)


def restarts(scratch):
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    to_us = ours['pn'] + '@s.whatsapp.net'

    daemon.send(channel, theirs['pn'], 'one')
    peer.text('one')
    peer.send(to_us, 'two')
    daemon.text('two')

    # ours
    daemon.stop()
    peer.send(to_us, 'while you were down')
    daemon.start()
    daemon.wait_status(channel, 'connected')
    daemon.text('while you were down')
    daemon.send(channel, theirs['pn'], 'up again')
    peer.text('up again')

    # theirs
    peer.restart()
    daemon.send(channel, theirs['pn'], 'are you there?')
    peer.reopen(theirs)
    peer.text('are you there?')
    peer.send(to_us, 'I am')
    daemon.text('I am')
    finish(sandbox, [ours, theirs], peer)


def offline(scratch):
    """Texts accepted while we are offline go out after the login, in order."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    texts = ['first', 'second', 'third']
    for text in texts:
        daemon.send(channel, theirs['pn'], text)
    w.equal({m['status'] for m in daemon.messages(channel)}, {'pending'}, 'status while offline')
    daemon.ok('POST', '/channels/%s/connect' % channel)
    for text in texts:
        peer.text(text)
    sandbox.wait_idle(theirs)
    w.equal([m['text'] for m in sandbox.inbox(theirs, 3)], texts, 'order')
    # a cut socket heals by itself
    sandbox.post('/drop', phone=ours['pn'])
    peer.send(ours['pn'] + '@s.whatsapp.net', 'into the gap')
    daemon.text('into the gap')
    finish(sandbox, [ours, theirs], peer)


def companions(scratch):
    """Two devices on their side, a second companion on ours, and the phone that types."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    second = scratch.peer(sandbox, 'bert2')
    second.pair(theirs)
    sibling = scratch.peer(sandbox, 'sibling')
    sibling.pair(ours)

    daemon.send(channel, theirs['pn'], 'to all of you')
    peer.text('to all of you')
    second.text('to all of you')
    sibling.text('to all of you', from_me=True)
    second.send(ours['pn'] + '@s.whatsapp.net', 'from the second')
    daemon.text('from the second')
    sibling.text('from the second')
    peer.text('from the second', from_me=True)
    # a third one comes between two messages
    third = scratch.peer(sandbox, 'bert3')
    third.pair(theirs)
    daemon.send(channel, theirs['pn'], 'and to you')
    third.text('and to you')
    # sent by our sibling and by our phone: ours too
    sibling.send(theirs['pn'] + '@s.whatsapp.net', 'by the sibling')
    daemon.wait_event(lambda e: e['event'] == 'message.sent'
                      and e['data'].get('body') == 'by the sibling', 'the sibling')
    sandbox.post('/send', phone=ours['pn'], to=theirs['pn'], text='by the phone')
    event = daemon.wait_event(lambda e: e['event'] == 'message.sent'
                              and e['data'].get('body') == 'by the phone', 'the phone')
    w.equal(event['data']['source'], 'mobile', 'source')
    finish(sandbox, [ours, theirs], peer, second, third, sibling)


def unlinked(scratch):
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    sandbox.post('/unlink', phone=ours['pn'])
    daemon.wait_status(channel, 'disconnected')
    status = daemon.ok('GET', '/channels/%s/status' % channel)
    w.equal(status['reason'], 'unlinked', 'reason')
    code, answer = daemon.request('POST', '/messages/text',
                                  {'channelId': channel, 'to': theirs['pn'], 'body': 'x'})
    w.equal((code, answer['error']['type']), (409, 'not_paired'), 'send while unlinked')
    # the same channel, paired anew, keeps its history and talks
    peer.send(ours['pn'] + '@s.whatsapp.net', 'nobody listens')
    after = daemon.events()[-1]['seq']  # what was told of the first pairing is no answer
    code = daemon.ok('POST', '/channels/%s/connect' % channel)
    sandbox.post('/scan', qr=code['raw'], phone=ours['pn'])
    daemon.wait_status(channel, 'connected', after)
    daemon.send(channel, theirs['pn'], 'back with new keys')
    peer.text('back with new keys')
    # and logged out from our side
    daemon.ok('POST', '/channels/%s/logout' % channel)
    w.equal([d for d in sandbox.get('/devices')['devices']
             if d['phone'] == ours['pn'] and d['device'] != 0], [], 'devices after logout')
    finish(sandbox, [theirs], peer)


def prekeys(scratch):
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    sandbox.post('/set-prekey-count', phone=ours['pn'], count=2)
    sandbox.wait_idle(ours)
    sandbox.get('/prekeys?phone=%s&count=100' % ours['pn'])
    finish(sandbox, [ours, theirs], peer)


def kinds(scratch):
    """Every wrapper is unwrapped; what is not understood is shown as unknown, never dropped."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    to_us = ours['pn'] + '@s.whatsapp.net'
    rows = [
        ({'locationMessage': {'degreesLatitude': 55.75, 'degreesLongitude': 37.5}}, 'location', None),
        ({'ephemeralMessage': {'message': {'extendedTextMessage': {'text': 'it goes away'}}}},
         'text', 'it goes away'),
        ({'viewOnceMessage': {'message': {'documentWithCaptionMessage': {'message': {
            'extendedTextMessage': {'text': 'wrapped twice'}}}}}}, 'text', 'wrapped twice'),
        ({'contactMessage': {'displayName': 'Carla', 'vcard': 'BEGIN:VCARD'}}, 'contact', 'Carla'),
        ({'listMessage': {'title': 'a list', 'description': 'x'}}, 'unknown', None),
        ({'eventMessage': {'name': 'a party'}}, 'unknown', None),
    ]
    for message, kind, body in rows:
        message_id = peer.call('relay', to=to_us, message=message)['id']
        event = daemon.wait_event(lambda e: e['data'].get('id') == message_id, kind)
        w.equal((event['event'], event['data']['type'], event['data'].get('body')),
                ('message.received', kind, body), 'kind')
    w.equal(len(daemon.messages(channel)), len(rows), 'stored')
    finish(sandbox, [ours, theirs], peer)


def actions(scratch):
    """Baileys edits its text, reacts to it and to ours, takes a reaction back, and deletes."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    to_us = ours['pn'] + '@s.whatsapp.net'
    message_id = peer.send(to_us, 'frist')
    daemon.text('frist')
    own_id = daemon.send(channel, theirs['pn'], 'ours')
    chat = peer.text('ours')['chat']
    theirs_key = {'remoteJid': to_us, 'fromMe': True, 'id': message_id}
    ours_key = {'remoteJid': chat, 'fromMe': False, 'id': own_id}

    peer.call('act', to=to_us, content={'text': 'first', 'edit': theirs_key})
    event = daemon.wait_event(lambda e: e['event'] == 'message.updated', 'the edit')['data']
    w.equal((event['id'], event['before']['body'], event['body']), (message_id, 'frist', 'first'),
            'the edit')
    w.check(event['editedAt'] > 1700000000, 'editedAt')

    def react(key, emoji):
        peer.call('act', to=to_us, content={'react': {'text': emoji, 'key': key}})
        return daemon.wait_event(lambda e: e['event'] == 'message.reaction'
                                 and (e['data']['id'], e['data']['emoji']) == (key['id'], emoji),
                                 'the reaction')['data']

    w.equal(react(theirs_key, 'A')['from'], theirs['pn'], 'from')
    react(ours_key, 'B')
    stored = {m['id']: m for m in daemon.messages(channel)}
    w.equal([r['emoji'] for r in stored[own_id]['reactions']], ['B'], 'on ours')
    w.equal([r['emoji'] for r in stored[message_id]['reactions']], ['A'], 'on theirs')
    react(ours_key, '')

    peer.call('act', to=to_us, content={'delete': theirs_key})
    daemon.wait_event(lambda e: e['event'] == 'message.deleted' and e['data']['id'] == message_id,
                      'the deletion')
    stored = {m['id']: m for m in daemon.messages(channel)}
    w.equal(stored[message_id]['status'], 'deleted', 'deleted')
    w.equal((stored[own_id].get('reactions'), len(stored)), (None, 2), 'nothing else')
    finish(sandbox, [ours, theirs], peer)


def repair(scratch):
    """They lost their session with us: a retry receipt, our answer, and the text is read after all."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    daemon.send(channel, theirs['pn'], 'one')
    peer.text('one')
    peer.send(ours['pn'] + '@s.whatsapp.net', 'two')
    daemon.text('two')
    daemon.send(channel, theirs['pn'], 'three')
    peer.text('three')
    sandbox.wait_idle(theirs)
    peer.quit()
    lost = [n for n in os.listdir(peer.directory) if n.startswith('session-')]
    w.check(lost, 'Baileys keeps no sessions')
    for name in lost:
        os.unlink(os.path.join(peer.directory, name))
    peer.restart()
    peer.reopen(theirs)
    daemon.send(channel, theirs['pn'], 'can you read me?')
    w.equal(peer.text('can you read me?')['chat'], ours['lid'] + '@lid', 'chat')
    # and from here on as before, without another receipt
    sandbox.wait_idle(ours)
    retries = sandbox.counts().get('retry-receipts', 0)
    w.check(1 <= retries <= 2, 'retry receipts: %d' % retries)
    daemon.send(channel, theirs['pn'], 'and now?')
    peer.text('and now?')
    w.equal(sandbox.counts().get('retry-receipts', 0), retries, 'further retry receipts')
    sandbox.check_clean(retries=retries)


def options(scratch):
    """Quotes, mentions and timers arrive as such; read receipts rise the status; past the queue."""
    sandbox, ours, theirs, daemon, peer, channel = setup(scratch)
    theirs_jid = theirs['lid'] + '@lid'
    peer.send(ours['pn'] + '@s.whatsapp.net', 'a question')
    asked = daemon.text('a question')['data']['id']
    answer = daemon.ok('POST', '/messages/text', {
        'channelId': channel, 'to': theirs['pn'], 'body': 'an answer for @%s' % theirs['pn'],
        'quoted': asked, 'mentions': [theirs['pn']], 'ephemeral': 86400})
    got = peer.text('an answer for @%s' % theirs['pn'])
    w.equal(got['context'], {'quotedId': asked, 'participant': theirs_jid,
                             'quotedText': 'a question',
                             'mentions': [theirs['pn'] + '@s.whatsapp.net'], 'expiration': 86400},
            'context')
    # quoting ourselves
    daemon.ok('POST', '/messages/text', {'channelId': channel, 'to': theirs['pn'],
                                         'body': 'and more', 'quoted': answer['messageId']})
    got = peer.text('and more')['context']
    w.equal((got['quotedId'], got['participant']), (answer['messageId'], ours['lid'] + '@lid'),
            'our own')
    daemon.status_of(answer['messageId'], 'delivered')
    peer.call('read', chat=ours['lid'] + '@lid', id=answer['messageId'])
    daemon.status_of(answer['messageId'], 'read')
    now = daemon.ok('POST', '/channels/%s/messages/send-immediate' % channel,
                    {'phone': theirs['pn'], 'message': 'at once'})
    w.equal(now['message']['status'], 'sent', 'acknowledged')
    peer.text('at once')
    # privacy tokens went both ways and disturbed nobody
    sandbox.get('/await-count?name=tokens-issued&count=1')
    daemon.send(channel, theirs['pn'], 'the end')
    peer.text('the end')
    w.check(sandbox.counts().get('cstokens', 0) + sandbox.counts().get('tctokens', 0) >= 1, 'tokens')
    finish(sandbox, [ours, theirs], peer)


w.require_node_modules()
w.run([both_ways, both_by_code, restarts, offline, companions, unlinked, prekeys, kinds, actions,
       repair, options])
