# SPDX-License-Identifier: GPL-3.0-or-later
"""The D-Bus face against the sandbox: tree, calls, pairing requests, events, limits, and what nobody else
may hear."""
import os
import shutil
import signal
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimbus as b
import whimtest as w

FACETS = ['Channel', 'Chats', 'Contacts', 'Messages', 'Outbox', 'Pairing', 'Webhooks']


def setup(scratch, control=False):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    echo = sandbox.phone('Echo', echo=True)
    bus = b.bus(scratch)
    daemon, program = b.daemon(scratch, sandbox, bus, control=control)
    return sandbox, ours, echo, bus, daemon, program


def facets(found):
    return sorted(name.rsplit('.', 1)[1] for name in found)


def tree(scratch):
    """One call shows everything; a channel comes and goes with its object, whoever makes it."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    objects = program.objects()
    w.equal(list(objects), [b.MANAGER], 'objects at first')
    w.equal(facets(objects[b.MANAGER]), ['Events', 'Keys', 'Manager'], 'facets of the manager')
    w.equal(objects[b.MANAGER][b.NAME + '.Manager']['ApiVersion'], 1, 'ApiVersion')

    path, channel = program.manager('Manager.CreateChannel', '(sa{sv})', 'Sales', {
        'department': b.text('West'), 'autoConnect': b.variant('b', False)})
    w.equal(path, b.ROOT + '/Channel/' + channel['id'], 'path')
    # the object is there before the reply
    w.equal(program.values('InterfacesAdded')[0], path, 'InterfacesAdded')
    objects = program.objects()
    w.equal(facets(objects[path]), FACETS, 'facets of a channel')
    shown = objects[path][b.NAME + '.Channel']
    w.equal((shown['Id'], shown['Name'], shown['Department'], shown['AutoConnect'], shown['Status'],
             shown['StatusWord'], shown['Reason']),
            (channel['id'], 'Sales', 'West', False, 1, 'disconnected', 'never_paired'), 'properties')

    program.call(path, 'Channel.Update', '(a{sv})', {'name': b.text('Support')})
    interface, changed, gone = program.values('PropertiesChanged', path)
    w.equal((interface, changed, gone), (b.NAME + '.Channel', {'Name': 'Support'}, []), 'changed')

    # by another face
    other = daemon.ok('POST', '/channels', {'name': 'By REST'})['data']['id']
    w.equal(program.values('InterfacesAdded')[0], b.ROOT + '/Channel/' + other, 'added by REST')
    listed, total = program.manager('Manager.ListChannels', '(a{sv})', {})
    w.equal(([c['id'] for c in listed], total), ([channel['id'], other], 2), 'ListChannels')
    daemon.ok('DELETE', '/channels/' + other)
    w.equal(program.values('InterfacesRemoved')[0], b.ROOT + '/Channel/' + other, 'removed')
    program.manager('Manager.DeleteChannel', '(s)', channel['id'])
    w.equal(list(program.objects()), [b.MANAGER], 'objects at last')
    program.refused('ChannelNotFound', b.MANAGER, 'Manager.DeleteChannel', '(s)', channel['id'])

    w.equal(program.manager('Manager.GetHealth')[0]['status'], 'ok', 'health')
    w.check('whimbrel_channels' in program.manager('Manager.GetMetrics')[0], 'figures')


def backup(scratch):
    """The copy comes as an open file; it is whole, and nothing of it is left in the data directory."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create('Kept')
    answer, files = program.connection.call_with_unix_fd_list_sync(
        b.NAME, b.MANAGER, b.NAME + '.Manager', 'Backup', None, b.variant_type('(h)'), 0, w.DEADLINE * 1000,
        None, None)
    w.equal((answer.unpack(), files.get_length()), ((0,), 1), 'the reply')
    copy = os.path.join(scratch.path, 'copy.db')
    with os.fdopen(files.get(0), 'rb') as source, open(copy, 'wb') as out:
        shutil.copyfileobj(source, out)
    database = sqlite3.connect(copy)
    w.equal(database.execute('PRAGMA integrity_check').fetchall(), [('ok',)], 'integrity')
    w.equal(database.execute('SELECT id, name FROM channels').fetchall(), [(channel.rsplit('/', 1)[1], 'Kept')],
            'channels')
    database.close()
    w.equal([name for name in os.listdir(daemon.directory) if 'backup' in name], [], 'left over')


