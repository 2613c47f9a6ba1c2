# SPDX-License-Identifier: GPL-3.0-or-later
"""Every method of the bus with everything that can be wrong about a call, made from the documented XML: the error has
a name, tells the argument or option, and nothing changes on the disk."""
import glob
import os
import re
import sqlite3
import sys
import xml.etree.ElementTree as tree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimbus as b
import whimtest as w

DBUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'dbus')
OPTION = re.compile(r'(\w+) \((as|a\{sv\}|[a-z])[:,)]')
RIGHT = {'s': b.text('x'), 'b': b.variant('b', True), 'x': b.number(1), 'd': b.variant('d', 1.0),
         'as': b.texts('x'), 'a{sv}': b.variant('a{sv}', {'a': b.number(1)})}
ON_MANAGER = ('Manager', 'Events', 'Keys')
# what the bus says of what is not there
SPECIFIED = ('org.freedesktop.DBus.Error.UnknownMethod', 'org.freedesktop.DBus.Error.UnknownObject')


class Method:
    def __init__(self, facet, node, words):
        self.facet = facet
        self.name = node.get('name')
        self.member = '%s.%s' % (facet, self.name)
        self.args = [(a.get('name'), a.get('type')) for a in node.findall('arg')
                     if a.get('direction') == 'in']
        self.signature = '(%s)' % ''.join(kind for _name, kind in self.args)
        told = re.search(r'@(?:options|filter): (.*?)(?=\n\s*@|\n\s*\n)', words, re.S)
        self.told = told.group(1) if told else ''
        self.options = OPTION.findall(self.told)


def methods():
    """What stands in the XML, with the comment before each."""
    found = []
    for path in sorted(glob.glob(os.path.join(DBUS, '*.xml'))):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        parsed = tree.fromstring(text, tree.XMLParser(target=tree.TreeBuilder(insert_comments=True)))
        for interface in parsed.iter('interface'):
            words = ''
            for node in interface:
                if node.tag is tree.Comment:
                    words = node.text
                elif node.tag == 'method':
                    found.append(Method(interface.get('name').rsplit('.', 1)[1], node, words))
    known = {method.member: method for method in found}
    for method in found:
        if 'as of SetDefault' in method.told:
            method.options += known['Webhooks.SetDefault'].options
    w.check(len(found) > 40 and sum(len(m.options) for m in found) > 30, 'the XML was not understood')
    return found


class World:
    def __init__(self, scratch):
        bus = b.bus(scratch)
        self.daemon, self.program = b.daemon(scratch, scratch.sandbox(), bus)
        self.channel = self.program.create('One')
        hook = self.program.call(self.channel, 'Webhooks.SetDefault', '(sasa{sv})',
                                 'https://example.com/', ['*'], {})[0]
        key = self.program.manager('Keys.Create', '(sa{sv})', 'K', {'admin': b.variant('b', True)})[0]
        self.known = {'webhookId': hook['id'], 'keyId': key['id'], 'url': 'https://example.com/',
                      'to': '4915112345678', 'phones': ['4915112345678'], 'events': ['*'],
                      'operation': 'messages.list', 'id': 77}
        self.seen = 0
        self.before = self.dump()

    def dump(self):
        with sqlite3.connect('file:%s?mode=ro' % os.path.join(self.daemon.directory, 'whimbrel.db'),
                             uri=True) as db:
            return list(db.iterdump())

    def path(self, method):
        return b.MANAGER if method.facet in ON_MANAGER else self.channel

    def right(self, method, **wrong):
        """Arguments that would do, but for what is wrong."""
        other = {'s': 'none', 'a{sv}': {}, 'as': ['x'], 'u': 1}
        return [wrong.get(name, self.known.get(name, other[kind])) for name, kind in method.args]

    def refused(self, method, args, names, signature=None, path=None):
        """The message; the name of the error must be one of ours, or one of those of the bus."""
        self.seen += 1
        what = '%s%.200r' % (method.member, args)
        try:
            answer = self.program.call(path or self.path(method), method.member,
                                       signature or method.signature, *args)
        except b.DBusError as error:
            w.check(error.message and (error.name in names if isinstance(names, tuple)
                                       else re.fullmatch(names, error.name)),
                    '%s: %s: %s' % (what, error.name, error.message))
            w.check('InternalError' not in error.name, '%s: %s' % (what, error.message))
            return error.name, error.message
        raise w.Failure('%s worked: %r' % (what, answer))

    def blamed(self, method, args, name):
        got, message = self.refused(method, args, r'org\.whimbrel\.Whimbrel1\.Error\.\w+')
        if got.endswith(('.InvalidParameter', '.MissingParameter')):
            w.check(message.startswith(name), '%s: %s' % (method.member, message))
        return got

    def unchanged(self):
        w.equal([line for line in self.dump() if line not in set(self.before)], [], 'changed')
        w.equal(len(self.dump()), len(self.before), 'rows')
        w.check(self.seen > 0, 'no case at all')
        print('# %d cases' % self.seen, flush=True)


