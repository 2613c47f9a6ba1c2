# SPDX-License-Identifier: GPL-3.0-or-later
"""What whapi.cloud's clients call, with a key bound to a channel: by changing the base URL alone."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import receiver as r
import whimtest as w

PRIVATE = {'WHIMBREL_ALLOW_PRIVATE_FETCH': 'true'}


class Client:
    """Speaks as whapi's own clients do: a bearer token, no channel, doubled slashes."""

    def __init__(self, daemon, token, prefix):
        self.base = daemon.url + prefix
        self.headers = {'Authorization': 'Bearer ' + token}

    def call(self, method, path, body=None):
        return w.http(method, self.base + path, body, self.headers)

    def ok(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        w.equal(status, 200, '%s %s: %r' % (method, path, answer))
        return answer


def setup(scratch, prefix, dialect='both'):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    echo = sandbox.phone('Echo', echo=True)
    daemon = scratch.daemon(sandbox, control=True, env=PRIVATE)
    channel = daemon.ok('POST', '/channels', {'name': 'W'})['data']['id']
    token = daemon.ok('POST', '/keys', {'name': 'W', 'channels': [channel], 'dialect': dialect})['data']['key']
    return sandbox, ours, echo, daemon, channel, Client(daemon, token, prefix)


def conversation(prefix, dialect):
    def test(scratch):
        sandbox, ours, echo, daemon, channel, client = setup(scratch, prefix, dialect)
        w.equal(client.call('GET', '/limits')[0], 204, 'n8n tests a credential with it')
        health = client.ok('GET', '/health')
        w.equal((health['status']['text'], health['channel_id']), ('NOT_INIT', channel), 'health')
        login = client.ok('GET', '/users/login')
        w.check(login['status'] == 'OK' and login['base64'].startswith('data:image/png;base64,')
                and 0 < login['expire'] <= 60, 'login: %r' % login)
        picture = client.call('GET', '/users/login/image')
        w.check(picture[0] == 200 and picture[1][:8] == b'\x89PNG\r\n\x1a\n', 'the picture')
        w.equal(client.ok('GET', '/users/login/rowdata')['rowdata'], login['rowdata'], 'rowdata')
        sandbox.post('/scan', qr=login['rowdata'], phone=ours['pn'])
        daemon.wait_status(channel, 'connected')
        sandbox.wait_idle(ours)
        status, answer = client.call('GET', '/users/login')
        w.equal((status, answer['error']['code']), (409, 409), 'linked already')
        health = client.ok('GET', '/health')
        w.equal((health['status'], health['user']['id']), ({'code': 4, 'text': 'AUTH'}, ours['pn']), 'health')
        sent = client.ok('POST', '/messages//text', {'to': echo['pn'], 'body': 'from a whapi client'})
        w.check(sent['sent'] is True and sent['message']['status'] == 'pending'
                and sent['message']['from_me'] is True and sent['message']['chat_id'], 'sent: %r' % sent)
        if dialect == 'whapi' or prefix:
            w.check('success' not in sent and 'messageId' not in sent, "whapi's names alone")
        daemon.text('from a whapi client')
        chat = echo['pn'] + '@s.whatsapp.net'
        listed = client.ok('GET', '/messages/list/' + chat + '?count=1')
        w.equal((listed['count'], listed['total'], len(listed['messages'])), (1, 2, 1), 'list')
        w.equal(listed['messages'][0]['text']['body'], 'from a whapi client', 'newest first')
        chats = client.ok('GET', '/chats/')
        w.equal([c['id'] for c in chats['chats']], [chat], 'chats')
        w.equal(client.ok('POST', '/users/logout'), {'success': True}, 'logout')
        w.equal(client.call('POST', '/users/logout')[0], 409, 'twice')
    test.__name__ = 'conversation %s%s' % (dialect, prefix)
    return test


def by_phone(scratch):
    sandbox, ours, echo, daemon, channel, client = setup(scratch, '/whapi')
    code = client.ok('GET', '/users/login/' + ours['pn'])['code']
    w.check(len(code) == 9 and code[4] == '-', 'code: ' + code)
    sandbox.post('/enter-code', phone=ours['pn'], code=code)
    daemon.wait_status(channel, 'connected')


def settings(scratch):
    """n8n reads the object, changes its webhooks, and sends the whole of it back."""
    sandbox, ours, echo, daemon, channel, client = setup(scratch, '')
    receiver = r.Receiver()
    scratch.add(receiver, receiver.stop)
    seed = daemon.ok('PUT', '/channels/%s/webhook' % channel, {'url': receiver.url + '/seed', 'events': ['*']})
    now = client.ok('GET', '/settings')
    w.equal((now['webhooks'], now['callback_persist']), ([], True), 'at first')
    w.check('openapi' in daemon.ok('GET', '/settings'), 'without a channel: the contract')
    w.check('openapi' in w.http('GET', daemon.url + '/settings', None, {
        **client.headers, 'X-Api-Dialect': 'seed'})[1], 'the seed means the contract')
    now['webhooks'] = [{'url': receiver.url + '/a', 'mode': 'method', 'headers': {'X-Mine': '1'},
                        'events': [{'type': 'messages', 'method': 'post'}, {'type': 'ack', 'method': 'post'}]},
                       {'url': receiver.url + '/b'}]
    change = client.ok('PATCH', '/settings', now)
    w.equal((change['before_update']['webhooks'], change['changes']), ([], ['webhooks']), 'before')
    hooks = change['after_update']['webhooks']
    w.equal([(h['url'], h['mode'], h['events']) for h in hooks],
            [(receiver.url + '/a', 'method', [{'type': 'messages', 'method': 'post'},
                                              {'type': 'statuses', 'method': 'post'}]),
             (receiver.url + '/b', 'body', [{'type': 'messages'}])], 'after')
    ids = {h['url']: h['id'] for h in daemon.ok('GET', '/webhooks')['data']}
    w.equal(client.ok('PATCH', '/settings', change['after_update'])['changes'], [], 'the same again')
    w.equal({h['url']: h['id'] for h in daemon.ok('GET', '/webhooks')['data']}, ids, 'the same hooks')
    for bad in ([{'mode': 'body'}], [{'url': 'ftp://x/'}], [{'url': receiver.url, 'mode': 'odd'}],
                [{'url': receiver.url, 'events': [{'type': 'nothing'}]}],
                [{'url': receiver.url, 'events': [{'type': 'messages', 'method': 'get'}]}],
                [{'url': receiver.url, 'events': ['messages']}], 'x', [1], [{'url': receiver.url + '/%d' % i}
                                                                          for i in range(40)]):
        status, answer = client.call('PATCH', '/settings', {'webhooks': bad})
        w.equal(status, 400, '%r: %r' % (bad, answer))
        w.check(answer['error']['details'].startswith('body.webhooks:'), '%r: %r' % (bad, answer))
    w.equal(client.ok('GET', '/settings')['webhooks'], hooks, 'nothing changed')
    # removed in the nested form
    client.ok('PATCH', '/settings', {'settings': {'webhooks': hooks[:1]}})
    w.equal([h['url'] for h in client.ok('GET', '/settings')['webhooks']], [receiver.url + '/a'], 'one left')
    test = client.ok('POST', '/settings/webhook_test', {'url': receiver.url + '/t', 'mode': 'body'})
    w.equal((test['delivered'], test['status']), (True, 200), 'test')
    w.check({'type': 'messages', 'method': 'post'} in client.ok('GET', '/settings/events'), 'events')
    client.ok('DELETE', '/settings')
    w.equal(client.ok('GET', '/settings')['webhooks'], [], 'reset')
    w.equal(daemon.ok('GET', '/channels/%s/webhook' % channel)['data']['id'], seed['data']['id'],
            "the seed's hook is not whapi's to touch")


def anonymous_health(scratch):
    sandbox, ours, echo, daemon, channel, client = setup(scratch, '')
    status, plain = w.http('GET', daemon.url + '/health')
    w.equal((status, plain['status'], sorted(plain)),
            (200, 'ok', ['auth', 'channels', 'database', 'redis', 'status', 'timestamp']), 'nobody')
    w.equal(w.http('GET', daemon.url + '/health?channelId=' + channel)[1]['status'], 'ok', 'nobody')
    w.equal(daemon.ok('GET', '/health')['status'], 'ok', 'the daemon')
    w.equal(daemon.ok('GET', '/health?channelId=' + channel)['status']['text'], 'NOT_INIT', 'the channel')
    w.equal(daemon.request('GET', '/health?channelId=ch_none')[0], 404, 'no channel')


w.run([conversation('', 'both'), conversation('', 'whapi'), conversation('/whapi', 'both'), by_phone,
       settings, anonymous_health])
