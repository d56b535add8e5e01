import { randomUUID } from 'node:crypto'
import { BoxError } from '@littlebox/box'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blindValue } from './test-support/party.ts'
import { createDomain, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await createDomain(world, 'whole_v1')
})
afterAll(() => world?.close())

const use = async (domain: string, at = world.service.url) => {
  const { item } = await blindValue('somebody')
  return (await world.call('POST', `/pseudo/v1/domains/${domain}/pseudonymize`, item, { at })).status
}
/** As the operator could; every replica looks again. */
const change = async (domain: string, statement: string, value: string) => {
  await world.sql(statement, [domain, value])
  const next = 'with t as (update domain_clock set version = version + 1 returning version)'
  await world.sql(`${next} update domain set version = t.version from t where name = $1`, [domain])
}
const path = '{accessRule,details,0,userGroups,0,claims,0,path}'

describe('a domain that can’t be served as it stands in the database', () => {
  const damages = [
    {
      damage: 'an envelope under another key id',
      domain: 'envelope_v1',
      statement: 'update transit_key set kid = $2 where domain = $1',
      right: async () => (await world.sql("select kid from transit_key where domain = 'envelope_v1'"))[0].kid,
      wrong: randomUUID(),
      error: { name: 'BoxError', code: 'bad-input' },
    },
    {
      damage: 'a rule that can’t be read',
      domain: 'rule_v1',
      statement: `update domain set settings = jsonb_set(settings, '${path}', to_jsonb($2::text)) where name = $1`,
      right: async () => '$.roles[*]',
      wrong: '$..roles',
      error: { name: 'ClaimPathError' },
    },
  ]

  it.each(damages)('$damage: left out, logged, counted; the others go on', async given => {
    const { domain, statement, wrong } = given
    await createDomain(world, domain)
    expect(await use(domain)).toBe(200)
    const right = await given.right()
    await change(domain, statement, wrong)
    await expect.poll(() => use(domain)).toBe(404)
    await createDomain(world, `after_${domain}`)
    const fresh = await world.replica()
    for (const at of [world.service.url, fresh.url]) {
      expect([await use(domain, at), await use('whole_v1', at)]).toEqual([404, 200])
      expect(await world.metric('littlebox_domains_left_out', at)).toBe(1)
    }
    const told = world.log.map(line => JSON.parse(line)).filter(line => line.domain === domain)
    const msg = 'a domain can not be served'
    for (const line of told) expect(line).toMatchObject({ level: 'error', msg, error: given.error })
    expect(told).toHaveLength(2)
    await change(domain, statement, right)
    await expect.poll(() => use(domain, fresh.url)).toBe(200)
    expect(await world.metric('littlebox_domains_left_out', fresh.url)).toBe(0)
    await fresh.close()
  })

  it('is not one whose box is away: that is everybody’s, and a start fails by it', async () => {
    const away: typeof world.box = { ...world.box, unwrap: () => Promise.reject(new BoxError('box-away', 'gone')) }
    await expect(world.replica({ box: away })).rejects.toMatchObject({ name: 'BoxError', code: 'box-away' })
  })
})
