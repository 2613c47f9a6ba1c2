# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a channel is in its state: every row of the table of ends, bans with an end, old versions, what the
server tells on the way, sleeping machines, lost networks, and many channels at a time."""
import http.server
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

README = os.path.join(w.SOURCE, 'daemon', 'session', 'README.md')
MANY = 200
GATE = 16  # WHIM_LIMIT_HANDSHAKES


def setup(scratch, control=True, env=None):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    echo = sandbox.phone('Echo', echo=True)
    daemon = scratch.daemon(sandbox, control=control, env=env)
    channel = daemon.pair(ours)
    return sandbox, ours, echo, daemon, channel


def last_seq(daemon):
    return daemon.events()[-1]['seq']


def status(daemon, channel):
    return daemon.ok('GET', '/channels/%s/status' % channel)


def wait_reason(daemon, channel, reason, after):
    return daemon.wait_event(lambda e: e['event'] == 'channel.status' and e['channelId'] == channel
                             and e['data']['reason'] == reason, 'the reason ' + reason, after)['data']


def online(daemon, channel, after):
    wait_reason(daemon, channel, 'online', after)


def rows_of_readme():
    with open(README, encoding='utf-8') as file:
        text = file.read()
    return re.findall(r'^\| ((?:failure|stream:error)[^|]*) \| ([^|]+) \| ([^|]+) \|', text, re.M)


def provoke(sandbox, daemon, channel, ours, source):
    """The server says it; returns the detail that must be told."""
    words = source.split()
    if words[0] == 'failure':
        code = words[1] if len(words) > 1 else '499'
        after = last_seq(daemon)
        sandbox.post('/login-failure', phone=ours['pn'], reason=int(code))
        sandbox.post('/drop', phone=ours['pn'])
        # connections this short raise the back-off, which is not what is tested here
        wait_reason(daemon, channel, 'network', after)
        daemon.command(wake=True)
        return code
    attrs, children, detail = {}, [], None
    if len(words) > 1 and words[1][0].isdigit():
        detail = attrs['code'] = words[1].replace('5xx', '599')
    elif len(words) > 1:
        kind = words[2] if len(words) > 2 else None
        child_attrs = {'type': kind or 'device_removed'} if words[1] == 'conflict' else {}
        children = [{'tag': words[1], 'attrs': child_attrs}]
        detail = kind or words[1]
    sandbox.post('/stanza', phone=ours['pn'],
                 node={'tag': 'stream:error', 'attrs': attrs, 'children': children})
    return detail


def ends(scratch):
    """Every row of the table, on the status and in the journal; and the way back from each."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    rows = rows_of_readme()
    w.check(len(rows) > 25, 'the table is there')
    for source, event, reason in rows:
        after = last_seq(daemon)
        detail = provoke(sandbox, daemon, channel, ours, source)
        told = wait_reason(daemon, channel, reason, after)
        resting = event in ('blocked', 'unlinked', 'replaced')
        w.equal((source, told['status'], told.get('detail')),
                (source, 'disconnected' if resting else 'connecting', detail), 'told')
        w.check(told['since'] > 0, 'since')
        if resting:
            now = status(daemon, channel)
            w.equal((now['reason'], now.get('detail')), (reason, detail), source)
        paired = 'phone' in daemon.ok('GET', '/channels/' + channel)['data']
        w.equal(paired, event != 'unlinked', 'keys after ' + source)
        sandbox.post('/login-failure', phone=ours['pn'], reason=0)
        after = last_seq(daemon)
        if event == 'unlinked':
            sandbox.post('/unlink', phone=ours['pn'])
            qr = daemon.ok('POST', '/channels/%s/connect' % channel)['raw']
            sandbox.post('/scan', qr=qr, phone=ours['pn'])
        elif resting:
            daemon.ok('POST', '/channels/%s/connect' % channel)
        elif event == 'trouble':
            daemon.command(wake=True)
        if event != 'restart':
            online(daemon, channel, after)
        else:
            daemon.wait_status(channel, 'connected', after)
        sandbox.wait_idle(ours)
    daemon.send(channel, echo['pn'], 'after all that')
    daemon.text('after all that')
    sandbox.check_clean()