def of_the_bus(scratch):
    """No such object, and arguments of other types, too few, too many: the bus says so itself."""
    world = World(scratch)
    nobody = b.ROOT + '/Channel/ch_000000000000'
    for method in methods():
        if method.facet == 'PairingRequest':
            world.refused(method, [], SPECIFIED, path=world.program.predict('none'))
            continue
        right = world.right(method)
        if method.facet not in ON_MANAGER:
            world.refused(method, right, SPECIFIED, path=nobody)
            world.refused(method, right, SPECIFIED, path=b.MANAGER)
        invalid = ('org.freedesktop.DBus.Error.InvalidArgs',)
        world.refused(method, right + [7], invalid, method.signature[:-1] + 'x)')
        if right:
            world.refused(method, right[:-1], invalid,
                          '(%s)' % ''.join(kind for _name, kind in method.args[:-1]))
            world.refused(method, [7] * len(right), invalid, '(%s)' % ('x' * len(right)))
    world.unchanged()


def arguments(scratch):
    """Empty, far too long, of nobody."""
    world = World(scratch)
    for method in methods():
        if method.facet == 'PairingRequest':
            continue
        for name, kind in method.args:
            wrong = {'s': ['', 'x' * 70000, '\u202e\x01' * 9000], 'u': [0, 2 ** 32 - 1],
                     'as': [[], [''], ['x' * 70000], ['x'] * 5000], 'a{sv}': []}[kind]
            if name.endswith('Id'):
                wrong.append('none')
            for value in wrong:
                world.blamed(method, world.right(method, **{name: value}), name)
    world.unchanged()


def nested(depth):
    value = b.number(1)
    for _ in range(depth):
        value = b.variant('v', value)
    return value


def options(scratch):
    """Of another type, out of bounds, too long, nested without an end."""
    world = World(scratch)
    for method in methods():
        for name, kind in method.options:
            wrong = [RIGHT['x'] if kind in ('s', 'as', 'a{sv}', 'b') else RIGHT['s'], nested(40)]
            if kind == 'x':
                wrong += [b.number(-1), b.number(-2 ** 63), b.variant('t', 2 ** 64 - 1)]
            elif kind == 's':
                wrong += [b.text('x' * 70000), RIGHT['as']]
            elif kind == 'as':
                wrong += [b.texts('x' * 70000), RIGHT['s'], b.variant('ax', [1])]
            elif kind == 'd':
                wrong += [b.variant('d', float('nan')), b.variant('d', -1.0),
                          b.variant('d', float('inf'))]
            elif kind == 'a{sv}':
                wrong += [RIGHT['as'], b.variant('a{sv}', {'pacing': nested(30)}),
                          b.variant('a{sv}', {'pacing': b.text('x' * 70000)})]
            for value in wrong:
                last = method.args[-1][0]
                world.blamed(method, world.right(method, **{last: {name: value}}), name)
    world.unchanged()


w.run([of_the_bus, arguments, options])
