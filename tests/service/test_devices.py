# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has which devices: many, added, removed, not signed, out of date."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

USYNC = 'iq:usync:get:usync'
KEYS = 'iq:encrypt:get:key'


def setup(scratch, companions=0):
    sandbox = scratch.sandbox()
    ours = sandbox.phone('Whim')
    theirs = sandbox.phone('Bert')
    if companions:
        sandbox.post('/companions', phone=theirs['pn'], count=companions)
    daemon = scratch.daemon(sandbox, control=True)
    channel = daemon.pair(ours)
    daemon.status_of(daemon.send(channel, theirs['pn'], 'first'), 'delivered')
    sandbox.wait_idle(ours)
    return sandbox, ours, theirs, daemon, channel


def counts(sandbox):
    counters = sandbox.get('/counters')
    w.equal(counters['violations'], [], 'violations')
    w.equal(counters['unexpected'], [], 'unexpected')
    got = counters['counts']
    w.equal(got.get('misaddressed', 0), 0, 'misaddressed')
    return {'lists': got.get(USYNC, 0), 'keys': got.get(KEYS, 0),
            'companions': got.get('imaginary-messages', 0)}


def more(sandbox, daemon, channel, theirs, text, before, **wanted):
    """Sends; then the counts have grown by as much as is wanted."""
    daemon.status_of(daemon.send(channel, theirs['pn'], text), 'delivered')
    after = counts(sandbox)
    w.equal({name: after[name] - before[name] for name in wanted}, wanted, text)
    return after


def notify(sandbox, ours, theirs, change, **attrs):
    sandbox.post('/stanza', phone=ours['pn'], queued=True, node={
        'tag': 'notification', 'attrs': {'id': 'N' + change['tag'], 'type': 'devices', 't': '1700000000',
                                         'from': {'jid': theirs['pn'] + '@s.whatsapp.net'},
                                         'lid': {'jid': theirs['lid'] + '@lid'}, **attrs},
        'children': [change]})
    sandbox.wait_idle(ours)


def many(scratch):
    """24 companions: one list, one fetch of keys, one stanza."""
    sandbox, ours, theirs, daemon, channel = setup(scratch, 24)
    now = counts(sandbox)
    w.equal(now['companions'], 24, 'reached')
    more(sandbox, daemon, channel, theirs, 'again', now, companions=24, lists=0, keys=0)


def come_and_go(scratch):
    """A notification with the right hash changes the list; nobody is asked for it again."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    now = counts(sandbox)
    number = sandbox.post('/companions', phone=theirs['pn'])['devices'][0]
    sandbox.wait_idle(ours)
    now = more(sandbox, daemon, channel, theirs, 'added', now, companions=1, lists=0, keys=1)
    sandbox.post('/unlink', phone=theirs['pn'], device=number)
    sandbox.wait_idle(ours)
    now = more(sandbox, daemon, channel, theirs, 'removed', now, companions=0, lists=0, keys=0)
    # with it went its session: under the same number a new one is made
    notify(sandbox, ours, theirs, {'tag': 'update', 'attrs': {'hash': 'x'}})
    more(sandbox, daemon, channel, theirs, 'updated', now, companions=0, lists=1, keys=0)


def forgotten_session(scratch):
    """Told that it went, though it is still there: list and session are both had anew."""
    sandbox, ours, theirs, daemon, channel = setup(scratch, 2)
    now = counts(sandbox)
    devices = [d['device'] for d in sandbox.get('/devices')['devices'] if d['phone'] == theirs['pn']]
    notify(sandbox, ours, theirs, {
        'tag': 'remove', 'attrs': {'device_hash': '2:AAAAAAAA', 'device_lid_hash': '2:AAAAAAAA'},
        'children': [{'tag': 'device', 'attrs': {
            'jid': {'jid': '%s:%d@s.whatsapp.net' % (theirs['pn'], devices[1])}}}]})
    more(sandbox, daemon, channel, theirs, 'anew', now, companions=2, lists=1, keys=1)


def foreign_devices(scratch):
    """Nobody can remove a device of somebody else."""
    sandbox, ours, theirs, daemon, channel = setup(scratch, 1)
    carl = sandbox.phone('Carl')
    daemon.status_of(daemon.send(channel, carl['pn'], 'to carl'), 'delivered')
    now = counts(sandbox)
    notify(sandbox, ours, carl, {
        'tag': 'remove', 'attrs': {},
        'children': [{'tag': 'device', 'attrs': {
            'jid': {'jid': '%s:%d@s.whatsapp.net' % (theirs['pn'], 1)}}}]})
    more(sandbox, daemon, channel, theirs, 'still', now, companions=1, lists=0, keys=0)


def not_told(scratch):
    """Added behind our back: the ack says so, the next message reaches it."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    now = counts(sandbox)
    sandbox.post('/companions', phone=theirs['pn'], quiet=True)
    now = more(sandbox, daemon, channel, theirs, 'without it', now, companions=0, lists=0)
    sandbox.wait_idle(ours)
    more(sandbox, daemon, channel, theirs, 'with it', now, companions=1, keys=1)


