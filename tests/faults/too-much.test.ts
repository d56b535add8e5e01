import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { generator } from '@littlebox/curve'
import { coordinates, type Output } from '@littlebox/pseudonym'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DirectCaller, directCaller, problemCode } from '../direct-caller.ts'
import { pointsMultiplied, residentMegabytes } from '../replica-metrics.ts'
import { openScene, type Scene } from '../scene.ts'

// §7, §13: too large, too slow, too much at once. Each has a bound and an answer, and costs the others nothing.

const working = 8
const domain = 'prescriptions_v1'
const path = `/pseudo/v1/domains/${domain}`
const item = { id: '1', ...coordinates(generator('P-521')) }
const batchOf = (size: number) => JSON.stringify({ inputs: Array.from({ length: size }, () => item) })

let scene: Scene
let caller: DirectCaller

beforeAll(async () => {
  scene = await openScene({ env: { LITTLEBOX_WORKING: String(working) } })
  await scene.createDomain({ domain, valueFormat: 'bytes' })
  caller = await directCaller(scene.care)
})

afterAll(() => scene?.close())

describe('too large', () => {
  it.each([
    ['a batch of 0', batchOf(0), 400, 'invalid-request'],
    ['a batch of 1,001', batchOf(1_001), 400, 'invalid-request'],
    ['what is no JSON', '{"inputs":[', 400, 'malformed-json'],
    ['10 MB', `"${'x'.repeat(10_000_000)}"`, 413, 'too-large'],
  ])('%s: a problem, and nothing is multiplied', async (_, body, status, code) => {
    const before = await pointsMultiplied(scene.stack.replicas)
    const answer = await caller.post(`${path}/pseudonymizeMultiple`, body)
    expect([answer.status, await problemCode(answer)]).toEqual([status, code])
    expect(await pointsMultiplied(scene.stack.replicas)).toBe(before)
  })

  it('10 MB in chunks of unannounced number: 413', async () => {
    const headers = await caller.headers('POST', `${path}/pseudonymizeMultiple`)
    const body = new ReadableStream({
      start(stream) {
        for (let i = 0; i < 100; i++) stream.enqueue(new Uint8Array(100_000).fill(0x20))
        stream.close()
      },
    })
    const chunked = {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      duplex: 'half',
    }
    const answer = await fetch(`${scene.stack.replicas[0]!.url}${path}/pseudonymizeMultiple`, chunked)
    expect([answer.status, await problemCode(answer)]).toEqual([413, 'too-large'])
  })

  it('a batch of 1,000 is none of that', async () => {
    expect((await caller.post(`${path}/pseudonymizeMultiple`, batchOf(1_000))).status).toBe(200)
  })
})

describe('too slow', () => {
  it('200 clients that never finish are cut off, and meanwhile everybody else is served', async () => {
    const begun = `POST ${path}/pseudonymize HTTP/1.1\r\nHost: service\r\n`
    const withBody = `${begun}content-type: application/json\r\ncontent-length: 1000\r\n\r\n`
    const began = performance.now()
    const headers = await Promise.all(Array.from({ length: 100 }, () => drip(`${begun}x-drip: `)))
    const bodies = await Promise.all(Array.from({ length: 100 }, () => drip(withBody)))
    const ends = Promise.all([...headers, ...bodies].map(({ ended }) => ended))
    let isOver = false
    void ends.then(() => {
      isOver = true
    })
    const times: number[] = []
    while (!isOver) {
      const start = performance.now()
      expect((await caller.post(`${path}/pseudonymize`, item)).status).toBe(200)
      times.push(performance.now() - start)
      await setTimeout(50)
    }
    const answers = await ends
    expect(answers.filter(text => text.startsWith('HTTP/1.1 408'))).toHaveLength(200)
    // Ten seconds for either, and two until it is noticed.
    expect(performance.now() - began).toBeLessThan(17_000)
    expect(times.length).toBeGreaterThan(20)
    expect(Math.max(...times)).toBeLessThan(2_000)
  })
})

describe('too much at once', () => {
  it(`four times ${working} requests under way: 503 at once or the right answer, memory flat, recovers`, async () => {
    const [replica] = scene.stack.replicas
    const body = batchOf(100)
    const refusals: number[] = []
    const answers: number[] = []
    const load = async (milliseconds: number) => {
      const until = performance.now() + milliseconds
      await Promise.all(
        Array.from({ length: 4 * working }, async () => {
          while (performance.now() < until) {
            const start = performance.now()
            const answer = await caller.post(`${path}/pseudonymizeMultiple`, body)
            const took = performance.now() - start
            if (answer.status === 503) {
              expect(answer.headers.get('retry-after')).toBe('1')
              expect(await problemCode(answer)).toBe('busy')
              refusals.push(took)
              await setTimeout(25)
            } else {
              const { outputs } = (await answer.json()) as { outputs: Output[] }
              expect([answer.status, outputs.length]).toEqual([200, 100])
              expect(outputs.every(({ inResponseTo, transitInfo }) => inResponseTo === '1' && transitInfo)).toBe(true)
              answers.push(took)
            }
          }
        }),
      )
    }
    // It settles within a few rounds; what was leaked for each request or refusal would grow in every one.
    const memory = [await residentMegabytes(replica!)]
    const isFlat = () => memory.length > 2 && memory.at(-1)! - memory.at(-3)! < 10
    for (let round = 0; round < 10 && !isFlat(); round++) {
      await load(2_500)
      memory.push(await residentMegabytes(replica!))
    }
    const megabytes = memory.map(Math.round).join(', ')
    console.info(`answered ${answers.length}, refused ${refusals.length}; ${megabytes} MB`)
    expect(isFlat(), megabytes).toBe(true)
    expect(Math.max(...memory)).toBeLessThan(400)
    expect(answers.length).toBeGreaterThan(20)
    expect(refusals.length).toBeGreaterThan(20)
    expect(median(refusals)).toBeLessThan(median(answers) / 2)

    const start = performance.now()
    expect((await caller.post(`${path}/pseudonymize`, item)).status).toBe(200)
    expect(performance.now() - start).toBeLessThan(1_000)
  })
})

interface Dripping {
  /** What was answered by the time the connection closed. */
  readonly ended: Promise<string>
}

/** Sends the beginning of a request, then a byte every half second. */
async function drip(beginning: string): Promise<Dripping> {
  const { hostname, port } = new URL(scene.stack.replicas[0]!.url)
  const socket: Socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(beginning)
  const timer = setInterval(() => socket.write('1'), 500)
  let answer = ''
  socket.setEncoding('utf8').on('data', text => {
    answer += text
    clearInterval(timer)
    socket.end()
  })
  socket.on('error', () => undefined)
  return {
    ended: once(socket, 'close').then(() => {
      clearInterval(timer)
      return answer
    }),
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}
