#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""example.py NUMBER TEXT: makes a channel, shows its QR code as text, waits for a phone to scan it, sends TEXT
to NUMBER, and prints what comes in."""
import sys

from gi.repository import Gio, GLib

ROOT = '/org/whimbrel/Whimbrel1'
bus = Gio.bus_get_sync(Gio.BusType.SESSION)
loop = GLib.MainLoop()


def call(path, interface, method, signature='()', *args):
    answer = bus.call_sync('org.whimbrel.Whimbrel1', path, 'org.whimbrel.Whimbrel1.' + interface,
                           method, GLib.Variant(signature, args), None, 0, -1, None)
    return answer.unpack()


def heard(_bus, _sender, path, _interface, signal, parameters, *_data):
    values = parameters.unpack()
    if signal == 'Code':
        print('%s code: %s' % values[:2], flush=True)
    elif signal == 'Finished':
        print('linked' if values[0] == 0 else 'not linked: %s' % values[1], flush=True)
        if values[0] != 0:
            sys.exit(1)
        answer = call(channel, 'Messages', 'SendText', '(ssa{sv})', sys.argv[1], sys.argv[2], {})[0]
        print('accepted: ' + answer['messageId'], flush=True)
    elif signal == 'Event' and values[2] == 'message.received':
        print('%s: %s' % (values[5].get('from'), values[5].get('body')), flush=True)


bus.signal_subscribe('org.whimbrel.Whimbrel1', None, None, None, None, 0, heard)
channel, _ = call(ROOT + '/Manager', 'Manager', 'CreateChannel', '(sa{sv})', 'Example', {})
call(ROOT + '/Manager', 'Events', 'Subscribe', '(a{sv})',
     {'channels': GLib.Variant('as', [channel.rsplit('/', 1)[1]])})
call(channel, 'Pairing', 'StartPairing', '(a{sv})', {})
loop.run()
