# SPDX-License-Identifier: GPL-3.0-or-later
"""What every request has in common: keys and what they may do, rates, other pages, packed answers, figures,
the contract as a document."""
import gzip
import json
import os
import re
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def raw(method, url, headers=None):
    """(status, headers, bytes), nothing decoded"""
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=w.DEADLINE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def with_key(daemon, key, method, path, body=None, **headers):
    return w.http(method, daemon.url + path, body, {'X-API-Key': key, **headers})


def keys(scratch):
    """Made, shown once, bound, read-only, changed, revoked; over a restart; never without somebody who may."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    one = daemon.ok('POST', '/channels', {'name': 'One'})['data']['id']
    two = daemon.ok('POST', '/channels', {'name': 'Two'})['data']['id']
    for body, where in (({}, 'body.name'), ({'name': 'x'}, 'body.channels'),
                        ({'name': 'x', 'channels': []}, 'body.channels'),
                        ({'name': 'x', 'channels': ['ch_none']}, 'body.channels'),
                        ({'name': 'x', 'channels': [one, one]}, 'body.channels'),
                        ({'name': 'x', 'channels': [one], 'admin': True}, 'body.channels'),
                        ({'name': 'x', 'channels': [one], 'dialect': 'latin'}, 'body.dialect'),
                        ({'name': 'x', 'channels': [one], 'rateLimit': -1}, 'body.rateLimit'),
                        ({'name': 'x' * 300, 'channels': [one]}, 'body.name')):
        status, answer = daemon.request('POST', '/keys', body)
        w.equal(status, 400, '%r: %r' % (body, answer))
        w.check(answer['error']['details'].startswith(where + ':'), '%r: %r' % (body, answer))
    w.equal(daemon.ok('GET', '/keys')['total'], 1, 'nothing was made')

    made = daemon.ok('POST', '/keys', {'name': 'Shop', 'channels': [one]})['data']
    key = made['key']
    w.check(len(key) > 40 and made['id'].startswith('key_'), 'the key')
    w.check(key not in json.dumps(daemon.ok('GET', '/keys')), 'the key is shown again')
    w.equal([c['id'] for c in with_key(daemon, key, 'GET', '/channels')[1]['data']], [one], 'its channels')
    w.equal(with_key(daemon, key, 'GET', '/chats')[0], 200, 'the channel is known from the key')
    status, answer = with_key(daemon, key, 'GET', '/chats?channelId=' + two)
    w.equal((status, answer['error']['type']), (403, 'forbidden'), 'another channel')
    for method, path in (('POST', '/channels'), ('GET', '/keys'), ('DELETE', '/channels/' + one),
                         ('GET', '/metrics')):
        w.equal(with_key(daemon, key, method, path, {'name': 'x'} if method == 'POST' else None)[0], 403,
                method + path)
    w.check(daemon.ok('GET', '/keys/' + made['id'])['data']['lastUsedAt'] > 0, 'when it was used')
    w.equal(with_key(daemon, key, 'PUT', '/channels/' + one, {'name': 'Renamed'})[0], 200, 'may write')
    daemon.ok('PUT', '/keys/' + made['id'], {'readOnly': True, 'channels': [one, two], 'name': 'Looker'})
    w.equal(with_key(daemon, key, 'PUT', '/channels/' + one, {'name': 'x'})[0], 403, 'may only look')
    w.equal(with_key(daemon, key, 'GET', '/channels/' + two)[0], 200, 'both')
    daemon.stop()
    daemon.start()
    shown = daemon.ok('GET', '/keys/' + made['id'])['data']
    w.equal((shown['name'], shown['readOnly'], sorted(shown['channels'])),
            ('Looker', True, sorted([one, two])), 'over a restart')
    daemon.ok('DELETE', '/channels/' + two)
    w.equal(daemon.ok('GET', '/keys/' + made['id'])['data']['channels'], [one], 'a deleted channel')
    daemon.ok('DELETE', '/keys/' + made['id'])
    w.equal(with_key(daemon, key, 'GET', '/channels')[0], 401, 'revoked')
    w.equal(daemon.request('DELETE', '/keys/' + made['id'])[0], 404, 'revoked twice')
    last = daemon.ok('GET', '/keys')['data'][0]['id']
    w.equal(daemon.request('DELETE', '/keys/' + last)[1]['error']['type'], 'conflict', 'the last')
    w.equal(daemon.request('PUT', '/keys/' + last, {'readOnly': True})[0], 409, 'the last')
    status, answer = daemon.request('POST', '/keys', {'name': 'Root', 'admin': True, 'readOnly': True})
    reader = answer['data']['key']
    w.equal(with_key(daemon, reader, 'GET', '/metrics')[0], 200, 'figures')
    w.equal(with_key(daemon, reader, 'DELETE', '/channels/' + one)[0], 403, 'sees everything, changes nothing')


def configured_key(scratch):
    sandbox = scratch.sandbox()
    wanted = 'a-key-that-stands-in-the-configuration'
    daemon = scratch.daemon(sandbox)
    daemon.stop()
    daemon.start(env={'WHIMBREL_API_KEY': wanted})
    listed = with_key(daemon, wanted, 'GET', '/keys')[1]['data']
    mine = [k['id'] for k in listed if k['name'] == 'configured'][0]
    status, answer = with_key(daemon, wanted, 'DELETE', '/keys/' + mine)
    w.equal((status, answer['error']['type']), (409, 'conflict'), 'cannot be revoked here')


def rates(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, control=True)
    one = daemon.ok('POST', '/channels', {'name': 'One'})['data']['id']
    key = daemon.ok('POST', '/keys', {'name': 'Slow', 'channels': [one], 'rateLimit': 10})['data']['key']
    w.equal(with_key(daemon, key, 'GET', '/channels')[0], 200, 'the first')
    status, headers, body = raw('GET', daemon.url + '/channels', {'X-API-Key': key})
    error = json.loads(body)['error']
    w.equal((status, error['type'], error['retry_after'], headers['Retry-After']),
            (429, 'rate_limited', 6, '6'), 'the second')
    w.equal(daemon.request('GET', '/channels')[0], 200, 'others')
    daemon.command(advance=6000)
    w.equal(with_key(daemon, key, 'GET', '/channels')[0], 200, 'six seconds later')


def origins(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, env={'WHIMBREL_CORS_ORIGINS': 'https://a.example http://b.example:8080'})
    key = {'X-API-Key': daemon.key}
    status, headers, _ = raw('GET', daemon.url + '/channels', {**key, 'Origin': 'https://a.example'})
    w.equal((status, headers['Access-Control-Allow-Origin']), (200, 'https://a.example'), 'allowed')
    w.check('Origin' in headers['Vary'], 'Vary')
    status, headers, _ = raw('GET', daemon.url + '/channels', {**key, 'Origin': 'https://c.example'})
    w.equal((status, headers['Access-Control-Allow-Origin']), (200, None), 'not allowed')
    status, headers, _ = raw('OPTIONS', daemon.url + '/messages/text', {
        'Origin': 'http://b.example:8080', 'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-api-key'})
    w.equal(status, 204, 'preflight')
    w.check('POST' in headers['Access-Control-Allow-Methods'], 'methods')
    w.check('X-API-Key' in headers['Access-Control-Allow-Headers'], 'headers')
    # an error can be read as well
    status, headers, _ = raw('GET', daemon.url + '/channels', {'Origin': 'https://a.example'})
    w.equal((status, headers['Access-Control-Allow-Origin']), (401, 'https://a.example'), 'an error')
    plain = scratch.daemon(sandbox, name='plain')
    headers = raw('GET', plain.url + '/health', {'Origin': 'https://a.example'})[1]
    w.equal(headers['Access-Control-Allow-Origin'], None, 'nobody by default')


def packing(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    key = {'X-API-Key': daemon.key}
    plain = raw('GET', daemon.url + '/openapi.json', key)
    packed = raw('GET', daemon.url + '/openapi.json', {**key, 'Accept-Encoding': 'br, gzip;q=0.5'})
    w.equal(packed[1]['Content-Encoding'], 'gzip', 'packed')
    w.equal(gzip.decompress(packed[2]), plain[2], 'the same')
    w.check(len(packed[2]) * 4 < len(plain[2]), 'smaller')
    w.check('Accept-Encoding' in packed[1]['Vary'] and 'Accept-Encoding' in plain[1]['Vary'], 'Vary')
    for refused in ('gzip;q=0', 'identity'):
        w.equal(raw('GET', daemon.url + '/openapi.json', {**key, 'Accept-Encoding': refused})[1]
                ['Content-Encoding'], None, refused)
    w.equal(raw('GET', daemon.url + '/health', {'Accept-Encoding': 'gzip'})[1]['Content-Encoding'], None,
            'too small')
    status, headers, body = raw('HEAD', daemon.url + '/openapi.json', key)
    w.equal((status, body, int(headers['Content-Length'])), (200, b'', len(plain[2])), 'HEAD')


def documents(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    w.equal(w.http('GET', daemon.url + '/openapi.json')[0], 401, 'a key is needed')
    w.equal(w.http('GET', daemon.url + '/settings')[0], 401, 'a key is needed')
    contract = daemon.ok('GET', '/openapi.json')
    w.equal(daemon.ok('GET', '/settings'), contract, '/settings')
    status, headers, page = raw('GET', daemon.url + '/docs')
    w.equal((status, headers['Content-Type']), (200, 'text/html; charset=utf-8'), '/docs')
    w.check("connect-src 'self'" in headers['Content-Security-Policy'], 'nothing leaves the host')
    inside = page.decode().split('id="contract">')[1].split('</script>')[0]
    w.equal(json.loads(inside), contract, 'the contract in the page')
    w.check(daemon.key not in page.decode(), 'no key in the page')


def figures(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    daemon = scratch.daemon(sandbox)
    channel = daemon.pair(ours)
    w.equal(w.http('GET', daemon.url + '/metrics')[0], 401, 'a key is needed')
    status, headers, body = raw('GET', daemon.url + '/metrics', {'Authorization': 'Bearer ' + daemon.key})
    w.equal((status, headers['Content-Type']), (200, 'text/plain; version=0.0.4; charset=utf-8'), 'type')
    lines = body.decode().splitlines()
    values = {}
    types = set()
    for line in lines:
        if line.startswith('# TYPE '):
            types.add(line.split()[2])
        elif not line.startswith('#'):
            name, value = line.rsplit(' ', 1)
            values[name] = float(value)
            base = name.split('{')[0]
            w.check(base in types or base.rsplit('_', 1)[0] in types, 'untyped: ' + line)
    w.equal(values['whimbrel_channels{status="connected"}'], 1, 'connected')
    w.equal(values['whimbrel_channel_up{channel="%s",reason="online"}' % channel], 1, 'up')
    w.equal(values['whimbrel_outbox_depth{channel="%s"}' % channel], 0, 'nothing waits')
    w.check(values['whimbrel_http_requests_total{status="2xx"}'] >= 3, 'requests')
    w.check(values['process_resident_memory_bytes'] > 1e6, 'memory')
    w.equal(values['whimbrel_http_request_duration_seconds_bucket{le="+Inf"}'],
            values['whimbrel_http_request_duration_seconds_count'], 'histogram')
    for secret in (ours['pn'], ours['lid'].split('@')[0]):
        w.check(secret not in body.decode(), 'a number in the figures')
    # what waits while nobody is connected
    theirs = sandbox.phone('Bert')
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    ids = [daemon.send(channel, theirs['pn'], 'later %d' % i) for i in range(3)]

    def depth():
        text = daemon.ok('GET', '/metrics').decode()
        return int(re.search(r'^whimbrel_outbox_depth\{channel="%s"\} (\d+)$' % channel, text, re.M).group(1))

    w.equal(depth(), 3, 'three wait')
    daemon.ok('DELETE', '/outbox/%s?channelId=%s' % (ids[0], channel))
    w.equal(depth(), 2, 'one was taken back')
    daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
    daemon.ok('POST', '/channels/%s/connect' % channel)
    for one in ids[1:]:
        daemon.status_of(one, 'delivered')
    w.equal(depth(), 0, 'all have left')


def dialects(scratch):
    """The key says it, the request says it better, /whapi says it best."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    one = daemon.ok('POST', '/channels', {'name': 'One'})['data']['id']
    key = daemon.ok('POST', '/keys', {'name': 'W', 'channels': [one], 'dialect': 'whapi'})['data']['key']
    w.equal(sorted(with_key(daemon, key, 'GET', '/chats')[1]),
            ['chats', 'count', 'offset', 'total'], "whapi's names alone")
    both = with_key(daemon, key, 'GET', '/chats', None, **{'X-Api-Dialect': 'both'})[1]
    w.check('data' in both and 'chats' in both, 'the request says it')
    plain = daemon.ok('GET', '/whapi/chats?channelId=' + one)
    w.check('data' not in plain and 'chats' in plain, '/whapi')
    w.equal(daemon.ok('GET', '//whapi//chats/?channelId=' + one), plain, 'slashes')
    w.equal(w.http('GET', daemon.url + '/whapi/chats')[0], 401, 'without a key')
    status, unknown = with_key(daemon, 'x' * 40, 'GET', '/whapi/chats')
    foreign = with_key(daemon, key, 'GET', '/whapi/chats?channelId=ch_other')
    for answer in (unknown, foreign[1]):
        answer['error'].pop('request_id')
    w.equal((status, foreign[0], unknown), (404, 404, foreign[1]), 'two kinds of 404 that look alike')
    w.equal(with_key(daemon, key, 'GET', '/whapinot')[0], 404, 'only a whole segment')