def conversation(scratch):
    """Linked by QR, texts both ways with their statuses, unlinked, linked by phone code, logged out."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create()
    program.subscribe()
    b.link(program, sandbox, ours, channel)
    message = b.send(program, channel, '+' + echo['pn'], 'over D-Bus')
    for kind, status in (('message.sent', 'sent'), ('message.status', 'delivered')):
        program.event(kind, lambda data: data.get('id') == message and data['status'] == status)
    event = program.text('over D-Bus')
    w.equal(event[5]['chatId'], echo['pn'] + '@s.whatsapp.net', 'chat')
    w.equal(program.get(channel, 'Channel', 'Phone'), ours['pn'], 'Phone, asked for')
    program.refused('AlreadyPaired', channel, 'Pairing.StartPairing', '(a{sv})', {})
    program.refused('AlreadyPaired', channel, 'Pairing.GetQr')

    # once only, whatever the caller's library retries
    first = b.send(program, channel, echo['pn'], 'once', clientId=b.text('order-1'))
    w.equal(b.send(program, channel, echo['pn'], 'once', clientId=b.text('order-1')), first, 'again')
    program.refused('IdempotencyConflict', channel, 'Messages.SendText', '(ssa{sv})', echo['pn'],
                    'twice', {'clientId': b.text('order-1')})

    sandbox.post('/unlink', phone=ours['pn'])
    program.wait_status(channel, 'disconnected')
    w.equal(program.get(channel, 'Channel', 'Reason'), 'unlinked', 'reason')
    w.equal(program.get(channel, 'Channel', 'Phone'), '', 'Phone of nobody')
    request = program.call(channel, 'Pairing.StartPairing', '(a{sv})',
                           {'phone_number': b.text('+' + ours['pn'])})[0]
    kind, code, expires = program.values('Code', request)
    w.equal((kind, len(code)), ('phone', 9), 'code')
    w.equal(program.call(request, 'PairingRequest.Get'), (kind, code, expires), 'Get')
    sandbox.post('/enter-code', phone=ours['pn'], code=code)
    w.equal(program.values('Finished', request)[0], 0, 'Finished')
    b.send(program, channel, echo['pn'], 'with new keys')
    program.text('with new keys')
    sandbox.wait_idle(ours)
    program.call(channel, 'Channel.Logout')
    w.equal(program.call(channel, 'Channel.GetStatus')[0]['reason'], 'logged_out', 'reason')
    sandbox.check_clean()


def faces(scratch):
    """Keys and webhooks made here are those of the other faces, and offline texts wait in the outbox."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create()
    opaque = channel.rsplit('/', 1)[1]
    key = program.manager('Keys.Create', '(sa{sv})', 'Shop', {'channels': b.texts(opaque)})[0]
    status, _answer = daemon.request('GET', '/channels/' + opaque, headers={'X-API-Key': key['key']})
    w.equal(status, 200, 'the new key')
    program.manager('Keys.Update', '(sa{sv})', key['id'], {'name': b.text('Store')})
    w.equal(program.manager('Keys.Get', '(s)', key['id'])[0]['name'], 'Store', 'its name')
    w.check('key' not in program.manager('Keys.Get', '(s)', key['id'])[0], 'shown once')
    program.manager('Keys.Revoke', '(s)', key['id'])
    program.refused('NotFound', b.MANAGER, 'Keys.Get', '(s)', key['id'])
    listed, total = program.manager('Keys.List', '(a{sv})', {})
    w.equal((len(listed), total), (1, 1), 'keys')

    hook = program.call(channel, 'Webhooks.SetDefault', '(sasa{sv})', 'https://example.com/a',
                        ['*'], {'enabled': b.variant('b', False),
                                'headers': b.variant('a{ss}', {'X-Mine': '1'})})[0]
    w.equal(daemon.ok('GET', '/channels/%s/webhook' % opaque)['data']['url'],
            'https://example.com/a', 'by REST')
    more = program.call(channel, 'Webhooks.Create', '(sasa{sv})', 'https://example.com/b',
                        ['message.received'], {})[0]['id']
    w.equal(program.call(channel, 'Webhooks.List', '(a{sv})', {})[1], 2, 'webhooks')
    program.call(channel, 'Webhooks.Update', '(sa{sv})', more, {'enabled': b.variant('b', False)})
    w.equal(program.call(channel, 'Webhooks.Get', '(s)', more)[0]['enabled'], False, 'off')
    w.equal(program.call(channel, 'Webhooks.Deliveries', '(sa{sv})', more, {}), ([], 0), 'owes')
    w.equal(program.call(channel, 'Webhooks.DeadLetters', '(sa{sv})', more, {}), ([], 0), 'dead')
    program.refused('NotFound', channel, 'Webhooks.Discard', '(ss)', more, 'evt_none')
    program.refused('NotFound', channel, 'Webhooks.Resend', '(ss)', more, 'evt_none')
    program.refused('NotFound', channel, 'Webhooks.ResendAll', '(s)', more)
    program.call(channel, 'Webhooks.Delete', '(s)', more)
    w.equal(program.call(channel, 'Webhooks.GetDefault')[0]['id'], hook['id'], 'default')

    b.link(program, sandbox, ours, channel)
    program.call(channel, 'Channel.Disconnect')
    program.wait_status(channel, 'disconnected')
    waits = b.send(program, channel, echo['pn'], 'later')
    rows, total = program.call(channel, 'Outbox.List', '(a{sv})', {})
    w.equal(([row['messageId'] for row in rows], total), ([waits], 1), 'outbox')
    w.equal(program.call(channel, 'Outbox.Get', '(s)', waits)[0]['state'], 'queued', 'state')
    program.call(channel, 'Outbox.Cancel', '(s)', waits)
    program.refused('NotFound', channel, 'Outbox.Get', '(s)', waits)
    program.call(channel, 'Channel.Connect')
    program.wait_status(channel, 'connected')
    checked, _total = program.call(channel, 'Contacts.Check', '(asa{sv})', [echo['pn']], {})
    w.equal(len(checked), 1, 'checked')
    # any operation by its name
    w.equal(program.manager('Manager.Call', '(sa{sv})', 'channels.status',
                            {'channelId': b.text(opaque)})[0]['status'], 'connected', 'Call')
    settings = program.call(channel, 'Channel.Update', '(a{sv})', {
        'settings': b.variant('a{sv}', {'pacing': b.text('off')})})[0]['settings']
    w.equal(settings['pacing'], 'off', 'settings')
    w.equal(program.get(channel, 'Channel', 'Settings')['pacing'], 'off', 'as a property')
    sandbox.check_clean()


