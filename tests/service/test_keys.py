# SPDX-License-Identifier: GPL-3.0-or-later
"""Our keys at the server: rotated in time, compared when the server asks, uploaded again."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

DAYS_27 = 27 * 24 * 3600 * 1000
DAY = 24 * 3600 * 1000
ROTATE = 'iq:encrypt:set:rotate'
UPLOAD = 'iq:encrypt:set:registration'
DIGEST = 'iq:encrypt:get:digest'


def setup(scratch, failpoints=None):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    daemon = scratch.daemon(sandbox, failpoints=failpoints, control=True)
    return sandbox, ours, daemon, daemon.pair(ours)


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    return counters['counts']


def signed_prekey(sandbox, ours):
    return [d['signedPrekey'] for d in sandbox.get('/devices')['devices']
            if d['phone'] == ours['pn'] and d['device'] != 0][0]


def stored(sandbox, daemon, ours, channel, text):
    """It has arrived. (The journal does not reach over the weeks that pass here.)"""
    sandbox.wait_idle(ours)
    w.check(text in [m['body'] for m in daemon.messages(channel)], '%r is not stored' % text)


def write(sandbox, daemon, ours, channel, text, name):
    """Somebody new writes, so with a session from the keys at the server."""
    person = sandbox.phone(name)
    sandbox.post('/send', phone=person['pn'], to=ours['pn'], text=text)
    stored(sandbox, daemon, ours, channel, text)


def await_count(sandbox, name, count=1):
    sandbox.get('/await-count?name=%s&count=%d' % (name, count))


def rotated(scratch):
    """After 27 days there is another key; who has fetched the old one can still write to us."""
    sandbox, ours, daemon, channel = setup(scratch)
    w.equal(signed_prekey(sandbox, ours), 1, 'the first key')
    old = sandbox.phone('Old')
    sandbox.post('/hold', phone=ours['pn'])
    sandbox.post('/send', phone=old['pn'], to=ours['pn'], text='with the old key')
    daemon.command(advance=DAYS_27 - 60000)
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get(ROTATE), None, 'not before its time')
    daemon.command(advance=120000)
    await_count(sandbox, ROTATE)
    w.equal(signed_prekey(sandbox, ours), 2, 'the second key')
    sandbox.wait_idle(ours)
    sandbox.post('/hold', phone=ours['pn'], on=False)
    stored(sandbox, daemon, ours, channel, 'with the old key')
    write(sandbox, daemon, ours, channel, 'with the new key', 'New')
    sandbox.wait_idle(ours)
    # and after a restart both are still here, the first one for two rotations
    older = sandbox.phone('Older')
    sandbox.post('/hold', phone=ours['pn'])
    sandbox.post('/send', phone=older['pn'], to=ours['pn'], text='with the second key')
    daemon.command(advance=DAYS_27 + 60000)
    await_count(sandbox, ROTATE, 2)
    w.equal(signed_prekey(sandbox, ours), 3, 'the third key')
    daemon.stop()
    daemon.start()
    sandbox.wait_idle(ours)
    sandbox.post('/hold', phone=ours['pn'], on=False)
    stored(sandbox, daemon, ours, channel, 'with the second key')
    write(sandbox, daemon, ours, channel, 'with the third key', 'Newer')
    sandbox.wait_idle(ours)
    w.equal(clean(sandbox).get('retry-receipts', 0), 0, 'retry receipts')
    w.equal(len([m for m in daemon.messages(channel) if m['type'] == 'undecryptable']), 0, 'unread')


def refused(code, checks, again_id):
    def test(scratch):
        sandbox, ours, daemon, channel = setup(scratch)
        sandbox.post('/fail-requests', phone=ours['pn'], request='encrypt:set:rotate', code=code)
        daemon.command(advance=DAYS_27 + 60000)
        await_count(sandbox, ROTATE)
        if checks:
            await_count(sandbox, DIGEST)
        sandbox.wait_idle(ours)
        sandbox.wait_idle(ours)
        w.equal(signed_prekey(sandbox, ours), 1, 'the key')
        write(sandbox, daemon, ours, channel, 'meanwhile', 'Mean')
        daemon.command(advance=DAY + 60000)
        await_count(sandbox, ROTATE, 2)
        sandbox.wait_idle(ours)
        write(sandbox, daemon, ours, channel, 'afterwards', 'After')
        w.equal(signed_prekey(sandbox, ours), again_id, 'the key')
        counts = clean(sandbox)
        w.equal((counts[ROTATE], counts.get(DIGEST, 0)), (2, checks), 'requests')
        w.equal(counts.get('retry-receipts', 0), 0, 'retry receipts')
    test.__name__ = 'refused with %d' % code
    return test


def killed(point):
    def test(scratch):
        sandbox, ours, daemon, channel = setup(scratch)
        daemon.command(arm=point, **{'as': 'kill'})
        daemon.socket.sendall(b'{"advance":%d}\n' % (DAYS_27 + 60000))
        daemon.wait_death()
        at_server = signed_prekey(sandbox, ours)
        # who fetched the new key while we were away can write to us
        person = sandbox.phone('Between')
        sandbox.post('/send', phone=person['pn'], to=ours['pn'], text='between')
        daemon.start()
        sandbox.wait_idle(ours)
        stored(sandbox, daemon, ours, channel, 'between')
        sandbox.wait_idle(ours)
        w.equal(at_server, 2 if 'adopt' in point else 1, 'the key at the server')
        # the clock that was advanced went back with the process
        daemon.command(advance=(2 if 'after-adopt' in point else 1) * DAYS_27 + 120000)
        if 'after-adopt' in point:
            await_count(sandbox, ROTATE, 2)
            w.equal(signed_prekey(sandbox, ours), 3, 'the key')
        else:
            await_count(sandbox, ROTATE, 2 if 'adopt' in point else 1)
            w.equal(signed_prekey(sandbox, ours), 2, 'the key')
        sandbox.wait_idle(ours)
        write(sandbox, daemon, ours, channel, 'afterwards', 'After')
        w.equal(clean(sandbox).get('retry-receipts', 0), 0, 'retry receipts')
    test.__name__ = 'kill at ' + point
    return test


def ask_for_check(sandbox, ours):
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'notification', 'attrs': {'id': 'CHECK', 'from': {'jid': 's.whatsapp.net'},
                                         'type': 'encrypt', 't': '1700000000'},
        'children': [{'tag': 'digest', 'attrs': {}}]})


def compared(scratch):
    """Equal: nothing happens. Different: up again, once in a login."""
    sandbox, ours, daemon, channel = setup(scratch)
    uploads = clean(sandbox).get(UPLOAD, 0)
    ask_for_check(sandbox, ours)
    await_count(sandbox, DIGEST, 1)
    write(sandbox, daemon, ours, channel, 'one', 'One')  # takes a key away: both know
    sandbox.wait_idle(ours)
    ask_for_check(sandbox, ours)
    await_count(sandbox, DIGEST, 2)
    write(sandbox, daemon, ours, channel, 'two', 'Two')
    w.equal(clean(sandbox).get(UPLOAD, 0), uploads, 'uploads')
    sandbox.post('/fail-requests', phone=ours['pn'], request='encrypt:get:digest', code=404, count=2)
    ask_for_check(sandbox, ours)
    await_count(sandbox, DIGEST, 3)
    await_count(sandbox, UPLOAD, uploads + 1)
    ask_for_check(sandbox, ours)
    await_count(sandbox, DIGEST, 4)
    write(sandbox, daemon, ours, channel, 'three', 'Three')
    w.equal(clean(sandbox).get(UPLOAD, 0), uploads + 1, 'once in a login')
    sandbox.post('/drop', phone=ours['pn'])
    write(sandbox, daemon, ours, channel, 'four', 'Four')
    sandbox.wait_idle(ours)
    # the server lists a key that we do not have
    sandbox.post('/stale-prekeys', phone=ours['pn'], listed=True)
    ask_for_check(sandbox, ours)
    await_count(sandbox, UPLOAD, uploads + 2)
    w.equal(clean(sandbox)[DIGEST], 5, 'checks')


def few_left(scratch):
    """The server says that few are left; then that none of them is ours: both are made good."""
    sandbox, ours, daemon, channel = setup(scratch)
    sandbox.post('/set-prekey-count', phone=ours['pn'], count=3)
    sandbox.get('/prekeys?phone=%s&count=200' % ours['pn'])
    sandbox.post('/stale-prekeys', phone=ours['pn'])
    person = sandbox.phone('Gone')
    sandbox.post('/send', phone=person['pn'], to=ours['pn'], text='a key that is gone')
    daemon.text('a key that is gone')
    sandbox.wait_idle(ours)
    counts = clean(sandbox)
    w.equal((counts['retry-receipts'], counts['retry-keys']), (1, 1), 'asked again with keys')


w.run([rotated, refused(406, 0, 2), refused(409, 1, 2), refused(500, 0, 2), compared, few_left]
      + [killed(p) for p in ('rotate.after-commit', 'rotate.before-adopt-commit',
                             'rotate.after-adopt-commit')])
