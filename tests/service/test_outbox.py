# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: what becomes of a message, once-only requests, cancelling, expiry, pacing, refusals."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch, **args):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True, **args)
    channel = daemon.pair(ours)
    return sandbox, ours, theirs, daemon, channel


def settings(daemon, channel, **values):
    return daemon.ok('PUT', '/channels/' + channel, {'settings': values})['data']['settings']


def message(daemon, channel, message_id, query=''):
    return daemon.ok('GET', '/messages/%s?channelId=%s%s' % (message_id, channel, query))


def what(found):
    return [row['what'] for row in found['data']['timeline']]


def outbox(daemon, channel):
    return daemon.ok('GET', '/outbox?channelId=' + channel)['data']


def wait_empty(daemon, channel):
    """The last ack is nobody's event where a receipt came before it."""
    until = time.monotonic() + w.DEADLINE
    while outbox(daemon, channel):
        w.check(time.monotonic() < until, 'the queue does not empty: %r' % outbox(daemon, channel))


def post(daemon, channel, to, text, headers=None, **more):
    return daemon.request('POST', '/messages/text',
                          {'channelId': channel, 'to': to, 'body': text, **more}, headers)


def texts(sandbox, phone, count):
    return [m['text'] for m in sandbox.inbox(phone, count)]


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    return counters['counts']


def advance_until(daemon, ms, done):
    """Moves the clock until it happened; each step waits for an answer of the daemon and one of the server, so that
    the clock does not run away from what they say to each other."""
    until = time.monotonic() + w.DEADLINE
    while not done():
        w.check(time.monotonic() < until, 'it did not happen')
        daemon.command(advance=ms)
        daemon.ok('GET', '/health')
        daemon.sandbox.counts()


def timeline(scratch):
    """One timeline per message; bare in whapi's dialect; unknown ones are 404."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    first = daemon.send(channel, theirs['pn'], 'one')
    daemon.status_of(first, 'delivered')
    found = message(daemon, channel, first)
    w.equal(what(found), ['accepted', 'sealed', 'sent', 'acked', 'delivered'], 'timeline')
    w.equal(found['data']['timeline'][-1]['who'], theirs['lid'] + '@lid', 'who')
    w.equal((found['data']['status'], found['id'], found['data']['body']),
            ('delivered', first, 'one'), 'message')
    bare = daemon.ok('GET', '/messages/%s?channelId=%s' % (first, channel),
                     headers={'X-Api-Dialect': 'whapi'})
    w.equal(bare['id'], first, 'bare')
    status, answer = daemon.request('GET', '/messages/NOBODY?channelId=' + channel)
    w.equal((status, answer['error']['type']), (404, 'not_found'), 'unknown')
    status, answer = daemon.request('GET', '/messages/%s?channelId=%s&chatId=%s'
                                    % (first, channel, ours['pn']))
    w.equal(status, 404, 'another chat')
    w.equal(message(daemon, channel, first, '&chatId=' + theirs['pn'])['id'], first, 'its chat')

    # two chats with the same id: which one?
    carla = sandbox.phone('Carla')
    sandbox.post('/send', phone=carla['pn'], to=ours['pn'], text='hers')
    daemon.text('hers')
    for author in (theirs, carla):
        sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
            'tag': 'message',
            'attrs': {'id': 'TWICE', 'type': 'text', 't': '1700000000',
                      'from': {'jid': author['lid'] + '@lid'}},
            'children': [{'tag': 'enc', 'attrs': {'v': '9', 'type': 'msg'}, 'hex': '33'}]})
    sandbox.wait_idle(ours)
    status, answer = daemon.request('GET', '/messages/TWICE?channelId=' + channel)
    w.equal((status, answer['error']['type']), (409, 'conflict'), 'two of them')
    w.check(theirs['pn'] in answer['error']['details'] and carla['pn'] in answer['error']['details'],
            'candidates: %r' % answer)
    message(daemon, channel, 'TWICE', '&chatId=' + carla['pn'])


def once(scratch):
    """The same key: the first answer again, nothing is sent; another body: 409; keys are scoped."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    status, first = post(daemon, channel, theirs['pn'], 'only once', {'Idempotency-Key': 'k1'})
    w.equal(status, 200, 'first: %r' % first)
    daemon.status_of(first['messageId'], 'delivered')
    status, again = post(daemon, channel, theirs['pn'], 'only once', clientId='k1')
    w.equal((status, again), (200, first), 'again, by the body')
    status, answer = post(daemon, channel, theirs['pn'], 'something else', {'Idempotency-Key': 'k1'})
    w.equal((status, answer['error']['type']), (409, 'idempotency_conflict'), 'another body')
    status, answer = post(daemon, channel, theirs['pn'], 'x', {'Idempotency-Key': 'a'}, clientId='b')
    w.equal((status, answer['error']['type']), (400, 'invalid_parameter'), 'two keys')
    # over a restart
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    status, again = post(daemon, channel, theirs['pn'], 'only once', {'Idempotency-Key': 'k1'})
    w.equal((status, again), (200, first), 'after a restart')
    # refused ones are not remembered
    status, answer = post(daemon, channel, '4900000000000', 'nobody', {'Idempotency-Key': 'k2'})
    w.equal((status, answer['error']['type']), (422, 'recipient_unknown'), 'unknown number')
    status, answer = post(daemon, channel, theirs['pn'], 'second', {'Idempotency-Key': 'k2'})
    w.equal(status, 200, 'the key is free')
    # at the same time: one wins, the others get its answer
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        post(daemon, channel, theirs['pn'], 'at once', {'Idempotency-Key': 'k3'})))
        for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    w.equal({s for s, _ in answers}, {200}, 'statuses')
    w.equal(len({a['messageId'] for _, a in answers}), 1, 'messages')
    w.equal(texts(sandbox, theirs, 3), ['only once', 'second', 'at once'], 'inbox')
    # a day later the key is new
    daemon.command(advance=25 * 3600 * 1000)
    daemon.wait_status(channel, 'connected')
    status, later = post(daemon, channel, theirs['pn'], 'only once', {'Idempotency-Key': 'k1'})
    w.equal(status, 200, 'a day later')
    w.check(later['messageId'] != first['messageId'], 'a new message')
    w.equal(len(texts(sandbox, theirs, 4)), 4, 'inbox')
    clean(sandbox)


