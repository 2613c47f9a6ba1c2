# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed where the queue holds, repeats, cancels and expires, where identities change and restrictions are
learnt; and a look at whether every named failpoint has a test that kills there."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch):
    sandbox = scratch.sandbox('--dedup')
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.pair(ours)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'before'), 'delivered')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='hello')
    daemon.text('hello')
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, channel


def arm(daemon, point):
    w.check(daemon.command(arm=point, **{'as': 'kill'})['ok'], 'armed')


def again(daemon, channel):
    daemon.wait_death()
    daemon.start()
    daemon.wait_status(channel, 'connected')


def advance_to_death(daemon, ms):
    daemon.socket.sendall(b'{"advance":%d}\n' % ms)
    daemon.wait_death()


def balance(sandbox, daemon, channel, inboxes):
    """@inboxes: each phone and what it has to have read, once and in order."""
    after = daemon.send(channel, inboxes[0][0]['pn'], 'after')
    daemon.status_of(after, 'delivered')
    for number, (phone, texts) in enumerate(inboxes):
        wanted = texts + ['after'] if number == 0 else texts
        w.equal([m['text'] for m in sandbox.inbox(phone, len(wanted)) if not m['fromMe']], wanted,
                'inbox')
    sequences = [e['sequence'] for e in daemon.events()]
    w.equal(sequences, list(range(1, len(sequences) + 1)), 'the journal without gap or repeat')
    told = [(e['data'].get('id'), e['data'].get('status'), e['data'].get('statusReason'))
            for e in daemon.events() if e['event'] in ('message.sent', 'message.status')]
    w.equal(len(told), len(set(told)), 'told twice: %r' % told)
    counters = sandbox.get('/counters')
    w.equal((counters['violations'], counters['unexpected']), ([], []), 'the sandbox')
    for name in ('retry-receipts', 'phone-retries', 'phone-undecryptable', 'phone-repeats',
                 'keys-used-twice'):
        w.equal(counters['counts'].get(name, 0), 0, name)


def hold(scratch):
    """send.before-hold-commit: not held on disk; it is weighed again, held or sent, once."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    carla = sandbox.phone('Carla')
    arm(daemon, 'send.before-hold-commit')
    body = {'channelId': channel, 'to': carla['pn'], 'body': 'a first contact', 'clientId': 'one'}
    try:
        daemon.request('POST', '/messages/text', body)
    except (OSError, w.http_client.HTTPException):
        pass  # it may die before it could answer
    again(daemon, channel)
    held = daemon.ok('POST', '/messages/text', body)['messageId']
    daemon.command(advance=31000)
    daemon.status_of(held, 'delivered')
    balance(sandbox, daemon, channel, [(theirs, ['before']), (carla, ['a first contact'])])


def retry(code):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        sandbox.post('/refuse', phone=ours['pn'], error=code)
        arm(daemon, 'send.before-retry-commit')
        message = daemon.send(channel, theirs['pn'], 'refused once')
        again(daemon, channel)
        daemon.status_of(message, 'delivered')
        balance(sandbox, daemon, channel, [(theirs, ['before', 'refused once'])])
    test.__name__ = 'kill at send.before-retry-commit after %d' % code
    return test


def cancel(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        daemon.ok('POST', '/channels/%s/disconnect' % channel)
        daemon.wait_status(channel, 'disconnected')
        message = daemon.send(channel, theirs['pn'], 'taken back')
        keep = daemon.send(channel, theirs['pn'], 'kept')
        arm(daemon, point)
        try:
            daemon.request('DELETE', '/outbox/%s?channelId=%s' % (message, channel))
            raise w.Failure('it answered')
        except (OSError, w.http_client.HTTPException):
            pass
        daemon.wait_death()
        daemon.start()
        daemon.ok('POST', '/channels/%s/connect' % channel)
        daemon.status_of(keep, 'delivered')
        # nobody was told that it is cancelled: it is, or it went, never both
        if point == 'cancel.after-commit':
            w.equal(daemon.status_of(message, 'failed')['data']['statusReason'], 'cancelled', 'why')
            texts = ['kept']
        else:
            daemon.status_of(message, 'delivered')
            texts = ['taken back', 'kept']
        balance(sandbox, daemon, channel, [(theirs, ['before'] + texts)])
    test.__name__ = 'kill at ' + point
    return test


def expire(scratch):
    """expire.before-commit: expired all the same, told once, never sent."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.ok('PUT', '/channels/' + channel, {'autoConnect': False})
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    message = daemon.ok('POST', '/messages/text', {
        'channelId': channel, 'to': theirs['pn'], 'body': 'late', 'expires': 60})['messageId']
    arm(daemon, 'expire.before-commit')
    advance_to_death(daemon, 61000)
    daemon.start()
    daemon.command(advance=61000)  # the clock that was advanced went back with the process
    w.equal(daemon.status_of(message, 'failed')['data']['statusReason'], 'expired', 'why')
    daemon.ok('POST', '/channels/%s/connect' % channel)
    daemon.wait_status(channel, 'connected')
    balance(sandbox, daemon, channel, [(theirs, ['before'])])


