# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts in and out: statuses only rise, who and when is told, nobody speaks for another chat."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.pair(ours)
    return sandbox, ours, theirs, daemon, channel


def lid(phone, device=0):
    return {'jid': phone['lid'] + (':%d' % device if device else '') + '@lid'}


def receipt(sandbox, ours, source, message_id, kind=None, items=(), t=1800000000, children=None,
            **attrs):
    full = {'id': message_id, 'from': source, 't': str(t), **attrs}
    if kind:
        full['type'] = kind
    below = children or []
    if items:
        below = [{'tag': 'list', 'children': [{'tag': 'item', 'attrs': {'id': i}} for i in items]}]
    sandbox.post('/stanza', phone=ours['pn'], queued=True,
                 node={'tag': 'receipt', 'attrs': full, 'children': below})
    sandbox.wait_idle(ours)


def message(daemon, channel, message_id):
    return daemon.ok('GET', '/messages/%s?channelId=%s' % (message_id, channel))['data']


def rises(scratch):
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    ids = [daemon.send(channel, theirs['pn'], 'text %d' % i) for i in range(3)]
    for one in ids:
        daemon.status_of(one, 'delivered')
    # another device, and a repeat: told once in the timeline, no event
    receipt(sandbox, ours, lid(theirs, 12), ids[0], 'inactive', t=1800000001)
    receipt(sandbox, ours, lid(theirs, 12), ids[0], 'inactive', t=1800000002)
    rows = [r for r in message(daemon, channel, ids[0])['timeline'] if r['what'] == 'delivered']
    w.equal(sorted(r['who'] for r in rows),
            sorted([theirs['lid'] + '@lid', theirs['lid'] + ':12@lid']), 'devices')
    # in list form
    receipt(sandbox, ours, lid(theirs), ids[0], 'read', items=ids[1:], t=1800000003)
    for one in ids:
        event = daemon.status_of(one, 'read')
        w.equal((event['data']['who'], event['data']['timestamp'], event['data']['chatId']),
                (theirs['lid'] + '@lid', 1800000003, theirs['pn'] + '@s.whatsapp.net'), 'event')
    # never down again
    receipt(sandbox, ours, lid(theirs), ids[0], t=1800000004)
    w.equal(message(daemon, channel, ids[0])['status'], 'read', 'not lowered')
    receipt(sandbox, ours, lid(theirs), ids[0], 'played', t=1800000005)
    daemon.status_of(ids[0], 'played')
    receipt(sandbox, ours, lid(theirs), ids[0], 'read', t=1800000006)
    w.equal(message(daemon, channel, ids[0])['status'], 'played', 'not lowered')
    # kinds that say nothing of it
    for kind in ('sender', 'server-error', 'hist_sync', 'peer_msg', 'view', 'never-heard-of'):
        receipt(sandbox, ours, lid(theirs), ids[1], kind)
    w.equal(message(daemon, channel, ids[1])['status'], 'read', 'others')
    # somebody else cannot speak for this chat
    carla = sandbox.phone('Carla')
    receipt(sandbox, ours, lid(carla), ids[1], 'played')
    w.equal(message(daemon, channel, ids[1])['status'], 'read', 'of another person')
    w.equal(sum(r['what'] == 'played' for r in message(daemon, channel, ids[1])['timeline']), 0,
            'timeline')
    events = [e['data']['status'] for e in daemon.events() if e['event'] == 'message.status'
              and e['data']['id'] == ids[0]]
    w.equal(events, ['delivered', 'read', 'played'], 'events')
    w.equal(sandbox.get('/counters')['violations'], [], 'violations')


