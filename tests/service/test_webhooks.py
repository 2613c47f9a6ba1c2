# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: the daemon against the sandbox on one side and a receiver that misbehaves on the other."""
import base64
import hashlib
import hmac
import json
import os
import queue
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import receiver as r
import whimtest as w

PRIVATE = {'WHIMBREL_ALLOW_PRIVATE_FETCH': 'true'}
SECRET = 'whsec_' + base64.b64encode(b'thirty-two bytes that nobody has').decode()


def setup(scratch, answer=lambda request: 200, people=1):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = [sandbox.phone('Peer%d' % i) for i in range(people)]
    daemon = scratch.daemon(sandbox, control=True, env=PRIVATE)
    channel = daemon.pair(ours)
    receiver = r.Receiver(answer)
    scratch.add(receiver, receiver.stop)
    return sandbox, ours, theirs, daemon, channel, receiver


def put_hook(daemon, channel, receiver, **more):
    body = {'url': receiver.url + '/hook', 'events': ['message.received'], 'secret': SECRET}
    body.update(more)
    return daemon.ok('PUT', '/channels/%s/webhook' % channel, body)['data']


def text(sandbox, sender, ours, body):
    sandbox.post('/send', phone=sender['pn'], to=ours['pn'], text=body)


def wait(receiver, matches, what):
    try:
        return receiver.next(matches, w.DEADLINE)
    except queue.Empty:
        raise w.Failure('the receiver was not told of ' + what)


def told(receiver, body):
    return wait(receiver, lambda q: q['event'].get('data', {}).get('body') == body, body)


def check_signatures(request):
    headers = request['headers']
    raw = request['body'].encode()
    key = base64.b64decode(SECRET[len('whsec_'):])
    w.equal(headers['x-webhook-signature'],
            'sha256=' + hmac.new(key, raw, hashlib.sha256).hexdigest(), 'X-Webhook-Signature')
    signed = ('%s.%s.' % (headers['webhook-id'], headers['webhook-timestamp'])).encode() + raw
    w.equal(headers['webhook-signature'], 'v1,' + base64.b64encode(
        hmac.new(key, signed, hashlib.sha256).digest()).decode(), 'webhook-signature')
    w.equal(headers['x-webhook-id'], headers['webhook-id'], 'ids')
    w.equal(headers['x-webhook-timestamp'], headers['webhook-timestamp'], 'times')
    w.equal(headers['x-webhook-id'], request['event']['id'], 'id')


