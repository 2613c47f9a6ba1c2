# SPDX-License-Identifier: GPL-3.0-or-later
"""Unmodified Baileys at the other end, and a network and a server between that fail: every text arrives, readable,
once, and nobody asks more often than the test says. Baileys is kept from losing its own sessions (sessions.mjs), which
test_losses.py shows: here the faults are ours to choose."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


class Scene:
    """Two accounts, our daemon and a Baileys; and what has to arrive."""

    def __init__(self, scratch, met=True):
        # drops repeats as the real server does
        self.scratch = scratch
        self.sandbox = scratch.sandbox('--dedup')
        self.ours = self.sandbox.phone('Whim')
        self.theirs = self.sandbox.phone('Bert')
        self.to_us = self.ours['pn'] + '@s.whatsapp.net'
        self.daemon = scratch.daemon(self.sandbox, control=True)
        self.peer = scratch.peer(self.sandbox, 'bert', watched=True, mended=True)
        self.peer.pair(self.theirs)
        self.channel = self.daemon.pair(self.ours)
        self.sent = []
        self.received = []
        self.read = []  # (peer, text) that were read
        if met:
            self.there('hello')
            self.read_at(self.peer, 'hello')
            self.back('hello too')
            self.stored('hello too')
            self.sandbox.wait_idle(self.ours)
            self.sandbox.wait_idle(self.theirs)
            self.sandbox.post('/reset-counters')

    def there(self, text):
        self.sent.append(text)
        return self.daemon.send(self.channel, self.theirs['pn'], text)

    def back(self, text, peer=None):
        self.received.append(text)
        return (peer or self.peer).send(self.to_us, text)

    def read_at(self, peer, text):
        peer.text(text)
        self.read.append((peer, text))

    def stored(self, text):
        self.daemon.text(text)

    def fault(self, path, who, **more):
        self.sandbox.post(path, phone=who['pn'], **more)

    def talk(self, name, peers=None):
        """One text each way."""
        self.there('there ' + name)
        for peer in peers or [self.peer]:
            self.read_at(peer, 'there ' + name)
        self.back('back ' + name)
        self.stored('back ' + name)

    def end(self, most=0, repaired=False):
        """The books. @most: retry receipts of all sides, and as many answers, at most; 0: none at all.
        @repaired: a peer may have waited for a message, and has it now."""
        self.talk('in the end', list(dict.fromkeys([self.peer] + [p for p, _ in self.read])))
        for phone in (self.ours, self.theirs):
            self.sandbox.wait_idle(phone)
        counters = self.sandbox.get('/counters')
        counts = counters['counts']
        w.equal((counters['violations'], counters['unexpected']), ([], []), 'the sandbox')
        for name in ('retry-receipts', 'retry-answers', 'phone-retries', 'phone-retries-answered'):
            w.check(counts.get(name, 0) <= most, '%s: %d' % (name, counts.get(name, 0)))
        w.equal(counts.get('phone-undecryptable', 0), 0, 'undecryptable at a phone')
        stored = [m['body'] for m in self.daemon.messages(self.channel)]
        w.equal(sorted(stored), sorted(self.sent + self.received), 'stored')
        told = [e['data'].get('body') for e in self.daemon.events() if e['event'] == 'message.received']
        w.equal(sorted(told), sorted(self.received), 'told')
        inbox = [m['text'] for m in self.sandbox.inbox(self.theirs, len(self.sent)) if not m['fromMe']]
        w.equal(sorted(inbox), sorted(self.sent), 'at their phone')
        w.equal([e for e in self.daemon.events() if e['event'] == 'message.undecryptable'], [],
                'waited for')
        for peer in {p for p, _ in self.read}:
            self.check_peer(peer, repaired)

    def check_peer(self, peer, repaired):
        peer.call('sync')
        again = [e for e in peer.pending if e['event'] == 'message' and not e['fromMe']]
        w.equal(again, [], 'repeats at the peer')
        waited = [e for e in peer.pending if e['event'] == 'undecryptable']
        w.check(repaired or not waited, 'the peer waited: %r' % waited)
        peer.pending = [e for e in peer.pending if e not in waited]
        peer.check_clean()


def reordered(scratch):
    """What was held comes in the wrong order, five deep, both ways. No retry receipt."""
    s = Scene(scratch)
    texts = ['%d' % i for i in range(5)]
    s.fault('/hold', s.ours)
    for text in texts:
        s.back('held ' + text)
    s.fault('/hold', s.ours, on=False, reverse=True)
    for text in texts:
        s.stored('held ' + text)
    s.fault('/hold', s.theirs)
    for text in texts:
        s.daemon.status_of(s.there('kept ' + text), 'delivered')
    s.fault('/hold', s.theirs, on=False, reverse=True)
    for text in texts:
        s.read_at(s.peer, 'kept ' + text)
    s.end()


def repeated(scratch):
    """Each stanza to us comes twice. No retry receipt."""
    s = Scene(scratch)
    s.fault('/repeat', s.ours, count=12)
    for i in range(3):
        s.talk('twice %d' % i)
    s.fault('/repeat', s.ours, count=0)
    s.end()


def cut(way, size):
    def test(scratch):
        s = Scene(scratch)
        s.fault('/cut', s.ours, **{way: size})
        cuts = s.sandbox.counts().get('cuts', 0)
        for i in range(4):
            s.there('there %d' % i)
            s.back('back %d' % i)
        s.sandbox.get('/await-count?name=cuts&count=%d' % (cuts + 1))
        for i in range(4):
            s.read_at(s.peer, 'there %d' % i)
            s.stored('back %d' % i)
        s.end()
    test.__name__ = 'cut after %d bytes %s' % (size, way)
    return test


def lost_acks(scratch):
    """Taken without an ack, then the socket is cut: the same bytes again, read once."""
    s = Scene(scratch)
    for i in range(3):
        s.fault('/lose-acks', s.ours, count=1)
        s.talk('no ack %d' % i)
    w.equal(s.sandbox.counts().get('repeats'), 3, 'the same bytes')
    s.end()


def corrupted_to_us(scratch):
    """Once and twice: one receipt for each copy that does not open, 3 in all."""
    s = Scene(scratch)
    for count in (1, 2):
        s.fault('/corrupt', s.ours, count=count)
        s.back('broken %d' % count)
        s.stored('broken %d' % count)
    s.end(most=3)


def corrupted_to_them(scratch):
    """Baileys cannot read it, asks, and reads our answer. At most 2 receipts for each copy."""
    s = Scene(scratch)
    s.fault('/corrupt', s.theirs, count=1)
    s.there('broken')
    s.read_at(s.peer, 'broken')
    s.end(most=2, repaired=True)


def no_prekeys(scratch):
    """First contacts both ways while the server has no one-time key. No retry receipt."""
    s = Scene(scratch, met=False)
    for phone in (s.ours, s.theirs):
        s.fault('/hold', phone)
        s.fault('/set-prekey-count', phone, count=0)
    message = s.there('without a prekey')
    s.daemon.status_of(message, 'sent')
    s.fault('/hold', s.theirs, on=False)
    s.read_at(s.peer, 'without a prekey')
    s.fault('/hold', s.ours, on=False)
    s.end()


def stale_prekeys(scratch):
    """Their first message names a one-time key that we do not have: one receipt, with keys."""
    s = Scene(scratch, met=False)
    s.fault('/stale-prekeys', s.ours)
    s.back('under a lost key')
    s.stored('under a lost key')
    s.end(most=1)


def stale_prekeys_theirs(scratch):
    """Ours names one that Baileys does not have: it asks with keys; at most 2 receipts."""
    s = Scene(scratch, met=False)
    s.fault('/stale-prekeys', s.theirs)
    s.there('under a lost key')
    s.read_at(s.peer, 'under a lost key')
    s.end(most=2, repaired=True)


def paired_anew(scratch):
    """Their companion goes and comes back with another identity. No retry receipt."""
    s = Scene(scratch)
    s.fault('/unlink', s.theirs)
    other = s.scratch.peer(s.sandbox, 'bert-again', watched=True, mended=True)
    other.pair(s.theirs)
    s.read = []
    s.peer = other
    s.talk('with the new one')
    s.end()


def reinstalled(scratch):
    """Their phone has another identity and a new companion. No retry receipt; it is told once."""
    s = Scene(scratch)
    s.fault('/reinstall', s.theirs)
    other = s.scratch.peer(s.sandbox, 'bert-again', watched=True, mended=True)
    other.pair(s.theirs)
    s.read = []
    s.peer = other
    s.talk('with the new one')
    told = [e for e in s.daemon.events() if e['event'] == 'contact.updated'
            and e['data'].get('change') == 'security_code']
    w.equal(len(told), 1, 'told')
    s.end()


def second_device(scratch):
    """One device of theirs stays away for a while, then cannot read one: at most 2 receipts."""
    s = Scene(scratch)
    second = s.scratch.peer(s.sandbox, 'bert2', watched=True, mended=True)
    second.pair(s.theirs)
    s.talk('to both', [s.peer, second])
    second.close()
    for i in range(3):
        s.talk('away %d' % i)
    second.reopen(s.theirs)
    for i in range(3):
        s.read_at(second, 'there away %d' % i)
    s.fault('/corrupt', s.theirs, count=1)  # the newest: the second
    s.there('one cannot')
    for peer in (s.peer, second):
        s.read_at(peer, 'one cannot')
    s.end(most=2, repaired=True)


def silent(scratch):
    """The server does not answer any more: the daemon notices, and the same bytes go again."""
    s = Scene(scratch)
    logins = s.sandbox.counts().get('logins', 0)
    s.fault('/silence', s.ours)
    s.there('into the void')
    s.back('out of the void')
    while s.sandbox.counts().get('logins', 0) == logins:
        s.daemon.command(advance=20000)
        s.daemon.ok('GET', '/health')
    s.read_at(s.peer, 'into the void')
    s.stored('out of the void')
    s.end()


def half_open(scratch):
    s = Scene(scratch)
    s.fault('/half-close', s.ours)
    s.back('over a new socket')
    s.there('and there')
    s.stored('over a new socket')
    s.read_at(s.peer, 'and there')
    s.end()


w.require_node_modules()
w.run([reordered, repeated]
      + [cut(way, size) for way in ('out', 'in') for size in (1, 3, 200, 900)]
      + [lost_acks, corrupted_to_us, corrupted_to_them, no_prekeys, stale_prekeys,
         stale_prekeys_theirs, paired_anew, reinstalled, second_device, silent, half_open])
