// SPDX-License-Identifier: GPL-3.0-or-later
// Unmodified Baileys behind JSON lines: commands on standard input, events on standard output.
// With `watched` it tells why it cannot read something, with `mended` it does not lose its sessions (sessions.mjs).
import * as readline from 'node:readline'
import makeWASocket, {
  DisconnectReason, WA_CERT_DETAILS, generateMessageIDV2, useMultiFileAuthState
} from 'baileys'
import { Sessions } from './sessions.mjs'

// libsignal's JavaScript talks on standard output, which is ours
for (const name of ['log', 'info', 'debug', 'warn']) console[name] = () => {}

const silent = {
  level: 'silent', child: () => silent,
  trace() {}, debug() {}, info() {}, warn() {}, error() {}
}
const say = (event, data = {}) => process.stdout.write(JSON.stringify({ event, ...data }) + '\n')

let socket = null
let wanted = false
let options = null
const sentMessages = new Map()

const textOf = (message) =>
  message?.conversation ?? message?.extendedTextMessage?.text
  ?? message?.ephemeralMessage?.message?.extendedTextMessage?.text ?? null

// what a text answers, mentions, and after how many seconds it disappears
const contextOf = (message) => {
  const info = message?.extendedTextMessage?.contextInfo
  return info
    ? { quotedId: info.stanzaId ?? null, participant: info.participant ?? null,
        quotedText: textOf(info.quotedMessage), mentions: info.mentionedJid ?? [],
        expiration: info.expiration ?? 0 }
    : null
}

async function open() {
  const { state, saveCreds } = await useMultiFileAuthState(options.authDir)
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(options.noiseRoot, 'hex')
  const sessions = options.watched ? new Sessions(options.mended, (what) => say('unread', what)) : null
  socket = makeWASocket({
    auth: sessions ? { creds: state.creds, keys: sessions.watchStore(state.keys) } : state,
    ...(sessions ? { makeSignalRepository: sessions.makeRepository() } : {}),
    logger: silent,
    waWebSocketUrl: options.url,
    shouldSyncHistoryMessage: () => false,
    markOnlineOnConnect: false,
    retryRequestDelayMs: 50,
    getMessage: async (key) => sentMessages.get(key.id)
  })
  const mine = socket
  mine.ev.on('creds.update', saveCreds)
  mine.ev.on('connection.update', (update) => {
    if (mine !== socket) return
    if (update.qr) say('qr', { qr: update.qr })
    if (update.connection === 'open') say('open', { id: mine.user?.id, lid: mine.user?.lid })
    if (update.receivedPendingNotifications) say('caught-up')
    if (update.connection === 'close') {
      const code = update.lastDisconnect?.error?.output?.statusCode
      say('close', { code })
      if (wanted && code === DisconnectReason.restartRequired) open()
    }
  })
  mine.ev.on('messages.upsert', ({ messages }) => {
    for (const m of messages) {
      if (m.messageStubType === 2) say('undecryptable', {
        id: m.key.id, chat: m.key.remoteJid, fromMe: m.key.fromMe, why: m.messageStubParameters
      })
      else if (m.message?.protocolMessage) say('protocol', { id: m.key.id })
      else if (m.message) {
        say('message', {
          id: m.key.id, chat: m.key.remoteJid, chatAlt: m.key.remoteJidAlt ?? null,
          fromMe: m.key.fromMe, text: textOf(m.message), pushName: m.pushName ?? null,
          kind: Object.keys(m.message).find((k) => k !== 'messageContextInfo'),
          context: contextOf(m.message)
        })
      }
    }
  })
  mine.ev.on('messages.update', (updates) => {
    for (const { key, update } of updates) {
      if (update.status !== undefined) say('status', { id: key.id, status: update.status })
      if (update.message && update.messageStubType !== 2) {
        say('message', {
          id: key.id, chat: key.remoteJid, chatAlt: key.remoteJidAlt ?? null, fromMe: key.fromMe,
          text: textOf(update.message), late: true
        })
      }
    }
  })
}

const commands = {
  async connect(c) { options = c; wanted = true; await open() },
  // an edit, a deletion, a reaction, as Baileys makes them
  async act(c) {
    const sent = await socket.sendMessage(c.to, c.content)
    return { id: sent.key.id }
  },
  async send(c) {
    // known before it leaves: a retry receipt may come before sendMessage returns
    const messageId = generateMessageIDV2(socket.user?.id)
    sentMessages.set(messageId, { extendedTextMessage: { text: c.text } })
    const sent = await socket.sendMessage(c.to, { text: c.text }, { messageId })
    return { id: sent.key.id }
  },
  async read(c) {
    await socket.sendReceipt(c.chat, undefined, [c.id], 'read')
  },
  async relay(c) {
    // any protobuf, as it is
    const sent = await socket.relayMessage(c.to, c.message, {})
    return { id: sent }
  },
  async code(c) {
    // by phone number; Baileys wants pair-device first, which its qr event tells of
    return { code: await socket.requestPairingCode(c.phone) }
  },
  // a round trip: what was to be said before it has been said
  async sync() {},
  async close() { wanted = false; const s = socket; socket = null; s?.end(undefined) },
  async logout() { wanted = false; await socket.logout() },
  async quit() { process.exit(0) }
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const c = JSON.parse(line)
  try {
    say('done', { command: c.command, tag: c.tag, ...(await commands[c.command](c)) })
  } catch (e) {
    say('failed', { command: c.command, tag: c.tag, message: String(e?.message ?? e) })
  }
}).on('close', () => process.exit(0))
process.on('unhandledRejection', (e) => say('error', { message: String(e?.message ?? e) }))
