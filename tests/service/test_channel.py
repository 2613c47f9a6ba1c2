# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel that stays: silence, cut sockets, refusals, wrong servers, and what is kept of a pairing."""
import json
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch, control=False):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    echo = sandbox.phone('Echo', echo=True)
    daemon = scratch.daemon(sandbox, control=control)
    channel = daemon.pair(ours)
    return sandbox, ours, echo, daemon, channel


def last_seq(daemon):
    return daemon.events()[-1]['seq']


def silence(scratch):
    """A server that says nothing any more is found by the keep-alive, without a clock of ours waiting."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    after = last_seq(daemon)
    sandbox.post('/silence', phone=ours['pn'])
    # the ping is due at the latest after 30 s, the verdict 20 s later
    daemon.command(advance=31000)
    daemon.command(advance=21000)
    event = daemon.wait_event(lambda e: e['event'] == 'channel.status'
                              and e['data']['reason'] == 'silent', 'silence', after)
    w.equal(event['data']['status'], 'connecting', 'status')
    daemon.command(advance=5000)
    daemon.wait_event(lambda e: e['event'] == 'channel.status'
                      and e['data']['status'] == 'connected', 'the way back', after)
    daemon.send(channel, echo['pn'], 'still there')
    daemon.text('still there')
    sandbox.check_clean()


def reasons(scratch):
    """Stream errors and refusals, each with a reason that people understand."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)
    rows = [({'code': '515'}, 'connected', None), ({'code': '503'}, 'connected', None),
            ({'conflict': 'replaced'}, 'disconnected', 'replaced')]
    for fault, status, reason in rows:
        after = last_seq(daemon)
        sandbox.post('/stream-error', phone=ours['pn'], **fault)
        daemon.wait_event(lambda e: e['event'] == 'channel.status'
                          and e['data']['status'] != 'connected', 'trouble', after)
        daemon.command(advance=5000)
        daemon.wait_event(lambda e: e['event'] == 'channel.status'
                          and e['data']['status'] == status, status, after)
        if reason:
            w.equal(daemon.ok('GET', '/channels/%s/status' % channel)['reason'], reason, 'reason')
    # a resting state is left by connect alone
    sandbox.post('/login-failure', phone=ours['pn'], reason=402)
    after = last_seq(daemon)
    daemon.ok('POST', '/channels/%s/connect' % channel)
    event = daemon.wait_event(lambda e: e['event'] == 'channel.status'
                              and e['data']['reason'] == 'temporarily_banned', 'the ban', after)
    w.equal((event['data']['status'], event['data'].get('detail')), ('disconnected', '402'), 'ban')
    sandbox.post('/login-failure', phone=ours['pn'], reason=0)
    daemon.ok('POST', '/channels/%s/connect' % channel)
    daemon.wait_status(channel, 'connected', after)
    sandbox.check_clean()


def other_server(scratch):
    """Keys that were paired with one server never reach another."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    daemon.stop()
    other = scratch.sandbox()
    daemon.sandbox = other
    daemon.start()
    status = daemon.ok('GET', '/channels/%s/status' % channel)
    w.equal((status['status'], status['reason']), ('disconnected', 'wrong_server'), 'status')
    w.equal(other.counts().get('logins', 0), 0, 'logins at the other server')


def kept(scratch):
    """What the phone sends once at pairing is on disk, also while nothing uses it."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    daemon.stop()
    database = [os.path.join(daemon.directory, n) for n in os.listdir(daemon.directory)
                if n.endswith(('.db', '.sqlite'))][0]
    with sqlite3.connect(database) as connection:
        kinds = [r[0] for r in connection.execute('SELECT kind FROM pairing_material')]
    w.equal(sorted(kinds), ['app-state-key-share', 'history-notification', 'lid-mapping',
                            'nct-salt'], 'kept')
    w.equal(oct(os.stat(database).st_mode & 0o777), '0o600', 'mode of the database')
    w.equal(oct(os.stat(os.path.join(daemon.directory, 'admin.key')).st_mode & 0o777), '0o600',
            'mode of the key')
    daemon.start()


def sliced(scratch):
    """The whole life of a channel over frames in pieces of a few bytes."""
    sandbox = scratch.sandbox()
    sandbox.post('/chop', on=True)
    ours = sandbox.phone('Whim')
    echo = sandbox.phone('Echo', echo=True)
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(ours)
    daemon.send(channel, echo['pn'], 'in pieces')
    daemon.text('in pieces')
    sandbox.wait_idle(ours)
    sandbox.check_clean()


def health(scratch):
    """What /health says changes with what happens and not with the time: it is asked before and after, and both answers
    are true."""
    sandbox, ours, echo, daemon, channel = setup(scratch, control=True)

    def says(status, total, connected, what):
        for _ in range(2):
            answer = w.http('GET', daemon.url + '/health')[1]
            w.equal((answer['status'], answer['channels'], answer['database']),
                    (status, {'total': total, 'connected': connected}, 'ok'), what)

    says('ok', 1, 1, 'connected')
    second = daemon.ok('POST', '/channels', {'name': 'Second'})['data']['id']
    says('ok', 2, 1, 'a second one')
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    says('ok', 2, 0, 'disconnected on demand')
    daemon.ok('POST', '/channels/%s/connect' % channel)
    daemon.wait_status(channel, 'connected')
    says('ok', 2, 1, 'connected again')
    before = w.http('GET', daemon.url + '/health')[1]['timestamp']
    daemon.command(advance=5000)
    w.check(w.http('GET', daemon.url + '/health')[1]['timestamp'] >= before + 5, 'the timestamp is of now')
    daemon.ok('DELETE', '/channels/' + second)
    says('ok', 1, 1, 'the second one is gone')
    after = last_seq(daemon)
    sandbox.stop()  # and there is no way back
    daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['data']['status'] == 'connecting', 'cut', after)
    says('degraded', 1, 0, 'it should be connected')
    daemon.ok('PUT', '/channels/' + channel, {'autoConnect': False})
    says('ok', 1, 0, 'it need not be connected')
    daemon.ok('PUT', '/channels/' + channel, {'autoConnect': True})
    says('degraded', 1, 0, 'it should be connected again')


def quiet_log(scratch):
    """No number, no text and no key in any line of the log, at debug level."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    daemon.stop()
    daemon.start(env={'G_MESSAGES_DEBUG': 'whim-base whim-crypto whim-wire whim-noise whim-transport '
                                          'whim-signal whim-session whim-store whim-content '
                                          'whim-messaging whim-engine whim-rest whim-app'})
    daemon.wait_status(channel, 'connected')
    daemon.send(channel, echo['pn'], 'canary-text')
    daemon.text('canary-text')
    sandbox.wait_idle(ours)
    status, answer = daemon.request('POST', '/messages/text', {
        'channelId': channel, 'to': '4915550777777', 'body': 'canary-text'})
    w.equal(status, 422, 'unknown recipient')
    log = daemon.program.stderr()
    w.check('online' in log, 'the debug log is on')
    for canary in ('canary-text', ours['pn'], echo['pn'], ours['lid'], echo['lid'], daemon.key,
                   '4915550777777'):
        w.check(canary not in log, 'the log names what it must not')
        w.check(canary not in json.dumps(answer), 'the error names what it must not')


w.run([silence, reasons, other_server, kept, sliced, health, quiet_log])