def between_seal_and_send(scratch):
    """Added when the stanza was sealed and not yet written: the same bytes go, the next one knows."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    daemon.command(arm='send.after-seal-commit', **{'as': 'kill'})
    daemon.send(channel, theirs['pn'], 'sealed before')
    daemon.wait_death()
    now = counts(sandbox)
    sandbox.post('/companions', phone=theirs['pn'])
    daemon.start()
    daemon.wait_status(channel, 'connected')
    sandbox.inbox(theirs, 2)
    sandbox.wait_idle(ours)
    w.equal(counts(sandbox)['companions'], now['companions'], 'not to the new one')
    more(sandbox, daemon, channel, theirs, 'afterwards', now, companions=1)


def unsigned(index):
    def test(scratch):
        sandbox, ours, theirs, daemon, channel = setup(scratch)
        sandbox.post('/companions', phone=theirs['pn'], index=index, quiet=True)
        sandbox.post('/companions', phone=theirs['pn'], quiet=True)
        notify(sandbox, ours, theirs, {'tag': 'update', 'attrs': {}})
        more(sandbox, daemon, channel, theirs, 'to the good one', counts(sandbox), companions=1,
             lists=1)
    test.__name__ = 'a companion whose index is ' + index
    return test


def registered_anew(scratch):
    """Another raw id: the sessions of all companions go."""
    sandbox, ours, theirs, daemon, channel = setup(scratch, 2)
    now = counts(sandbox)
    sandbox.post('/new-raw-id', phone=theirs['pn'])
    now = more(sandbox, daemon, channel, theirs, 'unknown yet', now, lists=0, keys=0)
    daemon.command(advance=24 * 3600 * 1000 + 60000)  # the list has had its day
    sandbox.wait_idle(ours)
    daemon.wait_status(channel, 'connected')
    daemon.send(channel, theirs['pn'], 'anew')
    sandbox.get('/await-count?name=imaginary-messages&count=6')
    w.equal(counts(sandbox)['keys'] - now['keys'], 1, 'keys')


def a_day(scratch):
    """A list is asked for again after a day, and the same sessions go on."""
    sandbox, ours, theirs, daemon, channel = setup(scratch, 1)
    now = counts(sandbox)
    daemon.command(advance=23 * 3600 * 1000)
    sandbox.wait_idle(ours)
    daemon.wait_status(channel, 'connected')
    daemon.send(channel, theirs['pn'], 'the same day')
    sandbox.get('/await-count?name=imaginary-messages&count=2')
    between = counts(sandbox)
    daemon.command(advance=2 * 3600 * 1000)
    sandbox.wait_idle(ours)
    daemon.wait_status(channel, 'connected')
    daemon.send(channel, theirs['pn'], 'the next day')
    sandbox.get('/await-count?name=imaginary-messages&count=3')
    after = counts(sandbox)
    w.equal(between['lists'] - now['lists'], 0, 'lists on the same day')
    w.check(after['lists'] > between['lists'], 'asked again')
    w.equal(after['keys'], now['keys'], 'keys')


def own_devices(scratch):
    """Our own account gets and loses a companion: it hears what we send, or not any more."""
    sandbox, ours, theirs, daemon, channel = setup(scratch)
    now = counts(sandbox)
    number = sandbox.post('/companions', phone=ours['pn'])['devices'][0]
    sandbox.get('/await-count?name=ack:account_sync&count=1')
    daemon.status_of(daemon.send(channel, theirs['pn'], 'with our own'), 'delivered')
    after = counts(sandbox)
    w.equal((after['companions'] - now['companions'], after['lists'] - now['lists']), (1, 0), 'told')
    sandbox.post('/unlink', phone=ours['pn'], device=number)
    sandbox.wait_idle(ours)
    more(sandbox, daemon, channel, theirs, 'without it', after, companions=0, lists=0)


w.run([many, come_and_go, forgotten_session, foreign_devices, not_told, between_seal_and_send,
       unsigned('unsigned'), unsigned('missing'), registered_anew, a_day, own_devices])