def kills(scratch):
    """Killed between commit and answer, and before: the repeat gives the same message, once."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'before'), 'delivered')
    expected = ['before']
    points = ['send.before-accept-commit', 'send.after-accept-commit', 'send.before-seal-commit',
              'send.after-seal-commit', 'send.before-write', 'send.after-write',
              'send.before-ack-commit']
    for point in points:
        daemon.command(arm=point, **{'as': 'kill'})
        body = {'channelId': channel, 'to': theirs['pn'], 'body': point, 'clientId': point}
        try:
            daemon.request('POST', '/messages/text', body)
        except OSError:
            pass
        daemon.wait_death()
        daemon.start()
        daemon.wait_status(channel, 'connected')
        first = daemon.ok('POST', '/messages/text', body)
        again = daemon.ok('POST', '/messages/text', body)
        w.equal(again['messageId'], first['messageId'], point)
        daemon.status_of(first['messageId'], 'delivered')
        expected.append(point)
        w.equal(texts(sandbox, theirs, len(expected)), expected, point)
    w.equal(sorted(m['body'] for m in daemon.messages(channel)), sorted(expected), 'stored')
    wait_empty(daemon, channel)
    clean(sandbox)


def cancelled(scratch):
    """What is only queued can be taken back, offline and held; what may have left cannot."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    keep = daemon.send(channel, theirs['pn'], 'keep')
    drop = daemon.send(channel, theirs['pn'], 'drop')
    rows = outbox(daemon, channel)
    w.equal([(r['id'], r['state']) for r in rows], [(keep, 'queued'), (drop, 'queued')], 'outbox')
    w.check(rows[0]['expiresAt'] - rows[0]['createdAt'] == 24 * 3600, 'a day')
    one = daemon.ok('GET', '/outbox/%s?channelId=%s' % (drop, channel))
    w.equal(one['data']['messageId'], drop, 'one row')
    page = daemon.ok('GET', '/outbox?channelId=%s&limit=1&offset=1' % channel)
    w.equal(([r['id'] for r in page['data']], page['total']), ([drop], 2), 'a page')
    daemon.ok('DELETE', '/outbox/%s?channelId=%s' % (drop, channel))
    event = daemon.status_of(drop, 'failed')
    w.equal(event['data']['statusReason'], 'cancelled', 'reason')
    w.equal(what(message(daemon, channel, drop)), ['accepted', 'cancelled'], 'timeline')
    status, answer = daemon.request('DELETE', '/outbox/%s?channelId=%s' % (drop, channel))
    w.equal((status, answer['error']['type']), (404, 'not_found'), 'twice')
    daemon.ok('POST', '/channels/%s/connect' % channel)
    daemon.status_of(keep, 'delivered')
    w.equal(texts(sandbox, theirs, 1), ['keep'], 'inbox')
    # sealed, without an ack: its bytes are out
    sandbox.post('/lose-acks', phone=ours['pn'], count=2)
    sealed = daemon.send(channel, theirs['pn'], 'out')
    sandbox.get('/await-count?name=lost-acks&count=1')
    w.equal([r['state'] for r in outbox(daemon, channel)], ['sealed'], 'sealed')
    status, answer = daemon.request('DELETE', '/outbox/%s?channelId=%s' % (sealed, channel))
    w.equal((status, answer['error']['type']), (409, 'conflict'), 'too late')
    # 75 s without an ack: reconnect, the very same bytes
    sandbox.post('/lose-acks', phone=ours['pn'], count=0)
    advance_until(daemon, 20000, lambda: sandbox.counts()['logins'] >= 3)
    daemon.status_of(sealed, 'delivered')
    w.equal(texts(sandbox, theirs, 2), ['keep', 'out'], 'inbox')
    clean(sandbox)


