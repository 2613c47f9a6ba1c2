#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first figures: memory per idle channel, CPU per warm text sent and received, start to ready; the
machine's own crypto beside them. A release build against the sandbox on the same machine."""
import json
import os
import platform
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

CHANNELS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
TEXTS = int(sys.argv[2]) if len(sys.argv) > 2 else 500
TICK = os.sysconf('SC_CLK_TCK')


def rss_kib(pid):
    with open('/proc/%d/status' % pid, encoding='ascii') as status:
        for line in status:
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
    raise w.Failure('no VmRSS')


def cpu_ms(pid):
    with open('/proc/%d/stat' % pid, encoding='ascii') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000.0 / TICK


def row(what, value, unit, conditions):
    print('| %s | %s %s | %s |' % (what, value, unit, conditions), flush=True)


def main():
    scratch = w.Scratch()
    try:
        measure(scratch)
    finally:
        scratch.end()


def measure(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    pid = daemon.program.process.pid
    empty = rss_kib(pid)
    theirs = sandbox.phone('Bert')
    channels = []
    for number in range(CHANNELS):
        phone = sandbox.phone('Owner %d' % number)
        channels.append((daemon.pair(phone, 'Channel %d' % number), phone))
    first, owner = channels[0]

    # start of a daemon that knows all its channels
    daemon.stop()
    began = time.monotonic()
    daemon.start()
    ready = time.monotonic() - began
    for channel, _ in channels:
        daemon.wait_status(channel, 'connected')
    connected = time.monotonic() - began
    for _, phone in channels:
        sandbox.wait_idle(phone)
    pid = daemon.program.process.pid
    loaded = rss_kib(pid)

    # warm sessions both ways: Bert's phone answers once
    daemon.send(first, theirs['pn'], 'warm up')
    sandbox.inbox(theirs, 1)
    sandbox.post('/send', phone=theirs['pn'], to=owner['pn'], text='warm too')
    daemon.text('warm too')
    sandbox.wait_idle(owner)

    cpu = cpu_ms(pid)
    for number in range(TEXTS):
        message = daemon.send(first, theirs['pn'], 'text %d' % number)
    sandbox.inbox(theirs, 1 + TEXTS)
    daemon.status_of(message, 'delivered')
    sandbox.wait_idle(owner)
    sent = (cpu_ms(pid) - cpu) / TEXTS

    cpu = cpu_ms(pid)
    for number in range(TEXTS):
        sandbox.post('/send', phone=theirs['pn'], to=owner['pn'], text='back %d' % number)
    daemon.text('back %d' % (TEXTS - 1))
    sandbox.wait_idle(owner)
    received = (cpu_ms(pid) - cpu) / TEXTS
    sandbox.check_clean()

    crypto = {}
    output = subprocess.check_output([os.path.join(w.BUILD, 'tests', 'bench', 'bench-crypto')])
    node = ''
    for line in output.decode().splitlines():
        parsed = json.loads(line)
        if 'figure' in parsed:
            crypto[parsed['figure']] = parsed['us']
        else:
            node = parsed['condition']

    print('%s, %d cores, release build, durable commits, sandbox on the same machine'
          % (platform.machine(), os.cpu_count()))
    print('| figure | measured | conditions |\n| --- | --- | --- |')
    row('daemon before the first channel', '%.1f' % (empty / 1024), 'MiB', 'resident')
    row('memory per idle channel', '%.0f' % ((loaded - empty) / CHANNELS), 'KiB',
        '%d channels, plain WebSocket, after a restart' % CHANNELS)
    row('start to ready', '%.0f' % (ready * 1000), 'ms', '%d known channels' % CHANNELS)
    row('start to all connected', '%.2f' % connected, 's', '%d channels' % CHANNELS)
    row('CPU per warm text sent', '%.2f' % sent, 'ms',
        'through REST, one device and own phone, ack and receipt included, %d texts, one channel '
        'of %d busy' % (TEXTS, CHANNELS))
    row('CPU per warm text received', '%.2f' % received, 'ms',
        'with receipt and journal, %d texts' % TEXTS)
    for name, value in crypto.items():
        row('this machine: ' + name, '%.2f' % value, 'µs', node if 'node' in name else 'one thread')


main()
