# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives the command in the terminal."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import urllib.parse

import whimtest as w

CLI = os.path.join(w.BUILD, 'daemon', 'cli', 'whimbrel')
BLOCKS = {' ': (0, 0), '▀': (1, 0), '▄': (0, 1), '█': (1, 1)}


def environment(**more):
    env = {'WHIMBREL_BUS': 'none', 'LC_ALL': 'C.UTF-8'}
    env.update(more)
    return env


def finish(argv, env, text=None):
    full = {k: v for k, v in os.environ.items() if not k.startswith('WHIMBREL_')}
    full.update(env)
    done = subprocess.run([CLI, *argv], env=full, input=(text or '').encode(),
                          capture_output=True, timeout=w.DEADLINE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def read_code(lines):
    """What a phone would read from the picture."""
    rows = []
    for line in lines:
        rows.append([BLOCKS[c][0] for c in line])
        rows.append([BLOCKS[c][1] for c in line])
    scale = 4
    pixels = b''.join(bytes(255 * value for value in row for _ in range(scale)) * scale
                      for row in rows)
    image = b'P5 %d %d 255\n' % (len(rows[0]) * scale, len(rows) * scale) + pixels
    done = subprocess.run(['zbarimg', '--quiet', '--raw', '-'], input=image, capture_output=True,
                          timeout=w.DEADLINE)
    w.equal(done.returncode, 0, 'zbarimg: %r' % done.stderr)
    return done.stdout.decode().strip()


class Terminal:
    """The command beside a daemon."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.env = environment(WHIMBREL_DATA_DIR=daemon.directory,
                               WHIMBREL_LISTEN=urllib.parse.urlsplit(daemon.url).netloc)

    def finish(self, *argv, text=None, **env):
        return finish(argv, {**self.env, **env}, text)

    def ok(self, *argv, text=None, **env):
        """What it printed for people."""
        code, out, err = self.finish(*argv, text=text, **env)
        w.equal((code, err), (0, ''), '%r: %s' % (argv, out))
        return out

    def json(self, *argv, text=None):
        """The one document that it printed."""
        out = self.ok(*argv, '--json', text=text)
        w.equal(out.count('\n'), 1, 'lines of %r' % out)
        return json.loads(out)

    def fails(self, wanted, *argv, says='', text=None, **env):
        """One sentence, on standard error, and that exit code; the JSON of the error too."""
        code, out, err = self.finish(*argv, text=text, **env)
        w.equal(code, wanted, '%r: %s %s' % (argv, out, err))
        w.check(err.startswith('whimbrel: ') and err.count('\n') == 1 and says in err,
                '%r: %r' % (argv, err))
        return out

    def on_a_screen(self, columns, *argv, **env):
        """What it printed on a terminal of that width."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        full = {k: v for k, v in os.environ.items() if k != 'NO_COLOR'}
        full.update({**self.env, 'TERM': 'xterm', **env})
        process = subprocess.Popen([CLI, *argv], env=full, stdin=theirs, stdout=theirs,
                                   stderr=subprocess.PIPE)
        os.close(theirs)
        out = b''
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            out += piece
        os.close(ours)
        err = process.stderr.read().decode()
        process.stderr.close()
        w.equal((process.wait(timeout=w.DEADLINE), err), (0, ''), '%r: %r' % (argv, out))
        return out.decode().replace('\r\n', '\n')

    def start(self, scratch, *argv):
        program = w.Program([CLI, *argv], env=self.env)
        scratch.add(program, program.kill)
        return program
