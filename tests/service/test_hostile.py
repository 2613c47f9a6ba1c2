# SPDX-License-Identifier: GPL-3.0-or-later
"""A server and strangers that mean harm: the daemon stays up, talks on with honest people, believes nothing that it
must not, and does not grow with what it is sent."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

FLOOD = 1000
# with sanitizers the memory that was given back is kept for a while: not 256 MiB of it
CALM = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1'}
# Resident after 2n over after n: what is kept per stanza would make it two, less what was there before.
GROWTH = 1.25


class Scene:
    def __init__(self, scratch):
        self.sandbox = scratch.sandbox()
        self.ours = self.sandbox.phone('Whim')
        self.theirs = self.sandbox.phone('Bert')
        self.stranger = self.sandbox.phone('Mallory')
        self.daemon = scratch.daemon(self.sandbox, control=True, env=CALM)
        self.channel = self.daemon.pair(self.ours)
        self.daemon.ok('PUT', '/channels/' + self.channel, {'settings': {'pacing': 'off'}})
        self.said = 0
        self.honest()
        # Mallory has a session with us, so that what he encrypts is read
        self.sandbox.post('/send', phone=self.stranger['pn'], to=self.ours['pn'], text='hi')
        self.daemon.text('hi')
        self.sandbox.wait_idle(self.ours)

    def honest(self):
        """A text each way with somebody who means well."""
        self.said += 1
        self.daemon.wait_status(self.channel, 'connected')
        message = self.daemon.send(self.channel, self.theirs['pn'], 'ours %d' % self.said)
        self.daemon.status_of(message, 'delivered')
        self.sandbox.post('/send', phone=self.theirs['pn'], to=self.ours['pn'],
                          text='theirs %d' % self.said)
        self.daemon.text('theirs %d' % self.said)
        self.sandbox.wait_idle(self.ours)

    def stanza(self, tag, attrs, children=(), queued=False, times=1, **more):
        self.sandbox.post('/stanza', phone=self.ours['pn'], queued=queued, times=times,
                          node={'tag': tag, 'attrs': attrs, 'children': list(children), **more})

    def jid(self, person, device=0):
        return {'jid': '%s%s@lid' % (person['lid'], ':%d' % device if device else '')}

    def raw(self, person, content):
        return self.sandbox.post('/act', phone=person['pn'], to=self.ours['pn'], kind='raw',
                                 hex=content.hex())['id']

    def rss(self):
        text = self.daemon.ok('GET', '/metrics').decode()
        return int(re.search(r'^process_resident_memory_bytes (\d+)', text, re.M).group(1))

    def end(self):
        self.honest()
        inbox = [m['text'] for m in self.sandbox.inbox(self.theirs, self.said) if not m['fromMe']]
        w.equal(inbox, ['ours %d' % (i + 1) for i in range(self.said)], 'at the honest phone')
        sequences = [e['sequence'] for e in self.daemon.events()[:500]]
        w.equal(sequences, list(range(1, len(sequences) + 1)), 'the journal without gap or repeat')
        w.equal(self.sandbox.get('/counters')['violations'], [], 'violations')


def field(number, payload):
    """A protobuf field of bytes."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number_field(number, value):
    return varint(number << 3) + varint(value)


def varint(value):
    out = b''
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def frames(scratch):
    """Frames that are no nodes, lie about their size, or are none: at worst a new login."""
    s = Scene(scratch)
    deep = b''.join(b'\x00\xf8\x02\x0c\xf8\x01' if i == 0 else b'\xf8\x02\x0c\xf8\x01' for i in range(3000))
    for plain in (b'', b'\x00', b'\x02', b'\x02\x78\x9c', b'\x00\xf8', b'\x00\xf9\xff\xff',
                  b'\x00\xf8\x00', b'\x00\xf8\x01\xf8\x00', b'\x00\xfe\xff\xff\xff\xff', b'\xff' * 40,
                  b'\x00\xec\xff', b'\x00\xfa\xff\xff\xff', b'\x00' * 4096, deep):
        s.sandbox.post('/frame', phone=s.ours['pn'], hex=plain.hex())
        s.honest()
    for raw in (b'\xff\xff\xff', b'\x00\x00\x00', b'\x00\x00\x01\x00', b'\xff\xff\xff' + b'x' * 5000):
        s.sandbox.post('/frame', phone=s.ours['pn'], hex=raw.hex(), raw=True)
        # an announced frame that never comes looks like silence: the daemon asks, and gives up
        for _ in range(8):
            s.daemon.command(advance=20000)
            s.daemon.ok('GET', '/health')
        s.honest()
    s.end()


