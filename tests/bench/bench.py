#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bench.py [--channels N] [--texts N] [--only NAME,…] [--store FILE]: the figures that the README promises, each with
its conditions. A release build against the sandbox on the same machine; CPU is the daemon's own, of all its
threads, as the kernel counts it. Durable commits on."""
import argparse
import datetime
import http.client
import json
import os
import platform
import queue
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

TICK = os.sysconf('SC_CLK_TCK')
CONNECTIONS = 16


def rss_kib(pid):
    with open('/proc/%d/status' % pid, encoding='ascii') as status:
        for line in status:
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
    raise w.Failure('no VmRSS')


def cpu_ms(pid):
    """To a nanosecond, over all threads, those that ended included."""
    with open('/proc/%d/schedstat' % pid, encoding='ascii') as stat:
        main = int(stat.read().split()[0])
    total = main
    for task in os.listdir('/proc/%d/task' % pid):
        if int(task) != pid:
            with open('/proc/%d/task/%s/schedstat' % (pid, task), encoding='ascii') as stat:
                total += int(stat.read().split()[0])
    return total / 1e6



class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, value, digits, unit, aim, conditions):
        shown = '%.*f' % (digits, value)
        self.rows.append({'figure': name, 'value': float(shown), 'unit': unit, 'aim': aim,
                          'conditions': conditions})
        print('| %s | %s %s | %s | %s |' % (name, shown, unit, aim, conditions), flush=True)


class Load:
    """Texts through REST over kept connections, several under way at a time."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.host = daemon.url.split('//')[1]

    def send(self, jobs):
        todo = queue.Queue()
        for job in jobs:
            todo.put(job)
        answers = []
        failures = []

        def work():
            connection = http.client.HTTPConnection(self.host, timeout=w.DEADLINE)
            try:
                while True:
                    try:
                        channel, to, body = todo.get_nowait()
                    except queue.Empty:
                        return
                    connection.request('POST', '/messages/text', json.dumps(
                        {'channelId': channel, 'to': to, 'body': body}), {
                            'X-API-Key': self.daemon.key, 'Content-Type': 'application/json'})
                    answer = connection.getresponse()
                    text = answer.read()
                    if answer.status != 200:
                        raise w.Failure('%d %r' % (answer.status, text))
                    answers.append(json.loads(text)['messageId'])
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return answers


def settle(sandbox, daemon, message, owner):
    """Until the last of a conversation is told and acknowledged."""
    daemon.status_of(message, 'delivered')
    sandbox.wait_idle(owner)


def all_delivered(daemon, ids, cursor):
    """By one reader of the journal, who reads it once: as many as there are channels would be what is measured."""
    left = set(ids)

    def last(event):
        if event['event'] in ('message.sent', 'message.status') and event['data'].get('status') == 'delivered':
            left.discard(event['data'].get('id'))
        return not left

    daemon.wait_event(last, 'the last of them', cursor)


def pair_all(sandbox, daemon, n):
    channels = []
    for number in range(n):
        phone = sandbox.phone('Owner %d' % number)
        channels.append((daemon.pair(phone, 'Channel %d' % number), phone))
        if number and number % 100 == 0:
            print('# %d channels are paired' % number, file=sys.stderr, flush=True)
    return channels


def warm(sandbox, daemon, channel, owner, person, companion):
    """Sessions in both directions with the person's phone and companion: no prekey messages any more."""
    daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
    daemon.send(channel, person['pn'], 'warm up')
    sandbox.post('/send', phone=person['pn'], to=owner['pn'], text='warm too')
    daemon.text('warm too')
    daemon_b, channel_b = companion
    daemon_b.ok('PUT', '/channels/' + channel_b, {'settings': {'pacing': 'off'}})
    daemon_b.send(channel_b, owner['pn'], 'warm from the companion')
    daemon.text('warm from the companion')
    sandbox.wait_idle(owner)
    sandbox.wait_idle(person)


