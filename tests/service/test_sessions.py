# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and sessions, both ends: a LID that changes or is in doubt, numbers that are shared, refusals
in all their forms, old sessions of a phone installed anew, gaps, and servers without one-time prekeys."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

USYNC = 'iq:usync:get:usync'
SERVER = '@s.whatsapp.net'


def setup(scratch, *args):
    sandbox = scratch.sandbox(*args)
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.pair(ours)
    daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='hello')
    daemon.text('hello')
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, channel


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    return counters['counts']


def no_retries(sandbox):
    counts = clean(sandbox)
    w.equal(counts.get('retry-receipts', 0) + counts.get('phone-retries', 0), 0, 'retry receipts')


def talk(sandbox, ours, theirs, daemon, channel, word):
    """One message in each direction, read at once."""
    daemon.status_of(daemon.send(channel, theirs['pn'], word + ' out'), 'delivered')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text=word + ' in')
    daemon.text(word + ' in')
    sandbox.wait_idle(ours)


def lid_changes(sandbox, ours, old, new):
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'notification', 'attrs': {'id': 'LID', 'type': 'mex', 't': '1700000000',
                                         'from': {'jid': old + '@lid'}},
        'children': [{'tag': 'update', 'attrs': {'op_name': 'LidChangeNotification'},
                      'text': json.dumps({'data': {'xwa2_notify_lid_change': {
                          'old': old + '@lid', 'new': new + '@lid'}}})}]})
    sandbox.wait_idle(ours)


def another_lid(scratch):
    """It is told that somebody has another LID: his chat and number are found under it."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    lid_changes(sandbox, ours, theirs['lid'], '987654321098765')
    found = daemon.ok('GET', '/chats/%s?channelId=%s' % (theirs['pn'], channel))
    w.equal((found['id'], found['lid'], found['unread']),
            (theirs['pn'] + SERVER, '987654321098765@lid', 1), 'the chat')
    w.equal(daemon.ok('GET', '/chats/987654321098765@lid?channelId=' + channel)['id'],
            theirs['pn'] + SERVER, 'by its new LID')
    status, _ = daemon.request('GET', '/chats/%s@lid?channelId=%s' % (theirs['lid'], channel))
    w.equal(status, 404, 'the old LID')
    w.equal([e['data'] for e in daemon.events() if e['event'] == 'chat.updated'
             and 'previousId' in e['data']], [], 'shown as before')
    # and over a restart
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    found = daemon.ok('GET', '/chats/%s?channelId=%s' % (theirs['pn'], channel))
    w.equal(found['lid'], '987654321098765@lid', 'after a restart')
    # nonsense and our own change nothing
    lid_changes(sandbox, ours, '987654321098765', 'nobody')
    lid_changes(sandbox, ours, ours['lid'], '123')
    w.equal(daemon.ok('GET', '/chats/%s?channelId=%s' % (theirs['pn'], channel))['lid'],
            '987654321098765@lid', 'nonsense')
    clean(sandbox)


def refused_address(scratch):
    """An address is refused once: devices and LID are asked for anew, and the same message arrives."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'first'), 'delivered')
    sandbox.wait_idle(ours)
    asked = sandbox.counts()[USYNC]
    sandbox.post('/refuse', phone=ours['pn'], error=405, count=1)
    message_id = daemon.send(channel, theirs['pn'], 'once more')
    daemon.status_of(message_id, 'delivered')
    # the number, which tells the LID, and our own devices
    w.check(sandbox.counts()[USYNC] >= asked + 2, 'asked anew')
    w.equal([m['text'] for m in sandbox.inbox(theirs, 2)], ['first', 'once more'], 'inbox')
    no_retries(sandbox)


