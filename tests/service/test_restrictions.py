# SPDX-License-Identifier: GPL-3.0-or-later
"""Privacy tokens, and accounts that may not write to strangers for a while."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w


def setup(scratch):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.pair(ours)
    daemon.ok('PUT', '/channels/' + channel, {'settings': {'pacing': 'off'}})
    return sandbox, ours, theirs, daemon, channel


def clean(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    return counters['counts']


def days_later(daemon, channel, days, after=0):
    """The journal is pruned meanwhile: the cursor from where on it can be followed."""
    cursor = daemon.events(after)[-1]['seq']
    daemon.command(advance=days * 24 * 3600 * 1000)
    daemon.wait_status(channel, 'connected', cursor)
    return cursor


def tokens(scratch):
    """Strangers get a token made of the salt; whoever gave us theirs gets it back; ours is given once
    a week."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    sandbox.post('/require-tokens', phone=ours['pn'])
    daemon.status_of(daemon.send(channel, theirs['pn'], 'to a stranger'), 'delivered')
    sandbox.get('/await-count?name=tokens-issued&count=1')
    counts = clean(sandbox)
    w.equal((counts.get('cstokens'), counts.get('tctokens', 0)), (1, 0), 'a token for strangers')
    # Bert gives us his, through a daemon of his own
    bert = scratch.daemon(sandbox, 'bert', control=True)
    other = bert.pair(theirs)
    bert.status_of(bert.send(other, ours['pn'], 'from Bert'), 'delivered')
    sandbox.get('/await-count?name=tokens-issued&count=2')
    sandbox.wait_idle(ours)
    daemon.text('from Bert')
    daemon.status_of(daemon.send(channel, theirs['pn'], 'with his token'), 'delivered')
    w.equal(clean(sandbox).get('tctokens'), 1, 'his token')
    # ours went to him once, and goes again when a week is over
    w.equal(sandbox.counts()['tokens-issued'], 2, 'issued')
    cursor = days_later(daemon, channel, 8)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'a week later'), 'delivered', cursor)
    sandbox.get('/await-count?name=tokens-issued&count=3')
    # his is too old after four weeks: the stranger's token again
    cursor = days_later(daemon, channel, 29, cursor)
    before = sandbox.counts().get('cstokens', 0)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'five weeks later'), 'delivered', cursor)
    w.equal(sandbox.counts().get('cstokens', 0), before + 1, 'an old token is none')
    # to ourselves none
    daemon.status_of(daemon.send(channel, ours['pn'], 'a note'), 'sent', cursor)
    clean(sandbox)


def status(daemon, channel):
    return daemon.ok('GET', '/channels/%s/status' % channel)['restrictions']


def reachout(scratch):
    """463: the lock is asked for, told and kept; strangers wait, who wrote gets an answer."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    carla = sandbox.phone('Carla')
    sandbox.post('/send', phone=carla['pn'], to=ours['pn'], text='hello')
    daemon.text('hello')
    sandbox.post('/restrict', phone=ours['pn'], kind='reachout', seconds=3600)
    w.equal(status(daemon, channel), [], 'not known yet')
    first = daemon.send(channel, theirs['pn'], 'refused')
    daemon.status_of(first, 'failed')
    event = daemon.wait_event(lambda e: e['event'] == 'channel.status'
                              and e['data'].get('restrictions'), 'the restriction')
    w.equal(event['data']['restrictions'][0]['kind'], 'reachout', 'kind')
    rows = status(daemon, channel)
    w.equal((rows[0]['kind'], rows[0]['detail']), ('reachout', 'DEFAULT'), 'status')
    found = daemon.wait_event(lambda e: e['data'].get('id') == first
                              and e['data'].get('statusReason') == 'account_restricted', 'the reason')
    w.equal(found['data']['status'], 'failed', 'failed')
    held = daemon.send(channel, theirs['pn'], 'waits')
    daemon.wait_event(lambda e: e['data'].get('id') == held
                      and e['data'].get('statusReason') == 'account_restricted', 'the hold')
    row = daemon.ok('GET', '/outbox/%s?channelId=%s' % (held, channel))['data']
    w.equal((row['state'], row['reason'], row['notBefore']),
            ('held', 'account_restricted', rows[0]['endsAt']), 'held')
    reply = daemon.send(channel, carla['pn'], 'and hello to you')
    daemon.status_of(reply, 'delivered')
    # nothing is forgotten over a restart
    daemon.stop()
    daemon.start()
    daemon.wait_status(channel, 'connected')
    w.equal(status(daemon, channel), rows, 'after a restart')
    w.equal(sandbox.counts().get('iq:w:mex:get:query'), 1, 'asked once')
    # it ends
    sandbox.post('/restrict', phone=ours['pn'], kind='reachout', seconds=0)
    daemon.command(advance=3601 * 1000)
    daemon.status_of(held, 'delivered')
    w.equal(status(daemon, channel), [], 'over')
    w.equal([m['text'] for m in sandbox.inbox(theirs, 1)], ['waits'], 'inbox')
    clean(sandbox)


def told(scratch):
    """The service tells by itself, also that it is over before its time; new-chat caps likewise."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    for kind in ('reachout', 'new_chats'):
        person = sandbox.phone('to ' + kind)
        sandbox.post('/restrict', phone=ours['pn'], kind=kind, seconds=7200, tell=True)
        sandbox.wait_idle(ours)
        w.equal([r['kind'] for r in status(daemon, channel)], [kind], 'told')
        held = daemon.send(channel, person['pn'], 'waits')
        daemon.wait_event(lambda e: e['data'].get('id') == held
                          and e['data'].get('statusReason') == 'account_restricted', 'the hold')
        sandbox.post('/restrict', phone=ours['pn'], kind=kind, seconds=0, tell=True)
        daemon.status_of(held, 'delivered')
        w.equal(status(daemon, channel), [], 'over')
    # learnt from the refusal
    sandbox.post('/restrict', phone=ours['pn'], kind='new_chats', seconds=7200)
    event = daemon.status_of(daemon.send(channel, theirs['pn'], 'too many'), 'failed')
    w.equal(event['data']['statusReason'], 'new_chat_limit', 'reason')
    daemon.wait_event(lambda e: e['event'] == 'channel.status' and [
        r['kind'] for r in e['data'].get('restrictions', [])] == ['new_chats'], 'the cap')
    w.equal(status(daemon, channel)[0]['detail'], 'CAPPED', 'detail')
    clean(sandbox)


w.run([tokens, reachout, told])
