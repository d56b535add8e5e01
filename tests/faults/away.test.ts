import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { generator, pointFromCoordinates } from '@littlebox/curve'
import { coordinates, type DomainOwner, formatTransit, type Output, type ServiceDomain } from '@littlebox/pseudonym'
import { openOwner, openService } from '@littlebox/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DirectCaller, directCaller, problemCode } from '../direct-caller.ts'
import { openScene, type Scene } from '../scene.ts'

// §13: box or database away is 503 with Retry-After and never a wrong answer; when it is back, so is the service.

const domain = 'prescriptions_v1'
const path = `/pseudo/v1/domains/${domain}/pseudonymize`
const item = { id: '1', ...coordinates(generator('P-256')) }
const person = Buffer.from('85073003328')

let scene: Scene
let owner: DomainOwner
let care: ServiceDomain
let direct: DirectCaller
let atRest: string
/** What `item`, with the blind 1, comes to at rest. */
let unblinded: string

beforeAll(async () => {
  scene = await openScene()
  await scene.createDomain({ domain, crv: 'P-256', valueFormat: 'bytes' })
  owner = await openOwner(scene.owner, domain)
  care = await (await openService(scene.care, { deadline: 1_000 })).domain(domain)
  direct = await directCaller(scene.care)
  atRest = await owner.atRest(await care.pseudonymise(person))
  unblinded = await owner.atRest(inTransit(await (await direct.post(path, item)).json()))
})

afterAll(() => scene?.close())

describe('PostgreSQL stopped', () => {
  it('503 `database-away`, not ready, alive; recovers by itself when it is back', async () => {
    await scene.stack.postgres.stop()
    const refused = await direct.post(path, item)
    expect([refused.status, await problemCode(refused)]).toEqual([503, 'database-away'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await health('/readyz')).toEqual({ status: 503, checks: { database: 'failed', box: 'ok' } })
    expect((await health('/livez')).status).toBe(200)
    await expect(care.pseudonymise(person)).rejects.toThrow(expect.objectContaining({ code: 'service-away' }))

    await scene.stack.startPostgres()
    await until(async () => (await health('/readyz')).status === 200)
    expect(await owner.atRest(await care.pseudonymise(person))).toBe(atRest)
  })

  it('a refusal is not answered either: it could not be recorded', async () => {
    const unknown = '/pseudo/v1/domains/nobody_v1/pseudonymize'
    expect((await direct.post(unknown, item)).status).toBe(404)
    await scene.stack.postgres.stop()
    expect((await direct.post(unknown, item)).status).toBe(503)
    await scene.stack.startPostgres()
    await until(async () => (await direct.post(unknown, item)).status === 404)
  })

  it('loses no call of an SDK that has the time to wait', async () => {
    const patient = await (await openService(scene.care)).domain(domain)
    await scene.stack.postgres.stop()
    const waiting = Promise.all(Array.from({ length: 50 }, () => patient.pseudonymise(person)))
    await expect(care.pseudonymise(person)).rejects.toThrow(expect.objectContaining({ code: 'service-away' }))
    await scene.stack.startPostgres()
    for (const transit of await waiting) expect(await owner.atRest(transit)).toBe(atRest)
  })
})

describe('the box file removed', () => {
  it('503 `box-away`, not ready, no wrong answer; recovers when it is back', async () => {
    const [box, hidden] = [join(scene.directory, 'box.json'), join(scene.directory, 'box.hidden')]
    await rename(box, hidden)
    // It is noticed within a quarter of a second; what is answered until then is right.
    let answer = await direct.post(path, item)
    for (; answer.status === 200; answer = await direct.post(path, item))
      expect(await owner.atRest(inTransit(await answer.json()))).toBe(unblinded)
    expect([answer.status, await problemCode(answer)]).toEqual([503, 'box-away'])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await health('/readyz')).toEqual({ status: 503, checks: { database: 'ok', box: 'failed' } })
    await expect(care.pseudonymise(person)).rejects.toThrow(expect.objectContaining({ code: 'service-away' }))

    await rename(hidden, box)
    await until(async () => (await health('/readyz')).status === 200)
    expect(await owner.atRest(await care.pseudonymise(person))).toBe(atRest)
  })
})

function inTransit(answer: unknown): string {
  const { x, y, transitInfo } = answer as Output
  const [xBytes, yBytes] = [Buffer.from(x, 'base64'), Buffer.from(y, 'base64')]
  return formatTransit(pointFromCoordinates('P-256', xBytes, yBytes), transitInfo!)
}

async function health(at: string): Promise<{ status: number; checks?: unknown }> {
  const answer = await fetch(scene.stack.url + at)
  const { checks } = (await answer.json()) as { checks?: unknown }
  return { status: answer.status, ...(checks !== undefined && { checks }) }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(50)
}