def bad_inputs(scratch):
    """Each is the error that its name says, tells what is to blame, and changes nothing."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create()
    b.link(program, sandbox, ours, channel)
    nowhere = 'ch_000000000000'
    sends = [
        ('InvalidParameter', 'to:', '', 'text', {}),
        ('InvalidParameter', 'to:', '1' * 201, 'text', {}),
        ('InvalidParameter', 'body:', echo['pn'], '', {}),
        ('InvalidParameter', 'body:', echo['pn'], 'x' * 65537, {}),
        ('InvalidParameter', 'quoted:', echo['pn'], 'text', {'quoted': b.number(5)}),
        ('InvalidParameter', 'ephemeral:', echo['pn'], 'text', {'ephemeral': b.text('1 day')}),
        ('InvalidParameter', 'ephemeral:', echo['pn'], 'text', {'ephemeral': b.number(-1)}),
        ('InvalidParameter', 'clientId:', echo['pn'], 'text', {'clientId': b.text('')}),
        ('NotSupported', 'view_once:', echo['pn'], 'text', {'view_once': b.variant('b', True)}),
    ]
    for name, field, to, body, options in sends:
        message = program.refused(name, channel, 'Messages.SendText', '(ssa{sv})', to, body, options)
        w.check(message.startswith(field), message)
    program.refused('RecipientUnknown', channel, 'Messages.SendText', '(ssa{sv})', '4915999999999',
                    'text', {})
    message = program.refused('InvalidParameter', channel, 'Messages.SendImmediate', '(ssa{sv})', '',
                              'text', {})
    w.check(message.startswith('to:'), message)
    for member, signature, args, name, field in [
            ('Messages.List', '(a{sv})', ({'limit': b.number(501)},), 'InvalidParameter', 'limit:'),
            ('Messages.List', '(a{sv})', ({'limit': b.text('5')},), 'InvalidParameter', 'limit:'),
            ('Messages.List', '(a{sv})', ({'limit': b.variant('t', 2 ** 64 - 1)},),
             'InvalidParameter', 'limit:'),
            ('Messages.List', '(a{sv})', ({'chatId': b.number(1)},), 'InvalidParameter', 'chatId:'),
            ('Messages.Get', '(sa{sv})', ('none', {}), 'NotFound', ''),
            ('Channel.Update', '(a{sv})', ({'name': b.text('')},), 'InvalidParameter', 'name:'),
            ('Channel.Update', '(a{sv})', ({'autoConnect': b.text('yes')},), 'InvalidParameter',
             'autoConnect:'),
            ('Webhooks.Create', '(sasa{sv})', ('ftp://x', ['*'], {}), 'InvalidParameter', 'url:'),
            ('Webhooks.Create', '(sasa{sv})', ('https://example.com', ['nonsense'], {}),
             'InvalidParameter', 'events:'),
            ('Contacts.Check', '(asa{sv})', ([], {}), 'InvalidParameter', 'phones:')]:
        message = program.refused(name, channel, member, signature, *args)
        w.check(message.startswith(field), '%s: %s' % (member, message))
    for member, signature, args, name, field in [
            ('Manager.CreateChannel', '(sa{sv})', ('', {}), 'InvalidParameter', 'name:'),
            ('Manager.CreateChannel', '(sa{sv})', ('x' * 201, {}), 'InvalidParameter', 'name:'),
            ('Manager.DeleteChannel', '(s)', (nowhere,), 'ChannelNotFound', ''),
            ('Manager.Call', '(sa{sv})', ('messages.nonsense', {}), 'NotFound', 'operation:'),
            ('Manager.Call', '(sa{sv})', ('system.docs', {}), 'NotSupported', 'operation:'),
            ('Manager.Call', '(sa{sv})', ('messages.text', {}), 'MissingParameter', 'channelId:'),
            ('Events.Subscribe', '(a{sv})', ({'events': b.texts('nonsense')},), 'InvalidParameter',
             'events:'),
            ('Events.Subscribe', '(a{sv})', ({'events': b.text('*')},), 'InvalidParameter', 'events:'),
            ('Events.Subscribe', '(a{sv})', ({'channels': b.texts()},), 'InvalidParameter',
             'channels:'),
            ('Events.Subscribe', '(a{sv})', ({'channels': b.texts(nowhere)},), 'ChannelNotFound',
             'channels:'),
            ('Events.Subscribe', '(a{sv})', ({'after': b.number(-1)},), 'InvalidParameter', 'after:'),
            ('Events.Subscribe', '(a{sv})', ({'after': b.text('1')},), 'InvalidParameter', 'after:'),
            ('Events.Unsubscribe', '(u)', (77,), 'NotFound', 'id:')]:
        message = program.refused(name, b.MANAGER, member, signature, *args)
        w.check(message.startswith(field), '%s: %s' % (member, message))
    other = program.create('Second')
    for options, name, field in [
            ({'handle_token': b.text('a/b')}, 'InvalidParameter', 'handle_token:'),
            ({'handle_token': b.text('')}, 'InvalidParameter', 'handle_token:'),
            ({'handle_token': b.text('x' * 65)}, 'InvalidParameter', 'handle_token:'),
            ({'handle_token': b.number(1)}, 'InvalidParameter', 'handle_token:'),
            ({'phone_number': b.text('0151')}, 'InvalidParameter', 'phone_number:'),
            ({'phone_number': b.text('')}, 'InvalidParameter', 'phone_number:'),
            ({'phone_number': b.number(1)}, 'InvalidParameter', 'phone_number:')]:
        message = program.refused(name, other, 'Pairing.StartPairing', '(a{sv})', options)
        w.check(message.startswith(field), message)
    # what the bus itself refuses: no such object, no such method, other arguments
    for path, member, signature, args in [
            (b.ROOT + '/Channel/' + nowhere, 'Channel.Get', '()', ()),
            (channel, 'Channel.Nonsense', '()', ()),
            (channel, 'Messages.SendText', '(s)', ('x',))]:
        try:
            program.call(path, member, signature, *args)
            raise w.Failure(member + ' worked')
        except b.DBusError as error:
            w.check(error.name.startswith('org.freedesktop.DBus.Error.'), error.name)
    # and nothing happened; options that nobody knows are dropped
    w.equal(program.call(channel, 'Messages.List', '(a{sv})', {'nonsense': b.number(1)}), ([], 0),
            'messages')
    w.equal(program.call(channel, 'Webhooks.List', '(a{sv})', {}), ([], 0), 'webhooks')
    w.equal([c['name'] for c in program.manager('Manager.ListChannels', '(a{sv})', {})[0]],
            ['First', 'Second'], 'channels')
    w.equal(program.get(other, 'Channel', 'Reason'), 'never_paired', 'pairing')
    w.equal(sandbox.counts().get('messages', 0), 0, 'messages that left')


def is_gone(program, request):
    try:
        program.call(request, 'PairingRequest.Get')
    except b.DBusError as error:
        return error.name == 'org.freedesktop.DBus.Error.UnknownMethod'
    return False


def dies_with_caller(scratch):
    """An open request asks for fresh codes, up to the limit; who leaves takes it along."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch, control=True)
    channel = program.create()
    options = {'handle_token': b.text('mine')}
    request = program.call(channel, 'Pairing.StartPairing', '(a{sv})', options)[0]
    first = program.values('Code', request)
    program.refused('Conflict', channel, 'Pairing.StartPairing', '(a{sv})', options)
    w.equal(program.call(request, 'PairingRequest.Get'), first, 'Get')
    w.check(program.call(channel, 'Pairing.GetQrImage')[0][:4] == [0x89, 0x50, 0x4e, 0x47], 'PNG')
    other = b.client(scratch, bus)
    other.refused('Forbidden', request, 'PairingRequest.Get')
    other.refused('Forbidden', request, 'PairingRequest.Close')
    # nobody else asks, and there are new codes, over two connections, until the limit
    codes = [first[1]]

    def turns(*seconds):
        for step in seconds:
            w.pass_time(sandbox, daemon, step)
            codes.append(program.values('Code', request)[1])

    turns(60, 20, 20, 20, 20)
    w.pass_time(sandbox, daemon, 10)
    daemon.command(advance=10000)
    sandbox.get('/await-count?name=registrations&count=2')
    codes.append(program.values('Code', request)[1])
    turns(60, 20, 20, 20)
    w.equal(len(set(codes)), 11, 'codes')
    w.pass_time(sandbox, daemon, 10)
    daemon.command(advance=10000)
    result, details = program.values('Finished', request)
    w.equal((result, details['reason']), (1, 'pairing_timeout'), 'the end')
    w.check(is_gone(program, request), 'the object is still there')

    # closed by its caller: the token is free again
    for _turn in range(2):
        request = program.call(channel, 'Pairing.StartPairing', '(a{sv})', options)[0]
        program.call(request, 'PairingRequest.Close')
        w.check(is_gone(program, request), 'the object is still there')
    # and by leaving: then nobody asks
    request = other.call(channel, 'Pairing.StartPairing', '(a{sv})', {})[0]
    other.values('Code', request)
    w.check(not is_gone(program, request), 'the object of another')
    other.close()
    until = time.monotonic() + w.DEADLINE
    while not is_gone(program, request):
        w.check(time.monotonic() < until, 'the request outlives its caller')
    w.pass_time(sandbox, daemon, 50)
    daemon.command(advance=20000)
    program.wait_status(channel, 'disconnected')
    w.equal(program.get(channel, 'Channel', 'Reason'), 'pairing_timeout', 'nobody asks')
    # a channel that goes takes the request along
    request = program.call(channel, 'Pairing.StartPairing', '(a{sv})', {})[0]
    program.manager('Manager.DeleteChannel', '(s)', channel.rsplit('/', 1)[1])
    w.check(program.values('Finished', request)[0] in (1, 2), 'Finished')