def settings(scratch):
    """Made, shown, changed, deleted; the secret is never shown; wrong ones change nothing."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.ok('POST', '/channels', {'name': 'A'})['data']['id']
    path = '/channels/%s/webhook' % channel
    none = daemon.ok('GET', path)
    w.equal((none['success'], none['data']['url'], none['data']['events'], none['data']['enabled']),
            (True, '', [], False), 'without a hook')
    made = daemon.ok('PUT', path, {'url': 'https://example.com/h', 'events': ['message.received'],
                                   'secret': 'quiet', 'headers': {'X-Mine': '1'}})['data']
    w.equal((made['url'], made['events'], made['enabled'], made['format'], made['mode'],
             made['hasSecret'], made['headers']),
            ('https://example.com/h', ['message.received'], True, 'seed', 'body', True,
             {'X-Mine': '1'}), 'made')
    w.check('quiet' not in json.dumps(made), 'the secret is shown')
    w.equal(daemon.ok('GET', path)['data']['id'], made['id'], 'the same')

    good = {'url': 'https://example.com/h', 'events': ['*']}
    for change, status, where in (
            ({'url': None}, 400, 'body.url'), ({'url': 'ftp://example.com/'}, 400, 'body.url'),
            ({'url': 'https://u:p@example.com/'}, 400, 'body.url'),
            ({'url': 'http://127.0.0.1:1/'}, 400, 'body.url'),
            ({'url': 'http://[::ffff:10.0.0.1]/'}, 400, 'body.url'),
            ({'url': 'http://localhost/'}, 400, 'body.url'),
            ({'url': 'https://example.com/' + 'x' * 3000}, 400, 'body.url'),
            ({'url': 7}, 400, 'body.url'), ({'events': []}, 400, 'body.events'),
            ({'events': None}, 400, 'body.events'), ({'events': ['nothing']}, 400, 'body.events'),
            ({'events': ['messages.post']}, 400, 'body.events'),
            ({'format': 'xml'}, 400, 'body.format'), ({'mode': 'path'}, 400, 'body.mode'),
            ({'format': 'whapi', 'mode': 'odd'}, 400, 'body.mode'),
            ({'format': 'whapi', 'events': ['channel.pairing-code']}, 400, 'body.events'),
            ({'secret': 'whsec_!!'}, 400, 'body.secret'), ({'secret': 'x' * 300}, 400, 'body.secret'),
            ({'headers': {'Host': 'x'}}, 400, 'body.headers'),
            ({'headers': {'webhook-id': 'x'}}, 400, 'body.headers'),
            ({'headers': {'X-A': 'a\r\nX-B: b'}}, 400, 'body.headers'),
            ({'headers': {'X-A': 1}}, 400, 'body.headers'),
            ({'headers': {'X-%d' % i: 'a' for i in range(6)}}, 400, 'body.headers'),
            ({'enabled': 'perhaps'}, 400, 'body.enabled')):
        got, answer = daemon.request('PUT', path, {k: v for k, v in {**good, **change}.items()})
        w.equal(got, status, '%r: %r' % (change, answer))
        w.check(answer['error'].get('details', '').startswith(where + ':'), '%r: %r' % (change, answer))
    status, answer = daemon.request('PUT', path, {**good, 'url': 'http://10.1.2.3/'})
    w.check('allow-private' in answer['error']['message'], 'the setting is not named: %r' % answer)
    w.equal(daemon.ok('GET', path)['data']['updatedAt'], made['updatedAt'], 'nothing changed')

    second = daemon.ok('POST', '/webhooks', {
        'channelId': channel, 'url': 'https://example.org/w', 'format': 'whapi', 'mode': 'path',
        'events': ['messages.post', 'statuses', 'channel.status']})['data']
    listed = daemon.ok('GET', '/webhooks?channelId=' + channel)
    w.equal([h['id'] for h in listed['data']], [second['id'], made['id']], 'newest first')
    w.equal((listed['total'], daemon.ok('GET', '/webhooks?limit=1')['total']), (2, 2), 'total')
    changed = daemon.ok('PUT', '/webhooks/' + second['id'], {'enabled': False})['data']
    w.equal((changed['enabled'], changed['mode'], changed['url']),
            (False, 'path', 'https://example.org/w'), 'changed')
    w.equal(daemon.request('GET', '/webhooks/whk_none')[0], 404, 'unknown')
    w.equal(daemon.request('POST', '/webhooks/%s/dead-letters/evt_x/resend' % second['id'])[0], 404,
            'no such letter')
    w.equal(daemon.ok('GET', '/webhooks/%s/dead-letters' % second['id'])['data'], [], 'no letters')
    daemon.ok('DELETE', '/webhooks/' + second['id'])
    w.equal(daemon.request('GET', '/webhooks/' + second['id'])[0], 404, 'deleted')
    daemon.stop()
    daemon.start()
    kept = daemon.ok('GET', path)['data']
    w.equal((kept['id'], kept['hasSecret'], kept['headers']), (made['id'], True, {'X-Mine': '1'}),
            'over a restart')
    daemon.ok('DELETE', '/channels/' + channel)
    w.equal(daemon.ok('GET', '/webhooks')['data'], [], 'gone with the channel')


def delivery(scratch):
    """Texts arrive signed and in order; statuses of our own too; a restart repeats nothing."""
    sandbox, ours, theirs, daemon, channel, receiver = setup(scratch)
    text(sandbox, theirs[0], ours, 'before the hook')
    daemon.text('before the hook')
    hook = put_hook(daemon, channel, receiver, events=['*'], headers={'X-Mine': 'yes'})
    for i in range(10):
        text(sandbox, theirs[0], ours, 'text %d' % i)
    for i in range(10):
        request = told(receiver, 'text %d' % i)
        check_signatures(request)
        w.equal((request['method'], request['path']), ('POST', '/hook'), 'address')
        w.equal(request['headers']['content-type'], 'application/json', 'type')
        w.equal(request['headers']['x-webhook-attempt'], '1', 'attempt')
        w.equal(request['headers']['x-mine'], 'yes', 'own header')
        event = request['event']
        w.equal((event['event'], event['channelId']), ('message.received', channel), 'event')
        w.check(event['data']['messageId'] == event['data']['id'] and event['data']['chat_id'],
                'both names')
    sent = daemon.send(channel, theirs[0]['pn'], 'ours')
    for status in ('sent', 'delivered'):
        wait(receiver, lambda q: q['event']['data'].get('id') == sent
             and q['event']['data'].get('status') == status, status)
    shown = daemon.ok('GET', '/webhooks/' + hook['id'])['data']
    w.check(shown['delivered'] >= 10, 'the figures: %r' % shown)
    daemon.stop()
    daemon.start(env=PRIVATE)
    daemon.wait_status(channel, 'connected')
    text(sandbox, theirs[0], ours, 'after the restart')
    seen = []

    def until(request):
        seen.append(request['event'])
        return request['event']['data'].get('body') == 'after the restart'

    wait(receiver, until, 'the text after the restart')
    w.equal([e for e in seen if e['data'].get('body') in ('text 9', 'before the hook')], [], 'repeats')


def test_delivery(scratch):
    sandbox, ours, theirs, daemon, channel, receiver = setup(
        scratch, lambda request: 503 if request['path'] == '/down' else 200)
    hook = put_hook(daemon, channel, receiver)
    answer = daemon.ok('POST', '/webhooks/%s/test' % hook['id'])
    w.equal((answer['delivered'], answer['status']), (True, 200), 'delivered')
    request = wait(receiver, lambda q: q['event']['event'] == 'webhook.test', 'the test')
    check_signatures(request)
    daemon.ok('PUT', '/webhooks/' + hook['id'], {'url': receiver.url + '/down'})
    answer = daemon.ok('POST', '/webhooks/%s/test' % hook['id'])
    w.equal((answer['delivered'], answer['status']), (False, 503), 'not delivered')
    daemon.ok('PUT', '/webhooks/' + hook['id'], {'url': 'http://127.0.0.1:1/'})
    answer = daemon.ok('POST', '/webhooks/%s/test' % hook['id'])
    w.check(answer['delivered'] is False and answer['error'], 'refused: %r' % answer)
    w.equal([e for e in daemon.events() if e['event'] == 'webhook.test'], [], 'not in the journal')


def private_addresses(scratch):
    """Without leave a name that leads to this machine is not called, and the error names the setting."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.ok('POST', '/channels', {'name': 'A'})['data']['id']
    receiver = r.Receiver()
    scratch.add(receiver, receiver.stop)
    for host in ('localhost.localdomain', 'ip6-localhost', '2130706433', '0x7f.1', 'localhost.'):
        status, answer = daemon.request('PUT', '/channels/%s/webhook' % channel, {
            'url': 'http://%s:%d/' % (host, receiver.port), 'events': ['*']})
        if status == 400:
            w.check('allow-private' in answer['error']['message'], 'named: %r' % answer)
            continue
        answer = daemon.ok('POST', '/webhooks/%s/test' % answer['data']['id'])
        w.equal(answer['delivered'], False, host)
        w.check('allow-private' in answer['error'] or 'resolv' in answer['error'].lower(),
                '%s: %r' % (host, answer))
    w.check(receiver.requests.empty(), 'it was called')


