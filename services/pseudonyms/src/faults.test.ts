import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BoxError } from '@littlebox/box'
import { createWhenMissing, type EmbeddedPostgres, startEmbeddedPostgres } from '@littlebox/kit/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blindValue } from './test-support/party.ts'
import { admin, createDomain, grant, newDomain, startWorld, type World } from './test-support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await createDomain(world, 'one_v1')
})
afterAll(() => world?.close())

const path = '/pseudo/v1/domains/one_v1/pseudonymize'
const code = (answer: { body: { type?: string } }) => answer.body.type?.split(':').at(-1)

describe('when a part is away (pseudonyms.md §13)', () => {
  it('is ready while box and database answer', async () => {
    const answer = await world.call('GET', '/readyz', undefined, { token: undefined })
    expect([answer.status, answer.body.checks]).toEqual([200, { database: 'ok', box: 'ok' }])
    expect((await world.call('GET', '/livez', undefined, { token: undefined })).status).toBe(200)
  })

  it('box away: 503 with Retry-After, not ready, recovers by itself', async () => {
    let away = true
    const box: typeof world.box = {
      ...world.box,
      multiply: async (...given) => {
        if (away) throw new BoxError('box-away', 'gone')
        return world.box.multiply(...given)
      },
    }
    const { url: at } = await world.replica({ box })
    const { item } = await blindValue('somebody')
    const answer = await world.call('POST', path, item, { at })
    expect([answer.status, code(answer)]).toEqual([503, 'box-away'])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await world.call('GET', '/readyz', undefined, { at })).body.checks).toEqual({
      database: 'ok',
      box: 'failed',
    })
    away = false
    expect((await world.call('POST', path, item, { at })).status).toBe(200)
  })

  it('a box that multiplies by another key is not ready', async () => {
    const { engine, randomScalar } = await import('@littlebox/curve')
    const native = await engine()
    const box: typeof world.box = {
      ...world.box,
      multiply: async (keys, points, times) => {
        const right = await world.box.multiply(keys, points, times)
        return native.multiply(
          right,
          right.map(point => [randomScalar(point.curve)]),
        )
      },
    }
    const { url: at } = await world.replica({ box })
    expect((await world.call('GET', '/readyz', undefined, { at })).status).toBe(503)
  })

  it('a domain whose key is suspended takes no replica off the balancer, nor do all of them', async () => {
    const ready = async () => (await world.call('GET', '/readyz')).body.checks
    await createDomain(world, 'two_v1')
    for (const key of ['domain/one_v1/forward@1', 'domain/two_v1/forward@1'] as const) {
      await world.box.change(key, { to: 'suspended' }, grant)
      expect(await ready()).toEqual({ database: 'ok', box: 'ok' })
    }
    await world.box.change('domain/one_v1/forward@1', { to: 'active' }, grant)
  })

  it('more at once than it may work on: 503 at once with Retry-After, and all others are right', async () => {
    const { url: at } = await world.replica({ limits: { working: 2 } })
    const { item } = await blindValue('somebody')
    const inputs = Array.from({ length: 300 }, () => item)
    const answers = await Promise.all(
      Array.from({ length: 12 }, () =>
        world.call('POST', '/pseudo/v1/domains/one_v1/pseudonymizeMultiple', { inputs }, { at }),
      ),
    )
    const refused = answers.filter(({ status }) => status === 503)
    expect(refused.length).toBeGreaterThan(0)
    for (const answer of refused) expect(answer.headers.get('retry-after')).toBe('1')
    const served = answers.filter(({ status }) => status === 200)
    expect(served.length).toBeGreaterThanOrEqual(2)
    expect(served.length + refused.length).toBe(12)
    for (const { body } of served) expect(body.outputs.every((output: { x?: string }) => output.x)).toBe(true)
  })

  it('a client that never finishes its request holds up nobody', async () => {
    const { port } = world.service
    const slow = Array.from({ length: 50 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
      )
      return socket
    })
    const { item } = await blindValue('somebody')
    expect((await world.call('POST', path, item)).status).toBe(200)
    for (const socket of slow) socket.destroy()
  })
})

describe('PostgreSQL stopped and started', () => {
  let directory: string
  let postgres: EmbeddedPostgres
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pseudonyms-stop-'))
    postgres = await startEmbeddedPostgres({ directory, whenMissing: createWhenMissing })
  })
  afterAll(async () => {
    await postgres?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('503 while it is away, never an unrecorded answer, and by itself again when it is back', async () => {
    const port = Number(new URL(postgres.url).port)
    const { url: at } = await world.replica({ database: { url: postgres.url } })
    // The box has one_v1's key already: another name.
    await world.call('POST', '/pseudo/v2/domains', newDomain(world, 'stopped_v1'), { as: admin, at })
    const { item } = await blindValue('somebody')
    const use = () => world.call('POST', '/pseudo/v1/domains/stopped_v1/pseudonymize', item, { at })
    expect((await use()).status).toBe(200)
    const points = await world.metric('littlebox_box_points_total', at)
    await postgres.stop()
    for (let i = 0; i < 5; i++) {
      const answer = await use()
      expect([answer.status, code(answer)]).toEqual([503, 'database-away'])
      expect(answer.headers.get('retry-after')).toBe('2')
    }
    expect(await world.metric('littlebox_box_points_total', at)).toBe(points)
    expect((await world.call('GET', '/readyz', undefined, { at })).body.checks).toMatchObject({ database: 'failed' })
    postgres = await startEmbeddedPostgres({ directory, port })
    await expect.poll(async () => (await use()).status, { timeout: 5000, interval: 100 }).toBe(200)
  })
})
