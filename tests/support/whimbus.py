# SPDX-License-Identifier: GPL-3.0-or-later
"""A private session bus, and a program on it: a client with a connection of its own, whose signals are a
queue. Python 3 of Debian with gi."""
import os
import queue
import sys
import threading

import gi
gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import whimtest as w  # noqa: E402

NAME = 'org.whimbrel.Whimbrel1'
ROOT = '/org/whimbrel/Whimbrel1'
MANAGER = ROOT + '/Manager'


def _serve():
    context = GLib.MainContext.default()
    GLib.MainLoop(context).run()


_loop = threading.Thread(target=_serve, daemon=True)


class DBusError(Exception):
    """A named error of a method."""

    def __init__(self, name, message):
        super().__init__('%s: %s' % (name, message))
        self.name = name
        self.message = message


class Bus:
    """A bus daemon of its own."""

    def __init__(self, environment=None):
        self.program = w.Program(['dbus-daemon', '--session', '--nofork', '--nopidfile',
                                  '--print-address=1'], env=environment)
        self.address = self.program.line()
        self.env = {'WHIMBREL_BUS': 'session', 'DBUS_SESSION_BUS_ADDRESS': self.address}

    def stop(self):
        self.program.kill()


def bus(scratch):
    found = Bus()
    return scratch.add(found, found.stop)


class Client:
    """A program on the bus."""

    def __init__(self, on):
        if not _loop.is_alive():
            _loop.start()
        self.connection = Gio.DBusConnection.new_for_address_sync(
            on.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.unique = self.connection.get_unique_name()
        self.signals = queue.Queue()
        self.pending = []
        # unicast signals come without a rule; what everybody hears needs one
        self.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE,
                                         self._heard)
        self.connection.signal_subscribe('org.freedesktop.DBus', None, 'NameOwnerChanged', None,
                                         NAME, Gio.DBusSignalFlags.NONE, self._heard)

    def _heard(self, _connection, _sender, path, interface, signal, parameters):
        self.signals.put((path, interface.rsplit('.', 1)[1], signal, parameters.unpack()))

    def raw(self, path, interface, method, parameters=None, name=NAME, start=False):
        try:
            answer = self.connection.call_sync(
                name, path, interface, method, parameters, None,
                Gio.DBusCallFlags.NONE if start else Gio.DBusCallFlags.NO_AUTO_START,
                int(w.DEADLINE * 1000), None)
        except GLib.Error as error:
            remote = Gio.DBusError.get_remote_error(error)
            if not remote:
                raise
            raise DBusError(remote, error.message.split(remote + ': ', 1)[-1]) from None
        return answer.unpack()

    def call(self, path, member, signature='()', *args):
        interface, method = member.split('.')
        return self.raw(path, NAME + '.' + interface, method, GLib.Variant(signature, args))

    def manager(self, member, signature='()', *args):
        return self.call(MANAGER, member, signature, *args)

    def get(self, path, interface, name):
        return self.raw(path, 'org.freedesktop.DBus.Properties', 'Get',
                        GLib.Variant('(ss)', (NAME + '.' + interface, name)))[0]

    def objects(self):
        return self.raw(ROOT, 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects')[0]

    def refused(self, wanted, path, member, signature='()', *args):
        """The message of the error that must come."""
        try:
            answer = self.call(path, member, signature, *args)
        except DBusError as error:
            w.equal(error.name, NAME + '.Error.' + wanted, member + ': ' + error.message)
            return error.message
        raise w.Failure('%s%r worked: %r' % (member, args, answer))

    def signal(self, matches, what):
        """The next signal (path, interface, name, values) that matches; the others are kept."""
        for i, signal in enumerate(self.pending):
            if matches(*signal):
                return self.pending.pop(i)
        while True:
            try:
                signal = self.signals.get(timeout=w.DEADLINE)
            except queue.Empty:
                raise w.Failure('no %s; heard %r' % (what, self.pending[-12:]))
            if matches(*signal):
                return signal
            self.pending.append(signal)

    def values(self, name, path=None):
        return self.signal(lambda p, i, s, v: s == name and (path is None or p == path), name)[3]

    def event(self, kind, matches=lambda data: True):
        """The next Event of that type: (seq, id, type, channel, timestamp, data, subscription)"""
        return self.signal(lambda p, i, s, v: s == 'Event' and v[2] == kind and matches(v[5]),
                           'event ' + kind)[3]

    def text(self, body):
        return self.event('message.received', lambda data: data.get('body') == body)

    def heard(self):
        """Everything that has come so far, in order: a round trip through the bus is behind it."""
        self.raw('/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetId',
                 name='org.freedesktop.DBus')
        flushed = threading.Event()
        GLib.idle_add(lambda: flushed.set() and False)
        flushed.wait(w.DEADLINE)
        while not self.signals.empty():
            self.pending.append(self.signals.get())
        return self.pending

    def wait_daemon(self):
        """Until somebody has the name."""
        while not self.raw('/org/freedesktop/DBus', 'org.freedesktop.DBus', 'NameHasOwner',
                           GLib.Variant('(s)', (NAME,)), name='org.freedesktop.DBus')[0]:
            self.signal(lambda p, i, s, v: s == 'NameOwnerChanged' and v[2], 'owner of the name')

    def wait_status(self, channel, wanted):
        """Until the property says so."""
        while self.get(channel, 'Channel', 'StatusWord') != wanted:
            self.signal(lambda p, i, s, v: s == 'PropertiesChanged' and p == channel
                        and v[1].get('StatusWord') == wanted, 'status ' + wanted)

    def create(self, name='First', **options):
        return self.manager('Manager.CreateChannel', '(sa{sv})', name, options)[0]

    def subscribe(self, **filter):
        return self.manager('Events.Subscribe', '(a{sv})', filter)[0]

    def hold_pings(self):
        """Answers no org.freedesktop.DBus.Peer.Ping until release_pings(): what a connection does that
        nobody reads from."""
        self.pings = queue.Queue()
        self.holding = True
        self.connection.add_filter(self._filter)

    def _filter(self, _connection, message, incoming):
        if self.holding and incoming and message.get_member() == 'Ping':
            self.pings.put(message)
            return None
        return message

    def wait_ping(self):
        self.first_ping = self.pings.get(timeout=w.DEADLINE)

    def release_pings(self):
        self.holding = False
        self.connection.send_message(Gio.DBusMessage.new_method_reply(self.first_ping),
                                     Gio.DBusSendMessageFlags.NONE)

    def predict(self, token):
        return '%s/Pairing/%s/%s' % (ROOT, self.unique[1:].replace('.', '_'), token)

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)