def faults(scratch):
    """500, a closed connection, a redirect: again with the same body, in order per chat; a chat that
    hangs holds nobody else."""
    broken = {'first': [500, r.CLOSE, 302], 'slow': [r.HANG]}

    def answer(request):
        left = broken.get(request['event']['data'].get('body'))
        return left.pop(0) if left else 200

    sandbox, ours, theirs, daemon, channel, receiver = setup(scratch, answer, people=2)
    put_hook(daemon, channel, receiver)
    text(sandbox, theirs[0], ours, 'first')
    attempts = [told(receiver, 'first')]
    text(sandbox, theirs[0], ours, 'second')
    daemon.text('second')
    while len(attempts) < 4:
        daemon.command(advance=2000 * 2 ** len(attempts))
        request = wait(receiver, lambda q: True, 'an attempt')
        w.equal(request['event']['data']['body'], 'first', 'the second is behind the first')
        attempts.append(request)
    w.equal([q['headers']['x-webhook-attempt'] for q in attempts], ['1', '2', '3', '4'], 'attempts')
    w.equal(len({q['body'] for q in attempts}), 1, 'the same body')
    w.equal(len({q['headers']['webhook-id'] for q in attempts}), 1, 'the same id')
    for request in attempts:
        check_signatures(request)
    told(receiver, 'second')

    text(sandbox, theirs[0], ours, 'slow')
    told(receiver, 'slow')
    text(sandbox, theirs[0], ours, 'behind the slow one')
    for i in range(20):
        text(sandbox, theirs[1], ours, 'quick %d' % i)
    for i in range(20):
        request = wait(receiver, lambda q: True, 'a quick one')
        w.equal(request['event']['data']['body'], 'quick %d' % i, 'order, and nothing held')
    daemon.command(advance=11000)  # the ten seconds of the one that hangs
    daemon.wait_hook(channel, lambda h: h.get('lastError'), 'the time-out')
    daemon.command(advance=3000)
    told(receiver, 'slow')
    told(receiver, 'behind the slow one')