def expired(scratch):
    """Its time is over: failed, also offline, also at the next start."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    short = post(daemon, channel, theirs['pn'], 'short', expires=60)[1]['messageId']
    longer = post(daemon, channel, theirs['pn'], 'longer', expires=7200)[1]['messageId']
    daemon.command(advance=61000)
    event = daemon.status_of(short, 'failed')
    w.equal(event['data']['statusReason'], 'expired', 'reason')
    w.equal(what(message(daemon, channel, short)), ['accepted', 'expired'], 'timeline')
    w.equal([r['id'] for r in outbox(daemon, channel)], [longer], 'outbox')
    daemon.ok('POST', '/channels/%s/connect' % channel)
    daemon.status_of(longer, 'delivered')
    w.equal(texts(sandbox, theirs, 1), ['longer'], 'inbox')
    # in the very second in which the daemon was down
    daemon.ok('PUT', '/channels/' + channel, {'autoConnect': False})
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    gone = post(daemon, channel, theirs['pn'], 'gone', expires=1)[1]['messageId']
    daemon.stop()
    daemon.start()
    daemon.command(advance=2000)
    daemon.status_of(gone, 'failed')
    clean(sandbox)


def immediate(scratch):
    """Past the queue, answered with the ack; not connected; refused; no ack in time."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    path = '/channels/%s/messages/send-immediate' % channel
    answer = daemon.ok('POST', path, {'phone': theirs['pn'], 'message': 'now'})
    w.equal((answer['message']['status'], answer['success']), ('sent', True), 'answer')
    w.equal(texts(sandbox, theirs, 1), ['now'], 'inbox')
    sandbox.post('/refuse', phone=ours['pn'], error=475)
    status, answer = daemon.request('POST', path, {'to': theirs['pn'], 'body': 'refused'})
    w.equal((status, answer['error']['type'], answer['error']['details']), (502, 'refused', '475'),
            'refused')
    # no ack in time; the late one counts
    sandbox.post('/lose-acks', phone=ours['pn'], count=2)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(
        daemon.request('POST', path, {'to': theirs['pn'], 'body': 'slow'})))
    thread.start()
    sandbox.get('/await-count?name=lost-acks&count=1')
    advance_until(daemon, 10000, lambda: not thread.is_alive())
    thread.join()
    status, answer = answers[0]
    w.equal((status, answer['error']['type']), (504, 'timed_out'), 'slow: %r' % answer)
    slow = answer['error']['details'].split()[-1]
    sandbox.post('/lose-acks', phone=ours['pn'], count=0)
    advance_until(daemon, 20000, lambda: sandbox.counts()['logins'] >= 2)
    daemon.status_of(slow, 'delivered')
    daemon.ok('POST', '/channels/%s/disconnect' % channel)
    daemon.wait_status(channel, 'disconnected')
    before = len(daemon.messages(channel))
    status, answer = daemon.request('POST', path, {'to': theirs['pn'], 'body': 'offline'})
    w.equal((status, answer['error']['type']), (503, 'channel_not_connected'), 'offline')
    w.equal(len(daemon.messages(channel)), before, 'nothing is stored')
    clean(sandbox)