def limits(scratch):
    """What one program holds is bounded, another's is not touched, and leaving gives it back."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create()
    greedy = b.client(scratch, bus)
    ids = [greedy.subscribe() for _n in range(16)]
    w.equal(len(set(ids)), 16, 'ids')
    greedy.refused('RateLimited', b.MANAGER, 'Events.Subscribe', '(a{sv})', {})
    program.subscribe()
    program.refused('NotFound', b.MANAGER, 'Events.Unsubscribe', '(u)', ids[0])
    greedy.manager('Events.Unsubscribe', '(u)', ids[0])
    greedy.subscribe()
    paths = [greedy.call(channel, 'Pairing.StartPairing', '(a{sv})', {})[0] for _n in range(16)]
    w.equal(len(set(paths)), 16, 'paths')
    greedy.refused('RateLimited', channel, 'Pairing.StartPairing', '(a{sv})', {})
    greedy.call(paths[0], 'PairingRequest.Close')
    greedy.call(channel, 'Pairing.StartPairing', '(a{sv})', {})
    greedy.close()
    others = [b.client(scratch, bus) for _n in range(17)]
    # all that may be: 256 in the daemon, of which the greedy one's come back when it is gone
    for other in others[:15]:
        for _n in range(16):
            other.subscribe()
    until = time.monotonic() + w.DEADLINE
    while True:
        try:
            others[15].subscribe()
            break
        except b.DBusError as error:
            w.equal(error.name, b.NAME + '.Error.RateLimited', 'all')
            w.check(time.monotonic() < until, 'what the greedy one had does not come back')
    for _n in range(14):
        others[15].subscribe()
    others[16].refused('RateLimited', b.MANAGER, 'Events.Subscribe', '(a{sv})', {})


def privacy(scratch):
    """No number, name or text in what everybody hears, in paths, in errors and in the log."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    daemon.stop()
    levels = {'G_MESSAGES_DEBUG': 'whim-bus whim-engine whim-app whim-messaging whim-session'}
    daemon.start(env={**bus.env, **levels})
    program.wait_daemon()
    listener = b.client(scratch, bus)
    channel = program.create()
    program.subscribe()
    b.link(program, sandbox, ours, channel)
    b.send(program, channel, echo['pn'], 'canary in a text')
    program.text('canary in a text')
    errors = [program.refused('RecipientUnknown', channel, 'Messages.SendText', '(ssa{sv})',
                              '4915999999999', 'canary in a text', {}),
              program.refused('InvalidParameter', channel, 'Messages.SendText', '(ssa{sv})', 'x' * 300,
                              'canary in a text', {})]
    request = program.call(channel, 'Channel.Logout')
    phone = program.call(channel, 'Pairing.StartPairing', '(a{sv})',
                         {'phone_number': b.text(ours['pn'])})[0]
    kind, code, _expires = program.values('Code', phone)
    sandbox.post('/enter-code', phone=ours['pn'], code=code)
    program.values('Finished', phone)
    program.wait_status(channel, 'connected')
    heard = listener.heard()
    names = {row[2] for row in heard}
    w.check({'InterfacesAdded', 'PropertiesChanged'} <= names, 'the listener hears: %r' % names)
    w.check(not names & {'Event', 'Code', 'Finished'}, 'content for everybody: %r' % names)
    w.check(any('Phone' in row[3][2] for row in heard if row[2] == 'PropertiesChanged'),
            'changes of the account are told without it')
    managed = program.objects()
    daemon.stop()
    everything = repr(heard) + repr(managed) + repr(errors) + repr(request) + phone
    everything += daemon.program.stderr()
    for canary in (ours['pn'], ours['lid'], echo['pn'], echo['lid'], '4915999999999', code,
                   code.replace('-', ''), 'canary in a text', 'x' * 300):
        w.check(canary not in everything, 'it tells %r' % canary)
    w.check('session bus knows us' in daemon.program.stderr(), 'the log was read')
    daemon.start(env=bus.env)