def dead_letters(scratch):
    """A day without success: dead letters that can be listed, sent again, thrown away."""
    state = {'down': True}
    sandbox, ours, theirs, daemon, channel, receiver = setup(
        scratch, lambda request: 500 if state['down'] else 200)
    hook = put_hook(daemon, channel, receiver)
    for i in range(3):
        text(sandbox, theirs[0], ours, 'letter %d' % i)
    told(receiver, 'letter 0')
    daemon.text('letter 2')
    daemon.wait_hook(channel, lambda h: h['pending'] == 3 and h.get('lastError'), 'three pending')
    owed = daemon.ok('GET', '/webhooks/%s/deliveries' % hook['id'])
    w.equal([(d['state'], d['attempts']) for d in owed['data']],
            [('waiting', 0), ('waiting', 0), ('due', 1)], 'owed')
    w.equal((owed['total'], owed['data'][2]['lastStatus']), (3, 500), 'owed')
    daemon.command(advance=25 * 3600 * 1000)
    told(receiver, 'letter 0')
    daemon.wait_hook(channel, lambda h: h['deadLetters'] == 3, 'three letters')
    letters = daemon.ok('GET', '/webhooks/%s/dead-letters' % hook['id'])['data']
    w.equal([d['state'] for d in letters], ['dead'] * 3, 'dead')
    w.equal(letters[2]['attempts'], 2, 'attempts of the first')
    state['down'] = False
    daemon.ok('POST', '/webhooks/%s/dead-letters/%s/resend' % (hook['id'], letters[1]['eventId']))
    told(receiver, 'letter 1')
    daemon.ok('DELETE', '/webhooks/%s/dead-letters/%s' % (hook['id'], letters[2]['eventId']))
    daemon.ok('POST', '/webhooks/%s/dead-letters/resend' % hook['id'])
    told(receiver, 'letter 2')
    daemon.wait_hook(channel, lambda h: h['deadLetters'] == 0 and h['pending'] == 0, 'nothing left')
    text(sandbox, theirs[0], ours, 'and on')
    told(receiver, 'and on')


def gone(scratch):
    """410 turns the hook off; what it was owed can be sent again when it is back."""
    state = {'gone': True}
    sandbox, ours, theirs, daemon, channel, receiver = setup(
        scratch, lambda request: 410 if state['gone'] else 200)
    hook = put_hook(daemon, channel, receiver)
    text(sandbox, theirs[0], ours, 'one')
    told(receiver, 'one')
    off = daemon.wait_hook(channel, lambda h: not h['enabled'], 'the hook to be off')
    w.check('410' in off['offReason'], 'the reason: %r' % off)
    text(sandbox, theirs[0], ours, 'while it is off')
    daemon.text('while it is off')
    daemon.stop()
    daemon.start(env=PRIVATE)
    daemon.wait_status(channel, 'connected')
    w.equal(daemon.ok('GET', '/channels/%s/webhook' % channel)['data']['enabled'], False, 'still off')
    state['gone'] = False
    on = daemon.ok('PUT', '/webhooks/' + hook['id'], {'enabled': True})['data']
    w.check('offReason' not in on, 'no reason any more')
    text(sandbox, theirs[0], ours, 'on again')
    seen = wait(receiver, lambda q: True, 'the next')
    w.equal(seen['event']['data']['body'], 'on again', 'what came while it was off is not told')
    daemon.ok('POST', '/webhooks/%s/dead-letters/resend' % hook['id'])
    told(receiver, 'one')