def bench_memory_and_start(table, scratch, args):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    table.add('daemon before the first channel', rss_kib(daemon.program.process.pid) / 1024, 1, 'MiB',
              '20', 'resident')
    channels = pair_all(sandbox, daemon, args.channels)
    daemon.stop()
    began = time.monotonic()
    daemon.start()
    empty_ready = time.monotonic() - began
    last = channels[-1][0]
    for channel, _ in channels:
        daemon.wait_status(channel, 'connected')
    connected = time.monotonic() - began
    for _, phone in channels:
        sandbox.wait_idle(phone)
    pid = daemon.program.process.pid
    loaded = rss_kib(pid)
    bare = scratch.daemon(sandbox, name='bare')
    base = rss_kib(bare.program.process.pid)
    table.add('memory per idle channel', (loaded - base) / args.channels, 0, 'KiB', '128',
              '%d channels, plain WebSocket, after a restart' % args.channels)
    table.add('known channels, start to all connected', connected, 2, 's', '20 (1,000 channels)',
              '%d channels' % args.channels)
    table.add('start to ready', empty_ready * 1000, 0, 'ms', '50',
              '%d known channels in the store' % args.channels)
    return sandbox, daemon, channels


def bench_start(table, scratch, args):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    times = []
    for _ in range(7):
        daemon.stop()
        began = time.monotonic()
        daemon.start()
        times.append(time.monotonic() - began)
    table.add('start to ready', sorted(times)[3] * 1000, 0, 'ms', '50',
              'no channel, median of 7, the ready line read by another process')


def bench_texts(table, scratch, args, many=None):
    if many:
        sandbox, daemon, channels = many
    else:
        sandbox = scratch.sandbox()
        daemon = scratch.daemon(sandbox)
        channels = pair_all(sandbox, daemon, 1)
    person = sandbox.phone('Bert')
    other = scratch.daemon(sandbox, name='companion-%d' % len(channels))
    companion = (other, other.pair(person, 'Companion'))
    busy = channels[:1] if not many else channels[:50]
    for channel, owner in busy:
        warm(sandbox, daemon, channel, owner, person, companion)
    pid = daemon.program.process.pid
    load = Load(daemon)
    n = args.texts
    before = sandbox.counts()
    cursor = daemon.last_seq()
    began, cpu = time.monotonic(), cpu_ms(pid)
    ids = load.send([(busy[i % len(busy)][0], person['pn'], 'text %d of the bench, %s' % (i, 'x' * 100))
                     for i in range(n)])
    all_delivered(daemon, ids, cursor)
    for _, owner in busy:
        sandbox.wait_idle(owner)
    spent, wall = cpu_ms(pid) - cpu, time.monotonic() - began
    conditions = ('through REST, 2 devices + own phone, acks, receipts and journal included; %d texts, '
                  '%d at a time, %d of %d channels; %.0f a second' % (n, CONNECTIONS, len(busy), len(channels),
                                                                   n / wall))
    table.add('CPU per warm text sent', spent / n, 3, 'ms', '0.30' if many else '0.20', conditions)
    counts = sandbox.counts()
    w.equal(counts.get('retry-receipts', 0), 0, 'retry receipts')
    if many:
        return
    channel, owner = busy[0]
    began, cpu = time.monotonic(), cpu_ms(pid)
    for i in range(n):
        sandbox.post('/send', phone=person['pn'], to=owner['pn'], text='back %d %s' % (i, 'x' * 100))
    daemon.text('back %d %s' % (n - 1, 'x' * 100))
    sandbox.wait_idle(owner)
    spent, wall = cpu_ms(pid) - cpu, time.monotonic() - began
    table.add('CPU per warm text received', spent / n, 3, 'ms', '0.10',
              'with receipt and journal; %d texts, one after another, %.0f a second' % (n, n / wall))