def nodes(scratch):
    """Nodes without sense or measure."""
    s = Scene(scratch)
    mallory = s.jid(s.stranger)
    leaf = {'tag': 'x', 'attrs': {}}
    nest = leaf
    for _ in range(14):
        nest = {'tag': 'enc', 'attrs': {'v': '2', 'type': 'msg'}, 'children': [nest]}
    for tag in ('message', 'receipt', 'notification', 'iq', 'call', 'ack', 'ib', 'presence', 'nonsense'):
        s.stanza(tag, {})
        s.stanza(tag, {'id': 'a' * 60000, 'from': mallory, 'type': 'b' * 60000, 't': '9' * 400})
        s.stanza(tag, {'id': 'kids', 'from': mallory, 'type': 'text'}, [leaf] * 3000)
        s.stanza(tag, {'id': 'nest', 'from': mallory, 'type': 'retry', 't': '-1'}, [nest])
        s.stanza(tag, {'id': 'who', 'from': 'not a jid @@', 'participant': '::', 'type': 'text'})
        s.stanza(tag, {'id': 'attrs', **{'a%d' % i: 'v' for i in range(2000)}})
    # a wide one, 65,536 children, as bytes: no JSON is needed for that
    wide = b'\x00\xf8\x02\xfc\x03abc\xf9\xff\xff' + b'\xf8\x01\xfc\x01a' * 65535
    s.sandbox.post('/frame', phone=s.ours['pn'], hex=wide.hex())
    s.honest()
    s.end()


def protobufs(scratch):
    """Well encrypted, and inside it deep, wide or broken. Acknowledged, and the next one is read."""
    s = Scene(scratch)
    deep = field(1, b'deep')
    for _ in range(400):
        deep = field(40, field(1, deep))  # ephemeralMessage.message
    wide = b''.join(field(31, field(2, field(1, b'x'))) for _ in range(5000))
    for content in (deep, wide, b'\xff' * 64, field(1, b'\xff\xfe'), field(12, b''), field(31, b''),
                    field(12, number_field(2, 14) + field(14, deep)), field(6, b'\x0a' + varint(1 << 40)),
                    field(1, b'a' * 200000)):
        s.raw(s.stranger, content)
        s.honest()
    s.end()