def changes(scratch):
    """A new address takes over what is pending; a deleted hook is silent."""
    state = {'down': True}
    sandbox, ours, theirs, daemon, channel, receiver = setup(
        scratch, lambda request: 500 if request['path'] == '/hook' else 200)
    hook = put_hook(daemon, channel, receiver)
    text(sandbox, theirs[0], ours, 'moved')
    w.equal(told(receiver, 'moved')['path'], '/hook', 'the old address')
    daemon.wait_hook(channel, lambda h: h.get('lastError'), 'the failure')
    daemon.ok('PUT', '/webhooks/' + hook['id'], {'url': receiver.url + '/new'})
    request = wait(receiver, lambda q: q['path'] == '/new', 'the new address')
    w.equal((request['event']['data']['body'], request['headers']['x-webhook-attempt']),
            ('moved', '2'), 'what was pending')
    other = daemon.ok('POST', '/webhooks', {'channelId': channel, 'url': receiver.url + '/other',
                                            'events': ['message.received']})['data']
    daemon.ok('DELETE', '/webhooks/' + hook['id'])
    text(sandbox, theirs[0], ours, 'after')
    request = told(receiver, 'after')
    w.equal(request['path'], '/other', 'only the other is told')
    daemon.wait_hook(channel, lambda h: h['delivered'] == 1, 'the figures', other['id'])
    w.check('webhook-signature' not in request['headers'], 'no secret, no signature')


def codes(scratch):
    """The code of a channel.qr is added from memory; in whapi's format it is a picture."""
    sandbox = scratch.sandbox()
    daemon = scratch.daemon(sandbox, control=True, env=PRIVATE)
    channel = daemon.ok('POST', '/channels', {'name': 'A'})['data']['id']
    receiver = r.Receiver()
    scratch.add(receiver, receiver.stop)
    for form in ('seed', 'whapi'):
        daemon.ok('POST', '/webhooks', {'channelId': channel, 'url': receiver.url + '/' + form,
                                        'events': ['channel.qr'], 'format': form})
    code = daemon.ok('POST', '/channels/%s/connect' % channel)
    got = {}
    for _ in range(2):
        request = wait(receiver, lambda q: True, 'the code')
        got[request['path']] = request['event']
    w.equal(got['/seed']['data']['raw'], code['raw'], 'the code')
    w.check(got['/seed']['data']['qr'].startswith('data:image/png;base64,'), 'its picture')
    w.equal(got['/whapi']['qr']['rowdata'], code['raw'], "whapi's code")
    w.equal(got['/whapi']['event'], {'type': 'channel', 'event': 'patch', 'method': 'patch'}, 'event')


def whapi(scratch):
    """whapi's envelope in its three modes."""
    sandbox, ours, theirs, daemon, channel, receiver = setup(scratch)
    for mode in ('body', 'path', 'method'):
        daemon.ok('POST', '/webhooks', {
            'channelId': channel, 'url': receiver.url + '/' + mode + '?k=1', 'format': 'whapi',
            'mode': mode, 'events': ['messages', 'statuses.post']})
    text(sandbox, theirs[0], ours, 'hello')
    got = {}
    for _ in range(3):
        request = wait(receiver, lambda q: 'messages' in q['event'], 'the message')
        got[request['path']] = request
    w.equal(sorted(got), ['/body?k=1', '/method/messages?k=1', '/path/messages/post?k=1'], 'paths')
    w.equal({q['method'] for q in got.values()}, {'POST'}, 'verbs')
    w.equal(len({q['body'] for q in got.values()}), 1, 'one body')
    event = got['/body?k=1']['event']
    w.equal((event['event'], event['channel_id']),
            ({'type': 'messages', 'event': 'post', 'method': 'post'}, channel), 'envelope')
    message = event['messages'][0]
    w.equal((message['type'], message['text']['body'], message['from_me'], message['from']),
            ('text', 'hello', False, theirs[0]['pn'].split('@')[0]), 'message')
    sent = daemon.send(channel, theirs[0]['pn'], 'ours')
    status = wait(receiver, lambda q: 'statuses' in q['event'], 'a status')['event']
    w.equal((status['statuses'][0]['id'], status['statuses'][0]['code'],
             status['statuses'][0]['status']), (sent, 3, 'delivered'), 'status')


w.run([settings, delivery, test_delivery, private_addresses, faults, dead_letters, gone, changes,
       codes, whapi])
