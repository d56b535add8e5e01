import { openSecretKeys, openTransit, parseDomain, sealTransit } from '@littlebox/pseudonym'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atRest, blindPoint, label, pointIn, pseudonymised, unblind, valueIn } from './test-support/party.ts'
import {
  admin,
  createDomain,
  everyone,
  newDomain,
  ownerClient,
  rule,
  startWorld,
  type World,
} from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  const groups = [...everyone('care'), ...everyone('owner')]
  await createDomain(world, 'from_v1', {
    accessRule: rule(
      'from_v1',
      { operation: 'pseudonymize' },
      { operation: 'identify' },
      { operation: 'convert', to: 'to_v1', userGroups: groups },
      { operation: 'convert', to: 'closed_v1', userGroups: groups },
    ),
  })
  await createDomain(world, 'to_v1', {
    accessRule: rule(
      'to_v1',
      { operation: 'pseudonymize' },
      { operation: 'identify' },
      { operation: 'convertFrom', from: 'from_v1', userGroups: groups },
    ),
  })
  await createDomain(world, 'closed_v1')
})
afterAll(() => world?.close())

const path = '/pseudo/v1/domains/from_v1/convertTo/to_v1'
const code = (answer: { body: { type?: string } }) => answer.body.type?.split(':').at(-1)

