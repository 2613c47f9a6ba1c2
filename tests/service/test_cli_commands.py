# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command against daemon and sandbox: for people, as JSON, and when it goes wrong."""
import json
import os
import pty
import re
import select
import signal
import sqlite3
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import receiver as r
import whimtest as w
from clitest import Terminal, environment, finish, read_code

PAGE = 'data/man/whimbrel.1'
# a name that clears the screen, sets a title, turns the direction and hides behind a C1 control
HOSTILE = '\x1b[2J\x1b]0;x\x07Eve\u202egnp\u009b31m\nnot a row'
HARMLESS = '\ufffd[2J\ufffd]0;x\ufffdEve\ufffdgnp\ufffd31m not a row'


def commands():
    out = finish(['help'], environment(WHIMBREL_DATA_DIR='/nonexistent'))[1]
    listed = out.split('Commands:\n')[1].split('\n\n')[0]
    rows = [row.strip()
            for row in re.findall(r'^  ((?:[a-z]+ ?)+?)(?: \[?[A-Z].*?)?  +\S', listed, re.M)]
    w.check(len(rows) > 20 and 'channel create' in rows and 'help' in rows, 'commands: %r' % rows)
    return rows


def setup(scratch, **args):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    daemon = scratch.daemon(sandbox, **args)
    return sandbox, ours, daemon, Terminal(daemon)


def harmless(out):
    for c in out:
        w.check(c == '\n' or (ord(c) >= 0x20 and not 0x7f <= ord(c) <= 0x9f and c != '\u202e'),
                'control characters: %r' % out)


def helps(scratch):
    """Each command tells its options; the manual page and the completions know the same."""
    env = environment(WHIMBREL_DATA_DIR=os.path.join(scratch.path, 'none'))
    texts = {}
    for name in (PAGE, 'data/completions/whimbrel.bash', 'data/completions/_whimbrel'):
        with open(os.path.join(w.SOURCE, name), encoding='utf-8') as file:
            texts[name] = file.read()
    for command in commands():
        code, out, err = finish([*command.split(), '--help'], env)
        w.equal((code, err), (0, ''), command)
        w.check('whimbrel %s ' % command in out and '--json' in out and 'Exit codes' in out, out)
        w.equal(finish(['help', *command.split()], env), (0, out, ''), 'help ' + command)
        options = re.findall(r'^  --([a-z-]+)', out, re.M)
        for name, text in texts.items():
            for word in command.split():
                w.check(re.search(r'\b%s\b' % word, text), '%s does not know %s' % (name, command))
            for option in options:
                plain = text.replace('\\-', '-')
                if not option.startswith('help'):
                    w.check('--' + option in plain,
                            '%s does not know --%s' % (name, option))
        w.check('.B ' + command in texts[PAGE], 'no page for ' + command)
    for group in ('channel', 'webhook', 'key'):
        code, out, err = finish([group, '--help'], env)
        w.check(code == 0 and '  %s list' % group in out and 'send' not in out, out)


