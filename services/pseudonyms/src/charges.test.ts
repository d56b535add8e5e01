import { BoxError } from '@littlebox/box'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blindValue } from './test-support/party.ts'
import { admin, createDomain, grant, startWorld, type World } from './test-support/world.ts'

const plenty = { burst: 1_000_000, perDay: 1_000_000 }
let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.close())

const batchOf = async (points: number) => {
  const { item } = await blindValue('somebody')
  return { inputs: Array.from({ length: points }, () => item) }
}
const send = async (domain: string, points: number, how: Parameters<World['call']>[3] = {}) =>
  world.call('POST', `/pseudo/v1/domains/${domain}/pseudonymizeMultiple`, await batchOf(points), how)

describe('quotas over HTTP (pseudonyms.md §7)', () => {
  it('two replicas, one caller, N points a day: exactly N succeed, also after a restart', async () => {
    await createDomain(world, 'daily_v1', { quotas: { caller: { burst: 1000, perDay: 60 }, organisation: plenty } })
    const second = await world.replica()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => send('daily_v1', 1 + (i % 3), i % 2 === 0 ? {} : { at: second.url })),
    )
    const points = answers.map((answer, i) => (answer.status === 200 ? 1 + (i % 3) : 0)).reduce((a, b) => a + b)
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true)
    expect(points).toBeLessThanOrEqual(60)
    for (let left = 60 - points; left > 0; left--) expect((await send('daily_v1', 1)).status).toBe(200)
    const third = await world.replica()
    for (const at of [world.service.url, second.url, third.url])
      expect((await send('daily_v1', 1, { at })).status).toBe(429)
    const [{ used }] = await world.sql("select used from balance where domain = 'daily_v1' and kind = 'caller'")
    expect(used).toBe(60)
  })

  it('a burst: 429 with Retry-After, after which as many points succeed', async () => {
    await createDomain(world, 'burst_v1', { quotas: { caller: { burst: 600, perDay: 100_000 }, organisation: plenty } })
    expect((await send('burst_v1', 600)).status).toBe(200)
    const before = await world.metric('littlebox_box_points_total')
    const refused = await send('burst_v1', 20)
    expect([refused.status, refused.body.type]).toEqual([429, 'urn:problem-type:littlebox:over-quota'])
    expect(await world.metric('littlebox_box_points_total')).toBe(before)
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThanOrEqual(1)
    expect(wait).toBeLessThanOrEqual(2)
    await new Promise(resolve => setTimeout(resolve, wait * 1000))
    expect((await send('burst_v1', 20)).status).toBe(200)
    const [event] = await world.sql("select * from journal where reason = 'over-quota' order by id desc limit 1")
    expect(event).toMatchObject({ outcome: 'refused', caller: 'care-1', domain: 'burst_v1', points: 20 })
  })

  it('the whole request or nothing', async () => {
    await createDomain(world, 'whole_v1', { quotas: { caller: { burst: 1000, perDay: 10 }, organisation: plenty } })
    expect((await send('whole_v1', 11)).status).toBe(429)
    expect((await send('whole_v1', 10)).status).toBe(200)
    expect((await send('whole_v1', 1)).status).toBe(429)
  })

  it('an organisation’s callers share its quota; operations and domains have their own', async () => {
    const quotas = { caller: plenty, organisation: { burst: 1000, perDay: 5 } }
    await createDomain(world, 'shared_v1', { quotas })
    await createDomain(world, 'other_v1', { quotas })
    expect((await send('shared_v1', 3)).status).toBe(200)
    expect((await send('shared_v1', 3, { as: { client_id: 'care-2', sub: 'care-2' } })).status).toBe(429)
    expect((await send('shared_v1', 2, { as: { client_id: 'care-2', sub: 'care-2' } })).status).toBe(200)
    expect((await send('shared_v1', 1)).status).toBe(429)
    expect((await send('shared_v1', 1, { as: { organisation: 'hospital-b' } })).status).toBe(200)
    expect((await send('other_v1', 5)).status).toBe(200)
  })

  it('refused requests and failed items cost nothing', async () => {
    await createDomain(world, 'free_v1', { quotas: { caller: { burst: 1000, perDay: 2 }, organisation: plenty } })
    expect((await send('free_v1', 5, { as: { roles: [] } })).status).toBe(403)
    const { inputs } = await batchOf(4)
    const mixed = inputs.map((item, i) => (i < 3 ? { ...item, x: item.y } : item))
    const path = '/pseudo/v1/domains/free_v1/pseudonymizeMultiple'
    expect((await world.call('POST', path, { inputs: mixed })).status).toBe(200)
    expect((await send('free_v1', 1)).status).toBe(200)
    expect((await send('free_v1', 1)).status).toBe(429)
  })

  it('an administrator changes them, and all replicas obey within a second', async () => {
    await createDomain(world, 'changed_v1', { quotas: { caller: { burst: 1, perDay: 1 }, organisation: plenty } })
    expect((await send('changed_v1', 2)).status).toBe(429)
    const put = await world.call('PUT', '/pseudo/v2/domains/changed_v1/quotas', { caller: plenty }, { as: admin })
    expect(put.body.quotas).toEqual({ caller: plenty })
    expect((await send('changed_v1', 2)).status).toBe(200)
  })
})

