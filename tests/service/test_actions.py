# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do to messages: edits, deletions, reactions, timers; forged, late and unknown ones."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

THUMB = '\U0001F44D'


def setup(scratch, text='first'):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(ours)
    message_id = sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text=text)['id']
    daemon.text(text)
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, channel, message_id


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    w.equal(counters['counts'].get('retry-receipts', 0), 0, 'retry receipts')


def act(sandbox, who, to, kind, message_id=None, **more):
    return sandbox.post('/act', phone=who['pn'], to=to['pn'], kind=kind, id=message_id, **more)['id']


def events(daemon, kind):
    return [e['data'] for e in daemon.events() if e['event'] == kind]


def one(daemon, channel, message_id):
    found = [m for m in daemon.messages(channel) if m['id'] == message_id]
    w.equal(len(found), 1, 'stored once')
    return found[0]


def edited(encrypted):
    kind = 'encrypted-edit' if encrypted else 'edit'

    def test(scratch):
        sandbox, ours, theirs, daemon, channel, message_id = setup(scratch)
        act(sandbox, theirs, ours, kind, message_id, text='second', at=1750000002000)
        sandbox.wait_idle(ours)
        act(sandbox, theirs, ours, kind, message_id, text='too late', at=1750000001000)
        sandbox.wait_idle(ours)
        act(sandbox, theirs, ours, kind, message_id, text='third', at=1750000003999)
        sandbox.wait_idle(ours)
        told = events(daemon, 'message.updated')
        w.equal([(e['id'], e['before']['body'], e['after']['body'], e['body'], e['editedAt'])
                 for e in told],
                [(message_id, 'first', 'second', 'second', 1750000002),
                 (message_id, 'second', 'third', 'third', 1750000003)], 'told')
        w.equal(told[0]['from'], theirs['pn'], 'from')
        message = one(daemon, channel, message_id)
        w.equal((message['body'], message['type'], message['editedAt']),
                ('third', 'text', 1750000003), 'stored')
        w.equal(len(daemon.messages(channel)), 1, 'no other rows')
        clean(sandbox)
    test.__name__ = kind
    return test


def deleted(scratch):
    sandbox, ours, theirs, daemon, channel, message_id = setup(scratch)
    act(sandbox, theirs, ours, 'reaction', message_id, emoji=THUMB)
    sandbox.wait_idle(ours)
    act(sandbox, theirs, ours, 'delete', message_id)
    sandbox.wait_idle(ours)
    act(sandbox, theirs, ours, 'delete', message_id)
    act(sandbox, theirs, ours, 'edit', message_id, text='undead')
    act(sandbox, theirs, ours, 'reaction', message_id, emoji=THUMB)
    sandbox.wait_idle(ours)
    told = events(daemon, 'message.deleted')
    w.equal([(e['id'], e['status'], e.get('body')) for e in told], [(message_id, 'deleted', None)],
            'told')
    message = one(daemon, channel, message_id)
    w.equal((message['status'], 'deletedAt' in message, message.get('body'),
             message.get('reactions')), ('deleted', True, None, None), 'stored')
    w.equal(events(daemon, 'message.updated'), [], 'no edits afterwards')
    clean(sandbox)


def reactions(scratch):
    """To theirs and to ours, changed, taken back, late ones ignored; one list shows them all."""
    sandbox, ours, theirs, daemon, channel, message_id = setup(scratch)
    own_id = daemon.send(channel, theirs['pn'], 'ours')
    daemon.status_of(own_id, 'delivered')
    act(sandbox, theirs, ours, 'reaction', message_id, fromMe=True, emoji='A', at=1750000001000)
    act(sandbox, theirs, ours, 'reaction', own_id, fromMe=False, emoji='B', at=1750000001000)
    sandbox.wait_idle(ours)
    act(sandbox, theirs, ours, 'reaction', own_id, fromMe=False, emoji=THUMB, at=1750000003000)
    sandbox.wait_idle(ours)
    act(sandbox, theirs, ours, 'reaction', own_id, fromMe=False, emoji='late', at=1750000002000)
    act(sandbox, ours, theirs, 'reaction', own_id, fromMe=True, emoji='mine', at=1750000004000)
    sandbox.wait_idle(ours)
    told = events(daemon, 'message.reaction')
    w.equal([(e['messageId'], e['emoji'], e.get('from'), e['fromMe']) for e in told],
            [(message_id, 'A', theirs['pn'], False), (own_id, 'B', theirs['pn'], False),
             (own_id, THUMB, theirs['pn'], False), (own_id, 'mine', None, True)], 'told')
    w.equal([(r['emoji'], r['fromMe']) for r in one(daemon, channel, own_id)['reactions']],
            [(THUMB, False), ('mine', True)], 'shown')
    w.equal(one(daemon, channel, own_id)['reactions'][0]['timestamp'], 1750000003, 'when')
    act(sandbox, theirs, ours, 'reaction', own_id, fromMe=False, emoji='', at=1750000005000)
    sandbox.wait_idle(ours)
    w.equal([r['emoji'] for r in one(daemon, channel, own_id)['reactions']], ['mine'], 'taken back')
    w.equal(events(daemon, 'message.reaction')[-1]['emoji'], '', 'told that it was')
    w.equal(sorted(m['body'] for m in daemon.messages(channel)), ['first', 'ours'], 'no other rows')
    clean(sandbox)