def bench_first_contact(table, scratch, args):
    sandbox = scratch.sandbox()
    owner = sandbox.phone('Owner')
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(owner)
    daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
    n = max(20, args.texts // 10)
    people = [sandbox.phone('Person %d' % i) for i in range(n + 1)]
    for person in people:
        sandbox.post('/companions', phone=person['pn'], count=2, quiet=True)
    message = daemon.send(channel, people[n]['pn'], 'the way to the server is warm')
    settle(sandbox, daemon, message, owner)
    pid = daemon.program.process.pid
    cursor = daemon.last_seq()
    cpu = cpu_ms(pid)
    ids = Load(daemon).send([(channel, person['pn'], 'hello') for person in people[:n]])
    all_delivered(daemon, ids, cursor)
    sandbox.wait_idle(owner)
    table.add('first contact, three new sessions, CPU', (cpu_ms(pid) - cpu) / n, 2, 'ms', '1.5',
              'number asked for, devices, keys, three sessions, own phone warm; %d people' % n)


def bench_login(table, scratch, args):
    sandbox = scratch.sandbox()
    owner = sandbox.phone('Owner')
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(owner)
    times = []
    for _ in range(9):
        daemon.ok('POST', '/channels/%s/disconnect' % channel)
        after = daemon.events()[-1]['seq']
        began = time.monotonic()
        daemon.ok('POST', '/channels/%s/connect' % channel)
        daemon.wait_event(lambda e: e['event'] == 'channel.status'
                          and e['data']['status'] == 'connected', 'connected', after)
        times.append(time.monotonic() - began)
        sandbox.wait_idle(owner)
    table.add('login of a known session, wall', sorted(times)[4] * 1000, 1, 'ms', '10',
              'from POST …/connect to the event, its commit included; median of 9')


def wrk(url, connections, seconds=4):
    done = subprocess.run(['wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, url],
                          stdout=subprocess.PIPE, check=True)
    for line in done.stdout.decode().splitlines():
        if line.startswith('Requests/sec:'):
            return float(line.split()[1])
    raise w.Failure('wrk says nothing: %r' % done.stdout)


def bench_http(table, scratch, args):
    if not shutil.which('wrk'):
        print('# wrk is missing: no figures of the HTTP server', file=sys.stderr)
        return
    daemon = scratch.daemon(scratch.sandbox())
    bare = w.Program([os.path.join(w.BUILD, 'tests', 'bench', 'bench-http')])
    scratch.add(bare, bare.kill)
    theirs = 'http://127.0.0.1:%s/health' % bare.line()
    for connections in (1, 64):
        pairs = [(wrk(daemon.url + '/health', connections), wrk(theirs, connections)) for _ in range(3)]
        ratios = sorted(ours / bare_rate for ours, bare_rate in pairs)
        ours = sorted(pairs)[1]
        table.add('GET /health, %d connection%s' % (connections, '' if connections == 1 else 's'),
                  100 * ratios[1], 0, '%', '80',
                  'of a bare libsoup server in the same run: %.0f against %.0f requests/s, median of 3 pairs'
                  % ours)


def bench_machine(table, scratch, args):
    output = subprocess.check_output([os.path.join(w.BUILD, 'tests', 'bench', 'bench-crypto')])
    node = ''
    for line in output.decode().splitlines():
        parsed = json.loads(line)
        if 'figure' not in parsed:
            node = parsed['condition']
            continue
        is_node = 'node' in parsed['figure']
        table.add('this machine: ' + parsed['figure'], parsed['us'], 2, 'µs', '1' if is_node else '-',
                  node if is_node else 'one thread')


def bench_many(table, scratch, args):
    many = bench_memory_and_start(table, scratch, args)
    bench_texts(table, scratch, args, many)


BENCHES = {'machine': bench_machine, 'start': bench_start, 'login': bench_login,
           'texts': bench_texts, 'first-contact': bench_first_contact, 'http': bench_http,
           'many': bench_many}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--channels', type=int, default=1000)
    parser.add_argument('--texts', type=int, default=1000)
    parser.add_argument('--only', default=','.join(BENCHES))
    parser.add_argument('--store')
    args = parser.parse_args()
    table = Table()
    head = '%s, %d cores, release build, durable commits, the sandbox on the same machine, %s' % (
        platform.machine(), os.cpu_count(), datetime.date.today().isoformat())
    print('%s\n\n| figure | measured | aim | conditions |\n| --- | --- | --- | --- |' % head, flush=True)
    for name in args.only.split(','):
        scratch = w.Scratch()
        try:
            BENCHES[name](table, scratch, args)
        finally:
            scratch.end()
    if args.store:
        with open(args.store, 'w', encoding='utf-8') as out:
            json.dump({'conditions': head, 'rows': table.rows}, out, indent=1, ensure_ascii=False)
            out.write('\n')


main()
