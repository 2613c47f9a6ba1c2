# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of everything from a working daemon, its way back, and a look at what is there."""
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

WHIMBRELD = os.path.join(w.BUILD, 'daemon', 'app', 'whimbreld')


def finish(directory, *argv):
    env = {k: v for k, v in os.environ.items() if not k.startswith('WHIMBREL_')}
    env.update(WHIMBREL_DATA_DIR=directory, LC_ALL='C.UTF-8')
    done = subprocess.run([WHIMBRELD, *argv], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=w.DEADLINE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def take(daemon, path):
    request = urllib.request.Request(daemon.url + '/backup', method='POST',
                                     headers={'X-API-Key': daemon.key})
    with urllib.request.urlopen(request, timeout=w.DEADLINE) as answer:
        w.equal(answer.headers['Content-Type'], 'application/vnd.sqlite3', 'type')
        w.check('filename="whimbrel-' in answer.headers['Content-Disposition'], 'a name')
        with open(path, 'wb') as out:
            shutil.copyfileobj(answer, out)


def left_over(directory):
    return os.path.isdir(directory) and [name for name in os.listdir(directory) if 'backup' in name or 'restoring' in name]


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    peer = sandbox.phone('Peer', echo=True)
    daemon = scratch.daemon(sandbox)
    return sandbox, ours, peer, daemon, daemon.pair(ours)


def there_and_back(scratch):
    """Taken while texts flow; brought back on another machine, which talks on with everybody."""
    sandbox, ours, peer, daemon, channel = setup(scratch)
    stop = threading.Event()
    sent = []

    def write():
        while not stop.is_set():
            sent.append(daemon.send(channel, peer['pn'], 'text %d' % len(sent)))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        daemon.text('text 3')
        path = os.path.join(scratch.path, 'copy.db')
        take(daemon, path)
    finally:
        stop.set()
        writer.join()
    w.equal(left_over(daemon.directory), [], 'left in the data directory')
    daemon.status_of(sent[-1], 'delivered')
    before = {m['id'] for m in daemon.messages(channel)}
    daemon.program.kill()  # that machine is gone, and what it wrote after the backup with it
    other = os.path.join(scratch.path, 'other')
    code, out, err = finish(other, '--restore', path)
    w.equal((code, err), (0, ''), 'restore: ' + out)
    w.equal(os.stat(os.path.join(other, 'whimbrel.db')).st_mode & 0o777, 0o600, 'mode')
    w.equal(finish(other, '--check-store')[0], 0, 'sound')
    # the keys are in the backup, but not as anybody could read them
    shutil.copy(os.path.join(daemon.directory, 'admin.key'), other)
    daemon.directory = other
    daemon.start()
    daemon.wait_status(channel, 'connected')
    sandbox.wait_idle(ours)
    kept = {m['id'] for m in daemon.messages(channel)}
    w.check(len(kept & before) >= 4, 'messages are there: %d' % len(kept))
    # whoever had a session with the lost machine finds this one, both ways round
    cursor = daemon.events()[-1]['seq']
    sandbox.post('/send', phone=peer['pn'], to=ours['pn'], text='are you there')
    daemon.text('are you there', cursor)
    again = daemon.send(channel, peer['pn'], 'I am')
    daemon.status_of(again, 'delivered')
    daemon.text('I am', cursor)
    w.equal(sandbox.counts().get('keys-used-twice', 0), 0, 'ratchets that went back')


def put_back_by_hand(scratch):
    """A directory that was copied and put back is no backup that was brought back: its ratchets go on from
    where they were, and the sandbox sees it."""
    sandbox, ours, peer, daemon, channel = setup(scratch)
    cursor = daemon.last_seq()
    daemon.status_of(daemon.send(channel, peer['pn'], 'one'), 'delivered', cursor)
    daemon.text('one', cursor)
    sandbox.wait_idle(ours)
    daemon.stop()
    copy = os.path.join(scratch.path, 'copy')
    shutil.copytree(daemon.directory, copy)
    daemon.start()
    cursor = daemon.last_seq()
    daemon.status_of(daemon.send(channel, peer['pn'], 'two'), 'delivered', cursor)
    daemon.text('two', cursor)
    sandbox.wait_idle(ours)
    w.equal(sandbox.counts().get('keys-used-twice', 0), 0, 'before')
    daemon.stop()
    daemon.directory = copy
    daemon.start()
    cursor = daemon.last_seq()
    daemon.status_of(daemon.send(channel, peer['pn'], 'three'), 'sent', cursor)
    # the key for the peer's phone, and the one for our own
    w.equal(sandbox.counts().get('keys-used-twice', 0), 2, 'keys')
    w.equal([d['keysUsedTwice'] for d in sandbox.get('/devices')['devices']
             if d['phone'] == ours['pn'] and d['device'] != 0], [2], 'whose')


def who_may(scratch):
    """Whoever has a backup can be you: only the owner's key gets one."""
    daemon, channel = setup(scratch)[3:]
    status, answer = w.http('POST', daemon.url + '/backup')
    w.equal((status, answer['error']['type']), (401, 'unauthorized'), 'no key')
    made = daemon.ok('POST', '/keys', {'name': 'Shop', 'channels': [channel]})
    status, answer = daemon.request('POST', '/backup', headers={'X-API-Key': made['data']['key']})
    w.equal((status, answer['error']['type']), (403, 'forbidden'), 'a key of one channel')
    w.equal(left_over(daemon.directory), [], 'left in the data directory')


def not_over_anything(scratch):
    sandbox, ours, peer, daemon, channel = setup(scratch)
    path = os.path.join(scratch.path, 'copy.db')
    take(daemon, path)
    code, out, err = finish(daemon.directory, '--restore', path)
    w.equal((code, out), (1, ''), 'onto a working daemon')
    w.check('a daemon uses this data directory' in err and err.count('\n') == 1, err)
    daemon.stop()
    code, out, err = finish(daemon.directory, '--restore', path)
    w.equal((code, out), (1, ''), 'onto a database')
    w.check('move it away first' in err, err)
    fresh = os.path.join(scratch.path, 'fresh')
    for name, content, words in (('none.db', None, 'no such backup file'),
                                 ('noise.db', os.urandom(9000), ''),
                                 ('empty.db', b'', 'no backup of this program'),
                                 ('short.db', open(path, 'rb').read()[:10000], '')):
        broken = os.path.join(scratch.path, name)
        if content is not None:
            with open(broken, 'wb') as to:
                to.write(content)
        code, out, err = finish(fresh, '--restore', broken)
        w.equal((code, out), (1, ''), name)
        w.check(err.startswith('whimbreld: ') and words in err, err)
        w.check(scratch.path not in err, 'a path is shown: ' + err)
        w.check(not os.path.exists(os.path.join(fresh, 'whimbrel.db')), name + ' left a database')
        w.equal(left_over(fresh) or [], [], name)
    with sqlite3.connect(path) as db:
        db.execute('PRAGMA user_version = 99')
    code, out, err = finish(fresh, '--restore', path)
    w.check(code == 1 and 'newer version' in err, err)


def planted(scratch):
    """What does not fit together is found, and told without a name or a text."""
    sandbox, ours, peer, daemon, channel = setup(scratch)
    sent = daemon.send(channel, peer['pn'], 'a private text')
    daemon.status_of(sent, 'delivered')
    daemon.stop()
    w.equal(finish(daemon.directory, '--check-store'), (0, 'The store is sound.\n', ''), 'before')
    w.equal(finish(os.path.join(scratch.path, 'nothing'), '--check-store')[0], 1, 'no store')
    faults = (('DELETE FROM journal WHERE sequence = 2', 'gaps in the journal'),
              ('UPDATE channels SET journal_sequence = 1', 'counter is behind'),
              ("UPDATE messages SET status = 2 WHERE id = '%s'" % sent, 'not in the queue'),
              ('UPDATE credentials SET device_identity = NULL', 'without their keys'),
              ('UPDATE messages SET channel = 77', 'belong to nothing'))
    for statement, words in faults:
        copy = os.path.join(scratch.path, 'damaged')
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(daemon.directory, copy)
        db = sqlite3.connect(os.path.join(copy, 'whimbrel.db'))
        changed = db.execute(statement).rowcount
        db.commit()
        db.close()
        w.check(changed > 0, 'nothing is damaged by ' + statement)
        code, out, err = finish(copy, '--check-store')
        w.equal((code, err), (2, ''), statement)
        w.check(words in out, '%s: %s' % (statement, out))
        w.check('private' not in out and ours['pn'] not in out and sent not in out, out)


w.run([there_and_back, put_back_by_hand, who_may, not_over_anything, planted])