describe('balances that somebody deletes', () => {
  it.each(["kind = 'caller'", 'true'])('are made again and counted again: where %s', async which => {
    const domain = which === 'true' ? 'emptied_v1' : 'thinned_v1'
    await createDomain(world, domain, { quotas: { caller: { burst: 1000, perDay: 5 }, organisation: plenty } })
    expect((await send(domain, 5)).status).toBe(200)
    await world.sql(`delete from balance where domain = '${domain}' and ${which}`)
    expect((await send(domain, 5)).status).toBe(200)
    expect((await send(domain, 1)).status).toBe(429)
  })

  it('can’t be made again: 503, never a full quota', async () => {
    await createDomain(world, 'unwritable_v1')
    await world.sql(`
      create function refuse_balance() returns trigger language plpgsql as 'begin return null; end';
      create trigger refuse_balance before insert on balance for each row
        when (new.domain = 'unwritable_v1') execute function refuse_balance()`)
    const before = await world.metric('littlebox_box_points_total')
    const answer = await send('unwritable_v1', 1)
    expect([answer.status, answer.body.type]).toEqual([503, 'urn:problem-type:littlebox:database-away'])
    expect(await world.metric('littlebox_box_points_total')).toBe(before)
  })
})

describe('what the box does not do costs nothing', () => {
  const balances = (domain: string) => world.sql(`select used, level from balance where domain = '${domain}'`)

  it.each(['box-away', 'busy', 'wrong-state'] as const)('%s while it is asked: given back', async code => {
    const domain = `${code.replace('-', '_')}_v1`
    const caller = { burst: 10, perDay: 10 }
    await createDomain(world, domain, { evaluate: true, quotas: { caller, organisation: plenty } })
    const box: typeof world.box = {
      ...world.box,
      multiply: () => Promise.reject(new BoxError(code, 'for this test')),
    }
    const { url: at } = await world.replica({ box })
    for (let i = 0; i < 3; i++) expect((await send(domain, 10, { at })).status).toBe(code === 'wrong-state' ? 409 : 503)
    expect(await balances(domain)).toEqual([
      { used: 0, level: 10 },
      { used: 0, level: plenty.burst },
    ])
    expect((await send(domain, 10)).status).toBe(200)
    expect((await send(domain, 1)).status).toBe(429)
  })

  it('away or with a suspended key: answered before anything is charged', async () => {
    await createDomain(world, 'suspended_v1')
    const health = async () => ({ ...(await world.box.health()), status: 'box-away' as const })
    const { url: at } = await world.replica({ box: { ...world.box, health } })
    expect((await send('suspended_v1', 1, { at })).status).toBe(503)
    await world.box.change('domain/suspended_v1/forward@1', { to: 'suspended' }, grant)
    const answer = await send('suspended_v1', 1)
    expect([answer.status, answer.body.type]).toEqual([409, 'urn:problem-type:littlebox:key-not-active'])
    expect(await balances('suspended_v1')).toEqual([])
  })
})
