import { setTimeout } from 'node:timers/promises'
import { compress, generator } from '@littlebox/curve'
import { coordinates } from '@littlebox/pseudonym'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type DirectCaller, directCaller } from '../direct-caller.ts'
import { pointsMultiplied } from '../replica-metrics.ts'
import { openScene, type Scene } from '../scene.ts'

// §7: quotas are exact across replicas and restarts. Two replicas, one caller, N points a day: exactly N succeed.

const quota = 100
const point = generator('P-256')
const item = { id: '1', ...coordinates(point) }

let scene: Scene
let caller: DirectCaller

beforeAll(async () => {
  await awayFromMidnight()
  scene = await openScene({ replicas: 2 })
  const perDay = { caller: { burst: 1_000, perDay: quota } }
  for (const domain of ['counted_v1', 'spent_v1', 'evaluated_v1'])
    await scene.createDomain({ domain, crv: 'P-256', valueFormat: 'bytes', evaluate: true, quotas: perDay })
  caller = await directCaller(scene.care)
})

afterAll(() => scene?.close())

it('exactly N of many more at once, to both replicas', async () => {
  const { granted, refused, retryAfter } = await ask('counted_v1', 3 * quota)
  expect([granted, refused]).toEqual([quota, 2 * quota])
  expect(Math.min(...retryAfter)).toBeGreaterThan(0)
  expect(Math.max(...retryAfter)).toBeLessThanOrEqual(86_400)
  expect(await pointsMultiplied(scene.stack.replicas)).toBe(quota)
})

it('counts points, whole batches or nothing: batches of 7 end at the last that fits', async () => {
  const batch = { blinded: Array.from({ length: 7 }, () => Buffer.from(compress(point)).toString('base64url')) }
  const path = '/pseudo/v2/domains/evaluated_v1/evaluate'
  const answers = await Promise.all(Array.from({ length: 40 }, () => caller.post(path, batch)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(Math.floor(quota / 7))
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(40 - Math.floor(quota / 7))
})

it('also when the replicas are killed and PostgreSQL is restarted in between', async () => {
  expect((await ask('spent_v1', 60)).granted).toBe(60)
  await Promise.all(scene.stack.replicas.map(replica => replica.kill()))
  await scene.stack.postgres.stop()
  await scene.stack.startPostgres()
  const both = [await scene.startReplica(), await scene.startReplica()]
  scene.stack.gateway.targets = both.map(({ url }) => url)
  expect((await ask('spent_v1', 2 * quota)).granted).toBe(quota - 60)
  expect((await ask('counted_v1', 10)).granted).toBe(0)
})

async function ask(domain: string, times: number) {
  const path = `/pseudo/v1/domains/${domain}/pseudonymize`
  const answers = await Promise.all(Array.from({ length: times }, () => caller.post(path, item)))
  const refused = answers.filter(({ status }) => status === 429)
  return {
    granted: answers.filter(({ status }) => status === 200).length,
    refused: refused.length,
    retryAfter: refused.map(({ headers }) => Number(headers.get('retry-after'))),
  }
}

/** The quota of a day begins anew at midnight UTC: not in the midst of this test. */
async function awayFromMidnight(): Promise<void> {
  const left = 86_400_000 - (Date.now() % 86_400_000)
  if (left < 90_000) await setTimeout(left + 1_000)
}
