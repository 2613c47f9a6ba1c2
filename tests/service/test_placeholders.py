# SPDX-License-Identifier: GPL-3.0-or-later
"""What never was here, or stays unreadable: our phone is asked, and its answer is the message."""
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


def told(daemon, message_id):
    return [e['event'] for e in of_id(daemon, message_id, 'message.received', 'message.undecryptable')]


def unavailable(scratch):
    """Several come in one request; each takes its placeholder's place, with its own time and name."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/unavailable', phone=ours['pn'], count=40)
    ids = [sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='number %d' % n)['id']
           for n in range(40)]
    sandbox.wait_idle(ours)
    # on a slow machine some were asked for, and answered, while others still came
    got = daemon.messages(channel)
    w.equal([m for m in got if m['id'] not in ids and m.get('body') != 'hello'], [], 'others')
    w.equal(len(got), 41, 'each is there, as itself or as a placeholder')
    daemon.command(advance=300)
    for number in range(40):
        event = daemon.text('number %d' % number)
        w.equal((event['data']['id'], event['data']['from'], event['data']['fromName']),
                (ids[number], theirs['pn'], 'Bert'), 'the message')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal(counts['placeholder-keys'], 40, 'each was asked for once')
    w.check(2 <= counts['placeholder-requests'] < 40, 'several in a request, 32 at most')
    w.equal(counts.get('retry-receipts', 0), 0, 'retry receipts')
    w.equal(sorted(m['type'] for m in daemon.messages(channel)), ['text'] * 41, 'stored')
    w.equal([told(daemon, i) for i in ids], [['message.received']] * 40, 'told')
    w.equal(daemon.ok('GET', '/chats?channelId=' + channel)['data'][0]['unread'], 41, 'unread')
    daemon.command(advance=130000)
    sandbox.wait_idle(ours)
    w.equal([told(daemon, i) for i in ids], [['message.received']] * 40, 'told later')


def not_to_be_asked(kind):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        sandbox.post('/unavailable', phone=ours['pn'], kind=kind)
        message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='once')['id']
        event = daemon.wait_event(lambda e: e['event'] == 'message.undecryptable', 'it')
        w.equal((event['data']['id'], event['data']['statusReason']), (message_id, kind), 'event')
        daemon.command(advance=130000)
        sandbox.wait_idle(ours)
        w.equal(clean(sandbox).get('placeholder-requests', 0), 0, 'requests')
        w.equal(told(daemon, message_id), ['message.undecryptable'], 'told')
    test.__name__ = 'not asked for: ' + kind
    return test


def too_old(scratch):
    """What is older than a fortnight is not asked for."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'message', 'attrs': {'id': 'OLD', 'from': {'jid': theirs['lid'] + '@lid'},
                                    'type': 'text', 't': '1700000000'},
        'children': [{'tag': 'unavailable', 'attrs': {}}]})
    daemon.wait_event(lambda e: e['event'] == 'message.undecryptable', 'it')
    daemon.command(advance=10000)
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get('placeholder-requests', 0), 0, 'requests')


def silent_phone(scratch):
    """It does not answer: told after two minutes, once; what it says later still counts."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/memory', phone=ours['pn'], on=False)
    sandbox.post('/unavailable', phone=ours['pn'])
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='lost')['id']
    sandbox.wait_idle(ours)
    daemon.command(advance=300)
    sandbox.get('/await-count?name=placeholder-unanswered&count=1')
    w.equal(told(daemon, message_id), [], 'too early')
    daemon.command(advance=121000)
    daemon.wait_event(lambda e: e['event'] == 'message.undecryptable', 'it')
    # after a restart nobody asks for what was given up
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    daemon.command(advance=10000)
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox)['placeholder-requests'], 1, 'requests')
    sandbox.post('/resend', phone=theirs['pn'], id=message_id)
    daemon.text('lost')
    w.equal(told(daemon, message_id), ['message.undecryptable', 'message.received'], 'told')


def undecryptable(scratch):
    """It stays unreadable for five seconds: the phone is asked beside the sender."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/corrupt', phone=ours['pn'], count=9)
    sandbox.post('/hold', phone=theirs['pn'], device=0)  # our retry receipts do not reach him
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='through the phone')['id']
    sandbox.get('/await-count?name=retry-receipts&count=1')
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get('placeholder-requests', 0), 0, 'too early')
    sandbox.post('/corrupt', phone=ours['pn'], count=0)
    daemon.command(advance=5100)
    event = daemon.text('through the phone')
    w.equal(event['data']['id'], message_id, 'id')
    sandbox.post('/hold', phone=theirs['pn'], device=0, on=False)
    sandbox.wait_idle(ours)
    clean(sandbox)
    w.equal(told(daemon, message_id), ['message.received'], 'told')


def over_restart(scratch):
    """Killed when the request was committed: the next login asks again, and it comes once."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.command(arm='peer.after-commit', **{'as': 'kill'})
    sandbox.post('/unavailable', phone=ours['pn'])
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='asked twice')['id']
    sandbox.wait_idle(ours)
    daemon.socket.sendall(b'{"advance":300}\n')
    daemon.wait_death()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    w.equal(clean(sandbox).get('placeholder-requests', 0), 0, 'it had left')
    sandbox.wait_idle(ours)
    daemon.command(advance=5100)
    daemon.text('asked twice')
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox)['placeholder-requests'], 1, 'requests')
    w.equal(told(daemon, message_id), ['message.received'], 'told')


w.run([unavailable, too_old, silent_phone, undecryptable, over_restart]
      + [not_to_be_asked(kind) for kind in ('view_once', 'hosted', 'bot')])
