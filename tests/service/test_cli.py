# SPDX-License-Identifier: GPL-3.0-or-later
"""The command in the terminal against daemon and sandbox."""
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w
from clitest import CLI, environment, finish, read_code

def run_with_sandbox(scratch):
    sandbox = scratch.sandbox()
    data = os.path.join(scratch.path, 'data')
    code, out, err = finish(['run', '--once', '--sandbox', sandbox.control], environment(
        WHIMBREL_DATA_DIR=data, WHIMBREL_LISTEN='unix:' + os.path.join(scratch.path, 'api'),
        WHIMBREL_WA_URL=sandbox.url, WHIMBREL_WA_NOISE_ROOT=sandbox.root))
    w.equal(code, 0, 'exit: %s %s' % (out, err))
    lines = out.splitlines()
    w.check(any(line.startswith('  to ') and line.endswith('Hello from Whimbrel!')
                for line in lines), out)
    w.check(any(line.startswith('  from ') and line.endswith('Hello from Whimbrel!')
                for line in lines), out)
    w.check('Connected as ' in out and 'curl --unix-socket' in out, out)
    with open(os.path.join(data, 'admin.key'), encoding='ascii') as key:
        w.check(key.read().strip() not in out + err, 'a key is shown to terminals only')
    sandbox.check_clean()


def beside_a_daemon(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    env = environment(WHIMBREL_DATA_DIR=daemon.directory,
                      WHIMBREL_LISTEN=urllib.parse.urlsplit(daemon.url).netloc)
    code, out, err = finish(['run', '--once', '--sandbox', sandbox.control], env)
    w.equal(code, 0, 'exit: %s %s' % (out, err))
    w.check('answers already' in out, out)
    channels = daemon.ok('GET', '/channels')['data']  # it still answers
    w.equal([c['status'] for c in channels], ['connected'], 'channels')
    # connected already: nothing to scan
    code, out, err = finish(['pair', channels[0]['id']], env)
    w.equal(code, 0, 'exit: %s %s' % (out, err))
    w.check('Connected as ' in out, out)


def pair_by_picture(scratch):
    sandbox = scratch.sandbox()
    phone = sandbox.phone('Whim')
    daemon = scratch.daemon(sandbox)
    program = w.Program([CLI, 'pair'], env=environment(
        WHIMBREL_DATA_DIR=daemon.directory, WHIMBREL_API_KEY=daemon.key,
        WHIMBREL_LISTEN=urllib.parse.urlsplit(daemon.url).netloc))
    scratch.add(program, program.kill)
    lines = [program.line()]
    while len(lines) < (len(lines[0]) + 1) // 2:
        lines.append(program.line())
    code = read_code(lines)
    channel = daemon.ok('GET', '/channels')['data'][0]['id']
    w.equal(code, daemon.ok('GET', '/channels/%s/qr' % channel)['raw'], 'the code')
    sandbox.post('/scan', qr=code, phone=phone['pn'])
    while not program.line().startswith('Connected as ' + phone['pn']):
        pass
    while 'messages/text' not in program.line():
        pass
    w.equal(program.process.wait(timeout=w.DEADLINE), 0, 'exit')


def mistakes(scratch):
    env = environment(WHIMBREL_DATA_DIR=os.path.join(scratch.path, 'none'),
                      WHIMBREL_LISTEN='unix:' + os.path.join(scratch.path, 'nobody'))
    for argv, wanted in (([], 2), (['dance'], 2), (['run', 'a', 'b'], 2), (['--colour'], 2),
                         (['pair', '--listen', 'nowhere'], 2), (['pair'], 3)):
        code, out, err = finish(argv, env)
        w.equal(code, wanted, '%r: %s %s' % (argv, out, err))
        w.check(err.startswith('whimbrel: ') and err.count('\n') == 1, err)
    code, out, err = finish(['--help'], env)
    w.equal(code, 0, 'exit')
    w.check('pair [CHANNEL]' in out and 'Exit codes' in out, out)
    code, out, err = finish(['--print-config'], env)
    w.check('[rest] listen = unix:' in out and 'WHIMBREL_LISTEN' in out, out)


def daemon_that_does_not_start(scratch):
    data = os.path.join(scratch.path, 'file')
    with open(data, 'w', encoding='ascii') as out:
        out.write('in the way')
    code, out, err = finish(['run'], environment(
        WHIMBREL_DATA_DIR=data, WHIMBREL_LISTEN='unix:' + os.path.join(scratch.path, 'api')))
    w.equal(code, 3, 'exit: %s %s' % (out, err))
    w.check('whimbreld: ' in err, err)


w.run([run_with_sandbox, beside_a_daemon, pair_by_picture, mistakes, daemon_that_does_not_start])