def banned_until(scratch):
    """402 with an end: told, kept over a restart, not tried before, tried after it."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    sandbox.post('/login-failure', phone=ours['pn'], reason=402,
                 attrs={'code': '101', 'expire': '3600'})
    after = last_seq(daemon)
    sandbox.post('/drop', phone=ours['pn'])
    daemon.command(advance=2000)
    told = wait_reason(daemon, channel, 'temporarily_banned', after)
    w.equal(told['detail'], '402/101', 'detail')
    w.check(3590 <= told['until'] - told['since'] <= 3610, 'until')
    ban = [{'kind': 'temporary_ban', 'detail': '402/101', 'endsAt': told['until']}]
    w.equal(told['restrictions'], ban, 'among the restrictions')
    w.equal(status(daemon, channel)['restrictions'], ban, 'in the status')
    held = daemon.send(channel, echo['pn'], 'while banned')
    row = daemon.ok('GET', '/outbox/%s?channelId=%s' % (held, channel))['data']
    w.equal((row['state'], row['reason'], row['notBefore']),
            ('held', 'account_restricted', told['until']), 'what waits')
    logins = sandbox.counts()['logins']
    sandbox.post('/login-failure', phone=ours['pn'], reason=0)
    answer = daemon.ok('POST', '/channels/%s/connect' % channel)
    w.equal((answer['status'], answer['reason'], answer['until']),
            ('disconnected', 'temporarily_banned', told['until']), 'connect before its time')
    daemon.stop()
    daemon.start()
    now = status(daemon, channel)
    w.equal((now['status'], now['reason'], now['until']),
            ('disconnected', 'temporarily_banned', told['until']), 'after a restart')
    w.equal(now['restrictions'], ban, 'after a restart')
    w.equal(daemon.ok('GET', '/outbox?channelId=' + channel)['data'][0]['notBefore'], told['until'],
            'what waits, after a restart')
    w.equal(sandbox.counts()['logins'], logins, 'logins before its time')
    after = last_seq(daemon)
    daemon.command(advance=3700 * 1000)
    online(daemon, channel, after)
    now = status(daemon, channel)
    w.check('until' not in now and now['restrictions'] == [], 'it is over: %r' % now)
    daemon.status_of(held, 'delivered')
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    sandbox.check_clean()


def locked(scratch):
    """The texts of a locked account are for its owner, not for the log."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    after = last_seq(daemon)
    sandbox.post('/login-failure', phone=ours['pn'], reason=403,
                 attrs={'logout_message_header': 'canary-header', 'message': 'canary-message',
                        'logout_message_subtext': 'canary-subtext'})
    sandbox.post('/drop', phone=ours['pn'])
    daemon.command(advance=2000)
    wait_reason(daemon, channel, 'account_locked', after)
    w.check('canary' not in daemon.program.stderr(), 'the log has the text')


