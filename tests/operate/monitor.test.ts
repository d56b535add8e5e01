import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { domain, type Installation, install } from './installation.ts'

// docs/operate/monitor.md and deploy/prometheus-alerts.yml say what a running service has.

const root = join(import.meta.dirname, '../..')
let installation: Installation
let monitor: string
let metrics: string

beforeAll(async () => {
  monitor = await readFile(join(root, 'docs/operate/monitor.md'), 'utf8')
  installation = await install()
  const care = await (await installation.openCare()).domain(domain)
  const backend = await installation.openBackend()
  await care.identify(await backend.inTransit(await backend.atRest(await care.pseudonymise('85073003328'))))
  await fetch(`${installation.stack.url}/pseudo/v1/domains/${domain}`)
  await installation.administer('GET', '')
  await installation.administer('GET', `/${domain}`)
  await installation.administer('POST', `/${domain}/rotate`)
  const replica = installation.stack.gateway.targets[0]
  await fetch(`${replica}/readyz`)
  metrics = await (await fetch(`${replica}/metrics`)).text()
})

afterAll(() => installation?.end())

const own = /\b(?:littlebox|http|process|nodejs)_[a-z_0-9]+/g

describe('metrics', () => {
  it.each(['docs/operate/monitor.md', 'deploy/prometheus-alerts.yml'])(
    'every one that %s names is there',
    async file => {
      const names = new Set((await readFile(join(root, file), 'utf8')).match(own))
      expect(names.size).toBeGreaterThan(3)
      const offered = new Set(metrics.match(own))
      expect([...names].filter(name => !offered.has(name))).toEqual([])
    },
  )

  it('routes that the alerts choose are the routes that are counted', async () => {
    const alerts = await readFile(join(root, 'deploy/prometheus-alerts.yml'), 'utf8')
    const chosen = [...alerts.matchAll(/route=~"([^"]+)"/g)].map(match => new RegExp(`^${match[1]}$`))
    const counted = [...metrics.matchAll(/route="([^"]+)"/g)].map(match => match[1]!)
    expect(chosen.length).toBeGreaterThan(0)
    for (const route of chosen) expect(counted.some(one => route.test(one))).toBe(true)
    expect(counted).toContain('/readyz')
  })
})

describe('the journal', () => {
  it('has an event of every kind that was caused here, and monitor.md names its type, operation and outcome', async () => {
    const events = await installation.query('select distinct type, operation, outcome, reason from journal')
    expect(events.map(event => event.operation)).toEqual(
      expect.arrayContaining(['pseudonymize', 'identify', 'document', 'create-domain', 'rotate-transit-key']),
    )
    expect(events).toContainEqual({ type: 'use', operation: 'document', outcome: 'refused', reason: 'unauthenticated' })
    for (const event of events)
      for (const word of [event.type, event.operation, event.outcome]) expect(monitor).toContain(`\`${word}\``)
  })

  it('every column is named in monitor.md', async () => {
    const columns = await installation.query(
      `select column_name from information_schema.columns where table_name = 'journal'`,
    )
    expect(columns.length).toBeGreaterThan(10)
    for (const { column_name } of columns) expect(monitor).toContain(`\`${column_name}\``)
  })

  it('the queries of monitor.md run', async () => {
    const queries = [...monitor.matchAll(/```sql\n(.*?)```/gs)].map(match => match[1]!)
    expect(queries.length).toBeGreaterThan(1)
    for (const query of queries) await expect(installation.query(query)).resolves.toBeInstanceOf(Array)
  })
})