def client(scratch, on):
    found = Client(on)
    return scratch.add(found, found.close)


def daemon(scratch, sandbox, on, name='daemon', control=False):
    """A daemon on the bus, and a program that knows it."""
    found = scratch.daemon(sandbox, name, control=control, env=on.env)
    program = client(scratch, on)
    program.wait_daemon()
    return found, program


def variant(signature, value):
    return GLib.Variant(signature, value)


def variant_type(signature):
    return GLib.VariantType(signature)


def text(value):
    return GLib.Variant('s', value)


def texts(*values):
    return GLib.Variant('as', values)


def number(value):
    return GLib.Variant('x', value)


def link(program, sandbox, phone, channel, token='token'):
    """Pairs by QR, over a request."""
    request = program.call(channel, 'Pairing.StartPairing', '(a{sv})',
                           {'handle_token': text(token)})[0]
    w.equal(request, program.predict(token), 'path of the request')
    kind, code, _expires = program.values('Code', request)
    w.equal(kind, 'qr', 'kind')
    sandbox.post('/scan', qr=code, phone=phone['pn'])
    result, details = program.values('Finished', request)
    w.equal((result, details.get('status'), details.get('phone')), (0, 'connected', phone['pn']),
            'Finished')
    program.wait_status(channel, 'connected')
    sandbox.wait_idle(phone)


def send(program, channel, to, body, **options):
    return program.call(channel, 'Messages.SendText', '(ssa{sv})', to, body, options)[0]['messageId']
