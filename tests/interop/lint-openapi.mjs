// SPDX-License-Identifier: GPL-3.0-or-later
// Lints an OpenAPI document on standard input with Redocly's recommended rules; each problem is a line of JSON
// on standard output.
import { readFileSync } from 'node:fs'
import { createConfig, lintFromString } from '@redocly/openapi-core'

const config = await createConfig({
  extends: ['recommended'],
  rules: {
    // the address of a daemon is where it runs
    'no-server-example.com': 'off',
    'info-license-url': 'off', // 3.1 has the SPDX identifier instead
    // GET /docs and GET /health cannot fail but by the daemon's own fault
    'operation-4xx-response': 'warn'
  }
})
const problems = await lintFromString({ source: readFileSync(0, 'utf8'), config })
for (const p of problems) {
  process.stdout.write(JSON.stringify({
    rule: p.ruleId, severity: p.severity, message: p.message, where: p.location[0]?.pointer ?? null
  }) + '\n')
}
process.stdout.write(JSON.stringify({ done: true }) + '\n')