def doubted_lid(scratch):
    """An ack says that the LID should be asked for anew: it is, at once, and nothing else changes."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'before'), 'delivered')
    sandbox.wait_idle(ours)
    asked = sandbox.counts()[USYNC]
    sandbox.post('/doubt-lid', phone=ours['pn'], count=1)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'doubted'), 'delivered')
    sandbox.get('/await-count?name=%s&count=%d' % (USYNC, asked + 1))
    # behind the answer on the same socket
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='so the answer is here')
    daemon.text('so the answer is here')
    talk(sandbox, ours, theirs, daemon, channel, 'after')
    w.equal(sandbox.counts()[USYNC], asked + 1, 'asked once')
    found = daemon.ok('GET', '/chats/%s?channelId=%s' % (theirs['pn'], channel))
    w.equal(found['lid'], theirs['lid'] + '@lid', 'the chat')
    w.equal(len(daemon.ok('GET', '/chats?channelId=' + channel)['data']), 1, 'chats')
    no_retries(sandbox)


def refusal(form):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        sandbox.post('/refuse', phone=ours['pn'], error=463, count=1, form=form)
        event = daemon.status_of(daemon.send(channel, theirs['pn'], 'refused'), 'failed')
        w.equal(event['data']['statusReason'], 'no_privacy_token', 'reason')
        sandbox.post('/refuse', phone=ours['pn'], error=503, count=1, form=form)
        message_id = daemon.send(channel, theirs['pn'], 'for now')
        sandbox.get('/await-count?name=messages&count=2')
        daemon.command(advance=6000)
        daemon.status_of(message_id, 'delivered')
        w.equal([m['text'] for m in sandbox.inbox(theirs, 1)], ['for now'], 'inbox')
        clean(sandbox)
    test.__name__ = 'refused by ' + form
    return test


def shared_number(scratch):
    """Somebody shows us his number: told as such, and no message."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/act', phone=theirs['pn'], to=ours['pn'], kind='share-number')
    event = daemon.wait_event(lambda e: e['event'] == 'contact.updated', 'the number')['data']
    w.equal(event, {'id': theirs['pn'] + SERVER, 'lid': theirs['lid'] + '@lid',
                    'change': 'phone_number'}, 'event')
    sandbox.wait_idle(ours)
    w.equal(len(daemon.messages(channel)), 1, 'messages')
    clean(sandbox)


def installed_anew(scratch):
    """What his old phone had sent under the old session is read after the new one has spoken."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    talk(sandbox, ours, theirs, daemon, channel, 'old')
    sandbox.post('/hold', phone=ours['pn'])
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='late from the old phone')
    sandbox.post('/reinstall', phone=theirs['pn'], quiet=True)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='from the new phone')
    # the newer one arrives first
    sandbox.post('/hold', phone=ours['pn'], on=False, reverse=True)
    daemon.text('from the new phone')
    daemon.text('late from the old phone')
    sandbox.wait_idle(ours)
    talk(sandbox, ours, theirs, daemon, channel, 'new')
    counts = clean(sandbox)
    w.equal(counts.get('retry-receipts', 0), 0, 'retry receipts')
    # a session that is heard is in use again, also an old one: the new phone may ask once
    w.check(counts.get('phone-retries', 0) <= 1, 'retry receipts of the phone: %r' % counts)


def without_prekeys(scratch):
    """The server has no one-time prekey of either: sessions start from the signed one."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    carl = sandbox.phone('Carl')
    dora = sandbox.phone('Dora')
    sandbox.post('/exhaust-prekeys', phone=carl['pn'], device=0)
    sandbox.post('/exhaust-prekeys', phone=ours['pn'])
    daemon.status_of(daemon.send(channel, carl['pn'], 'to Carl'), 'delivered')
    sandbox.post('/send', phone=dora['pn'], to=ours['pn'], text='from Dora')
    daemon.text('from Dora')
    talk(sandbox, ours, carl, daemon, channel, 'Carl')
    talk(sandbox, ours, dora, daemon, channel, 'Dora')
    no_retries(sandbox)


def gap(scratch):
    """More than 2,000 messages of a session never arrive: the next one is asked for again, which
    starts another session, and all is well."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    talk(sandbox, ours, theirs, daemon, channel, 'before')
    sandbox.post('/skip', phone=theirs['pn'], to=ours['pn'], count=2100)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='behind the gap')
    daemon.text('behind the gap')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.check(1 <= counts['retry-receipts'] <= 2, 'retry receipts: %r' % counts)
    talk(sandbox, ours, theirs, daemon, channel, 'after')
    w.equal(clean(sandbox)['retry-receipts'], counts['retry-receipts'], 'and no more')
    # fewer than that are nothing to ask for
    sandbox.post('/skip', phone=theirs['pn'], to=ours['pn'], count=1900)
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='behind the smaller gap')
    daemon.text('behind the smaller gap')
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox)['retry-receipts'], counts['retry-receipts'], 'read at once')


w.run([another_lid, refused_address, doubted_lid, refusal('stanza'), refusal('class'), refusal('type'),
       shared_number, installed_anew, without_prekeys, gap])