def grouped(scratch):
    """The grouped form is taken apart; of a chat that is not that message's it changes nothing."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    one = daemon.send(channel, theirs['pn'], 'text')
    daemon.status_of(one, 'delivered')
    users = [{'tag': 'participants', 'attrs': {'key': one}, 'children': [
        {'tag': 'user', 'attrs': {'jid': lid(theirs), 't': '1800000009'}}]}]
    receipt(sandbox, ours, {'jid': '120363000000000001@g.us'}, 'G1', 'read', children=users)
    w.equal(message(daemon, channel, one)['status'], 'delivered', 'of a group')
    receipt(sandbox, ours, lid(theirs), 'G2', 'read', children=users)
    event = daemon.status_of(one, 'read')
    w.equal(event['data']['timestamp'], 1800000009, 'its own time')


def lost_ack(scratch):
    """The ack is lost, the receipt comes: that says more."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'zero'), 'delivered')
    sandbox.post('/lose-acks', phone=ours['pn'], count=2)
    one = daemon.send(channel, theirs['pn'], 'text')
    daemon.status_of(one, 'delivered')
    w.equal(message(daemon, channel, one)['status'], 'delivered', 'status')


def own(scratch):
    """Read on our phone: unread falls to what is newer."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    ids = []
    for i in range(3):
        ids.append(sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='in %d' % i)['id'])
        daemon.text('in %d' % i)

    def unread():
        return daemon.ok('GET', '/chats?channelId=' + channel)['data'][0]['unread']

    w.equal(unread(), 3, 'before')
    receipt(sandbox, ours, {'jid': ours['lid'] + '@lid'}, ids[1], 'read-self', recipient=lid(theirs))
    event = daemon.wait_event(lambda e: e['event'] == 'chat.updated'
                              and e['data'].get('unread') == 1, 'unread 1')
    w.equal(event['data']['chatId'], theirs['pn'] + '@s.whatsapp.net', 'chat')
    w.equal(unread(), 1, 'after')
    # an older one does not raise it; by the chat's own address it works as well
    receipt(sandbox, ours, lid(theirs), ids[0], 'read-self')
    w.equal(unread(), 1, 'older')
    receipt(sandbox, ours, lid(theirs), ids[2], 'played-self')
    w.equal(unread(), 0, 'all')


def own_list(scratch):
    """Several at once; with read receipts on, our device says "read"; nobody else reads for us."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    carla = sandbox.phone('Carla')
    ids = {}
    for phone in (theirs, carla):
        ids[phone['pn']] = []
        for i in range(4):
            text = '%s %d' % (phone['pn'], i)
            ids[phone['pn']].append(sandbox.post('/send', phone=phone['pn'], to=ours['pn'], text=text)['id'])
            daemon.text(text)

    def unread(phone):
        return daemon.ok('GET', '/chats/%s?channelId=%s' % (phone['pn'], channel))['unread']

    first = ids[theirs['pn']]
    w.equal((unread(theirs), unread(carla)), (4, 4), 'before')
    # strangers, and companions of theirs, with or without a chat named
    for kind in ('read-self', 'played-self', 'read', 'played'):
        receipt(sandbox, ours, lid(carla), first[3], kind, recipient=lid(theirs))
        receipt(sandbox, ours, lid(carla, 12), first[3], kind)
    w.equal((unread(theirs), unread(carla)), (4, 4), 'by strangers')
    own = {'jid': ours['lid'] + '@lid'}
    receipt(sandbox, ours, own, first[0], 'read-self', items=first[1:2], recipient=lid(theirs))
    daemon.wait_event(lambda e: e['event'] == 'chat.updated' and e['data'].get('unread') == 2, 'two left')
    receipt(sandbox, ours, own, first[2], 'read', recipient=lid(theirs))
    w.equal(unread(theirs), 1, 'read')
    receipt(sandbox, ours, {'jid': ours['lid'] + ':7@lid'}, first[3], 'played-self', recipient=lid(theirs))
    w.equal((unread(theirs), unread(carla)), (0, 4), 'played by a companion of ours')
    updates = [e['data']['unread'] for e in daemon.events() if e['event'] == 'chat.updated'
               and e['data'].get('chatId') == theirs['pn'] + '@s.whatsapp.net' and 'unread' in e['data']]
    w.equal(updates[-4:], [3, 2, 1, 0], 'told')
    # what comes afterwards counts again
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='one more')
    daemon.text('one more')
    w.equal(unread(theirs), 1, 'again')
    w.equal(sandbox.get('/counters')['violations'], [], 'violations')