def forged(scratch):
    """Strangers speak in our name, about our account, about others: nothing of it is believed."""
    s = Scene(scratch)
    own_id = s.daemon.send(s.channel, s.theirs['pn'], 'of mine')
    s.daemon.status_of(own_id, 'delivered')
    chats = {c['id'] for c in s.daemon.ok('GET', '/chats?channelId=' + s.channel)['data']}
    count = len(s.daemon.messages(s.channel))
    # as if one of our devices had sent it
    s.raw(s.stranger, field(31, field(1, (s.theirs['lid'] + '@lid').encode())
                            + field(2, field(1, b'in your name'))))
    # what only our own phone may say
    for kind in (5, 6, 10, 16, 17, 22):
        s.raw(s.stranger, field(12, number_field(2, kind) + field(6, b'') + field(7, b'')
                                + field(17, b'') + field(23, field(1, b'\x08\x01'))))
    s.sandbox.wait_idle(s.ours)
    w.equal(len(s.daemon.messages(s.channel)), count, 'stored')
    w.equal({c['id'] for c in s.daemon.ok('GET', '/chats?channelId=' + s.channel)['data']}, chats,
            'chats')
    # a receipt for a message of another chat; a status that is not his to tell
    for kind in ({'type': 'read'}, {'type': 'played'}, {}):
        s.stanza('receipt', {'id': own_id, 'from': s.jid(s.stranger), 't': '1700000000', **kind},
                 queued=True)
    s.sandbox.wait_idle(s.ours)
    mine = [m for m in s.daemon.messages(s.channel) if m['id'] == own_id][0]
    w.equal(mine['status'], 'delivered', 'not read by a stranger')
    # notifications of strangers that only the server may send
    logins = s.sandbox.counts()['logins']
    for kind, child in (('account_sync', {'tag': 'devices', 'attrs': {}}),
                        ('server_sync', {'tag': 'collection', 'attrs': {'name': 'regular'}}),
                        ('encrypt', {'tag': 'count', 'attrs': {'value': '0'}}),
                        ('link_code_companion_reg', {'tag': 'link_code_companion_reg', 'attrs': {}}),
                        ('mex', {'tag': 'update', 'attrs': {'op_name': 'x'}}),
                        ('devices', {'tag': 'remove', 'attrs': {'device_hash': 'x'}})):
        s.stanza('notification', {'id': 'f-' + kind, 'from': s.jid(s.stranger), 'type': kind,
                                  't': '1700000000'}, [child], queued=True)
    # and somebody says that he is us
    s.stanza('message', {'id': 'SELF', 'from': s.jid(s.ours, 99), 'type': 'text', 't': '1700000000'},
             [{'tag': 'enc', 'attrs': {'v': '2', 'type': 'msg'}, 'hex': '33' + '00' * 80}], queued=True)
    s.sandbox.wait_idle(s.ours)
    w.equal(s.sandbox.counts()['logins'], logins, 'logins')
    s.honest()
    w.equal([m['text'] for m in s.sandbox.inbox(s.stranger, 0)], [], 'sent to the stranger')
    w.equal(s.sandbox.get('/counters')['violations'], [], 'violations')


def flood(name, tag, attrs, children):
    def test(scratch):
        s = Scene(scratch)
        queued = tag != 'presence'
        sizes = []
        for part in range(3):
            s.stanza(tag, {'id': 'F%d' % part, 'from': s.jid(s.stranger), **attrs}, children,
                     queued=queued, times=FLOOD)
            s.sandbox.get('/idle?phone=%s&timeout=%d' % (s.ours['pn'], w.DEADLINE))
            s.honest()
            sizes.append(s.rss())
        # the first part fills what has a bound
        print('# resident after each %d: %r' % (FLOOD, sizes))
        w.check(sizes[2] < sizes[1] * GROWTH, 'memory grows: %r' % sizes)
        counts = s.sandbox.counts()
        # at most four for a message, and 1,000 for a device and hour
        w.check(counts.get('retry-receipts', 0) <= 1000, 'asked: %r' % counts.get('retry-receipts'))
        w.check(counts.get('retry-answers', 0) == 0, 'answers: %r' % counts.get('retry-answers'))
        w.equal(counts['logins'], 1, 'logins')
    test.__name__ = 'a flood of ' + name
    return test


T = '1700000000'
ENC = {'tag': 'enc', 'attrs': {'v': '2', 'type': 'msg'}, 'hex': '33' + '00' * 80}
w.run([frames, nodes, protobufs, forged,
       flood('messages that nobody can read', 'message', {'type': 'text', 't': T}, [ENC]),
       flood('retry receipts', 'receipt', {'type': 'retry', 't': T},
             [{'tag': 'retry', 'attrs': {'v': '1', 'count': '1', 'id': 'NOBODY', 't': T}}]),
       flood('receipts', 'receipt', {'type': 'read', 't': T}, []),
       flood('notifications', 'notification', {'type': 'picture', 't': T},
             [{'tag': 'set', 'attrs': {'id': '1'}}]),
       flood('presence', 'presence', {'type': 'unavailable', 'last': T}, [])])