def pacing(scratch):
    """First contacts keep a distance and a daily budget; conversations do not wait; restarts do not
    forget."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    people = [sandbox.phone('P%d' % i) for i in range(3)]
    path = '/channels/%s/messages/send-immediate' % channel
    first = daemon.send(channel, people[0]['pn'], 'hello 0')
    daemon.status_of(first, 'delivered')
    second = daemon.send(channel, people[1]['pn'], 'hello 1')
    event = daemon.wait_event(lambda e: e['data'].get('id') == second
                              and e['data'].get('statusReason') == 'pacing', 'the hold')
    w.equal(event['data']['status'], 'pending', 'status')
    row = outbox(daemon, channel)[0]
    w.equal((row['id'], row['state'], row['reason']), (second, 'held', 'pacing'), 'held')
    w.check(row['notBefore'] - row['createdAt'] <= 31, 'a gap of 30 s at most: %r' % row)
    # its chat waits, others do not
    behind = daemon.send(channel, people[1]['pn'], 'behind 1')
    talk = daemon.send(channel, people[0]['pn'], 'again 0')
    daemon.status_of(talk, 'delivered')
    daemon.ok('POST', path, {'to': people[2]['pn'], 'body': 'urgent'})
    w.equal(texts(sandbox, people[2], 1), ['urgent'], 'past pacing')
    # over a restart: held as before
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    row = outbox(daemon, channel)[0]
    w.equal((row['id'], row['state']), (second, 'held'), 'held after a restart')
    daemon.command(advance=31000)
    daemon.status_of(second, 'delivered')
    daemon.status_of(behind, 'delivered')
    w.equal(texts(sandbox, people[1], 2), ['hello 1', 'behind 1'], 'order')
    w.equal(what(message(daemon, channel, second))[:3], ['accepted', 'held', 'sealed'], 'timeline')
    w.check('statusReason' not in message(daemon, channel, second)['data'], 'no reason any more')
    # who wrote first is no first contact
    sandbox.post('/send', phone=theirs['pn'], to=ours['pn'], text='I write first')
    daemon.text('I write first')
    reply = daemon.send(channel, theirs['pn'], 'welcome')
    daemon.status_of(reply, 'delivered')
    # turned off, what waits goes
    fourth = sandbox.phone('P4')
    fifth = sandbox.phone('P5')
    daemon.send(channel, fourth['pn'], 'hello 4')
    held = daemon.send(channel, fifth['pn'], 'hello 5')
    daemon.wait_event(lambda e: e['data'].get('id') == held
                      and e['data'].get('statusReason') == 'pacing', 'the second hold')
    w.equal(settings(daemon, channel, pacing='off'),
            {'pacing': 'off', 'presence': 'unavailable', 'autoDownload': False}, 'settings')
    daemon.status_of(held, 'delivered')
    clean(sandbox)


def budget(scratch):
    """So many strangers a day; the next one waits, and goes when the day is over."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    settings(daemon, channel, pacing='off')
    for i in range(20):
        person = sandbox.phone('S%d' % i)
        daemon.status_of(daemon.send(channel, person['pn'], 'hello'), 'delivered')
    settings(daemon, channel, pacing='gentle')
    late = post(daemon, channel, theirs['pn'], 'one too many', expires=172800)[1]['messageId']
    daemon.wait_event(lambda e: e['data'].get('id') == late
                      and e['data'].get('statusReason') == 'new_chat_budget', 'the hold')
    for _ in range(3):
        daemon.command(advance=8 * 3600 * 1000 - 600000)
        daemon.wait_status(channel, 'connected')
        daemon.ok('GET', '/health')
    advance_until(daemon, 1200000, lambda: message(daemon, channel, late)['data']['status']
                  in ('sent', 'delivered', 'failed'))
    w.check(message(daemon, channel, late)['data']['status'] != 'failed', 'it went')


