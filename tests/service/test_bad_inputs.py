# SPDX-License-Identifier: GPL-3.0-or-later
"""Every address with everything that can be wrong about a request, made from the contract that the daemon prints:
the answer is the error contract, names the field, and nothing changes on the disk."""
import json
import os
import re
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

WRONG = {'string': 7, 'boolean': 'perhaps', 'integer': 'many', 'number': 'much', 'array': 7, 'object': 'thing'}
RIGHT = {'string': 'x', 'boolean': True, 'integer': 1, 'number': 1.5, 'array': ['x'], 'object': {'a': 1}}


class World:
    def __init__(self, scratch):
        self.daemon = scratch.daemon(scratch.sandbox())
        ok = self.daemon.ok
        self.channel = ok('POST', '/channels', {'name': 'One'})['data']['id']
        self.other = ok('POST', '/channels', {'name': 'Two'})['data']['id']
        hook = ok('PUT', '/channels/%s/webhook' % self.channel, {'url': 'https://example.com/', 'events': ['*']})
        self.hook = hook['data']['id']
        self.key = ok('POST', '/keys', {'name': 'K', 'channels': [self.channel]})['data']
        self.reader = ok('POST', '/keys', {'name': 'R', 'channels': [self.channel], 'readOnly': True})['data']['key']
        self.contract = ok('GET', '/openapi.json')
        self.seen = 0
        self.before = self.dump()

    def dump(self):
        """Everything on the disk but when keys were used."""
        with sqlite3.connect('file:%s?mode=ro' % os.path.join(self.daemon.directory, 'whimbrel.db'),
                             uri=True) as db:
            return [line for line in db.iterdump() if not line.startswith('INSERT INTO "api_keys"')]

    def operations(self):
        for path, methods in sorted(self.contract['paths'].items()):
            for method, operation in sorted(methods.items()):
                yield method.upper(), path, operation

    def path_of(self, path, **values):
        known = {'channelId': self.channel, 'webhookId': self.hook, 'keyId': self.key['id'], **values}
        return re.sub(r'\{([A-Za-z]+)\}', lambda m: str(known.get(m.group(1), 'none')), path)

    def raw(self, method, path, body=None, key=None, headers=None):
        full = {'X-API-Key': self.daemon.key if key is None else key, 'Accept': 'application/json'}
        if key == '':
            full.pop('X-API-Key')
        full.update(headers or {})
        return w.http(method, self.daemon.url + path, body, full)

    def refused(self, what, answer, status, kind=None, field=None):
        self.seen += 1
        got, body = answer
        allowed = status if isinstance(status, tuple) else (status,)
        w.check(got in allowed, '%s: %d instead of %r: %r' % (what, got, status, body))
        w.check(isinstance(body, dict) and body.get('success') is False, '%s: %r' % (what, body))
        error = body['error']
        w.equal(error['code'], got, what + ': code')
        w.check(re.fullmatch('[a-z_]+', error['type']) and error['message']
                and error['request_id'].startswith('req_'), '%s: %r' % (what, error))
        if kind:
            w.equal(error['type'], kind, what)
        if field:
            w.check(error.get('details', '').startswith(field + ':'), '%s: %r' % (what, error))

    def unchanged(self):
        w.equal([line for line in self.dump() if line not in set(self.before)], [], 'changed')
        w.equal(len(self.dump()), len(self.before), 'rows')
        w.check(self.seen > 0, 'no case at all')
        print('# %d cases' % self.seen, flush=True)


def body_of(operation):
    return operation.get('requestBody', {}).get('content', {}).get('application/json', {}).get('schema', {})


def sample(schema):
    kind = schema.get('type', 'object')
    if kind == 'array' and schema.get('items', {}).get('type') == 'object':
        return [{'a': 1}]
    if kind == 'integer':
        return schema.get('minimum', 1)
    return RIGHT[kind]


