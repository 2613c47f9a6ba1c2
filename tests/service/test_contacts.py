# SPDX-License-Identifier: GPL-3.0-or-later
"""Which numbers are on WhatsApp; chats of a channel and what is in them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

USYNC = 'iq:usync:get:usync'


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.pair(ours)
    # our own device list is asked for at login, once
    sandbox.get('/await-count?name=%s&count=1' % USYNC)
    return sandbox, ours, theirs, daemon, channel


def check(daemon, channel, phones, **more):
    return daemon.ok('POST', '/contacts/check', {'channelId': channel, 'phones': phones, **more})


def asked(sandbox):
    return sandbox.counts()[USYNC] - 1


def both_shapes(scratch):
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    written = '+%s (%s) %s' % (theirs['pn'][:2], theirs['pn'][2:5], theirs['pn'][5:])
    answer = check(daemon, channel, [written, '999000111222', 'nobody', theirs['pn'] + '@c.us'])
    jid = theirs['pn'] + '@s.whatsapp.net'
    w.equal([(r['phone'], r['exists'], r.get('jid')) for r in answer['data']],
            [(written, True, jid), ('999000111222', False, None), ('nobody', False, None),
             (theirs['pn'] + '@c.us', True, jid)], 'data')
    w.equal([(r['input'], r['status'], r.get('wa_id')) for r in answer['contacts']],
            [(written, 'valid', theirs['pn']), ('999000111222', 'invalid', None),
             ('nobody', 'invalid', None), (theirs['pn'] + '@c.us', 'valid', theirs['pn'])], 'contacts')
    w.equal(answer['data'][0]['lid'], theirs['lid'] + '@lid', 'lid')
    w.equal(asked(sandbox), 1, 'requests')
    # once more, by whapi's door: from memory
    answer = daemon.ok('POST', '/contacts', {'channelId': channel, 'contacts': [theirs['pn']]})
    w.equal(answer['contacts'][0]['status'], 'valid', 'again')
    w.equal(asked(sandbox), 1, 'requests')
    check(daemon, channel, [theirs['pn']], force_check=True)
    w.equal(asked(sandbox), 2, 'forced')
    daemon.command(advance=25 * 3600 * 1000)
    sandbox.wait_idle(ours)
    before = asked(sandbox)
    check(daemon, channel, [theirs['pn']])
    w.check(asked(sandbox) > before, 'asked again after a day')


def many(scratch):
    """120 numbers: three requests, and the answers in the order of the questions."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    phones = ['%d' % (888000000000 + n) for n in range(120)]
    phones[77] = theirs['pn']
    answer = check(daemon, channel, phones)
    w.equal([r['phone'] for r in answer['data']], phones, 'order')
    w.equal([i for i, r in enumerate(answer['data']) if r['exists']], [77], 'who exists')
    w.equal(asked(sandbox), 3, 'requests')
    status, _ = daemon.request('POST', '/contacts/check', {'channelId': channel, 'phones': []})
    w.equal(status, 400, 'nobody')
    status, _ = daemon.request('POST', '/contacts/check',
                               {'channelId': channel, 'phones': ['1'] * 501})
    w.equal(status, 400, 'too many')


def not_now(scratch):
    """Offline: what is known is answered, the rest is 503. Too often: 429 with its time."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    check(daemon, channel, [theirs['pn']])
    sandbox.post('/fail-requests', phone=ours['pn'], request='usync:get:usync', code=429)
    status, answer = daemon.request('POST', '/contacts/check',
                                    {'channelId': channel, 'phones': ['777000111222']})
    w.equal((status, answer['error']['type'], answer['error']['retry_after']),
            (429, 'rate_limited', 5), 'refused')
    before = asked(sandbox)
    status, answer = daemon.request('POST', '/contacts/check',
                                    {'channelId': channel, 'phones': ['777000111222']})
    w.equal((status, asked(sandbox)), (429, before), 'not even asked')
    daemon.command(advance=6000)
    w.equal(check(daemon, channel, ['777000111222'])['data'][0]['exists'], False, 'afterwards')
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    w.equal(check(daemon, channel, [theirs['pn']])['data'][0]['exists'], True, 'known')
    status, answer = daemon.request('POST', '/contacts/check',
                                    {'channelId': channel, 'phones': ['777000111333']})
    w.equal((status, answer['error']['type']), (503, 'channel_not_connected'), 'offline')


def chats(scratch):
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    for number in range(3):
        sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='text %d' % number)
        daemon.text('text %d' % number)
    listed = daemon.ok('GET', '/channels/%s/chats' % channel)
    w.equal([c['id'] for c in listed['data']], [theirs['pn'] + '@s.whatsapp.net'], 'chats')
    w.equal(listed['data'], daemon.ok('GET', '/chats?channelId=' + channel)['data'], 'the same')
    for name in (theirs['pn'], theirs['pn'] + '@s.whatsapp.net', theirs['pn'] + '@c.us',
                 theirs['lid'] + '@lid', '%2B' + theirs['pn']):
        found = daemon.ok('GET', '/chats/%s?channelId=%s' % (name, channel))
        w.equal((found['id'], found['unread'], found['data']['lastMessage']['body']),
                (theirs['pn'] + '@s.whatsapp.net', 3, 'text 2'), name)
        page = daemon.ok('GET', '/channels/%s/chats/%s/messages?limit=1&offset=1' % (channel, name))
        w.equal([m['body'] for m in page['data']], ['text 1'], 'messages of ' + name)
        w.equal(page['total'], 3, 'total')
    status, answer = daemon.request('GET', '/chats/79990001122?channelId=' + channel)
    w.equal((status, answer['error']['type']), (404, 'not_found'), 'nobody')


def another_number(scratch):
    """Somebody has another number: the chat goes on under it, and the old one is nobody's."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='old number')
    daemon.text('old number')
    server = '@s.whatsapp.net'
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'notification', 'attrs': {'id': 'MOVED', 'type': 'contacts', 't': '1700000000',
                                         'from': {'jid': theirs['pn'] + server}},
        'children': [{'tag': 'modify', 'attrs': {
            'old': {'jid': theirs['pn'] + server}, 'old_lid': {'jid': theirs['lid'] + '@lid'},
            'new': {'jid': '4915559999999' + server}, 'new_lid': {'jid': theirs['lid'] + '@lid'}}}]})
    event = daemon.wait_event(lambda e: e['event'] == 'chat.updated', 'the move')['data']
    w.equal((event['chatId'], event['previousId']), ('4915559999999' + server, theirs['pn'] + server),
            'the move')
    sandbox.wait_idle(ours)
    found = daemon.ok('GET', '/chats/4915559999999?channelId=' + channel)
    w.equal((found['lid'], found['unread']), (theirs['lid'] + '@lid', 1), 'the chat')
    status, _ = daemon.request('GET', '/chats/%s?channelId=%s' % (theirs['pn'], channel))
    w.equal(status, 404, 'the old number')


w.run([both_shapes, many, not_now, chats, another_number])
