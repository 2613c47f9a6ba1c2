# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks through a hundred crashes of either side, each delivery checked by the package standardwebhooks."""
import base64
import json
import os
import queue
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

SECRET = 'whsec_' + base64.b64encode(b'thirty-two bytes that nobody has').decode()
PRIVATE = {'WHIMBREL_ALLOW_PRIVATE_FETCH': 'true'}
# A round is a kill of the daemon and a kill of the receiver.
ROUNDS = 50
POINTS = ['hooks.before-post', 'hooks.after-post', 'hooks.before-commit', 'hooks.after-commit',
          'store.before-commit', 'store.after-commit', 'receive.before-commit',
          'receive.after-commit']


class Receiver:
    """The package behind a port that stays the same when it is killed and started again."""

    def __init__(self, port=0):
        self.port = port
        self.deliveries = []
        self.start()

    def start(self):
        self.program = w.Program([w.NODE, os.path.join(w.INTEROP, 'receiver.mjs'), str(self.port),
                                  SECRET])
        self.port = json.loads(self.program.line())['port']

    def kill(self):
        """What it had printed before its end counts: it may have been answered."""
        self.program.kill()
        while True:
            try:
                line = self.program.line()
            except w.Failure:
                return
            self.take(line)

    def take(self, line):
        try:
            self.deliveries.append(json.loads(line))
        except ValueError:
            pass  # killed in the middle of it, so not answered

    def drain(self):
        while True:
            try:
                line = self.program.lines.get_nowait()
            except queue.Empty:
                return
            w.check(line is not None, 'the receiver ended: ' + self.program.stderr())
            self.take(line)


def signatures(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, env=PRIVATE)
    channel = daemon.ok('POST', '/channels', {'name': 'A'})['data']['id']
    receiver = Receiver()
    scratch.add(receiver, receiver.program.kill)
    url = 'http://127.0.0.1:%d/' % receiver.port
    hook = daemon.ok('PUT', '/channels/%s/webhook' % channel,
                     {'url': url, 'events': ['*'], 'secret': SECRET})['data']
    w.equal(daemon.ok('POST', '/webhooks/%s/test' % hook['id'])['delivered'], True, 'accepted')
    receiver.take(receiver.program.line())
    w.equal(receiver.deliveries[0]['fault'], None, 'the signature')
    # a proof of the proof: another secret is refused
    daemon.ok('PUT', '/webhooks/' + hook['id'],
              {'secret': 'whsec_' + base64.b64encode(b'some other bytes of some length').decode()})
    answer = daemon.ok('POST', '/webhooks/%s/test' % hook['id'])
    w.equal((answer['delivered'], answer['status']), (False, 401), 'refused')


def crashes(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    people = [sandbox.phone('Peer%d' % i) for i in range(3)]
    daemon = scratch.daemon(sandbox, control=True, env=PRIVATE)
    channel = daemon.pair(ours)
    receiver = Receiver()
    scratch.add(receiver, lambda: receiver.program.kill())
    daemon.ok('PUT', '/channels/%s/webhook' % channel,
              {'url': 'http://127.0.0.1:%d/' % receiver.port, 'events': ['message.received'],
               'secret': SECRET})
    texts = []
    for number in range(ROUNDS):
        daemon.command(arm=POINTS[number % len(POINTS)], **{'as': 'kill:%d' % (1 + number // 8 % 3)})
        for sender in range(len(people)):
            texts.append('%d from %d' % (number, sender))
            sandbox.post('/send', phone=people[sender]['pn'], to=ours['pn'], text=texts[-1])
        if number % 2:
            receiver.kill()
        daemon.wait_death()
        if not number % 2:
            receiver.kill()
        receiver.start()
        daemon.start(env=PRIVATE)
        daemon.wait_status(channel, 'connected')
    for text in texts:
        daemon.text(text)
    daemon.wait_hook(channel, lambda h: daemon.command(advance=1000) and h['pending'] == 0,
                     'nothing pending')
    receiver.drain()
    check_books(daemon, receiver, texts)


def check_books(daemon, receiver, texts):
    w.equal([d['fault'] for d in receiver.deliveries if d['fault']], [], 'signatures')
    bodies = {}
    order = []
    for delivery in receiver.deliveries:
        if delivery['id'] not in bodies:
            bodies[delivery['id']] = delivery['body']
            order.append(json.loads(delivery['body']))
        w.equal(delivery['body'], bodies[delivery['id']], 'a repeat has the same body')
    journal = [e for e in daemon.ok('GET', '/events?after=0&limit=500',
                                    headers={'Accept': 'application/json'})['data']
               if e['event'] == 'message.received']
    w.equal(sorted(bodies), sorted(e['id'] for e in journal), 'every event once or more, no other')
    w.equal(sorted(e['data']['body'] for e in order), sorted(texts), 'every text')
    for chat in {e['data']['chatId'] for e in order}:
        got = [e['sequence'] for e in order if e['data']['chatId'] == chat]
        w.equal(got, sorted(got), 'in order per chat')
    repeats = len(receiver.deliveries) - len(bodies)
    print('# %d events, %d deliveries, %d repeats after %d kills' % (
        len(bodies), len(receiver.deliveries), repeats, 2 * ROUNDS))


w.require_node_modules()
w.run([signatures, crashes])
