// SPDX-License-Identifier: GPL-3.0-or-later
// What unmodified Baileys does with its sessions, seen from outside through its options: the key store and
// makeSignalRepository. Every state of a session that it makes is remembered; of a message that it cannot
// read, explain() says whether one of them reads it.
//
// With `mended`, two things that lose its sessions are kept from happening:
// - Its locks do not exclude each other. While relayMessage() runs, sessions are read into a transaction under
//   the lock "me" and written back at its end; decryptMessage() reads and writes them meanwhile under a lock
//   named like the sender. What is written last stays. Mended, everything that touches a session takes the
//   lock that relayMessage() holds anyway.
// - Where both sides have begun a session, its libsignal tries one after the other, and a failed attempt moves
//   the ratchet of what it tried. Mended, the session that reads a message is the first that is tried.
import { DEFAULT_CONNECTION_CONFIG, generateSignalPubKey } from 'baileys'
import libsignal from 'libsignal'
import { PreKeyWhisperMessage, WhisperMessage } from 'libsignal/src/protobufs.js'

const { ProtocolAddress, SessionCipher, SessionRecord } = libsignal
// states of one session that are remembered, and lines that are told
const STATES = 1000
const LINES = 60
// the names of keys in lines: their beginning
const short = (key) => Buffer.from(key ?? []).subarray(1, 6).toString('hex')

/** What stands outside the encryption. */
export function headOf(type, bytes) {
  const pre = type === 'pkmsg' ? PreKeyWhisperMessage.decode(bytes.slice(1)) : null
  const inner = pre === null ? bytes : pre.message
  const message = WhisperMessage.decode(inner.slice(1, -8))
  return {
    type, ratchet: short(message.ephemeralKey), counter: message.counter,
    previous: message.previousCounter,
    ...(pre ? { base: short(pre.baseKey), prekey: pre.preKeyId, signedPrekey: pre.signedPreKeyId } : {})
  }
}

const describe = (record) => Object.values(record?._sessions ?? {}).map((s) => ({
  base: short(Buffer.from(s.indexInfo.baseKey, 'base64')), open: s.indexInfo.closed === -1,
  ours: short(Buffer.from(s.currentRatchet.ephemeralKeyPair.pubKey, 'base64')),
  theirs: short(Buffer.from(s.currentRatchet.lastRemoteEphemeralKey, 'base64')),
  chains: Object.fromEntries(Object.entries(s._chains).map(([key, chain]) =>
    [short(Buffer.from(key, 'base64')), chain.chainKey.counter]))
}))

export class Sessions {
  /** `tell` hears of every message that could not be read. */
  constructor(mended, tell) {
    this.mended = mended
    this.tell = tell
    this.states = new Map() // address -> [{ number, where, text }]
    this.lines = []
    this.last = 0
  }

  note(what) {
    this.lines.push({ number: ++this.last, ...what })
    if (this.lines.length > 20 * LINES) this.lines.splice(0, 10 * LINES)
  }

  noteStates(where, data) {
    for (const [address, record] of Object.entries(data.session ?? {})) {
      const states = this.states.get(address) ?? []
      this.states.set(address, states)
      this.note({ where, address, sessions: describe(record) })
      states.push({ number: this.last, where, text: record ? JSON.stringify(record) : null })
      if (states.length > STATES) states.shift()
    }
  }

  /** The store below Baileys: what it sets here is what stays. */
  watchStore(keys) {
    return { ...keys, set: async (data) => { this.noteStates('stored', data); await keys.set(data) } }
  }

  makeRepository() {
    return (auth, logger, pnToLid) => {
      // between its signal code and its transactions: what it believes to have written
      const keys = {
        ...auth.keys, set: async (data) => { this.noteStates('made', data); await auth.keys.set(data) }
      }
      const inner = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
        { creds: auth.creds, keys }, logger, pnToLid)
      const alone = this.mended
        ? (work) => auth.keys.transaction(work, auth.creds.me.id)
        : (work) => work()
      const address = (jid) => inner.jidToSignalProtocolAddress(jid)
      return {
        ...inner,
        encryptMessage: (args) => alone(async () => {
          this.note({ where: 'encrypt', address: address(args.jid) })
          const sealed = await inner.encryptMessage(args)
          this.note({ where: 'encrypted', address: address(args.jid),
            ...headOf(sealed.type, sealed.ciphertext) })
          return sealed
        }),
        decryptMessage: (args) => alone(async () => {
          const bytes = Buffer.from(args.ciphertext)
          this.note({ where: 'decrypt', address: address(args.jid), ...headOf(args.type, bytes) })
          try {
            if (this.mended && args.type === 'msg')
              await putFirst(auth, address(args.jid), bytes)
            return await inner.decryptMessage(args)
          } catch (error) {
            this.tell(await this.explain(auth.creds, address(args.jid), args.type, bytes, error))
            throw error
          }
        }),
        injectE2ESession: (args) => alone(() => inner.injectE2ESession(args)),
        deleteSession: (jids) => alone(() => inner.deleteSession(jids)),
        migrateSession: (from, to) => alone(() => inner.migrateSession(from, to))
      }
    }
  }

  /** `readableBy`: the newest state of the session that reads it. */
  async explain(creds, address, type, bytes, error) {
    const inner = type === 'pkmsg' ? PreKeyWhisperMessage.decode(bytes.slice(1)).message : bytes
    const states = this.states.get(address) ?? []
    let readableBy = null
    for (let i = states.length; i-- > 0 && readableBy === null;) {
      if (states[i].text !== null
          && await findReader(creds, JSON.parse(states[i].text), Buffer.from(inner)) !== null)
        readableBy = { number: states[i].number, where: states[i].where }
    }
    return {
      address, head: headOf(type, bytes), error: String(error), states: states.length, readableBy,
      lines: this.lines.slice(-LINES)
    }
  }
}

let trials = 0

/** The key of the session in a record that reads the bytes, or null. */
async function findReader(creds, state, bytes) {
  const { private: privKey, public: publicKey } = creds.signedIdentityKey
  const identity = { privKey: Buffer.from(privKey), pubKey: Buffer.from(generateSignalPubKey(publicKey)) }
  for (const [key, session] of Object.entries(SessionRecord.deserialize(state).sessions)) {
    // each alone, for a failed attempt changes the session
    const alone = new SessionRecord()
    alone.sessions[key] = session
    const cipher = new SessionCipher({
      loadSession: async () => alone, storeSession: async () => {}, isTrustedIdentity: () => true,
      getOurIdentity: async () => identity
    }, new ProtocolAddress('trial', ++trials))
    try {
      await cipher.decryptWhisperMessage(bytes)
      return key
    } catch {}
  }
  return null
}

/** The one that was used last is tried first. */
async function putFirst(auth, address, bytes) {
  const { [address]: state } = await auth.keys.get('session', [address])
  const sessions = Object.values(state?._sessions ?? {})
  const key = sessions.length > 1 ? await findReader(auth.creds, state, bytes) : null
  if (key === null) return
  state._sessions[key].indexInfo.used = Math.max(...sessions.map((s) => s.indexInfo.used ?? 0)) + 1
  await auth.keys.set({ session: { [address]: state } })
}
