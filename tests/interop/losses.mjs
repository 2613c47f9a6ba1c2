// SPDX-License-Identifier: GPL-3.0-or-later
// How Baileys loses sessions, in its own code over a key store in memory: by reading a text while another is on
// its way to the same person, and by reading where both have begun a session. Every step is told when to go on,
// so nothing here is a race. Prints a line of JSON.
import { DEFAULT_CONNECTION_CONFIG, addTransactionCapability, initAuthCreds } from 'baileys'
import { Sessions } from './sessions.mjs'

for (const name of ['log', 'info', 'warn', 'error']) console[name] = () => {}

const silent = {
  level: 'silent', child: () => silent,
  trace() {}, debug() {}, info() {}, warn() {}, error() {}
}
const copy = (value) => value === null ? null : structuredClone(value)

class Client {
  constructor(number, mended) {
    this.creds = initAuthCreds()
    this.pn = `49155500${number}:1@s.whatsapp.net`
    this.lid = `1000000${number}:1@lid`
    this.creds.me = { id: this.pn, lid: this.lid }
    const rows = new Map()
    const store = {
      get: async (type, ids) =>
        Object.fromEntries(ids.map((id) => [id, copy(rows.get(`${type} ${id}`) ?? null)])),
      set: async (data) => {
        for (const [type, values] of Object.entries(data)) {
          for (const [id, value] of Object.entries(values)) rows.set(`${type} ${id}`, copy(value))
        }
      }
    }
    this.keys = addTransactionCapability(store, silent, DEFAULT_CONNECTION_CONFIG.transactionOpts)
    this.signal = new Sessions(mended, () => {}).makeRepository()(
      { creds: this.creds, keys: this.keys }, silent, async () => undefined)
  }

  async knows(other) {
    await this.signal.lidMapping.storeLIDPNMappings([{ lid: other.lid, pn: other.pn }])
  }

  async begins(other) {
    const { signedIdentityKey, signedPreKey, registrationId } = other.creds
    const point = (key) => Buffer.concat([Buffer.from([5]), Buffer.from(key)])
    await this.signal.injectE2ESession({
      jid: other.lid,
      session: {
        registrationId, identityKey: point(signedIdentityKey.public),
        signedPreKey: {
          keyId: signedPreKey.keyId, publicKey: point(signedPreKey.keyPair.public),
          signature: Buffer.from(signedPreKey.signature)
        }
      }
    })
  }

  // as relayMessage() does: to the number, under the lock "me", written back when the stanza has left
  send(other, text, left = async () => {}) {
    return this.keys.transaction(async () => {
      const sealed = await this.signal.encryptMessage({ jid: other.pn, data: Buffer.from(text) })
      await left(sealed)
      return sealed
    }, this.creds.me.id)
  }

  // as handleMessage() does: from the LID
  async reads(other, { type, ciphertext }) {
    return Buffer.from(await this.signal.decryptMessage({ jid: other.lid, type, ciphertext })).toString()
  }
}

const gate = () => {
  const it = {}
  it.opened = new Promise((resolve) => { it.open = resolve })
  return it
}

const mended = process.argv[2] === 'mended'

// a clock of its own: what was used last is tried first, and two things of one millisecond are in no order
let time = Date.now()
Date.now = () => ++time

async function readWhileSending() {
  const ann = new Client(1, mended)
  const bob = new Client(2, mended)
  await ann.knows(bob)
  await bob.knows(ann)
  await ann.begins(bob)
  await bob.reads(ann, await ann.send(bob, 'hello'))
  await ann.reads(bob, await bob.send(ann, 'hello yourself'))

  const crossing = await ann.send(bob, 'crossing')
  const leaving = gate()
  const mayEnd = gate()
  const sending = bob.send(ann, 'on its way', async () => {
    leaving.open()
    await mayEnd.opened
  })
  await leaving.opened
  let read = false
  const reading = bob.reads(ann, crossing).then((text) => { read = true; return text })
  // as many rounds as it may want: there is no other work, and nothing else to wait for
  for (let round = 0; round < 1000 && !read; round++) await new Promise(setImmediate)
  const readBeforeItLeft = read
  mayEnd.open()
  const onItsWay = await sending
  const text = await reading

  // whoever has read a text cannot read it once more: if he can, its session went back
  const readsAgain = await bob.reads(ann, crossing).then(() => true, () => false)
  return { text, readBeforeItLeft, readsAgain, arrives: await ann.reads(bob, onItsWay) }
}

async function bothBegin() {
  const ann = new Client(3, mended)
  const bob = new Client(4, mended)
  await ann.knows(bob)
  await bob.knows(ann)
  await ann.begins(bob)
  await bob.begins(ann)
  const first = await ann.send(bob, 'first')
  const also = await bob.send(ann, 'also first')
  const texts = [await bob.reads(ann, first), await ann.reads(bob, also)]
  // each goes on in the session that the other began
  texts.push(await bob.reads(ann, await ann.send(bob, 'second')))
  const answer = await bob.send(ann, 'answer')
  texts.push(await ann.reads(bob, answer).catch(() => null))
  return texts
}

process.stdout.write(JSON.stringify({
  readWhileSending: await readWhileSending(), bothBegin: await bothBegin()
}) + '\n')