def query_token(scratch):
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    w.equal(w.http('GET', daemon.url + '/channels?token=' + daemon.key)[0], 401, 'off by default')
    daemon.stop()
    daemon.start(env={'WHIMBREL_TOKEN_IN_QUERY': 'true'})
    w.equal(w.http('GET', daemon.url + '/channels?token=' + daemon.key)[0], 200, 'on')
    w.equal(w.http('GET', daemon.url + '/channels?token=nobody')[0], 401, 'wrong')


def events_of_others(scratch):
    """A key hears of its channels only, in pages as well as in streams, and its cursor passes over the others."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox)
    channels = [daemon.pair(sandbox.phone('Owner %d' % number), 'Channel %d' % number) for number in range(3)]
    every = [e for e in daemon.events()]
    for bound in (channels[:1], channels[1:2], [channels[0], channels[2]]):
        key = daemon.ok('POST', '/keys', {'name': 'some', 'channels': bound})['data']['key']
        wanted = [e['id'] for e in every if e['channelId'] in bound]
        w.check(len(wanted) > 2, 'there are events')
        for limit in (1, 2, 500):
            got, after = [], 0
            while True:
                page = w.http('GET', '%s/events?after=%d&limit=%d' % (daemon.url, after, limit), headers={
                    'X-API-Key': key, 'Accept': 'application/json'})[1]['data']
                got += [e['id'] for e in page]
                if len(page) < limit:
                    break
                after = page[-1]['seq']
            w.equal(got[:len(wanted)], wanted, 'pages of %d' % limit)
        request = urllib.request.Request(daemon.url + '/events?after=0', headers={
            'X-API-Key': key, 'Accept': 'text/event-stream'})
        heard = []
        with urllib.request.urlopen(request, timeout=w.DEADLINE) as stream:
            while len(heard) < len(wanted):
                line = stream.readline()
                if line.startswith(b'data: '):
                    heard.append(json.loads(line[6:])['id'])
        w.equal(heard, wanted, 'the stream')


def passing_listeners(scratch):
    """Who goes without a word gives his place among the streams back; nothing else happens here that would tell."""
    daemon = scratch.daemon(scratch.sandbox())
    for _ in range(600):  # 256 may be open
        request = urllib.request.Request(daemon.url + '/events', headers={
            'X-API-Key': daemon.key, 'Accept': 'text/event-stream'})
        with urllib.request.urlopen(request, timeout=w.DEADLINE) as stream:
            w.check(stream.readline().startswith(b':'), 'a first line')


def passing_clients(scratch):
    """A client that opens a connection for each request is served, however many there were: 1,024 may be open."""
    daemon = scratch.daemon(scratch.sandbox())
    for _ in range(1100):
        daemon.ok('GET', '/health')


w.run([keys, configured_key, rates, origins, packing, documents, figures, dialects, query_token, events_of_others,
       passing_listeners, passing_clients])