def restarts(scratch):
    """Killed and started again: the name has a new owner, and a cursor goes on where it was."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create()
    program.subscribe(events=b.texts('message.received'), channels=b.texts(channel[-15:]))
    b.link(program, sandbox, ours, channel)
    sandbox.post('/send', phone=echo['pn'], to=ours['pn'], text='one')
    seq = program.text('one')[0]
    daemon.program.kill()
    gone = program.signal(lambda p, i, s, v: s == 'NameOwnerChanged' and v[1] and not v[2], 'the end')[3][1]
    sandbox.post('/send', phone=echo['pn'], to=ours['pn'], text='two')
    daemon.start(env=bus.env)
    program.signal(lambda p, i, s, v: s == 'NameOwnerChanged' and v[2] not in ('', gone), 'the new owner')
    program.wait_status(channel, 'connected')
    w.equal(facets(program.objects()[channel]), FACETS, 'facets')
    program.subscribe(after=b.number(seq), events=b.texts('message.received'))
    w.check(program.text('two')[0] > seq, 'cursor')
    # everything again from the beginning, in order
    again = b.client(scratch, bus)
    again.subscribe(after=b.variant('i', 0), events=b.texts('message.received'))
    w.equal([again.event('message.received')[5]['body'] for _n in range(2)], ['one', 'two'], 'order')
    sandbox.post('/send', phone=echo['pn'], to=ours['pn'], text='three')
    again.text('three')
    program.signal(lambda p, i, s, v: s == 'NewsAvailable' and v == (channel[-15:],), 'news')
    # politely ended: a request that is open is told
    second = program.create('Second')
    request = program.call(second, 'Pairing.StartPairing', '(a{sv})', {})[0]
    daemon.stop()
    w.equal(program.values('Finished', request)[0], 2, 'Finished')
    daemon.start(env=bus.env)
    sandbox.check_clean()


def flow(scratch):
    """A subscriber that takes nothing is not sent more than so much, and the rest once it does."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    channel = program.create()
    program.call(channel, 'Channel.Update', '(a{sv})', {
        'settings': b.variant('a{sv}', {'pacing': b.text('off')})})
    b.link(program, sandbox, ours, channel)
    program.subscribe()
    for n in range(100):
        b.send(program, channel, echo['pn'], 'text %d' % n)
    for n in range(100):
        program.text('text %d' % n)
    sandbox.wait_idle(ours)
    total = len([e for e in daemon.events()])
    w.check(total > 300, 'events: %d' % total)
    slow = b.client(scratch, bus)
    slow.hold_pings()
    slow.subscribe(after=b.number(0))
    slow.wait_ping()
    # one that came later, but takes what it is sent, has everything by now
    last = daemon.events()[-1]['seq']
    fast = b.client(scratch, bus)
    fast.subscribe(after=b.number(0))
    fast.signal(lambda p, i, s, v: s == 'Event' and v[0] == last, 'everything')
    got = len([row for row in slow.heard() if row[2] == 'Event'])
    w.check(0 < got <= 192, 'sent to somebody who takes nothing: %d' % got)
    slow.release_pings()
    slow.signal(lambda p, i, s, v: s == 'Event' and v[0] == last, 'the rest')
    got = sorted(row[3][0] for row in slow.pending if row[2] == 'Event')
    w.equal(got, [e['seq'] for e in daemon.events()][:-1], 'all of them, once')
    sandbox.check_clean()


