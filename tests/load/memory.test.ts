import type { DomainOwner, PseudonymService } from '@littlebox/pseudonym'
import { openOwner, openService } from '@littlebox/stack'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { residentMegabytes } from '../replica-metrics.ts'
import { openScene, type Scene } from '../scene.ts'

// §12: the service's memory is below 250 MB under load, and flat. (`./run bench service` looks at it for ten minutes.)

const domain = 'prescriptions_v1'
const seconds = 15

let scene: Scene
let service: PseudonymService
let owner: DomainOwner

beforeAll(async () => {
  scene = await openScene()
  await scene.createDomain({ domain, valueFormat: 'text' })
  service = await openService(scene.care, { batchSize: 100, concurrency: 4 })
  owner = await openOwner(scene.owner, domain)
})

afterAll(() => scene?.close())

it(`stays below 250 MB and flat under batches for ${seconds} s`, async () => {
  const [replica] = scene.stack.replicas
  const care = await service.domain(domain)
  const samples: number[] = []
  const end = performance.now() + seconds * 1_000
  let done = 0
  let last = ''
  for await (const { value, error } of care.pseudonymiseAll(peopleUntil(end), { of: person => person })) {
    expect(error).toBeUndefined()
    last = value!
    if (++done % 500 === 0) samples.push(await residentMegabytes(replica!))
  }
  const third = Math.floor(samples.length / 3)
  const growth = mean(samples.slice(-third)) - mean(samples.slice(third, -third))
  const highest = Math.round(Math.max(...samples))
  console.info(`${done} pseudonymised; at most ${highest} MB, ${Math.round(growth)} MB more in the last third`)
  expect(samples.length).toBeGreaterThan(8)
  expect(highest).toBeLessThan(250)
  expect(growth).toBeLessThan(15)
  // What it did under load is right.
  const again = await care.pseudonymise(`person ${done - 1}`)
  expect(await owner.atRest(last)).toBe(await owner.atRest(again))
})

function* peopleUntil(end: number): Generator<string> {
  for (let i = 0; performance.now() < end || i % 500 !== 0; i++) yield `person ${i}`
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}
