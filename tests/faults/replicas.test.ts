import type { DomainOwner, PseudonymService } from '@littlebox/pseudonym'
import { type Gateway, openOwner, openService, startGateway } from '@littlebox/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openScene, type Scene } from '../scene.ts'

// §10, §11: replicas are stateless. One of two is SIGKILLed under load; no call is lost and none is wrong.

const calls = 2_000
const domain = 'prescriptions_v1'
const people = Array.from({ length: 100 }, (_, i) => Buffer.from(`person ${i}`))

let scene: Scene
let owner: DomainOwner
/** Addresses of the first and the second replica, as a client with two base URLs knows them. */
let addresses: readonly Gateway[]
let atRest: readonly string[]

beforeAll(async () => {
  addresses = [await startGateway(), await startGateway()]
  scene = await openScene({ replicas: 0, publicUrls: addresses.map(({ url }) => url) })
  await twoReplicas()
  await scene.createDomain({ domain, crv: 'P-256', valueFormat: 'bytes' })
  owner = await openOwner(scene.owner, domain)
  const care = await (await openService(scene.care)).domain(domain)
  atRest = await Promise.all(people.map(async person => owner.atRest(await care.pseudonymise(person))))
  expect(new Set(atRest).size).toBe(people.length)
})

afterAll(async () => {
  await scene?.close()
  await Promise.all(addresses.map(address => address.close()))
})

it('behind a balancer that goes on sending to the dead one', async () => {
  const service = await openService(scene.care, { url: scene.stack.url })
  await callWhileOneDies(service)
  expect(scene.stack.gateway.targets).toHaveLength(2)
})

describe('with both base URLs in the SDK', () => {
  it('when the preferred one dies', async () => {
    await Promise.all(scene.stack.replicas.map(replica => replica.kill()))
    await twoReplicas()
    await callWhileOneDies(await openService(scene.care, { url: addresses.map(({ url }) => url) }))
  })

  it('when nobody is left, the call ends with `service-away`', async () => {
    await Promise.all(scene.stack.replicas.map(replica => replica.kill()))
    const service = await openService(scene.care, { url: addresses.map(({ url }) => url), deadline: 500 })
    await expect(service.domain(domain)).rejects.toThrow(expect.objectContaining({ code: 'service-away' }))
  })
})

/** 16 callers, each one call after the other, single and gathered; the first replica is killed in the midst of it. */
async function callWhileOneDies(service: PseudonymService): Promise<void> {
  const care = await service.domain(domain)
  const [first] = scene.stack.replicas.slice(-2)
  let [made, killedAt] = [0, 0]
  const results: string[] = []
  const caller = async () => {
    while (made < calls) {
      const call = made++
      if (call === calls / 4) void first!.kill().then(() => (killedAt = made))
      const transit = await care.pseudonymise(people[call % people.length]!)
      results[call] = await owner.atRest(transit)
    }
  }
  await Promise.all(Array.from({ length: 16 }, caller))
  expect(killedAt).toBeGreaterThan(0)
  expect(killedAt).toBeLessThan(calls)
  expect(results).toEqual(Array.from({ length: calls }, (_, call) => atRest[call % people.length]))
}

async function twoReplicas(): Promise<void> {
  const both = [await scene.startReplica(), await scene.startReplica()]
  const urls = both.map(({ url }) => url)
  scene.stack.gateway.targets = urls
  addresses.forEach((address, i) => {
    address.targets = [urls[i]!]
  })
}