def forged(scratch):
    """Nobody changes what somebody else wrote, in this chat or another; it is told as an action."""
    sandbox, ours, theirs, daemon, channel, message_id = setup(scratch)
    carl = sandbox.phone('Carl')
    own_id = daemon.send(channel, theirs['pn'], 'ours')
    daemon.status_of(own_id, 'delivered')
    forgeries = [
        act(sandbox, theirs, ours, 'edit', own_id, fromMe=False, text='forged'),
        act(sandbox, theirs, ours, 'edit', own_id, fromMe=True, text='forged'),
        act(sandbox, theirs, ours, 'delete', own_id, fromMe=False),
        act(sandbox, theirs, ours, 'delete', own_id, fromMe=True),
        act(sandbox, carl, ours, 'edit', message_id, text='forged'),
        act(sandbox, carl, ours, 'delete', message_id),
        act(sandbox, carl, ours, 'reaction', message_id, emoji='x'),
        act(sandbox, theirs, ours, 'edit', 'NOBODYSID', text='unknown'),
    ]
    sandbox.wait_idle(ours)
    w.equal(events(daemon, 'message.updated') + events(daemon, 'message.deleted')
            + events(daemon, 'message.reaction'), [], 'changed')
    w.equal(one(daemon, channel, own_id)['body'], 'ours', 'ours')
    w.equal(one(daemon, channel, message_id)['body'], 'first', 'theirs')
    kept = [m['id'] for m in daemon.messages(channel) if m['type'] == 'action']
    w.equal(sorted(kept), sorted(forgeries), 'kept')
    told = [e['id'] for e in events(daemon, 'message.received') if e['type'] == 'action']
    w.equal(sorted(told), sorted(forgeries), 'told')
    clean(sandbox)


def from_own_phone(scratch):
    """Our phone edits and deletes what it wrote, and what we wrote."""
    sandbox, ours, theirs, daemon, channel, message_id = setup(scratch)
    own_id = daemon.send(channel, theirs['pn'], 'ours')
    daemon.status_of(own_id, 'delivered')
    typed = sandbox.post('/send', phone=ours['pn'], to=theirs['pn'], text='typed')['id']
    sandbox.wait_idle(ours)
    act(sandbox, ours, theirs, 'edit', own_id, text='ours, better')
    act(sandbox, ours, theirs, 'encrypted-edit', typed, text='typed, better')
    sandbox.wait_idle(ours)
    w.equal(one(daemon, channel, own_id)['body'], 'ours, better', 'ours')
    w.equal(one(daemon, channel, typed)['body'], 'typed, better', 'typed')
    act(sandbox, ours, theirs, 'delete', own_id)
    sandbox.wait_idle(ours)
    w.equal(one(daemon, channel, own_id)['status'], 'deleted', 'deleted')
    clean(sandbox)


def timer(scratch):
    """The newest setting of disappearing messages counts."""
    sandbox, ours, theirs, daemon, channel, message_id = setup(scratch)
    act(sandbox, theirs, ours, 'timer', expiration=604800, at=1750000002000)
    sandbox.wait_idle(ours)
    act(sandbox, theirs, ours, 'timer', expiration=86400, at=1750000001000)
    sandbox.wait_idle(ours)
    told = [e for e in events(daemon, 'chat.updated') if 'expiration' in e]
    w.equal([(e['chatId'], e['expiration']) for e in told],
            [(theirs['pn'] + '@s.whatsapp.net', 604800)], 'told')
    w.equal(len(daemon.messages(channel)), 1, 'no other rows')
    clean(sandbox)


w.run([edited(False), edited(True), deleted, reactions, forged, from_own_phone, timer])