def without_bus(scratch):
    """No bus, one that dies, a name that is taken: the daemon goes on."""
    sandbox = scratch.sandbox()
    alone = scratch.daemon(sandbox, 'alone', env={
        'WHIMBREL_BUS': 'session', 'DBUS_SESSION_BUS_ADDRESS': '', 'XDG_RUNTIME_DIR': scratch.path})
    alone.ok('GET', '/channels')
    nowhere = scratch.daemon(sandbox, 'nowhere', env={
        'WHIMBREL_BUS': 'session',
        'DBUS_SESSION_BUS_ADDRESS': 'unix:path=' + os.path.join(scratch.path, 'none')})
    nowhere.ok('GET', '/channels')
    bus = b.bus(scratch)
    first, program = b.daemon(scratch, sandbox, bus, 'first')
    second = scratch.daemon(sandbox, 'second', env=bus.env)
    second.ok('POST', '/channels', {'name': 'Of the second'})
    w.equal(program.manager('Manager.ListChannels', '(a{sv})', {})[1], 0, 'the first has the name')
    program.heard()
    program.pending = []
    first.stop()
    program.signal(lambda p, i, s, v: s == 'NameOwnerChanged' and v[2], 'the next owner')
    w.equal(program.manager('Manager.ListChannels', '(a{sv})', {})[1], 1, 'now the second')
    first.start(env={'WHIMBREL_BUS': 'none'})
    program.subscribe()
    bus.program.kill()
    second.ok('POST', '/channels', {'name': 'After the bus'})
    w.equal(len(second.ok('GET', '/channels')['data']), 2, 'channels')


