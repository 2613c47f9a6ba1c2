# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation with unmodified Baileys, driven over D-Bus alone."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimbus as b
import whimtest as w


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    _daemon, program = b.daemon(scratch, sandbox, b.bus(scratch))
    peer = scratch.peer(sandbox, 'bert')
    peer.pair(theirs)
    return sandbox, ours, theirs, program, peer


def finish(sandbox, phones, peer):
    for phone in phones:
        sandbox.wait_idle(phone)
    peer.check_clean()
    sandbox.check_clean()


def talks(sandbox, ours, theirs, program, peer, channel, word):
    message = b.send(program, channel, '+' + theirs['pn'], 'hello Bert ' + word)
    peer.text('hello Bert ' + word)
    program.event('message.status', lambda data: data.get('id') == message
                  and data.get('status') == 'delivered')
    peer.send(ours['pn'] + '@s.whatsapp.net', 'hello Whim ' + word)
    event = program.text('hello Whim ' + word)
    w.equal(event[3], channel.rsplit('/', 1)[1], 'channel')
    w.equal(program.call(channel, 'Messages.Get', '(sa{sv})', message, {})[0]['status'],
            'delivered', 'status')


def conversation(scratch):
    """By QR; unlinked on the phone; by phone code; logged out by us."""
    sandbox, ours, theirs, program, peer = setup(scratch)
    channel = program.create()
    program.subscribe()
    b.link(program, sandbox, ours, channel)
    talks(sandbox, ours, theirs, program, peer, channel, 'by QR')

    sandbox.post('/unlink', phone=ours['pn'])
    program.wait_status(channel, 'disconnected')
    w.equal(program.get(channel, 'Channel', 'Reason'), 'unlinked', 'reason')
    program.refused('NotPaired', channel, 'Messages.SendText', '(ssa{sv})', theirs['pn'], 'x', {})

    request = program.call(channel, 'Pairing.StartPairing', '(a{sv})', {
        'phone_number': b.text('+' + ours['pn'])})[0]
    kind, code, _expires = program.values('Code', request)
    w.equal(kind, 'phone', 'kind')
    sandbox.post('/enter-code', phone=ours['pn'], code=code)
    w.equal(program.values('Finished', request)[0], 0, 'linked by code')
    sandbox.wait_idle(ours)
    talks(sandbox, ours, theirs, program, peer, channel, 'by code')

    messages, total = program.call(channel, 'Messages.List', '(a{sv})', {'limit': b.number(3)})
    w.equal((len(messages), total), (3, 4), 'messages')
    chats, _total = program.call(channel, 'Chats.List', '(a{sv})', {})
    w.equal([chat['id'] for chat in chats], [theirs['pn'] + '@s.whatsapp.net'], 'chats')
    here, _total = program.call(
        channel, 'Messages.List', '(a{sv})', {'chatId': b.text(chats[0]['id'])})
    w.equal(len(here), 4, 'messages of the chat')
    w.equal(program.call(channel, 'Chats.Get', '(s)', theirs['pn'])[0]['id'], chats[0]['id'], 'chat')

    answer = program.call(channel, 'Messages.SendImmediate', '(ssa{sv})', theirs['pn'], 'now', {})[0]
    peer.text('now')
    w.check(answer['messageId'], 'answer of SendImmediate')
    program.call(channel, 'Channel.Logout')
    w.equal(program.get(channel, 'Channel', 'Reason'), 'logged_out', 'reason')
    w.equal([d for d in sandbox.get('/devices')['devices']
             if d['phone'] == ours['pn'] and d['device'] != 0], [], 'devices after logout')
    finish(sandbox, [theirs], peer)


w.require_node_modules()
w.run([conversation])