class Page:
    """The page that tells the client version."""

    def __init__(self):
        page = self
        self.answer = 'self.x = "{\\"client_revision\\":1999999999,"'
        self.asked = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page.asked += 1
                page.headers = dict(self.headers)
                body = page.answer.encode()
                self.send_response(200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%d/sw.js' % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def outdated(scratch):
    """405: asked once, remembered, tried once; no page, or no newer number: told, and no loop."""
    page = Page()
    scratch.add(page, page.stop)
    sandbox, ours, echo, daemon, channel = setup(scratch, env={'WHIMBREL_WA_WEB_URL': page.url})
    sandbox.post('/minimal-revision', revision=1500000000)
    after = last_seq(daemon)
    sandbox.post('/drop', phone=ours['pn'])
    daemon.command(advance=2000)
    wait_reason(daemon, channel, 'client_outdated', after)
    online(daemon, channel, after)
    w.equal(page.asked, 1, 'asked')
    w.check('Chrome' in page.headers['User-Agent'], 'as a browser')
    # remembered: a restart logs in at once, and asks nobody
    after = last_seq(daemon)
    daemon.stop()
    daemon.start(env={'WHIMBREL_WA_WEB_URL': page.url})
    online(daemon, channel, after)
    w.equal(page.asked, 1, 'asked after a restart')
    # a page that knows nothing newer: the channel rests
    sandbox.post('/minimal-revision', revision=4000000000)
    for n, answer in enumerate([page.answer, 'nothing of the kind', '"client_revision":123'], 2):
        page.answer = answer
        after = last_seq(daemon)
        logins = sandbox.counts()['logins']
        if n == 2:
            sandbox.post('/drop', phone=ours['pn'])
            daemon.command(advance=2000)
        else:
            daemon.ok('POST', '/channels/%s/connect' % channel)
        told = wait_reason(daemon, channel, 'client_outdated', after)
        w.equal(told['status'], 'disconnected', 'status')
        w.equal(sandbox.counts()['logins'], logins + 1, 'tries')
    # without a page nobody is asked
    after = last_seq(daemon)
    daemon.stop()
    asked = page.asked
    daemon.start()
    wait_reason(daemon, channel, 'client_outdated', after)
    w.equal(page.asked, asked, 'asked without a page')
    sandbox.post('/minimal-revision', revision=0)
    sandbox.check_clean()


def on_the_way(scratch):
    """A last date for this build, a second success, another LID: noticed, and nothing ends."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    after = last_seq(daemon)
    for attrs, data in [({'t': '1900000000'}, {'warning': 'client_expires', 'expiresAt': 1900000000}),
                        ({}, {'warning': 'client_expires_not'})]:
        sandbox.post('/stanza', phone=ours['pn'], node={
            'tag': 'ib', 'children': [{'tag': 'client_expiration', 'attrs': attrs}]})
        event = daemon.wait_event(lambda e: e['event'] == 'channel.warning', 'the warning', after)
        w.equal(event['data'], data, 'warning')
        after = last_seq(daemon)
        w.equal(daemon.ok('GET', '/channels/' + channel)['data'].get('clientExpiresAt'),
                data.get('expiresAt'), 'on the channel')
    sandbox.post('/stanza', phone=ours['pn'], node={'tag': 'success', 'attrs': {'t': '1'}})
    daemon.send(channel, echo['pn'], 'still here')
    daemon.text('still here')
    w.equal(sandbox.counts()['logins'], 1, 'logins')
    w.equal(status(daemon, channel)['status'], 'connected', 'status')
    sandbox.check_clean()
    # another LID is taken over, and kept
    after = last_seq(daemon)
    sandbox.post('/told-lid', phone=ours['pn'], lid='987654321098765')
    sandbox.post('/drop', phone=ours['pn'])
    daemon.command(advance=2000)
    online(daemon, channel, after)
    w.equal(daemon.ok('GET', '/channels/' + channel)['data']['lid'], '987654321098765@lid', 'LID')
    daemon.stop()
    sandbox.post('/told-lid', phone=ours['pn'])
    daemon.start()


def woken(scratch):
    """After a sleep every connection is looked after at once, and what waits waits no more."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    # a live one stays
    pings = sandbox.counts().get('iq:w:p:get:-', 0)
    daemon.command(wake=True)
    sandbox.get('/await-count?name=iq:w:p:get:-&count=%d' % (pings + 1))
    daemon.send(channel, echo['pn'], 'awake')
    daemon.text('awake')
    daemon.command(advance=6000)
    w.equal(status(daemon, channel)['status'], 'connected', 'a live one')
    # a dead one is found after five seconds instead of fifty
    after = last_seq(daemon)
    sandbox.post('/silence', phone=ours['pn'])
    daemon.command(wake=True)
    daemon.command(advance=5001)
    wait_reason(daemon, channel, 'silent', after)
    daemon.command(advance=2000)
    online(daemon, channel, after)
    # the network is back: no back-off is waited for
    after = last_seq(daemon)
    sandbox.post('/stream-error', phone=ours['pn'], code='429')
    wait_reason(daemon, channel, 'rate_limited', after)
    daemon.command(wake=True)
    online(daemon, channel, after)
    sandbox.check_clean()


def half_open(scratch):
    """A server that accepts sockets and says nothing: given up after a while, tried again."""
    sandbox, ours, echo, daemon, channel = setup(scratch)
    sandbox.post('/hold-handshakes')
    after = last_seq(daemon)
    sandbox.post('/drop', phone=ours['pn'])
    wait_reason(daemon, channel, 'network', after)
    for n in range(1, 4):
        daemon.command(advance=10000)
        sandbox.get('/await-count?name=held-handshakes&count=%d' % n)
        w.equal(status(daemon, channel)['status'], 'connecting', 'status')
        daemon.command(advance=40001)
    sandbox.post('/hold-handshakes', on=False)
    daemon.command(advance=10000)
    online(daemon, channel, after)
    sandbox.check_clean()


def let_in(sandbox, daemon):
    """While none of the first can end its handshake, no other begins one. From then on each place may be counted
    twice: the server has not yet read the end of a handshake when it sees the beginning of the next."""
    sandbox.get('/await-count?name=held-handshakes&count=%d' % GATE)
    for _ in range(3):
        daemon.ok('GET', '/health')
        w.equal(sandbox.counts()['most-handshakes'], GATE, 'at a time')
    sandbox.post('/hold-handshakes', on=False)


def no_stampede(scratch):
    """Hundreds of channels open their connections through a gate, at the start and after a mass loss."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, control=True)
    channels = [daemon.ok('POST', '/channels', {'name': 'C%d' % n})['data']['id']
                for n in range(MANY)]
    sandbox.post('/hold-handshakes')
    threads = [threading.Thread(target=daemon.request,
                                args=('POST', '/channels/%s/connect' % channel))
               for channel in channels]
    for thread in threads:
        thread.start()
    let_in(sandbox, daemon)
    for thread in threads:
        thread.join()
    sandbox.get('/await-count?name=registrations&count=%d' % MANY)
    w.check(sandbox.counts()['most-handshakes'] <= 2 * GATE, 'too many at a time')
    # all of them lose their socket
    sandbox.post('/reset-counters')
    sandbox.post('/hold-handshakes')
    sandbox.post('/drop-all')
    let_in(sandbox, daemon)
    sandbox.get('/await-count?name=registrations&count=%d' % MANY)
    w.check(sandbox.counts()['most-handshakes'] <= 2 * GATE, 'too many at a time, after a mass loss')
    sandbox.check_clean()


w.run([ends, banned_until, locked, outdated, on_the_way, woken, half_open, no_stampede])
