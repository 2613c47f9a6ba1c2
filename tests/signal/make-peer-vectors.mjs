// SPDX-License-Identifier: GPL-3.0-or-later
// Prints tests/data/signal/peer-vectors.ini: what the libsignal that Baileys ships, which shares no code
// with ours, sends to a device of ours with known keys. Run in tests/interop after
// tools/install-node-modules.sh: node ../signal/make-peer-vectors.mjs > ../data/signal/peer-vectors.ini
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const require = createRequire(path.join(process.cwd(), 'package.json'));
const signal = require('libsignal');
const group = await import(pathToFileURL(
  path.join(process.cwd(), 'node_modules/baileys/lib/Signal/Group/index.js')));

const hex = bytes => Buffer.from(bytes).toString('hex');

function fixedPair(label) {
  const priv = createHash('sha256').update('whimbrel peer vector ' + label).digest();
  priv[0] &= 248;
  priv[31] = (priv[31] & 127) | 64;
  return { privKey: priv, pubKey: Buffer.from(signal.curve.getPublicFromPrivateKey(priv)) };
}

class Store {
  constructor(identity) {
    this.identity = identity;
    this.sessions = new Map();
  }
  getOurIdentity() { return this.identity; }
  getOurRegistrationId() { return 4242; }
  isTrustedIdentity() { return true; }
  loadSession(id) { return this.sessions.get(id); }
  storeSession(id, record) { this.sessions.set(id, record); }
}

const own = { identity: fixedPair('identity'), signed: fixedPair('signed'), prekey: fixedPair('prekey') };
const signature = signal.curve.calculateSignature(own.identity.privKey, own.signed.pubKey);
const rows = [];

async function conversation(name, withPrekey) {
  const store = new Store(signal.curve.generateKeyPair());
  const address = new signal.ProtocolAddress('own', 0);
  const builder = new signal.SessionBuilder(store, address);
  await builder.initOutgoing({
    registrationId: 1234,
    identityKey: own.identity.pubKey,
    signedPreKey: { keyId: 9, publicKey: own.signed.pubKey, signature },
    preKey: withPrekey ? { keyId: 77, publicKey: own.prekey.pubKey } : undefined,
  });
  const cipher = new signal.SessionCipher(store, address);
  rows.push(`[${name}]`, `peer-identity=${hex(store.identity.pubKey)}`);
  for (let i = 0; i < 4; i++) {
    const sent = await cipher.encrypt(Buffer.from(`message ${i} of ${name}`));
    rows.push(`type-${i}=${sent.type}`, `cipher-${i}=${hex(sent.body)}`);
  }
}

async function groupConversation() {
  const records = new Map();
  const store = {
    loadSenderKey: async name => records.get(name.toString()) ?? new group.SenderKeyRecord(),
    storeSenderKey: async (name, record) => { records.set(name.toString(), record); },
  };
  const name = new group.SenderKeyName('120363000000000001@g.us', new signal.ProtocolAddress('peer', 5));
  const distribution = await new group.GroupSessionBuilder(store).create(name);
  const cipher = new group.GroupCipher(store, name);
  rows.push('[group]', `distribution=${hex(distribution.serialize())}`);
  for (let i = 0; i < 4; i++)
    rows.push(`cipher-${i}=${hex(await cipher.encrypt(Buffer.from(`message ${i} of group`)))}`);
}

rows.push('[own]', `identity-private=${hex(own.identity.privKey)}`, `signed-private=${hex(own.signed.privKey)}`,
  `signed-signature=${hex(signature)}`, `prekey-private=${hex(own.prekey.privKey)}`);
await conversation('with-prekey', true);
await conversation('without-prekey', false);
await groupConversation();
console.log(rows.join('\n'));