def gdbus(scratch, bus, *args):
    program = w.Program(['gdbus', *args], env={'DBUS_SESSION_BUS_ADDRESS': bus.address})
    scratch.add(program, program.kill)
    return program


def command_line(scratch):
    """gdbus can do it all: introspect, create, pair, send."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    to = ('--session', '--dest', b.NAME, '--object-path')
    line = gdbus(scratch, bus, 'call', *to, b.MANAGER, '--method', b.NAME + '.Manager.CreateChannel',
                 'From a shell', "{'autoConnect': <false>}").line()
    w.check(line.startswith("(objectpath '%s/Channel/ch_" % b.ROOT), line)
    channel = line.split("'")[1]
    b.link(program, sandbox, ours, channel)
    line = gdbus(scratch, bus, 'call', *to, channel, '--method', b.NAME + '.Messages.SendText',
                 echo['pn'], 'from a shell', "{'clientId': <'shell-1'>, 'expires': <60>}").line()
    w.check("'messageId': <" in line, line)
    w.equal(sandbox.inbox(echo, 1)[0]['text'], 'from a shell', 'arrived')
    shown = gdbus(scratch, bus, 'introspect', *to, channel)
    shown.process.wait(timeout=w.DEADLINE)
    shown.reader.join()
    text = '\n'.join(line for line in shown.lines.queue if line)
    for facet in FACETS:
        w.check('interface %s.%s {' % (b.NAME, facet) in text, 'introspection of ' + facet)
    failed = gdbus(scratch, bus, 'call', *to, channel, '--method', b.NAME + '.Chats.Get', 'nobody')
    w.check(failed.process.wait(timeout=w.DEADLINE) != 0, 'rc')
    w.check(b.NAME + '.Error.' in failed.stderr(), failed.stderr())


def examples(scratch):
    """The two programs of the documentation."""
    sandbox, ours, echo, bus, daemon, program = setup(scratch)
    environment = {'DBUS_SESSION_BUS_ADDRESS': bus.address}
    in_c = w.Program([os.path.join(w.BUILD, 'dbus', 'example-dbus')], env=environment)
    scratch.add(in_c, in_c.kill)
    w.equal(in_c.line(), 'listening', 'C')
    in_python = w.Program(['/usr/bin/python3', os.path.join(w.SOURCE, 'dbus', 'example.py'),
                           echo['pn'], 'from the example'], env=environment)
    scratch.add(in_python, in_python.kill)
    line = in_python.line()
    w.check(line.startswith('qr code: '), line)
    w.equal(in_c.line(), 'Example: disconnected (never_paired)', 'C sees the channel')
    sandbox.post('/scan', qr=line[len('qr code: '):], phone=ours['pn'])
    while line != 'linked':
        line = in_python.line()
    w.check(in_python.line().startswith('accepted: '), 'accepted')
    w.check(in_python.line().endswith(': from the example'), 'the echo')
    line = in_c.line()
    while not line.endswith(': from the example'):
        w.check(line.startswith('Example: '), line)
        line = in_c.line()
    sandbox.wait_idle(ours)


def read_me(scratch):
    """The program in README.md, as it stands there."""
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    sandbox.phone('Echo', echo=True, pn='4915112345678')
    bus = b.bus(scratch)
    b.daemon(scratch, sandbox, bus)
    with open(os.path.join(w.SOURCE, 'README.md'), encoding='utf-8') as text:
        block = text.read().split('```python\n')[1].split('```')[0]
    program = w.Program(['/usr/bin/python3', '-u', '-c', block],
                        env={'DBUS_SESSION_BUS_ADDRESS': bus.address})
    scratch.add(program, program.kill)
    line = program.line()
    w.check(line.startswith('scan this: '), line)
    sandbox.post('/scan', qr=line[len('scan this: '):], phone=ours['pn'])
    line = program.line()
    while line.startswith('scan this: '):
        line = program.line()
    w.equal(line, '4915112345678@s.whatsapp.net Hello!', 'the echo')
    sandbox.wait_idle(ours)


def activated(scratch):
    """The first call starts the daemon, by the activation file that is installed."""
    sandbox = scratch.sandbox()
    with open(os.path.join(w.BUILD, 'data', b.NAME + '.service'), encoding='utf-8') as template:
        lines = template.read().splitlines()
    w.check('SystemdService=whimbreld.service' in lines, 'the unit is named')
    services = os.path.join(scratch.path, 'share', 'dbus-1', 'services')
    os.makedirs(services)
    with open(os.path.join(services, b.NAME + '.service'), 'w', encoding='utf-8') as service:
        for line in lines:
            if line.startswith('Exec='):
                line = 'Exec=' + os.path.join(w.BUILD, 'daemon', 'app', 'whimbreld')
            if not line.startswith('SystemdService='):  # there is no systemd here
                service.write(line + '\n')
    environment = {
        'XDG_DATA_HOME': os.path.join(scratch.path, 'share'),
        'XDG_DATA_DIRS': os.path.join(scratch.path, 'nothing'),
        'WHIMBREL_DATA_DIR': os.path.join(scratch.path, 'data'),
        'WHIMBREL_LISTEN': '127.0.0.1:0',
        'WHIMBREL_WA_URL': sandbox.url,
        'WHIMBREL_WA_NOISE_ROOT': sandbox.root,
    }
    bus = b.Bus(environment)
    scratch.add(bus, bus.stop)
    program = b.client(scratch, bus)
    w.equal(program.raw(b.MANAGER, b.NAME + '.Manager', 'GetHealth', start=True)[0]['status'], 'ok',
            'health')
    pid = program.raw('/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetConnectionUnixProcessID',
                      b.variant('(s)', (b.NAME,)), name='org.freedesktop.DBus')[0]
    os.kill(pid, signal.SIGTERM)
    program.signal(lambda p, i, s, v: s == 'NameOwnerChanged' and v[1] and not v[2], 'its end')


w.run([tree, backup, conversation, faces, bad_inputs, dies_with_caller, limits, privacy, restarts, flow,
       without_bus, command_line, examples, read_me, activated])