def identity(point):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        arm(daemon, point)
        sandbox.post('/reinstall', phone=theirs['pn'])
        again(daemon, channel)
        daemon.wait_event(lambda e: e['event'] == 'contact.updated', 'the other identity')
        sandbox.wait_idle(ours)
        message = daemon.send(channel, theirs['pn'], 'to the new one')
        daemon.status_of(message, 'delivered')
        sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='from the new one')
        daemon.text('from the new one')
        sandbox.wait_idle(ours)
        told = [e for e in daemon.events() if e['event'] == 'contact.updated'
                and e['data'].get('change') == 'security_code']
        w.equal(len(told), 1, 'told')
        balance(sandbox, daemon, channel, [(theirs, ['before', 'to the new one'])])
    test.__name__ = 'kill at ' + point
    return test


def restriction(scratch):
    """restriction.before-commit: not known after the start; the next refusal teaches it, and it holds."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
    people = [sandbox.phone('P%d' % i) for i in range(3)]
    sandbox.post('/restrict', phone=ours['pn'], kind='reachout', seconds=3600)
    arm(daemon, 'restriction.before-commit')
    first = daemon.send(channel, people[0]['pn'], 'refused')
    again(daemon, channel)
    daemon.status_of(first, 'failed')
    second = daemon.send(channel, people[1]['pn'], 'refused too')
    # it is held if the daemon has asked by then why the first one failed
    daemon.wait_event(lambda e: e['data'].get('id') == second
                      and (e['data'].get('status') == 'failed'
                           or e['data'].get('statusReason') == 'account_restricted'), 'its refusal')
    daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['data'].get('restrictions'),
                      'the restriction')
    held = daemon.send(channel, people[2]['pn'], 'waits')
    daemon.wait_event(lambda e: e['data'].get('id') == held
                      and e['data'].get('statusReason') == 'account_restricted', 'the hold')
    sandbox.post('/restrict', phone=ours['pn'], kind='reachout', seconds=0)
    daemon.command(advance=3601 * 1000)
    daemon.status_of(held, 'delivered')
    balance(sandbox, daemon, channel, [(theirs, ['before']), (people[2], ['waits'])])


def every_failpoint(scratch):
    """Each name that stands in the daemon is a word of a test."""
    def texts(folder, ending):
        for top, _, names in os.walk(os.path.join(w.SOURCE, folder)):
            if 'node_modules' not in top:
                for name in names:
                    if name.endswith(ending):
                        with open(os.path.join(top, name), encoding='utf-8') as file:
                            yield file.read()

    named = set()
    for text in texts('daemon', '.c'):
        named.update(re.findall(r'WHIM_FAILPOINT\s*\(\s*"([^"]+)"', text))
    tested = set()
    for folder in ('service', 'interop'):
        for text in texts(os.path.join('tests', folder), '.py'):
            tested.update(re.findall(r"""['"]([a-z]+\.[a-z-]+)(?:=kill[^'"]*)?['"]""", text))
    w.check(len(named) > 30, 'the names are not found: %r' % named)
    w.equal(sorted(named - tested), [], 'failpoints that no test arms')


w.run([every_failpoint, hold, retry(503), retry(479), cancel('cancel.before-commit'),
       cancel('cancel.after-commit'), expire, identity('identity.before-commit'),
       identity('identity.after-commit'), restriction])
