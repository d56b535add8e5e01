import { BoxError } from '@littlebox/box'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blindPoint, pseudonymised } from './test-support/party.ts'
import { createDomain, everyone, rule, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  const userGroups = everyone('care')
  const plenty = { burst: 1000, perDay: 1000 }
  await createDomain(world, 'from_v1', {
    accessRule: rule('from_v1', { operation: 'pseudonymize' }, { operation: 'convert', to: 'to_v1', userGroups }),
    quotas: { caller: { burst: 4, perDay: 4 }, organisation: plenty },
  })
  await createDomain(world, 'to_v1', {
    accessRule: rule('to_v1', { operation: 'convertFrom', from: 'from_v1', userGroups }),
  })
})
afterAll(() => world?.close())

describe('a batch of two points in transit, and three at rest that are not the caller’s to convert (§7)', () => {
  const convert = async (at = world.service.url) => {
    const { point, transitInfo } = await pseudonymised(world, 'from_v1', 'somebody')
    const [transit, rest] = [await blindPoint(point, transitInfo), await blindPoint(point)]
    const inputs = [rest.item, transit.item, rest.item, transit.item, rest.item]
    const { status, headers } = await world.call(
      'POST',
      '/pseudo/v1/domains/from_v1/convertMultipleTo/to_v1',
      { inputs },
      { at },
    )
    const correlation = headers.get('x-correlation-id')
    const events = await world.sql(
      'select outcome, reason, points from journal where correlation = $1 order by points',
      [correlation],
    )
    return { status, events }
  }
  const refusals = { outcome: 'refused', reason: 'owner-only', points: 3 }

  it('has an event for what was done, and one for what was refused', async () => {
    expect(await convert()).toEqual({ status: 200, events: [{ outcome: 'done', reason: null, points: 2 }, refusals] })
  })

  it('has both when the box then fails', async () => {
    const box: typeof world.box = { ...world.box, multiply: () => Promise.reject(new BoxError('box-away', 'gone')) }
    const { url } = await world.replica({ box })
    expect(await convert(url)).toEqual({
      status: 503,
      events: [{ outcome: 'failed', reason: 'box-away', points: 2 }, refusals],
    })
  })

  it('has both when it is over the quota', async () => {
    await convert()
    expect(await convert()).toEqual({
      status: 429,
      events: [{ outcome: 'refused', reason: 'over-quota', points: 2 }, refusals],
    })
  })
})