def complete(argv, setup, typed, wanted):
    """What a shell makes of a tabulator, on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM='dumb', PS1='$ ', HISTFILE='/dev/null', LC_ALL='C.UTF-8')
        os.execvp(argv[0], argv)
    out = b''

    def wait(text):
        nonlocal out
        until = time.monotonic() + w.DEADLINE
        while text not in out:
            if not select.select([terminal], [], [], max(0, until - time.monotonic()))[0]:
                raise w.Failure('%s shows no %r after %r: %r' % (argv[0], text, typed, out))
            out += os.read(terminal, 4096)
        out = out[out.index(text) + len(text):]

    try:
        # the quotes keep the echo of the command from being taken for its output
        os.write(terminal, setup.encode() + b"; echo rea''dy\n")
        wait(b'ready\r\n')
        os.write(terminal, typed.encode() + b'\t')
        wait(wanted.encode())
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def completions(scratch):
    """Both completions, run by their shells."""
    where = os.path.join(w.SOURCE, 'data/completions')
    shells = [(['bash', '--norc', '--noprofile', '-i'], '. %s/whimbrel.bash' % where),
              (['zsh', '-f', '-i'], 'fpath=(%s $fpath); autoload -U compinit; compinit -u -d %s/dump'
               % (where, scratch.path))]
    for argv, setup in shells:
        for typed, wanted in (('whimbrel chan', 'whimbrel channel '), ('whimbrel channel cre', 'create'),
                              ('whimbrel send --wa', '--wait'), ('whimbrel key create --read', '--read-only')):
            complete(argv, setup, typed, wanted)


def mistakes(scratch):
    env = environment(WHIMBREL_DATA_DIR=os.path.join(scratch.path, 'none'),
                      WHIMBREL_LISTEN='unix:' + os.path.join(scratch.path, 'nobody'))
    for argv in (['channel'], ['channel', 'dance'], ['channel', 'create'], ['send', 'a', 'b'],
                 ['messages'], ['status', 'x'], ['chats', '--code', '1'], ['listen', '--count=-1'],
                 ['backup'], ['help', 'dance'], ['send', '--limit', 'x'],
                 ['status', '--server', 'ftp://x'], ['status', '--server', 'x']):
        code, out, err = finish(argv, env)
        w.equal((code, out), (2, ''), '%r: %s' % (argv, err))
        w.check(err.startswith('whimbrel: ') and err.count('\n') == 1, err)
    # nobody there: the same for every command that talks to a daemon
    for argv in (['status'], ['docs', '--json'], ['channel', 'list'], ['channel', 'create', 'x'],
                 ['pair'], ['send', 'a', 'b', 'c'], ['chats'], ['messages', 'x'], ['listen'],
                 ['outbox'], ['webhook', 'list'], ['key', 'list'],
                 ['backup', os.path.join(scratch.path, 'file')]):
        for more in ([], ['--key', 'k'], ['--json', '--server', 'http://127.0.0.1:1/']):
            code, out, err = finish([*argv, *more], env)
            w.equal((code, out), (3, ''), '%r: %s' % (argv, err))
            w.check('No daemon answers at ' in err and err.count('\n') == 1, err)
    w.check(not os.path.exists(os.path.join(scratch.path, 'file.part')), 'a piece of a file')
    # the key of this machine's daemon does not go to another machine
    with open(os.path.join(scratch.path, 'admin.key'), 'w', encoding='ascii') as key:
        key.write('secret')
    code, out, err = finish(['channel', 'list', '--server', 'http://192.0.2.1:3005'],
                            environment(WHIMBREL_DATA_DIR=scratch.path))
    w.check(code == 1 and 'no API key for this server' in err, err)


def channels(scratch):
    sandbox, ours, daemon, cli = setup(scratch)
    w.check('Daemon at %s: ok' % daemon.url in cli.ok('status'), 'status')
    w.equal(cli.json('status')['channels'], {'total': 0, 'connected': 0}, 'as JSON')
    w.equal(cli.ok('docs'), daemon.url + '/docs\n', 'docs')
    w.equal(cli.json('docs')['openapi'][:3], '3.1', 'the contract')
    made = cli.json('channel', 'create', HOSTILE, '--department', 'Sales', '--no-auto-connect')
    w.equal((made['data']['name'], made['data']['autoConnect'], made['data']['department']),
            (HOSTILE, False, 'Sales'), 'made')
    first = made['data']['id']
    out = cli.ok('channel', 'list')
    harmless(out)
    w.check(len(out.splitlines()) == 2 and out.splitlines()[1].endswith(HARMLESS), repr(out))
    w.check(out.startswith('ID ') and 'never_paired' in out, out)
    w.equal(cli.json('channel', 'list'), daemon.ok('GET', '/channels'), 'list')
    w.check(cli.ok('channel', 'create', 'Second').splitlines()[1].endswith('  Second'), 'second')
    w.check('Second' in cli.ok('channel', 'show', 'Second'), 'by name')
    w.equal(cli.json('channel', 'show', HOSTILE)['data']['id'], first, 'by any name')
    cli.ok('channel', 'create', 'Second')
    cli.fails(2, 'channel', 'show', 'Second', says='give the id')
    cli.fails(2, 'chats', says='--channel')
    cli.fails(1, 'channel', 'show', '\x1b[2Jnobody', says='\ufffd[2Jnobody')
    cli.fails(4, 'send', first, '79991234567', 'x', says='(not_paired, 409)')
    w.check('qr' in cli.ok('channel', 'connect', first), 'connect')
    w.equal(cli.json('channel', 'connect', first)['status'], 'qr', 'connect')
    w.equal(cli.ok('channel', 'disconnect', first), 'Disconnected.\n', 'disconnect')
    w.equal(cli.json('channel', 'disconnect', first)['status'], 'disconnected', 'disconnect')
    w.equal(cli.ok('channel', 'logout', first), 'Logged out.\n', 'logout')
    cli.ok('channel', 'delete', first)
    w.check(first not in cli.ok('status'), 'deleted')
    w.equal(cli.json('channel', 'delete', cli.json('channel', 'list')['data'][0]['id'])['success'],
            True, 'delete')
    # the server refuses: its sentence, its code, the field, and the JSON
    cli.fails(1, 'channel', 'create', '', says='body.name: ')
    out = cli.fails(1, 'channel', 'create', 'x' * 300, '--json', says='(invalid_parameter, 400)')
    w.equal(json.loads(out)['error']['type'], 'invalid_parameter', 'as JSON')
    cli.fails(1, 'channel', 'list', '--key', 'wrong', says='(unauthorized, 401)')
    cli.fails(1, 'channel', 'list', says='(unauthorized, 401)',
              WHIMBREL_API_KEY='wrong' * 6)
    w.equal(cli.ok('channel', 'list', '--server', daemon.url, '--key', daemon.key,
                   WHIMBREL_LISTEN='127.0.0.1:1'), cli.ok('channel', 'list'), '--server')
    w.equal(cli.ok('--key', daemon.key, 'channel', 'list', WHIMBREL_SERVER=daemon.url + '/',
                   WHIMBREL_LISTEN='127.0.0.1:1'), cli.ok('channel', 'list'), 'WHIMBREL_SERVER')


def screens(scratch):
    """Colours and widths of a terminal, for people who want them."""
    sandbox, ours, daemon, cli = setup(scratch)
    cli.ok('channel', 'create', 'wide 日本語 ' + 'x' * 100)
    plain = cli.ok('channel', 'list')
    w.check('\x1b' not in plain and 'x' * 100 in plain, repr(plain))
    out = cli.on_a_screen(100, 'channel', 'list')
    w.check('\x1b[1mID ' in out and '\x1b[31mdisconnected\x1b[0m' in out, repr(out))
    bare = re.sub('\x1b\\[[0-9;]*m', '', out)
    w.check(bare.splitlines()[1].endswith('…'), repr(out))
    width = sum(2 if ord(c) > 0x2e80 else 1 for c in bare.splitlines()[1])
    w.equal(width, 100, 'width of %r' % bare)
    w.equal(cli.on_a_screen(1000, 'channel', 'list', NO_COLOR='1'), plain, 'NO_COLOR')
    w.equal(cli.on_a_screen(1000, 'channel', 'list', TERM='dumb'), plain, 'dumb')


def messages(scratch):
    sandbox, ours, daemon, cli = setup(scratch)
    theirs = sandbox.phone(HOSTILE)
    channel = daemon.pair(ours)
    out = cli.ok('send', channel, theirs['pn'], 'Hello', 'there', '--wait')
    w.check(re.match(r'Accepted: \w+\n(pending\n)?(sent|delivered)\n$', out), repr(out))
    w.equal([m['text'] for m in sandbox.inbox(theirs, 1)], ['Hello there'], 'words')
    sent = cli.json('send', 'First', theirs['pn'], '-', '--idempotency-key', 'k',
                    text='two\nlines\n')
    w.equal([m['text'] for m in sandbox.inbox(theirs, 2)][1], 'two\nlines', 'standard input')
    again = cli.json('send', 'First', theirs['pn'], '-', '--idempotency-key', 'k',
                     text='two\nlines\n')
    w.equal(again, sent, 'once only')
    # sent long ago: there is nothing to wait for
    lines = cli.ok('send', 'First', theirs['pn'], '-', '--idempotency-key', 'k', '--wait', '--json',
                   text='two\nlines\n').splitlines()
    w.equal(len(lines), 2, 'lines')
    w.check(json.loads(lines[1])['data']['status'] in ('sent', 'delivered'), lines[1])
    cli.ok('send', channel, theirs['pn'], '--quoted', sent['messageId'], '--', '--dashes')
    w.equal([m['text'] for m in sandbox.inbox(theirs, 3)][2], '--dashes', 'dashes')
    cli.fails(1, 'send', channel, 'nobody at all', 'x', says='body.to: ')
    cli.fails(1, 'send', channel, '4900000', 'x', says='(recipient_unknown, 422)')
    cli.fails(1, 'send', channel, theirs['pn'], 'x', '--quoted', 'NOSUCH', says='(not_found, 404)')

    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='\x1b]52;c;eA==\x07 evil\nrow')
    daemon.text('\x1b]52;c;eA==\x07 evil\nrow')
    out = cli.ok('messages', theirs['pn'])
    harmless(out)
    w.check(len(out.splitlines()) == 5 and '\ufffd]52;c;eA==\ufffd evil row' in out, repr(out))
    w.check(HARMLESS in out and '  me  ' in out, repr(out))
    w.equal(len(cli.ok('messages', theirs['pn'], '--limit', '1').splitlines()), 2, 'limit')
    w.equal(cli.json('messages', theirs['pn'], '--channel', 'First')['count'], 4, 'as JSON')
    out = cli.ok('chats')
    harmless(out)
    w.check(len(out.splitlines()) == 2 and theirs['pn'] in out and 'evil row' in out, repr(out))
    w.equal(cli.json('chats')['data'][0]['lastMessage']['fromMe'], False, 'as JSON')
    cli.fails(1, 'chats', '--limit', '1000', says='(invalid_parameter, 400)')

    # what waits
    w.equal(len(cli.ok('outbox').splitlines()), 1, 'nothing waits')
    cli.ok('channel', 'disconnect', channel)
    waits = cli.json('send', channel, theirs['pn'], 'later')['messageId']
    cli.fails(4, 'send', channel, theirs['pn'], 'never', '--wait', '--timeout', '1',
              says='within 1 seconds')
    out = cli.ok('outbox')
    w.check(len(out.splitlines()) == 3 and waits in out and 'queued' in out, out)
    w.equal(cli.json('outbox')['data'][0]['messageId'], waits, 'as JSON')
    w.equal(cli.ok('outbox', 'cancel', waits), 'Cancelled.\n', 'cancel')
    w.equal(cli.json('outbox', 'cancel', cli.json('outbox')['data'][0]['messageId'])['success'],
            True, 'cancel')
    cli.fails(1, 'outbox', 'cancel', waits, says='(not_found, 404)')


def webhooks_and_keys(scratch):
    sandbox, ours, daemon, cli = setup(scratch, env={'WHIMBREL_ALLOW_PRIVATE_FETCH': 'true'})
    channel = cli.json('channel', 'create', 'First')['data']['id']
    receiver = r.Receiver(lambda request: 200)
    scratch.add(receiver, receiver.stop)
    secret = os.path.join(scratch.path, 'secret')
    with open(secret, 'w', encoding='ascii') as out:
        out.write('not to be seen\n')
    hook = cli.json('webhook', 'add', receiver.url + '/hook', '--secret-file', secret,
                    '--event', 'message.received', '--event', 'message.sent')['data']
    w.equal((hook['channelId'], hook['events'], hook['hasSecret']),
            (channel, ['message.received', 'message.sent'], True), 'hook')
    w.check('  *  ' in cli.ok('webhook', 'add', receiver.url, '--channel', 'First'), 'all')
    out = cli.ok('webhook', 'list')
    harmless(out)
    w.check(len(out.splitlines()) == 3 and 'message.received, message.sent' in out
            and 'enabled' in out and 'not to be seen' not in out, out)
    w.equal(cli.json('webhook', 'list', '--channel', 'First')['count'], 2, 'as JSON')
    w.equal(cli.ok('webhook', 'test', hook['id']), 'Delivered; the answer was 200.\n', 'test')
    receiver.answer = lambda request: 500
    other = [h['id'] for h in cli.json('webhook', 'list')['data'] if h['id'] != hook['id']][0]
    out = cli.fails(1, 'webhook', 'test', other, '--json', says='the answer was 500')
    w.equal(json.loads(out)['delivered'], False, 'as JSON')
    cli.fails(1, 'webhook', 'add', 'nowhere', says='body.url: ')
    cli.ok('webhook', 'delete', hook['id'])
    cli.fails(1, 'webhook', 'delete', hook['id'], says='(not_found, 404)')
    w.equal(cli.json('webhook', 'delete', other)['success'], True, 'delete')

    made = cli.json('key', 'create', HOSTILE, '--channel', 'First', '--read-only')['data']
    w.equal((made['channels'], made['readOnly'], made['admin']), ([channel], True, False), 'key')
    w.equal(cli.json('channel', 'list', '--key', made['key'])['count'], 1, 'it is good')
    cli.fails(1, 'channel', 'disconnect', 'First', '--key', made['key'], says='(forbidden, 403)')
    out = cli.ok('key', 'create', 'all', '--admin')
    shown = re.search(r'^    (\S+)$', out, re.M).group(1)
    w.equal(cli.json('key', 'list', '--key', shown)['success'], True, 'it is good')
    out = cli.ok('key', 'list')
    harmless(out)
    w.check(HARMLESS in out and channel in out and 'everything' in out and shown not in out, out)
    w.equal(cli.ok('key', 'delete', made['id']), 'Revoked.\n', 'delete')
    cli.fails(1, 'channel', 'list', '--key', made['key'], says='(unauthorized, 401)')
    cli.fails(1, 'key', 'delete', made['id'], '--json', says='(not_found, 404)')


def listens(scratch):
    """One line per event, and none is missed or told twice over a restart of the daemon."""
    sandbox, ours, daemon, cli = setup(scratch)
    theirs = sandbox.phone(HOSTILE)
    channel = daemon.pair(ours)
    last = daemon.ok('GET', '/events?limit=1', headers={'Accept': 'application/json'})['lastSeq']
    program = cli.start(scratch, 'listen', '--json', '--after', str(last), '--channel', 'First',
                        '--event', 'message.received', '--count', '3')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='one')
    w.equal(json.loads(program.line())['data']['body'], 'one', 'one')
    port = daemon.url.rsplit(':', 1)[1]
    daemon.stop()
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='two')
    daemon.listen = '127.0.0.1:' + port
    daemon.start()
    w.equal(json.loads(program.line())['data']['body'], 'two', 'two')
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='three\x1b[2J')
    w.equal(json.loads(program.line())['data']['body'], 'three\x1b[2J', 'three')
    w.equal(program.process.wait(timeout=w.DEADLINE), 0, 'exit: ' + program.stderr())
    w.equal(program.stderr(), 'whimbrel: The connection was lost; trying again.\n', 'said')
    raw = [e for e in daemon.events(last) if e['event'] == 'message.received']
    w.equal(len(raw), 3, 'events')

    out = cli.ok('listen', '--after', str(last), '--count', str(len(daemon.events(last))))
    harmless(out)
    w.check(len(out.splitlines()) == len(daemon.events(last))
            and 'message.received  %s (%s): three\ufffd[2J' % (HARMLESS, theirs['pn']) in out
            and 'channel.status  connected (online)' in out, repr(out))
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        program = cli.start(scratch, 'listen', '--after', str(last))
        program.line()
        program.process.send_signal(number)
        w.equal(program.process.wait(timeout=w.DEADLINE), code, 'exit: ' + program.stderr())
        w.equal(program.stderr(), '', 'said')
    cli.fails(4, 'listen', '--timeout', '1')
    cli.fails(1, 'listen', '--key', 'wrong', '--after', '0', says='(unauthorized, 401)')


def pairs(scratch):
    """By code, by picture as JSON, and when nobody comes."""
    sandbox, ours, daemon, cli = setup(scratch, control=True)
    cli.ok('channel', 'create', 'First')
    cli.fails(1, 'pair', 'First', '--code', '12', says='body.phoneNumber: ')
    program = cli.start(scratch, 'pair', 'First', '--code', '+' + ours['pn'])
    lines = [program.line()]
    while not re.fullmatch(r'    \w{4}-\w{4}', lines[-1]):
        lines.append(program.line())
    sandbox.post('/enter-code', phone=ours['pn'], code=lines[-1].strip())
    while not lines[-1].startswith('Connected as ' + ours['pn']):
        lines.append(program.line())
    w.check('The phone has agreed.' in lines, 'states: %r' % lines)
    w.equal(program.process.wait(timeout=w.DEADLINE), 0, 'exit: ' + program.stderr())

    cli.ok('channel', 'create', 'Second')
    phone = sandbox.phone('Other')
    program = cli.start(scratch, 'pair', 'Second', '--json')
    answer = json.loads(program.line())
    w.equal(answer['status'], 'qr', 'first')
    sandbox.post('/scan', qr=answer['raw'], phone=phone['pn'])
    while True:
        event = json.loads(program.line())
        if event['event'] == 'channel.status' and event['data']['status'] == 'connected':
            break
    w.equal(program.process.wait(timeout=w.DEADLINE), 0, 'exit: ' + program.stderr())

    cli.ok('channel', 'create', 'Third')
    cli.fails(4, 'pair', 'Third', '--timeout', '1', says='within 1 seconds')
    program = cli.start(scratch, 'pair', 'Third', '--code', sandbox.phone('Late')['pn'])
    while 'good until' not in program.line():
        pass
    third = [c['id'] for c in daemon.ok('GET', '/channels')['data'] if c['name'] == 'Third'][0]
    for _ in range(30):
        daemon.command(advance=10000)
        if daemon.ok('GET', '/channels/%s/status' % third)['reason'] == 'pairing_code_expired':
            break
    w.equal(program.process.wait(timeout=w.DEADLINE), 4, 'exit: ' + program.stderr())
    w.check('pairing_code_expired' in program.stderr(), program.stderr())


def figure(daemon, name):
    text = daemon.request('GET', '/metrics')[1].decode()
    return int(re.search(r'^%s (\d+)' % re.escape(name), text, re.M).group(1))


def keep_asking(daemon):
    """A minute in which the command says, as it should, that somebody still waits for the code."""
    until = time.monotonic() + w.DEADLINE
    while figure(daemon, 'whimbrel_http_event_streams') == 0:
        w.check(time.monotonic() < until, 'nobody follows')
    answered = 'whimbrel_http_requests_total{status="2xx"}'
    before = figure(daemon, answered)
    daemon.command(advance=40000)
    asked = 1
    while figure(daemon, answered) == before + asked:
        asked += 1
        w.check(time.monotonic() < until, 'nobody asks')
    daemon.command(advance=25000)


def rotates(scratch):
    """The picture follows the code; Ctrl+C ends it."""
    sandbox, ours, daemon, cli = setup(scratch, control=True)
    program = cli.start(scratch, 'pair')
    codes = []
    for _ in range(2):
        lines = [program.line()]
        while len(lines) < (len(lines[0]) + 1) // 2:
            lines.append(program.line())
        codes.append(read_code(lines))
        if len(codes) == 1:
            keep_asking(daemon)
    w.check(codes[0] != codes[1], 'the same code twice')
    channel = daemon.ok('GET', '/channels')['data'][0]['id']
    w.equal(codes[1], daemon.ok('GET', '/channels/%s/qr' % channel)['raw'], 'the code')
    program.process.send_signal(signal.SIGINT)
    w.equal(program.process.wait(timeout=w.DEADLINE), 130, 'exit: ' + program.stderr())
    w.equal(program.stderr(), '', 'said')


def backs_up(scratch):
    sandbox, ours, daemon, cli = setup(scratch)
    cli.ok('channel', 'create', 'First')
    path = os.path.join(scratch.path, 'copy.db')
    with open(path + '.part', 'w', encoding='ascii') as out:
        out.write('of a try before')
    w.check(path in cli.ok('backup', path), 'said')
    w.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, 'mode')
    w.check(not os.path.exists(path + '.part'), 'a piece of a file')

    def names():
        copy = sqlite3.connect('file:%s?mode=ro' % path, uri=True)
        found = [row[0] for row in copy.execute('SELECT name FROM channels ORDER BY name')]
        copy.close()
        return found

    w.equal(names(), ['First'], 'copy')
    cli.ok('channel', 'create', 'Second')
    cli.fails(2, 'backup', path, says='--force')
    w.equal(names(), ['First'], 'untouched')
    w.equal(cli.ok('backup', path, '--force', '--json'), '', 'as JSON')
    w.equal(names(), ['First', 'Second'], 'replaced')
    key = cli.json('key', 'create', 'small', '--read-only', '--channel', 'First')['data']['key']
    other = os.path.join(scratch.path, 'other.db')
    out = cli.fails(1, 'backup', other, '--key', key, '--json', says='(forbidden, 403)')
    w.equal(json.loads(out)['error']['type'], 'forbidden', 'as JSON')
    cli.fails(1, 'backup', os.path.join(scratch.path, 'no', 'where'), says='No such file')
    w.equal(sorted(f for f in os.listdir(scratch.path) if 'other' in f), [], 'pieces of a file')


w.run([helps, completions, mistakes, channels, screens, messages, webhooks_and_keys, listens, pairs, rotates,
       backs_up])
