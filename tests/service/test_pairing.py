# SPDX-License-Identifier: GPL-3.0-or-later
"""Linking an account, by phone code and by QR, with everything that can go wrong on the way."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch, control=False):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    echo = sandbox.phone('Echo', echo=True)
    daemon = scratch.daemon(sandbox, control=control)
    channel = daemon.ok('POST', '/channels', {'name': 'First'})['data']['id']
    return sandbox, ours, echo, daemon, channel


def last_seq(daemon):
    events = daemon.events()
    return events[-1]['seq'] if events else 0


def status(daemon, channel):
    return daemon.ok('GET', '/channels/%s/status' % channel)


def ask(daemon, channel, phone, **args):
    return daemon.request('POST', '/channels/%s/connect-phone' % channel,
                          {'phoneNumber': phone}, **args)


def code_for(daemon, channel, phone):
    answer = daemon.ok('POST', '/channels/%s/connect-phone' % channel, {'phoneNumber': phone['pn']})
    return answer['pairingCode']


def talks(daemon, channel, echo, text):
    daemon.send(channel, echo['pn'], text)
    daemon.text(text)


def wait_reason(daemon, channel, reason, after=0):
    return daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['channelId'] == channel
                             and e['data']['reason'] == reason, reason, after)['data']


def connected(daemon, channel, after):
    daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['channelId'] == channel
                      and e['data']['status'] == 'connected', 'connected', after)


def disconnected(daemon, channel, after):
    return daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['channelId'] == channel
                             and e['data']['status'] == 'disconnected', 'disconnected', after)['data']


def enter(sandbox, daemon, channel, phone):
    """Asks for a code, types it, waits for the end."""
    after = last_seq(daemon)
    sandbox.post('/enter-code', phone=phone['pn'], code=code_for(daemon, channel, phone))
    connected(daemon, channel, after)


def scan(sandbox, daemon, channel, phone):
    after = last_seq(daemon)
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
    sandbox.post('/scan', qr=qr, phone=phone['pn'])
    connected(daemon, channel, after)


def by_code(scratch):
    sandbox, ours, echo, daemon, channel = setup(scratch)
    code, answer = ask(daemon, channel, '+' + ours['pn'][:3] + ' (' + ours['pn'][3:6] + ') '
                       + ours['pn'][6:])
    w.equal(code, 200, 'asking: %r' % answer)
    w.equal(answer['success'], True, 'success')
    shown = answer['pairingCode']
    w.check(len(shown) == 9 and shown[4] == '-', 'the form of the code')
    w.check(170 <= answer['expiresAt'] - answer['since'] <= 181, 'three minutes')
    w.equal((answer['status'], answer['reason']), ('connecting', 'pairing_code'), 'status')
    # asking again shows the same code, and asks the server for none
    w.equal(code_for(daemon, channel, ours), shown, 'asked again')
    w.equal(sandbox.counts()['codes'], 1, 'codes asked for')
    # the journal keeps when it expires, the code comes from memory while it is good
    event = daemon.wait_event(lambda e: e['event'] == 'channel.pairing-code', 'the code')
    w.equal(event['data'], {'expiresAt': answer['expiresAt'], 'pairingCode': shown}, 'event')
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    daemon.wait_status(channel, 'connected')
    event = [e for e in daemon.events() if e['event'] == 'channel.pairing-code'][0]
    w.check('pairingCode' not in event['data'], 'a code that is over is not shown')
    talks(daemon, channel, echo, 'linked by code')
    code, answer = ask(daemon, channel, ours['pn'])
    w.equal((code, answer['error']['type']), (409, 'already_paired'), 'linked already')
    sandbox.wait_idle(ours)
    sandbox.check_clean()


def numbers(scratch):
    sandbox, ours, echo, daemon, channel = setup(scratch)
    for number in ('', '123456', '1234567890123456', '0123456789', 'my phone', '+', '12+3456789',
                   '1234567\u0661'):
        code, answer = ask(daemon, channel, number)
        w.equal((code, answer['error']['type']), (400, 'invalid_parameter'), number)
        w.check(answer['error']['details'].startswith('body.phoneNumber'), 'the field is named')
    code, answer = daemon.request('POST', '/channels/%s/connect-phone' % channel, {})
    w.equal((code, answer['error']['type']), (400, 'missing_parameter'), 'nothing')
    w.equal(sandbox.counts().get('registrations', 0), 0, 'connections')


def wrong_code(scratch):
    """The owner types it wrong, then right; then once more: three times in all, not more."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    shown = code_for(daemon, channel, ours)
    wrong = ('2' if shown[0] == '1' else '1') + shown[1:]
    sandbox.post('/enter-code', phone=ours['pn'], code=wrong)
    sandbox.get('/await-count?name=wrong-codes&count=1')
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    daemon.wait_status(channel, 'connected')
    talks(daemon, channel, echo, 'at the second try')
    sandbox.check_clean()