def account(scratch):
    """account_sync: our name as the phone has it, told, kept, and ours to change alone; the rest is acknowledged."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)

    def sync(source, name=None, children=()):
        sync.count += 1
        attrs = {'id': 'SYNC%d' % sync.count, 'from': {'jid': source}, 'type': 'account_sync', 't': '1700000000'}
        if name:
            attrs['pushname'] = name
        sandbox.post('/stanza', phone=ours['pn'], queued=True,
                     node={'tag': 'notification', 'attrs': attrs, 'children': list(children)})
        sandbox.wait_idle(ours)

    def name():
        return daemon.ok('GET', '/channels/' + channel)['data'].get('pushName')

    sync.count = 0
    sync(ours['pn'] + '@s.whatsapp.net', 'Whim of the phone')
    w.equal(name(), 'Whim of the phone', 'by number')
    sync(ours['lid'] + '@lid', 'Whim by LID')
    w.equal(name(), 'Whim by LID', 'by LID')
    sync(theirs['pn'] + '@s.whatsapp.net', 'Mallory')
    w.equal(name(), 'Whim by LID', 'by a stranger')
    for child in ('privacy', 'picture', 'blocklist', 'disappearing_mode', 'notice', 'never-heard-of'):
        sync(ours['lid'] + '@lid', children=[{'tag': child, 'attrs': {'action': 'modify'}}])
    w.equal(name(), 'Whim by LID', 'untouched')
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    w.equal(name(), 'Whim by LID', 'kept')
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['counts'].get('ack:account_sync'), 9, 'acknowledged')


def presence(scratch):
    """Unavailable: receipts are "inactive"; available: ticks. It is a setting and survives."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='one')
    daemon.text('one')
    sandbox.get('/await-count?name=phone-receipt:inactive&count=1')
    # our phone's own ticks are not ours
    w.equal(sandbox.counts().get('phone-receipt:delivered'), 1, 'ticks')
    w.check(sandbox.counts().get('presence:unavailable', 0) >= 1, 'told at login')
    for wrong in ({'presence': 'away'}, {'pacing': 'fast'}, {'autoDownload': 'yes'},
                  {'presence': 1}):
        status, answer = daemon.request('PUT', '/channels/' + channel, {'settings': wrong})
        w.equal((status, answer['error']['type']), (400, 'invalid_parameter'), '%r' % wrong)
        w.equal(answer['error']['details'].split(':')[0], 'body.settings.' + list(wrong)[0], 'field')
    answer = daemon.ok('PUT', '/channels/' + channel, {'settings': {'presence': 'available',
                                                                    'autoDownload': True}})
    w.equal(answer['data']['settings'],
            {'pacing': 'gentle', 'presence': 'available', 'autoDownload': True}, 'settings')
    sandbox.get('/await-count?name=presence:available&count=1')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='two')
    daemon.text('two')
    sandbox.get('/await-count?name=phone-receipt:delivered&count=3')
    w.equal(sandbox.counts()['phone-receipt:inactive'], 1, 'only while unavailable')
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    sandbox.get('/await-count?name=presence:available&count=2')
    w.equal(daemon.ok('GET', '/channels/' + channel)['data']['settings']['presence'], 'available',
            'kept')


def timer(scratch):
    """Disappearing messages: the chat's timer is learnt and kept to, or said per message."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'zero'), 'delivered')
    w.equal(sandbox.inbox(theirs, 1)[0]['expiration'], 0, 'no timer')
    daemon.ok('POST', '/messages/text', {'channelId': channel, 'to': theirs['pn'],
                                         'body': 'for a day', 'ephemeral': 86400})
    w.equal(sandbox.inbox(theirs, 2)[1]['expiration'], 86400, 'as said')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='a week', expiration=604800)
    daemon.text('a week')
    daemon.send(channel, theirs['pn'], 'as the chat says')
    w.equal(sandbox.inbox(theirs, 3)[2]['expiration'], 604800, 'as the chat says')
    daemon.ok('POST', '/messages/text', {'channelId': channel, 'to': theirs['pn'],
                                         'body': 'for ever', 'ephemeral': 0})
    w.equal(sandbox.inbox(theirs, 4)[3]['expiration'], 0, 'not at all')


w.run([rises, grouped, lost_ack, own, own_list, account, presence, timer])
