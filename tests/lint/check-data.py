#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces on the bus are documented member by member, with errors that exist; the activation file
and the unit are valid and point at each other."""
import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

import gi
gi.require_version('Gio', '2.0')
from gi.repository import Gio  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
PREFIX = 'org.whimbrel.Whimbrel1.'
KINDS = {'method', 'signal', 'property'}


def known_errors():
    with open(os.path.join(ROOT, 'daemon', 'base', 'whim-error.c'), encoding='utf-8') as source:
        return set(re.findall(r'DBUS_PREFIX "(\w+)"', source.read()))


def check_comment(where, kind, name, args, comment, errors):
    """What is wrong with the comment before a member."""
    if comment is None or not re.match(r'\s*%s:' % re.escape(name), comment):
        return ['%s: no documentation' % where]
    wrong = []
    if not re.search(r'^\s*Since: \d', comment, re.M):
        wrong.append('%s: no "Since:"' % where)
    told = re.findall(r'^\s*@(\w+):', comment, re.M)
    if kind != 'property' and told != args:
        wrong.append('%s: tells of %s, has %s' % (where, told, args))
    listed = re.search(r'Errors:(.*?)\.\s', comment, re.S)
    for word in re.findall(r'\b[A-Z][a-z]+[A-Za-z]*\b', re.sub(r'\(.*?\)|those of \w+', '',
                                                              listed.group(1), flags=re.S)
                           if listed else ''):
        if word not in errors:
            wrong.append('%s: there is no error %s' % (where, word))
    return wrong


def check_interface(path, errors):
    with open(path, encoding='utf-8') as source:
        text = source.read()
    Gio.DBusNodeInfo.new_for_xml(text)
    parser = tree.XMLParser(target=tree.TreeBuilder(insert_comments=True))
    node = tree.fromstring(text, parser=parser)
    wrong = []
    for interface in node.findall('interface'):
        if os.path.basename(path) != interface.get('name') + '.xml':
            wrong.append('%s: holds %s' % (path, interface.get('name')))
        comment = None
        for child in interface:
            if child.tag is tree.Comment:
                comment = child.text
                continue
            if child.tag in KINDS:
                args = [arg.get('name') for arg in child.findall('arg')]
                where = '%s.%s' % (interface.get('name'), child.get('name'))
                wrong += check_comment(where, child.tag, child.get('name'), args, comment, errors)
            comment = None
    return wrong


def check_service(folder):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    names = ('org.whimbrel.Whimbrel1.service.in', 'whimbreld.service.in')
    for name in names:
        if not parser.read(os.path.join(folder, name), encoding='utf-8'):
            return ['%s is not there' % name]
    bus, unit = parser['D-BUS Service'], parser['Service']
    wrong = []
    if bus['SystemdService'] + '.in' != names[1] or bus['Name'] + '.service.in' != names[0]:
        wrong.append('the activation file does not name the unit')
    if unit['Type'] != 'dbus' or unit['BusName'] != bus['Name']:
        wrong.append('the unit does not wait for the name on the bus')
    if unit['ExecStart'] != bus['Exec'] or not bus['Exec'].startswith('@bindir@/whimbreld'):
        wrong.append('the activation file and the unit start different programs')
    return wrong


def verify_unit(text):
    """What systemd says of a unit; the program must exist, so another takes its place."""
    if shutil.which('systemd-analyze') is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'whimbreld.service')
        with open(path, 'w', encoding='utf-8') as unit:
            unit.write(text.replace('@bindir@/whimbreld', '/bin/true'))
        done = subprocess.run(['systemd-analyze', 'verify', '--user', '--recursive-errors=no', path],
                              env={**os.environ, 'XDG_RUNTIME_DIR': folder}, capture_output=True,
                              text=True, check=False)
        return [] if done.returncode == 0 else ['systemd-analyze: ' + done.stderr]


def main():
    errors = known_errors()
    # the checks can fail
    good = 'Foo:\n@a: x\n\nErrors: NotFound.\n\nSince: 0.1\n'
    for bad in (None, 'Bar:\n', good.replace('@a', '@b'), good.replace('NotFound', 'Nonsense'),
                good.replace('Since', 'From')):
        if check_comment('x', 'method', 'Foo', ['a'], good, errors) \
                or not check_comment('x', 'method', 'Foo', ['a'], bad, errors):
            sys.exit('the check does not see what it must')
    with open(os.path.join(ROOT, 'data', 'whimbreld.service.in'), encoding='utf-8') as unit:
        text = unit.read()
    if shutil.which('systemd-analyze') and not verify_unit(text.replace('Type=dbus', 'Type=nonsense')):
        sys.exit('systemd-analyze does not see what it must')
    wrong = verify_unit(text) + check_service(os.path.join(ROOT, 'data'))
    folder = os.path.join(ROOT, 'dbus')
    names = sorted(name for name in os.listdir(folder) if name.endswith('.xml'))
    with open(os.path.join(folder, 'meson.build'), encoding='utf-8') as build:
        listed = re.findall(r"^  '(\w+)',$", build.read(), re.M)
    if [PREFIX + name + '.xml' for name in sorted(listed)] != names:
        wrong.append('dbus/meson.build does not list the interfaces that are there')
    for name in names:
        wrong += check_interface(os.path.join(folder, name), errors)
    print('\n'.join(wrong))
    sys.exit(1 if wrong else 0)


main()
