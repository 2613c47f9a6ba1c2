# SPDX-License-Identifier: GPL-3.0-or-later
"""What is built is right to the letter: the contract that the daemon prints against the table of its user."""
import csv
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

TABLE = os.path.join(w.SOURCE, 'tests', 'data', 'contract', 'endpoints.tsv')
TYPES = {'string': 'string', 'number': ('integer', 'number'), 'boolean': 'boolean', 'string[]': 'array',
         'object': 'object', 'array': 'array', 'File': 'string'}
# Addresses of ours beyond the 104, and those that only whapi's clients know.
OURS = [r'/openapi\.json', r'/events', r'/metrics', r'/keys(/\{\}.*)?', r'/outbox(/\{\}.*)?', r'/webhooks(/\{\}.*)?',
        r'/backup']
WHAPI = ['GET /users/login', 'GET /users/login/image', 'GET /users/login/rowdata', 'GET /users/login/{}',
         'POST /users/logout', 'PATCH /settings', 'DELETE /settings', 'GET /settings/events',
         'POST /settings/webhook_test', 'GET /limits', 'GET /messages/{}', 'POST /contacts']


def plain(path):
    return re.sub(r':[A-Za-z]+|\{[A-Za-z]+\}', '{}', path)


def parse(cell):
    """[(name, type, places)]"""
    if cell.strip() in ('', '-'):
        return []
    found = []
    for item in cell.split(';'):
        name, rest = item.strip().split(':', 1)
        kind, places = rest.rsplit(':', 1)
        kind = re.split(r'[{<]', kind)[0]
        found.append((name, kind, places.split('|')))
    return found


def wanted():
    with open(TABLE, encoding='utf-8') as lines:
        return {'%s %s' % (row['method'], plain(row['path'])): row
                for row in csv.DictReader(lines, delimiter='\t', quoting=csv.QUOTE_NONE)}


def schema_of(operation, name):
    """(schema, place, required) of a parameter by its name, or one of its other names"""
    for parameter in operation.get('parameters', []):
        if parameter['name'] == name or '`%s`' % name in parameter['description']:
            return parameter['schema'], parameter['in'], parameter['required']
    body = operation.get('requestBody', {}).get('content', {}).get('application/json', {}).get('schema', {})
    schema, required = body, True
    for step in name.split('.'):
        needed = step in schema.get('required', [])
        properties = schema.get('properties', {})
        found = properties.get(step) or next((s for s in properties.values()
                                              if '`%s`' % step in s.get('description', '')), None)
        if found is None:
            return None, None, None
        required = required and (needed or found is not properties.get(step))
        schema = found
    return schema, 'body', required


def compare(contract, table):
    """([faults], {method and path: …})"""
    built = {}
    for path, methods in contract['paths'].items():
        for method, operation in methods.items():
            built['%s %s' % (method.upper(), plain(path))] = (path, operation)
    faults = []
    for key, (path, operation) in sorted(built.items()):
        if key not in table:
            if key not in WHAPI and not any(re.fullmatch('[A-Z]+ ' + p, key) for p in OURS):
                faults.append('%s: nobody asked for it' % key)
            continue
        row = table[key]
        if (row['auth'] == 'no') != (operation.get('security') == []):
            faults.append('%s: the key' % key)
        in_path = re.findall(r'\{([A-Za-z]+)\}', path)
        for name, kind, places in parse(row['required_params']) + parse(row['optional_params']):
            is_required = any(name == n for n, _, _ in parse(row['required_params']))
            if places == ['path']:
                if not in_path:
                    faults.append('%s: %s is not in the path' % (key, name))
                continue
            schema, place, required = schema_of(operation, name)
            if schema is None:
                faults.append('%s: there is no %s' % (key, name))
                continue
            types = TYPES[kind]
            if schema.get('type') not in (types if isinstance(types, tuple) else (types,)):
                faults.append('%s: %s is a %s' % (key, name, schema.get('type')))
            if place not in places and not (place == 'header' and 'header' in places):
                faults.append('%s: %s stands in %s' % (key, name, place))
            # a channel may come in several places, or from the key, so that none of them is required
            if name != 'channelId' and required != is_required:
                faults.append('%s: %s required: %s' % (key, name, required))
    return faults, built


def to_the_letter(scratch):
    daemon = scratch.daemon(scratch.sandbox())
    contract = daemon.ok('GET', '/openapi.json')
    table = wanted()
    w.equal(len(table), 104, 'operations of the table')
    faults, built = compare(contract, table)
    w.equal(faults, [], 'faults')
    # a proof of the proof
    text = contract['paths']['/messages/text']['post']['requestBody']['content']['application/json']['schema']
    text['properties']['to']['type'] = 'integer'
    text['required'].remove('body')
    contract['paths']['/surprise'] = {'get': contract['paths']['/chats']['get']}
    w.equal(compare(contract, table)[0], ['GET /surprise: nobody asked for it', 'POST /messages/text: to is a integer',
                                          'POST /messages/text: body required: False'], 'what it sees')
    print('# %d of the 104 operations are built' % len([k for k in built if k in table]), flush=True)


w.run([to_the_letter])