def base_body(world, operation):
    body = {name: sample(schema) for name, schema in body_of(operation).get('properties', {}).items()
            if name in body_of(operation).get('required', [])}
    if 'channelId' in body_of(operation).get('properties', {}):
        body['channelId'] = world.channel
    return body


def base_query(world, operation):
    query = {p['name']: sample(p['schema']) for p in operation['parameters']
             if p['in'] == 'query' and p['required']}
    if any(p['name'] == 'channelId' and p['in'] == 'query' for p in operation['parameters']):
        query['channelId'] = world.channel
    return query


def with_query(path, query):
    pairs = ['%s=%s' % (name, str(value).lower() if isinstance(value, bool) else value)
             for name, value in query.items()]
    return path + ('?' + '&'.join(pairs) if pairs else '')


def is_channel(name, field):
    """A channel of the path is called id there."""
    return 'path.id' if name == 'channelId' and field == 'path' else '%s.%s' % (field, name)


def body_cases(name, schema, required):
    kind = schema['type']
    unsupported = '422 `not_supported`' in schema.get('description', '')
    if required:
        yield 'missing', None, 'missing_parameter', 400
        yield 'null', 'null', 'missing_parameter', 400
    yield 'wrong type', WRONG[kind], 'invalid_parameter', 400
    if unsupported:
        yield 'not supported', sample(schema), 'not_supported', 422
        return
    if schema.get('maxLength', 0) and schema['maxLength'] < 100000:
        yield 'too long', 'x' * (schema['maxLength'] + 1), 'invalid_parameter', 400
    if schema.get('minLength', 0) > 0:
        yield 'too short', '', 'invalid_parameter', 400
    if kind in ('integer', 'number') and 'maximum' in schema:
        yield 'too large', schema['maximum'] + 1, 'invalid_parameter', 400
        yield 'too small', schema['minimum'] - 1, 'invalid_parameter', 400
    if kind == 'array' and 'maxItems' in schema and schema['items']['type'] == 'string':
        yield 'too many', ['x'] * (schema['maxItems'] + 1), 'invalid_parameter', 400
        yield 'not texts', [1], 'invalid_parameter', 400
        if schema.get('minItems', 0) > 0:
            yield 'none', [], 'invalid_parameter', 400


def bodies(scratch):
    world = World(scratch)
    for method, path, operation in world.operations():
        schema = body_of(operation)
        for name, property_schema in schema.get('properties', {}).items():
            if name == 'channelId' or property_schema.get('properties'):
                continue
            for what, value, kind, status in body_cases(name, property_schema, name in schema.get('required', [])):
                body = base_body(world, operation)
                body.pop(name, None)
                if value == 'null':
                    body[name] = None
                elif value is not None:
                    body[name] = value
                world.refused('%s %s: %s %s' % (method, path, name, what),
                              world.raw(method, world.path_of(path), body), status, kind, 'body.' + name)
    world.unchanged()


def queries(scratch):
    world = World(scratch)
    for method, path, operation in world.operations():
        for parameter in operation['parameters']:
            name, schema = parameter['name'], parameter['schema']
            if parameter['in'] == 'query' and name != 'channelId':
                kind = schema['type']
                values = []
                if parameter['required']:
                    values.append(None)
                if kind in ('integer', 'number', 'boolean'):
                    values += ['many', '', '1x', '99999999999999999999']
                if 'maximum' in schema:
                    values += [schema['maximum'] + 1, schema['minimum'] - 1]
                for value in values:
                    query = base_query(world, operation)
                    query.pop(name, None)
                    if value is not None:
                        query[name] = value
                    world.refused('%s %s: %s=%r' % (method, path, name, value),
                                  world.raw(method, with_query(world.path_of(path), query),
                                            base_body(world, operation) if body_of(operation) else None),
                                  400, None, 'query.' + name)
            if parameter['in'] == 'path' and schema.get('maxLength'):
                long = 'x' * (schema['maxLength'] + 1)
                world.refused('%s %s: %s too long' % (method, path, name), world.raw(
                    method, with_query(world.path_of(path, **{name: long}), base_query(world, operation)),
                    base_body(world, operation) if body_of(operation) else None), (400, 403, 404))
    world.unchanged()