def too_often(scratch):
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    shown = code_for(daemon, channel, ours)
    wrong = ('2' if shown[0] == '1' else '1') + shown[1:]
    for n in range(1, 4):
        sandbox.post('/enter-code', phone=ours['pn'], code=wrong)
        sandbox.get('/await-count?name=wrong-codes&count=%d' % n)
    after = last_seq(daemon)
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    # the fourth is acknowledged and no more; the code is written off a minute after the third
    sandbox.get('/await-count?name=early&count=4')
    daemon.command(advance=61000)
    wait_reason(daemon, channel, 'pairing_code_expired', after)
    w.equal(sandbox.counts()['code-finishes'], 3, 'bundles')
    w.equal(status(daemon, channel)['status'], 'disconnected', 'status')
    sandbox.check_clean()


def replayed(scratch):
    """primary_hello comes twice: each with new randomness, and the later one is what counts."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    shown = code_for(daemon, channel, ours)
    sandbox.post('/enter-code', phone=ours['pn'], code=shown, times=2)
    daemon.wait_status(channel, 'connected')
    talks(daemon, channel, echo, 'replayed')
    sandbox.check_clean()


def refreshed(scratch):
    sandbox, ours, echo, daemon, channel = setup(scratch)
    shown = code_for(daemon, channel, ours)
    after = last_seq(daemon)
    sandbox.post('/refresh-code')
    # by itself: another code, told by an event
    event = daemon.wait_event(lambda e: e['event'] == 'channel.pairing-code'
                              and e['data']['pairingCode'] != shown, 'a new code', after)
    fresh = code_for(daemon, channel, ours)
    w.check(fresh != shown, 'it is another one')
    w.equal(event['data']['pairingCode'], fresh, 'told')
    # only if somebody asks
    after = last_seq(daemon)
    sandbox.post('/refresh-code', force=True)
    wait_reason(daemon, channel, 'pairing_code_expired', after)
    w.equal(sandbox.counts()['codes'], 2, 'codes asked for')
    third = code_for(daemon, channel, ours)
    w.equal(sandbox.counts()['codes'], 3, 'codes asked for')
    sandbox.post('/enter-code', phone=ours['pn'], code=third)
    daemon.wait_status(channel, 'connected')
    sandbox.check_clean()


def refused(scratch):
    """Each refusal as what it is, and nothing asks again."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    rows = [(400, 502, 'refused'), (403, 502, 'refused'), (429, 429, 'rate_limited'),
            (452, 502, 'refused'), (500, 502, 'refused'), (499, 502, 'refused')]
    for n, (theirs, code, kind) in enumerate(rows, 1):
        sandbox.post('/pairing', refuseCodes=theirs)
        got, answer = ask(daemon, channel, ours['pn'])
        w.equal((got, answer['error']['type']), (code, kind), 'refused with %d' % theirs)
        w.check('(%d)' % theirs in answer['error']['message'], 'its number is told')
        now = status(daemon, channel)
        w.equal((now['reason'], now['detail']), ('pairing_code_refused', str(theirs)), 'status')
        w.equal(sandbox.counts()['codes-refused'], n, 'asked once')
    # the QR is still there, and works
    sandbox.post('/scan', qr=daemon.ok('GET', '/channels/%s/qr' % channel)['raw'], phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    w.equal(sandbox.counts()['codes-refused'], len(rows), 'asked by itself')
    sandbox.check_clean()


def both(scratch):
    """QR and code at a time: whichever is first wins."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    first = daemon.ok('POST', '/channels/%s/connect' % channel)
    code_for(daemon, channel, ours)
    w.equal(status(daemon, channel)['status'], 'connecting', 'status')
    sandbox.post('/scan', qr=first['raw'], phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    talks(daemon, channel, echo, 'by QR')
    daemon.ok('POST', '/channels/%s/logout' % channel)
    daemon.ok('POST', '/channels/%s/connect' % channel)
    enter(sandbox, daemon, channel, ours)
    talks(daemon, channel, echo, 'by code')
    sandbox.check_clean()


def secret_kept(scratch):
    """companion_reg_refresh before and after primary_hello: the code's secret survives."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    sandbox.post('/pairing', refresh=True)
    shown = code_for(daemon, channel, ours)
    sandbox.post('/registration', send='companion_reg_refresh')
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    daemon.wait_status(channel, 'connected')
    sandbox.check_clean()


def expiries(scratch):
    """The socket lives as long as the code, the QR no longer than its refs."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    code_for(daemon, channel, ours)
    # six refs in 160 s: the connection stays for the code
    w.pass_time(sandbox, daemon, 160)
    now = status(daemon, channel)
    w.equal((now['status'], now['reason']), ('connecting', 'pairing_code'), 'after 160 s')
    w.equal(daemon.request('GET', '/channels/%s/qr' % channel)[0], 409, 'no QR any more')
    w.equal(sandbox.counts()['registrations'], 1, 'connections')
    after = last_seq(daemon)
    daemon.command(advance=20000)
    # GET /qr counted as asking: a new connection with new refs
    wait_reason(daemon, channel, 'pairing_code_expired', after)
    sandbox.get('/await-count?name=registrations&count=2')
    daemon.wait_event(lambda e: e['event'] == 'channel.qr', 'the new QR', after)
    w.pass_time(sandbox, daemon, 50)
    daemon.command(advance=10000)
    # told in the journal, not only on the status: the next cursor is behind it
    w.equal(disconnected(daemon, channel, after)['reason'], 'pairing_code_expired', 'reason')
    # the phone took the code and did no more: written off after a minute, with a new secret
    sandbox.post('/pairing', deaf=True)
    after = last_seq(daemon)
    shown = code_for(daemon, channel, ours)
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    sandbox.get('/await-count?name=codes-ignored&count=1')
    daemon.command(advance=61000)
    wait_reason(daemon, channel, 'pairing_code_expired', after)
    sandbox.post('/pairing')
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)
    sandbox.post('/scan', qr=qr['raw'], phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    sandbox.check_clean()


def asked_while_it_ends(scratch):
    """Who asks for a QR in the moment in which a code ends gets one, however long ago the first code was."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    after = last_seq(daemon)
    code_for(daemon, channel, ours)
    w.pass_time(sandbox, daemon, 175)
    daemon.command(advance=6000)
    disconnected(daemon, channel, after)
    sandbox.post('/pairing', deaf=True)
    shown = code_for(daemon, channel, ours)
    w.pass_time(sandbox, daemon, 100)
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    sandbox.get('/await-count?name=codes-ignored&count=1')
    daemon.command(advance=61000)
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)
    sandbox.post('/pairing')
    sandbox.post('/scan', qr=qr['raw'], phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    sandbox.check_clean()


def lost(scratch):
    """A cut socket takes the code with it, and says so; nothing asks for another."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    code_for(daemon, channel, ours)
    after = last_seq(daemon)
    sandbox.post('/registration', send='drop')
    wait_reason(daemon, channel, 'pairing_code_expired', after)
    daemon.command(advance=2000)
    sandbox.get('/await-count?name=registrations&count=2')
    w.equal(sandbox.counts()['codes'], 1, 'codes')
    shown = code_for(daemon, channel, ours)
    sandbox.post('/enter-code', phone=ours['pn'], code=shown)
    daemon.wait_status(channel, 'connected')
    sandbox.check_clean()


def another_number(scratch):
    """A call that waits for a code of one number hears when another is asked for."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    sandbox.post('/hold-handshakes')
    answers = []
    first = threading.Thread(target=lambda: answers.append(ask(daemon, channel, echo['pn'])))
    first.start()
    sandbox.get('/await-count?name=held-handshakes&count=1')
    second = threading.Thread(target=lambda: answers.append(ask(daemon, channel, ours['pn'])))
    second.start()
    first.join()
    w.equal((answers[0][0], answers[0][1]['error']['type']), (409, 'conflict'), 'the first')
    sandbox.post('/hold-handshakes', on=False)
    second.join()
    w.equal(answers[1][0], 200, 'the second: %r' % (answers[1],))
    sandbox.post('/enter-code', phone=ours['pn'], code=answers[1][1]['pairingCode'])
    daemon.wait_status(channel, 'connected')
    w.equal(daemon.ok('GET', '/channels/' + channel)['data']['phone'], ours['pn'], 'phone')
    sandbox.check_clean()


def hosted(scratch):
    sandbox, ours, echo, daemon, channel = setup(scratch)
    sandbox.post('/pairing', hosted=True)
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)
    sandbox.post('/scan', qr=qr['raw'], phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    talks(daemon, channel, echo, 'hosted, by QR')
    daemon.ok('POST', '/channels/%s/logout' % channel)
    enter(sandbox, daemon, channel, ours)
    talks(daemon, channel, echo, 'hosted, by code')
    sandbox.check_clean()


def forged(scratch):
    """What is not proven is refused, told, and nothing of it is kept; the next try is a fresh one."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    rows = [('signature', 401), ('hmac', 401), ('details', 401), ('key-index', 401),
            ('malformed', 500), ('empty', 500)]
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
    for n, (forge, code) in enumerate(rows, 1):
        sandbox.post('/pairing', forge=forge)
        after = last_seq(daemon)
        sandbox.post('/scan', qr=qr, phone=ours['pn'])
        # what was told of the try before may still be told again
        daemon.wait_event(lambda e: e['event'] == 'channel.status'
                          and (e['data']['reason'], e['data'].get('detail'))
                          == ('pairing_invalid', str(code)), forge, after)
        sandbox.get('/await-count?name=pairings-refused&count=%d' % n)
        w.check('phone' not in daemon.ok('GET', '/channels/' + channel)['data'], 'nothing is kept')
        daemon.command(advance=2000)
        sandbox.get('/await-count?name=registrations&count=%d' % (n + 1))
        qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
    w.equal(sandbox.counts()['pairings-refused:401'], 4, '401')
    w.equal(sandbox.counts()['pairings-refused:500'], 2, '500')
    daemon.stop()
    daemon.start()
    w.equal(status(daemon, channel)['status'], 'disconnected', 'after a restart')
    sandbox.post('/pairing', forge='')
    qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
    sandbox.post('/scan', qr=qr, phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    talks(daemon, channel, echo, 'real')
    sandbox.check_clean()


def told(scratch):
    """Accounts behind a passkey, phones that are too old: said, and codes go on."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    daemon.ok('POST', '/channels/%s/connect' % channel)
    for n, (what, reason) in enumerate([('passkey_prologue_request', 'passkey_required'),
                                        ('downgrade_webclient', 'phone_outdated'),
                                        ('crsc_continuation', 'passkey_required')], 1):
        after = last_seq(daemon)
        sandbox.post('/registration', send=what)
        data = wait_reason(daemon, channel, reason, after)
        w.equal(data['status'], 'qr', 'codes go on')
        w.equal(status(daemon, channel)['reason'], reason, 'on the status')
    sandbox.get('/await-count?name=early&count=2')
    # a phone code ends with it
    code_for(daemon, channel, ours)
    after = last_seq(daemon)
    sandbox.post('/registration', send='passkey_prologue_request')
    wait_reason(daemon, channel, 'passkey_required', after)
    # new refs replace the old ones
    after = last_seq(daemon)
    old = daemon.ok('GET', '/channels/%s/qr' % channel)['raw']
    sandbox.post('/registration', send='pair-device')
    daemon.wait_event(lambda e: e['event'] == 'channel.qr', 'new refs', after)
    fresh = daemon.ok('GET', '/channels/%s/qr' % channel)['raw']
    w.check(fresh != old, 'another QR')
    code, answer = w.http('POST', sandbox.control + '/scan', {'qr': old, 'phone': ours['pn']})
    w.equal(code, 400, 'the old one: %r' % answer)
    sandbox.post('/scan', qr=fresh, phone=ours['pn'])
    daemon.wait_status(channel, 'connected')
    w.equal(status(daemon, channel)['reason'], 'online', 'reason')
    sandbox.check_clean()


def twice(scratch):
    """One phone on two channels; and on the same one again after a logout."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    second = daemon.ok('POST', '/channels', {'name': 'Second'})['data']['id']
    for target in (channel, second):
        scan(sandbox, daemon, target, ours)
    sandbox.wait_idle(ours)
    talks(daemon, channel, echo, 'by the first')
    talks(daemon, second, echo, 'by the second')
    daemon.ok('POST', '/channels/%s/logout' % channel)
    enter(sandbox, daemon, channel, ours)
    talks(daemon, channel, echo, 'again')
    talks(daemon, second, echo, 'still')
    w.equal(len([d for d in sandbox.get('/devices')['devices']
                 if d['phone'] == ours['pn'] and d['device'] != 0]), 2, 'devices')
    sandbox.check_clean()


w.run([by_code, numbers, wrong_code, too_often, replayed, refreshed, refused, both, secret_kept,
       expiries, asked_while_it_ends, lost, another_number, hosted, forged, told, twice])