def refusals(scratch):
    """Transient ones: the same bytes later; stale addresses: anew, once; final ones: never again."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'zero'), 'delivered')
    for code in (429, 503):
        sandbox.post('/reset-counters')
        sandbox.post('/refuse', phone=ours['pn'], error=code, count=2)
        one = daemon.send(channel, theirs['pn'], 'later %d' % code)
        two = daemon.send(channel, theirs['pn'], 'behind %d' % code)
        advance_until(daemon, 5000, lambda: message(daemon, channel, one)['data']['status']
                      == 'delivered')
        daemon.status_of(two, 'delivered')
        w.check('retried' in what(message(daemon, channel, one)), 'retried')
    for code in (400, 406, 479, 421):
        sandbox.post('/reset-counters')
        sandbox.post('/refuse', phone=ours['pn'], error=code, count=1)
        one = daemon.send(channel, theirs['pn'], 'anew %d' % code)
        daemon.status_of(one, 'delivered')
        counts = clean(sandbox)
        w.equal(counts['messages'], 2, 'once more')
        w.check(counts.get('iq:usync:get:usync', 0) >= 1, 'the device list was asked for')
    for code, reason in ((400, 'address_refused'), (479, 'invalid_stanza')):
        sandbox.post('/refuse', phone=ours['pn'], error=code, count=2)
        event = daemon.status_of(daemon.send(channel, theirs['pn'], 'never %d' % code), 'failed')
        w.equal(event['data']['statusReason'], reason, 'reason of %d' % code)
    for code, reason in ((463, 'no_privacy_token'), (475, 'new_chat_limit'),
                         (487, 'invalid_stanza'), (552, 'invalid_stanza'), (499, 'invalid_stanza'),
                         (555, 'refused_555')):
        sandbox.post('/refuse', phone=ours['pn'], error=code, count=1)
        message_id = daemon.send(channel, theirs['pn'], 'no %d' % code)
        event = daemon.status_of(message_id, 'failed')
        w.equal(event['data']['statusReason'], reason, 'reason of %d' % code)
        w.equal(what(message(daemon, channel, message_id))[-1], 'failed', 'timeline')
    wait_empty(daemon, channel)
    last = daemon.send(channel, theirs['pn'], 'fine again')
    daemon.status_of(last, 'delivered')
    clean(sandbox)


def typing(scratch):
    """"typing…" is shown for as long as was asked, then the text goes."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'zero'), 'delivered')
    sandbox.post('/reset-counters')
    status, answer = post(daemon, channel, theirs['pn'], 'thought over', typing_time=25)
    w.equal(status, 200, 'typing: %r' % answer)
    sandbox.get('/await-count?name=chatstate&count=1')
    w.equal(sandbox.counts().get('messages', 0), 0, 'not yet')
    advance_until(daemon, 10000, lambda: message(daemon, channel, answer['messageId'])['data']
                  ['status'] == 'delivered')
    w.check(sandbox.counts()['chatstate'] >= 3, 'composing, again, paused')
    for wrong in ({'typing_time': 61}, {'ephemeral': 3600}, {'expires': 0}, {'mentions': ['x']}):
        status, answer = post(daemon, channel, theirs['pn'], 'x', **wrong)
        w.equal((status, answer['error']['type']), (400, 'invalid_parameter'), '%r' % wrong)
    for unbuilt in ({'view_once': True}, {'edit': 'X'}):
        status, answer = post(daemon, channel, theirs['pn'], 'x', **unbuilt)
        w.equal((status, answer['error']['type']), (422, 'not_supported'), '%r' % unbuilt)
    status, answer = post(daemon, channel, theirs['pn'], 'x', quoted='NOBODY')
    w.equal((status, answer['error']['type']), (404, 'not_found'), 'quoted')


w.run([timeline, once, kills, cancelled, expired, immediate, pacing, budget, refusals, typing])