def callers(scratch):
    """No key, a wrong one, one that may only look, one of another channel, a channel that is not there."""
    world = World(scratch)
    for method, path, operation in world.operations():
        what = '%s %s' % (method, path)
        url = with_query(world.path_of(path), base_query(world, operation))
        body = base_body(world, operation) if body_of(operation) else None
        if operation.get('security') != []:
            world.refused(what + ' without a key', world.raw(method, url, body, key=''), 401, 'unauthorized')
            world.refused(what + ' with a wrong key', world.raw(method, url, body, key='x' * 40), 401,
                          'unauthorized')
            if method != 'GET':
                world.refused(what + ' with a key that may only look',
                              world.raw(method, url, body, key=world.reader), (403, 404, 400, 409))
        scoped = '{channelId}' in path or any(p['name'] in ('channelId', 'X-Channel-Id')
                                              for p in operation['parameters'])
        if not scoped or path in ('/health', '/settings', '/events', '/webhooks') or path.startswith('/whapi'):
            continue
        for channel, key, status, kind in ((world.other, world.key['key'], 403, 'forbidden'),
                                           ('ch_nothere', world.daemon.key, 404, 'channel_not_found')):
            query = base_query(world, operation)
            foreign = dict(body) if body is not None else None
            for place in (query, foreign or {}):
                if 'channelId' in place:
                    place['channelId'] = channel
            headers = {} if '{channelId}' in path or 'channelId' in query or 'channelId' in (foreign or {}) \
                else {'X-Channel-Id': channel}
            world.refused('%s with channel %s' % (what, kind), world.raw(
                method, with_query(world.path_of(path, channelId=channel), query), foreign, key=key,
                headers=headers), status, kind)
    world.unchanged()


def broken_bodies(scratch):
    """What is no JSON, no object, too deep, too large, of another type."""
    world = World(scratch)
    json_type = {'Content-Type': 'application/json'}
    deep = b'{"a":' * 5000 + b'1' + b'}' * 5000
    cases = [('malformed', b'{"a":', json_type, 400), ('not JSON at all', b'\x00\xff\xfe', json_type, 400),
             ('an array', b'[1,2]', json_type, 400), ('a text', b'"x"', json_type, 400),
             ('a number', b'7', json_type, 400), ('not UTF-8', b'{"name":"\xff"}', json_type, 400),
             ('too deep', deep, json_type, 400), ('too large', b'{"a":"' + b'x' * (1 << 20) + b'"}', json_type, 413),
             ('another type', b'<a/>', {'Content-Type': 'text/xml'}, 415),
             ('a form', b'a=1', {'Content-Type': 'application/x-www-form-urlencoded'}, 415)]
    for method, path, operation in world.operations():
        if not body_of(operation):
            continue
        url = with_query(world.path_of(path), base_query(world, operation))
        for what, body, headers, status in cases:
            world.refused('%s %s with a body that is %s' % (method, path, what),
                          world.raw(method, url, body, headers=headers), status)
    world.unchanged()


def addresses(scratch):
    """Methods that an address does not know, and addresses that there are not."""
    world = World(scratch)
    for path, methods in sorted(world.contract['paths'].items()):
        for method in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE'):
            if method.lower() not in methods:
                world.refused('%s %s' % (method, path), world.raw(method, world.path_of(path)), (404, 405))
    for path in ('/nothing', '/channels/%s/nothing' % world.channel, '/messages', '/%2e%2e/%2e%2e/etc/passwd',
                 '/channels/' + 'x' * 5000, '/%ff', '/whapi/nothing'):
        world.refused('GET ' + path[:40], world.raw('GET', path), (400, 403, 404))
    world.unchanged()


w.run([bodies, queries, callers, broken_bodies, addresses])