describe('conversions (pseudonyms.md §3, §7)', () => {
  it('in transit: the same person’s pseudonym in the other domain, named by `domain`', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'from_v1', 'somebody')
    const { item, blind } = await blindPoint(point, transitInfo)
    const answer = await world.call('POST', path, item)
    expect(answer.status).toBe(200)
    expect(answer.body.domain).toBe('to_v1')
    const converted = await unblind(answer.body, blind)
    const direct = await pseudonymised(world, 'to_v1', 'somebody')
    const stored = await atRest(world, 'to_v1', converted, answer.body.transitInfo)
    expect(label(stored)).toBe(label(await atRest(world, 'to_v1', direct.point, direct.transitInfo)))
    const again = await blindPoint(converted, answer.body.transitInfo)
    const identified = await world.call('POST', '/pseudo/v1/domains/to_v1/identify', again.item)
    expect(valueIn(await unblind(identified.body, again.blind))).toBe('somebody')
  })

  it('at rest (no transitInfo): for the owner’s own client only; 403 for others', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'from_v1', 'somebody')
    const { item, blind } = await blindPoint(await atRest(world, 'from_v1', point, transitInfo))
    const before = await world.metric('littlebox_box_points_total')
    const refused = await world.call('POST', path, item)
    expect([refused.status, code(refused)]).toEqual([403, 'owner-only'])
    expect(await world.metric('littlebox_box_points_total')).toBe(before)
    const answer = await world.call('POST', path, item, { as: ownerClient })
    expect(answer.status).toBe(200)
    const stored = await atRest(world, 'to_v1', await unblind(answer.body, blind), answer.body.transitInfo)
    const direct = await pseudonymised(world, 'to_v1', 'somebody')
    expect(label(stored)).toBe(label(await atRest(world, 'to_v1', direct.point, direct.transitInfo)))
  })

  it('in a batch: mixed, each item by itself', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'from_v1', 'somebody')
    const transit = await blindPoint(point, transitInfo)
    const rest = await blindPoint(point)
    const inputs = [transit.item, rest.item, { ...transit.item, transitInfo: 'x' }]
    const answer = await world.call('POST', '/pseudo/v1/domains/from_v1/convertMultipleTo/to_v1', { inputs })
    expect(answer.status).toBe(200)
    expect(answer.body.outputs.map((output: { status?: number }) => output.status)).toEqual([undefined, 403, 400])
  })

  it('need the rules of both domains: 403 without the target’s', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'from_v1', 'somebody')
    const { item } = await blindPoint(point, transitInfo)
    const closed = await world.call('POST', '/pseudo/v1/domains/from_v1/convertTo/closed_v1', item)
    expect([closed.status, code(closed)]).toEqual([403, 'no-right'])
    const back = await world.call('POST', '/pseudo/v1/domains/to_v1/convertTo/from_v1', item)
    expect([back.status, code(back)]).toEqual([403, 'no-right'])
  })

  it('`sub`: only that subject, and it is copied into what a conversion makes', async () => {
    const { point, transitInfo } = await pseudonymised(world, 'from_v1', 'somebody')
    const stored = await atRest(world, 'from_v1', point, transitInfo)
    const document = (await world.call('GET', '/pseudo/v1/domains/from_v1', undefined, { as: ownerClient })).body
    const domain = parseDomain(document)
    const { active } = await openSecretKeys(domain, [{ kid: world.owner.kid, key: world.owner.privateKey }])
    const now = Math.floor(Date.now() / 1000)
    const { blind: scalar, item: masked } = await blindPoint(stored)
    // The owner's token: r = blind⁻¹, so that P′ = r⁻¹P is the point just made.
    const native = await (await import('@littlebox/curve')).engine()
    const [r] = native.invert([scalar])
    const seal = (subject: string) =>
      sealTransit(active, { scalar: r!, audience: domain.audience, issuedAt: now, expiresAt: now + 60, subject })
    for (const operation of ['from_v1/identify', 'from_v1/convertTo/to_v1']) {
      const { item } = await blindPoint(pointIn(masked), seal('somebody-else'))
      const answer = await world.call('POST', `/pseudo/v1/domains/${operation}`, item)
      expect([answer.status, code(answer)]).toEqual([403, 'wrong-subject'])
    }
    const mine = await blindPoint(pointIn(masked), seal('care-1'))
    const identified = await world.call('POST', '/pseudo/v1/domains/from_v1/identify', mine.item)
    expect(valueIn(await unblind(identified.body, mine.blind))).toBe('somebody')
    const converted = await world.call('POST', path, mine.item)
    const target = parseDomain(
      (await world.call('GET', '/pseudo/v1/domains/to_v1', undefined, { as: ownerClient })).body,
    )
    const keys = await openSecretKeys(target, [{ kid: world.owner.kid, key: world.owner.privateKey }])
    expect(openTransit(target, keys.secrets, converted.body.transitInfo, now).subject).toBe('care-1')
  })

  it('between unlike domains: refused at configuration, whichever of the two comes last; 409 at use', async () => {
    const convertTo = rule('x_v1', { operation: 'convert', to: 'small_v1' })
    await createDomain(world, 'x_v1', { accessRule: convertTo })
    for (const unlike of [{ crv: 'P-256' }, { encoding: 'hashed' }]) {
      const refused = await world.call('POST', '/pseudo/v2/domains', newDomain(world, 'small_v1', unlike), {
        as: admin,
      })
      expect([refused.status, code(refused)]).toEqual([409, 'unlike-domains'])
    }
    await createDomain(world, 'y_v1', { crv: 'P-256' })
    for (const [domain, details] of [
      ['from_v1', { operation: 'convert', to: 'y_v1' }],
      ['y_v1', { operation: 'convertFrom', from: 'from_v1' }],
    ] as const) {
      const put = `/pseudo/v2/domains/${domain}/access-rule`
      const refused = await world.call('PUT', put, rule(domain, details), { as: admin })
      expect([refused.status, code(refused)]).toEqual([409, 'unlike-domains'])
    }
    for (const [domain, detail] of [
      ['x_v1', { operation: 'convert', to: 'y_v1' }],
      ['y_v1', { operation: 'convertFrom', from: 'x_v1' }],
    ] as const)
      await world.sql(
        `with t as (update domain_clock set version = version + 1 returning version)
         update domain set settings = jsonb_set(settings, '{accessRule}', $1), version = t.version from t where name = $2`,
        [JSON.stringify(rule(domain, detail)), domain],
      )
    const { item } = await blindPoint((await pseudonymised(world, 'from_v1', 'somebody')).point, 'x')
    const use = () => world.call('POST', '/pseudo/v1/domains/x_v1/convertTo/y_v1', item)
    await expect.poll(async () => code(await use())).toBe('unlike-domains')
    expect((await use()).status).toBe(409)
  })
})
