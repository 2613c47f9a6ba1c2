// SPDX-License-Identifier: GPL-3.0-or-later
// A receiver of webhooks that checks them as the package standardwebhooks does. Each delivery is a line of
// JSON on standard output before it is answered; a signature that does not hold is answered 401.
import * as http from 'node:http'
import { Webhook } from 'standardwebhooks'

const [port, secret] = process.argv.slice(2)
const checker = new Webhook(secret)
const say = (line) => new Promise((done) => process.stdout.write(JSON.stringify(line) + '\n', done))

const server = http.createServer((request, response) => {
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', async () => {
    const body = Buffer.concat(pieces).toString('utf8')
    let fault = null
    try {
      checker.verify(body, request.headers)
    } catch (e) {
      fault = String(e?.message ?? e)
    }
    await say({ id: request.headers['webhook-id'], body, fault })
    response.writeHead(fault === null ? 204 : 401).end()
  })
  request.on('error', () => {})
})
server.listen({ port: Number(port), host: '127.0.0.1' }, () => say({ port: server.address().port }))
